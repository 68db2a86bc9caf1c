"""
Daphne at its best: a chat that is nothing but an ASGI application.

JSON in, a loop over everyone on the same path, JSON out: no Channels, no checks, no mailboxes.
`python -m daphne bare_daphne:application` serves it.
"""

import collections
import json

from autobahn.exception import Disconnected

rooms = collections.defaultdict(set)  # path: the `send` of each client there


async def application(scope, receive, send):
    room = rooms[scope["path"]]
    await receive()  # websocket.connect
    room.add(send)
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] != "websocket.disconnect":
        message = json.loads(event["text"])["message"]
        frame = {"type": "websocket.send", "text": json.dumps({"message": message})}
        for send_to in list(room):  # a copy, since someone may come or go meanwhile
            try:
                await send_to(frame)
            except Disconnected:  # this one is leaving: the others still want to hear it
                pass
    room.discard(send)
