"""
The chat as people meet it: `manage.py runserver`, and clients on the network.
"""

import asyncio
import html
import json
import re
import subprocess
import sys
from urllib.parse import quote

import pytest
from running import hear, say
from websockets.exceptions import ConnectionClosed

ODD_ROOMS = [
    "聊天室",
    "my room",
    "O'Hara & <b>",
    "100%",
    "<!--<script>",
    "😀",
    "x" * 94,
    "😀" * 94,
    "a#b",
    "a?b",
    "a\\b",
    "a%2541",
    "%2e%2e",
    "...",
    "a+b",
    'a"b',
    "a;b=c",
]
# What odd names would become if they were decoded once too often or cut off.
LOOKALIKES = ["a", "a%41", "aA", "a%2Fb", "a b", "100", "A#B", "chat_a", "x" * 93, "é", "e"]
# Names that look alike in some typefaces but have other characters, and what one of them would be without its invisible
# characters.
LOOKALIKES += ["ﬁ", "fi", "А", "A", "👩👧", "1", "🏴", "🏳", "👍", "میخواهم", "क्ष"]

# Invisible characters that shape their neighbours.
SHAPED_ROOMS = {
    "family": "👩\u200d👩\u200d👧",
    "family of two": "👩\u200d👧",
    "rainbow flag": "🏳\ufe0f\u200d🌈",
    "keycap": "1\ufe0f\u20e3",
    "England's flag": "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
    "skin tone": "👍🏽",
    "skin tone and profession": "👩🏽\u200d🚀",
    "heart as a picture": "❤\ufe0f",
    "heart as text": "❤\ufe0e",
    "letter as a picture": "ℹ\ufe0f",
    "Persian with ZWNJ": "می\u200cخواهم",
    "Hindi with ZWJ": "क्\u200dष",
    "Bengali with ZWJ": "র\u200d্যাব",
    "ideograph with its variant": "葛\U000e0100",
    "new in Unicode 15": "\U0001fae8",  # a shaking face
    "joined in Unicode 15.1": "🐦\u200d🔥",  # a phoenix
    "new in Unicode 16": "\U0001fae9",  # a face with bags under its eyes
    "joined with one newer than this Python": "👩\u200d\U0001fae9",
}

REFUSED_ROOMS = {
    "95 letters": "x" * 95,
    "here": ".",
    "one level up": "..",
    "slash": "a/b",
    "slashes alone": "//",
    "trailing newline": "lobby\n",
    "tab inside": "my\troom",
    "null": "a\0b",
    "blank": " ",
    "zero width space": "\u200b",
    "zero width space inside": "lob\u200bby",
    "word joiner": "\u2060",
    "word joiner inside": "lob\u2060by",
    "byte order mark": "\ufeff",
    "byte order mark inside": "lob\ufeffby",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "right-to-left override": "\u202elobby",
    "left-to-right isolate": "a\u2066b",
    "soft hyphen": "lob\u00adby",
    "Hangul filler": "\u3164",
    "Hangul filler inside": "lob\u3164by",
    "braille blank": "\u2800",
    "braille blank inside": "lob\u2800by",
    "joiner behind a Latin letter": "lobby\u200d",
    "joiner between Latin letters": "lob\u200dby",
    "joiner alone": "\u200d",
    "joiner behind an emoji": "😀\u200d",
    "non-joiner between Latin letters": "lob\u200cby",
    "emoji style after a Latin letter": "lobby\ufe0f",
    "selector behind a Latin letter": "lobby\ufe00",
    "tag behind a Latin letter": "lobby\U000e0067",
    "emoji style after punctuation": "lobby-\ufe0f",
    "emoji style twice": "😀\ufe0f\ufe0f",
    "non-joiner at the end": "می\u200c",
    "flag whose tags have no end": "🏴\U000e0067\U000e0062",
}


NOTHING_TO_SEE = [" ", "\u200b", "\u2060", "\ufeff", "\u3164", "\u2800", "\u200d"]


def room_of(page):
    """Return the name of the room that the page's script joins."""
    found = re.search(r'<script id="room-name" type="application/json">(.*?)</script>', page.text)
    assert found, f"no room on this page: {page.text}"
    return json.loads(found[1])


