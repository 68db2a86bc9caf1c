"""Stage 6: whatever the room's name, the frame, the origin or the cookie, there is an answer, and no traceback."""

import asyncio
import contextlib
import importlib
import json
import os
import re
from urllib.parse import quote, unquote

import pytest
from stage import (
    LAST_ROUTE,
    ORIGINS,
    Page,
    Person,
    Unmet,
    expect,
    explain,
    explain_output,
    is_allowed,
    run_python,
)
from stage.browser import ROOM
from stage.people import project_file
from stage.scripts import blame, blame_errors, browse, expect_once, expect_socket, expect_stay, expect_text
from stage.watch import Watch

FILE = "chat/consumers.py"
ANY_NAME = "Any name that a person can type is a room, by the rule in chat/rooms.py, on the page and on the socket."

ODD_NAMES = ["聊天室", "my room", "O'Hara & <b>", "100%", "<!--<script>", "😀", "x" * 94, "é" * 94]
ODD_NAMES += [
    "a#b",
    "a?b",
    "a\\b",
    "a%41",
    "a%2541",
    "%2e%2e",
    "...",
    "chat_lobby",
    "١٢٣",
    "👩\u200d👧",
    "می\u200cخواهم",
]
BLANK_NAMES = [" ", "\u3000", "\u200b"]
# Each is refused, and is to be shown as it was typed, in the input.
STRAY_NAMES = ["lobby\n", "two\nlines", "tab\tbed", "two words\tmore", "nul\0", '\t"><samp>']
STRAY_NAMES += ["lob\u200bby", "\u202elobby", "a\u2028b", "lobby\u200d"]  # invisible, or not to be told apart
NO_NAMES = ["x" * 95, "😀" * 95, ".", "..", "a/b", "/", *STRAY_NAMES, *BLANK_NAMES]
ANY_PATH = "The last route matches any path: it refuses the socket and logs its path."


def shorten(name):
    return ascii(name[:12])


def show(value):
    """Return a value for a failure's words: in quotes, with its length where it is shortened."""
    if isinstance(value, (str, bytes)) and len(value) > 40:
        return f"{value[:12]!r}… ({len(value):,} characters)"
    return str(value)[:200] if isinstance(value, dict) else repr(value)


def find(name):
    """Return something that the stage's files define, such as "chat.rooms.clean_name", or None if they don't."""
    module, _, name = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name, None)
    except Exception:  # that error is another test's
        return None


def returned(function, argument):
    """Return what one of the stage's functions returns, in a list, or [] if there is no such function or it raises."""
    function = find(function)
    try:
        return [function(argument)]
    except Exception:  # a Refused, or an error that the test itself has met
        return []


@contextlib.contextmanager
def looking_deeper(room="lobby", text='{"message": "hello"}', message="hello"):
    """If the test within fails, look whether one of the stage's functions does something else than it should."""
    try:
        yield
    except Exception:
        look_at_the_error()
        look_at_the_room(room)
        look_at_the_message(text, message)
        if None in returned("tutorial.middleware.OptionalAuthMiddlewareStack", print):
            raise Unmet(
                "OptionalAuthMiddlewareStack(application) returned None.",
                "It returns the application that it has made of the other: return stack.",
                "tutorial/middleware.py",
            ) from None
        raise


def look_at_the_error():
    refused = find("chat.errors.Refused")
    expect(
        not isinstance(refused, type) or issubclass(refused, Exception),
        seen="Refused is no exception, so it can be neither raised nor caught.",
        asked="class Refused(Exception).",
        file="chat/errors.py",
    )
    made = returned("chat.errors.Refused", "the reason")
    expect(
        not made or str(made[0]) == "the reason",
        seen=f'str(Refused("the reason")) is {str(made and made[0])!r}.',
        asked="str(refused) says why. An exception keeps its words if it has no __init__() of its own, or if that "
        "hands them to super().__init__().",
        file="chat/errors.py",
    )


def look_at_the_room(room):
    """Raise Unmet if a function does something wrong with the name of a room that people may have."""
    for function in ("is_blank", "has_stray"):
        expect(
            True not in returned(f"chat.invisible.{function}", room),
            seen=f"{function}({show(room)}) returned True.",
            asked="Every character of this name can be seen, or changes how its neighbours look.",
            file="chat/invisible.py",
        )
    for name in returned("chat.rooms.clean_name", room):
        expect(
            isinstance(name, str),
            seen=f"clean_name({show(room)}) returned {show(name)} (type {type(name).__name__}).",
            asked="clean_name() returns the room's name, a string.",
            file="chat/rooms.py",
        )
        for group in returned("chat.rooms.group_name", name):
            look_at_the_group(name, group)


def look_at_the_group(room, group):
    from channels.layers import BaseChannelLayer

    try:
        BaseChannelLayer().require_valid_group_name(group)
    except TypeError as error:
        raise Unmet(
            f"group_name({show(room)}) returned {show(group)}, which no layer accepts: {error}",
            "Only a name that consists of such characters from its beginning to its end follows chat_ as it is. "
            "Any other name becomes its digest, in hexadecimal digits.",
            "chat/rooms.py",
        ) from None


def look_at_the_message(text, message):
    """Raise Unmet if a function does something wrong with a frame that holds this message."""
    for found in returned("chat.messages.parse_message", text):
        expect(
            found == message,
            seen=f"parse_message({show(text)}) returned {show(found)} (type {type(found).__name__}).",
            asked=f"parse_message() returns the message in the frame, as it was sent: {show(message)}.",
            file="chat/messages.py",
        )
    for frame in returned("chat.messages.make_frame", message):
        expect(
            isinstance(frame, str),
            seen=f"make_frame({show(message)}) returned {show(frame)} (type {type(frame).__name__}).",
            asked="make_frame() returns the frame's text: json.dumps() makes it.",
            file="chat/messages.py",
        )


