"""Stage 7: what the channel layer keeps and drops, and the same consumer on Redis."""

import asyncio
import socket

import pytest
from channels.layers import channel_layers
from stage import TIMEOUT, Person, Unmet, expect, explain_output, run_python

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
    waiting = layer.channels[mailbox].qsize() if mailbox in layer.channels else 0
    expect(
        waiting == 600,
        seen=f"Of 600 messages {waiting} are in the mailbox. The others were dropped without a word.",
        asked='CHANNEL_LAYERS["default"]["CONFIG"]["capacity"] is 10_000.',
        file=FILE,
    )


async def test_nothing_is_left_of_people_who_have_gone(person, layer):
    """When everyone has gone, no group is left, and no mailbox with messages that nobody will read."""
    for number in range(100):
        earlier = set(layer.groups.get("chat_lobby", ()))
        visitor = await person(f"Visitor {number}").join(asked=JOINED, file="chat/routing.py")
        if "chat_lobby" not in layer.groups:  # then the consumer may have died of an error, which explains it
            await asyncio.wait({visitor.socket.future}, timeout=TIMEOUT)
            if visitor.socket.future.done():
                visitor.socket.future.result()
        (channel,) = layer.groups["chat_lobby"].keys() - earlier
        for _ in range(5):
            await layer.send(channel, {"type": "chat_msg", "message": "too late"})
        await visitor.leave()
    asked = "leave() takes the channel out of its group, then its mailbox out of the layer."
    members = len(layer.groups.get("chat_lobby", ()))
    expect(
        not layer.groups,
        seen=f"100 people came and went, and {members} dead channels are still in the group chat_lobby.",
        asked=asked,
        file="chat/consumers.py",
    )
    expect(
        not layer.channels,
        seen=f"100 people came and went, and {len(layer.channels)} mailboxes are left with mail that nobody will read.",
        asked="leave() takes the channel out of its group, then its mailbox out of the layer: "
        'getattr(self.channel_layer, "channels", {}).pop(self.channel_name, None). '
        "Only the in-memory layer has channels.",
        file="chat/consumers.py",
    )


SHOW_LAYER = """
import tutorial.asgi
from channels.layers import get_channel_layer

layer = get_channel_layer()
hosts = getattr(layer, "hosts", [{"address": "no address"}])
print(f"{type(layer).__name__}, {hosts[0]['address']}, capacity {layer.capacity}")
"""


def test_redis_url_chooses_redis(pytestconfig):
    """With REDIS_URL set, and nothing else changed, the channel layer is Redis's."""
    url = "redis://redis.example:6380"
    asked = "With REDIS_URL in os.environ: channels_redis.core.RedisChannelLayer, that address, capacity 10_000."
    run = run_python(pytestconfig.project, "-c", SHOW_LAYER, REDIS_URL=url)
    if run.returncode:
        raise explain_output(run.stderr, pytestconfig.project, asked, FILE)
    seen = run.stdout.strip()
    expect(
        seen == f"RedisChannelLayer, {url}, capacity 10000",
        seen=f"With REDIS_URL={url} set, the layer is: {seen}.",
        asked=asked,
        file=FILE,
    )


async def test_a_layer_that_does_not_answer_is_said_in_one_line(person, caplog):
    """Redis is away: a connection is refused, and one line in the log says why."""
    from channels_redis.core import RedisChannelLayer
    from redis.exceptions import RedisError

    asked = "__call__ catches RedisError, logs one line and closes the socket. leave() suppresses it."
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        channel_layers.set("default", RedisChannelLayer(hosts=[f"redis://127.0.0.1:{port}"]))
        try:
            alice = person("Alice")
            accepted = await alice.connect()
            await asyncio.wait({alice.socket.future}, timeout=TIMEOUT)
            if alice.socket.future.done():
                alice.socket.future.result()  # raises what leave() raised, say
        except RedisError as error:
            raise Unmet(
                f"Nothing caught the layer's {type(error).__name__}: {error}", asked, "chat/consumers.py"
            ) from None
    lines = [record.getMessage() for record in caplog.records if record.name != "asyncio"]  # which tells of other tests
    expect(
        not accepted and len(lines) == 1 and "channel layer" in lines[0],
        seen=f"The socket was {'accepted' if accepted else 'refused'}, and the log has {lines}.",
        asked=asked,
        file="chat/consumers.py",
    )
