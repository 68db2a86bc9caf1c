"""What the first notebooks measure and record themselves: polling beside a socket, and the turns of coroutines."""

import asyncio

import pytest
from lesson import REPOSITORY  # noqa: F401 - it makes `workshop` importable
from workshop.errors import WorkshopError
from workshop.measuring import SCHEDULE, measure_polling, measure_socket
from workshop.recording.turns import Turns


async def test_each_way_delivers_all_messages_and_a_socket_asks_once():
    polled, again, pushed = await asyncio.gather(measure_polling(1), measure_polling(0.2), measure_socket())
    for way in (polled, again, pushed):
        assert len(way.delays) == len(SCHEDULE) and min(way.delays) >= 0
        assert way.size == sum(len(data) for _, data in way.passed)
    assert pushed.requests == 1 < polled.requests < again.requests
    assert pushed.on_a_socket and not polled.on_a_socket
    assert max(pushed.delays) < max(polled.delays)
    assert pushed.first_frame()[2:] == b'"message 1"'


async def test_news_that_are_wrong_are_answered_in_a_sentence():
    async def all_again(room, after):
        return room.messages

    with pytest.raises(WorkshopError, match="has to hear each message once, in order"):
        await measure_polling(0.5, all_again)


async def test_turns_are_those_that_the_event_loop_gave():
    order = []

    async def speak(name, first, second):
        await first.wait()
        order.append(name)
        second.set()
        return name

    begin, then = asyncio.Event(), asyncio.Event()
    begin.set()
    turns = await Turns.of(Bob=speak("Bob", then, asyncio.Event()), Alice=speak("Alice", begin, then))
    assert order == ["Alice", "Bob"]
    assert [name for name, _, _ in turns.turns] == ["Bob", "Alice", "Bob"], "Bob waits, Alice runs, then Bob goes on."
    picture = turns._repr_mimebundle_()
    assert "Who runs when" in picture["image/svg+xml"] and picture["text/plain"].count("runs") == 3


async def test_an_error_comes_out_of_turns_as_out_of_an_await():
    async def leave():
        await asyncio.sleep(0)
        raise ConnectionError("Carol has left.")

    with pytest.raises(ConnectionError, match="Carol has left"):
        await Turns.of(Carol=leave())
