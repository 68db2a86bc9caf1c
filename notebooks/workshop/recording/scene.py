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

from workshop.recording.recording import NAME, PATIENCE, Recording


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
        Return the Person with this name once they are in the room. Whose connection has ended may join again.

        With accepted=False don't wait until the consumer accepts the socket: it may be stopped before it does.
        """
        person = Person(name, self.recording, self.application, room)
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

    def __init__(self, name, recording, application, room):
        self.name, self._recording, self._lost = name, recording, False
        headers = [(b"host", b"localhost"), (b"origin", b"http://localhost"), (NAME, quote(name).encode())]
        self.socket = WebsocketCommunicator(application, f"/ws/chat/{quote(room, safe='')}/", headers)

    async def connect(self, accepted):
        await self.socket.send_input({"type": "websocket.connect"})
        if accepted:
            await self.socket.receive_output(PATIENCE)

    async def say(self, message, **more):
        """Send {"message": message}, and with say("hello", id="a-1") also the "id"."""
        await self.send(json.dumps({"message": message, **more}))

    async def send(self, frame):
        """Send one text frame as it is. After lose(), nobody gets it."""
        if self._lost:
            self._recording.note(self.name, f"{self.name}'s consumer", "lost frame", frame)
            return
        await self.socket.send_input({"type": "websocket.receive", "text": frame})

    async def hear(self):
        """Return the next frame, decoded, or "websocket.close". Raises TimeoutError after 5 s."""
        event = await self.socket.receive_output(PATIENCE)
        return json.loads(event["text"]) if event["type"] == "websocket.send" else event["type"]

    async def lose(self):
        """
        Lose the connection, without a close frame: from now on nothing reaches this person.

        The consumer is told, by websocket.disconnect with code 1006, once it has done what it is doing. end() waits for
        that, and then join() makes a new connection.
        """
        self._lost = True
        self._recording.cut_off(self.name)
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1006})

    async def leave(self):
        """Close the socket, and wait until the consumer has ended."""
        await self.socket.disconnect(timeout=PATIENCE)

    async def end(self):
        """Wait until the consumer has ended by itself. Return the name of the error that ended it, or None."""
        try:
            await self.socket.wait(timeout=PATIENCE)
        except Exception as error:
            return type(error).__name__
