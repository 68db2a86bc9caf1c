"""
What happens to a socket when the channel layer is on Redis, and Redis can't be reached.
"""

import logging

try:
    from redis.exceptions import RedisError
except ModuleNotFoundError:  # a chat without Redis needs none of its packages
    RedisError = ()  # `except ()` catches nothing

logger = logging.getLogger(__name__)


class OutageNotice:
    """Close the socket when the layer doesn't answer, with a line in the log in place of a traceback."""

    def __init__(self, application):
        self.application = application

    async def __call__(self, scope, receive, send):
        try:
            await self.application(scope, receive, send)
        except RedisError as error:
            logger.error("Ended the socket %r: the channel layer doesn't answer: %s", scope["path"], error)
            await send({"type": "websocket.close"})
