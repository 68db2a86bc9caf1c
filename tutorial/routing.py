"""
The root ASGI application: every connection enters here, HTTP and WebSocket alike.
"""

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

import chat.routing
from tutorial.middleware import Backpressure, OptionalAuthMiddlewareStack, OriginCheck, no_such_socket

application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": Backpressure(
            OriginCheck(
                OptionalAuthMiddlewareStack(
                    URLRouter(
                        [
                            *chat.routing.websocket_urlpatterns,
                            re_path("", no_such_socket),  # last: it matches any path
                        ]
                    )
                )
            )
        ),
    }
)
