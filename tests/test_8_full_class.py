"""Stage 8: a full class loses nothing, costs no more for each student than a small one, and waits for nobody."""

import asyncio
import functools
import gc
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer
from stage import TIMEOUT, TURN, Person, StoodStill, Unmet, expect, explain_output, find_forgotten_await
from stage.code import read_code
from stage.people import AFTER_SILENCE, project_file
from stage.watch import Watch
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

FILE = "chat/sockets.py"
LAYERS = "chat/layers.py"
JOINED = "The socket /ws/chat/lobby/ is accepted."
BOTH_READERS = "__call__ waits for both readers. Whatever ends one of them ends the other, and then leave() runs."
CLOCKS = (time.time, time.monotonic, time.perf_counter)


@pytest.fixture
def person(application):
    return lambda name, room="lobby": Person(name, application, f"/ws/chat/{room}/")


async def fill(person, members):
    """Return this many people who have joined the lobby."""
    return [await person(f"Student {n}").join(asked=JOINED, file=FILE) for n in range(members)]


async def hear_all(people, number=1):
    """Return the frames that each of these people gets, decoded, once everyone has this many."""

    async def hear(listener):
        frames = []
        for _ in range(number):
            event = await listener.next_event()
            expect(
                event["type"] == "websocket.send",
                seen=f"After a message, {listener.name} got {event}.",
                asked="Everyone in the room gets the message.",
                file=FILE,
            )
            frames.append(json.loads(event["text"]))
        return frames

    try:
        return await asyncio.gather(*map(hear, people))
    except TimeoutError:
        raise not_heard(people) from None


def not_heard(people):
    """Return the Unmet for people who didn't all get what was said. Raises the error that one's consumer died of."""
    from channels.layers import get_channel_layer

    for person in people:
        if person.socket.future.done():
            person.socket.future.result()
    ended = sum(person.socket.future.done() for person in people)
    unread = sum(person.socket.input_queue.qsize() for person in people)
    waiting = sum(mailbox.qsize() for mailbox in get_channel_layer().channels.values())
    seen = f"In a room of {len(people)} people, not everyone had got what was said after {TIMEOUT} s."
    if len(people) == 1:
        seen = f"{people[0].name} said something, and hadn't got it herself after {TIMEOUT} s."
    asked = (
        "__call__ reads the socket and the mailbox, and group_send() puts the message into every mailbox of the group."
    )
    if ended:
        seen += f" {ended} of their consumers have ended."
    if unread:
        seen += f" Frames that no consumer has taken in: {unread}."
        asked = (
            "The reader of the socket takes in one frame after another, and holds the lock only while it handles one."
        )
    elif waiting:
        seen += f" Messages that are still in mailboxes: {waiting}."
        asked = (
            "The reader of the mailbox takes in message after message, and holds the lock only while it handles one."
        )
    return Unmet(seen, asked, FILE)


@pytest.mark.part_1
async def test_the_layer_is_the_projects_own(layer):
    """The channel layer is the project's own: an InMemoryChannelLayer with a few methods replaced."""
    found = f"{type(layer).__module__}.{type(layer).__name__}"
    expect(
        type(layer).__module__ == "chat.layers",
        seen=f"The layer is {found}.",
        asked='CHANNEL_LAYERS["default"]["BACKEND"] is "chat.layers.ClassroomInMemoryChannelLayer".',
        file="tutorial/settings.py",
    )
    expect(
        isinstance(layer, InMemoryChannelLayer) and "InMemoryChannelLayer" in type(layer).__name__,
        seen=f"{found} isn't a subclass of InMemoryChannelLayer, or doesn't have that in its name.",
        asked="class ClassroomInMemoryChannelLayer(InMemoryChannelLayer): the name says what to expect.",
        file=LAYERS,
    )
    expect(
        layer.expiry >= 24 * 60 * 60,
        seen=f"The layer's expiry is {layer.expiry}, which counts seconds.",
        asked="A message may wait for a day.",
        file="tutorial/settings.py",
    )


@pytest.mark.part_1
async def test_a_group_puts_a_copy_into_each_mailbox(layer):
    """What is sent to a group is in each member's mailbox, as a copy, and receive() returns it."""
    for attribute in ("channels", "groups"):
        expect(
            hasattr(layer, attribute),
            seen=f"The layer has no {attribute}, which InMemoryChannelLayer's own __init__() makes.",
            asked="__init__() calls super().__init__(**config) first.",
            file=LAYERS,
        )
    channels = [await layer.new_channel() for _ in range(3)]
    for channel in channels:
        expect(
            isinstance(channel, str),
            seen=f"new_channel() returned {channel!r}.",
            asked="new_channel() returns the channel's name, which it has from super().new_channel(prefix).",
            file=LAYERS,
        )
        await layer.group_add("chat_lobby", channel)
    await layer.group_send("chat_lobby", {"type": "chat_msg", "message": "hello"})
    for number, channel in enumerate(channels, start=1):
        try:
            event = await asyncio.wait_for(layer.receive(channel), 2)
        except asyncio.TimeoutError:
            raise Unmet(
                f"A message was sent to a group of 3, and the mailbox of member {number} is empty.",
                "group_send() goes through all members, and puts the message into the mailbox of each.",
                LAYERS,
            ) from None
        expect(
            not isinstance(event, dict) or event.get("message") != "changed",
            seen="Three members got the same dict: the first one changed it, and the next one got it changed.",
            asked="group_send() puts a copy into each mailbox: dict(message).",
            file=LAYERS,
        )
        sent = {"type": "chat_msg", "message": "hello"}
        expect(
            event == sent,
            seen=f"{sent} was sent, and receive() returned {event!r} (type {type(event).__name__}).",
            asked="A mailbox holds pairs: when the event expires, and the event. receive() returns the event alone.",
            file=LAYERS,
        )
        event["message"] = "changed"


