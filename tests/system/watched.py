"""
A server that tests can look into, and a client that writes and reads bytes: the tests of a full class need both.
"""

import contextlib
import json
import os
import socket
import struct
import sys
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
from running import Server
from waiting import until


class WatchedServer(Server):
    """
    A server from a copy of the project that runs in watched_process.py and answers its questions.

    `server` is "runserver", as in all other tests, or "uvicorn".
    """

    def __init__(self, folder, server="runserver", **environment):
        self.listener = socket.create_server(("127.0.0.1", 0))
        super().__init__(folder, WATCH_PORT=str(self.listener.getsockname()[1]), **environment)
        script = Path(__file__).parent / "watched_process.py"
        where = {"runserver": [f"127.0.0.1:{self.port}"], "uvicorn": ["--port", str(self.port)]}[server]
        self.command = [sys.executable, str(script), server, *where]
        self.lines = None
        self.clients = []

    def start(self):
        super().start()  # it answers on its port, so it has connected to ours
        with self.listener:
            connection, _ = self.listener.accept()
        connection.settimeout(60)
        with connection:
            self.lines = connection.makefile("rw", encoding="utf-8")
        self.ask("settle")
        return self

    def ask(self, question, *arguments):
        """Return the answer of the server's process to a question: see Watch in watched_process.py."""
        print(json.dumps([question, *arguments]), file=self.lines, flush=True)
        answer = self.lines.readline()
        if not answer:
            pytest.fail(f"The server has no answer to {question!r}. Its log:\n{self.whole_log()}")
        return json.loads(answer)

    def until_left(self, **numbers):
        """Wait until the server has exactly this many members, …, or nothing at all if no number is given."""
        expected = numbers or dict.fromkeys(self.ask("left"), 0)
        found = {}

        def is_so():
            found.update(self.ask("left"))
            return expected.items() <= found.items()

        with contextlib.suppress(pytest.fail.Exception):
            until(is_so, "nothing else is left")
        assert expected.items() <= found.items(), f"left in the server: {found}. Expected: {expected}"

    def stop(self):
        self.close_clients()
        self.listener.close()
        if self.lines is not None:
            with contextlib.suppress(OSError):  # the server has ended already
                self.lines.close()
        super().stop()

    def until_all_is_logged(self):
        self.ask("look")

    def join(self, room, **options):
        """Join this room as a page of this server would. Return the RawClient."""
        client = RawClient(self, room, **options)
        self.clients.append(client)
        return client

    def close_clients(self):
        """Close all clients that are still open."""
        for client in self.clients:
            client.socket.close()
        self.clients.clear()


def make_frame(payload, opcode=0x81):
    """Return the masked frame with this payload: by default a whole text frame."""
    length = len(payload)
    if length < 126:
        header = bytes([opcode, 0x80 | length])
    elif length < 1 << 16:
        header = bytes([opcode, 0x80 | 126]) + struct.pack(">H", length)
    else:
        header = bytes([opcode, 0x80 | 127]) + struct.pack(">Q", length)
    return header + bytes(4) + payload  # a masking key of zeros leaves each byte as it is


def make_message(text, **more):
    """Return the frame of a message with this text."""
    return make_frame(json.dumps({"message": text, **more}, ensure_ascii=False).encode())


CLOSE = make_frame(struct.pack(">H", 1000), 0x88)


class RawClient:
    """
    A socket in a room that is controlled byte by byte: where a segment ends, when to read, and how to leave.

    The members of the workshop's crowd can't do that: they read whatever comes, as soon as it comes.

    `query` is what follows ? in the address. `buffer`, in bytes, limits what the operating system keeps for the client.
    """

    def __init__(self, server, room, query="", buffer=None):
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", server.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]
        self.rest = bytearray()  # bytes that have come but were not read yet
        self.close_code = None  # the code in the server's close frame
        self.send(
            f"GET /ws/chat/{quote(room, safe='')}/{query and f'?{query}'} HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{server.port}\r\nOrigin: {server.url}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self.rest:
            self.rest += self._more()
        answer, _, self.rest = self.rest.partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer

    def _more(self):
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("The server has closed this socket.")
        return data

    def send(self, *frames):
        """Send these frames in one piece."""
        self.socket.sendall(b"".join(frames))

    def say(self, text):
        self.send(make_message(text))

    def hear(self):
        """Return the content of the next text frame, decoded."""
        while True:
            for frame in self._frames(1):
                return frame
            self.rest += self._more()

    def hear_messages(self, number):
        """Return the texts of the next messages. If one of the frames is an error, the test fails."""
        return [self.hear()["message"] for _ in range(number)]

    def hear_what_came(self):
        """Wait until something has come, and return the contents of all complete text frames."""
        self.rest += self._more()
        return list(self._frames())

    def _frames(self, number=None):
        """Take at most so many complete text frames, and yield their contents. Answer pings, as all clients do."""
        while number is None or number > 0:
            if len(self.rest) < 4:  # the chat sends no shorter frame
                return
            length, start = self.rest[1], 2
            if length == 126:
                length, start = struct.unpack_from(">H", self.rest, 2)[0], 4
            if len(self.rest) < start + length:
                return
            opcode, payload = self.rest[0], bytes(self.rest[start : start + length])
            del self.rest[: start + length]
            if opcode == 0x81:
                yield json.loads(payload)
                number = number and number - 1
            elif opcode == 0x89:
                self.send(make_frame(payload, 0x8A))
            elif opcode == 0x88:
                self.close_code = int.from_bytes(payload[:2], "big")  # 0 if it has none
                self.send(make_frame(payload, 0x88))
                raise ConnectionError(f"The server has closed this socket: {self.close_code}.")
            else:
                raise ConnectionError(f"The server has sent {bytes([opcode]) + payload!r}")

    def hear_the_rest(self):
        """Read until the server has closed this socket, and return the contents of its last text frames."""
        heard = []
        with contextlib.suppress(ConnectionError):
            while True:
                heard.append(self.hear())
        self.socket.close()
        return heard

    def until_closed(self):
        """Read until the server has closed this socket."""
        with contextlib.suppress(ConnectionError):
            while True:
                self.hear_what_came()
        self.socket.close()

    def vanish(self):
        """Break the connection off: the server gets a reset, and everything that it hasn't read is gone."""
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        )
        self.socket.close()
