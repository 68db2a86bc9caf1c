"""
The servers that are compared. Each has a folder, a process and a port of its own.
"""

import contextlib
import functools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from old_channels import CHANNELS

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "notebooks"))
sys.path += [str(REPOSITORY / "tests"), str(REPOSITORY / "tests" / "system")]
from onlooker import serve_class  # noqa: E402
from running import Port, Process, Redis, copy_project  # noqa: E402
from workshop.errors import WorkshopError  # noqa: E402
from workshop.lesson.files import write_files  # noqa: E402
from workshop.lesson.stages import replay  # noqa: E402
from workshop.measuring.crowd import Crowd, allow_many_sockets  # noqa: E402, F401

HERE = Path(__file__).resolve().parent


class ServerFailed(Exception):
    """A server did not start or refused a client, or a crowd failed. The message is for the person who measures."""


@functools.cache
def read_stage_7():
    *_, (_, files) = replay(7)
    return files


def copy_stock(folder):
    write_files(read_stage_7(), folder)


def copy_stock_as_it_comes(folder):
    copy_stock(folder)
    use_stock_layer(folder, {})


def copy_project_with_stock_layer(folder):
    copy_project(folder)
    use_stock_layer(folder, {"capacity": 10_000, "expiry": 24 * 60 * 60})


def use_stock_layer(folder, config):
    """Make the project in this folder use Channels' own layer with this CONFIG."""
    layers = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": config}}
    with (folder / "tutorial" / "settings.py").open("a", encoding="utf-8") as settings:
        settings.write(f"\nCHANNEL_LAYERS = {layers}\n")


def copy_official_tutorial(folder):
    shutil.copytree(
        HERE / "official_tutorial", folder, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
    )


def copy_script(name):
    """Return a function that copies the file of this name, which is beside this one, into a folder."""
    return lambda folder: shutil.copy(HERE / name, folder)