def problem_on(page):
    """Return the sentence with which the page refuses a room."""
    found = re.search(r'role="alert">(.*?)</p>', page.text)
    assert found, f"no sentence says what is wrong: {page.text}"
    return html.unescape(found[1])


def test_the_front_door_leads_to_the_chat(server):
    assert server.get("/").getheader("Location") == "/chat/"
    assert "Choose a room" in server.get("/chat/").text


def test_the_admin_answers(server):
    page = server.get("/admin/login/")
    assert page.status == 200
    assert "Log in" in page.text


async def test_everyone_in_the_room_gets_a_message_and_so_does_its_sender(server):
    async with server.enter("lobby") as alice, server.enter("lobby") as bob, server.enter("lobby") as carol:
        await say(alice, "hello 你好 😀")
        for member in (alice, bob, carol):
            assert await hear(member) == {"message": "hello 你好 😀"}


async def test_nobody_in_another_room_gets_a_message(server):
    async with server.enter("here") as alice, server.enter("there") as bob:
        await say(alice, "hello")
        assert await hear(alice) == {"message": "hello"}
        await say(bob, "world")
        assert await hear(bob) == {"message": "world"}, "and not what alice said in the other room"


async def test_messages_arrive_in_the_order_in_which_they_were_sent(server):
    async with server.enter("lobby") as alice, server.enter("lobby") as bob:
        for number in range(200):
            await say(alice, str(number))
        for member in (alice, bob):
            assert [(await hear(member))["message"] for _ in range(200)] == [str(number) for number in range(200)]


async def test_nothing_is_lost_when_a_whole_class_speaks_at_once(server):
    members = await asyncio.gather(*(server.enter("class") for _ in range(50)))
    try:
        await asyncio.gather(*(say(member, f"{i}") for i, member in enumerate(members) for _ in range(5)))
        everything = sorted(f"{i}" for i in range(50) for _ in range(5))
        for member in members:
            assert sorted([(await hear(member))["message"] for _ in everything]) == everything
    finally:
        await asyncio.gather(*(member.close() for member in members))


async def test_a_client_that_vanishes_disturbs_nobody(server):
    async with server.enter("lobby") as alice:
        for _ in range(20):
            bob = await server.enter("lobby")
            bob.transport.abort()  # as when a laptop is closed or a cable pulled out
        await say(alice, "still here")
        assert await hear(alice) == {"message": "still here"}
        async with server.enter("lobby") as carol:
            await say(carol, "hello")
            assert await hear(alice) == await hear(carol) == {"message": "hello"}


async def test_people_who_come_back_after_a_restart_can_chat_again(serve):
    server = serve()
    alice = await server.enter("lobby")
    await say(alice, "before")
    assert await hear(alice) == {"message": "before"}
    server.restart()
    with pytest.raises(ConnectionClosed):
        await hear(alice)
    async with server.enter("lobby") as alice, server.enter("lobby") as bob:
        await say(alice, "after")
        assert await hear(alice) == await hear(bob) == {"message": "after"}
    server.assert_nothing_broke()


# Rooms


ROOMS = [*ODD_ROOMS, *LOOKALIKES, *SHAPED_ROOMS.values()]
ROOM_IDS = [*ODD_ROOMS, *LOOKALIKES, *SHAPED_ROOMS]


@pytest.mark.parametrize("room", ROOMS, ids=ROOM_IDS)
async def test_a_room_of_any_name_has_a_page_and_a_socket(server, room):
    page = server.get_room(room)
    assert page.status == 200
    assert room_of(page) == room
    assert f">{html.escape(room)}</h1>" in page.text
    async with server.enter(room) as alice, server.enter(room) as bob:
        await say(alice, "hello")
        assert await hear(alice) == await hear(bob) == {"message": "hello"}


@pytest.mark.parametrize("room", ROOMS, ids=ROOM_IDS)
def test_a_typed_name_leads_to_the_room_with_that_name(server, room):
    choice = server.get(f"/chat/?room={quote(room, safe='')}")
    assert choice.status == 302
    assert room_of(server.get(choice.getheader("Location"))) == room


