"""A real WebSocket client, to talk to a server from a cell."""

import asyncio
import json
from urllib.parse import quote

import websockets

from workshop.errors import WorkshopError

PATIENCE = 2  # seconds to wait for a frame


class Member:
    """Somebody who has a socket to a real server."""

    def __init__(self, name, socket):
        self.name, self._socket = name, socket

    async def say(self, message):
        """Send {"message": message}. Raises WorkshopError if the socket is closed."""
        await self.send(json.dumps({"message": message}))

    async def send(self, frame):
        """Send one frame as it is: a str as text, bytes as binary. Raises WorkshopError if the socket is closed."""
        try:
            await self._socket.send(frame)
        except websockets.ConnectionClosed as closed:
            raise WorkshopError(f"{self.name}'s socket was closed {_describe(closed)}.") from None

    async def hear(self, seconds=PATIENCE):
        """Return the next frame, decoded from JSON if it is JSON. If none comes, return a str that says why."""
        try:
            frame = await asyncio.wait_for(self._socket.recv(), seconds)
        except asyncio.TimeoutError:
            return f"nothing within {seconds} s"
        except websockets.ConnectionClosed as closed:
            return f"nothing more: the socket was closed {_describe(closed)}"
        try:
            return json.loads(frame)
        except ValueError:
            return frame

    def stop_reading(self):
        """Stop reading what the server sends."""
        self._socket.transport.pause_reading()

    async def cut(self):
        """Drop the connection without a close frame, as when a computer goes to sleep. connect() makes a new one."""
        self._socket.transport.abort()
        await self._socket.wait_closed()

    async def leave(self):
        """Close the socket."""
        await self._socket.close()


def _describe(closed):
    if closed.rcvd:
        return f"with close code {closed.rcvd.code}"
    return "without a close frame, which a browser reports as 1006"


async def connect(server, room="lobby", name="Somebody", origin=None, path=None, visitor=None, token=None):
    """
    Open a socket to a room of a server, and return its Member.

    `origin` is the site that a browser would name in the handshake, by default the server's own. `path` is used instead
    of the room's address. `visitor` is somebody who visits the server's pages: their cookies are sent with the
    handshake. `token` is sent in the address. Raises WorkshopError if the server refuses the handshake or can't be
    reached.
    """
    path = path or f"/ws/chat/{quote(room, safe='')}/"
    path += f"?token={quote(token, safe='')}" if token else ""
    headers = {"workshop-name": quote(name)}  # so that a recording calls them by their name
    if visitor is not None and visitor.cookie_header():
        headers["cookie"] = visitor.cookie_header()
    try:
        socket = await websockets.connect(
            server.url.replace("http", "ws", 1).rstrip("/") + path,
            ssl=server.tls,
            origin=origin or server.url.rstrip("/"),
            additional_headers=headers,
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