async def test_what_is_around_the_chat_hands_each_event_on(person, monkeypatch):
    """Whatever is around the chat hands on each event, so that people who are alone in a room hear themselves."""
    from chat.consumers import ChatConsumer

    own, wrong = ChatConsumer.__call__, []

    async def call(self, scope, receive, send):
        async def receive_and_look():
            event = await receive()
            if not isinstance(event, dict):
                wrong.append((event, receive))
            return event

        await own(self, scope, receive_and_look, send)

    monkeypatch.setattr(ChatConsumer, "__call__", call)
    try:
        alice = await person("Alice").join(asked=JOINED, file=FILE)
        await alice.say("hello")
        await hear_all([alice])
    except Exception:
        if not wrong:
            raise
        event, receive = wrong[0]
        code = getattr(receive, "__code__", None)
        raise Unmet(
            f"The consumer got {event!r} for an event, from {getattr(receive, '__name__', receive)}().",
            "Whoever replaces receive() returns the event that it got.",
            project_file(code.co_filename if code else "", "tutorial/backpressure.py"),
        ) from None


@pytest.mark.part_2
async def test_nothing_is_lost_when_all_speak_at_once(person):
    """When 40 students send 3 messages each at the same moment, everyone gets all 120, in each sender's order."""
    people = await fill(person, 40)
    for number in range(3):
        await asyncio.gather(*(speaker.say(f"{speaker.name}: {number}") for speaker in people))
    asked = "group_send() puts each message into each mailbox once, and each consumer handles one event after another."
    for listener, frames in zip(people, await hear_all(people, 120), strict=True):
        said = [frame.get("message") for frame in frames]
        for speaker in people:
            theirs = [text for text in said if text and text.startswith(f"{speaker.name}: ")]
            expect(
                theirs == [f"{speaker.name}: {number}" for number in range(3)],
                seen=f"Of {speaker.name}'s three messages, {listener.name} got {theirs}.",
                asked=asked,
                file=FILE,
            )


@pytest.mark.part_1
async def test_a_delivery_costs_the_same_in_a_small_room_and_in_a_full_one(person):
    """One delivery costs Python as much in a room of 100 as in a room of 10."""
    people = await fill(person, 10)
    small = await count_lines(people)
    people += await fill(person, 90)
    full = await count_lines(people)
    expect(
        full - small < 0.5 * 90,
        seen=f"Python runs {small:.0f} lines for a delivery in a room of 10, and {full:.0f} in one of 100: "
        "the more people, the more work for each of them.",
        asked="_clean_expired() looks through all mailboxes and memberships at most once a second.",
        file=LAYERS,
    )


async def count_lines(people):
    """Return how many lines of Python one message takes for each person who gets it: a count, not a time."""
    await people[0].say("not counted, since this may start the clean-up")
    await hear_all(people)
    lines = 0

    def count(frame, event, argument):
        nonlocal lines
        lines += event == "line"
        return count

    await people[0].say("counted")
    before = sys.gettrace()
    sys.settrace(count)
    try:
        patience = 5 if Person.patience == TIMEOUT else 1
        await asyncio.wait_for(asyncio.gather(*(listener.socket.output_queue.get() for listener in people)), patience)
    except asyncio.TimeoutError:
        raise not_heard(people) from None
    finally:
        sys.settrace(before)
    return lines / len(people)


@pytest.mark.part_1
async def test_what_has_expired_is_thrown_away_and_nothing_sooner(layer, monkeypatch):
    """Whoever is ten minutes behind loses nothing. What has waited for longer than the expiry is thrown away."""
    channel = "a-student-who-does-not-read"
    await layer.group_add("chat_lobby", channel)
    await layer.group_send("chat_lobby", {"type": "chat_msg", "message": "hello"})
    await speak_later(layer, 0, monkeypatch)
    await speak_later(layer, 10 * 60, monkeypatch)
    asked, file = "A message expires layer.expiry seconds after it was sent, by the clock time.time().", LAYERS
    if layer.expiry < 10 * 60:
        asked = '"expiry": 24 * 60 * 60 next to the capacity: by default, a message expires after a minute.'
        file = "tutorial/settings.py"
    expect(
        channel in layer.channels,
        seen="A message waited in a mailbox for ten minutes, and was thrown away without a word. "
        f"The layer's expiry is {layer.expiry:,} s.",
        asked=asked,
        file=file,
    )
    await speak_later(layer, layer.expiry + 60 * 60, monkeypatch)
    expect(
        channel not in layer.channels,
        seen="A message has waited an hour longer than the layer's expiry, and it is still in its mailbox.",
        asked="_clean_expired() calls Channels' own, super()._clean_expired(), when a second has gone by.",
        file=LAYERS,
    )