async def test_no_two_names_lead_to_the_same_room(server):
    members = await asyncio.gather(*(server.enter(room) for room in ROOMS))
    try:
        for what in ("first", "second"):
            for room, member in zip(ROOMS, members, strict=True):
                await say(member, f"{what} in {room}")
            for room, member in zip(ROOMS, members, strict=True):
                assert await hear(member) == {"message": f"{what} in {room}"}
    finally:
        await asyncio.gather(*(member.close() for member in members))


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("café", "cafe\u0301"),
        ("Ångström", "A\u030angstro\u0308m"),
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8"),
        ("my room", "my  room"),
        ("my room", "my\u00a0room"),
        ("my room", " my\u3000\u2003room\u202f"),
    ],
    ids=["accent", "two accents", "Hangul", "two spaces", "no-break space", "spaces of all kinds"],
)
async def test_a_name_that_can_be_written_in_two_ways_is_one_room(server, name, written):
    """Both look the same, so it's the same room, and the page redirects to one of the two."""
    for page in (server.get_room(written), server.get(f"/chat/?room={quote(written)}")):
        assert page.status == 302
        assert page.getheader("Location") == f"/chat/{quote(name)}/"
    page = server.get_room(name)
    assert page.status == 200 and room_of(page) == name
    async with server.enter(name) as alice, server.enter(written) as bob:
        await say(alice, "in one way")
        assert await hear(alice) == await hear(bob) == {"message": "in one way"}
        await say(bob, "in the other")
        assert await hear(alice) == await hear(bob) == {"message": "in the other"}


@pytest.mark.parametrize("room", REFUSED_ROOMS.values(), ids=REFUSED_ROOMS)
async def test_a_name_that_no_room_can_have_is_refused_in_words(server, room):
    page = server.get_room(room)
    assert 400 <= page.status < 500
    assert problem_on(page).endswith((".", "!"))
    assert ("visible character" in problem_on(page)) == (room in NOTHING_TO_SEE)
    assert "Traceback" not in page.text

    server.forget_log()
    assert await server.refusal(room) == 403
    server.until_logged("WebSocket DISCONNECT")
    (line,) = server.own_words()
    assert line.startswith("Refused the socket")
    if "/" not in room:  # a slash makes it another path, which leads to no room
        assert line.endswith(problem_on(page)), "the page and the log say the same"


TYPED_ROOMS = ["x" * 95, ".", "..", "a/b", "my\troom", "lob\u200bby", "\u2060", "\u202elobby", "lobby\u200d"]


@pytest.mark.parametrize("room", TYPED_ROOMS)
def test_people_who_type_such_a_name_are_told_why(server, room):
    choice = server.get(f"/chat/?room={quote(room, safe='')}")
    assert problem_on(choice) == problem_on(server.get_room(room))
    assert f'value="{html.escape(room)}"' in choice.text, "the name is still there to be corrected"


@pytest.mark.parametrize("path", ["/", "/ws/", "/ws/chat/", "/ws/chat/lobby", "/ws/chat/lobby/more/", "/chat/lobby/"])
async def test_a_socket_without_a_room_is_refused_with_one_line_in_the_log(server, path):
    assert await server.refusal(path=path) in (403, 404)
    server.until_logged("WebSocket DISCONNECT")
    (line,) = server.own_words()
    assert repr(path) in line


# Frames

LONG = "x" * 4001
BAD_FRAMES = {
    # name: (frame, a word in the error that comes back)
    "not JSON": ("hello", "JSON"),
    "empty": ("", "JSON"),
    "half of JSON": ('{"message": "hel', "JSON"),
    "two in one": ('{"message": "a"}{"message": "b"}', "JSON"),
    "byte order mark": ('\ufeff{"message": "a"}', "JSON"),
    "nested deep": ("[" * 100_000, "JSON"),
    "nested deep, and closed": ("[" * 100_000 + "]" * 100_000, "JSON"),
    "objects nested deep": ('{"message":' * 50_000, "JSON"),
    "huge integer": ('{"message": ' + "9" * 5000 + "}", "JSON"),
    "huge integer beside a message": ('{"message": "a", "n": ' + "9" * 5000 + "}", "JSON"),
    "NaN": ('{"message": NaN}', "JSON"),
    "NaN beside a message": ('{"message": "a", "n": NaN}', "JSON"),
    "minus infinity": ("-Infinity", "JSON"),
    "huge float": ('{"message": 1e999}', "string"),
    "list": ('["message"]', "object"),
    "string": ('"message"', "object"),
    "null": ("null", "object"),
    "nothing in it": ("{}", "message"),
    "no message": ('{"Message": "hello"}', "message"),
    "null message": ('{"message": null}', "string"),
    "object message": ('{"message": {"message": "hello"}}', "string"),
    "no text": ('{"message": ""}', "blank"),
    "blank": ('{"message": " \\n\\t\\u3000"}', "blank"),
    "nothing to be seen": (json.dumps({"message": "\u200b"}), "blank"),
    "more that can't be seen": (json.dumps({"message": " \u2060\ufeff\u3164\u2800\ufe0f\u200d"}), "blank"),
    "4001 characters": (json.dumps({"message": LONG}), "4001"),
    "lone surrogate": ('{"message": "\\ud800"}', "surrogate"),
    "binary": (b'{"message": "hello"}', "binary"),
    "binary nothing": (b"", "binary"),
    "binary junk": (b"\xff\x00\xfe", "binary"),
}


