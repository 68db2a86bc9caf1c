"""Stage 8: a full class loses nothing, costs no more for each student than a small one, and waits for nobody."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import pytest
from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer
from stage import TIMEOUT, TURN, Person, Unmet, expect, explain_output, find_forgotten_await
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

FILE = "chat/sockets.py"
LAYERS = "chat/layers.py"
JOINED = "The socket /ws/chat/lobby/ is accepted."
CLOCKS = (time.time, time.monotonic, time.perf_counter)


@pytest.fixture
def person(application):
    return lambda name: Person(name, application, "/ws/chat/lobby/")


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
    return Unmet(
        f"In a room of {len(people)} people, not everyone had got what was said after {TIMEOUT} s.",
        "__call__ reads the socket and the mailbox, and group_send() puts the message into every mailbox of the group.",
        FILE,
    )


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
        await asyncio.wait_for(asyncio.gather(*(listener.socket.output_queue.get() for listener in people)), 5)
    except asyncio.TimeoutError:
        raise not_heard(people) from None
    finally:
        sys.settrace(before)
    return lines / len(people)


async def test_what_has_expired_is_thrown_away_and_nothing_sooner(layer, monkeypatch):
    """Whoever is ten minutes behind loses nothing. What has waited for longer than the expiry is thrown away."""
    channel = "a-student-who-does-not-read"
    await layer.send(channel, {"type": "chat_msg", "message": "hello"})
    await speak_later(layer, 0, monkeypatch)
    await speak_later(layer, 10 * 60, monkeypatch)
    expect(
        channel in layer.channels,
        seen="A message waited in a mailbox for ten minutes, and was thrown away without a word.",
        asked='"expiry": 24 * 60 * 60 next to the capacity: by default, a message expires after a minute.',
        file="tutorial/settings.py",
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


async def test_a_full_mailbox_is_reported_to_the_sender_and_once_in_the_log(person, layer, caplog, monkeypatch):
    """When a mailbox is full, the others get the message, the sender an error, and the log one line with the total."""
    layer.capacity = 2
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    (group,) = layer.groups
    await layer.group_add(group, "a-student-who-does-not-read")
    bob = await person("Bob").join(asked=JOINED, file=FILE)
    for number in range(2):
        await alice.say(str(number))
        await hear_all([alice, bob])
    for number in range(2, 5):
        await alice.say(str(number))
        frame = await bob.hear(
            after="a message that didn't fit into the mailbox before his",
            asked="group_send() goes on after a full mailbox: try is inside its loop, around one member.",
            file=LAYERS,
        )
        expect(
            frame == {"message": str(number)},
            seen=f"One mailbox in the room was full, and Bob, whose mailbox is empty, got {frame}.",
            asked="Only the owner of a full mailbox misses a message. Bob gets each one.",
            file=LAYERS,
        )
        frames = []
        while len(frames) < 2:  # her own message, and the error: in any order
            try:
                event = await alice.next_event()
            except TimeoutError:
                break
            frames.append(json.loads(event["text"]) if event.get("text") else event)
        errors = [frame["error"] for frame in frames if "error" in frame]
        if not errors:
            raise await explain_silence(layer, group, frames)
        expect(
            len(errors) == 1 and {"1", "3"} <= set(re.findall(r"\d+", errors[0])),
            seen=f"Alice's message didn't fit into 1 of 3 mailboxes, and she got {frames}.",
            asked="The error says how many people missed the message, and how many there are.",
            file=FILE,
        )
        expect(
            {"message": str(number)} in frames,
            seen=f"Alice's message didn't fit into 1 of 3 mailboxes, and she didn't get it herself: she got {frames}.",
            asked="Everyone else in the room gets the message, including its sender.",
            file=FILE,
        )

    def said():
        return [record.getMessage() for record in caplog.records if "lobby" in record.getMessage()]

    # A timer of the event loop goes off at once if the loop's clock is put forward. Any other is waited for.
    loop = asyncio.get_running_loop()
    with monkeypatch.context() as patch:
        patch.setattr(loop, "time", lambda clock=loop.time: clock() + 2)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    for _ in range(int(3 / TURN)):
        if said():
            break
        await asyncio.sleep(TURN)
    expect(
        len(said()) == 1 and "3" in said()[0],
        seen=f"3 deliveries were lost in the lobby in a second. Log lines about it: {len(said())}, {said()}.",
        asked="websocket_receive() notes what was lost. A second after the first loss LostDeliveries logs the total.",
        file=FILE,
    )


async def explain_silence(layer, group, frames):
    """Return the Unmet for a sender who got these frames, and no error, after a delivery was lost."""
    try:
        await layer.group_send(group, {"type": "chat_msg", "message": "another one"})
    except ChannelFull:
        return Unmet(
            f"Alice's message didn't fit into 1 of 3 mailboxes, and she got {frames} and no error.",
            "MailboxesFull is a Refused too, so websocket_receive() catches it and sends the error.",
            LAYERS,
        )
    return Unmet(
        "A message didn't fit into 1 of 3 mailboxes, and group_send() raised no MailboxesFull.",
        "group_send() counts the full mailboxes, and raises MailboxesFull once all others have the message.",
        LAYERS,
    )


async def test_one_event_at_a_time(person, layer):
    """A consumer that waits in the middle of one event doesn't start on the next: no message before accept()."""
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    own = layer.group_add

    async def group_add(group, channel):
        await own(group, channel)
        await alice.say("early")
        await hear_all([alice])
        for _ in range(10):  # turns of the event loop, as a layer in another process would take
            await asyncio.sleep(0)

    layer.group_add = group_add
    bob = person("Bob")
    try:
        accepted = await bob.connect()
    except TimeoutError:
        accepted = None
    expect(
        accepted,
        seen="Bob's consumer handled a message while connect() was still running, before accept().",
        asked="handle_all() holds the lock one_at_a_time while it handles an event.",
        file=FILE,
    )
    await hear_all([bob])