def explain_refused(error, project, where):
    """Return the Unmet for a Refused that nothing has caught, or None if the error is another one."""
    from chat.errors import Refused

    if not isinstance(error, Refused):
        return None
    explained = explain(error, project, "", FILE)
    sockets = importlib.import_module("chat.sockets")
    consumer = importlib.import_module("chat.consumers").ChatConsumer
    asked = f"{where}() in SocketConsumer catches Refused, so ChatConsumer has to be a SocketConsumer."
    file = FILE
    if any(base.__module__ == sockets.__name__ for base in consumer.__mro__):
        asked, file = f"{where}() catches Refused.", "chat/sockets.py"
        if getattr(sockets, "Refused", Refused) is not Refused:
            asked = "chat/sockets.py catches a class Refused of its own. The one that was raised is in chat/errors.py."
    return Unmet(f"Nothing caught this, and the consumer died of it. {explained.seen}", asked, file)


@pytest.fixture
def person(application, caplog):
    """Return a function that makes a person who connects to a room through the root application."""

    def make(name, room="lobby", **handshake):
        return Person(name, application, f"/ws/chat/{quote(room, safe='')}/", log=caplog.records, **handshake)

    return make


@pytest.mark.parametrize("origin", ["http://localhost:9000", "https://127.0.0.1", "http://[::1]:8000"])
async def test_a_page_from_an_allowed_host_may_open_a_socket(person, origin):
    """A page from a host in ALLOWED_HOSTS may open a socket."""
    from django.conf import settings

    asked = f"Pages from the hosts in ALLOWED_HOSTS, here {settings.ALLOWED_HOSTS}, are let in, whatever their port."
    file = "tutorial/middleware.py" if is_allowed(origin) else "tutorial/settings.py"
    with looking_deeper():
        await person("Alice", origin=origin).join(asked=asked, file=file)


async def test_the_route_for_any_path_comes_last(application, caplog):
    """A room's socket reaches its consumer, and not the route that matches any path."""
    alice = Person("Alice", application, "/ws/chat/lobby/", log=caplog.records)
    with looking_deeper():
        accepted = await alice.knock(asked=LAST_ROUTE, file="tutorial/routing.py")
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expect(
        accepted or not lines or "origin" in lines[0],  # that is for another test
        seen=f"The first route that matches a room's socket refuses it. The log says: {lines and lines[0]}",
        asked=LAST_ROUTE,
        file="tutorial/routing.py",
    )


@pytest.mark.parametrize("path", ["/ws/chat/lobby", "/ws/chat/a/b/", "/nowhere/", "/"])
async def test_a_socket_without_a_route_is_refused_in_one_line(application, caplog, path):
    """A socket whose path no route matches is refused, with one line in the log and no traceback."""
    asked = ANY_PATH
    try:
        accepted = await Person("Nobody", application, path, log=caplog.records).knock(
            asked='A refusal is the event {"type": "websocket.close"}, sent with send(…).', file="tutorial/routing.py"
        )
    except ValueError as error:
        if "No route found" not in str(error):
            raise
        raise Unmet(f"{error} That is a page of traceback, and HTTP 500.", asked, "tutorial/routing.py") from None
    records = [record for record in caplog.records if record.levelname == "WARNING"]
    lines = [record.getMessage() for record in records]
    if len(records) > 1 and records[0].funcName != records[-1].funcName:
        raise Unmet(
            f"The socket {path} was refused twice. The log has {lines}.",
            "Whoever hands a socket on has done their part: `return await self.application(scope, receive, send)`.",
            project_file(records[-1].pathname, "tutorial/middleware.py"),
        )
    expect(
        not accepted and len(lines) == 1 and repr(path) in lines[0],
        seen=f"The socket {path} was {'accepted' if accepted else 'refused'}, and the log has {lines or 'no line'}.",
        asked=asked,
        file=project_file(records[0].pathname, "tutorial/routing.py") if records else "tutorial/routing.py",
    )


@pytest.mark.part_1
def test_no_two_rooms_share_a_group(django):
    """Each room has a group name of its own, which every layer accepts."""
    from chat.rooms import group_name

    names = [*ODD_NAMES, "lobby", "Lobby", "lobby ", "聊天 室", group_name("聊天室"), group_name("聊天室")[5:]]
    groups = {name: group_name(name) for name in names if len(name) <= 94}  # a digest may be longer than a room's name
    for name, group in groups.items():
        look_at_the_group(name, group)
        twins = [other for other in groups if groups[other] == group and other != name]
        digest = group_name("聊天室")[5:]
        expect(
            not twins,
            seen=f"The rooms {name[:64]!r} and {''.join(twins[:1])[:64]!r} share the group {show(group)}."
            + (" The name of the second is the digest of the first." if twins[:1] == [digest] else "")
            + (" Nothing is left of their names in it." if group.rstrip("-_.") == "chat" else ""),
            asked="group_name() gives no two rooms the same group: chat_ and a plain name, or chat- and the digest of "
            "any other name.",
            file="chat/rooms.py",
        )
    expect(
        groups["lobby"] == "chat_lobby",
        seen=f"The room lobby has the group {groups['lobby']}.",
        asked="A name of ASCII letters, digits, - _ . is in its group's name unchanged: chat_lobby.",
        file="chat/rooms.py",
    )


