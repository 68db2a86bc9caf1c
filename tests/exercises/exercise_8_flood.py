"""
Tell people when they send more than a hundred frames within a second. From the hundred and first frame on, the sender
gets an error in a sentence, and nobody else hears the frame. A second later they may speak again, since refused frames
don't count. Whoever is slower notices nothing.
"""

import asyncio
import itertools
import sys
import time

import pytest
from stage import Person, expect

FILE = "chat/sockets.py"
STAGE = 8
SOLUTION = [
    (
        "chat/sockets.py",
        """\
import asyncio
import functools
import json
import logging
""",
        """\
import asyncio
import collections
import functools
import json
import logging
import time
""",
    ),
    (
        "chat/sockets.py",
        """\
        self.one_at_a_time = asyncio.Lock()
""",
        """\
        self.one_at_a_time = asyncio.Lock()
        self.taken_at = collections.deque(maxlen=100)  # when the last frames were taken
""",
    ),
    (
        "chat/sockets.py",
        """\
        try:
            await super().websocket_receive(event)
""",
        """\
        try:
            now = time.monotonic()
            if len(self.taken_at) == 100 and now - self.taken_at[0] < 1:
                raise Refused("You have sent more than 100 frames within a second. Wait a second, then send it again.")
            self.taken_at.append(now)
            await super().websocket_receive(event)
""",
    ),
]

MANY = 100
JOINED = "The socket /ws/chat/lobby/ is accepted."
CLOCKS = (time.time, time.monotonic, time.perf_counter)
HOURS = itertools.count(0, 60 * 60)


@pytest.fixture
def join(application):
    """Return a coroutine function that lets people of these names into the lobby."""

    async def join(*names):
        people = [Person(name, application, "/ws/chat/lobby/") for name in names]
        return [await person.join(asked=JOINED, file=FILE) for person in people]

    return join


@pytest.fixture
async def clocks(application, monkeypatch):
    """
    The clocks, which stand still from now on. `clocks.seconds` is how far they have been moved.

    For each test that is an hour more than for the last: what one test leaves behind must not count in the next.
    """

    class Clocks:
        seconds = next(HOURS)

    clocks, going = Clocks(), time.monotonic
    # The event loop's clock goes on, or nothing would ever time out.
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: going() + clocks.seconds)
    own = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("chat", "tutorial")]
    for clock in CLOCKS:
        stopped = (lambda began: lambda: began + clocks.seconds)(clock())
        for module in [time, *own]:
            for name in [name for name, value in vars(module).items() if value is clock]:
                monkeypatch.setattr(module, name, stopped)
    return clocks


async def send_all(person, number, asked, text=None):
    """
    Let a person send this many frames at once. Return how many came back to them, and the errors that they got.

    The frames are "1", "2" … as messages, or each is this text. Raises Unmet unless each has one answer.
    """
    for count in range(1, number + 1):
        await (person.say(str(count)) if text is None else person.send(text=text))
    came_back, errors = 0, []
    for _ in range(number):
        frame = await person.hear(
            after=f"{came_back + len(errors)} answers to {number} frames",
            asked=asked,
            file=FILE,
        )
        if "error" in frame:
            errors.append(frame)
        else:
            came_back += 1
    return came_back, errors


async def expect_hears(listener, messages, *, after, asked):
    """Raise Unmet unless these messages are what somebody hears next."""
    for message in messages:
        frame = await listener.hear(after=after, asked=asked, file=FILE)
        expect(
            frame == {"message": message},
            seen=f"After {after}, {listener.name} got {frame} where {message!r} was next.",
            asked=asked,
            file=FILE,
        )


async def test_whoever_sends_too_much_is_told_so(join, clocks):
    """From the hundred and first frame within a second on, each brings its sender an error. Nobody else hears it."""
    asked = "The 101st frame within a second, and each after it, raises Refused: its sender is told, and nobody else."
    alice, bob = await join("Alice", "Bob")
    came_back, errors = await send_all(alice, MANY + 3, asked)
    expect(
        (came_back, len(errors)) == (MANY, 3),
        seen=f"Alice sent {MANY + 3} frames within a second. {came_back} came back to her, and she got "
        f"{len(errors)} errors.",
        asked=asked,
        file=FILE,
    )
    wanted = [MANY + 1, MANY + 2, MANY + 3]
    expect(
        [error.get("frame") for error in errors] == wanted
        and all(isinstance(error["error"], str) and error["error"].endswith(".") for error in errors),
        seen=f"The first error that Alice got is {errors[0]}, the last {errors[-1]}.",
        asked=f'Each is {{"error": a sentence, "frame": its number}}, here of the frames {wanted}.',
        file=FILE,
    )
    await bob.say("I am Bob")
    heard = [str(number) for number in range(1, MANY + 1)] + ["I am Bob"]
    await expect_hears(bob, heard, after=f"{MANY + 3} frames of Alice's and one of his own", asked=asked)


