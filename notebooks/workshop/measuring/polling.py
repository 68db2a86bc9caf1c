"""
One conversation, delivered by polling and on a WebSocket, and a relay that keeps every byte of both.

The room and what is said in it come first, then a server and a client for each way, then the relay between them.
"""

import asyncio
import json
import re
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial

import websockets

from workshop.errors import WorkshopError
from workshop.recording import Recording

SCHEDULE = [0.13, 0.25, 0.60, 0.70, 0.95, 1.00, 1.31, 1.54, 1.83, 1.90]  # seconds after the start
END = b"\r\n\r\n"  # ends the head of a request or of an answer


class Room:
    """Where the conversation takes place: its `messages` so far, and the `moments` when each of them was said."""

    def __init__(self):
        self.messages = []
        self.moments = []
        self._said = [asyncio.Event() for _ in SCHEDULE]

    async def talk(self):
        """Say each message at its moment."""
        start = time.perf_counter()
        for moment, said in zip(SCHEDULE, self._said, strict=True):
            await asyncio.sleep(start + moment - time.perf_counter())
            self.messages.append(f"message {len(self.messages) + 1}")
            self.moments.append(time.perf_counter())
            said.set()

    async def until_said(self, number):
        """Wait until the message with this number has been said. The first message has the number 0."""
        await self._said[number].wait()


# Polling


async def news(room, after):
    """Return the messages that a client doesn't have yet: all but the first `after`."""
    return room.messages[after:]


async def serve_requests(room, find_news):
    """Start a server that answers each request with what find_news(room, after) returns, and return it."""

    async def answer(reader, writer):
        with closing(writer):
            while request := await reader.readline():
                while await reader.readline() != b"\r\n":  # the other lines of the request, up to an empty one
                    pass
                after = int(re.search(rb"after=(\d+)", request)[1])
                body = json.dumps(await find_news(room, after))
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(f"{head}{body}".encode())

    return await asyncio.start_server(answer, "127.0.0.1", 0)


async def poll(port, interval):
    """Ask, sleep, and ask again, until every message is there. Return (message, moment when it arrived) for each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = []
    with closing(writer):
        while True:
            request = (
                f"GET /messages?after={len(heard)} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
            )
            writer.write(request.encode())
            head = await reader.readuntil(END)
            body = await reader.readexactly(_length(head))
            heard += [(message, time.perf_counter()) for message in json.loads(body)]
            if len(heard) >= len(SCHEDULE):
                return heard
            await asyncio.sleep(interval)


def _length(head):
    """Return how many bytes follow this head of an answer."""
    length = re.search(rb"Content-Length: (\d+)", head)
    return int(length[1]) if length else 0


# One socket. The library could compress its frames: without that, they can be read.


async def serve_socket(room):
    """Start a server that sends each message as soon as it is said, and return it."""

    async def push(socket):
        for number in range(len(SCHEDULE)):
            await room.until_said(number)
            await socket.send(json.dumps(room.messages[number]))

    return await websockets.serve(push, "127.0.0.1", 0, compression=None, server_header=None)


async def listen(port):
    """Listen until the server closes the socket. Return (message, moment when it arrived) for each."""
    address = f"ws://127.0.0.1:{port}/"
    async with websockets.connect(address, compression=None, user_agent_header=None, proxy=None) as socket:
        return [(json.loads(frame), time.perf_counter()) async for frame in socket]


# Measuring


async def measure_polling(interval, find_news=news):
    """
    Let a client ask every `interval` seconds. Return what was Overheard.

    find_news(room, after) is a coroutine function: what it returns is the server's answer to a client that has the
    first `after` messages. Raises WorkshopError if the server fails, or if the client doesn't get each message once.
    """
    name = f"asking every {interval} s" if interval else "asking again at once"
    return await overhear(name, partial(serve_requests, find_news=find_news), partial(poll, interval=interval))


async def measure_socket():
    """Let a client listen on a WebSocket. Return what was Overheard."""
    return await overhear("one socket", serve_socket, listen)


async def overhear(name, serve, client):
    """Hold the conversation between a server and a client, with a relay between them. Return what was Overheard."""
    room, sent, came, passed = Room(), bytearray(), bytearray(), []

    async def relay(reader, writer):
        from_server, to_server = await asyncio.open_connection("127.0.0.1", _port(server))
        there = _pass_on(reader, to_server, sent, passed, "client")
        back = _pass_on(from_server, writer, came, passed, "server")
        await asyncio.gather(there, back)

    async with await serve(room) as server, await asyncio.start_server(relay, "127.0.0.1", 0) as entrance:
        start, conversation = time.perf_counter(), asyncio.create_task(room.talk())
        try:
            heard = await client(_port(entrance))
            await conversation
        except asyncio.IncompleteReadError:
            raise WorkshopError("The server failed while it answered a request: its error stands above.") from None
        finally:
            conversation.cancel()
    messages = [message for message, _ in heard]
    if messages != room.messages:
        raise WorkshopError(
            f"The client has to hear each message once, in order. It heard {', '.join(map(str, messages))}."
        )
    delays = [heard_at - said_at for (_, heard_at), said_at in zip(heard, room.moments, strict=True)]
    return Overheard(name, bytes(sent), bytes(came), delays, [moment - start for moment in room.moments], passed)


def _port(server):
    return server.sockets[0].getsockname()[1]


async def _pass_on(reader, writer, seen, passed, who):
    with closing(writer), suppress(ConnectionError):
        while data := await reader.read(65536):
            seen += data
            passed.append((who, data))
            writer.write(data)


@dataclass
class Overheard:
    """A conversation, as the relay between client and server saw it."""

    name: str
    sent: bytes  # everything that the client sent
    came: bytes  # everything that the server sent
    delays: list  # for each message, the seconds from when it was said to when the client had it
    moments: list  # when each message was said, in seconds from the start of the conversation
    passed: list  # who sent what, in order

    @property
    def requests(self):
        """How many requests the client sent."""
        return self.sent.count(b"GET /")

    @property
    def size(self):
        """How many bytes were sent, in both directions."""
        return len(self.sent) + len(self.came)

    @property
    def on_a_socket(self):
        """Whether the client asked for a WebSocket."""
        return b"\r\nUpgrade: websocket\r\n" in self.sent

    def first_exchange(self):
        """Return the first request and its answer, as bytes. On a socket they are the handshake."""
        request, head = self.sent.partition(END)[0] + END, self.came.partition(END)[0] + END
        return request, self.came[: len(head) + _length(head)]

    def first_frame(self):
        """Return the bytes of the first frame that the server sent on a socket. It is a short one."""
        frames = self.came.partition(END)[2]
        return frames[: 2 + frames[1]]

    def arrows(self, most=8):
        """Return a Recording of who sent what to whom: `most` of it, from the beginning."""
        recording = Recording()
        for who, data in self.passed[:most]:
            words = data.split(b"\r\n")[0].decode() if data.startswith((b"GET", b"HTTP")) else "frame"
            recording.note(who, "server" if who == "client" else "client", words, f"{len(data)} bytes")
        return recording

    def __repr__(self):
        return f"<{self.name}: {self.requests} requests, {self.size} bytes>"