@pytest.mark.part_1
@pytest.mark.parametrize("room", ODD_NAMES, ids=shorten)
async def test_any_name_that_can_be_typed_is_a_room(person, room):
    """Two people in a room with any name hear each other."""
    with looking_deeper(room):
        alice = await person("Alice", room).join(asked=ANY_NAME, file="chat/rooms.py")
        bob = await person("Bob", room).join(asked=ANY_NAME, file="chat/rooms.py")
        await alice.say("hello")
        frame = await bob.hear(after=f"Alice spoke in the room {show(room)}", asked=ANY_NAME, file=FILE, of=alice)
        expect(frame == {"message": "hello"}, seen=f"Bob got {show(frame)}.", asked=ANY_NAME, file=FILE)


def blocks(project, name):
    """Say which block this template fills and base.html doesn't have, or return ""."""
    found = []
    for each in ("base", name):
        path = project / "chat" / "templates" / "chat" / f"{each}.html"
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        found.append(re.findall(r"{%\s*block (\w+)", text))
    stray = [each for each in found[1] if each not in found[0]]
    there = ", ".join(found[0]) or "none"
    return f" {name}.html fills the block {stray[0]}, and the blocks of base.html are: {there}." if stray else ""


@pytest.mark.parametrize("room", ODD_NAMES, ids=shorten)
def test_typing_any_name_leads_to_the_page_of_that_room(client, room, pytestconfig):
    """Type a room's name on /chat/, and you reach the page of that room and of no other."""
    response = client.get("/chat/", {"room": room}, follow=True)
    path = unquote(response.redirect_chain[-1][0]) if response.redirect_chain else "no other page"
    ids = Page(response).by_id
    expect(
        not re.search("[<&]", room) or room not in response.content.decode(),
        seen=f"The page of the room {room!r} has the name in it unescaped: a browser takes it for markup.",
        asked="{{ room_name }}, which Django escapes, and |safe nowhere.",
        file="chat/templates/chat/room.html",
    )
    expect(
        response.status_code != 200 or path != f"/chat/{room}/" or "chat-log" in ids,
        seen=f"The page of the room {room!r} has no element with the id chat-log. Its ids: {', '.join(ids) or 'none'}."
        + blocks(pytestconfig.project, "room"),
        asked="The page has the log, in a block that base.html has: what fills any other block is not shown.",
        file="chat/templates/chat/room.html",
    )
    expect(
        response.status_code == 200 and path == f"/chat/{room}/",
        seen=f"Typing {room!r} on /chat/ led to {path!r}, which answered {response.status_code}.",
        asked=ANY_NAME + ' The view redirects with redirect("room", room_name=…), which escapes the name.',
        file="chat/views.py",
    )


SHOW_GROUPS = """
import os, sys

os.environ["DJANGO_SETTINGS_MODULE"] = "tutorial.settings"
from chat.rooms import group_name

print(*map(group_name, sys.argv[1:]), sep="\\n")
"""


@pytest.mark.part_1
def test_a_rooms_group_is_the_same_in_every_process(django, pytestconfig):
    """A room's group has the same name in every process, so that people on two servers can meet there."""
    from chat.rooms import group_name

    names = ["lobby", "聊天室", "my room"]
    asked = "A room's group has the same name in every process."
    if "hash" in group_name.__code__.co_names:
        asked += " Python's own hash() differs between processes. A digest of hashlib doesn't."
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    run = run_python(pytestconfig.project, "-c", SHOW_GROUPS, *names, PYTHONHASHSEED=seed)
    if run.returncode:
        raise explain_output(run.stderr, pytestconfig.project, asked, "chat/rooms.py")
    for name, other in zip(names, run.stdout.splitlines(), strict=True):
        here = group_name(name)
        expect(
            here == other,
            seen=f"The room {name} has the group {show(here)} in one process, and {show(other)} in another.",
            asked=asked,
            file="chat/rooms.py",
        )


async def test_a_name_that_can_be_written_in_two_ways_is_one_room(person, layer, client):
    """The é of café may be one character or two, and looks the same: both are one room, for page and socket."""
    asked = 'clean_name() in chat/rooms.py returns unicodedata.normalize("NFC", text): one spelling for everyone.'
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    with looking_deeper(composed):
        alice = await person("Alice", composed).join(asked=ANY_NAME, file="chat/rooms.py")
        bob = await person("Bob", decomposed).join(asked=ANY_NAME, file="chat/rooms.py")
        await alice.say("hello")
        file = "chat/rooms.py"
        if returned("chat.rooms.clean_name", decomposed) == [composed]:
            asked, file = "The name that clean_name() returns is the room's: connect() makes the group of it.", FILE
        after = f"Alice spoke in the same room, whose é is one character. The groups are {', '.join(layer.groups)}"
        frame = await bob.hear(after=after, asked=asked, file=file, of=alice)
        expect(frame == {"message": "hello"}, seen=f"Bob got {show(frame)}.", asked=asked, file=file)
    long = "e\u0301" * 94
    expect(
        await person("Carol", long).connect(),
        seen="A name of 94 é, each typed as two characters, was refused. As one character each, it is a room's name.",
        asked="A name may have 94 characters: in what clean_name() returns, and not in the text as it was typed.",
        file="chat/rooms.py",
    )
    response = await asyncio.to_thread(client.get, f"/chat/{quote(decomposed)}/")
    expect(
        response.status_code == 302 and response["Location"] == f"/chat/{quote(composed)}/",
        seen=f"The page of café, whose é is two characters, answered {response.status_code}.",
        asked='The view redirects to the name that clean_name() returns: redirect("room", room_name=name).',
        file="chat/views.py",
    )


