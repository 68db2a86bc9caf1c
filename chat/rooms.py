"""
What a room may be called, and which group its people are in: one rule for the page and the socket.
"""

import hashlib
import re
import unicodedata

from chat.errors import Refused
from chat.invisible import has_stray, is_blank

MAX_LENGTH = 94  # a group's name has at most 99 characters, and 5 of them are "chat_"

# What every channel layer accepts, on Redis too: https://channels.readthedocs.io/en/stable/topics/channel_layers.html
PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]+")

SPACES = re.compile("[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")


def clean_name(text):
    """
    Return the name of the room that a person means by this text. Raises Refused if no room can have it.

    Unicode has two ways to write é: as one character, and as an e followed by an accent. They look alike, so they
    mean one room, and its name has the one character (the form NFC, https://www.unicode.org/reports/tr15/). It is
    the same with spaces: any number of any kind is one space, and none at the ends.
    """
    name = unicodedata.normalize("NFC", SPACES.sub(" ", text)).strip(" ")
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

    A layer allows few characters in a group name, and people type anything. So a plain name follows "chat_" as
    it is, and any other name follows "chat-" as its SHA-256 digest. No two texts are known to share a digest, so
    no two rooms share a group.
    """
    if PLAIN_NAME.fullmatch(room_name):
        return f"chat_{room_name}"
    return f"chat-{hashlib.sha256(room_name.encode()).hexdigest()}"
