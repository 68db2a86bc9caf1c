"""Serve the workspace, and show its pages."""

from urllib.parse import quote

from workshop.drawing import Windows
from workshop.errors import NO_TABLES, WorkshopError
from workshop.lesson.files import WORKSPACE
from workshop.lesson.stages import BUILDS_ON
from workshop.processes.server import start
from workshop.verbs.opened import expect_open, opened


def serve(port=None, record=None, **environment):
    """
    Serve notebooks/workspace/ with `manage.py runserver`, on this port or on a free one.

    Returns a Server once it answers. With record=("Alice", "Bob") all traffic is recorded, and the server's recording()
    returns the Recording: whoever connect() gave a name keeps it, and all others get these names in the order in which
    they connect. Other keyword arguments become environment variables of the server: serve(REDIS_URL="redis://…"). The
    server ends with stop(), with the next open_stage(), or with the notebook's kernel. Raises WorkshopError if there is
    no project, if the port is in use, or, with the server's last lines, if it doesn't start.
    """
    if not (WORKSPACE / "manage.py").is_file():
        raise WorkshopError("There is no notebooks/workspace/manage.py to serve. Stage 1 makes it.")
    expect_open()
    server = start(WORKSPACE, port, record, **environment)
    if opened() in BUILDS_ON and "unapplied migration" in server.log():
        print(NO_TABLES)
    return server


def windows(server, *rooms):
    """Return live pages of these rooms, side by side: windows(server, "lobby", "lobby")."""
    return Windows([f"{server.url}chat/{quote(room, safe='')}/" for room in rooms])
