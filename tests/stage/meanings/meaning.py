"""What an error means."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What an error means in this project: a sentence, and if known what is asked, the file to open and its line."""

    seen: str
    asked: str | None = None
    file: str | None = None
    line: int | None = None


def find_first(looks, *what):
    """Return the Meaning that the first of these looks finds, or None. A look returns a Meaning or None."""
    return next(filter(None, (look(*what) for look in looks)), None)
