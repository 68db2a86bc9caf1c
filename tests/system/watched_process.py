"""
Run a server, let the test that started it look into it, and hold back handlers when the test asks for it.

    python watched_process.py runserver 127.0.0.1:8000
    python watched_process.py uvicorn --port 8000

The test listens on the port in WATCH_PORT. Each line from it is a question, and the answer is a line of JSON. When that
connection closes, the test is over, and this process ends.
"""

import asyncio
import collections
import contextlib
import gc
import json
import os
import runpy
import socket
import sys
import threading
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path.cwd()))  # the copy of the project is there


def find(kind):
    """Return the only object of this type in this process."""
    (found,) = (thing for thing in gc.get_objects() if type(thing) is kind)
    return found


def find_running_loop():
    loops = (thing for thing in gc.get_objects() if issubclass(type(thing), asyncio.AbstractEventLoop))
    (running,) = (loop for loop in loops if loop.is_running())
    return running


class Watch:
    """The questions that a test can ask: each public method answers one."""

    def __init__(self):
        from chat.consumers import ChatConsumer

        self.consumer_class = ChatConsumer
        self.released = asyncio.Event()  # until then, handlers named by ?hold=… wait
        self.free = threading.Event()  # until then, the event loop stands still
        self.handled = collections.Counter()  # room: number of frames that its consumers have begun to handle
        self.record = None  # the rooms of the frames handled since block(), in order
        self.server = None
        self.loop = None
        self.servers_tasks = set()
        self._wrap("receive")
        self._wrap("chat_msg")

    def _wrap(self, name):
        handler = getattr(self.consumer_class, name)

        async def watched(consumer, *event, **frame):
            if name == "receive":
                room = consumer.scope["url_route"]["kwargs"]["room_name"]
                self.handled[room] += 1
                if self.record is not None:
                    self.record.append(room)
            if consumer.scope["query_string"] == f"hold={name}".encode():
                await self.released.wait()
            await handler(consumer, *event, **frame)

        setattr(self.consumer_class, name, watched)

    def _protocols(self):
        """Return {port of the client: connection} for all WebSocket connections of the server."""
        if "uvicorn.server" in sys.modules:
            from uvicorn.server import Server

            self.server = self.server or find(Server)
            found = self.server.server_state.connections
            return {protocol.client[1]: protocol for protocol in found if ".websockets." in type(protocol).__module__}
        from daphne.server import Server
        from daphne.ws_protocol import WebSocketProtocol

        self.server = self.server or find(Server)
        found = self.server.connections
        return {protocol.client_addr[1]: protocol for protocol in found if type(protocol) is WebSocketProtocol}

    async def settle(self):
        """Remember the tasks that exist now as the server's own."""
        self.servers_tasks = asyncio.all_tasks() - {asyncio.current_task()}

    async def begin(self):
        """Prepare for the next test: hold handlers again, and count frames from 0."""
        self.released.clear()
        self.handled.clear()

    async def look(self):
        """Let daphne log now how connections have ended, instead of within a second."""
        self._protocols()  # sets self.server
        if hasattr(self.server, "application_checker"):
            with mock.patch("daphne.server.reactor"):  # or daphne would check twice a second from now on
                self.server.application_checker()

    async def left(self):
        """Return the numbers of everything that a client could leave behind."""
        from channels.layers import get_channel_layer

        await self.look()
        connections = len(self._protocols())
        gc.collect()
        layer = get_channel_layer()
        return {
            "groups": len(layer.groups),
            "members": sum(map(len, layer.groups.values())),
            "mailboxes": len(layer.channels),
            "tasks": len(asyncio.all_tasks() - self.servers_tasks - {asyncio.current_task()}),
            "consumers": sum(type(thing) is self.consumer_class for thing in gc.get_objects()),
            "connections": connections,
            "losses to tell": len(layer.lost.counts),
        }

    async def mail(self):
        """Return how many events wait in all mailboxes."""
        from channels.layers import get_channel_layer

        return sum(mailbox.qsize() for mailbox in get_channel_layer().channels.values())

    def handled_in(self, room):
        """Return how many frames from this room have reached a consumer."""
        return self.handled[room]

    async def kept(self, port):
        """Return how many bytes the server keeps for the client on this port until the system accepts them."""
        transport = self._protocols()[port].transport
        if hasattr(transport, "get_write_buffer_size"):
            return transport.get_write_buffer_size()
        return len(transport.dataBuffer) - transport.offset + transport._tempDataLen

    async def connection(self, port):
        """Return the type of the Connection to the client on this port, its waiting(), and what kept() returns."""
        from tutorial.connections import Connection

        transport = self._protocols()[port].transport
        for thing in gc.get_objects():
            if issubclass(type(thing), Connection) and getattr(thing.abort, "__self__", None) is transport:
                return {"type": type(thing).__name__, "waiting": thing.waiting(), "kept": await self.kept(port)}
        return None

    async def taken_in(self, port):
        """Return how many events from the client on this port wait in the server for its consumer."""
        protocol = self._protocols()[port]
        return (protocol.queue if hasattr(protocol, "queue") else protocol.application_queue).qsize()

    async def wait_for_answers(self, seconds):
        """Set how many seconds daphne waits for the answer to a close frame. Return how many it was before."""
        self._protocols()  # sets self.server
        factory = self.server.ws_factory
        before, factory.closeHandshakeTimeout = factory.closeHandshakeTimeout, seconds
        return before

    async def recorded(self):
        """Return the rooms of the frames handled since block(), in order."""
        record, self.record = self.record, None
        return record

    async def release(self):
        """Let the held handlers continue."""
        self.released.set()

    def block(self):
        """Stop the event loop, as if the process were busy with something else."""
        blocked = threading.Event()

        def stand_still():
            self.record = []
            blocked.set()
            self.free.wait()

        self.free.clear()
        self.loop.call_soon_threadsafe(stand_still)
        blocked.wait()

    def unblock(self):
        self.free.set()

    def answer(self, connection):
        # When a test ends, in whatever way, it closes its side: then there is an OSError, or no more lines.
        with contextlib.suppress(OSError), connection, connection.makefile("rw", encoding="utf-8") as lines:
            for line in lines:
                self.loop = self.loop or find_running_loop()
                name, *arguments = json.loads(line)
                method = getattr(self, name)
                if asyncio.iscoroutinefunction(method):
                    found = asyncio.run_coroutine_threadsafe(method(*arguments), self.loop).result()
                else:
                    found = method(*arguments)
                print(json.dumps(found), file=lines, flush=True)
        os._exit(0)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")
    import django

    django.setup()
    connection = socket.create_connection(("127.0.0.1", int(os.environ["WATCH_PORT"])))
    threading.Thread(target=Watch().answer, args=(connection,), daemon=True).start()
    server, *arguments = sys.argv[1:]
    if server == "uvicorn":
        sys.argv = ["uvicorn", "tutorial.asgi:application", *arguments]
        runpy.run_module("uvicorn", run_name="__main__")
    else:
        sys.argv = ["manage.py", "runserver", "--noreload", *arguments]
        runpy.run_path("manage.py", run_name="__main__")
