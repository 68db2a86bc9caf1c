"""
What a WebSocket passes through before it reaches the chat. Channels' own checks refuse silently, or let
an old cookie end a handshake. These log what they refuse, and let in everyone who may chat.
"""

import logging
from urllib.parse import urlsplit

from channels.auth import AuthMiddleware
from channels.security.websocket import AllowedHostsOriginValidator
from channels.sessions import SessionMiddlewareStack
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import DatabaseError

logger = logging.getLogger(__name__)


class OriginCheck:
    """
    Let a socket in if the page that opens it comes from a host in ALLOWED_HOSTS.

    A browser names that page in the Origin header, which no page can change. Without this check, any
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
        except (DatabaseError, ValidationError) as error:  # another project's cookie, say, and no table yet
            logger.warning("The session cookie of a socket could not be read, so its user is anonymous: %s", error)
            scope["user"]._wrapped = AnonymousUser()


def OptionalAuthMiddlewareStack(application):
    """
    Channels' AuthMiddlewareStack, with a user who may be anonymous for any reason.

    The chat asks nobody who they are. The stack is here because the document has it, and for whoever builds on it.
    """

    async def stack(scope, receive, send):
        async def past_the_session(scope, receive, _):
            # Channels would look at each frame on its way out, in case the session has changed. Nothing here does that.
            await application(scope, receive, send)

        await SessionMiddlewareStack(OptionalAuthMiddleware(past_the_session))(scope, receive, send)

    return stack


async def no_such_socket(scope, receive, send):
    """Refuse a socket whose path no route matches: the router alone would answer with a traceback."""
    logger.warning("Refused the socket %r: a room's is /ws/chat/<room name>/, slash included.", scope["path"])
    await send({"type": "websocket.close"})