async def speak_later(layer, seconds, monkeypatch):
    """Let somebody speak in another room, with all clocks put forward by this many seconds."""
    with monkeypatch.context() as patch:
        for module in (time, sys.modules[type(layer).__module__]):
            for name, clock in list(vars(module).items()):
                if clock in CLOCKS:
                    patch.setattr(module, name, lambda clock=clock: clock() + seconds)
        await layer.group_send("chat_kitchen", {"type": "chat_msg", "message": "hello"})
        await asyncio.sleep(0)


@pytest.mark.part_2
async def test_no_delivery_waits_for_a_thread(person):
    """A message to 20 people gives no thread work to do: there are no database connections to look after."""
    people = await fill(person, 20)
    loop, hops = asyncio.get_running_loop(), []
    own = loop.run_in_executor
    loop.run_in_executor = lambda executor, work, *arguments: hops.append(work) or own(executor, work, *arguments)
    try:
        await people[0].say("hello")
        await hear_all(people)
    finally:
        del loop.run_in_executor
    expect(
        len(hops) < len(people),
        seen=f"One message to {len(people)} people gave {len(hops)} jobs to another thread.",
        asked="dispatch() calls the handler, and doesn't look for database connections to close first.",
        file=FILE,
    )


@pytest.mark.part_2
async def test_a_full_mailbox_is_reported_to_the_sender_and_once_in_the_log(
    person, layer, caplog, monkeypatch, pytestconfig
):
    """When a mailbox is full, the others get the message, the sender an error, and the log one line with the total."""
    layer.capacity = 2
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    (group,) = layer.groups
    for number in range(2):
        await layer.group_add(group, f"a-student-who-does-not-read-{number}")
    bob = await person("Bob").join(asked=JOINED, file=FILE)
    for number in range(2):
        await alice.say(str(number))
        await hear_all([alice, bob])
    carol = await person("Carol", "kitchen").join(asked=JOINED, file=FILE)
    (kitchen,) = layer.groups.keys() - {group}
    await layer.group_add(kitchen, "a-student-in-the-kitchen-who-does-not-read")
    with Watch(pytestconfig.project) as ran:
        try:
            for number in range(2, 5):
                await lose_two(alice, bob, str(number), layer, group)
            for number in range(3):  # one more than fits
                await carol.say(str(number))
                await hear_all([carol])
        except Unmet as unmet:
            waiting = [call for call in ran.of("group_send") if not call.ended and call.raised is None]
            if "got nothing" not in unmet.seen or not waiting:
                raise
            raise Unmet(
                f"{unmet.seen} group_send() is still waiting\n       in {waiting[-1].file}, line {waiting[-1].line}",
                "put_nowait() waits for nobody: it raises QueueFull at once if a mailbox is full.",
                waiting[-1].file,
            ) from None
    noted = {file for file, name in ran.functions() if file == "chat/lost_deliveries.py" and name != "__init__"}

    def find_lines(room="lobby"):
        return [record for record in caplog.records if room in record.getMessage()]

    for said, lost in (("3 messages", 6), ("one more message, after that report", 2)):
        if lost == 2:
            caplog.clear()
            await lose_two(alice, bob, "5", layer, group)
        # A timer of the event loop goes off at once if the loop's clock is put forward. Any other is waited for.
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patch:
            patch.setattr(loop, "time", lambda clock=loop.time: clock() + 2)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        for _ in range(int(1.5 / TURN)):
            if find_lines():
                break
            await asyncio.sleep(TURN)
        records = find_lines()
        lines = [record.getMessage() for record in records]
        file = next(iter(noted), FILE)
        expect(
            len(lines) == 1 and str(lost) in re.findall(r"\d+", lines[0]),
            seen=f"{said}: {lost} deliveries were lost. Log lines about it: {len(lines)}, {lines}.",
            asked="websocket_receive() notes how many were lost. A second after the first loss, LostDeliveries logs "
            "their total, once, and begins again.",
            file=project_file(records[0].pathname, file) if records else file,
        )
        if lost == 6:
            failed = [record.exc_info[1] for record in caplog.records if record.exc_info]
            if failed:
                raise failed[0]
            expect(
                len(find_lines("kitchen")) == 1,
                seen="In the same second, deliveries were lost at /ws/chat/lobby/ and at /ws/chat/kitchen/. Log lines "
                f"about the second: {len(find_lines('kitchen'))}.",
                asked="LostDeliveries logs a line for each address, and then begins again.",
                file=file,
            )


