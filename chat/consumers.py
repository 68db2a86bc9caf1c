import asyncio
import contextlib
import json
import logging

from channels.generic.websocket import AsyncWebsocketConsumer
from redis.exceptions import RedisError

from chat.rooms import find_problem, group_name

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


class ChatConsumer(AsyncWebsocketConsumer):
    """One person's socket in one room. Channels makes a new consumer for each."""

    room_group_name = None  # until the consumer has joined its room

    async def __call__(self, scope, receive, send):
        try:
            await super().__call__(scope, receive, send)
        except RedisError as error:
            if self.room_group_name is not None:  # else it was refused, and the log has said why
                logger.error("Ended the socket %r: the channel layer doesn't answer: %s", scope["path"], error)
                await self.close()
        finally:
            await self.leave()

    async def connect(self):
        room_name = self.scope["url_route"]["kwargs"]["room_name"]
        problem = find_problem(room_name)
        if problem:
            logger.warning("Refused the socket %r: %s", self.scope["path"], problem)
            await self.close()
            return
        self.room_group_name = group_name(room_name)
        # Join, then accept: once accepted a person may speak, and should hear what others say.
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        try:
            message = parse_message(text_data)
        except ValueError as error:
            await self.send(json.dumps({"error": str(error)}))
        else:
            await self.channel_layer.group_send(self.room_group_name, {"type": "chat_msg", "message": message})

    async def chat_msg(self, event):
        await self.send(json.dumps({"message": event["message"]}))

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
