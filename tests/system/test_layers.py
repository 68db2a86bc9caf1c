"""
What the log tells of lost deliveries, and what the chat keeps in memory of the messages that have passed.
"""

import asyncio
import gc
import json
import logging
import re
import tracemalloc

import pytest
from test_internals import HELLO, Socket

MEBIBYTE = 1 << 20


class Log(logging.Handler):
    """What the log has told of losses: [(address, number), …]."""

    def __init__(self):
        super().__init__()
        self.told, self.more = [], None

    def emit(self, record):
        found = re.match(r"Deliveries lost at '(.*)': (\d+)\. Mailboxes are full\.$", record.getMessage())
        if found:
            self.told.append((found[1], int(found[2])))
            if self.more:
                self.more.set()

    def sum(self, address):
        return sum(number for named, number in self.told if named == address)

    async def until(self, condition):
        while not condition():
            self.more = asyncio.Event()
            await asyncio.wait_for(self.more.wait(), 20)


@pytest.fixture
def log():
    log, logger = Log(), logging.getLogger("chat")
    logger.addHandler(log)
    yield log
    logger.removeHandler(log)


@pytest.fixture
def make_layer(layer):
    """Return a function that makes a new channel layer, which is in use from then on."""
    from channels.layers import channel_layers

    def make():
        new = channel_layers.make_backend("default")
        channel_layers.set("default", new)
        return new

    yield make
    channel_layers.set("default", layer)


async def lose(layer, number, room="lobby"):
    """Let somebody speak so often in a room where another's mailbox is full."""
    from chat.consumers import ChatConsumer

    path = f"/ws/chat/{room}/"
    alice = Socket(ChatConsumer(), path=path, url_route={"kwargs": {"room_name": room}})
    assert (await alice.hear())["type"] == "websocket.accept"
    await layer.group_add(f"chat_{room}", "full")
    layer.capacity = 1  # of each mailbox from now on
    if "full" not in layer.channels:
        await layer.send("full", HELLO)
    for _ in range(number):
        alice.events.put_nowait({"type": "websocket.receive", "text": json.dumps({"message": "hello"})})
        answers = [json.loads((await alice.hear())["text"]) for _ in range(2)]
        assert [answer for answer in answers if "error" in answer and "1 of the 2" in answer["error"]]
    await alice.leave()


async def test_the_log_tells_all_losses_in_a_line_a_second_for_each_address(layer, log):
    loop = asyncio.get_running_loop()
    lost, began = 0, loop.time()
    while loop.time() < began + 1.5:
        await lose(layer, 5, "lobby")
        await lose(layer, 3, "elsewhere")
        lost += 1
    expected = {"/ws/chat/lobby/": 5 * lost, "/ws/chat/elsewhere/": 3 * lost}
    await log.until(lambda: all(log.sum(address) >= number for address, number in expected.items()))
    took = loop.time() - began
    for address, number in expected.items():
        assert log.sum(address) == number
        lines = [named for named, _ in log.told].count(address)
        assert 2 <= lines <= took, "a line at the end of a second, and not one for each loss"
    assert lost > 10, "This test is about many losses."


def test_what_one_event_loop_could_not_tell_any_more_the_next_one_tells(layer, log):
    """As in a notebook, or between two tests: the first loop ends within a second of a loss."""
    asyncio.run(lose(layer, 2))
    assert log.told == []

    async def go_on():
        await lose(layer, 3)
        await log.until(lambda: log.told)

    asyncio.run(go_on())
    assert log.told == [("/ws/chat/lobby/", 5)]


async def test_two_layers_count_for_themselves(make_layer, log):
    for number in (2, 3):
        await lose(make_layer(), number)
    await log.until(lambda: log.sum("/ws/chat/lobby/") >= 5)
    assert sorted(log.told) == [("/ws/chat/lobby/", 2), ("/ws/chat/lobby/", 3)]


@pytest.mark.parametrize("character", ["x", "聊", "😀"])
def test_messages_that_have_passed_are_not_kept(django, character):
    """After 1,000 messages of 4,000 characters less than 2 MiB are left: all of them would be 7, 31 or 62 MiB."""
    from chat.messages import make_frame

    def make_frames():
        for number in range(1000):
            make_frame(str(number) + character * (4000 - len(str(number))))

    make_frame.cache_clear()
    tracemalloc.start()
    try:
        make_frames()
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        make_frame.cache_clear()
    assert kept < 2 * MEBIBYTE, f"{kept / MEBIBYTE:.1f} MiB are kept."


def test_a_rooms_frame_is_made_once(django):
    """What everyone in a room is sent is one text, not one for each of them."""
    from chat.messages import make_frame

    assert make_frame("hello everyone") is make_frame("hello everyone")
