"""
What a WebSocket passes before it reaches the chat. Channels' own checks refuse in silence, or let an
old cookie end a handshake; these say what they refuse, and let everyone in who may chat.
"""

import asyncio
import functools
import logging
from urllib.parse import urlsplit

from channels.auth import AuthMiddleware
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import DatabaseError

logger = logging.getLogger(__name__)


class Backpressure:
    """
    Take in a client's next frames when its last are handled, and no sooner.

    daphne reads whatever a client sends, however far behind the consumer is. One client that sends without
    a break would then keep the whole process busy, and fill its memory. Left unread, the bytes wait at the
    client's side: TCP sees to that.
    """

    READ = 4096  # bytes at a time; by default it is 65,536, the frames of many milliseconds

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        # daphne's send() knows the connection's protocol. Other servers wait by themselves.
        protocol = send.args[0] if isinstance(send, functools.partial) else None
        transport = getattr(protocol, "transport", None)
        if transport:
            transport.bufferSize = self.READ

        async def receive_in_turn():
            if transport:
                transport.resumeProducing()
            event = await receive()
            if event["type"] == "websocket.receive":
                if transport:
                    transport.pauseProducing()
                await asyncio.sleep(0)  # now it is the others' turn
            return event

        try:
            await self.application(scope, receive_in_turn, send)
        finally:
            if transport:
                transport.resumeProducing()  # the client's answer to a close frame has to be read


class OriginCheck:
    """
    Let a socket in if the page that opens it comes from a host in ALLOWED_HOSTS.

    A browser names that page in the Origin header and no page can change it. Without this check any
    site that a person visits could open a socket here, with that person's cookies.
    """

    def __init__(self, application):
        self.application = application
        self.valid_origin = AllowedHostsOriginValidator(application).valid_origin

    async def __call__(self, scope, receive, send):
        origin = dict(scope["headers"]).get(b"origin", b"").decode("latin1")
        try:
            allowed = self.valid_origin(urlsplit(origin))
        except ValueError:  # not an address at all, such as http://[
            allowed = False
        if allowed:
            return await self.application(scope, receive, send)
        logger.warning(
            "Refused the socket %r: its origin is %s. If the page is yours, add its host to DJANGO_ALLOWED_HOSTS.",
            scope["path"],
            repr(origin) if origin else "missing (a browser always sends one)",
        )
        await send({"type": "websocket.close"})


class OptionalAuthMiddleware(AuthMiddleware):
    """Set scope["user"] from the session: AnonymousUser where there is no session, or none that can be read."""

    async def resolve_scope(self, scope):
        try:
            await super().resolve_scope(scope)
        except (DatabaseError, ValidationError) as error:  # no table yet, say: another project's cookie
            logger.warning("The session cookie of a socket could not be read, so its user is anonymous: %s", error)
            scope["user"]._wrapped = AnonymousUser()


def OptionalAuthMiddlewareStack(application):
    """Channels' AuthMiddlewareStack, with a user who may be anonymous for any reason."""
    return SessionMiddlewareStack(OptionalAuthMiddleware(application))


async def no_such_socket(scope, receive, send):
    """Refuse a socket whose path no route matches: the router alone would answer with a traceback."""
    logger.warning("Refused the socket %r: a room's is /ws/chat/<room name>/, slash included.", scope["path"])
    await send({"type": "websocket.close"})
