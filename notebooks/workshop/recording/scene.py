"""
A scene: people in rooms, without a server, and the recording of what they do.

It is for cells with %%in_project, which run in a fresh process of the student's project.
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

    The project's root application is used, or, with `consumer`, that consumer class alone, without a route.
    `layer` is the channel layer, by default one as the project's settings describe it.
    """

    def __init__(self, *names, consumer=None, layer=None):
        channel_layers.set("default", layer or channel_layers.make_backend("default"))
        application = get_default_application() if consumer is None else alone(consumer)
        self.recording = Recording(*names)
        self.application = self.recording.start(application)

    async def join(self, name, room="lobby", accepted=True):
        """
        Return the person of this name, once they are in the room. People join in the order of the scene's names.

        With accepted=False don't wait for the consumer to accept: it may be stopped before it does.
        """
        person = Person(name, self.application, room)
        await person.connect(accepted)
        return person

    def xray(self):
        """Return what is in the channel layer now."""
        return self.recording.xray()

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.recording._repr_mimebundle_()


def alone(consumer):
    """Return an application that leads every room to this consumer, for when there is no route yet."""
    return URLRouter([path("ws/chat/<str:room_name>/", consumer.as_asgi())])


class Person:
    """Somebody with a socket to the application: Channels' communicator plays the server."""

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
        """Return the next frame, decoded."""
        event = await self.socket.receive_output(PATIENCE)
        return json.loads(event["text"]) if event["type"] == "websocket.send" else event["type"]

    async def leave(self):
        """Close the socket, and wait until the consumer has ended."""
        await self.socket.disconnect(timeout=PATIENCE)

    async def end(self):
        """Wait until the consumer has ended by itself. Return the name of the error that it died of, if it did."""
        try:
            await self.socket.wait(timeout=PATIENCE)
        except Exception as error:
            return type(error).__name__
