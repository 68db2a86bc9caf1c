"""
A class for the tests: it is started as a teacher does it, its wall is looked at through the wall's socket, and people
talk in its chat.
"""

import asyncio
import contextlib
import json
import re
import socket
import time
from urllib.parse import quote

from running import hear, need, say
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from workshop import start_class
from workshop.processes.port import Port

UNDONE = {"stop": None, "halted": None, "capacity": None, "flood": False, "deaf": False}


@contextlib.contextmanager
def begin(**options):
    """Start a class on a port that nobody else has, and end it after the `with` statement."""
    port = Port()
    port.hand_over()
    try:
        with start_class(port=port.number, **options) as classroom:
            yield classroom
    finally:
        port.give_back()


def is_ours(address):
    """Return whether this computer has an address: Linux and Windows have all that begin with 127."""
    with socket.socket() as tried, contextlib.suppress(OSError):
        tried.bind((address, 0))
        return True
    return False


def second_address():
    """Return an address of this computer besides 127.0.0.1, which no other one can reach either."""
    address = "127.0.0.2"
    return need(
        is_ours(address) and address,
        f"{address} as an address of this computer",
        f"on macOS, sudo ifconfig lo0 alias {address} gives it one.",
    )


def port_of(url):
    return int(re.match(r"http://[^:/]+:(\d+)/", url)[1])


class Person:
    """Somebody in a room of the chat. `frames` are what has come, in order: it reads all the time."""

    def __init__(self, socket):
        self.socket, self.frames = socket, []
        self._more = asyncio.Event()
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self):
        with contextlib.suppress(ConnectionClosed):
            async for frame in self.socket:
                self.frames.append(json.loads(frame))
                self._more.set()

    @property
    def heard(self):
        return [frame["message"] for frame in self.frames if "message" in frame]

    @property
    def errors(self):
        return [frame for frame in self.frames if "error" in frame]

    async def say(self, *texts):
        for text in texts:
            await say(self.socket, text)

    async def until(self, condition):
        """Read until condition() is true. At most 20 s pass between two frames."""
        while not condition():
            self._more.clear()
            await asyncio.wait_for(self._more.wait(), 20)

    async def until_heard(self, *texts):
        """Wait until these messages have come, and assert that there are no others."""
        await self.until(lambda: len(self.heard) >= len(texts))
        assert self.heard == [*texts]

    async def settle(self):
        """Wait until all that the server has sent by now is in `frames`: its answer to a ping comes after that."""
        await asyncio.wait_for(await self.socket.ping(), 20)


def open_socket(classroom, room="lobby", name=None, **options):
    """Open a socket of the chat, as its page does."""
    if name is not None:
        options["additional_headers"] = {"workshop-name": quote(name)}
    return connect(
        f"{classroom.chat.replace('http', 'ws', 1)}ws/chat/{quote(room, safe='')}/",
        origin=classroom.chat.rstrip("/"),
        proxy=None,
        compression=None,
        open_timeout=20,
        **options,
    )


@contextlib.asynccontextmanager
async def enter(classroom, number, room="lobby", **options):
    """Let so many people enter a room, one after the other."""
    async with contextlib.AsyncExitStack() as stack:
        yield [Person(await stack.enter_async_context(open_socket(classroom, room, **options))) for _ in range(number)]


class Teacher:
    """The wall's socket. `now` is the last snapshot that came; `steps` and `said` are those of all of them."""

    def __init__(self, socket):
        self.socket = socket
        self.now, self.steps, self.said = None, [], []

    async def look(self):
        """Return the next frame. If it is a snapshot, say that it is drawn, so that the next one comes."""
        frame = await hear(self.socket)
        if "snapshot" in frame:
            self.now = frame["snapshot"]
            self.steps += self.now["steps"] or []
            self.said += self.now["said"]
            await self.socket.send('{"drawn": true}')
        return frame

    async def until(self, condition, what):
        """Wait until condition(snapshot) is true, and return the snapshot."""
        deadline = time.monotonic() + 20
        while self.now is None or not condition(self.now):
            assert time.monotonic() < deadline, f"Waited in vain until {what}. The last snapshot: {self.now}"
            await self.look()
        return self.now

    async def until_people(self, **people):
        """Wait until each of these people, Person_1={"waiting": 3, …}, is as described. Return the snapshot."""
        wanted = {name.replace("_", " "): facts.items() for name, facts in people.items()}

        def as_wanted(now):
            there = {person["name"]: person.items() for person in now["people"]}
            return all(facts <= there.get(name, set()) for name, facts in wanted.items())

        return await self.until(as_wanted, f"people are like this: {people}")

    async def until_names(self, *names):
        return await self.until(
            lambda now: [person["name"] for person in now["people"]] == [*names], f"these are here: {names}"
        )

    async def pull(self, lever, value=None):
        await self.socket.send(json.dumps({"lever": lever, "value": value}))

    async def set(self, lever, value):
        """Pull a lever, and wait until it is set."""
        await self.pull(lever, value)
        await self.until(lambda now: now["levers"][lever] == value, f"the lever {lever} is set to {value}")

    async def answer(self):
        """Return the next frame that is no snapshot."""
        while "snapshot" in (frame := await self.look()):
            pass
        return frame


def wall_socket(classroom, key=None, origin=None, **options):
    """Return the wall's socket, not open yet: with the right key and origin, or others."""
    host, right = re.match(r"http://([^/]+)/([^/]+)/wall/", classroom.wall).groups()
    return connect(
        f"ws://{host}/{key or right}/ws/wall/", origin=origin or f"http://{host}", proxy=None, max_size=None, **options
    )


@contextlib.asynccontextmanager
async def open_wall(classroom):
    """Look at a class's wall once everyone from the test before has gone. What was set is undone at the end."""
    async with wall_socket(classroom) as socket:
        teacher = Teacher(socket)
        await teacher.until(lambda now: not now["rooms"] and now["levers"] == UNDONE, "nobody is here")
        teacher.steps, teacher.said = [], []
        try:
            yield teacher
        finally:
            await teacher.pull("undo")
            await teacher.until(lambda now: now["levers"] == UNDONE, "all levers are as they were")


def differences(before, now):
    """Return how much each of the totals has grown from one snapshot to another."""
    return {name: number - before["totals"][name] for name, number in now["totals"].items()}
