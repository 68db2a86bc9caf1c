"""
What the chat takes for granted inside Channels, daphne and Twisted.

Nobody promises any of it. When one of these tests fails after an update, it says which lines of ours to look at.
"""

import asyncio

import pytest
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from running import until
from watched import make_message

SCOPE = {"type": "websocket", "path": "/ws/chat/lobby/", "url_route": {"kwargs": {"room_name": "lobby"}}}
GROUP = "chat_lobby"
HELLO = {"type": "chat_msg", "message": "hello"}


class Socket:
    """A consumer with a server's two ends: what it receives, and what it has sent."""

    def __init__(self, run):
        self.events, self.sent = asyncio.Queue(), asyncio.Queue()
        self.task = asyncio.ensure_future(run(dict(SCOPE), self.events.get, self.sent.put))
        self.events.put_nowait({"type": "websocket.connect"})

    async def hear(self):
        return await asyncio.wait_for(self.sent.get(), 20)

    async def leave(self):
        self.events.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, 20)


async def turns():
    """Let the event loop come round often enough for all that waits for nothing but its turn."""
    for _ in range(50):
        await asyncio.sleep(0)


# The layer

LAYER = "tutorial/layers.py, ClassroomInMemoryChannelLayer: compare it with channels/layers.py, InMemoryChannelLayer."


async def test_what_expires_is_thrown_away_as_mail_comes_and_goes(layer):
    """Within the time of expiry and CLEAN_EVERY, by each of the two that call _clean_expired()."""
    layer.CLEAN_EVERY = 0.1

    async def receive():
        await layer.send("another", HELLO)
        await layer.receive("another")

    for use in (receive, lambda: layer.group_send("nobody", HELLO)):
        layer.expiry = 0.1
        await layer.group_add(GROUP, "late")
        await layer.send("late", HELLO)
        layer.expiry = 60
        deadline = asyncio.get_running_loop().time() + 20
        while "late" in layer.channels:
            assert asyncio.get_running_loop().time() < deadline, f"What has expired stays. {LAYER}"
            await use()
            await asyncio.sleep(0.01)
        assert "late" not in layer.groups[GROUP], f"Who lets mail expire is no member any more. {LAYER}"


async def test_receive_cleans_with_our_method(layer):
    """Once a second: Channels' own would look through all mailboxes each time."""
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
            "group_send() waits in the middle, so a member may leave meanwhile, and mail comes after it has left. "
            "chat/consumers.py, ChatConsumer.leave() waits for one turn of the loop only. " + LAYER
        )


# The consumer

CALL = (
    "chat/consumers.py, ChatConsumer.__call__: compare it with channels/consumer.py, AsyncConsumer.__call__, and "
    "channels/utils.py, await_many_dispatch."
)
DISPATCH = "chat/consumers.py, ChatConsumer.dispatch: compare it with channels/consumer.py, AsyncConsumer.dispatch."


async def test_our_call_sets_what_channels_own_sets(layer):
    from chat.consumers import ChatConsumer

    ours, theirs = ChatConsumer(), ChatConsumer()
    for run in (ours, lambda *scope: AsyncConsumer.__call__(theirs, *scope)):
        alice = Socket(run)
        assert (await alice.hear())["type"] == "websocket.accept"
        await alice.leave()
    missing = set(vars(theirs)) - set(vars(ours))
    # channel_receive is for Channels' own __call__ alone.
    assert missing == {"channel_receive"}, f"Channels sets {missing - {'channel_receive'}}, and we don't. {CALL}"
    for name in ("scope", "channel_layer"):
        assert getattr(ours, name) == getattr(theirs, name), f"Channels sets another {name}. {CALL}"


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
    assert ours == theirs, f"For {event} Channels' own dispatch raises {theirs}, ours {ours}. {DISPATCH}"


async def test_an_unknown_event_ends_our_consumer_as_it_ends_channels_own(layer):
    from chat.consumers import ChatConsumer

    for run in (ChatConsumer(), lambda *scope: AsyncConsumer.__call__(ChatConsumer(), *scope)):
        alice = Socket(run)
        await alice.hear()
        alice.events.put_nowait({"type": "no.such"})
        with pytest.raises(ValueError, match=r"No handler for message type no\.such"):
            await asyncio.wait_for(alice.task, 20)


