"""What is different about a frame: two things that differ are never shown alike."""

import json

from stage.code import closest, shorten


def compare(frame, wanted):
    """
    Return a sentence about how a decoded frame differs from the one that was wanted: {"message": "hello"}.

    It ends the sentence "Alice got …". Raises nothing: a frame may be any JSON.
    """
    (key, value), *_ = wanted.items()
    shown = json.dumps(frame, ensure_ascii=False)
    shown = shown if len(shown) <= 120 else f"{shown[:118]}…"
    if isinstance(frame, str):
        again = _read(frame)
        what = "JSON inside JSON: it was encoded twice" if again is not None else "a bare text"
        return f"{shown}, a JSON string and no object ({what})."
    if not isinstance(frame, dict):
        return f"{shown}, which is a {type(frame).__name__} and no object."
    if key not in frame:
        alike = closest(key, frame, cutoff=0.5)
        return f"{shown}, which has no key {key!r}" + (f", but {alike!r}." if alike else ".")
    if frame[key] != value:
        if isinstance(value, str) and not isinstance(frame[key], str):
            return f"{shown}: its {key} is {shorten(frame[key])}, of type {type(frame[key]).__name__}, and no text."
        inner = _read(frame[key]) if isinstance(frame[key], str) else None
        if isinstance(inner, dict):
            return f"{shown}: its {key} is the whole frame once more, as JSON."
        if isinstance(inner, str) and inner == value:
            return f"{shown}: its {key} was encoded as JSON once more, quotation marks and all."
        return f"{shown}: its {key} is {shorten(frame[key])}."
    more = [name for name in frame if name not in wanted]
    return f"{shown}, which has more than asked: {', '.join(more)}." if more else f"{shown}."


def _read(text):
    """Return the JSON in a text, or None if it is none, or a mere number."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, (str, dict, list)) else None
