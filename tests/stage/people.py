"""People who chat: Channels' communicator plays the server for them."""

import asyncio
import functools
import importlib.util
import json
import re
import time
from pathlib import Path
from urllib.parse import urlsplit

from channels.testing import WebsocketCommunicator

from stage.expectations import Unmet

TIMEOUT = 0.5  # seconds; in one process an answer takes milliseconds
AFTER_SILENCE = 0.05  # seconds; once nothing has come, the tests are red, and the next ones wait less
TURN = 0.01  # seconds between two looks for an answer
LAST_ROUTE = (
    "A router takes the first route that matches: the one in chat/routing.py has to match any room's name, and "
    're_path("", no_such_socket) has to come last.'
)
READING_ORIGINS = 'A socket\'s headers are pairs of bytes: dict(scope["headers"]).get(b"origin", b"").decode("latin1").'
# What everyone in a room gets besides what is said there, by the module that a further stage adds: keys of frames.
BESIDES = {"chat.presence": {"people", "here", "gone", "typing"}, "chat.notices": {"notice"}}
ORIGINS = "OriginCheck lets a socket in if valid_origin() allows its origin, and refuses all others."


async def next_event(communicator, timeout):
    """
    Return what the application sends next. Raises TimeoutError if it sends nothing, or the error it died of.

    The communicator's own receive_output() would wait out its timeout even after the application has died.
    """
    event = asyncio.ensure_future(communicator.output_queue.get())
    await wait_for_one({event, communicator.future}, timeout)
    if communicator.future.done():  # what it sent last may still be in the queue
        await asyncio.wait({event}, timeout=TURN)
    if event.done():
        return event.result()
    event.cancel()
    if communicator.future.done():
        if communicator.future.cancelled():
            raise RuntimeError("The application ended with CancelledError: nobody outside had cancelled it.")
        communicator.future.result()
    raise TimeoutError


async def wait_for_one(futures, timeout):
    """
    Wait until one of these is done, or for this many seconds.

    Time in which the whole computer, or the event loop, stood still is nobody's fault. So this counts turns of the
    event loop, and of those only the punctual ones, up to ten times the timeout.
    """
    punctual, start = 0, time.monotonic()
    while punctual < timeout / TURN and time.monotonic() - start < 10 * timeout:
        turn = time.monotonic()
        done, _ = await asyncio.wait(futures, timeout=TURN, return_when=asyncio.FIRST_COMPLETED)
        if done:
            return
        punctual += time.monotonic() - turn < 2 * TURN


