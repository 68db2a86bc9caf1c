"""
How many people several server processes hold, measured beside one: the finished chat as stage 15 deploys it.

A process is full when it works all the time. So what counts is the processor time that the busiest one needs.
"""

import tempfile
from pathlib import Path
from types import SimpleNamespace

import psutil

from workshop.drawing import Table
from workshop.errors import WorkshopError
from workshop.lesson.files import write_files
from workshop.lesson.stages import state_after
from workshop.measuring.crowd import allow_many_sockets
from workshop.measuring.speed import run_crowd
from workshop.processes.deployment import Deployment

DELIVERIES = 10_000  # to count the processor time once
MESSAGES = 3  # to find the delay once
PUB_SUB = ('"channels_redis.core.RedisChannelLayer"', '"channels_redis.pubsub.RedisPubSubChannelLayer"')

# How many servers there are, whether they have a Redis, and whether they use its pub/sub in place of its lists.
SETUPS = {
    "one, in memory": (1, False, False),
    "one, on Redis": (1, True, False),
    "two, on Redis": (2, True, False),
    "four, on Redis": (4, True, False),
    "two, on Redis's pub/sub": (2, True, True),
    "four, on Redis's pub/sub": (4, True, True),
}


def compare_processes(members=100):
    """
    Let this number of people talk in a room of one process, and of several that share them evenly: see SETUPS.

    Returns a Compared. Raises WorkshopError if nginx or Redis isn't installed, or if a message is lost.
    """
    allow_many_sockets()  # before the servers start, since they inherit the limit
    with tempfile.TemporaryDirectory(prefix="stage-", ignore_cleanup_errors=True) as folder:
        return Compared({name: _measure(Path(folder), members, *setup) for name, setup in SETUPS.items()})


def _measure(project, members, servers, redis, pub_sub):
    write_files(state_after(15), project)
    if pub_sub:
        settings = project / "tutorial" / "settings.py"
        settings.write_text(settings.read_text(encoding="utf-8").replace(*PUB_SUB), encoding="utf-8")
    with Deployment(project, servers, redis, ["--verbosity", "0"]) as world:
        processes = [psutil.Process(server.process.pid).children()[0] for server in world.servers]
        ports = ",".join(str(server.port.number) for server in world.servers)
        before = list(map(_processor_time, processes))
        found = run_crowd(SimpleNamespace(port=ports, log=world.servers[0].log), "speed", members, DELIVERIES, MESSAGES)
        used = [_processor_time(process) - start for process, start in zip(processes, before, strict=True)]
    if found["lost"] or found["disordered"]:
        raise WorkshopError(f"{found['lost']} of {found['expected']} deliveries were lost.")
    deliveries = found["arrived"] + MESSAGES * members
    return sum(used) / deliveries, max(used) / deliveries, found["delay"]


def _processor_time(process):
    times = process.cpu_times()
    return times.user + times.system


class Compared(Table):
    """What compare_processes() found: seconds of processor time for a delivery, and the delay to the last member."""

    def __init__(self, found):
        self.found = found

    def cells(self):
        yield ["processes", "processor time a delivery", "of the busiest", "people it holds", "delay to the last one"]
        (_, alone, _), *_ = self.found.values()
        for name, (used, busiest, delay) in self.found.items():
            times = [f"{seconds * 1e6:.0f} µs" for seconds in (used, busiest)]
            yield [name, *times, f"{alone / busiest:.2f} times", f"{delay * 1000:.1f} ms"]
