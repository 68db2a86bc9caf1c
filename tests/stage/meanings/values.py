"""Meanings of errors about a value that isn't what the code takes it for."""

import re
import traceback

from stage.code import route_parts, shorten
from stage.meanings.meaning import Meaning


def a_key_is_missing(problem):
    """KeyError: the route's part that the consumer asks for, or the keys of the frame or event."""
    found = re.search(r"^KeyError: '(\w+)'", problem.what)
    if not found or not problem.place:
        return None
    name, code = found[1], problem.place[2]
    if "kwargs" in code or "url_route" in code:
        return _of_the_route(problem, name)
    if "environ[" in code:
        return Meaning(
            "os.environ[…] raises this error where the variable isn't set.",
            f'os.environ.get("{name}"), which gives None.',
        )
    if "event[" in code:
        return Meaning(
            f'The event has no "{name}". Its keys are those that receive() gives it.',
            "The same key where the event is sent and where it is read.",
        )
    if ("json.loads(" in code or "data" in code) and name != "message":
        return Meaning(f'The frame is {{"message": …}}: it has no "{name}".', 'The key "message".')
    return None


def _of_the_route(problem, name):
    """Return the Meaning of a key that self.scope["url_route"] or its "kwargs" doesn't have."""
    routes = problem.code.text("chat/routing.py")
    parts = route_parts(routes)
    if "kwargs" not in problem.place[2] and name not in ("url_route", "kwargs"):
        return Meaning('url_route holds "args" and "kwargs". The names are in "kwargs".', f'["kwargs"]["{name}"]')
    if name in ("url_route", "kwargs", *parts):
        return None
    if name != "room_name" and "room_name" in parts:
        return Meaning(f"The route's part is called room_name, and not {name}.", 'kwargs["room_name"]')
    if not routes:
        return None
    seen = f"No part of the route is called {name}, which is the name that the consumer asks for."
    if name == "room_name":
        return Meaning(seen, None, "chat/routing.py")
    return Meaning(seen, f"One name in both places: {name} or {' or '.join(parts) or 'room_name'}.")


def a_text_that_is_none(problem):
    """A TypeError in chat/invisible.py, which looks at a text's characters: it got something else."""
    text = ""
    for frame, _ in traceback.walk_tb(getattr(problem.error, "__traceback__", None)):
        if frame.f_code.co_filename.endswith("invisible.py"):
            text = frame.f_locals.get("text", text)
    callers = [place for place in problem.places if place[0] != "chat/invisible.py"]
    if isinstance(text, str) or not callers:
        return None
    return Meaning(
        f"A text was expected there, and {shorten(text)} came, of type {type(text).__name__}.",
        "First whether it is a string, then whether it is blank.",
        *callers[-1][:2],
    )