def runserver(port):
    return ["manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]


def uvicorn(application):
    """Return a function that returns the arguments to serve this application, `module:name`, on a port."""
    quiet = ["--lifespan", "off", "--no-access-log", "--log-level", "warning"]
    return lambda port: ["-m", "uvicorn", application, "--host", "127.0.0.1", "--port", str(port), *quiet]


def daphne(port):
    return ["-m", "daphne", "--bind", "127.0.0.1", "--port", str(port), "bare_daphne:application"]


def limit(port):
    return ["bare.py", str(port)]


@dataclass
class Kind:
    """
    A kind of server.

    fill(folder) copies its files into a folder, arguments(port) returns what follows `python` on its command line, and
    `about` describes it for the report. `python` is the program that runs it. slow_burst: a burst keeps it busy for a
    minute, so it has only one. has_wall: start_class() starts it, in place of these two.
    """

    fill: Callable
    arguments: Callable
    about: str
    python: Path = Path(sys.executable)
    needs_redis: bool = False
    slow_burst: bool = False
    has_wall: bool = False


PROJECT, PROJECT_UVICORN = "this project", "this project under uvicorn"
WALLED = "this project with the wall"
STOCK, LIMIT = "stock", "the limit"
OFFICIAL, OFFICIAL_4_1 = "the official tutorial", "the official tutorial on Channels 4.1"
DAPHNE, FASTAPI = "bare daphne", "FastAPI on uvicorn"
REDIS, STOCK_LAYER = "this consumer on channels_redis", "this consumer on the stock layer"
STOCK_AS_IT_COMES = "stock, capacity as it comes (100)"

SERVERS = {
    PROJECT: Kind(copy_project, runserver, "`manage.py runserver`, as the README starts it."),
    WALLED: Kind(
        None,
        None,
        "This project as `python -m workshop class` serves it, with a wall open. The processor time is the chat's own.",
        has_wall=True,
    ),
    OFFICIAL: Kind(
        copy_official_tutorial,
        runserver,
        "The app at the end of Channels' own tutorial, which everybody begins with. It has no pages here, and instead "
        "of Redis the layer in memory, with a capacity of 10,000.",
        slow_burst=True,
    ),
    OFFICIAL_4_1: Kind(
        copy_official_tutorial,
        runserver,
        f"The same app on Channels {CHANNELS}, in its own virtual environment. Django and daphne are the same.",
        python=None,  # until the benchmark has made that environment
        slow_burst=True,
    ),
    STOCK: Kind(
        copy_stock,
        runserver,
        "What stage 7 of the lesson leaves: Channels' own layer and consumer, with the same checks and a capacity of "
        "10,000. Events expire after 60 s, Channels' default.",
        slow_burst=True,
    ),
    STOCK_LAYER: Kind(
        copy_project_with_stock_layer,
        runserver,
        "This project with `channels.layers.InMemoryChannelLayer`.",
        slow_burst=True,
    ),
    REDIS: Kind(
        copy_project, runserver, "This project with `REDIS_URL` and a Redis on the same machine.", needs_redis=True
    ),
    DAPHNE: Kind(
        copy_script("bare_daphne.py"),
        daphne,
        "An ASGI application on daphne that does nothing but JSON in, a loop, and JSON out: daphne at its best.",
    ),
    "stock under uvicorn": Kind(
        copy_stock, uvicorn("tutorial.asgi:application"), "The same as stock, served by uvicorn.", slow_burst=True
    ),
    PROJECT_UVICORN: Kind(copy_project, uvicorn("tutorial.asgi:application"), "This project, served by uvicorn."),
    FASTAPI: Kind(
        copy_script("fastapi_rooms.py"),
        uvicorn("fastapi_rooms:app"),
        "The `ConnectionManager` from FastAPI's documentation, one for each room: what you might choose instead.",
    ),
    LIMIT: Kind(
        copy_script("bare.py"),
        limit,
        "A bare `websockets` server that sends each frame to everyone: no Django, no Channels, no checks.",
    ),
}
BURST_ONLY = {STOCK_AS_IT_COMES: Kind(copy_stock_as_it_comes, runserver, "Stock without a capacity in its settings.")}


@contextlib.contextmanager
def serve(kind, redis_url=None):
    """
    Start a server and connect one client. Yield (its Process, seconds until the client was in), and end the server.

    Raises ServerFailed, with the server's last lines, if it doesn't start or doesn't let the client in.
    """
    if kind.has_wall:
        start, port = time.perf_counter(), Port()
        port.hand_over()
        try:
            with serve_class(port.number) as server:
                Crowd([server.port], 1).__exit__()
                yield server, time.perf_counter() - start
        except WorkshopError as error:
            raise ServerFailed(str(error)) from None
        finally:
            port.give_back()
        return
    with tempfile.TemporaryDirectory(prefix="server-", ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        kind.fill(folder)
        port = Port()
        command = [kind.python, *kind.arguments(port.number)]
        environment = {"REDIS_URL": redis_url} if kind.needs_redis else {}
        process = Process(command, port, folder, folder / "server.log", **environment)
        try:
            start = time.perf_counter()
            try:
                process.start()
                Crowd([process.port], 1).__exit__()
            except (pytest.fail.Exception, SystemExit, OSError) as error:
                words = " ".join(process.command[1:])
                last = "\n".join(f"    {line}" for line in process.whole_log().splitlines()[-8:])
                problem = (
                    str(error).splitlines()[0] if isinstance(error, (SystemExit, OSError)) else "It did not start."
                )
                raise ServerFailed(f"`python {words}` let nobody in. {problem} Its last lines:\n{last}") from None
            yield process, time.perf_counter() - start
        finally:
            process.close()


@contextlib.contextmanager
def serve_redis():
    """Start a Redis, yield its URL, and end it. Yield None if this machine has no redis-server."""
    program = shutil.which("redis-server")
    if not program:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="redis-", ignore_cleanup_errors=True) as folder:
        redis = Redis(program, Path(folder))
        try:
            yield redis.start().url
        finally:
            redis.close()


def measure(server, members, *what):
    """
    Return what crowd.py finds with so many members: one result for each `what`, such as "delays=20".

    Raises ServerFailed, with the crowd's last line, if it fails.
    """
    command = [sys.executable, str(HERE / "crowd.py"), str(server.port), str(server.process.pid), str(members), *what]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    if run.returncode:
        raise ServerFailed((run.stderr.strip().splitlines() or ["The crowd ended without any output."])[-1])
    return json.loads(run.stdout)
