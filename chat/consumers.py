import asyncio
import collections
import contextlib
import functools
import json
import logging

from autobahn.exception import Disconnected
from channels.consumer import get_handler_name
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from chat.rooms import find_problem, group_name
from tutorial.layers import MailboxesFull

MAX_LENGTH = 4_000  # characters in a message
EXPECTED = 'Expected a JSON object with the text to send, such as {"message": "hello"}.'

logger = logging.getLogger(__name__)


def parse_message(text_data):
    """
    Return the message that a frame carries.

    text_data is the frame's text, None for a binary frame. Raises ValueError, with a sentence for the
    person who sent the frame, if it isn't a message for the room.
    """
    if text_data is None:
        raise ValueError(f"This frame is binary. {EXPECTED}")
    try:
        frame = json.loads(text_data, parse_constant=refuse_constant)
    except (ValueError, RecursionError):  # RecursionError: brackets nested a thousand deep
        raise ValueError(f"This frame is not JSON that can be read. {EXPECTED}") from None
    if not isinstance(frame, dict):
        raise ValueError(f"This frame is JSON, but not an object. {EXPECTED}")
    if "message" not in frame:
        raise ValueError(f'This frame has no "message". {EXPECTED}')
    message = frame["message"]
    if not isinstance(message, str):
        raise ValueError(f'The "message" in this frame is not a string. {EXPECTED}')
    if not message.strip():
        raise ValueError("This message is blank. Write something, then send.")
    if len(message) > MAX_LENGTH:
        raise ValueError(f"This message has {len(message)} characters. Expected {MAX_LENGTH} at most.")
    try:
        message.encode()
    except UnicodeEncodeError:
        raise ValueError("This message holds half of a character (a lone surrogate). Expected Unicode text.") from None
    return message


def refuse_constant(name):
    """Python reads NaN and Infinity as numbers. JSON has neither, and a browser couldn't read them."""
    raise ValueError(name)


@functools.lru_cache(maxsize=1_000)
def make_frame(message):
    """Return the frame that carries a message. It is made once for all in the room."""
    return json.dumps({"message": message})


lost = collections.Counter()  # room: how many deliveries it has lost since the log last said so


def note_lost(room_name, number):
    """Count deliveries that a room has lost, and let the log tell the sum a second after the first of them."""
    if room_name not in lost:
        asyncio.get_running_loop().call_later(1, tell_lost, room_name)
    lost[room_name] += number


def tell_lost(room_name):
    logger.error("Deliveries lost in the room %r: %d. Mailboxes are full.", room_name, lost.pop(room_name))


class ChatConsumer(AsyncWebsocketConsumer):
    """One person's socket in one room. Channels makes a new consumer for each."""

    room_group_name = None  # until the consumer has joined its room

    async def __call__(self, scope, receive, send):
        """
        Live as long as the socket: one task handles its frames, one its mailbox, until disconnect() or an error.

        Channels' own __call__ starts a new task for each event. It would do the same for less than a full class.
        """
        self.scope, self.base_send = scope, send
        self.channel_layer = get_channel_layer()
        self.channel_name = await self.channel_layer.new_channel()
        self.one_at_a_time = asyncio.Lock()
        mailbox = functools.partial(self.channel_layer.receive, self.channel_name)
        readers = [asyncio.ensure_future(self.handle_all(source)) for source in (receive, mailbox)]
        try:
            await asyncio.gather(*readers)
        except StopConsumer:  # the client has gone
            pass
        except RedisError as error:
            if self.room_group_name is not None:  # else it was refused, and the log has said why
                logger.error("Ended the socket %r: the channel layer doesn't answer: %s", scope["path"], error)
                await self.close()
        finally:
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
            await self.leave()

    async def handle_all(self, source):
        """Handle each event that source(), the socket's or the mailbox's, returns: never two at the same time."""
        while True:
            event = await source()
            async with self.one_at_a_time:
                with contextlib.suppress(Disconnected):  # the client is leaving: its disconnect event comes next
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

    async def connect(self):
        self.room_name = self.scope["url_route"]["kwargs"]["room_name"]
        problem = find_problem(self.room_name)
        if problem:
            logger.warning("Refused the socket %r: %s", self.scope["path"], problem)
            await self.close()
            return
        self.room_group_name = group_name(self.room_name)
        # Join, then accept: once accepted a person may speak, and should hear what others say.
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        try:
            message = parse_message(text_data)
        except ValueError as error:
            await self.send(json.dumps({"error": str(error)}))
            return
        try:
            await self.channel_layer.group_send(self.room_group_name, {"type": "chat_msg", "message": message})
        except MailboxesFull as full:
            note_lost(self.room_name, full.number)
            missed = f"{full.number} of the {full.members} people here have missed this message"
            await self.send(json.dumps({"error": f"{missed}: they are too far behind. Say it again later."}))

    async def chat_msg(self, event):
        await self.send(make_frame(event["message"]))

    async def leave(self):
        """
        Leave the room, however the connection ended.

        disconnect() would be too little: Channels calls it when the client goes, not when a handler
        raised or the server stops, and a channel that stays in its group gets mail that nobody reads.
        """
        if self.room_group_name is None:
            return
        with contextlib.suppress(RedisError):  # away, and __call__ has said so
            await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
        # What is still on its way arrives first, then the mailbox goes: nobody reads it any more.
        await asyncio.sleep(0)
        getattr(self.channel_layer, "channels", {}).pop(self.channel_name, None)
