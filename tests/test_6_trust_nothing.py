"""Stage 6: whatever the room's name, the frame, the origin or the cookie, there is an answer, and no traceback."""

import asyncio
import json
from urllib.parse import quote, unquote

import pytest
from stage import LAST_ROUTE, ORIGINS, Page, Person, Unmet, expect, is_allowed

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
NO_NAMES = ["x" * 95, "😀" * 95, ".", "..", "a/b", "/", "lobby\n", "two\nlines", "tab\tbed", " ", "\u3000", "nul\0"]
NO_NAMES += ["\u200b", "lob\u200bby", "\u202elobby", "a\u2028b", "lobby\u200d"]  # invisible, or not to be told apart
ANY_PATH = "The last route matches any path: it refuses the socket and logs its path."


def shorten(name):
    return ascii(name[:12])


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
    await person("Alice", origin=origin).join(asked=asked, file=file)


async def test_the_route_for_any_path_comes_last(application, caplog):
    """A room's socket reaches its consumer, and not the route that matches any path."""
    alice = Person("Alice", application, "/ws/chat/lobby/")
    accepted = await alice.connect()
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expect(
        accepted or not lines or "http://localhost" in lines[0],  # its origin is refused: that is for another test
        seen=f"The first route that matches a room's socket refuses it. The log says: {lines and lines[0]}",
        asked=LAST_ROUTE,
        file="tutorial/routing.py",
    )


@pytest.mark.parametrize("path", ["/ws/chat/lobby", "/ws/chat/a/b/", "/nowhere/", "/"])
async def test_a_socket_without_a_route_is_refused_in_one_line(application, caplog, path):
    """A socket whose path no route matches is refused, with one line in the log and no traceback."""
    asked = ANY_PATH
    try:
        accepted = await Person("Nobody", application, path).connect()
    except ValueError as error:
        raise Unmet(f"{error} That is a page of traceback, and HTTP 500.", asked, "tutorial/routing.py") from None
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expect(
        not accepted and len(lines) == 1 and repr(path) in lines[0],
        seen=f"The socket {path} was {'accepted' if accepted else 'refused'}, and the log has {lines}.",
        asked=asked,
        file="tutorial/routing.py",
    )


@pytest.mark.parametrize("room", ODD_NAMES, ids=shorten)
async def test_any_name_that_can_be_typed_is_a_room(person, room):
    """Two people in a room with any name hear each other."""
    alice = await person("Alice", room).join(asked=ANY_NAME, file="chat/rooms.py")
    bob = await person("Bob", room).join(asked=ANY_NAME, file="chat/rooms.py")
    await alice.say("hello")
    frame = await bob.hear(after=f"Alice spoke in the room {room}", asked=ANY_NAME, file="chat/rooms.py")
    expect(frame == {"message": "hello"}, seen=f"Bob got {frame}.", asked=ANY_NAME, file="chat/rooms.py")


@pytest.mark.parametrize("room", ODD_NAMES, ids=shorten)
def test_typing_any_name_leads_to_the_page_of_that_room(client, room):
    """Type a room's name on /chat/, and you reach the page of that room and of no other."""
    response = client.get("/chat/", {"room": room}, follow=True)
    path = unquote(response.redirect_chain[-1][0]) if response.redirect_chain else "no other page"
    expect(
        response.status_code == 200 and path == f"/chat/{room}/" and "chat-log" in Page(response).by_id,
        seen=f"Typing {room!r} on /chat/ led to {path!r}, which answered {response.status_code}.",
        asked=ANY_NAME + ' The view redirects with redirect("room", room_name=…), which escapes the name.',
        file="chat/views.py",
    )