@pytest.mark.parametrize("room", NO_NAMES, ids=shorten)
async def test_a_name_that_no_room_can_have_is_refused(person, layer, client, caplog, room, pytestconfig):
    """A name that no room can have is refused in words: the page tells the person, the socket tells the log."""
    asked = "clean_name() in chat/rooms.py raises Refused for such a name; page and socket both call it."
    alice = person("Alice", room)
    try:
        accepted, why = await alice.knock(asked=asked, file=FILE), ""
    except Unmet:
        look_at_the_error()
        raise
    except Exception as error:
        look_at_the_error()
        look_at_no_name(room)
        uncaught = explain_refused(error, pytestconfig.project, "websocket_connect")
        if uncaught:
            raise uncaught from None
        if "No route found" in str(error):
            words = f"{error} That is a page of traceback, and HTTP 500."
            raise Unmet(words, ANY_PATH, "tutorial/routing.py") from None
        if not isinstance(error, TypeError) or "Group name must be" not in str(error):
            raise
        accepted, why = True, f" {type(error).__name__}: {error}"  # what a layer says about such a group name
    if accepted:
        look_at_no_name(room)
        with contextlib.suppress(Exception):
            if (await alice.next_event())["type"] == "websocket.close":
                why = " It was accepted first, and closed then."
                asked = "connect() calls clean_name() before it accepts the socket."
    expect(not accepted, seen=f"The socket of the room {show(room)} wasn't refused.{why}", asked=asked, file=FILE)
    expect(
        not layer.groups,
        seen=f"Alice was refused, but her channel is in the group {', '.join(layer.groups)}.",
        asked="connect() calls clean_name() before it joins the group, so a refused socket never joins.",
        file=FILE,
    )
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expect(
        len(lines) < 2,
        seen=f"The socket of the room {show(room)} was refused {len(lines)} times. The log has {lines}.",
        asked="Whoever hands a socket on, or refuses it, has done their part.",
        file=project_file(caplog.records[-1].pathname, "chat/sockets.py"),
    )
    expect(
        lines,
        seen="The log has no line.",
        asked="websocket_connect() writes one line to the log for a refused socket.",
        file="chat/sockets.py",
    )
    try:
        await alice.leave()
    except Exception as error:  # what leave() raised: nobody had joined
        explained = explain(error, pytestconfig.project, "", FILE)
        steps, step = [], error.__traceback__
        while step:
            steps += [step.tb_frame.f_code] if step.tb_frame.f_code.co_name == "leave" else []
            step = step.tb_next
        raise Unmet(
            f"A refused socket ended, and this error came of it. {explained.seen}",
            "leave() runs for a refused socket too, which has joined no group: it undoes only what connect() has done.",
            project_file(steps[-1].co_filename, explained.file) if steps else explained.file,
        ) from None
    response = await asyncio.to_thread(client.get, f"/chat/{quote(room, safe='')}/")
    page = Page(response)
    expect(
        "<samp>" not in page.text,
        seen=f"The page that refuses {show(room)} has the name in it unescaped: a browser takes it for markup.",
        asked="{{ room_name }}, which Django escapes, and |safe nowhere.",
        file="chat/templates/chat/index.html",
    )
    shown = page.by_id.get("room-name-input", {}).get("value") or room
    expect(
        shown != f"{room}/",
        seen=f"The page that refuses {show(room)} shows {shown!r}: the route has taken the address's last slash.",
        asked="The route ends with the slash with which the address ends: <path:room_name>/",
        file="chat/urls.py",
    )
    expect(
        shown == room or "\0" in room,
        seen=f"The page that refuses {show(room)} shows {shown!r} in the input.",
        asked='value="{{ room_name }}", in quotation marks: without them a value ends at the first blank.',
        file="chat/templates/chat/index.html",
    )
    unfilled = blocks(pytestconfig.project, "index")
    expect(
        response.status_code != 400 or "room-name-problem" in page.by_id or not unfilled,
        seen=f"The page that refuses a room has no element room-name-problem.{unfilled}",
        asked="The page fills a block that base.html has: what fills any other block is not shown.",
        file="chat/templates/chat/index.html",
    )
    expect(
        response.status_code == 400
        and "room-name-problem" in page.by_id
        # A route's part may end at a line's end, and no page links to such an address.
        or response.status_code == 404
        and "\n" in room,
        seen=f"The page of the room {show(room)} answered {response.status_code} without an element room-name-problem."
        if "room-name-problem" not in page.by_id
        else f"The page of the room {show(room)} answered {response.status_code}.",
        asked="The view calls clean_name(). If that raises Refused, the view answers with status 400, and with the "
        "sentence in an element with the id room-name-problem.",
        file="chat/views.py",
    )


def look_at_no_name(room):
    """Raise Unmet if one of the stage's functions is to blame for such a name being let in."""
    for function, names in (("is_blank", BLANK_NAMES), ("has_stray", STRAY_NAMES)):
        expect(
            room not in names or False not in returned(f"chat.invisible.{function}", room),
            seen=f"{function}({show(room)}) returned False.",
            asked="Nothing in this name can be seen."
            if function == "is_blank"
            else "Something in this name can't be seen, and changes nothing either.",
            file="chat/invisible.py",
        )
    for name in returned("chat.rooms.clean_name", room):
        refused = find("chat.errors.Refused")
        raised = isinstance(refused, type) and isinstance(name, refused)
        expect(
            False,
            seen=f"clean_name({show(room)}) returned {'a Refused' if raised else show(name)}, and raised nothing.",
            asked="`raise Refused(…)` in place of `return Refused(…)`."
            if raised
            else "clean_name() raises Refused for a name that no room can have.",
            file="chat/rooms.py",
        )


