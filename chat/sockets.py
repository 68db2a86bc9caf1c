"""
How long a socket lives, who runs its events, and how its client hears of an error, whatever the messages are about.
"""

import asyncio
import functools
import json
import logging

from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer

from chat.errors import Refused
from chat.layers import MailboxesFull

logger = logging.getLogger(__name__)

LEAVE_WITHIN = 2  # seconds: nobody waits longer for a layer that doesn't answer


async def send_nowhere(event):
    """Stand in for the socket of a connection that is over."""


class SocketConsumer(AsyncWebsocketConsumer):
    """
    Channels' AsyncWebsocketConsumer, plus leave(), which runs however the connection ends, and Refused.

    If connect() raises Refused, the socket is refused, and the log says why. If receive() raises it, the client gets
    {"error": the reason, "frame": which of its frames it is about, counted from 1}, and stays connected.
    """

    frames = 0  # from the client, so far

    async def __call__(self, scope, receive, send):
        """
        Live as long as the socket: one task handles its frames, one its mailbox, until the client goes or one fails.

        Channels' own __call__ starts a new task for each event, which is slow where hundreds are in a room.
        """
        self.scope, self.base_send = scope, send
        self.channel_layer = get_channel_layer()
        self.channel_name = await self.channel_layer.new_channel()
        self.one_at_a_time = asyncio.Lock()
        mailbox = functools.partial(self.channel_layer.receive, self.channel_name)
        readers = [asyncio.ensure_future(self.handle_all(source)) for source in (receive, mailbox)]
        try:
            await asyncio.gather(*readers)
        except StopConsumer:  # the client has gone, or was refused
            pass
        finally:
            self.base_send = send_nowhere
            # Cancel them until they end: before Python 3.12 asyncio.wait_for(), which redis-py uses, may miss it.
            while not all(reader.done() for reader in readers):
                for reader in readers:
                    reader.cancel()
                await asyncio.wait(readers, timeout=1)
            try:
                await asyncio.wait_for(self.leave(), LEAVE_WITHIN)
            except asyncio.TimeoutError:
                pass

    async def handle_all(self, source):
        """Handle each event that source(), the socket's or the mailbox's, returns: never two at the same time."""
        while True:
            event = await source()
            async with self.one_at_a_time:
                await self.dispatch(event)

    async def dispatch(self, event):
        """
        Call the method that the event's type names.

        Channels' own dispatch() first looks for database connections to close, in a thread. Nothing here opens one.
        """
        handler = getattr(self, get_handler_name(event), None)
        if handler is None:
            raise ValueError(f"No handler for message type {event['type']}")
        await handler(event)

    async def websocket_connect(self, event):
        try:
            await super().websocket_connect(event)
        except Refused as refused:
            logger.warning("Refused the socket %r: %s", self.scope["path"], refused)
            await self.close()
            raise StopConsumer from None  # no event can come any more

    async def websocket_receive(self, event):
        self.frames += 1
        try:
            await super().websocket_receive(event)
        except Refused as refused:
            if isinstance(refused, MailboxesFull):
                self.channel_layer.lost.note(self.scope["path"], refused.number)
            await self.send(json.dumps({"error": str(refused), "frame": self.frames}))

    async def leave(self):
        """
        Undo what connect() did, as far as it got. Subclasses override this; it runs once, after everything else.

        disconnect() is not enough: Channels calls it when the client leaves, but not when a handler raises or
        the server stops. And a channel that stays in its group gets messages that nobody reads.
        """