@pytest.mark.parametrize(("frame", "word"), BAD_FRAMES.values(), ids=BAD_FRAMES)
async def test_a_bad_frame_is_answered_to_its_sender_alone_and_the_socket_lives(server, frame, word):
    async with server.enter("lobby") as alice, server.enter("lobby") as bob:
        await alice.send(frame)
        answer = await hear(alice)
        assert set(answer) == {"error", "frame"}
        assert word in answer["error"]
        assert answer["error"].endswith(".")
        assert answer["frame"] == 1
        await say(alice, "a good one")
        assert await hear(alice) == {"message": "a good one"}
        assert await hear(bob) == {"message": "a good one"}, "bob doesn't hear of the bad frame"


async def test_an_error_has_the_number_of_its_frame(server):
    """All frames of this connection are counted, and no others. Some are sent together in one piece."""
    async with server.enter("lobby") as alice, server.enter("lobby") as bob:
        await bob.send("not JSON")
        assert (await hear(bob))["frame"] == 1
        frames = ["not JSON", '{"message": "good"}', b"binary", '{"message": ""}', '{"message": "too"}', "[]"]
        for frame in frames:
            await alice.send(frame)
        found = [await hear(alice) for _ in frames]
        assert [answer.get("message", answer.get("frame")) for answer in found] == [1, "good", 3, 4, "too", 6]
        assert [(await hear(bob))["message"] for _ in range(2)] == ["good", "too"]
        await bob.send("not JSON")
        assert (await hear(bob))["frame"] == 2, "alice's frames are not counted with his"


MESSAGES = ["x" * 4000, "😀" * 4000, "\0", "a\u2028b", "<b>", " a ", "\ud83d\ude00"]
# A message is never changed, even if it has characters that no room's name can have.
MESSAGES += [
    "👩\u200d👩\u200d👧",
    "🏳\ufe0f\u200d🌈",
    "1\ufe0f\u20e3",
    "\u200ba",
    "\u202ea",
    "e\u0301",
    "می\u200cخواهم",
    "۝",
]


@pytest.mark.parametrize("text", MESSAGES)
async def test_a_message_arrives_unchanged(server, text):
    async with server.enter("lobby") as alice:
        await say(alice, text)
        # In JSON a pair of surrogates is one character.
        assert await hear(alice) == {"message": text.encode("utf-16", "surrogatepass").decode("utf-16")}


@pytest.mark.parametrize(
    "send",
    [lambda socket: socket.send("x" * (2**20 + 1)), lambda socket: socket.send(b"\xff", text=True)],
    ids=["over a mebibyte", "text that is not UTF-8"],
)
async def test_a_frame_that_daphne_refuses_ends_only_its_senders_connection(server, send):
    async with server.enter("lobby") as alice, server.enter("lobby") as bob:
        with pytest.raises(ConnectionClosed):
            await send(alice)
            await hear(alice)
        await say(bob, "hello")
        assert await hear(bob) == {"message": "hello"}


# Origins and cookies


@pytest.mark.parametrize(
    "origin",
    [None, "null", "http://evil.example", "http://localhost.evil.com", "http://evil.com#localhost"],
)
async def test_a_page_from_elsewhere_is_refused_and_the_log_names_it(server, origin):
    assert await server.refusal("lobby", origin=origin) in (400, 403)
    server.until_logged("WebSocket DISCONNECT")
    (line,) = server.own_words()
    assert (repr(origin) if origin else "missing") in line