BAD_FRAMES = {
    "no JSON": "hello",
    "half a JSON": '{"message": "hello"',
    "empty": "",
    "a list": '["message"]',
    "a number": "1",
    "null": "null",
    "no message": '{"text": "hello"}',
    "a message that is a number": '{"message": 1}',
    "a message that is null": '{"message": null}',
    "a message that is an object": '{"message": {"message": "hello"}}',
    "NaN": '{"message": "hello", "x": NaN}',
    "Infinity": '{"message": Infinity}',
    "a huge number": '{"message": 1e999}',
    "a number of 5,000 digits": '{"message": ' + "1" * 5000 + "}",
    "blank": '{"message": " \\n "}',
    "nothing in it": '{"message": ""}',
    "nothing to be seen": '{"message": "\u200b"}',
    "4,001 characters": '{"message": "' + "x" * 4001 + '"}',
    "half of a character": '{"message": "\\ud83d"}',
    "100,000 brackets": "[" * 100_000,
    "100,000 brackets in an object": '{"message": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "binary": b'{"message": "hello"}',
}
ENDS = tuple(".!?…。！？")  # of a sentence
BLANK = "parse_message() raises Refused for a blank message: if is_blank(message)."
READING = {  # how such a frame is to be read
    "NaN": "Python reads NaN, but JSON has none: json.loads(text_data, parse_constant=f), where f raises a ValueError.",
    "blank": BLANK,
    "nothing in it": BLANK,
    "nothing to be seen": BLANK,
}


@pytest.mark.part_1
@pytest.mark.parametrize("kind", BAD_FRAMES)
async def test_a_frame_that_is_no_message_gets_an_error_and_the_socket_lives(person, kind, pytestconfig):
    """The sender of a bad frame gets an error in a sentence. Nobody else notices, and the socket stays open."""
    frame = BAD_FRAMES[kind]
    asked = (
        "parse_message() raises Refused for such a frame, and websocket_receive() in chat/sockets.py sends its sender "
        '{"error": "what was expected", "frame": 1}.'
    )
    with looking_deeper():
        alice = await person("Alice").join(asked=ANY_NAME, file=FILE)
        bob = await person("Bob").join(asked=ANY_NAME, file=FILE)
    await alice.send(**({"data": frame} if isinstance(frame, bytes) else {"text": frame}))
    sent = f"she sent {show(frame)}"
    try:
        answer = await alice.hear(after=sent, asked=asked, file="chat/sockets.py")
    except Exception as error:
        look_at_the_error()
        look_at_a_bad_frame(kind, asked)
        uncaught = not isinstance(error, Unmet) and explain_refused(error, pytestconfig.project, "websocket_receive")
        raise (uncaught or error) from None
    blank = "which is blank, " * (READING.get(kind) == BLANK)
    if "message" in answer:
        look_at_a_bad_frame(kind, asked)
    expect(
        "message" not in answer,
        seen=f"Alice sent {show(frame)}, {blank}and it passed for a message: she got {show(answer)}.",
        asked=READING.get(kind, asked),
        file="chat/messages.py",
    )
    look_at_the_answer(answer, sent, asked)
    await alice.say("and now a good one")
    for listener in (alice, bob):
        frame = await listener.hear(after="Alice then said something", asked=asked, file=FILE, of=alice)
        expect(
            "error" not in frame,
            seen=f"Alice sent {show(BAD_FRAMES[kind])}, and Bob heard of it too: he got {show(frame)}."
            if listener is bob
            else f"After {sent}, Alice got {show(answer)}, then {show(frame)}.",
            asked=asked,
            file="chat/sockets.py",
        )
        good = {"message": "and now a good one"}
        expect(frame == good, seen=f"{listener.name} got {show(frame)}.", asked=asked, file=FILE)


def look_at_a_bad_frame(kind, asked):
    """Raise Unmet if parse_message() returns anything for such a frame."""
    frame = BAD_FRAMES[kind]
    for found in returned("chat.messages.parse_message", None if isinstance(frame, bytes) else frame):
        refused = find("chat.errors.Refused")
        raised = isinstance(refused, type) and isinstance(found, refused)
        blank = "which is blank, " * (READING.get(kind) == BLANK)
        expect(
            False,
            seen=f"Alice sent {show(frame)}, {blank}and parse_message() returned "
            f"{'a Refused' if raised else show(found)}, and raised nothing.",
            asked="`raise Refused(…)` in place of `return Refused(…)`." if raised else READING.get(kind, asked),
            file="chat/messages.py",
        )


def look_at_the_answer(answer, sent, asked):
    """Raise Unmet if this isn't the error for somebody's frame."""
    if set(answer) != {"error", "frame"} or not answer["error"]:
        look_at_the_error()
    for key in ("error", "frame"):
        others = set(answer) - {"error", "frame"}
        expect(
            key in answer or len(others) != 1 or len(answer) != 2,
            seen=f"After {sent}, Alice got {show(answer)}.",
            asked=f"The page's script looks for {key!r}. What is called {''.join(others)!r} here needs that name.",
            file="chat/sockets.py",
        )
    expect(
        set(answer) == {"error", "frame"} and isinstance(answer["error"], str) and answer["error"].endswith(ENDS),
        seen=f"After {sent}, Alice got {show(answer)}.",
        asked=asked,
        file="chat/sockets.py",
    )


@pytest.mark.part_1
async def test_an_error_that_nobody_foresaw_reaches_no_client(person, layer):
    """A client is told only what was refused. What goes wrong inside the server is nobody else's business."""
    with looking_deeper():
        alice = await person("Alice").join(asked=ANY_NAME, file=FILE)

    async def group_send(group, message):
        raise RuntimeError("the server's own secret")

    layer.group_send = group_send
    await alice.say("hello")
    try:
        event = await alice.next_event()
    except (RuntimeError, TimeoutError):
        return
    expect(
        "secret" not in str(event.get("text")),
        seen=f"group_send() raised a RuntimeError, and its words went to the client: {event.get('text')}",
        asked="websocket_receive() catches Refused, and no other error: `except Refused as refused`.",
        file="chat/sockets.py",
    )