async def lose_two(alice, bob, message, layer, group):
    """Let Alice say what two of the four in the room miss. Raises Unmet unless Bob gets it, and she an error too."""
    await alice.say(message)
    frame = await bob.hear(
        after="a message that didn't fit into the mailbox before his",
        asked="group_send() goes on after a full mailbox: try is inside its loop, around one member.",
        file=LAYERS,
        of=alice,
    )
    expect(
        frame == {"message": message},
        seen=f"Two mailboxes in the room were full, and Bob, whose mailbox is empty, got {frame}.",
        asked="Only the owner of a full mailbox misses a message. Bob gets each one.",
        file=LAYERS,
    )
    frames = []
    while len(frames) < 2:  # her own message, and the error: in any order
        try:
            event = await alice.next_event()
        except TimeoutError:
            break
        except ChannelFull as error:
            raise explain_full(error) from None
        frames.append(json.loads(event["text"]) if event.get("text") else event)
    errors = [frame["error"] for frame in frames if "error" in frame]
    if not errors:
        raise await explain_silence(layer, group, frames)
    raised = await find_full(layer, group)
    counted = getattr(raised, "number", 2), getattr(raised, "members", 4)
    expect(
        counted == (2, 4),
        seen="2 of 4 mailboxes were full, and MailboxesFull says: number {}, members {}.".format(*counted),
        asked="MailboxesFull(number, members): how many mailboxes were full, and how many people are in the group.",
        file=LAYERS,
    )
    expect(
        len(errors) == 1 and {"2", "4"} <= set(re.findall(r"\d+", errors[0])),
        seen=f"Alice's message didn't fit into 2 of 4 mailboxes, and she got {frames}.",
        asked="The error says how many people missed the message, and how many there are.",
        file=LAYERS,
    )
    expect(
        {"message": message} in frames,
        seen=f"Alice's message didn't fit into 2 of 4 mailboxes, and she didn't get it herself: she got {frames}.",
        asked="Everyone else in the room gets the message, including its sender.",
        file=FILE,
    )


async def find_full(layer, group):
    """Return what group_send() raises for a message that nobody who reads gets, or None."""
    members = [channel for channel in layer.groups[group] if "does-not-read" not in channel]
    joined = {channel: layer.groups[group].pop(channel) for channel in members}
    others = {f"another-{number}": 0 for number in range(len(members))}
    layer.groups[group].update(others)
    try:
        await layer.group_send(group, {"type": "chat_msg", "message": "not for the people"})
    except ChannelFull as error:
        return error
    finally:
        for channel in others:
            layer.groups[group].pop(channel)
            layer.channels.pop(channel, None)
        layer.groups[group].update(joined)
    return None


def explain_full(error):
    """Return the Unmet for a MailboxesFull that the sender's consumer died of."""
    from chat.errors import Refused

    seen = f"Nothing told the sender: the consumer died of {type(error).__name__}: {error}"
    if isinstance(error, Refused):
        return Unmet(seen, "websocket_receive() catches Refused, and sends its words.", FILE)
    asked = "websocket_receive() tells the sender of any Refused: class MailboxesFull(ChannelFull, Refused)."
    return Unmet(seen, asked, LAYERS)


async def explain_silence(layer, group, frames):
    """Return the Unmet for a sender who got these frames, and no error, after a delivery was lost."""
    try:
        await layer.group_send(group, {"type": "chat_msg", "message": "another one"})
    except ChannelFull:
        return Unmet(
            f"Alice's message didn't fit into 2 of 4 mailboxes, and she got {frames} and no error.",
            "MailboxesFull is a Refused too, so websocket_receive() catches it and sends the error.",
            LAYERS,
        )
    return Unmet(
        "A message didn't fit into 2 of 4 mailboxes, and group_send() raised no MailboxesFull.",
        "group_send() counts the full mailboxes, and raises MailboxesFull once all others have the message.",
        LAYERS,
    )


@pytest.mark.part_2
async def test_one_event_at_a_time(person, layer):
    """A consumer that waits in the middle of one event doesn't start on the next: no message before accept()."""
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    own, heard = layer.group_add, []

    async def group_add(group, channel):
        await own(group, channel)
        await alice.say("early")
        try:
            await alice.next_event()
        except TimeoutError:
            return
        heard.append("early")
        for _ in range(10):  # turns of the event loop, as a layer in another process would take
            await asyncio.sleep(0)

    layer.group_add = group_add
    bob = person("Bob")
    try:
        accepted = await bob.connect()
    except TimeoutError:
        accepted = None
    expect(
        heard,
        seen="While Bob's connect() was waiting, Alice said something, and her own consumer didn't handle it.",
        asked="Each consumer has a lock of its own, which __call__ makes: nobody waits for anybody else's events.",
        file=FILE,
    )
    expect(
        accepted,
        seen="Bob's consumer handled a message while connect() was still running, before accept().",
        asked="handle_all() holds the lock one_at_a_time while it handles an event.",
        file=FILE,
    )
    await hear_all([bob])


