"""A real WebSocket client, for talking to a server from a cell."""

import asyncio
import json
from urllib.parse import quote

import websockets

from workshop.errors import WorkshopError

PATIENCE = 2  # seconds to wait for a frame


class Member:
    """Somebody with a socket to a real server."""

    def __init__(self, name, socket):
        self.name, self._socket = name, socket

    async def say(self, message):
        """Send {"message": message}."""
        await self.send(json.dumps({"message": message}))

    async def send(self, frame):
        """Send one frame as it is: a str makes a text frame, bytes a binary one."""
        try:
            await self._socket.send(frame)
        except websockets.ConnectionClosed as closed:
            raise WorkshopError(f"{self.name}'s socket is closed: {_say(closed)}.") from None

    async def hear(self, seconds=PATIENCE):
        """Return the next frame, decoded; where none comes, or the socket is closed, words that say so."""
        try:
            frame = await asyncio.wait_for(self._socket.recv(), seconds)
        except asyncio.TimeoutError:
            return f"nothing within {seconds} s"
        except websockets.ConnectionClosed as closed:
            return f"nothing any more: the server has closed the socket, {_say(closed)}"
        try:
            return json.loads(frame)
        except ValueError:
            return frame

    def stop_reading(self):
        """Take in nothing more of what the server sends."""
        self._socket.transport.pause_reading()

    async def leave(self):
        """Close the socket."""
        await self._socket.close()


def _say(closed):
    return f"close code {closed.rcvd.code}" if closed.rcvd else "without a close frame, which a browser reports as 1006"


async def connect(server, room="lobby", name="Somebody", origin=None, path=None):
    """
    Open a socket to a room of a server, and return the Member that has it.

    `origin` is the site that a browser would name, by default the server's own; `path` replaces the room's
    address by any other. Raises WorkshopError if the server refuses the handshake.
    """
    path = path or f"/ws/chat/{quote(room, safe='')}/"
    try:
        socket = await websockets.connect(
            f"ws://127.0.0.1:{server.port}{path}",
            origin=origin or server.url.rstrip("/"),
            proxy=None,
            open_timeout=10,
        )
    except websockets.InvalidStatus as refused:
        response = refused.response
        raise WorkshopError(
            f"{name} was refused: HTTP {response.status_code} {response.reason_phrase}, instead of a socket."
        ) from None
    except (OSError, websockets.InvalidHandshake, asyncio.TimeoutError) as error:
        raise WorkshopError(f"{name} could not connect: {type(error).__name__}: {error}") from None
    return Member(name, socket)
