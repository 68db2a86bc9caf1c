"""
How fast a client may be: one that sends without a break waits for its turn, one that doesn't read is dropped.
"""

import asyncio
import logging

from autobahn.exception import Disconnected

from tutorial.connections import find_connection

logger = logging.getLogger(__name__)

MAY_WAIT = 3 * 1024 * 1024  # bytes that may wait in the server for one client. Short frames take four times the memory
MOMENT = 0.01  # seconds for the server to write, and the client to read, when more than that waits
TOO_SLOW = 4013  # our close code: 4000 to 4999 are for applications, and 1013 means "try again later"
LAST_WORDS = 1  # seconds for the close frame to get through, before the connection is cut


class Backpressure:
    """
    Take in a client's next frames only when its last ones are handled. Drop a client that doesn't read.

    daphne takes in whatever a client sends, and keeps whatever the client doesn't read: one client could fill the
    memory. Here, what the server hasn't read waits on the client's side (TCP sees to that), and what waits for the
    client is measured.
    """

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        connection = find_connection(send, 2 * MAY_WAIT)
        let_go = False

        async def receive_in_turn():
            connection.resume_reading()
            event = await receive()
            if event["type"] == "websocket.receive":
                connection.pause_reading()
                await asyncio.sleep(0)  # now it is the others' turn
            return event

        async def send_if_it_reads(event):
            nonlocal let_go
            if let_go:
                return
            if connection.waiting() > MAY_WAIT:
                await asyncio.sleep(MOMENT)
                if connection.waiting() > MAY_WAIT:
                    logger.warning("Dropped the socket %r: its client doesn't read what is sent to it.", scope["path"])
                    let_go, event = True, {"type": "websocket.close", "code": TOO_SLOW}
                    asyncio.get_running_loop().call_later(LAST_WORDS, connection.abort)
            try:
                await send(event)
            except (Disconnected, OSError):  # the client is leaving: its disconnect event comes next
                pass

        try:
            await self.application(scope, receive_in_turn, send_if_it_reads)
        finally:
            connection.resume_reading()  # the client's answer to a close frame has to be read
