"""
A scene: people in rooms, without a server, and a recording of what they do.

It is for cells with %%in_project, which run in a fresh process with the student's project.
"""

import json
from urllib.parse import quote

from channels.layers import channel_layers
from channels.routing import URLRouter, get_default_application
from channels.testing import WebsocketCommunicator
from django.urls import path

from workshop.recording.recording import PATIENCE, Recording


class Scene:
    """
    People in rooms of your project, recorded.

    They connect to the project's root application or, with `consumer`, straight to that consumer class, which needs no
    route. `layer` is the channel layer, by default the one in the project's settings.
    """

    def __init__(self, *names, consumer=None, layer=None):
        channel_layers.set("default", layer or channel_layers.make_backend("default"))
        application = get_default_application() if consumer is None else alone(consumer)
        self.recording = Recording(*names)
        self.application = self.recording.start(application)

    async def join(self, name, room="lobby", accepted=True):
        """
        Return the Person with this name once they are in the room. People join in the order of the scene's names.

        With accepted=False don't wait until the consumer accepts the socket: it may be stopped before it does.
        """
        person = Person(name, self.application, room)
        await person.connect(accepted)
        return person

    def xray(self):
        """Return an Xray of the channel layer."""
        return self.recording.xray()

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.recording._repr_mimebundle_()


def alone(consumer):
    """Return an application that routes every room to this consumer, for projects that have no route yet."""
    return URLRouter([path("ws/chat/<str:room_name>/", consumer.as_asgi())])


class Person:
    """Somebody who has a socket to the application. Channels' communicator plays the server."""

    def __init__(self, name, application, room):
        self.name = name
        headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
        self.socket = WebsocketCommunicator(application, f"/ws/chat/{quote(room, safe='')}/", headers)

    async def connect(self, accepted):
        await self.socket.send_input({"type": "websocket.connect"})
        if accepted:
            await self.socket.receive_output(PATIENCE)

    async def say(self, message):
        """Send {"message": message}."""
        await self.send(json.dumps({"message": message}))

    async def send(self, frame):
        """Send one text frame as it is."""
        await self.socket.send_input({"type": "websocket.receive", "text": frame})

    async def hear(self):
        """Return the next frame, decoded, or "websocket.close". Raises TimeoutError after 5 s."""
        event = await self.socket.receive_output(PATIENCE)
        return json.loads(event["text"]) if event["type"] == "websocket.send" else event["type"]

    async def leave(self):
        """Close the socket, and wait until the consumer has ended."""
        await self.socket.disconnect(timeout=PATIENCE)

    async def end(self):
        """Wait until the consumer has ended by itself. Return the name of the error that ended it, or None."""
        try:
            await self.socket.wait(timeout=PATIENCE)
        except Exception as error:
            return type(error).__name__