class Person:
    """Somebody with a socket: Channels' communicator, which runs the application without a server."""

    asks_for = frozenset()  # of the keys in BESIDES: frames that have another of them are skipped
    patience = TIMEOUT  # everybody's: see AFTER_SILENCE
    at_the_door = TIMEOUT  # the same, until a socket is accepted or refused: that may take a thread

    def __init__(self, name, application, path, *, origin="http://localhost", cookie=None, log=()):
        """`log` is a list of the log's records, which say why a socket was refused."""
        headers = [(b"host", b"localhost")]
        if origin is not None:
            headers.append((b"origin", origin.encode("latin1")))
        if cookie:
            headers.append((b"cookie", cookie.encode("latin1")))
        self.name, self.path, self.origin, self.log = name, path, origin, log
        self.socket = WebsocketCommunicator(application, path, headers=headers)

    async def connect(self):
        """Return whether the socket was accepted."""
        await self.socket.send_input({"type": "websocket.connect"})
        try:
            event = await self.next_event(Person.at_the_door)
        except TimeoutError:
            Person.at_the_door = AFTER_SILENCE
            raise
        return event["type"] == "websocket.accept"

    async def next_event(self, patience=None):
        """
        Return what the application sends next, without the frames in which nobody is interested: see `asks_for`.

        Raises TimeoutError if it sends nothing, or the error it died of.
        """
        while is_besides((event := await self.any_event(patience)).get("text"), but=self.asks_for):
            pass
        return event

    async def any_event(self, patience):
        try:
            return await next_event(self.socket, patience or Person.patience)
        except TimeoutError:
            Person.patience = AFTER_SILENCE
            raise

    async def knock(self, *, asked, file):
        """Connect, and return whether the socket was accepted. Raises Unmet if there is no answer."""
        try:
            return await self.connect()
        except TimeoutError:
            why = "its application ended" if self.socket.future.done() else "no answer came"
            seen = f"The socket {self.path} was neither accepted nor refused: {why}."
            if self.log:
                seen += f" The log says: {self.log[-1].getMessage()}"
                file = project_file(self.log[-1].pathname, file)
            raise Unmet(seen, asked, file) from None

    async def join(self, *, asked, file):
        """Connect, and return this person. Raises Unmet if the socket isn't accepted."""
        if not await self.knock(asked=asked, file=file):
            raise self._explain_refusal(asked, file)
        return self

    def _explain_refusal(self, asked, file):
        seen = f"The socket {self.path} was refused."
        if not self.log:
            return Unmet(seen, asked, file)
        said, refused_by = self.log[-1].getMessage(), Path(self.log[-1].pathname)
        seen += f" The log says: {said}"
        if "a room's is /ws/chat/" in said or self.log[-1].funcName == "no_such_socket":
            seen = f"The first route that matches a room's socket refuses it. The log says: {said}"
            return Unmet(seen, LAST_ROUTE, "tutorial/routing.py")
        if refused_by.parent.name != "tutorial":
            return Unmet(seen, asked, file)
        file = f"tutorial/{refused_by.name}"
        if self.origin and repr(self.origin) in said:  # so it never reached the consumer
            if not is_allowed(self.origin):
                return Unmet(seen, asked, "tutorial/settings.py")
            seen = f"OriginCheck refused a page whose host is in ALLOWED_HOSTS. The log says: {said}"
            if f"b{self.origin!r}" in said:
                return Unmet(
                    seen, 'A header\'s value is bytes, and valid_origin() reads text: .decode("latin1").', file
                )
            return Unmet(seen, ORIGINS, file)
        if self.origin and "origin" in said:
            seen = f"The socket {self.path} came with the Origin {self.origin!r}, and was refused as if it had none."
            return Unmet(seen, READING_ORIGINS, file)
        return Unmet(seen, asked, file)

    async def say(self, message):
        await self.send(text=json.dumps({"message": message}))

    async def send(self, *, text=None, data=None):
        """Send one frame, as it is."""
        await self.socket.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def hear(self, *, after, asked, file, of=None):
        """
        Return the next frame, decoded. `after` says what happened before, for the failure's words, and `of` who did it.

        Raises the error that their consumer died of, if it did, where nothing comes.
        """
        patience = Person.patience
        try:
            event = await self.next_event()
        except TimeoutError:
            if of and of.socket.future.done():
                of.socket.future.result()
            raise Unmet(f"{self.name} got nothing within {patience} s after {after}.", asked, file) from None
        what, text = event["type"], event.get("text")
        if what == "websocket.close":
            seen = f"After {after}, the server closed {self.name}'s socket."
        elif what != "websocket.send":
            seen = f"After {after}, {self.name} got {event}."
        elif text is None:
            seen = f"{self.name} got a binary frame, {event.get('bytes')!r}. The page's script reads text."
        elif not isinstance(text, str):
            kind = type(text).__name__
            seen = f"{self.name} got {text!r} (type {kind}) where a frame's text belongs: json.dumps() makes text."
        else:
            try:
                return json.loads(text)
            except ValueError:
                seen = f"{self.name} got {text!r}, which is not JSON: json.dumps() makes JSON."
        raise Unmet(seen, asked, file)

    async def leave(self):
        """Go. Raises the error that the application ends with, and cancels it if it doesn't end."""
        await self.socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.ends()
        await self.socket.wait(timeout=TURN)

    async def ends(self):
        """Wait for the application to end. Return whether it has."""
        await wait_for_one({self.socket.future}, Person.patience)
        if not self.socket.future.done():
            Person.patience = AFTER_SILENCE
        await asyncio.sleep(0)  # what the task's done callbacks do is part of its end: they run in the loop's next turn
        return self.socket.future.done()


def is_besides(text, but=frozenset()):
    """Return whether a frame's text is about something besides what is said in the room, but not about `but`."""
    try:
        frame = json.loads(text)
    except (TypeError, ValueError):
        return False
    return isinstance(frame, dict) and not (besides() - but).isdisjoint(frame)


@functools.cache
def besides():
    """Return the keys of the frames that the project's further stages send besides what is said."""
    return frozenset().union(*(keys for module, keys in BESIDES.items() if importlib.util.find_spec(module)))


def project_file(path, otherwise):
    """Return the project's own name for a file in tutorial/ or chat/, as in "chat/rooms.py", or `otherwise`."""
    path = Path(path)
    return f"{path.parent.name}/{path.name}" if path.parent.name in ("tutorial", "chat") else otherwise


def is_allowed(origin):
    """Return whether the host of this origin is in ALLOWED_HOSTS."""
    from django.conf import settings
    from django.http.request import validate_host

    return validate_host(re.sub(r":\d+$", "", urlsplit(origin).netloc), settings.ALLOWED_HOSTS)