def test_no_two_rooms_share_a_group(django):
    """Each room has a group name of its own, which every layer accepts."""
    from channels.layers import BaseChannelLayer

    from chat.rooms import group_name

    names = [*ODD_NAMES, "lobby", "Lobby", "lobby ", "聊天 室", group_name("聊天室"), group_name("聊天室")[5:]]
    groups = {name: group_name(name) for name in names if len(name) <= 94}  # a digest may be longer than a room's name
    for name, group in groups.items():
        BaseChannelLayer().require_valid_group_name(group)
        twins = [other for other in groups if groups[other] == group and other != name]
        digest = group_name("聊天室")[5:]
        expect(
            not twins,
            seen=f"The rooms {name[:64]!r} and {''.join(twins[:1])[:64]!r} share the group {group}."
            + (" The name of the second is the digest of the first." if twins[:1] == [digest] else ""),
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


async def test_a_name_that_can_be_written_in_two_ways_is_one_room(person, client):
    """The é of café may be one character or two, and looks the same: both are one room, for page and socket."""
    asked = 'clean_name() in chat/rooms.py returns unicodedata.normalize("NFC", text): one spelling for everyone.'
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    alice = await person("Alice", composed).join(asked=ANY_NAME, file="chat/rooms.py")
    bob = await person("Bob", decomposed).join(asked=ANY_NAME, file="chat/rooms.py")
    await alice.say("hello")
    frame = await bob.hear(
        after="Alice spoke in the same room, whose é is one character", asked=asked, file="chat/rooms.py"
    )
    expect(frame == {"message": "hello"}, seen=f"Bob got {frame}.", asked=asked, file="chat/rooms.py")
    response = await asyncio.to_thread(client.get, f"/chat/{quote(decomposed)}/")
    expect(
        response.status_code == 302 and response["Location"] == f"/chat/{quote(composed)}/",
        seen=f"The page of café, whose é is two characters, answered {response.status_code}.",
        asked='The view redirects to the name that clean_name() returns: redirect("room", room_name=name).',
        file="chat/views.py",
    )


@pytest.mark.parametrize("room", NO_NAMES, ids=shorten)
async def test_a_name_that_no_room_can_have_is_refused(person, layer, client, caplog, room):
    """A name that no room can have is refused in words: the page tells the person, the socket tells the log."""
    asked = "clean_name() in chat/rooms.py raises Refused for such a name; page and socket both call it."
    alice = person("Alice", room)
    try:
        accepted, why = await alice.connect(), ""
    except TypeError as error:  # what a layer says about such a group name
        accepted, why = True, f" {type(error).__name__}: {error}"
    except ValueError as error:
        if "No route found" not in str(error):
            raise
        raise Unmet(f"{error} That is a page of traceback, and HTTP 500.", ANY_PATH, "tutorial/routing.py") from None
    expect(not accepted, seen=f"The socket of the room {room[:12]!r} wasn't refused.{why}", asked=asked, file=FILE)
    expect(
        not layer.groups,
        seen=f"Alice was refused, but her channel is in the group {', '.join(layer.groups)}.",
        asked="connect() calls clean_name() before it joins the group, so a refused socket never joins.",
        file=FILE,
    )
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expect(
        len(lines) == 1,
        seen=f"The log has {lines}.",
        asked="websocket_connect() writes one line to the log for a refused socket.",
        file="chat/sockets.py",
    )
    await alice.leave()  # raises what the consumer's leave() raised: nobody had joined
    response = await asyncio.to_thread(client.get, f"/chat/{quote(room, safe='')}/")
    page = Page(response)
    expect(
        response.status_code == 400 and "room-name-problem" in page.by_id,
        seen=f"The page of the room {room[:12]!r} answered {response.status_code} without an element room-name-problem."
        if "room-name-problem" not in page.by_id
        else f"The page of the room {room[:12]!r} answered {response.status_code}.",
        asked="The view calls clean_name(). If that raises Refused, the view answers with status 400, and with the "
        "sentence in an element with the id room-name-problem.",
        file="chat/views.py",
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
BLANK = "parse_message() raises Refused for a blank message: if is_blank(message)."
READING = {  # how such a frame is to be read
    "NaN": "Python reads NaN, but JSON has none: json.loads(text_data, parse_constant=f), where f raises a ValueError.",
    "blank": BLANK,
    "nothing in it": BLANK,
    "nothing to be seen": BLANK,
}


@pytest.mark.parametrize("kind", BAD_FRAMES)
async def test_a_frame_that_is_no_message_gets_an_error_and_the_socket_lives(person, kind):
    """The sender of a bad frame gets an error in a sentence. Nobody else notices, and the socket stays open."""
    frame = BAD_FRAMES[kind]
    asked = (
        "parse_message() raises Refused for such a frame, and websocket_receive() in chat/sockets.py sends its sender "
        '{"error": "what was expected", "frame": 1}.'
    )
    alice = await person("Alice").join(asked=ANY_NAME, file=FILE)
    bob = await person("Bob").join(asked=ANY_NAME, file=FILE)
    await alice.send(**({"data": frame} if isinstance(frame, bytes) else {"text": frame}))
    sent = f"Alice sent {frame[:40]!r}"
    answer = await alice.hear(after=sent, asked=asked, file="chat/sockets.py")
    expect(
        "message" not in answer,
        seen=f"{sent}, {'which is blank, ' * (kind == 'blank')}and it passed for a message: she got {answer}.",
        asked=READING.get(kind, asked),
        file="chat/messages.py",
    )
    expect(
        set(answer) == {"error", "frame"} and isinstance(answer["error"], str) and answer["error"].endswith("."),
        seen=f"After {sent}, she got {answer}.",
        asked=asked,
        file="chat/sockets.py",
    )
    await alice.say("and now a good one")
    for listener in (alice, bob):
        frame = await listener.hear(after="Alice then said something", asked=asked, file=FILE)
        expect(
            "error" not in frame,
            seen=f"{sent}, and Bob heard of it too: he got {frame}."
            if listener is bob
            else f"{sent}, and got {answer}, then {frame}.",
            asked=asked,
            file="chat/sockets.py",
        )
        expect(frame == {"message": "and now a good one"}, seen=f"{listener.name} got {frame}.", asked=asked, file=FILE)


async def test_an_error_says_which_frame_it_is_about(person):
    """An error says which of its sender's frames it is about: the first one is number 1."""
    asked = "websocket_receive() counts the client's frames, good and bad, in self.frames. An error has that number."
    alice = await person("Alice").join(asked=ANY_NAME, file=FILE)
    for number, text in enumerate(("good", None, "good", None, b"bytes"), start=1):
        await alice.send(**({"data": text} if isinstance(text, bytes) else {"text": json.dumps({"message": text})}))
        frame = await alice.hear(after=f"Alice sent her frame number {number}", asked=asked, file="chat/sockets.py")
        expect(
            frame == {"message": "good"} if text == "good" else frame.get("frame") == number,
            seen=f"Alice's frame number {number} was {'good' if text == 'good' else 'bad'}, and she got {frame}.",
            asked=asked,
            file="chat/sockets.py",
        )


@pytest.mark.parametrize("message", ["x" * 4000, "😀" * 4000, " a ", "<b>", "null", "two\nlines", "\0"], ids=shorten)
async def test_what_people_write_arrives_as_it_is(person, message):
    """A message of up to 4,000 characters arrives as it was sent."""
    asked = "The message reaches everyone unchanged."
    alice = await person("Alice").join(asked=ANY_NAME, file=FILE)
    await alice.say(message)
    frame = await alice.hear(after=f"Alice sent {message[:20]!r}", asked=asked, file=FILE)
    expect(frame == {"message": message}, seen=f"She got {str(frame)[:60]}.", asked=asked, file=FILE)


@pytest.mark.parametrize(
    "origin", ["http://elsewhere.example", "http://localhost.elsewhere.example", "null", "http://[", "", None]
)
async def test_a_page_from_elsewhere_may_not_open_a_socket(person, caplog, origin, pytestconfig):
    """A page from elsewhere may not open a socket, and the log says where it came from."""
    accepted = await person("Mallory", origin=origin).connect()
    routing = pytestconfig.project / "tutorial" / "routing.py"
    checked = routing.is_file() and "OriginCheck(" in routing.read_text(encoding="utf-8")
    expect(
        not accepted,
        seen=f"A socket with the Origin {origin!r} was accepted.",
        asked=ORIGINS if checked else "OriginCheck(…) wraps the websocket application.",
        file="tutorial/middleware.py" if checked else "tutorial/routing.py",
    )
    lines = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    expect(
        len(lines) == 1 and (repr(origin) if origin else "missing") in lines[0],
        seen=f"The log has {lines}.",
        asked="One line in the log, with the origin that was refused.",
        file="tutorial/middleware.py",
    )


@pytest.mark.parametrize("cookie", ["sessionid=" + "a" * 32, "sessionid=x", "sessionid=\xff\0;;=", "=;=", "sessionid"])
async def test_no_cookie_costs_anyone_the_chat(person, cookie):
    """Somebody with a stale or forged session cookie is anonymous, and can chat."""
    asked = "If the session can't be read (here there isn't even a table), scope['user'] is an AnonymousUser."
    await person("Alice", cookie=cookie).join(asked=asked, file="tutorial/middleware.py")


async def test_whatever_ends_a_connection_its_channel_leaves_its_group(person, layer):
    """Whether a client leaves, its consumer dies of an error or the server ends it: the channel leaves its group."""
    from chat.consumers import ChatConsumer

    carol = await person("Carol").join(asked=ANY_NAME, file=FILE)
    await carol.leave()
    expect(
        "chat_lobby" not in layer.groups,
        seen="Carol has left, and her channel is still in the group chat_lobby.",
        asked="leave() calls group_discard() with the group and the channel.",
        file=FILE,
    )
    asked, file = "leave() runs in the `finally` of __call__, however the connection ends.", "chat/sockets.py"
    if "disconnect" in vars(ChatConsumer) and "leave" not in vars(ChatConsumer):
        asked, file = "Rename disconnect() to leave(): disconnect() runs only when the client leaves.", FILE
    alice = await person("Alice").join(asked=ANY_NAME, file=FILE)
    await layer.group_send("chat_lobby", {"type": "no_such_event"})
    with pytest.raises(ValueError, match="No handler for message type"):
        await alice.socket.wait()
    expect(
        "chat_lobby" not in layer.groups,
        seen="Alice's consumer died of an error, and her channel is still in the group chat_lobby.",
        asked=asked,
        file=file,
    )
    bob = await person("Bob").join(asked=ANY_NAME, file=FILE)
    bob.socket.future.cancel()
    await bob.socket.wait()
    expect(
        "chat_lobby" not in layer.groups,
        seen="The server ended Bob's consumer, and his channel is still in the group chat_lobby.",
        asked=asked,
        file=file,
    )


def test_a_rooms_page_says_whether_it_is_connected(client):
    """The room's page says whether it is connected, and nobody can type into its log."""
    page = Page(client.get("/chat/lobby/"))
    expect(
        "readonly" in page.by_id.get("chat-log", {}),
        seen="People can type into the log.",
        asked='<textarea id="chat-log" readonly>.',
        file="chat/templates/chat/room.html",
    )
    expect(
        page.by_id.get("chat-status", {}).get("role") == "status",
        seen='The page has no element with the id chat-status and role="status".',
        asked='<p id="chat-status" role="status">, which the script keeps up to date and a screen reader reads out.',
        file="chat/templates/chat/room.html",
    )
