"""Stage 7: what the channel layer keeps and drops, and the same consumer on Redis."""

import asyncio
import re
import socket

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers
from stage import TIMEOUT, Person, Unmet, expect, explain_output, run_python
from stage.errors import own_places
from stage.people import project_file

FILE = "tutorial/settings.py"
JOINED = "The socket /ws/chat/lobby/ is accepted."


OUTAGES = "tutorial/outages.py"


@pytest.fixture
def person(application, caplog):
    return lambda name: Person(name, application, "/ws/chat/lobby/", log=caplog.records)


def expect_memory(layer):
    expect(
        isinstance(layer, InMemoryChannelLayer),
        seen=f"REDIS_URL isn't set in the environment, and the layer is a {type(layer).__name__}.",
        asked='Without REDIS_URL in os.environ, the layer is the one in memory: if "REDIS_URL" in os.environ.',
        file=FILE,
    )


async def test_a_class_that_speaks_at_once_fits_into_a_mailbox(layer):
    """If 200 students send 3 messages each at once, all 600 fit into the mailbox of someone who isn't reading yet."""
    from django.conf import settings

    asked = 'CHANNEL_LAYERS["default"]["CONFIG"]["capacity"] is 10_000.'
    expect_memory(layer)
    expect(
        isinstance(layer.capacity, int),
        seen=f"The layer's capacity is {layer.capacity!r} (type {type(layer.capacity).__name__}).",
        asked=f"{asked} That is a number.",
        file=FILE,
    )
    mailbox = await layer.new_channel()
    await layer.group_add("chat_lobby", mailbox)
    for number in range(600):
        await layer.group_send("chat_lobby", {"type": "chat_msg", "message": str(number)})
    waiting = layer.channels[mailbox].qsize() if mailbox in layer.channels else 0
    expect(
        waiting == 600,
        seen=f"Of 600 messages, {waiting} are in the mailbox. The others were dropped without a word."
        + (" The capacity isn't in CONFIG." if "capacity" in settings.CHANNEL_LAYERS["default"] else ""),
        asked=asked,
        file=FILE,
    )


SHOW_LAYER = """
import tutorial.asgi
from channels.layers import get_channel_layer

layer = get_channel_layer()
hosts = getattr(layer, "hosts", None) or [{"address": "no address"}]
print(f"{type(layer).__name__}, {hosts[0].get('address', hosts[0])}, capacity {layer.capacity}")
"""


def test_redis_url_chooses_redis(pytestconfig):
    """With REDIS_URL set and nothing else changed, the channel layer is the one for Redis."""
    url = "redis://redis.example:6380"
    asked = (
        "With REDIS_URL in os.environ: channels_redis.core.RedisChannelLayer, with CONFIG's hosts, a list that holds "
        '{"address": os.environ["REDIS_URL"], …}, and capacity 10_000.'
    )
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


NO_REDIS = """
import sys

for name in ("redis", "channels_redis"):
    sys.modules[name] = None  # as where it isn't installed

import asyncio

from tutorial.asgi import application
from chat.consumers import ChatConsumer


async def connect(self):
    raise LookupError("a fault of the chat, and no outage")


async def receive():
    return {"type": "websocket.connect"}


async def send(event):
    pass


ChatConsumer.connect = connect
headers = [(b"host", b"localhost"), (b"origin", b"http://localhost")]
scope = {"type": "websocket", "path": "/ws/chat/lobby/", "headers": headers, "query_string": b"", "subprotocols": []}
try:
    asyncio.run(application(scope, receive, send))
except LookupError:
    pass
"""


def test_a_chat_without_redis_needs_none_of_its_packages(layer, pytestconfig):
    """Without REDIS_URL, the chat works on a computer where redis and channels_redis aren't installed."""
    expect_memory(layer)
    run = run_python(pytestconfig.project, "-c", NO_REDIS)
    if run.returncode == 0:
        return
    asked = (
        "A ModuleNotFoundError of the import from redis is caught, and then RedisError = (), an empty tuple: "
        "`except ()` catches nothing."
    )
    steps = re.findall(r'^ *File "(.+)", line (\d+).*\n *(.*)', run.stderr, flags=re.MULTILINE)
    places = own_places([(name, int(line), code) for name, line, code in steps], pytestconfig.project)
    if not places or not re.search("redis", run.stderr.strip().splitlines()[-1]):
        raise explain_output(run.stderr, pytestconfig.project, asked, OUTAGES)
    where = "in {}, line {}: {}".format(*places[-1])
    raise Unmet(
        f"Where Redis's packages aren't installed, the project doesn't start.\n       {where}", asked, places[-1][0]
    )