@pytest.mark.part_2
async def test_nothing_is_left_of_people_who_have_gone(person, layer, pytestconfig):
    """After everyone has left, there is no group, and no mailbox with messages that nobody will read."""
    talker = await person("The talker").join(asked=JOINED, file=FILE)
    for number in range(100):
        visitor = await person(f"Visitor {number}").join(asked=JOINED, file=FILE)
        for _ in range(5):
            await talker.say("You are leaving already?")
        await visitor.leave()
        expect(
            not visitor.socket.future.cancelled(),
            seen=f"Somebody has left, and {TIMEOUT} s later their consumer was still running.",
            asked=BOTH_READERS,
            file=FILE,
        )
    with Watch(pytestconfig.project) as ran:
        await talker.leave()
    members = len(layer.groups.get("chat_lobby", ()))
    left = bool(ran.of("leave"))
    expect(
        not layer.groups,
        seen=f"101 people came and went, and {members} dead channels are still in the group chat_lobby."
        + ("" if left else " leave() was never called."),
        asked="leave() calls group_discard() with the group and the channel."
        if left
        else "The `finally` of __call__ awaits leave().",
        file="chat/consumers.py" if left else FILE,
    )
    expect(
        not layer.channels,
        seen=f"101 people came and went, and {len(layer.channels)} mailboxes are left, which nobody will read.",
        asked="new_channel() has the mailbox removed when the task that asked for the channel ends: "
        "add_done_callback(lambda task: self.channels.pop(channel, None)).",
        file=LAYERS,
    )


class Watched(dict):
    """The layer's mailboxes, which note the functions that take one out."""

    def pop(self, channel, *default):
        self.taken_out_by = sys._getframe(1).f_code
        return super().pop(channel, *default)

    def __delitem__(self, channel):
        self.taken_out_by = sys._getframe(1).f_code
        super().__delitem__(channel)


@pytest.mark.part_1
async def test_a_mailbox_goes_after_its_channel_has_left_the_group(person, layer):
    """A message that is sent while somebody is leaving makes no new mailbox that stays."""
    layer.channels = Watched(layer.channels)
    visitor = await person("A visitor").join(asked=JOINED, file=FILE)
    own = layer.group_discard

    async def group_discard(group, channel):
        await layer.group_send(group, {"type": "chat_msg", "message": "You are leaving already?"})
        await own(group, channel)

    layer.group_discard = group_discard
    await visitor.leave()
    taken_out_by = getattr(layer.channels, "taken_out_by", None)
    expect(
        not layer.channels,
        seen="A message came while somebody was leaving, and there is a mailbox for it now that nobody will ever read.",
        asked="The channel leaves its group first, and its mailbox is removed after that, when the consumer has ended.",
        file=project_file(taken_out_by.co_filename, LAYERS) if taken_out_by else LAYERS,
    )


@pytest.mark.part_2
async def test_nothing_is_left_of_a_consumer_that_has_ended(person, layer):
    """After a client has left, or its consumer has died of an error, no task, group or mailbox is left."""
    before = asyncio.all_tasks()
    leaver, victim = await fill(person, 2)
    await leaver.leave()
    await victim.send(text='{"message": "hello"}')
    await hear_all([victim])

    async def group_send(group, message):
        raise KeyError("a mistake in the chat")

    layer.group_send = group_send
    await victim.say("hello again")
    expect(
        await victim.ends(),
        seen="An error in one of the two readers didn't end the consumer.",
        asked=BOTH_READERS,
        file=FILE,
    )
    expect(
        victim.socket.future.exception(),
        seen="group_send() raised a KeyError, and the consumer ended without a word about it.",
        asked="__call__ catches StopConsumer, which is how a consumer ends, and no other error.",
        file=FILE,
    )
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    expect(
        not left and not layer.groups and not layer.channels,
        seen=f"Two consumers have ended, and they left {len(left)} tasks, {len(layer.groups)} groups "
        f"and {len(layer.channels)} mailboxes.",
        asked=BOTH_READERS,
        file=FILE,
    )


@pytest.mark.part_2
async def test_an_event_that_nobody_handles_is_an_error(person):
    """An event whose type names no method is an error, as in Channels' own dispatch()."""
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    await alice.socket.send_input({"type": "no.such.event"})
    expect(
        await alice.ends() and alice.socket.future.exception(),
        seen='An event of the type "no.such.event" came, which no method handles, and nobody was told.',
        asked="dispatch() raises a ValueError with the event's type if the consumer has no such method.",
        file=FILE,
    )


