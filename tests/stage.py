"""
What the stage tests are written with: people who chat, and failures that teach.

A failed test says what was seen, what the stage asks, and which file to open.
"""

import asyncio
import html.parser
import json
import re
import traceback
from pathlib import Path

from channels.testing import WebsocketCommunicator

TIMEOUT = 0.5  # seconds; in one process an answer takes milliseconds


class Unmet(AssertionError):
    """What a stage asks isn't there (yet)."""

    def __init__(self, seen, asked, file):
        super().__init__(f"\nSeen:  {seen}\nAsked: {asked}\nOpen:  {file}")
        self.seen, self.asked, self.file = seen, asked, file


def expect(met, *, seen, asked, file):
    """Raise Unmet with these words unless `met` is true."""
    __tracebackhide__ = True
    if not met:
        raise Unmet(seen, asked, file)


def explain(error, project, asked, file):
    """
    Return the Unmet that says where in the project an unforeseen error came from.

    error is what was raised, project the folder with manage.py, and `asked` and `file` are what the
    failed test is about: the file is named where the error didn't come from one of the project's.
    """
    chain = [error]
    while chain[-1].__cause__ or chain[-1].__context__:  # Channels and Django wrap an ImportError, say
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    cause = next((link for link in reversed(chain) if _places(link, project)), error)
    what = f"{type(cause).__name__}: {cause.msg if isinstance(cause, SyntaxError) else cause}"
    places = _places(cause, project)
    missing = re.fullmatch(r"No module named '((?:chat|tutorial)[\w.]*)'", str(cause))
    if missing:
        file = missing[1].replace(".", "/") + (".py" if "." in missing[1] else "/__init__.py")
        return Unmet(f"There is no {file}.", asked, file)
    if not places:
        return Unmet(what.rstrip(".") + ".", asked, file)
    file, line, code = places[-1]
    return Unmet(f"{what}\n       in {file}, line {line}: {code}", asked, file)


def _places(error, project):
    """Return (file, line number, code) for each step of the error's traceback that is in the project."""
    steps = [(step.filename, step.lineno, step.line) for step in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        steps.append((error.filename, error.lineno, (error.text or "").strip()))
    project = Path(project).resolve()
    own = []
    for filename, line, code in steps:
        path = Path(filename).resolve()
        if path.is_relative_to(project) and path.relative_to(project).parts[0] in ("manage.py", "tutorial", "chat"):
            own.append((path.relative_to(project).as_posix(), line, code))
    return own


class Person:
    """Somebody with a socket: Channels' communicator, which runs the application without a server."""

    def __init__(self, name, application, path, *, origin="http://localhost", cookie=None):
        headers = [(b"host", b"localhost")]
        if origin is not None:
            headers.append((b"origin", origin.encode("latin1")))
        if cookie:
            headers.append((b"cookie", cookie.encode("latin1")))
        self.name, self.path = name, path
        self.socket = WebsocketCommunicator(application, path, headers=headers)

    async def connect(self):
        """Return whether the socket was accepted."""
        await self.socket.send_input({"type": "websocket.connect"})
        return (await self.next_event())["type"] == "websocket.accept"

    async def next_event(self):
        """
        Return what the application sends next. Raises TimeoutError if it sends nothing, or what it died of.

        The communicator's own receive_output() would sit out its timeout where the application has died.
        """
        event = asyncio.ensure_future(self.socket.output_queue.get())
        await asyncio.wait({event, self.socket.future}, timeout=TIMEOUT, return_when=asyncio.FIRST_COMPLETED)
        if event.done():
            return event.result()
        event.cancel()
        if self.socket.future.done():
            self.socket.future.result()
        raise TimeoutError

    async def join(self, *, asked, file):
        """Connect, and return this person. Raises Unmet where the socket isn't accepted."""
        try:
            accepted = await self.connect()
        except TimeoutError:
            raise Unmet(f"The socket {self.path} got no answer within {TIMEOUT} s.", asked, file) from None
        expect(accepted, seen=f"The socket {self.path} was refused.", asked=asked, file=file)
        return self

    async def say(self, message):
        await self.send(text=json.dumps({"message": message}))

    async def send(self, *, text=None, data=None):
        """Send one frame, as it is."""
        await self.socket.send_input({"type": "websocket.receive", "text": text, "bytes": data})

    async def hear(self, *, after, asked, file):
        """Return the next frame, decoded. `after` is what happened before, for the failure's words."""
        try:
            event = await self.next_event()
        except TimeoutError:
            raise Unmet(f"{self.name} got nothing within {TIMEOUT} s after {after}.", asked, file) from None
        expect(
            event["type"] == "websocket.send" and event.get("text"),
            seen=f"After {after}, {self.name} got {event}.",
            asked=asked,
            file=file,
        )
        try:
            return json.loads(event["text"])
        except ValueError:
            raise Unmet(f"{self.name} got {event['text']!r}, which is not JSON.", asked, file) from None

    async def leave(self):
        await self.socket.disconnect(timeout=TIMEOUT)


class Page(html.parser.HTMLParser):
    """A page's elements by id, each a dict of its attributes with "tag", and the text of its scripts."""

    def __init__(self, response):
        super().__init__()
        self.text = response.content.decode("utf-8")
        self.by_id, self.script, self._in_script = {}, "", False
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        attributes = {"tag": tag, **dict(attrs)}
        self._in_script = tag == "script"
        if "id" in attributes:
            self.by_id[attributes["id"]] = attributes

    def handle_endtag(self, tag):
        self._in_script = False

    def handle_data(self, data):
        if self._in_script:
            self.script += data
