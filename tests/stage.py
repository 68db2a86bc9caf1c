"""
What the stage tests are written with: people who chat, and failures that teach.

A failed test says what was seen, what the stage asks, and which file to open.
"""

import asyncio
import html.parser
import json
import linecache
import os
import re
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from urllib.parse import urlsplit

from channels.testing import WebsocketCommunicator

TIMEOUT = 0.5  # seconds; in one process an answer takes milliseconds
TURN = 0.01  # seconds between two looks for an answer
STANDSTILL = 0.2  # seconds that an event loop can be without a turn before everybody notices

# Errors of Python, Django and Channels that name no cause to who meets them for the first time: what to look for in
# the error, what it means, and the file to open where that isn't the one that raised it.
MEANINGS = [
    (
        r"No module named '(daphne|chat|django[\w.]*\w)(chat|django)[\w.]*'",
        'Is a comma missing behind "{0}"? Python makes one text of two that follow each other.',
        "tutorial/settings.py",
    ),
    (
        r"No module named '(django\.contrib\.(?:admin|auth|contenttypes|sessions|messages|staticfiles))\w+'",
        'Is a comma missing behind "{0}"? Python makes one text of two that follow each other.',
        "tutorial/settings.py",
    ),
    (
        r"Cannot find 'application' in ASGI_APPLICATION module tutorial\.routing",
        "tutorial/routing.py has nothing that is called application.",
        "tutorial/routing.py",
    ),
    (
        "Cannot find ASGI_APPLICATION setting",
        'The settings have no ASGI_APPLICATION = "tutorial.routing.application", so no server finds the application.',
        "tutorial/settings.py",
    ),
    (
        "ASGI_APPLICATION module",
        "ASGI_APPLICATION names a module, a dot, and the application in it: tutorial.routing.application.",
        "tutorial/settings.py",
    ),
    (
        r"Cannot import BACKEND 'chat\.",
        "BACKEND in CHANNEL_LAYERS names a class of the project's that is not there. The one in chat/layers.py is "
        "chat.layers.ClassroomInMemoryChannelLayer.",
        "tutorial/settings.py",
    ),
    (
        "Cannot import BACKEND",
        "The BACKEND in CHANNEL_LAYERS names a class that is not there. The layer in memory is "
        "channels.layers.InMemoryChannelLayer, Redis's is channels_redis.core.RedisChannelLayer.",
        "tutorial/settings.py",
    ),
    (
        r"not enough values to unpack \(expected 2, got 1\)(?:\.$|\n.*super\(\)\.__call__\()",  # Channels' own
        "channel_capacity doesn't work in this version of Channels: CONFIG takes a plain capacity, for all channels.",
        "tutorial/settings.py",
    ),
    (
        r"ChannelLayer\.__init__\(\) got an unexpected keyword argument '(\w+)'",
        "CONFIG in CHANNEL_LAYERS has {0}, and the layer knows nothing of that name.",
        "tutorial/settings.py",
    ),
    (
        "didn't return an HttpResponse",
        "A view returns what it renders. Is `return` missing before render(…)?",
        "chat/views.py",
    ),
    (
        r"got multiple values for argument '\w+'",
        "A view takes the request first, and then what the route captures.",
        "chat/views.py",
    ),
    (
        r"get_asgi_application\(\) takes 0 positional arguments",
        "get_asgi_application stands there without its brackets: called, it returns Django's application.",
        "tutorial/routing.py",
    ),
    (
        "settings are not configured",
        'No settings are named when this line runs: os.environ.setdefault("DJANGO_SETTINGS_MODULE", …) comes first.',
        "tutorial/asgi.py",
    ),
    (
        "AppRegistryNotReady",
        "Django is not set up yet when this line runs: django.setup() comes first, then this import.",
        "tutorial/asgi.py",
    ),
    (
        "Incoming message has no 'type'",
        'An event without a "type" came to the consumer: the type is the name of the method that gets the event.',
        "chat/consumers.py",
    ),
    (
        r"No handler for message type (\w+)",
        "No method of the consumer is called {0}: an event's type is the name of the method that gets the event.",
        "chat/consumers.py",
    ),
    (
        r"(?s)Group name must be .*group_(?:add|discard)\(self\.channel_name",
        "This is a channel's name where a group's name belongs: the group comes first, then the channel.",
        None,
    ),
    (
        "You cannot use AsyncToSync",
        "async_to_sync is for synchronous code. In `async def` write `await` instead.",
        None,
    ),
    (
        "SynchronousOnlyOperation",
        "The database is asked in a coroutine, and everybody would wait for it. The chat's consumer needs no database: "
        "take this line out.",
        None,
    ),
    (
        r"no such table: .*\n.* in chat/consumers\.py",
        "The chat's consumer needs no database, and the one of this check has no tables: take this line out.",
        None,
    ),
    (
        r"no such table: django_session(?:\.$|\n.* in tutorial/middleware\.py)",
        "The session can't be read, and nothing caught that: resolve_scope() catches DatabaseError as well as "
        "ValidationError, and the user is an AnonymousUser.",
        "tutorial/middleware.py",
    ),
    (
        r"^RecursionError.*\n.*json\.loads",
        "Catch RecursionError as well as ValueError there: the frame's brackets are nested too deep.",
        None,
    ),
    (
        "^MailboxesFull",
        "Nothing told the sender. websocket_receive() tells a Refused: class MailboxesFull(ChannelFull, Refused).",
        "chat/layers.py",
    ),
    (
        "^StopConsumer",
        "So a consumer ends whose client has gone: __call__ catches StopConsumer, and lets it go.",
        "chat/sockets.py",
    ),
    (
        r"unhashable type: 'dict'",
        "A cache looks its arguments up in a dict, and an event is a dict itself, which is no key: give the function "
        'the text, event["message"].',
        None,
    ),
    (
        r"(?s)string indices must be integers.*text_data",
        "The frame is text, not a dict yet: json.loads(text_data) makes one of it.",
        None,
    ),
    (
        r"object NoneType can't be used in 'await'|'NoneType' object can't be awaited",
        "What stands behind `await` is not a coroutine. Is `async` missing before its `def`?",
        None,
    ),
    (
        r"object \w+ can't be used in 'await'|'\w+' object can't be awaited|object.__init__\(\) takes exactly one",
        "as_asgi() is missing behind the consumer: a route leads to an application, not to a class.",
        "chat/routing.py",
    ),
    (
        r"as_asgi\(\) takes 1 positional argument",
        "as_asgi stands there without its brackets: called, it returns an application.",
        "chat/routing.py",
    ),
    (
        "'websocket_urlpatterns'",
        "The list of routes has to be called websocket_urlpatterns.",
        "chat/routing.py",
    ),
    (
        "KeyError: 'room_name'",
        "No part of the route is called room_name, and by that name the consumer asks for it.",
        "chat/routing.py",
    ),
    (
        "TemplateDoesNotExist",
        'Django looks into the folder templates/ of each app in INSTALLED_APPS. Is "chat" one of them?',
        "tutorial/settings.py",
    ),
    (
        r"Reverse for '(\w+)' with",
        "The route called {0} has no part of that name.",
        "chat/urls.py",
    ),
    (
        r"Reverse for '(\w+)' not found",
        'No route is called {0}: path(…, name="{0}") is what redirect() and {{% url %}} look for.',
        "chat/urls.py",
    ),
    (
        r"(?:unexpected keyword|missing 1 required positional) argument:? '\w+'\.$",  # raised where Django calls a view
        "The route gives the view a part that the view doesn't take, or not one that it needs: the names must agree.",
        "chat/urls.py",
    ),
]


