"""Stage 7: what the channel layer keeps and drops, and the same consumer on Redis."""

import os
import socket
import subprocess
import sys

import pytest
from channels.layers import channel_layers
from stage import Person, expect

FILE = "tutorial/settings.py"
JOINED = "The socket /ws/chat/lobby/ is accepted."


@pytest.fixture
def person(application):
    return lambda name: Person(name, application, "/ws/chat/lobby/")


async def test_a_class_that_speaks_at_once_fits_into_a_mailbox(layer):
    """200 students who send 3 messages each at once: all 600 fit into the mailbox of one who isn't reading yet."""
    mailbox = await layer.new_channel()
    await layer.group_add("chat_lobby", mailbox)
    for number in range(600):
        await layer.group_send("chat_lobby", {"type": "chat_msg", "message": str(number)})
    waiting = layer.channels[mailbox].qsize()
    expect(
        waiting == 600,
        seen=f"Of 600 messages {waiting} are in the mailbox. The others were dropped without a word.",
        asked='CHANNEL_LAYERS["default"]["CONFIG"]["capacity"] is 10_000.',
        file=FILE,
    )


async def test_nothing_is_left_of_people_who_have_gone(person, layer):
    """When everyone has gone, no group is left, and no mailbox with messages that nobody will read."""
    for number in range(100):
        visitor = await person(f"Visitor {number}").join(asked=JOINED, file="chat/routing.py")
        (channel,) = layer.groups["chat_lobby"]
        for _ in range(5):
            await layer.send(channel, {"type": "chat_msg", "message": "too late"})
        await visitor.leave()
    expect(
        not layer.groups and not layer.channels,
        seen=f"100 people came and went: {len(layer.groups)} groups, {len(layer.channels)} mailboxes are left.",
        asked="leave() takes the channel out of its group, then its mailbox out of the layer.",
        file="chat/consumers.py",
    )


def test_redis_url_chooses_redis(pytestconfig):
    """With REDIS_URL set, and nothing else changed, the channel layer is Redis's."""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import tutorial.asgi\n"
            "from channels.layers import get_channel_layer\n"
            "layer = get_channel_layer()\n"
            "print(type(layer).__name__, layer.hosts[0]['address'], layer.capacity)",
        ],
        cwd=pytestconfig.project,
        env={**os.environ, "REDIS_URL": "redis://localhost:6379"},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )
    seen = run.stdout.strip() or (run.stderr.strip().splitlines() or ["nothing"])[-1]
    expect(
        seen == "RedisChannelLayer redis://localhost:6379 10000",
        seen=f"With REDIS_URL set, the layer is: {seen}",
        asked="With REDIS_URL in os.environ: channels_redis.core.RedisChannelLayer, that host, capacity 10_000.",
        file=FILE,
    )


async def test_a_layer_that_does_not_answer_is_said_in_one_line(person, caplog):
    """Redis is away: a connection is refused, and one line in the log says why."""
    from channels_redis.core import RedisChannelLayer

    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        channel_layers.set("default", RedisChannelLayer(hosts=[f"redis://127.0.0.1:{port}"]))
        accepted = await person("Alice").connect()
    lines = [record.getMessage() for record in caplog.records]
    expect(
        not accepted and len(lines) == 1 and "channel layer" in lines[0],
        seen=f"The socket was {'accepted' if accepted else 'refused'}, and the log has {lines}.",
        asked="__call__ catches RedisError, logs one line and closes the socket.",
        file="chat/consumers.py",
    )
