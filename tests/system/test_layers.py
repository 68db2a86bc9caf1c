"""
What the log says about lost deliveries, and what the chat keeps in memory of earlier messages.
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
    """A logging handler. `told` is what the log has said about losses: [(path, number), …]."""

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
    """Return a function that makes a new channel layer and puts it to use."""
    from channels.layers import channel_layers

    def make():
        new = channel_layers.make_backend("default")
        channel_layers.set("default", new)
        return new

    yield make
    channel_layers.set("default", layer)


async def lose(layer, number, room="lobby"):
    """Let somebody speak so many times in a room where another member's mailbox is full."""
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


async def test_the_log_has_all_losses_in_one_line_a_second_for_each_path(layer, log):
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
        assert 2 <= lines <= took, "one line at the end of each second, not one for each loss"
    assert lost > 10, "This test needs many losses."


def test_losses_that_one_event_loop_could_not_log_are_logged_by_the_next(layer, log):
    """The first loop ends within a second of a loss, as in a notebook or between two tests."""
    asyncio.run(lose(layer, 2))
    assert log.told == []

    async def go_on():
        await lose(layer, 3)
        await log.until(lambda: log.told)

    asyncio.run(go_on())
    assert log.told == [("/ws/chat/lobby/", 5)]


async def test_two_layers_count_separately(make_layer, log):
    for number in (2, 3):
        await lose(make_layer(), number)
    await log.until(lambda: log.sum("/ws/chat/lobby/") >= 5)
    assert sorted(log.told) == [("/ws/chat/lobby/", 2), ("/ws/chat/lobby/", 3)]


@pytest.mark.parametrize("character", ["x", "聊", "😀"])
def test_delivered_messages_are_not_kept(django, character):
    """1,000 messages of 4,000 characters leave less than 2 MiB: if all were kept, it would be 7, 31 or 62 MiB."""
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
    """Everyone in a room is sent the same str object, not one for each of them."""
    from chat.messages import make_frame

    assert make_frame("hello everyone") is make_frame("hello everyone")
