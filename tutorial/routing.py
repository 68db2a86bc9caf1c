"""
The root ASGI application: every connection enters here, HTTP and WebSocket alike.
"""

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import re_path

import chat.routing
from tutorial.backpressure import Backpressure
from tutorial.middleware import OptionalAuthMiddlewareStack, OriginCheck, no_such_socket
from tutorial.outages import OutageNotice

application = ProtocolTypeRouter(
    {
        "http": get_asgi_application(),
        "websocket": Backpressure(
            OutageNotice(
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
            )
        ),
    }
)
