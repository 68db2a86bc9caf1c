"""
Internals of Channels, daphne, Twisted, uvicorn and asyncio that the chat relies on.

None of them are promised. If one of these tests fails after an update, it says which lines of ours to look at.
"""

import asyncio
import json

import pytest
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from channels.layers import InMemoryChannelLayer
from waiting import until
from watched import make_message

SCOPE = {"type": "websocket", "path": "/ws/chat/lobby/", "url_route": {"kwargs": {"room_name": "lobby"}}}
GROUP = "chat_lobby"
HELLO = {"type": "chat_msg", "message": "hello"}


class Socket:
    """A consumer, and a server's two ends: the events for it, and the events that it has sent."""

    def __init__(self, run, **scope):
        self.events, self.sent = asyncio.Queue(), asyncio.Queue()
        self.task = asyncio.ensure_future(run({**SCOPE, **scope}, self.events.get, self.sent.put))
        self.events.put_nowait({"type": "websocket.connect"})

    async def hear(self):
        return await asyncio.wait_for(self.sent.get(), 20)

    async def leave(self):
        self.events.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, 20)


async def turns():
    """Give each task that is ready to run its turns."""
    for _ in range(50):
        await asyncio.sleep(0)


# The layer

LAYER = "chat/layers.py, ClassroomInMemoryChannelLayer: compare it with channels/layers.py, InMemoryChannelLayer."


@pytest.mark.parametrize("way", ["send", "group_send"])
async def test_expired_events_are_dropped_as_events_come_and_go(layer, way):
    """It happens within expiry and CLEAN_EVERY, in both methods that call _clean_expired()."""
    layer.CLEAN_EVERY = 0.1

    async def receive():
        await layer.send("another", HELLO)
        await layer.receive("another")

    for use in (receive, lambda: layer.group_send("nobody", HELLO)):
        layer.expiry = 0.1
        await layer.group_add(GROUP, "late")
        await getattr(layer, way)("late" if way == "send" else GROUP, HELLO)
        assert "late" in layer.channels, f"The layer now keeps mailboxes elsewhere. {LAYER}"
        layer.expiry = 60
        deadline = asyncio.get_running_loop().time() + 20
        while "late" in layer.channels:
            assert asyncio.get_running_loop().time() < deadline, f"Expired events are not dropped. {LAYER}"
            await use()
            await asyncio.sleep(0.01)
        assert "late" not in layer.groups[GROUP], f"A channel whose events expire has to leave its group. {LAYER}"


async def test_receive_cleans_with_our_method(layer):
    """Ours does it once a second. Channels' own would look through all mailboxes each time."""
    layer.CLEAN_EVERY = 3600
    layer.expiry = -1
    await layer.send("late", HELLO)
    layer.expiry = 60
    for cleaned in (True, False):
        await layer.send("mine", HELLO)
        await layer.receive("mine")
        assert ("late" not in layer.channels) == cleaned, f"receive() no longer calls self._clean_expired(). {LAYER}"
        layer.expiry = -1
        await layer.send("late", HELLO)
        layer.expiry = 60


async def test_a_message_is_in_all_mailboxes_before_anyone_else_has_a_turn(layer):
    for number in range(100):
        await layer.group_add(GROUP, f"member{number}")
    sending = layer.group_send(GROUP, HELLO)
    with pytest.raises(StopIteration):
        sending.send(None)
        pytest.fail(
            "group_send() awaits something, so a member may leave meanwhile. Then mailbox() makes a mailbox for it, "
            f"which nobody removes. {LAYER}"
        )
    assert len(layer.channels) == 100


async def take(layer, channel):
    return await asyncio.wait_for(layer.receive(channel), 20)


async def test_each_member_gets_a_copy_and_send_and_group_send_use_the_same_mailbox(layer):
    for number in range(2):
        await layer.group_add(GROUP, f"member{number}")
    await layer.send("member0", {"type": "chat_msg", "message": "to one"})
    await layer.group_send(GROUP, dict(HELLO))
    assert (await take(layer, "member0"))["message"] == "to one", f"send() now puts events elsewhere. {LAYER}"
    first, second = await take(layer, "member0"), await take(layer, "member1")
    assert first == second == HELLO
    first["message"] = "changed"
    assert second == HELLO, f"If one consumer changes its event, the others see it. {LAYER}"


