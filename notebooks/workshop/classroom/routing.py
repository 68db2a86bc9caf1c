"""The root ASGI application of the class's own site."""

import logging

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.core.asgi import get_asgi_application
from django.urls import path, re_path

from workshop.classroom.consumers import BoardConsumer, ReportConsumer
from workshop.classroom.wall import WallConsumer

logger = logging.getLogger(__name__)


async def no_such_socket(scope, receive, send):
    """Refuse a socket whose address nobody was given."""
    logger.warning("Refused a socket: this site has none at the address that was asked for.")
    await send({"type": "websocket.close"})


def make_application(site):
    """Return the application. Which sockets there are depends on the port: the reports' one has no other."""
    nothing = re_path("", no_such_socket)
    wall = path(f"{site.key}/ws/wall/", WallConsumer.as_asgi())
    board = path(f"{site.key}/ws/board/", BoardConsumer.as_asgi())
    reports = path(f"{site.code}/", ReportConsumer.as_asgi())
    # A page from anywhere else may not open the wall. Those who report are no browsers, and have no origin.
    teachers = AllowedHostsOriginValidator(URLRouter([wall, board, nothing] if site.code else [wall, nothing]))
    students = URLRouter([reports, nothing])

    async def sockets(scope, receive, send):
        here = teachers if scope["server"][1] == site.own_port.number else students
        await here(scope, receive, send)

    return ProtocolTypeRouter({"http": get_asgi_application(), "websocket": sockets})
