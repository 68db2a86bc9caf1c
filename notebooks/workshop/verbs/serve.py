"""Serve the workspace, and show its pages."""

from urllib.parse import quote

from workshop.drawing import Windows
from workshop.errors import WorkshopError
from workshop.lesson.files import WORKSPACE
from workshop.processes.server import start


def serve(port=None, record=None, **environment):
    """
    Serve notebooks/workspace/ with `manage.py runserver`, on a free port or on the one given.

    Returns a Server once it answers. With record=("Alice", "Bob") all that passes is recorded: these names are given
    to who connects, in that order, and the server's recording() returns it. Other keyword arguments are set in the
    server's environment: serve(REDIS_URL="redis://…"). It ends with stop(), with the next open_stage(), and with
    the notebook's kernel. Raises WorkshopError, with the server's own words, if it doesn't start.
    """
    if not (WORKSPACE / "manage.py").is_file():
        raise WorkshopError("There is no notebooks/workspace/manage.py to serve. Stage 1 makes it.")
    return start(WORKSPACE, port, record, **environment)


def windows(server, *rooms):
    """Return live windows on these rooms of a server, side by side: windows(server, "lobby", "lobby")."""
    return Windows([f"{server.url}chat/{quote(room, safe='')}/" for room in rooms])