LAST_ROUTE = (
    "A router takes the first route that matches: the one in chat/routing.py for any room's name, "
    're_path("", no_such_socket) last.'
)
ORIGINS = "OriginCheck lets in those whom valid_origin() allows, and refuses the others."


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
    Return the Unmet that says where in the project an unforeseen error came from, and what it means.

    error is what was raised, project the folder with manage.py, and `asked` and `file` are what the
    failed test is about: the file is named where the error didn't come from one of the project's.
    """
    chain = [error]
    while before := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__):
        chain.append(before)  # Channels and Django wrap an ImportError, say
    cause = next((link for link in reversed(chain) if _places(link, project)), error)
    words = cause.msg if isinstance(cause, SyntaxError) else str(cause)
    what = ": ".join(filter(None, [type(cause).__name__, words]))
    return _explain(what, _places(cause, project), project, asked, file)


def explain_output(said, project, asked, file):
    """Return the same for what another Python process has said: its traceback, or its last line."""
    what = (said.strip().splitlines() or ["nothing"])[-1]
    steps = re.findall(r'^ *File "(.+)", line (\d+).*\n *(.*)', said, flags=re.MULTILINE)
    return _explain(what, _own(((name, int(line), code) for name, line, code in steps), project), project, asked, file)


def _explain(what, places, project, asked, file):
    module = re.search(r"No module named '((?:chat|tutorial)(?:\.\w+)*)'", what)
    if module:
        file = module[1].replace(".", "/") + (".py" if "." in module[1] else "/__init__.py")
        return missing_file(file, project, asked)
    template = re.fullmatch(r"TemplateDoesNotExist: ([\w./]+)", what)
    if template and not (Path(project) / "chat" / "templates" / template[1]).is_file():
        return missing_file(f"chat/templates/{template[1]}", project, "Django looks for templates in chat/templates/.")
    if places:
        what += "\n       in {}, line {}: {}".format(*places[-1])
        file = places[-1][0]
    else:
        what = what.rstrip(".") + "."
    for pattern, meaning, opens in MEANINGS:
        found = re.search(pattern, what)
        if found:
            return Unmet(f"{what}\n       {meaning.format(*found.groups())}", asked, opens or file)
    return Unmet(what, asked, file)


def missing_file(file, project, asked):
    """Return the Unmet that says that the project has no such file, and where one of that name lies instead."""
    if (Path(project) / "tutorial" / "manage.py").is_file() and not (Path(project) / "manage.py").is_file():
        file = "manage.py"  # where it lies, there lies the whole project
        asked = (
            "startproject was run without the dot at the end, which means “here”. "
            "Move tutorial/manage.py here, and the files in tutorial/tutorial/ into tutorial/."
        )
    name = Path(file).name if file.startswith("chat/templates/") else file
    elsewhere = [
        path.relative_to(project).as_posix()
        for folder in ("tutorial", "chat")
        for path in sorted((Path(project) / folder).rglob(name))
    ]
    if not elsewhere:
        return Unmet(f"There is no {file}.", asked, file)
    if file.startswith("chat/templates/"):
        asked = f"Move it to {file}: the view renders {file[15:]}, and Django looks for that in chat/templates/."
    return Unmet(f"There is no {file}. But there is {elsewhere[0]}.", asked, elsewhere[0])


def _places(error, project):
    """Return (file, line number, code) for each step of the error's traceback that is in the project."""
    steps = [(step.filename, step.lineno, step.line) for step in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        steps.append((error.filename, error.lineno, (error.text or "").strip()))
    return _own(steps, project)


def _own(steps, project):
    """Return those of these steps, (file name, line number, code), that are in the project."""
    project = Path(project).resolve()
    own = []
    for filename, line, code in steps:
        path = Path(filename).resolve()
        if path.is_relative_to(project) and path.relative_to(project).parts[0] in ("manage.py", "tutorial", "chat"):
            own.append((path.relative_to(project).as_posix(), line, code))
    return own


def run_python(project, *arguments, **environment):
    """Run `python …` in the project's folder, as in a terminal of its own, and return the finished process."""
    theirs = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-X", "utf8", *arguments],
        cwd=project,
        env={**theirs, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )


def find_forgotten_await(warned, project):
    """Return the Unmet for the first of these warnings that is about a coroutine of the project, None if none is."""
    for warning in warned:
        called = re.match(r"coroutine '(?:\w+\.)*(\w+)' was never awaited", str(warning.message))
        code = linecache.getline(warning.filename, warning.lineno).strip()
        places = _own([(warning.filename, warning.lineno, code)], project)
        if called and places:
            where = "in {}, line {}: {}".format(*places[0])
            call = f"{called[1]}(…)" if f"{called[1]}(" in code else "the call"  # by another name
            return Unmet(
                f"{called[1]}() was called without `await`, so it never ran.\n       {where}",
                f"`await` stands before {call}.",
                places[0][0],
            )
    return None


class Standstill(threading.Thread):
    """
    Watches the event loop from outside, while a `with` statement lasts, and notes where it stands still.

    `place` is then the (file, line number, code) in the project at which the loop waited, None if it never did.
    """

    def __init__(self, project):
        super().__init__(daemon=True)
        self.project, self.place = project, None
        self.watched = threading.get_ident()
        self.over = threading.Event()

    def __enter__(self):
        self._turn()
        self.start()
        return self

    def __exit__(self, *error):
        self.next_turn.cancel()
        self.over.set()
        self.join()

    def _turn(self):
        self.last_turn = time.monotonic()
        self.next_turn = asyncio.get_running_loop().call_later(0.01, self._turn)

    def run(self):
        seen = None
        while not self.over.wait(0.02):
            late = time.monotonic() - self.last_turn > STANDSTILL
            steps = traceback.extract_stack(sys._current_frames()[self.watched]) if late else []
            places = _own([(step.filename, step.lineno, step.line) for step in steps], self.project)
            if places and places[-1] == seen:  # twice, or the whole computer may have stood still
                self.place = seen
            seen = places[-1] if places else None


async def next_event(communicator, timeout):
    """
    Return what the application sends next. Raises TimeoutError if it sends nothing, or what it died of.

    The communicator's own receive_output() would sit out its timeout where the application has died. And it would
    blame an application for a time in which the whole computer, or its event loop, stood still: turns are counted here.
    """
    event = asyncio.ensure_future(communicator.output_queue.get())
    for _ in range(int(timeout / TURN)):
        await asyncio.wait({event, communicator.future}, timeout=TURN, return_when=asyncio.FIRST_COMPLETED)
        if event.done() or communicator.future.done():
            break
    if event.done():
        return event.result()
    event.cancel()
    if communicator.future.done():
        communicator.future.result()
    raise TimeoutError


class Person:
    """Somebody with a socket: Channels' communicator, which runs the application without a server."""

    def __init__(self, name, application, path, *, origin="http://localhost", cookie=None, log=()):
        """log is a list of the log's records, which say why a socket was refused."""
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
        return (await self.next_event())["type"] == "websocket.accept"

    async def next_event(self):
        """Return what the application sends next. Raises TimeoutError if it sends nothing, or what it died of."""
        return await next_event(self.socket, TIMEOUT)

    async def join(self, *, asked, file):
        """Connect, and return this person. Raises Unmet where the socket isn't accepted."""
        try:
            accepted = await self.connect()
        except TimeoutError:
            raise Unmet(
                f"The socket {self.path} was neither accepted nor refused: {TIMEOUT} s without an answer.", asked, file
            ) from None
        if not accepted:
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
        if self.origin and repr(self.origin) in said:  # so it never came to the consumer
            if not is_allowed(self.origin):
                return Unmet(seen, asked, "tutorial/settings.py")
            return Unmet(
                "OriginCheck refused a page whose host is in ALLOWED_HOSTS.", ORIGINS, "tutorial/middleware.py"
            )
        return Unmet(seen, asked, f"tutorial/{refused_by.name}")

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
        what, text = event["type"], event.get("text")
        if what == "websocket.close":
            seen = f"After {after}, the server closed {self.name}'s socket."
        elif what != "websocket.send":
            seen = f"After {after}, {self.name} got {event}."
        elif text is None:
            seen = f"{self.name} got a binary frame, {event.get('bytes')!r}. The page's script reads text."
        elif not isinstance(text, str):
            kind = type(text).__name__
            seen = f"{self.name} got {text!r}, a {kind} where a frame's text belongs: json.dumps makes text."
        else:
            try:
                return json.loads(text)
            except ValueError:
                seen = f"{self.name} got {text!r}, which is not JSON: json.dumps makes JSON."
        raise Unmet(seen, asked, file)

    async def leave(self):
        await self.socket.disconnect(timeout=TIMEOUT)


def is_allowed(origin):
    """Return whether the host of this origin is in ALLOWED_HOSTS."""
    from django.conf import settings
    from django.http.request import validate_host

    return validate_host(re.sub(r":\d+$", "", urlsplit(origin).netloc), settings.ALLOWED_HOSTS)


class Page(html.parser.HTMLParser):
    """A page's elements by id, each a dict of its attributes with "tag", and the text of its scripts."""

    def __init__(self, response):
        super().__init__()
        self.text = response.content.decode("utf-8")
        self.by_id, self.script, self.tags, self._script = {}, "", set(), None
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, **dict(attrs)}
        self.tags.add(tag)
        self._script = element if tag == "script" else None
        if "id" in element:
            self.by_id[element["id"]] = element

    def handle_endtag(self, tag):
        self._script = None

    def handle_data(self, data):
        if self._script is None:
            return
        if self._script.get("type") == "application/json":  # what json_script writes: for the script to read
            self._script["data"] = data
        else:
            self.script += data