@pytest.mark.part_1
async def test_an_error_says_which_frame_it_is_about(person):
    """An error says which of its sender's frames it is about: the first one is number 1."""
    asked = (
        "websocket_receive() counts the frames of its own client, good and bad, before it handles them. An error has "
        "that number."
    )
    bob = await person("Bob").join(asked=ANY_NAME, file=FILE)
    await bob.send(text="Bob's frames have numbers of their own")
    await bob.hear(after="he sent a bad frame", asked=asked, file="chat/sockets.py")
    alice = await person("Alice").join(asked=ANY_NAME, file=FILE)
    for number, text in enumerate(("good", None, "good", None, b"bytes"), start=1):
        await alice.send(**({"data": text} if isinstance(text, bytes) else {"text": json.dumps({"message": text})}))
        frame = await alice.hear(after=f"Alice sent her frame number {number}", asked=asked, file="chat/sockets.py")
        expect(
            frame == {"message": "good"} if text == "good" else frame.get("frame") == number,
            seen=f"Alice's frame number {number} was {'good' if text == 'good' else 'bad'}, and she got {show(frame)}."
            + " Bob had sent one before." * (frame.get("frame") == number + 1),
            asked=asked,
            file="chat/sockets.py",
        )


@pytest.mark.part_1
@pytest.mark.parametrize("message", ["x" * 4000, "😀" * 4000, " a ", "<b>", "null", "two\nlines", "\0"], ids=shorten)
async def test_what_people_write_arrives_as_it_is(person, message):
    """A message of up to 4,000 characters arrives as it was sent."""
    asked = "A message of up to 4,000 characters reaches everyone unchanged."
    with looking_deeper(text=json.dumps({"message": message}), message=message):
        alice = await person("Alice").join(asked=ANY_NAME, file=FILE)
        await alice.say(message)
        frame = await alice.hear(after=f"she sent {show(message)}", asked=asked, file=FILE)
        refused = "error" in frame
        expect(
            frame == {"message": message},
            seen=f"Alice sent {show(message)}, and got {show(frame)}.",
            asked=asked,
            file="chat/messages.py" if refused and find("chat.messages.parse_message") else FILE,
        )


@pytest.mark.parametrize(
    "origin", ["http://elsewhere.example", "http://localhost.elsewhere.example", "null", "http://[", "", None]
)
async def test_a_page_from_elsewhere_may_not_open_a_socket(person, caplog, origin, pytestconfig):
    """A page from elsewhere may not open a socket, and the log says where it came from."""
    accepted = await person("Mallory", origin=origin).connect()
    routing = pytestconfig.project / "tutorial" / "routing.py"
    checked = routing.is_file() and "OriginCheck(" in routing.read_text(encoding="utf-8")
    host = " Its host isn't localhost: it only has that in its name." if "localhost." in (origin or "") else ""
    expect(
        not accepted,
        seen=f"A socket with the Origin {origin!r} was accepted.{host}",
        asked=ORIGINS if checked else "OriginCheck(…) wraps the websocket application.",
        file="tutorial/middleware.py" if checked else "tutorial/routing.py",
    )
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expect(
        len(lines) == 1 and (repr(origin) if origin else "missing") in lines[0],
        seen=f"The Origin {origin!r} was refused, and the log has {lines}.",
        asked="One line in the log, with the origin that was refused.",
        file="tutorial/middleware.py",
    )


@pytest.mark.parametrize("cookie", ["sessionid=" + "a" * 32, "sessionid=x", "sessionid=\xff\0;;=", "=;=", "sessionid"])
async def test_no_cookie_costs_anyone_the_chat(person, cookie, monkeypatch):
    """Somebody with a stale or forged session cookie is anonymous, and can chat."""
    from chat.consumers import ChatConsumer

    asked = "If the session can't be read (here there isn't even a table), scope['user'] is an AnonymousUser."
    scopes, own = [], ChatConsumer.__call__

    async def call(self, scope, receive, send):
        scopes.append(scope)
        await own(self, scope, receive, send)

    monkeypatch.setattr(ChatConsumer, "__call__", call)
    await person("Alice", cookie=cookie).join(asked=asked, file="tutorial/middleware.py")
    expect(
        "user" in scopes[0],
        seen="The consumer's scope has no user.",
        asked="OptionalAuthMiddlewareStack(…) wraps the routes.",
        file="tutorial/routing.py",
    )
    try:
        anonymous, seen = scopes[0]["user"].is_anonymous, f"scope['user'] is {scopes[0]['user']}"
    except ValueError as error:
        anonymous, seen = None, f"Nothing has set scope['user']. It says: {error}"
    expect(anonymous is True, seen=f"{seen.rstrip('.')}.", asked=asked, file="tutorial/middleware.py")


