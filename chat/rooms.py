"""
What a room may be called, and which group its people are in: one rule for the page and the socket.
"""

import hashlib
import re
import unicodedata

MAX_LENGTH = 94  # "chat_" and 94 characters are the longest group name that a channel layer takes

# What every channel layer takes, on Redis too: https://channels.readthedocs.io/en/stable/topics/channel_layers.html
PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def find_problem(room_name):
    """Return a sentence that says why no room can have this name, or None if one can."""
    if not room_name.strip():
        return "A room needs a name of at least one visible character."
    if len(room_name) > MAX_LENGTH:
        return f"This name has {len(room_name)} characters. A room's name has {MAX_LENGTH} at most."
    if "/" in room_name:
        return "A room's name can't hold a slash (/): in an address, what follows it would be another page."
    if room_name in (".", ".."):
        return "A room can't be called . or ..: in an address these mean “here” and “one level up”."
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in room_name):
        return "A room's name can't hold line breaks, tabs or other characters that can't be seen."
    return None


def group_name(room_name):
    """
    Return the name of the room's group.

    A layer takes few characters in a group name, people type any. So a plain name stands in it as it
    is, and any other as its SHA-256 digest. The first ends up behind "chat_", the second behind
    "chat-", and no two names share a digest, so no two rooms share a group.
    """
    if PLAIN_NAME.fullmatch(room_name):
        return f"chat_{room_name}"
    return f"chat-{hashlib.sha256(room_name.encode()).hexdigest()}"