async def test_nothing_is_left_of_people_who_have_gone(person, layer):
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
            asked="__call__ waits for both readers. Whatever ends one of them ends the other, and then leave() runs.",
            file=FILE,
        )
    await talker.leave()
    members = len(layer.groups.get("chat_lobby", ()))
    expect(
        not layer.groups,
        seen=f"101 people came and went, and {members} dead channels are still in the group chat_lobby.",
        asked="leave() calls group_discard() with the group and the channel.",
        file="chat/consumers.py",
    )
    expect(
        not layer.channels,
        seen=f"101 people came and went, and {len(layer.channels)} mailboxes are left, which nobody will read.",
        asked="new_channel() has the mailbox removed when the task that asked for the channel ends: "
        "add_done_callback(lambda task: self.channels.pop(channel, None)).",
        file=LAYERS,
    )


async def test_nothing_is_left_of_a_consumer_that_has_ended(person, layer):
    """After a client has left, or its consumer has died of an error, no task, group or mailbox is left."""
    before = asyncio.all_tasks()
    leaver, victim = await fill(person, 2)
    await leaver.leave()
    await victim.send(text='{"message": "hello"}')
    await hear_all([victim])
    await victim.socket.send_input({"type": "no.such.event"})
    await asyncio.wait({victim.socket.future}, timeout=TIMEOUT)
    asked = "__call__ waits for both readers. Whatever ends one of them ends the other, and then leave() runs."
    expect(
        victim.socket.future.done() and victim.socket.future.exception(),
        seen="An error in one of the two readers didn't end the consumer.",
        asked=asked,
        file=FILE,
    )
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    expect(
        not left and not layer.groups and not layer.channels,
        seen=f"Two consumers have ended, and they left {len(left)} tasks, {len(layer.groups)} groups "
        f"and {len(layer.channels)} mailboxes.",
        asked=asked,
        file=FILE,
    )


# A real daphne with the project. If it is started as "held", its consumer finishes no frame until it is released.
SERVER = """
import asyncio
import sys
import threading
import warnings

import tutorial.asgi
from chat.consumers import ChatConsumer
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from twisted.internet import reactor

released = asyncio.Event()


async def receive(self, text_data=None, bytes_data=None):
    await released.wait()
    await self.send(str(len(text_data)))


def wait():
    sys.stdin.readline()
    reactor.callFromThread(released.set)
    sys.stdin.read()
    reactor.callFromThread(reactor.stop)


def show_warning(message, category, file, line, *more):
    print(warnings.formatwarning(message, category, file, line), file=sys.stderr, flush=True)


def tell():
    warnings.showwarning = show_warning  # daphne has switched it off
    print(server.listening_addresses[0][1], flush=True)


if sys.argv[1:] == ["held"]:
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
        return self.read_output()


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


async def test_no_more_is_taken_in_than_is_handled(held_server):
    """While a client's frame is being handled, the server reads no more from it, and none of its frames is lost."""
    socket = await enter(held_server)
    try:
        sent, sending = await send_until_stuck(socket, held_server)
        expect(
            sending,
            seen=f"A consumer was busy with its client's first frame, and the server took in {LARGE} MiB more.",
            asked="In tutorial/routing.py, Backpressure(…) wraps everything else: it pauses reading during a frame.",
            file="tutorial/routing.py",
        )
        held_server.release()
        answers = await count_answers(socket, sent)
    finally:
        socket.transport.abort()  # a polite close takes long when nobody reads
    await asyncio.gather(sending, return_exceptions=True)
    expect(
        answers == sent,
        seen=f"The consumer went on, but of the {sent} frames that were waiting only {answers} reached it.",
        asked="receive_in_turn() calls resume_reading() before it waits for the next frame.",
        file="tutorial/backpressure.py",
    )
    forgotten = held_server.find_forgotten_await()
    if forgotten:
        raise forgotten


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
            await asyncio.wait_for(socket.recv(), 2)
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
    expect(
        disconnected,
        seen=f"Somebody in the room didn't read. {UNREAD} MiB were sent to them, and waited in the server.",
        asked="send_if_it_reads() measures what waits for its client, and disconnects it if that exceeds MAY_WAIT.",
        file="tutorial/backpressure.py",
    )
