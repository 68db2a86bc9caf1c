"""
Frames and room names that nobody thought of, against the whole stack.
"""

import asyncio
import json
import unicodedata
from urllib.parse import quote

import pytest
from channels.layers import BaseChannelLayer
from hypothesis import given, settings
from hypothesis import strategies as st
from running import hear, say
from websockets.exceptions import InvalidStatus

from chat.rooms import find_problem, group_name

quick = settings(deadline=None, max_examples=200)
anything = st.characters(exclude_categories=())  # lone surrogates too
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(anything),
    lambda inner: st.lists(inner) | st.dictionaries(st.just("message") | st.text(anything), inner),
    max_leaves=10,
)
messages = st.fixed_dictionaries({"message": values | st.text()}, optional={"more": values})
frames = st.text() | st.binary() | (values | messages).map(json.dumps)
names = st.text(min_size=1, max_size=100) | st.text(".%/\\#? +&;<'\n\t0aA\0", min_size=1, max_size=5)


@pytest.fixture(scope="module")
def loop():
    """hypothesis calls a test many times from one that isn't async: it needs a loop of its own."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def room(loop, shared_server):
    """Two people in a room, for all frames: whatever one of them sends, the room has to live on."""

    async def enter():
        return await shared_server.enter("random"), await shared_server.enter("random")

    shared_server.forget_log()
    alice, bob = loop.run_until_complete(enter())
    yield alice, bob
    loop.run_until_complete(alice.close())
    loop.run_until_complete(bob.close())
    assert "Traceback" not in shared_server.log()


def read_message(frame):
    """Return the message in a frame as the protocol has it, or None."""

    def refuse(constant):
        raise ValueError(constant)

    try:
        message = json.loads(frame, parse_constant=refuse)["message"]
        message.encode()
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        return None
    return message if not isinstance(frame, bytes) and message.strip() and len(message) <= 4000 else None


@quick
@given(frame=frames)
def test_any_frame_gets_one_answer_and_the_socket_lives(loop, room, frame):
    alice, bob = room
    message = read_message(frame)

    async def exchange():
        await alice.send(frame)
        answer = await hear(alice)
        if message is None:
            assert list(answer) == ["error"]
            assert isinstance(answer["error"], str) and answer["error"]
        else:
            assert answer == {"message": message}
            assert await hear(bob) == answer
        await say(alice, "next")
        assert await hear(alice) == await hear(bob) == {"message": "next"}, "one frame, one answer"

    loop.run_until_complete(exchange())


@quick
@given(name=names)
def test_page_and_socket_agree_which_rooms_there_are(loop, shared_server, name):
    status = shared_server.get_room(name).status
    assert status == 200 or 400 <= status < 500

    async def try_socket():
        try:
            async with shared_server.enter(name) as socket:
                await say(socket, "hello")
                assert await hear(socket) == {"message": "hello"}
                return True
        except InvalidStatus as refused:
            assert refused.response.status_code == 403
            return False

    assert loop.run_until_complete(try_socket()) == (status == 200)


@quick
@given(name=names)
def test_every_room_has_a_group_that_any_layer_takes(name):
    if find_problem(name) is None:
        assert BaseChannelLayer().require_valid_group_name(group_name(name))


@quick
@given(name=names, other=names)
def test_no_two_rooms_share_a_group(name, other):
    # Any two names, and those that one might take for the other.
    rooms = {name, other, name.upper(), name.lower(), name.strip(), quote(name), unicodedata.normalize("NFKD", name)}
    groups = {group_name(room) for room in rooms}
    # A room may be called like another one's group, or a part of it.
    rooms |= groups | {group.removeprefix("chat") for group in groups} | {group[5:] for group in groups}
    assert len({group_name(room) for room in rooms}) == len(rooms)