@pytest.mark.part_1
async def test_whatever_ends_a_connection_its_channel_leaves_its_group(person, layer, pytestconfig):
    """Whether a client leaves, its consumer dies of an error or the server ends it: the channel leaves its group."""
    own, discarded = layer.group_discard, []

    async def group_discard(group, channel):
        discarded.append((group, channel))
        await own(group, channel)

    async def end(name, how, seen):
        """End a consumer in this way. Raises Unmet if its channel is still in its group then."""
        someone = await person(name).join(asked=ANY_NAME, file=FILE)
        channel = next(iter(layer.groups.get("chat_lobby", ["no channel"])))
        discarded.clear()
        with Watch(pytestconfig.project) as ran:
            await how(someone)
        if "chat_lobby" in layer.groups:
            raise explain_membership(seen, ran, discarded, channel)

    async def die(alice):
        await layer.group_send("chat_lobby", {"type": "no_such_event"})
        expect(
            await alice.ends() and isinstance(alice.socket.future.exception(), ValueError),
            seen="An event came for which a consumer has no method, and no ValueError said so.",
            asked="__call__ lets errors through that nobody foresaw.",
            file="chat/sockets.py",
        )

    async def be_ended(bob):
        bob.socket.future.cancel()
        await bob.socket.wait()

    layer.group_discard = group_discard
    still = "channel is still in the group chat_lobby."
    await end("Carol", Person.leave, f"Carol has left, and her {still}")
    await end("Alice", die, f"Alice's consumer died of an error, and her {still}")
    await end("Bob", be_ended, f"The server ended Bob's consumer, and his {still}")


def explain_membership(seen, ran, discarded, channel):
    """Return the Unmet for a channel that is still in its group, from what ran while its connection ended."""
    from chat.consumers import ChatConsumer

    own = [base for base in ChatConsumer.__mro__ if base.__module__.partition(".")[0] in ("chat", "tutorial")]
    if discarded:
        asked = f"group_discard() gets the group and the channel: 'chat_lobby', {channel!r}."
        return Unmet(f"{seen} group_discard() was called with {discarded[-1]}.", asked, FILE)
    if (FILE, "leave") in ran.functions():
        asked = "leave() calls group_discard() with the group and the channel."
        return Unmet(f"{seen} leave() ran, but not group_discard().", asked, FILE)
    if "leave" not in vars(ChatConsumer):
        if "disconnect" in vars(ChatConsumer):
            asked = "Rename disconnect() to leave(): disconnect() runs only when the client leaves."
            return Unmet(seen, asked, FILE)
        methods = [f"{name}()" for name, value in vars(ChatConsumer).items() if callable(value)]
        seen += f" The class ChatConsumer has no leave(). It has {', '.join(methods)}."
        return Unmet(seen, "leave() is a method of ChatConsumer, and calls group_discard().", FILE)
    if not any(base.__module__ == "chat.sockets" for base in own):
        asked = "SocketConsumer is what calls leave(): class ChatConsumer(SocketConsumer)."
        return Unmet(f"{seen} leave() was never called.", asked, FILE)
    asked = "leave() runs in the `finally` of __call__, however the connection ends."
    return Unmet(f"{seen} leave() was never called.", asked, "chat/sockets.py")


@contextlib.contextmanager
def lobby(client, project):
    """The lobby's page, with its socket open, for a `with` statement. Raises Unmet if it opens no or another socket."""
    with browse(client, "/chat/lobby/", project) as page:
        expect_socket(page, "lobby", "The socket of the room.")
        page.open_socket()
        yield page


def enter(page, message):
    """Type a message into the page, and press Enter. Raises Unmet if the script raises an error."""
    page.type(message)
    page.press_enter()
    blame_errors(page)


def lose_connection(page):
    """Close the page's socket. Raises Unmet if the page opens another at once."""
    before = len(page.sockets)
    page.close_socket()
    if len(page.sockets) > before:
        blame(
            page,
            "The socket was closed, and the page opened another at once, without a pause.",
            "A pause first: setTimeout(connect, …), without parentheses after connect.",
        )


def connect_again(page, step=200):
    """
    Let time pass until the page opens its next socket, and return after how many seconds. At most one minute.

    `step` is how exactly that is measured, in milliseconds.
    """
    before = len(page.sockets)
    for passed in range(step, 60_001, step):
        page.run_timers(step)
        if len(page.sockets) > before:
            return passed / 1000
        if not page.timers:
            break
    blame_errors(page)
    if before > 1 and "close" not in page.sockets[-1]["listens"]:
        blame(
            page,
            f"The page's socket number {before} was closed, and nothing happened: it has no onclose.",
            "connect() makes the socket and sets its handlers: they belong to one socket.",
        )
    return blame(
        page,
        "The socket was closed, and within a minute the page opened no other.",
        "The socket's onclose connects again, after a pause: setTimeout(connect, …).",
    )


def test_a_rooms_page_says_whether_it_is_connected(client, pytestconfig):
    """The room's page says whether it is connected, and nobody can type into its log."""
    page = Page(client.get("/chat/lobby/"))
    expect(
        "readonly" in page.by_id.get("chat-log", {}),
        seen="People can type into the log.",
        asked='<textarea id="chat-log" readonly>.',
        file=ROOM,
    )
    expect(
        page.by_id.get("chat-status", {}).get("role") == "status",
        seen='The page has no element with the id chat-status and role="status".',
        asked='<p id="chat-status" role="status">, which the script keeps up to date and a screen reader reads out.',
        file=ROOM,
    )
    with lobby(client, pytestconfig.project) as page:
        connected = page.text("chat-status")
        page.close_socket()
        away = page.text("chat-status")
        blame_errors(page)
        if connected == away:
            blame(
                page,
                f"#chat-status says {connected!r} while the socket is open, and {away!r} after it was closed.",
                "The socket's onopen and its onclose each say in #chat-status what is so now.",
            )


def test_the_page_connects_again(client, pytestconfig):
    """When its socket is closed, the page opens another after a pause, and the pause grows."""
    with browse(client, "/chat/lobby/", pytestconfig.project) as page:
        expect_socket(page, "lobby", "The socket of the room.")
        page.evaluate("Math.random = () => 0.5; 0")  # a pause may be random, but not in here
        page.open_socket()
        pauses = []
        for number in range(5):
            lose_connection(page)
            pauses.append(connect_again(page))
            if number == 0:
                page.run_timers(2000)
                opened = len(page.sockets) - 1
                if opened > 1:
                    blame(
                        page,
                        f"One connection was lost, and the page opened {opened} others: each message will be shown "
                        f"{opened} times.",
                        "One setTimeout for each lost connection: no setInterval, and nothing in onerror, since a "
                        "browser reports the close, too.",
                    )
        if pauses[-1] <= pauses[0]:
            blame(
                page,
                f"The server stayed away, and the page tried again after {', '.join(map(str, pauses))} s.",
                "Each pause is longer than the one before, up to some limit.",
            )


