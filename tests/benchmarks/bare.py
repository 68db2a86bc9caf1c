"""
The limit: a server that sends each text frame to everyone on the same path, and does nothing else.

This is how fast Python can be in one process, without Django, Channels, checks and mailboxes:
`python tests/benchmarks/bare.py PORT`.
"""

import asyncio
import collections
import contextlib
import sys

from websockets.asyncio.server import broadcast, serve
from websockets.exceptions import ConnectionClosed

rooms = collections.defaultdict(set)


async def stay(connection):
    room = rooms[connection.request.path]
    room.add(connection)
    try:
        async for frame in connection:
            if isinstance(frame, str):
                broadcast(room, frame)
    except ConnectionClosed:  # the crowd leaves without a close frame
        pass
    finally:
        room.discard(connection)


async def main(port):
    async with serve(stay, "127.0.0.1", port, compression=None) as server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1])))