async def test_a_reader_waits_at_the_mailbox_that_events_are_put_into(layer):
    """Channels makes a new mailbox whenever one was empty: a reader that waits at the old one would wait forever."""
    for _ in range(3):
        reading = asyncio.ensure_future(take(layer, "mine"))
        await turns()
        await layer.send("mine", HELLO)
        assert await reading == HELLO, LAYER
    assert "mine" in layer.channels, f"receive() deletes the mailbox. {LAYER}"


async def test_a_mailbox_is_deleted_with_the_task_that_asked_for_its_channel(layer):
    async def life():
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        await layer.group_send(GROUP, HELLO)
        there = channel in layer.channels
        await layer.group_discard(GROUP, channel)
        return there

    assert await asyncio.create_task(life()), f"The layer now keeps mailboxes elsewhere. {LAYER}"
    await turns()
    assert layer.channels == {}, f"A mailbox is left that nobody will read: see new_channel(). {LAYER}"


async def test_our_layer_refuses_the_names_that_channels_own_refuses(layer):
    own = InMemoryChannelLayer()
    for group in ("聊天室", "a b", "x" * 100, ""):
        for refusing in (own, layer):
            with pytest.raises(TypeError, match="Group name"):
                await refusing.group_send(group, HELLO)


# The consumer

CALL = (
    "chat/sockets.py, SocketConsumer.__call__: compare it with channels/consumer.py, AsyncConsumer.__call__, and "
    "channels/utils.py, await_many_dispatch."
)
DISPATCH = "chat/sockets.py, SocketConsumer.dispatch: compare it with channels/consumer.py, AsyncConsumer.dispatch."


async def test_our_call_sets_what_channels_own_sets(layer):
    from chat.consumers import ChatConsumer

    ours, theirs = ChatConsumer(), ChatConsumer()
    for run in (ours, lambda *scope: AsyncConsumer.__call__(theirs, *scope)):
        alice = Socket(run)
        assert (await alice.hear())["type"] == "websocket.accept"
        await alice.leave()
    missing = set(vars(theirs)) - set(vars(ours))
    # Only Channels' own __call__ uses channel_receive.
    assert missing == {"channel_receive"}, f"Channels sets {missing - {'channel_receive'}}, but we don't. {CALL}"
    for name in ("scope", "channel_layer"):
        assert getattr(ours, name) == getattr(theirs, name), f"Channels sets a different {name}. {CALL}"


@pytest.mark.parametrize(
    "event", [{"type": "no.such"}, {"type": "_private"}, {}, {"type": "websocket.disconnect", "code": 1000}]
)
async def test_our_dispatch_ends_as_channels_own(layer, event):
    from chat.consumers import ChatConsumer

    ends = []
    for dispatch in (ChatConsumer.dispatch, AsyncConsumer.dispatch):
        with pytest.raises((StopConsumer, ValueError)) as end:
            await dispatch(ChatConsumer(), event)
        ends.append((end.type, str(end.value)))
    ours, theirs = ends
    assert ours == theirs, f"For {event}, Channels' own dispatch raises {theirs}, but ours raises {ours}. {DISPATCH}"


async def test_an_unknown_event_ends_our_consumer_as_it_ends_channels_own(layer):
    from chat.consumers import ChatConsumer

    for run in (ChatConsumer(), lambda *scope: AsyncConsumer.__call__(ChatConsumer(), *scope)):
        alice = Socket(run)
        await alice.hear()
        alice.events.put_nowait({"type": "no.such"})
        with pytest.raises(ValueError, match=r"No handler for message type no\.such"):
            await asyncio.wait_for(alice.task, 20)


async def test_no_event_is_handled_before_the_socket_is_accepted(layer, monkeypatch):
    """Redis answers after the channel has joined the group, and an event may come before that answer."""
    from chat.consumers import ChatConsumer

    join, answered = layer.group_add, asyncio.Event()

    async def group_add(group, channel):
        await join(group, channel)
        await answered.wait()

    monkeypatch.setattr(layer, "group_add", group_add)
    alice = Socket(ChatConsumer())
    await turns()
    await layer.group_send(GROUP, HELLO)
    await turns()
    assert alice.sent.empty(), f"A frame was sent before the socket was accepted: daphne refuses that. {CALL}"
    answered.set()
    assert [(await alice.hear())["type"] for _ in range(2)] == ["websocket.accept", "websocket.send"]
    await alice.leave()