def test_not_everybody_comes_back_at_once(client, pytestconfig):
    """Pages that lose the server at the same moment don't all come back at the same moment."""
    pauses = []
    for number in range(1, 6):
        with lobby(client, pytestconfig.project) as page:
            lose_connection(page)
            pauses.append(connect_again(page, step=20))
            if number == 5 and len(set(pauses)) == 1:
                blame(
                    page,
                    f"Five pages lost their connection at the same moment, and each of them came back {pauses[0]} s "
                    "later: a server that has just started gets all of them at once.",
                    "The pause is never quite the same: multiply it by something that Math.random() gives.",
                )


def test_what_people_write_is_shown_as_text(client, pytestconfig):
    """What people write is shown as text: nobody can put an element into the pages of the others."""
    with lobby(client, pytestconfig.project) as page:
        expect_text(page, "textContent or a field's value in place of innerHTML.")


def test_each_message_is_sent_and_shown_once(client, pytestconfig):
    """A message is sent when its writer is done, not at an input method's Enter, and everyone sees it once."""
    with lobby(client, pytestconfig.project) as page:
        page.type("nihao")
        page.compose_enter()
        blame_errors(page)
        if page.frames:
            blame(
                page,
                "The Enter with which an input method takes a character over sent the message, half written.",
                "A form's own submit doesn't hear that Enter. A key's event has isComposing then.",
            )
        page.press_enter()
        blame_errors(page)
        expect_stay(page, "After “nihao” and Enter")
        expect_once(page, "nihao", "A message is shown when it arrives: its sender gets it, too.")
        enter(page, " ")
        expect_stay(page, "After a blank and Enter", "event.preventDefault() first, whatever was typed.")


def test_what_is_typed_while_away_is_sent_once(client, pytestconfig):
    """What is typed without a connection waits, goes out once when there is one again, and in order."""
    with lobby(client, pytestconfig.project) as page:
        lose_connection(page)
        enter(page, "first")
        enter(page, "second")
        late = any(socket["late"] for socket in page.sockets)
        connect_again(page)
        page.open_socket()
        blame_errors(page)
        sent = [frame["text"] for frame in page.frames]
        if [json.loads(each).get("message") for each in sent] != ["first", "second"]:
            blame(
                page,
                "“first” and “second” were typed without a connection. "
                f"When there was one again, the page sent: {', '.join(sent) or 'nothing'}."
                + (" It had called send() on a socket that was closed, which drops the text." if late else ""),
                "Only while socket.readyState is WebSocket.OPEN does a message leave unsent. onopen sends what waits."
                if late
                else "What is typed waits in unsent, and the socket's onopen sends it.",
            )
        for each in sent:
            page.receive(each)
        lose_connection(page)
        connect_again(page)
        page.open_socket()
        if len(page.frames) > len(sent):
            blame(
                page,
                "What had waited was sent, and after the next connection was sent again: "
                f"{', '.join(frame['text'] for frame in page.frames[len(sent) :])}.",
                "What was sent is taken out of unsent.",
            )


def test_an_error_gives_back_the_message_that_it_is_about(client, pytestconfig):
    """An error from the server is shown, and the message that it is about is in the input again."""
    with lobby(client, pytestconfig.project) as page:
        for message in ("first", "second", "third"):
            enter(page, message)
        page.receive(json.dumps({"error": "This is too long.", "frame": 2}))
        blame_errors(page)
        given_back, log = page.text("chat-message-input"), page.text("chat-log")
        asked = "An error's frame says which of the messages sent it is about, counted from 1: that one goes back."
        if "This is too long." not in page.body_text() or "This is too long." in log:
            where = "in the log" if "This is too long." in log else "nowhere"
            blame(
                page,
                f'After the frame {{"error": "This is too long.", "frame": 2}}, the page shows the error {where}.',
                'The script shows frame.error in <p id="chat-error" role="alert">.',
            )
        if given_back != "second":
            blame(
                page,
                "“first”, “second” and “third” were sent, and the server refused frame 2. "
                f"After that, the input holds {given_back!r}.",
                asked,
            )


def test_what_may_be_lost_is_given_back(client, pytestconfig):
    """When the connection is lost, what was sent and never came back is in the input again, and nothing else."""
    with lobby(client, pytestconfig.project) as page:
        enter(page, "first")
        enter(page, "second")
        page.receive('{"message": "first"}')
        lose_connection(page)
        blame_errors(page)
        if page.text("chat-message-input") != "second":
            blame(
                page,
                "“first” and “second” were sent, only “first” came back, and the connection was lost. "
                f"After that, the input holds {page.text('chat-message-input')!r}.",
                "The socket's onclose puts back into the input what was sent and never came back.",
            )
        connect_again(page)
        page.open_socket()
        page.press_enter()
        page.receive(json.dumps({"error": "This is too long.", "frame": 1}))
        blame_errors(page)
        if page.text("chat-message-input") != "second":
            blame(
                page,
                "On a new connection, “second” was sent first, and the server said that frame number 1 was bad. "
                f"After that, the input holds {page.text('chat-message-input')!r}.",
                "The server counts anew on each connection. So the list of what was sent begins anew, too.",
            )
