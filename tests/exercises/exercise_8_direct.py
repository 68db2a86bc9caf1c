"""
Put a message into the mailboxes directly. For each member `group_send` calls `self.send`, which checks the channel's
name again, makes a queue that is mostly thrown away, and copies the message as deep as it goes. Do without: who has a
mailbox gets the message there, who has none gets one first, and the event is a plain copy, `dict(message)`, for each.
All else stays: the order, the expiry, and that a full mailbox is told. It takes half the lines of Python at most.
"""

import asyncio
import sys

import pytest
from channels.exceptions import ChannelFull
from stage import Person, Unmet, expect

FILE = "tutorial/layers.py"
STAGE = 8
HINT = (
    "Look at `InMemoryChannelLayer.send` in Channels: `send??` shows it. What lies in a mailbox is a pair: when it "
    "expires, by `time.time()`, and the event. Which of its lines need to run for each member, and which only for one "
    "whose mailbox isn't there yet? A queue says `asyncio.QueueFull` where the layer said `ChannelFull`."
)
SOLUTION = [
    (
        "tutorial/layers.py",
        """\
import time
""",
        """\
import asyncio
import time
""",
    ),
    (
        "tutorial/layers.py",
        """\
        for channel in members:
            try:
                await self.send(channel, message)
            except ChannelFull:
                full += 1
""",
        """\
        expires = time.time() + self.expiry
        for channel in members:
            if channel not in self.channels:
                self.channels[channel] = asyncio.Queue(self.get_capacity(channel))
            try:
                self.channels[channel].put_nowait((expires, dict(message)))
            except asyncio.QueueFull:
                full += 1
""",
    ),
]

GROUP = "chat_lobby"
PAIRS = "A mailbox holds pairs: (time.time() + self.expiry, event)."


@pytest.fixture
def join(layer):
    """Put these channels into the lobby's group, without consumers."""

    async def join(*channels):
        for channel in channels:
            await layer.group_add(GROUP, channel)

    return join


async def take(layer, channel, asked):
    """Return the message of the next event in a mailbox, and the event."""
    expect(
        channel in layer.channels,
        seen=f"There is nothing in the mailbox of {channel}, a member of the group.",
        asked=asked,
        file=FILE,
    )
    try:
        event = await asyncio.wait_for(layer.receive(channel), 1)
        return event["message"], event
    except (TypeError, ValueError):
        raise Unmet(f"What was put into the mailbox of {channel} can't be received.", PAIRS, FILE) from None


async def group_send(layer, message):
    """Send to the group. Return (number, members) of MailboxesFull, None if nothing was lost."""
    try:
        await asyncio.wait_for(layer.group_send(GROUP, message), 1)
    except ChannelFull as error:
        return getattr(error, "number", None), getattr(error, "members", None)
    except asyncio.TimeoutError:
        raise Unmet(
            "group_send() waits until there is room in a mailbox, and nobody makes room.",
            "put_nowait() doesn't wait: where a queue is full, it raises asyncio.QueueFull.",
            FILE,
        ) from None
    return None


async def count_lines(work):
    """Return how many lines of Python run until this work is done: a number, and not a time."""
    lines = 0

    def count(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        await work
    finally:
        sys.settrace(before)
    return lines


async def test_a_delivery_is_half_the_work(layer, join):
    """To put a message into one more mailbox is at most half as many lines of Python as a send() to one channel."""
    message = {"type": "chat_msg", "message": "hello"}
    channels = [f"student-{number}" for number in range(50)]
    await join(*channels)
    await group_send(layer, message)  # so that everyone has a mailbox
    single = await count_lines(layer.send(channels[0], message))
    each = await count_lines(layer.group_send(GROUP, message)) / len(channels)
    expect(
        each <= single / 2,
        seen=f"For each member group_send() runs {each:.0f} lines of Python. send() to one channel runs {single}.",
        asked="group_send() puts the message into each queue itself, with put_nowait(): half of these lines at most.",
        file=FILE,
    )


async def test_each_member_gets_a_copy_in_order(layer, join):
    """Each member gets each message once and in order, as a copy of its own, with a mailbox or without one before."""
    asked = "group_send() puts dict(message) into each mailbox, and makes the mailbox where there is none."
    await join("alice", "bob")
    await layer.send("bob", {"type": "chat_msg", "message": "0"})
    message = {"type": "chat_msg", "message": "1"}
    await group_send(layer, message)
    message["message"] = "2"
    await group_send(layer, message)
    message["message"] = "what the sender does with it later"
    said = {"alice": [], "bob": []}
    for channel, wanted in (("alice", 2), ("bob", 3)):
        for _ in range(wanted):
            text, event = await take(layer, channel, asked)
            event["message"] = "what a receiver does with it later"
            said[channel].append(text)
    expect(
        said == {"alice": ["1", "2"], "bob": ["0", "1", "2"]},
        seen=f"0 went to Bob alone, 1 and 2 to the group. The mailboxes held {said}.",
        asked=asked,
        file=FILE,
    )


async def test_a_full_mailbox_is_told(layer, join):
    """A full mailbox is counted in MailboxesFull, and everyone else has the message, whoever comes before or after."""
    asked = "For each queue that is full group_send() counts one. At its end it raises MailboxesFull, as before."
    layer.capacity = 1
    await join("alice", "bob", "carol")
    await layer.send("bob", {"type": "chat_msg", "message": "This mailbox is full now."})
    for full in (1, 3):  # and after the first message the others' are full too
        told = await group_send(layer, {"type": "chat_msg", "message": "hello"})
        expect(
            told == (full, 3),
            seen=f"{full} of 3 mailboxes could hold no more. What group_send() told of it, (number, members): {told}.",
            asked=asked,
            file=FILE,
        )
    for channel in ("alice", "carol"):
        text, _ = await take(layer, channel, asked)
        expect(text == "hello", seen=f"In the mailbox of {channel} is {text!r}.", asked=asked, file=FILE)


async def test_a_message_waits_as_long_as_before(layer, join):
    """A message waits until it expires, as long as one that was sent to a single channel."""
    await join("alice")
    message = {"type": "chat_msg", "message": "hello"}
    await layer.send("bob", message)
    await group_send(layer, message)
    alone, together = (list(layer.channels[name]._queue) if name in layer.channels else [] for name in ("bob", "alice"))
    expect(
        len(together) == 1 and isinstance(together[0], tuple) and abs(together[0][0] - alone[0][0]) < 60,
        seen=f"A mailbox that send() has filled holds {alone}. The one that group_send() has filled holds {together}.",
        asked=PAIRS,
        file=FILE,
    )


async def test_people_chat_as_before(application):
    """Two people in a room hear each other as before."""
    asked = "Who waits for a mailbox is woken by put_nowait()."
    file = "chat/consumers.py"
    alice, bob = [
        await Person(name, application, "/ws/chat/lobby/").join(asked="The socket is accepted.", file=file)
        for name in ("Alice", "Bob")
    ]
    for speaker in (alice, bob):
        await speaker.say(f"I am {speaker.name}")
        for listener in (alice, bob):
            frame = await listener.hear(after=f"{speaker.name} spoke", asked=asked, file=FILE)
            expect(
                frame == {"message": f"I am {speaker.name}"},
                seen=f"After {speaker.name} spoke, {listener.name} got {frame}.",
                asked=asked,
                file=FILE,
            )
