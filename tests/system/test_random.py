"""
Random frames and room names, against the whole stack.
"""

import asyncio
import contextlib
import itertools
import json
import unicodedata
from urllib.parse import quote, unquote

import pytest
from channels.layers import BaseChannelLayer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import hear, say
from websockets.exceptions import InvalidStatus

from chat.errors import Refused
from chat.invisible import is_blank
from chat.rooms import clean_name, group_name

quick = settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
anything = st.characters(exclude_categories=())  # lone surrogates too
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(anything),
    lambda inner: st.lists(inner) | st.dictionaries(st.just("message") | st.text(anything), inner),
    max_leaves=10,
)
messages = st.fixed_dictionaries({"message": values | st.text()}, optional={"more": values})
frames = st.text() | st.binary() | (values | messages).map(json.dumps)
# Invisible characters, their neighbours, and characters that look like others.
invisible = "\u200b\u200c\u200d\u2028\u202e\u2060\ufeff\u00ad\u3164\u2800\ufe00\ufe0f\u20e3\U000e0067\u0301\u0308"
beside = "aeé1 /-میक्র্\u1161\u1112葛∩👩👍🏽🏳🏴❤🌈  \u00a0\u3000"
names = (
    st.text(min_size=1, max_size=100)
    | st.text(".%/\\#? +&;<'\n\t0aA\0", min_size=1, max_size=5)
    | st.text(invisible + beside, min_size=1, max_size=5)
    | st.builds(
        unicodedata.normalize, st.sampled_from(["NFC", "NFD"]), st.text("aéÅ국ủ\u0958-&", min_size=1, max_size=5)
    )
)


def clean_names(texts):
    """Return the names of the rooms that these texts mean. Texts that no room can have are left out."""
    cleaned = set()
    for text in texts:
        with contextlib.suppress(Refused):
            cleaned.add(clean_name(text))
    return cleaned


@pytest.fixture(scope="module")
def loop():
    """An event loop, since hypothesis calls a test many times, and not from a coroutine."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def room(loop, shared_server):
    """
    Two people in a room, for all frames, and the numbers of the first one's frames.

    Whatever the first one sends, the room has to live on.
    """

    async def enter():
        return await shared_server.enter("random"), await shared_server.enter("random")

    shared_server.forget_log()
    alice, bob = loop.run_until_complete(enter())
    yield alice, bob, itertools.count(1)
    loop.run_until_complete(alice.close())
    loop.run_until_complete(bob.close())
    assert "Traceback" not in shared_server.log()


def read_message(frame):
    """Return the message in a frame according to the protocol, or None."""

    def refuse(constant):
        raise ValueError(constant)

    try:
        message = json.loads(frame, parse_constant=refuse)["message"]
        message.encode()
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return None
    return message if not isinstance(frame, bytes) and not is_blank(message) and len(message) <= 4000 else None


@quick
@given(frame=frames)
def test_any_frame_gets_one_answer_and_the_socket_lives(loop, room, frame):
    alice, bob, numbers = room
    message = read_message(frame)

    async def exchange():
        number = next(numbers)
        await alice.send(frame)
        answer = await hear(alice)
        if message is None:
            assert set(answer) == {"error", "frame"}
            assert isinstance(answer["error"], str) and answer["error"]
            assert answer["frame"] == number
        else:
            assert answer == {"message": message}
            assert await hear(bob) == answer
        next(numbers)
        await say(alice, "next")
        assert await hear(alice) == await hear(bob) == {"message": "next"}, "one frame, one answer"

    loop.run_until_complete(exchange())


@quick
@given(name=names)
def test_page_and_socket_agree_on_which_rooms_there_are(loop, shared_server, name):
    page = shared_server.get_room(name)
    assert (page.status == 302) == bool(clean_names([name]) - {name}), "a room has one page, under its own name"
    if page.status == 302:
        (own_name,) = clean_names([name])
        assert unquote(page.getheader("Location")) == f"/chat/{own_name}/"
        page = shared_server.get_room(own_name)
        assert page.status == 200
    assert page.status == 200 or 400 <= page.status < 500

    async def try_socket():
        try:
            async with shared_server.enter(name) as socket:
                await say(socket, "hello")
                assert await hear(socket) == {"message": "hello"}
                return True
        except InvalidStatus as refused:
            assert refused.response.status_code == 403
            return False

    assert loop.run_until_complete(try_socket()) == (page.status == 200)


@quick
@given(name=names)
def test_a_rooms_name_means_this_room_however_it_is_written(name):
    rooms = clean_names([name])
    assert clean_names(rooms) == rooms, "a room's name is its own name"
    for form in ("NFC", "NFD"):
        assert clean_names([unicodedata.normalize(form, name)]) == rooms


@quick
@given(name=names)
def test_every_room_has_a_group_name_that_any_layer_accepts(name):
    for room in clean_names([name]):
        assert BaseChannelLayer().require_valid_group_name(group_name(room))


@quick
@given(name=names, other=names)
def test_no_two_rooms_share_a_group(name, other):
    # Any two names, and names that might be confused with them.
    rooms = clean_names(
        [name, other, name.upper(), name.lower(), name.strip(), quote(name), unicodedata.normalize("NFKD", name)]
    )
    groups = {group_name(room) for room in rooms}
    # A room may have the name of another room's group, or of a part of it.
    rooms |= groups | {group.removeprefix("chat") for group in groups} | {group[5:] for group in groups}
    assert len({group_name(room) for room in rooms}) == len(rooms)


@quick
@given(text=st.text(anything))
def test_a_message_that_shows_something_is_not_blank(text):
    """Letters, digits, punctuation and signs can be seen, except for five that have no picture."""
    seen = [character for character in text if unicodedata.category(character)[0] in "LNPS"]
    assert not is_blank(text) or set(seen) <= set("\u115f\u1160\u2800\u3164\uffa0")
