"""
The crowd that measures a server, in a process of its own: the workshop's crowd, which here also looks at the CPU.

    python tests/benchmarks/crowd.py PORT PID MEMBERS WHAT=NUMBER …

PID is the server's. The members join once. Then each WHAT is measured, in this order, and the results are printed as a
list in one line of JSON.
"""

import argparse
import importlib.util
import json
import math
import random
import sys
import time
from pathlib import Path

import psutil

# Only this file of the workshop: to import all of it takes as long as a small measurement.
WORKSHOPS = Path(__file__).resolve().parents[2] / "notebooks" / "workshop" / "measuring" / "crowd.py"
spec = importlib.util.spec_from_file_location("workshops_crowd", WORKSHOPS)
workshops = importlib.util.module_from_spec(spec)
spec.loader.exec_module(workshops)

PAUSE = 10  # seconds between two messages of the same student, on average
SOON = 0.1  # seconds: a message that takes longer to reach the last member is late
MAY_BE_LATE = 0.05  # the share of the messages that may be late
GIVE_UP = 10  # seconds after the last message was due, when the missing ones count as lost


class MeasuredCrowd(workshops.Crowd):
    """A crowd that knows what it costs: the last measurement used `client_cpu` and `server_cpu`, shares of a core."""

    def __init__(self, port, pid, members):
        self.pid = pid
        self.memory_before = self.server_memory()
        super().__init__([port], members)

    def server(self):
        """Return the server's processes: on Windows, python.exe of a virtual environment starts another one."""
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]

    def server_memory(self):
        """Return the server's resident set size in bytes."""
        return sum(process.memory_info().rss for process in self.server())

    def server_seconds(self):
        """Return the CPU time that the server has used, in seconds."""
        return sum(sum(process.cpu_times()[:2]) for process in self.server())

    def until(self, done, on_frames=None):
        start, client, server = time.perf_counter(), time.process_time(), self.server_seconds()
        last = super().until(done, on_frames)
        seconds = time.perf_counter() - start
        self.client_cpu = (time.process_time() - client) / seconds
        self.server_cpu = (self.server_seconds() - server) / seconds
        return last

    def quiet(self, seconds):
        """Do nothing for so many seconds. Return {"bytes"}: how much the server has grown per member."""
        time.sleep(seconds)
        return {"bytes": (self.server_memory() - self.memory_before) / len(self.members)}

    def busy(self, seconds):
        """
        Call throughput() for as many deliveries as take about so many seconds.

        Return what it returns, with "client_cpu" and "server_cpu", shares of a core, and with "server_seconds", the
        CPU time of the server.
        """
        warm_up = self.throughput(0)  # one message from each speaker
        found = self.with_server_seconds(self.throughput, int(warm_up["per_second"] * seconds))
        return {**found, "client_cpu": self.client_cpu, "server_cpu": self.server_cpu}

    def burst(self, each):
        """Return what Crowd.burst() returns, with "server_seconds", the CPU time of the server."""
        return self.with_server_seconds(super().burst, each)

    def with_server_seconds(self, measure, number):
        """Return what measure(number) returns, with "server_seconds", the CPU time of the server."""
        before = self.server_seconds()
        return {**measure(number), "server_seconds": self.server_seconds() - before}

    def paced(self, seconds):
        """
        For so many seconds, let everyone say something every PAUSE seconds on average, at random moments.

        Return {"messages", "delays"}: the number of messages planned, and for each message sent the seconds from the
        moment it was due until the last member had it (math.inf: not within GIVE_UP seconds). As soon as more than
        MAY_BE_LATE of them are late, no more are sent.
        """
        chance = random.Random(len(self.members))
        total = max(1, round(len(self.members) / PAUSE * seconds))
        start = time.perf_counter()
        due = sorted(start + chance.uniform(0, seconds) for _ in range(total))
        under_way, delays, late, sent = {}, [], 0, 0  # under_way: number of a message: members who don't have it yet
        now = start
        while under_way or sent < total:
            while sent < total and due[sent] <= now:
                under_way[sent] = len(self.members)
                chance.choice(self.members).send(workshops.make_frame(f"{sent:06d}"))
                sent += 1
            next_due = due[sent] if sent < total else due[total - 1] + GIVE_UP
            for key, _ in self.selector.select(max(0, next_due - now)):
                try:
                    payloads = key.data.read()
                except ConnectionError:  # the messages that this member misses never reach everyone
                    self.selector.unregister(key.fileobj)
                    continue
                now = time.perf_counter()
                for payload in payloads:
                    number = int(json.loads(payload)["message"])
                    under_way[number] -= 1
                    if not under_way[number]:
                        del under_way[number]
                        delays.append(now - due[number])
                        late += delays[-1] > SOON
            now = time.perf_counter()
            if late + sum(now - due[number] > SOON for number in under_way) > MAY_BE_LATE * total:
                total = sent
            if total == sent and now >= due[total - 1] + GIVE_UP:
                break
        return {"messages": len(due), "delays": delays + [math.inf] * len(under_way)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[1])
    parser.add_argument("port", type=int)
    parser.add_argument("pid", type=int)
    parser.add_argument("members", type=int)
    parser.add_argument("what", nargs="+", help="quiet=SECONDS busy=SECONDS paced=SECONDS delays=MESSAGES …")
    arguments = parser.parse_args()
    workshops.PATIENCE = 60  # seconds: beside a flood a server may be silent for ten
    found = []
    try:
        with MeasuredCrowd(arguments.port, arguments.pid, arguments.members) as crowd:
            for what in arguments.what:
                method, number = what.split("=")
                found.append(getattr(crowd, method)(json.loads(number)))
    except OSError as error:
        sys.exit(f"A crowd of {arguments.members} could not stay connected: {type(error).__name__}: {error}.")
    except psutil.NoSuchProcess:
        sys.exit(f"The server ended while a crowd of {arguments.members} was there.")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
