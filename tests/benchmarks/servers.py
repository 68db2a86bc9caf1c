"""
The servers that are measured side by side: each has a folder and a process of its own, and a port of this machine.
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

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "notebooks"))
sys.path.append(str(REPOSITORY / "tests" / "system"))
from running import Process, Redis, copy_project, free_port  # noqa: E402
from workshop.load import Crowd, allow_many_sockets  # noqa: E402, F401
from workshop.stages import replay, write_files  # noqa: E402

HERE = Path(__file__).resolve().parent


class ServerFailed(Exception):
    """A server did not start, or refused, or a crowd came to no end. The message is for the person who measures."""


@functools.cache
def read_stage_7():
    *_, (_, files) = replay(7)
    return files


def copy_stock(folder):
    write_files(read_stage_7(), folder)


def replace_once(path, old, new):
    """Replace this text in a file. Raises ServerFailed unless it stands there exactly once."""
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ServerFailed(f"Expected {old!r} once in {path.name}, found it {text.count(old)} times: adapt servers.py.")
    path.write_text(text.replace(old, new), encoding="utf-8")


def copy_project_with_stock_layer(folder):
    copy_project(folder)
    settings = folder / "tutorial" / "settings.py"
    replace_once(settings, "tutorial.layers.ClassroomInMemoryChannelLayer", "channels.layers.InMemoryChannelLayer")


def copy_stock_as_it_comes(folder):
    copy_stock(folder)
    replace_once(folder / "tutorial" / "settings.py", '"CONFIG": {"capacity": CAPACITY},', '"CONFIG": {},')


def runserver(port):
    return ["manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]


def uvicorn(port):
    quiet = ["--lifespan", "off", "--no-access-log", "--log-level", "warning"]
    return ["-m", "uvicorn", "tutorial.asgi:application", "--host", "127.0.0.1", "--port", str(port), *quiet]


def bare(port):
    return [str(HERE / "bare.py"), str(port)]


@dataclass
class Kind:
    """What a server is: how its folder is filled, what stands behind `python` for a port, and what it needs."""

    fill: Callable
    arguments: Callable
    about: str
    needs_redis: bool = False


PROJECT, STOCK, LIMIT = "this project", "stock", "the limit"
STOCK_AS_IT_COMES = "stock, capacity as it comes (100)"

SERVERS = {
    PROJECT: Kind(copy_project, runserver, "`manage.py runserver`, as the README starts it."),
    STOCK: Kind(
        copy_stock,
        runserver,
        "What stage 7 of the lesson leaves: Channels' own layer and consumer, the same checks at the door, the same "
        "capacity of 10,000. What waits for 60 s is thrown away there: Channels' default.",
    ),
    "this consumer on the stock layer": Kind(
        copy_project_with_stock_layer, runserver, "This project with `channels.layers.InMemoryChannelLayer`."
    ),
    "this consumer on channels_redis": Kind(
        copy_project, runserver, "This project with `REDIS_URL`, and a Redis on the same machine.", needs_redis=True
    ),
    "stock under uvicorn": Kind(copy_stock, uvicorn, "The same as stock, served by uvicorn."),
    "this project under uvicorn": Kind(copy_project, uvicorn, "This project, served by uvicorn."),
    LIMIT: Kind(
        lambda folder: None,
        bare,
        "A bare `websockets` server: no Django, no Channels, no checks, each frame to everyone.",
    ),
}
BURST_ONLY = {STOCK_AS_IT_COMES: Kind(copy_stock_as_it_comes, runserver, "Stock without a capacity in its settings.")}


@contextlib.contextmanager
def serve(kind, redis_url=None):
    """
    Start a server, let one client in, yield (its Process, the seconds until that client was in), and end it.

    Raises ServerFailed, with the server's last lines, if it doesn't start or lets nobody in.
    """
    with tempfile.TemporaryDirectory(prefix="server-", ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        kind.fill(folder)
        port = free_port()
        command = [sys.executable, *kind.arguments(port)]
        environment = {"REDIS_URL": redis_url} if kind.needs_redis else {}
        process = Process(command, port, folder, folder / "server.log", **environment)
        try:
            start = time.perf_counter()
            try:
                process.start()
                Crowd(port, 1).__exit__()
            except (pytest.fail.Exception, SystemExit, OSError) as error:
                words = " ".join(command[1:])
                last = "\n".join(f"    {line}" for line in process.whole_log().splitlines()[-8:])
                problem = (
                    str(error).splitlines()[0] if isinstance(error, (SystemExit, OSError)) else "It did not start."
                )
                raise ServerFailed(f"`python {words}` let nobody in. {problem} Its last lines:\n{last}") from None
            yield process, time.perf_counter() - start
        finally:
            process.stop()


@contextlib.contextmanager
def serve_redis():
    """Start a Redis, yield its address, and end it. Yield None if there is no redis-server on this machine."""
    program = shutil.which("redis-server")
    if not program:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="redis-", ignore_cleanup_errors=True) as folder:
        redis = Redis(program, Path(folder))
        try:
            yield redis.start().url
        finally:
            redis.stop()


def measure(server, members, *what):
    """
    Return what crowd.py finds out with so many members, one answer for each `what`, such as "delays=20".

    Raises ServerFailed, with the crowd's own words, if it comes to no answer.
    """
    command = [sys.executable, str(HERE / "crowd.py"), str(server.port), str(server.process.pid), str(members), *what]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    if run.returncode:
        raise ServerFailed((run.stderr.strip().splitlines() or ["The crowd ended without a word."])[-1])
    return json.loads(run.stdout)
