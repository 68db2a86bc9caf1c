"""
What a message may be, and the frames that carry one: from a client to the server, and back.
"""

import functools
import json

from chat.errors import Refused
from chat.invisible import is_blank

MAX_LENGTH = 4_000  # characters in a message
EXPECTED = 'Expected a JSON object with the text to send, such as {"message": "hello"}.'


def parse_message(text_data):
    """
    Return the message in a frame from a client.

    text_data is the frame's text, None for a binary frame. Raises Refused if it isn't a message for the room.
    """
    if text_data is None:
        raise Refused(f"This frame is binary. {EXPECTED}")
    try:
        frame = json.loads(text_data, parse_constant=refuse_constant)
    except (ValueError, RecursionError):  # RecursionError: brackets nested a thousand deep
        raise Refused(f"This frame is not JSON that can be read. {EXPECTED}") from None
    if not isinstance(frame, dict):
        raise Refused(f"This frame is JSON, but not an object. {EXPECTED}")
    if "message" not in frame:
        raise Refused(f'This frame has no "message". {EXPECTED}')
    message = frame["message"]
    if not isinstance(message, str):
        raise Refused(f'The "message" in this frame is not a string. {EXPECTED}')
    if is_blank(message):
        raise Refused("This message is blank. Write something, then send.")
    if len(message) > MAX_LENGTH:
        raise Refused(f"This message has {len(message)} characters. Expected {MAX_LENGTH} at most.")
    try:
        message.encode()
    except UnicodeEncodeError:
        raise Refused("This message holds half of a character (a lone surrogate). Expected Unicode text.") from None
    return message


def refuse_constant(name):
    """Python reads NaN and Infinity as numbers. JSON has neither, so a frame with one of them is not JSON."""
    raise ValueError(name)


@functools.lru_cache(maxsize=32)  # everyone gets the same messages; to keep more than 32 would only take memory
def make_frame(message):
    """Return the frame that carries a message to the clients."""
    return json.dumps({"message": message})