# A real daphne with the project. If it is started as "held", its consumer finishes no frame until it is released.
SERVER = """
import asyncio
import os
import sys
import threading
import time
import warnings

own_folders = tuple(os.path.join(os.getcwd(), folder) for folder in ("chat", "tutorial"))
own_sleep = time.sleep


def sleep(seconds):
    frame = sys._getframe(1)
    if frame.f_code.co_filename.startswith(own_folders):
        print(f"It sleeps: {frame.f_code.co_filename}:{frame.f_lineno}", file=sys.stderr, flush=True)
    own_sleep(seconds)


time.sleep = sleep  # before the project may import it

import tutorial.asgi
from channels.exceptions import StopConsumer
from chat.consumers import ChatConsumer
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from twisted.internet import abstract, reactor

released = asyncio.Event()


async def receive(self, text_data=None, bytes_data=None):
    if text_data == "the end":
        await self.close()
        raise StopConsumer
    await released.wait()
    await self.send(str(len(text_data)))


def wait():
    sys.stdin.readline()
    reactor.callFromThread(released.set)
    sys.stdin.read()
    reactor.callFromThread(reactor.stop)


def show_warning(message, category, file, line, *more):
    print(warnings.formatwarning(message, category, file, line), file=sys.stderr, flush=True)


def pause(self):
    frame = sys._getframe(1)
    while frame and not frame.f_code.co_filename.startswith(own_folders):
        frame = frame.f_back
    if frame and not said:  # daphne and Twisted pause too
        said.append("The project has paused reading.")
        print(*said, file=sys.stderr, flush=True)
    own_pause(self)


said, own_pause = [], abstract.FileDescriptor.pauseProducing
abstract.FileDescriptor.pauseProducing = pause


def tell():
    server.ws_factory.setProtocolOptions(closeHandshakeTimeout=0)  # a client's answer to a close frame is waited for
    warnings.showwarning = show_warning  # daphne has switched it off
    print(server.listening_addresses[0][1], flush=True)


async def call(self, scope, receive, send):
    try:
        await own_call(self, scope, receive, send)
    finally:
        print("A consumer has ended.", file=sys.stderr, flush=True)


if sys.argv[1:] == ["held"]:
    own_call, ChatConsumer.__call__ = ChatConsumer.__call__, call
    ChatConsumer.receive = receive
threading.Thread(target=wait, daemon=True).start()
endpoints = build_endpoint_description_strings(host="127.0.0.1", port=0)
server = Server(
    tutorial.asgi.application,
    endpoints=endpoints,
    signal_handlers=False,
    ready_callable=tell,
    websocket_handshake_timeout=2,
)
server.run()
"""
PAUSED, ENDED = "The project has paused reading.", "A consumer has ended."
LARGE = 32  # MiB, more than two sockets on one computer hold between them


class RealServer:
    """The running SERVER: its port, its process, and its output."""

    def __init__(self, project, output, *arguments):
        self.project, self.output, self.own_port = project, output, None
        with output.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-X", "utf8", "-B", "-c", SERVER, *arguments],
                cwd=project,
                env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def port(self):
        """Return the port. Raises Unmet if the server doesn't start."""
        if self.own_port is None:
            said = self.process.stdout.readline().decode().strip()
            if not said:
                raise self.explain("The project starts.")
            self.own_port = int(said)
        return self.own_port

    def release(self):
        self.process.stdin.write(b"go on\n")
        self.process.stdin.flush()

    def explain(self, asked):
        """Stop the server, and return an Unmet for the last thing that it printed."""
        output = self.stop()
        if not output:
            return Unmet("A server started, but it neither accepted nor refused the first socket.", asked, FILE)
        return self.find_forgotten_await() or explain_output(output, self.project, asked, "tutorial/routing.py")

    def find_forgotten_await(self):
        """Stop the server, and return an Unmet for a missing `await` in code that only a server runs, or None."""
        said = re.findall(r"^(.+):(\d+): RuntimeWarning: (coroutine .+ never awaited)", self.stop(), re.MULTILINE)
        warned = [warnings.WarningMessage(words, RuntimeWarning, file, int(line)) for file, line, words in said]
        return find_forgotten_await(warned, self.project)

    def read_output(self):
        """Return what the server has printed so far."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def stop(self):
        """Stop the server, and return what it has printed."""
        self.process.kill()
        self.process.communicate()
        return self.read_output().replace(f"{PAUSED}\n", "").replace(f"{ENDED}\n", "")


def run_server(project, *arguments):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = RealServer(project, Path(folder) / "output", *arguments)
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def server(pytestconfig):
    yield from run_server(pytestconfig.project)


@pytest.fixture(scope="module")
def held_server(pytestconfig):
    yield from run_server(pytestconfig.project, "held")


@pytest.fixture(scope="module", autouse=True)
def start_servers_early(request):
    """Start the servers that the last tests need now, so that these don't have to wait for them."""
    for name in ("held_server", "server"):
        if any(name in item.fixturenames for item in request.session.items):
            request.getfixturevalue(name)


async def enter(server):
    """Return a real client's socket in the lobby. Raises Unmet if it isn't let in."""
    try:
        return await connect(
            f"ws://127.0.0.1:{server.port()}/ws/chat/lobby/",
            origin="http://localhost",
            proxy=None,
            compression=None,
            ping_interval=None,
        )
    except (InvalidHandshake, OSError, asyncio.TimeoutError):
        raise server.explain("A real server accepts the socket /ws/chat/lobby/.") from None