async def test_a_second_later_they_may_speak_again(join, clocks):
    """A second after the first hundred, they may send a hundred more, whatever was refused in between."""
    asked = "Only frames that were taken count. Those that were refused are forgotten."
    (alice,) = await join("Alice")
    await send_all(alice, 3 * MANY, asked)
    clocks.seconds += 0.9
    came_back, _ = await send_all(alice, 3 * MANY, asked)
    expect(
        came_back == 0,
        seen=f"0.9 seconds after a hundred frames, Alice sent {3 * MANY} more, and {came_back} of them came back.",
        asked="It is a whole second: what was taken less than a second ago still counts.",
        file=FILE,
    )
    clocks.seconds += 0.2
    came_back, errors = await send_all(alice, MANY, asked)
    expect(
        came_back == MANY,
        seen=f"Alice sent too much. 1.1 seconds after the first hundred frames, she sent {MANY} more: {came_back} came "
        f"back, {len(errors)} were refused.",
        asked=asked,
        file=FILE,
    )


async def test_any_second_counts(join, clocks):
    """There are never more than a hundred within a second, whenever that second begins."""
    asked = "A second doesn't begin on the stroke of a clock: look back from each frame at the hundred before it."
    (alice,) = await join("Alice")
    await send_all(alice, 10, asked)
    clocks.seconds += 0.9
    came_back, errors = await send_all(alice, 90, asked)
    expect(
        came_back == 90,
        seen=f"Alice sent 10 frames, and 90 more 0.9 seconds later. Of these {len(errors)} were refused.",
        asked="A hundred within a second are not too many.",
        file=FILE,
    )
    clocks.seconds += 0.2
    came_back, _ = await send_all(alice, 90, asked)
    expect(
        came_back == 10,
        seen=f"Alice sent 90 frames, and 90 more 0.2 seconds later. Of these {came_back} came back, not 10.",
        asked=asked,
        file=FILE,
    )


async def test_whoever_is_slower_notices_nothing(join, clocks):
    """Somebody who sends a hundred frames in each second, and no more, can go on as long as they like."""
    asked = "What was taken a second ago or earlier no longer counts."
    (alice,) = await join("Alice")
    for second in range(4):
        came_back, errors = await send_all(alice, MANY, asked)
        expect(
            came_back == MANY,
            seen=f"Alice sent {MANY} frames in each second. In second {second + 1}, {len(errors)} were refused.",
            asked=asked,
            file=FILE,
        )
        clocks.seconds += 1.01


async def test_each_socket_is_counted_alone(join, clocks):
    """Everyone has a hundred frames of their own: in a class that all speaks at once, nobody gets an error."""
    asked = "Each socket counts its own frames: a deque of its own, made where the life of a socket begins."
    speakers, number = await join("Alice", "Bob", "Carol"), 60
    before = []
    for speaker in speakers:
        await expect_hears(speaker, before, after="others had spoken", asked="Everyone hears what is said.")
        came_back, errors = await send_all(speaker, number, asked)
        expect(
            came_back == number,
            seen=f"Three people sent {number} frames each within a second, and {len(errors)} of {speaker.name}'s were "
            "refused.",
            asked=asked,
            file=FILE,
        )
        before += [str(count) for count in range(1, number + 1)]


async def test_what_is_no_message_counts_too(join, clocks):
    """A frame that isn't a message counts like any other: it is just as much work."""
    asked = "Count a frame before parse_message() looks at it."
    (alice,) = await join("Alice")
    await send_all(alice, MANY, asked, text="this is not JSON")
    came_back, _ = await send_all(alice, 2, asked)
    expect(
        came_back == 0,
        seen=f"Within one second Alice sent {MANY} frames that are not JSON and 2 messages. {came_back} came back.",
        asked=asked,
        file=FILE,
    )
