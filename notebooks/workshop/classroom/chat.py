"""The chat's process, seen from the class's own site: what it tells, and what it is told."""

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from channels.layers import get_channel_layer

from workshop.classroom.film import Film
from workshop.classroom.kept import name_of
from workshop.classroom.levers import LEVERS
from workshop.errors import WorkshopError
from workshop.processes import server
from workshop.processes.program import GUARD

LONGEST = 2**22  # bytes of a snapshot
RUDE = Path(__file__).with_name("rude.py")
LAST_WORDS = 2  # seconds for the walls to hear that the class is over
NAMES = {"flood": "The flooder", "deaf": "The one who never reads"}
NEXT_DOOR = "next door"  # the room in which they are: nobody's page has to show what they say


class Chat:
    """The chat of a class. There is one in the site's process: the_chat."""

    def __init__(self):
        self.server = None
        self.film = Film()
        self.make_page = None  # make_page(snapshots) returns the page that plays a film: see keep()
        self._is_over = False
        self._clients = {}  # lever: the process of the client
        self._writer = None
        self._token = secrets.token_hex()

    async def start(self, folder, host, port, hosts):
        """
        Serve the project in this folder at this host and port, for pages that are opened under these host names.

        Raises WorkshopError if it doesn't start, with its last lines.
        """
        listener = await asyncio.start_server(self._listen, "127.0.0.1", 0, limit=LONGEST)
        live = {"port": listener.sockets[0].getsockname()[1], "token": self._token, "hosts": hosts}
        self.server = server.launch(folder, port, host=host, WORKSHOP_LIVE=json.dumps(live))
        await asyncio.to_thread(self.server.wait_until_it_answers)

    async def _listen(self, reader, writer):
        """Hand on each snapshot that the chat's process sends, until it ends."""
        if not secrets.compare_digest((await reader.readline()).strip(), self._token.encode()):
            writer.close()
            return
        self._writer, layer = writer, get_channel_layer()
        with contextlib.suppress(ConnectionError):  # it was killed
            async for line in reader:
                snapshot = json.loads(line)
                snapshot["levers"] |= {lever: self._runs(lever) for lever in NAMES}
                self.film.add(snapshot)
                await layer.group_send("wall", {"type": "wall.snapshot", "snapshot": snapshot})
        self._writer = None
        if not self._is_over:
            last_lines = "\n".join(self.server.log().strip().splitlines()[-6:])
            words = f"The chat has ended. Its last lines:\n{last_lines}"
            await layer.group_send("wall", {"type": "wall.ended", "words": words})

    async def pull(self, lever, value=None):
        """Do what a lever of the wall does. Raises WorkshopError if there is no such lever, or no chat."""
        if lever not in {each["name"] for each in LEVERS} | {"step", "undo"}:
            raise WorkshopError(f"There is no lever called {lever!r}.")
        if self._writer is None:
            raise WorkshopError("The chat has ended, so there is nothing to be slowed down.")
        _check(lever, value)
        if lever == "undo":
            for each in NAMES:
                self._send_away(each)
        if lever in NAMES:
            self._send_away(lever)
            if value:
                self._let_in(lever)
        else:
            self._writer.write(json.dumps({"lever": lever, "value": value}).encode() + b"\n")
            await self._writer.drain()

    def keep(self, picture=None):
        """
        Keep what was on the wall in the last minutes. Return (the folder, the names of the files in it).

        picture is the wall as it is now, as SVG.
        """
        folder, files = self.film.keep(self.make_page, picture)
        return name_of(folder), files

    async def end(self):
        """End the chat, and whoever was let in. Return when all walls and boards know, or don't answer."""
        self._is_over = True
        for lever in NAMES:
            self._send_away(lever)
        if self.server is not None:
            self.server.stop()
        layer, deadline = get_channel_layer(), time.monotonic() + LAST_WORDS
        for page in ("wall", "board"):
            await layer.group_send(page, {"type": f"{page}.over"})
        while layer.groups.keys() & {"wall", "board"} and time.monotonic() < deadline:  # noqa: ASYNC110, a layer has no event for it
            await asyncio.sleep(0.02)

    def _let_in(self, lever):
        url = f"{self.server.url.replace('http', 'ws', 1)}ws/chat/{quote(NEXT_DOOR)}/"
        command = [sys.executable, "-I", str(GUARD), sys.executable, "-X", "utf8", str(RUDE), lever, url, NAMES[lever]]
        self._clients[lever] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def _send_away(self, lever):
        client = self._clients.pop(lever, None)
        if client is not None:
            client.communicate(b"kill")  # the guard's word for it

    def _runs(self, lever):
        return lever in self._clients and self._clients[lever].poll() is None


def _check(lever, value):
    """Raise WorkshopError unless a lever can have this value. None is how it was before."""
    values = [each["value"] for each in LEVERS if each["name"] == lever]
    known = {
        "stop": value in values,
        "halted": isinstance(value, str),
        "capacity": type(value) is int and value > 0,
        "flood": isinstance(value, bool),
        "deaf": isinstance(value, bool),
    }
    if value is not None and not known.get(lever, False):  # to step, and to undo, have no value
        raise WorkshopError(f"The lever {lever!r} can't be set to {value!r}.")


the_chat = Chat()
