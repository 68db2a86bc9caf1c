"""
Several server processes: with Redis, without it, and when it goes away.
"""

import asyncio
import re

import pytest
from running import Server, hear, say
from waiting import until
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

# All timeouts that matter while Redis hangs, cut to two fifths: five seconds for events and ten for answers from Redis
# in the layer, daphne's five for a handshake, and our two for leaving.
SOONER = [
    (
        "tutorial/settings.py",
        "CAPACITY = 10_000",
        "CAPACITY = 10_000\nimport channels_redis.core\nchannels_redis.core.RedisChannelLayer.brpop_timeout = 2",
    ),
    ("tutorial/settings.py", '"socket_timeout": 10', '"socket_timeout": 4'),
    ("chat/sockets.py", "LEAVE_WITHIN = 2", "LEAVE_WITHIN = 0.8"),
]
AWAY = "the channel layer doesn't answer"

# For each message from Redis, RedisChannelLayer.receive_single(), in channels_redis/core.py, starts a task that deletes
# the backup copy in Redis. Nobody awaits that task. If Redis dies at that moment, asyncio logs the task's exception.
# Nothing is lost by it, and no code of ours could catch it.
TRACEBACK = r"Traceback \(most recent call last\):\n(?: .*\n)+\S.*\n"
LEFT_BY_CHANNELS_REDIS = re.compile(
    r"Task exception was never retrieved\n"
    r"future: <Task finished .*coro=<RedisChannelLayer\._clean_receive_backup\(\) done.*\n"
    rf"(?:{TRACEBACK}\n\S.*:\n\n)*"  # exceptions that were being handled when the next one was raised
    rf"{TRACEBACK}"
)


@pytest.fixture(autouse=True)
def overlook_what_channels_redis_leaves(monkeypatch):
    """Remove these tracebacks from the log of a server. Any other traceback stays in it and fails the test."""
    whole_log = Server.whole_log
    monkeypatch.setattr(Server, "whole_log", lambda server: LEFT_BY_CHANNELS_REDIS.sub("", whole_log(server)))


async def test_two_processes_with_one_redis_share_their_rooms(serve, redis):
    here, there = serve(REDIS_URL=redis.url), serve(REDIS_URL=redis.url)
    async with here.enter("聊天室") as alice, there.enter("聊天室") as bob, there.enter("other") as carol:
        await say(alice, "from here")
        assert await hear(alice) == await hear(bob) == {"message": "from here"}
        await say(bob, "from there")
        assert await hear(alice) == await hear(bob) == {"message": "from there"}
        await say(carol, "alone")
        assert await hear(carol) == {"message": "alone"}, "and nothing from the other room"
    for server in (here, there):
        assert server.own_words()[-1].startswith("Quit the server"), "nothing has gone wrong since the start"


async def test_two_processes_without_redis_have_rooms_of_their_own(serve):
    here, there = serve(), serve()
    async with here.enter("lobby") as alice, there.enter("lobby") as bob:
        await say(alice, "from here")
        assert await hear(alice) == {"message": "from here"}
        await say(bob, "from there")
        assert await hear(bob) == {"message": "from there"}, "what alice said before never reached this process"


async def test_two_processes_with_redis_keep_each_senders_order_and_lose_nothing(serve, redis):
    servers = serve(REDIS_URL=redis.url), serve(REDIS_URL=redis.url)
    members = [await servers[i % 2].enter("class") for i in range(10)]
    await asyncio.gather(*(say(member, f"{i} {n}") for n in range(20) for i, member in enumerate(members)))
    for member in members:
        heard = [(await hear(member))["message"].split() for _ in range(200)]
        for i in range(10):
            assert [n for sender, n in heard if sender == str(i)] == [str(n) for n in range(20)]
    await asyncio.gather(*(member.close() for member in members))


async def test_on_redis_a_quiet_room_stays_connected(serve, redis):
    server = serve(REDIS_URL=redis.url)
    async with server.enter("lobby") as alice:
        # The layer waits 5 s for events and then asks Redis again, first with a script. Nobody may notice that.
        until(lambda: redis.count("eval") >= 2, "the layer asks for events for the second time")
        await say(alice, "still here")
        assert await hear(alice) == {"message": "still here"}
    assert AWAY not in server.log()


async def test_everyone_is_disconnected_when_redis_goes_and_let_in_when_it_is_back(serve, redis):
    server = serve(REDIS_URL=redis.url)
    members = [await server.enter(room) for room in ("lobby", "lobby", "other")]
    for member in members:
        await say(member, "hello")
        await hear(member)
    redis.kill()
    for member in members:
        with pytest.raises(ConnectionClosed):
            while True:
                await hear(member)
    for member in members:
        await member.wait_closed()

    for _ in range(3):
        server.forget_log()
        assert await server.refusal("lobby") == 403
        server.until_logged("WebSocket DISCONNECT")
        (line,) = server.own_words()
        assert AWAY in line

    redis.start()
    async with server.enter("lobby") as alice, server.enter("lobby") as bob:
        await say(alice, "back")
        assert await hear(alice) == await hear(bob) == {"message": "back"}
    server.assert_nothing_broke()


async def test_a_server_may_be_started_before_its_redis(serve, redis):
    redis.stop()
    server = serve(REDIS_URL=redis.url)
    assert server.get("/chat/lobby/").status == 200
    assert await server.refusal("lobby") == 403
    redis.start()
    async with server.enter("lobby") as alice:
        await say(alice, "hello")
        assert await hear(alice) == {"message": "hello"}
    server.assert_nothing_broke()


async def test_refusals_are_the_same_with_and_without_redis(serve, redis):
    server = serve(REDIS_URL=redis.url)
    redis.kill()
    for options in (
        {"path": "/nowhere/"},
        {"room": "lobby", "origin": "http://evil.example"},
        {"room": "x" * 95},
    ):
        server.forget_log()
        assert await server.refusal(**options) == 403
        server.until_logged("WebSocket DISCONNECT")
        # More lines about the refusal would come within a moment, so wait for those of another one.
        assert await server.refusal(path="/marker/") == 403
        server.until_logged("WebSocket DISCONNECT /marker/")
        lines = [line for line in server.own_words() if "/marker/" not in line]
        assert len(lines) == 1 and lines[0].startswith("Refused the socket"), server.log()
    server.assert_nothing_broke()


async def test_nobody_waits_forever_when_redis_hangs(serve, redis):
    """A Redis that accepts connections and never answers is as good as none."""
    server = serve(*SOONER, options=["--websocket_handshake_timeout", "2"], REDIS_URL=redis.url)
    alice = await server.enter("lobby")
    await say(alice, "hello")
    await hear(alice)
    redis.freeze()
    try:
        with pytest.raises((InvalidMessage, InvalidStatus)):
            async with server.enter("lobby"):
                pass
        with pytest.raises(ConnectionClosed):
            await hear(alice)
        server.until_logged(AWAY)
    finally:
        redis.thaw()
    async with server.enter("lobby") as alice:
        await say(alice, "back")
        assert await hear(alice) == {"message": "back"}
    server.assert_nothing_broke()
