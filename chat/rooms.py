"""
What a room may be called, and which group its people are in: one rule for the page and the socket.
"""

import hashlib
import re
import unicodedata

from chat.characters import has_stray, is_blank
from chat.errors import Refused

MAX_LENGTH = 94  # "chat_" and 94 characters are the longest group name that a channel layer takes

# What every channel layer takes, on Redis too: https://channels.readthedocs.io/en/stable/topics/channel_layers.html
PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def clean_name(text):
    """
    Return the name of the room that a person means by this text. Raises Refused if no room can have it.

    Unicode has two ways to write é: as one character, and as an e with an accent behind it. They look alike, so
    they are one room, and its name is the first (the form NFC, https://www.unicode.org/reports/tr15/).
    """
    name = unicodedata.normalize("NFC", text)
    if is_blank(name):
        raise Refused("A room needs a name of at least one visible character.")
    if len(name) > MAX_LENGTH:
        raise Refused(f"This name has {len(name)} characters. A room's name has {MAX_LENGTH} at most.")
    if "/" in name:
        raise Refused("A room's name can't hold a slash (/): in an address, what follows it would be another page.")
    if name in (".", ".."):
        raise Refused("A room can't be called . or ..: in an address these mean “here” and “one level up”.")
    if has_stray(name):
        raise Refused("A room's name can't hold line breaks, tabs or other characters that can't be seen.")
    return name


def group_name(room_name):
    """
    Return the name of the group for a room, whose name clean_name() has returned.

    A layer takes few characters in a group name, people type any. So a plain name stands in it as it
    is, and any other as its SHA-256 digest. The first ends up behind "chat_", the second behind
    "chat-", and no two names share a digest, so no two rooms share a group.
    """
    if PLAIN_NAME.fullmatch(room_name):
        return f"chat_{room_name}"
    return f"chat-{hashlib.sha256(room_name.encode()).hexdigest()}"