async def test_no_mail_before_the_socket_is_accepted(layer, monkeypatch):
    """Redis answers when it has joined the room, and mail may come sooner than that answer."""
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
    assert alice.sent.empty(), f"Mail was sent before the socket was accepted: daphne refuses that. {CALL}"
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


LEAVE = "chat/consumers.py, ChatConsumer.leave() throws the mailbox away: it is layer.channels[self.channel_name]."


async def test_the_mailbox_of_who_leaves_is_where_leave_looks_for_it(layer):
    from chat.consumers import ChatConsumer

    class Slow(ChatConsumer):
        async def chat_msg(self, event):
            await turns()

    consumer = Slow()
    alice = Socket(consumer)
    await alice.hear()
    assert list(layer.channels) == [consumer.channel_name], f"The layer keeps mailboxes elsewhere now. {LEAVE}"
    for _ in range(10):  # the first is in her hands when she leaves, the others wait
        await layer.group_send(GROUP, HELLO)
    await alice.leave()
    assert layer.channels == {}, f"A mailbox is left, and nobody reads it. {LEAVE}"
    assert layer.groups == {}


def test_on_redis_there_is_no_such_mailbox():
    from channels_redis.core import RedisChannelLayer

    layer = RedisChannelLayer(hosts=["redis://127.0.0.1:1"])
    assert not hasattr(layer, "channels"), f"This layer has `channels` too: see whether pop() there is right. {LEAVE}"


# daphne and Twisted

BACKPRESSURE = (
    "tutorial/middleware.py, Backpressure: `send` has to be a functools.partial with daphne's protocol as its first "
    "argument (daphne/server.py, create_application), and protocol.transport Twisted's, with bufferSize, "
    "pauseProducing and resumeProducing (twisted/internet/abstract.py, FileDescriptor)."
)


FRAME = make_message("0")


def send_many(server, client):
    """Send more frames than the server may take in, while the handler of the first is held."""
    before = server.ask("handled_in", "lobby")
    client.send(*[FRAME] * 2000)
    until(lambda: server.ask("handled_in", "lobby") > before, "the first of many frames has come")


def assert_bounded(server, client, why):
    """Assert that no more is taken in than one read brings."""
    from tutorial.middleware import Backpressure

    for _ in range(50):  # each answer takes a turn of the server's loop, in which it might read on
        taken_in = server.ask("taken_in", client.port)
        assert taken_in <= Backpressure.READ // len(FRAME), (
            f"The server has taken in {taken_in} frames of a client whose first is still being handled. {why}"
        )


def test_backpressure_finds_daphnes_transport(watch):
    server = watch()
    alice = server.join("lobby", query="hold=receive")
    send_many(server, alice)
    assert_bounded(server, alice, BACKPRESSURE)
    server.ask("release")
    assert alice.hear_messages(2000) == ["0"] * 2000


def test_nothing_else_resumes_what_backpressure_has_paused(watch):
    """Twisted pauses and resumes a connection by itself when its output is full, and empty again."""
    server = watch()
    alice = server.join("lobby", query="hold=receive", buffer=4096)
    bob = server.join("lobby")
    text = "😀" * 4000
    said = 0
    while not server.ask("kept", alice.port):
        bob.say(text)
        assert bob.hear() == {"message": text}
        said += 1
    send_many(server, alice)
    assert alice.hear_messages(said) == [text] * said
    until(lambda: not server.ask("kept", alice.port), "all that was kept for her is hers")
    assert_bounded(
        server,
        alice,
        "Something has resumed its connection. twisted/web/http.py, HTTPChannel.resumeProducing, is asked even for a "
        "socket that is no HTTP any more, and has to leave it alone. " + BACKPRESSURE,
    )
    server.ask("release")
    assert alice.hear_messages(2000) == ["0"] * 2000