@pytest.mark.parametrize("how", ["is away", "is silent"])
async def test_a_layer_that_does_not_answer_is_logged_in_one_line(person, caplog, pytestconfig, how):
    """When Redis is down, or doesn't answer, a connection is refused, and one line in the log says why."""
    from channels_redis.core import RedisChannelLayer
    from redis.exceptions import RedisError

    asked = "OutageNotice catches RedisError, logs one line and closes the socket."
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        port = nobody_listens.getsockname()[1]
        if how == "is silent":
            nobody_listens.listen()  # a client gets a connection, and never an answer
        host = {"address": f"redis://127.0.0.1:{port}", "socket_timeout": 0.05, "retry": None}
        channel_layers.set("default", RedisChannelLayer(hosts=[host]))
        try:
            alice = person("Alice")
            to_close = 'To close it is to send {"type": "websocket.close"}.'
            accepted = await alice.knock(asked=f"{asked} {to_close}", file=OUTAGES)
            await asyncio.wait({alice.socket.future}, timeout=TIMEOUT)
            if alice.socket.future.done():
                alice.socket.future.result()
        except RedisError as error:
            raise explain_outage(error, caplog.records, asked, pytestconfig.project) from None
    records = [record for record in caplog.records if record.name != "asyncio"]  # that is about other tests
    lines = [record.getMessage() for record in records]
    expect(
        not accepted and len(lines) == 1 and "channel layer" in lines[0],
        seen=f"The socket was {'accepted' if accepted else 'refused'}, and the log has {lines}.",
        asked=f"{asked} The line says that the channel layer doesn't answer.",
        file=project_file(records[-1].pathname, OUTAGES) if records else OUTAGES,
    )
    expect(
        not records[0].exc_info,
        seen="With its line, the log got the error's whole traceback.",
        asked=f"{asked} logger.error() writes no traceback, logger.exception() does.",
        file=project_file(records[0].pathname, OUTAGES),
    )


def explain_outage(error, records, asked, project):
    """Return the Unmet for a layer's error that came out of the application."""
    name = f"{type(error).__module__}.{type(error).__name__}"
    steps, step = [], error.__traceback__
    while step:
        steps.append((step.tb_frame.f_code.co_filename, step.tb_lineno, ""))
        step = step.tb_next
    passed = [file for file, *_ in own_places(steps, project) if file.startswith("tutorial/")]
    passed = [file for file in passed if file not in ("tutorial/middleware.py", "tutorial/routing.py")]
    if not passed:
        asked = "In tutorial/routing.py, OutageNotice(…) wraps the chat."
        return Unmet(f"Nothing caught the layer's {name}: {error}", asked, "tutorial/routing.py")
    if records and "channel layer" in records[-1].getMessage():
        return Unmet(f"The log has its line, and then the error was raised again: {name}: {error}", asked, passed[-1])
    return Unmet(f"Nothing caught the layer's {name}: {error}", asked, passed[-1])


async def test_an_error_of_the_chat_is_not_called_an_outage(person, layer, caplog):
    """An error in the chat itself isn't taken for an outage: it stays an error that can be found."""

    expect_memory(layer)

    async def group_add(group, channel):
        raise KeyError("a mistake in the chat")

    layer.group_add = group_add
    alice = person("Alice")
    try:
        await alice.connect()
        await asyncio.wait({alice.socket.future}, timeout=TIMEOUT)
        if alice.socket.future.done():
            alice.socket.future.result()
    except (KeyError, TimeoutError):
        pass
    if alice.socket.future.done() and alice.socket.future.exception():
        return
    lines = [record.getMessage() for record in caplog.records]
    expect(
        any(record.exc_info for record in caplog.records),
        seen=f"connect() raised a KeyError, which is no outage, and nobody can find it: the log has {lines}.",
        asked="OutageNotice catches RedisError, and lets all other errors through.",
        file=project_file(caplog.records[-1].pathname, OUTAGES) if caplog.records else OUTAGES,
    )