@pytest.mark.parametrize("origin", ["http://[::1", "localhost", "http://", "http://localhost:port"])
async def test_an_invalid_origin_is_refused(server, origin):
    # daphne refuses most of them itself, before the chat is asked, and logs nothing.
    assert await server.refusal("lobby", origin=origin) in (400, 403)


async def test_pages_under_every_name_of_this_machine_may_chat(server):
    for host in ("localhost", "127.0.0.1", "[::1]"):
        async with server.enter("lobby", origin=f"http://{host}:{server.port}") as alice:
            await say(alice, "hello")
            assert await hear(alice) == {"message": "hello"}


async def test_a_class_can_join_under_a_host_name_that_the_teacher_allowed(serve):
    server = serve()
    assert server.get("/chat/", Host="class.example").status == 400
    assert await server.refusal("lobby", origin="http://class.example:8000") == 403
    # without Django's yellow error pages, as it should be when others can reach the server
    server = serve(DJANGO_ALLOWED_HOSTS="class.example, 192.0.2.7", DJANGO_DEBUG="0")
    for host in ("class.example", "192.0.2.7", "localhost"):
        assert server.get("/chat/lobby/", Host=f"{host}:8000").status == 200
        async with server.enter("lobby", origin=f"http://{host}:8000") as alice:
            await say(alice, "hello")
            assert await hear(alice) == {"message": "hello"}
    assert await server.refusal("lobby", origin="http://other.example:8000") == 403
    assert server.get("/chat/", Host="other.example").status == 400
    assert "urlpatterns" not in server.get("/nowhere/").text


JUNK_COOKIES = {
    "stale": f"sessionid={'x' * 32}",
    "empty": "sessionid=",
    "long": f"sessionid={'x' * 5000}",
    "odd": "sessionid=<!--%00; ;;=; sessionid",
    "not ASCII": "sessionid=\xe9\xff",
}


@pytest.mark.parametrize("cookie", JUNK_COOKIES.values(), ids=JUNK_COOKIES)
async def test_no_cookie_keeps_anyone_from_the_chat(server, cookie):
    """The shared server's database has no tables, since nobody has to run migrations before the first chat."""
    for path in ("/chat/", "/chat/lobby/"):
        assert server.get(path, Cookie=cookie).status == 200
    if cookie.isascii():  # the client can't send others
        async with server.enter("lobby", additional_headers={"Cookie": cookie}) as alice:
            await say(alice, "hello")
            assert await hear(alice) == {"message": "hello"}


MAKE_SESSIONS = """
from datetime import timedelta
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.utils import timezone
model = "django.contrib.auth.backends.ModelBackend"
for key, user, backend in (
    ("gone", "12345", model), ("notanumber", "abc", model), ("list", [1], model), ("none", None, model),
    ("toobig", 10 ** 30, model), ("nobackend", "1", "no.such.Backend"),
):
    data = SessionStore().encode({"_auth_user_id": user, "_auth_user_backend": backend, "_auth_user_hash": "x"})
    Session.objects.create(session_key=key, session_data=data, expire_date=timezone.now() + timedelta(1))
Session.objects.create(session_key="junkdata", session_data="junk", expire_date=timezone.now() + timedelta(1))
"""


@pytest.fixture
def server_with_sessions(serve):
    """A server with tables in its database, and in them sessions that lead nowhere."""
    server = serve()
    for command in (["migrate", "-v", "0"], ["shell", "-v", "0", "-c", MAKE_SESSIONS]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=server.folder, check=True, timeout=60)
    return server


async def test_no_session_in_the_database_keeps_anyone_from_the_chat(server_with_sessions):
    server = server_with_sessions
    for key in ("gone", "notanumber", "list", "none", "toobig", "nobackend", "junkdata"):
        cookie = f"sessionid={key}"
        assert server.get("/chat/lobby/", Cookie=cookie).status == 200, key
        async with server.enter("lobby", additional_headers={"Cookie": cookie}) as alice:
            await say(alice, "hello")
            assert await hear(alice) == {"message": "hello"}, key
    server.assert_nothing_broke()