async def test_a_consumer_does_one_thing_at_a_time(layer):
    from chat.consumers import ChatConsumer

    class Slow(ChatConsumer):
        under_way, most = 0, 0

        async def dispatch(self, event):
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await turns()
            await super().dispatch(event)
            self.under_way -= 1

    slow = Slow()
    alice = Socket(slow)
    await alice.hear()
    for number in range(5):
        alice.events.put_nowait({"type": "websocket.receive", "text": f'{{"message": "{number}"}}'})
        await layer.group_send(GROUP, HELLO)
    for _ in range(10):
        await alice.hear()
    assert slow.most == 1, f"{slow.most} events were handled at the same time. {CALL}"
    await alice.leave()


REFUSED = (
    "chat/sockets.py, SocketConsumer.websocket_connect and websocket_receive: they wrap those of channels/generic/"
    "websocket.py, which call connect() and receive()."
)


async def test_connect_refuses_with_a_close_and_receive_with_an_error(layer, caplog):
    from chat.consumers import ChatConsumer
    from chat.errors import Refused

    class Refusing(ChatConsumer):
        async def connect(self):
            if self.scope["path"] == "/refused/":
                raise Refused("Not here.")
            await super().connect()

        async def receive(self, text_data=None, bytes_data=None):
            raise Refused(f"Not {text_data or bytes_data}.")

    alice = Socket(Refusing(), path="/refused/")
    assert (await alice.hear())["type"] == "websocket.close", REFUSED
    assert [record.getMessage() for record in caplog.records] == ["Refused the socket '/refused/': Not here."], REFUSED
    await alice.leave()

    bob = Socket(Refusing())
    assert (await bob.hear())["type"] == "websocket.accept", REFUSED
    for number, frame in enumerate(({"text": "text"}, {"bytes": b"bytes"}), start=1):
        bob.events.put_nowait({"type": "websocket.receive", **frame})
        (content,) = frame.values()
        told = json.loads((await bob.hear())["text"])
        assert told == {"error": f"Not {content}.", "frame": number}, REFUSED
    await bob.leave()


async def test_a_consumer_that_ends_with_events_unread_leaves_nothing_behind(layer):
    from chat.consumers import ChatConsumer

    class Slow(ChatConsumer):
        async def chat_msg(self, event):
            await turns()

    consumer = Slow()
    alice = Socket(consumer)
    await alice.hear()
    assert list(layer.channels) == [consumer.channel_name], f"The layer now keeps mailboxes elsewhere. {LAYER}"
    for _ in range(10):  # when she leaves, the first is being handled, and the others wait
        await layer.group_send(GROUP, HELLO)
    await alice.leave()
    assert layer.channels == {}, f"A mailbox is left that nobody will read: see new_channel(). {LAYER}"
    assert layer.groups == {}, f"Her channel is still in its group: leave() has not run. {CALL}"


# The servers

FIND = (
    "tutorial/connections.py, find_connection: `send` has to be a functools.partial with daphne's protocol as its "
    "first argument (daphne/server.py, create_application), or a method of uvicorn's protocol (uvicorn/protocols/"
    "websockets), and protocol.transport Twisted's or asyncio's. "
)
TWISTED = FIND + (
    "TwistedConnection uses its bufferSize, pauseProducing, resumeProducing, dataBuffer, offset, _tempDataLen and "
    "abortConnection (twisted/internet/abstract.py, FileDescriptor, and tcp.py)."
)
ASYNCIO = FIND + (
    "AsyncioConnection uses its set_write_buffer_limits, get_write_buffer_size and abort (asyncio/transports.py, "
    "_FlowControlMixin, and selector_events.py)."
)

FRAME = make_message("0")
TEXT = "😀" * 4000


def send_many(server, client, frame, number):
    """Send more frames than the server may read while the handler of the first one is held."""
    before = server.ask("handled_in", "lobby")
    client.send(*[frame] * number)
    until(lambda: server.ask("handled_in", "lobby") > before, "the first of many frames is being handled")


def assert_bounded(server, client, most, why):
    """Assert that the server reads no more frames than these."""
    for _ in range(50):  # during each answer the server could read on
        taken_in = server.ask("taken_in", client.port)
        assert taken_in <= most, (
            f"The server has read {taken_in} frames from a client while the first one is still being handled. {why}"
        )