async def test_no_connection_is_left_paused(held_server):
    """When the chat ends a connection, the server still reads the client's answer to that."""
    socket = await enter(held_server)
    await socket.send("the end")
    try:
        await asyncio.wait_for(socket.wait_closed(), 2 if Person.patience == TIMEOUT else 0.5)
    except asyncio.TimeoutError:
        Person.patience = AFTER_SILENCE
        socket.transport.abort()
        if ENDED not in held_server.read_output():
            raise Unmet("A handler raised StopConsumer, and its consumer went on.", BOTH_READERS, FILE) from None
        raise Unmet(
            "The chat closed a socket and ended, and the server never read its client's answer: reading is paused.",
            "However the application ends, the `finally` of Backpressure's __call__ calls resume_reading().",
            "tutorial/backpressure.py",
        ) from None


async def test_no_more_is_taken_in_than_is_handled(held_server, person, pytestconfig):
    """While a client's frame is being handled, the server reads no more from it, and none of its frames is lost."""
    socket = await enter(held_server)
    try:
        sent, sending = await send_until_stuck(socket, held_server)
        if not sending:
            raise await explain_no_pause(held_server, person, pytestconfig.project)
        held_server.release()
        answers = await count_answers(socket, sent)
    finally:
        socket.transport.abort()  # a polite close takes long when nobody reads
    await asyncio.gather(sending, return_exceptions=True)
    if answers != sent:
        look_at_the_connection()
    expect(
        answers == sent,
        seen=f"The consumer went on, but of the {sent} frames that were waiting only {answers} reached it.",
        asked="receive_in_turn() calls resume_reading() before it waits for the next frame.",
        file="tutorial/backpressure.py",
    )
    forgotten = held_server.find_forgotten_await()
    if forgotten:
        raise forgotten


async def explain_no_pause(server, person, project):
    """Return the Unmet for a server that takes in too much, from what runs when a client says something."""
    look_at_the_connection()
    with Watch(project) as ran:
        alice = await person("Alice").join(asked=JOINED, file=FILE)
        await alice.say("hello")
        await hear_all([alice])
    seen = f"A consumer was busy with its client's first frame, and the server took in {LARGE} MiB more."
    more = {"routing", "asgi", "settings", "urls", "middleware", "outages", "connections", "__init__"}
    own = sorted(file for file, _ in ran.functions() if file.startswith("tutorial/") and Path(file).stem not in more)
    if not own:
        seen += " No line of tutorial/backpressure.py ran."
        asked = "In tutorial/routing.py, Backpressure(…) wraps everything else: it pauses reading during a frame."
        return Unmet(seen, asked, "tutorial/routing.py")
    if PAUSED in server.read_output():
        return Unmet(f"{seen} It did pause reading once.", "Reading goes on when the frame is handled.", own[0])
    asked = (
        "receive_in_turn(), which the application gets for its receive, calls pause_reading() when a frame has come."
    )
    return Unmet(f"{seen} It never paused reading.", asked, own[0])


def look_at_the_connection():
    """Raise Unmet if the project's find_connection() does something else than it should with daphne's transport."""
    find = getattr(sys.modules.get("tutorial.connections"), "find_connection", None)
    called, names = [], ("pauseProducing", "resumeProducing", "abortConnection")
    transport = SimpleNamespace(**{name: functools.partial(called.append, name) for name in names})
    transport.bufferSize, transport.dataBuffer, transport.offset = 65536, b"12345", 2
    transport._tempDataBuffer, transport._tempDataLen = [b"1234567"], 7
    try:
        connection = find(functools.partial(print, SimpleNamespace(transport=transport)), 1)
        connection.pause_reading()
        waiting = connection.waiting()
    except Exception:  # the project has no such function, or it raises what the tests have met
        return
    found = f"For daphne's transport, find_connection() returned a {type(connection).__name__}."
    expect(
        called == ["pauseProducing"],
        seen=f"{found} Its pause_reading() called {' and '.join(called) or 'nothing'}.",
        asked="find_connection() returns a TwistedConnection for it, whose pause_reading() calls pauseProducing().",
        file="tutorial/connections.py",
    )
    expect(
        waiting == 10,
        seen=f"{found} 3 bytes wait in dataBuffer from offset on, and 7 more are in _tempDataLen: "
        f"its waiting() returned {waiting}.",
        asked="waiting() returns how many bytes wait in both places.",
        file="tutorial/connections.py",
    )


