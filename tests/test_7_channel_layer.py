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
    """If 200 students send 3 messages each at once, all 600 fit into the mailbox of someone who isn't reading yet."""
    mailbox = await layer.new_channel()
    await layer.group_add("chat_lobby", mailbox)
    for number in range(600):
        await layer.group_send("chat_lobby", {"type": "chat_msg", "message": str(number)})
    waiting = layer.channels[mailbox].qsize() if mailbox in layer.channels else 0
    expect(
        waiting == 600,
        seen=f"Of 600 messages, {waiting} are in the mailbox. The others were dropped without a word.",
        asked='CHANNEL_LAYERS["default"]["CONFIG"]["capacity"] is 10_000.',
        file=FILE,
    )


SHOW_LAYER = """
import tutorial.asgi
from channels.layers import get_channel_layer

layer = get_channel_layer()
hosts = getattr(layer, "hosts", [{"address": "no address"}])
print(f"{type(layer).__name__}, {hosts[0]['address']}, capacity {layer.capacity}")
"""


def test_redis_url_chooses_redis(pytestconfig):
    """With REDIS_URL set and nothing else changed, the channel layer is the one for Redis."""
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


async def test_a_layer_that_does_not_answer_is_logged_in_one_line(person, caplog, pytestconfig):
    """When Redis is down, a connection is refused, and one line in the log says why."""
    from channels_redis.core import RedisChannelLayer
    from redis.exceptions import RedisError

    routing = (pytestconfig.project / "tutorial" / "routing.py").read_text(encoding="utf-8")
    asked, file = "In tutorial/routing.py, OutageNotice(…) wraps the chat.", "tutorial/routing.py"
    if "OutageNotice(" in routing:
        asked, file = "OutageNotice catches RedisError, logs one line and closes the socket.", "tutorial/outages.py"
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        channel_layers.set("default", RedisChannelLayer(hosts=[f"redis://127.0.0.1:{port}"]))
        try:
            alice = person("Alice")
            accepted = await alice.connect()
            await asyncio.wait({alice.socket.future}, timeout=TIMEOUT)
            if alice.socket.future.done():
                alice.socket.future.result()
        except RedisError as error:
            raise Unmet(f"Nothing caught the layer's {type(error).__name__}: {error}", asked, file) from None
    lines = [record.getMessage() for record in caplog.records if record.name != "asyncio"]  # that is about other tests
    expect(
        not accepted and len(lines) == 1 and "channel layer" in lines[0],
        seen=f"The socket was {'accepted' if accepted else 'refused'}, and the log has {lines}.",
        asked=asked,
        file=file,
    )