def most_in_a_read():
    """Return how many of the shortest frames daphne may read at a time."""
    from tutorial.connections import READ

    return READ // len(FRAME)


def let_wait(server, talker, silent):
    """Let one talk until the system accepts no more for the other, who doesn't read. Return the number of messages."""
    said = 0
    while server.ask("kept", silent.port) < 3 * len(json.dumps(TEXT)):  # less might still fit into the system's buffers
        talker.say(TEXT)
        assert talker.hear() == {"message": TEXT}
        said += 1
    return said


def test_backpressure_finds_daphnes_transport(watched):
    alice = watched.join("lobby", query="hold=receive")
    send_many(watched, alice, FRAME, 2000)
    assert_bounded(watched, alice, most_in_a_read(), TWISTED)
    watched.ask("release")
    assert alice.hear_messages(2000) == ["0"] * 2000


def test_nothing_else_resumes_what_backpressure_has_paused(watched):
    """Twisted pauses and resumes a connection by itself when its output is full, and empty again."""
    alice = watched.join("lobby", query="hold=receive", buffer=4096)
    bob = watched.join("lobby")
    said = let_wait(watched, bob, alice)
    send_many(watched, alice, FRAME, 2000)
    assert alice.hear_messages(said) == [TEXT] * said
    until(lambda: not watched.ask("kept", alice.port), "everything that was kept for her is sent")
    assert_bounded(
        watched,
        alice,
        most_in_a_read(),
        "Something has resumed its connection. twisted/web/http.py, HTTPChannel.resumeProducing, is called even when a "
        "connection no longer speaks HTTP, and then has to leave it alone. " + TWISTED,
    )
    watched.ask("release")
    assert alice.hear_messages(2000) == ["0"] * 2000


@pytest.mark.parametrize("watched", ["uvicorn"], indirect=True)
def test_uvicorn_by_itself_reads_only_once(watched):
    """asyncio reads at most 256 KiB at a time. Then uvicorn waits until the application asks for more."""
    alice = watched.join("lobby", query="hold=receive")
    send_many(watched, alice, make_message("0", padding="x" * 100_000), 20)
    assert_bounded(watched, alice, 3, "If so, AsyncioConnection has to pause it, as TwistedConnection does. " + ASYNCIO)
    watched.ask("release")
    assert alice.hear_messages(20) == ["0"] * 20


@pytest.mark.parametrize(
    ("watched", "name", "why"),
    [("runserver", "TwistedConnection", TWISTED), ("uvicorn", "AsyncioConnection", ASYNCIO)],
    ids=["runserver", "uvicorn"],
    indirect=["watched"],
)
def test_a_connection_knows_how_much_waits_for_its_client(watched, name, why):
    alice, bob = watched.join("lobby", buffer=4096), watched.join("lobby")
    nothing = {"type": name, "kept": 0, "waiting": 0}
    assert watched.ask("connection", alice.port) == nothing, why
    said = let_wait(watched, bob, alice)
    found = watched.ask("connection", alice.port)
    assert found["waiting"] == found["kept"] > 0, why
    for _ in range(10):  # meanwhile the system accepts some more, seldom a whole frame
        assert alice.hear() == {"message": TEXT}
        found = watched.ask("connection", alice.port)
        assert found["waiting"] == found["kept"], why
    assert alice.hear_messages(said - 10) == [TEXT] * (said - 10)
    until(lambda: not watched.ask("kept", alice.port), "everything that was kept for her is sent")
    assert watched.ask("connection", alice.port) == nothing, why


@pytest.mark.parametrize("watched", ["uvicorn"], indirect=True)
def test_uvicorns_send_never_waits_before_backpressure_does(watched):
    """If it did, the consumer would wait, its mailbox would fill, and senders would get errors about her."""
    from tutorial.backpressure import MAY_WAIT

    alice, bob = watched.join("lobby", buffer=4096), watched.join("lobby")
    while watched.ask("kept", alice.port) < MAY_WAIT // 2:
        bob.say(TEXT)
        assert bob.hear() == {"message": TEXT}
        assert watched.ask("mail") == 0, f"Events wait in her mailbox, because send() waits until she reads. {ASYNCIO}"