async def send_until_stuck(socket, server):
    """Send until the server takes no more. Return how many frames that was, and the task that is stuck, or None."""
    frame = json.dumps({"message": "x" * 65_000})
    for sent in range(1, (LARGE << 20) // len(frame)):
        sending = asyncio.ensure_future(socket.send(frame))
        for _ in range(2):
            await asyncio.wait({sending}, timeout=0.2)
            if sending.done():
                break
            (await enter(server)).transport.abort()  # it lets another client in, so it had its turn to read on
        else:
            return sent, sending
    return sent, None


async def count_answers(socket, wanted):
    """Return how many frames come, up to `wanted`, with no more than two seconds between them."""
    for number in range(wanted):
        try:
            await asyncio.wait_for(socket.recv(), 2 if Person.patience == TIMEOUT else 0.5)
        except asyncio.TimeoutError:
            return number
    return wanted


UNREAD = 24  # MiB: more than may wait in the server and on the way to the client


async def test_whoever_never_reads_is_disconnected(server):
    """Somebody who doesn't read what is sent to them is disconnected, and the others in the room notice nothing."""
    deaf, *people = [await enter(server) for _ in range(5)]
    deaf.transport.pause_reading()
    message = {"message": "😀" * 4_000}  # in JSON, twelve characters for each
    frame = json.dumps(message)
    sent = 0
    try:
        for number in range(UNREAD * 2**20 // len(frame)):
            sent += 1
            await people[number % len(people)].send(frame)  # in turn, since nobody may send too much
            for person in people:
                heard = json.loads(await asyncio.wait_for(person.recv(), TIMEOUT))
                expect(
                    heard == message,
                    seen=f"Somebody in the room doesn't read, and somebody who does got {str(heard)[:80]}.",
                    asked="Whoever is too far behind is disconnected before a mailbox is full.",
                    file="tutorial/backpressure.py",
                )
            if "Dropped the socket" in server.read_output():
                break
    except asyncio.TimeoutError:
        raise Unmet(
            "Somebody in the room doesn't read, and those who do no longer hear what is said.",
            "send() waits for nobody.",
            "tutorial/connections.py",
        ) from None
    deaf.transport.resume_reading()
    disconnected = False
    try:
        for _ in range(sent):
            await asyncio.wait_for(deaf.recv(), 2)
    except ConnectionClosed:
        disconnected = True
    except asyncio.TimeoutError:
        pass
    for person in people:
        person.transport.abort()
    slept = re.search(r"^It sleeps: (.+):(\d+)$", server.read_output(), re.MULTILINE)
    if slept:
        path, line = Path(slept[1]), int(slept[2])
        file = path.relative_to(server.project).as_posix()
        place = read_code(server.project).place(file, line)
        raise StoodStill(
            f"time.sleep() stops the event loop: meanwhile nobody is served.{place}",
            "await asyncio.sleep(…)",
            file,
        )
    if not disconnected:
        look_at_the_connection()
    expect(
        disconnected,
        seen=f"Somebody in the room didn't read. {UNREAD} MiB were sent to them, and waited in the server.",
        asked="send_if_it_reads() measures what waits for its client, and disconnects it if that exceeds MAY_WAIT.",
        file="tutorial/backpressure.py",
    )


@pytest.mark.part_2
async def test_what_was_said_is_not_kept(person):
    """What was said takes no memory once everybody has heard it: a chat may run for days."""
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    heard = 0

    async def talk(number):
        nonlocal heard
        await alice.say(f"{number:0>4000}")
        frame = await alice.hear(after="Alice spoke", asked=JOINED, file=FILE)
        heard += len(frame.get("message", ""))  # a chat may refuse what comes too fast

    for number in range(50):  # whatever is made once is made now, and a cache of a few frames is full
        await talk(number)
    tracemalloc.start()
    try:
        for number in range(50, 250):
            await talk(number)
        gc.collect()
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    keepers = [
        value
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in ("chat", "tutorial")
        for value in vars(module).values()
        if hasattr(value, "cache_info") and value.cache_info().currsize > 100
    ]
    expect(
        kept < 400_000,
        seen=f"Alice said 200 messages of 4,000 characters, and {kept // 1024} KiB of memory are still taken."
        + "".join(
            f" The cache of {each.__name__}() has no limit."
            for each in dict.fromkeys(keepers)
            if each.cache_parameters()["maxsize"] is None
        ),
        asked="A cache has a limit, lru_cache(maxsize=32) for example, and nothing else keeps what was said.",
        file=f"{keepers[0].__module__.replace('.', '/')}.py" if keepers else FILE,
    )


@pytest.mark.part_2
async def test_a_bad_frame_is_no_loss(person):
    """A frame that is no message gets its error, as in stage 6. It is no lost delivery, and its sender stays."""
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    await alice.send(text="no JSON")
    asked = "websocket_receive() notes a loss only if what was raised is MailboxesFull: no other Refused has a number."
    frame = await alice.hear(after="Alice sent 'no JSON'", asked=asked, file=FILE)
    expect("error" in frame, seen=f"Alice sent 'no JSON', and got {frame}.", asked=asked, file=FILE)
    await alice.say("hello")
    frame = await alice.hear(after="Alice then said something", asked=asked, file=FILE)
    expect(frame == {"message": "hello"}, seen=f"Alice then got {frame}.", asked=asked, file=FILE)
