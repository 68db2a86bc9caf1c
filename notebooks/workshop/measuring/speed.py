"""
How fast is the chat? Real servers and a crowd of raw sockets, each in its own process, give the answer.

A number means little alone, so your project is compared with what stage 7 leaves: both are measured in turns.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from workshop.drawing import Table
from workshop.drawing.plots import draw_speeds
from workshop.errors import WorkshopError
from workshop.lesson.files import WORKSPACE, read_files, write_files
from workshop.measuring.crowd import allow_many_sockets
from workshop.processes import server
from workshop.verbs.serve import serve
from workshop.verbs.workspace import state_before

CROWD = Path(__file__).with_name("crowd.py")
DELIVERIES = 5_000  # to count deliveries a second once
MESSAGES = 3  # to find the delay once
BEFORE, YOURS = "stage 7", "yours"


def run_crowd(running, what, members, *numbers):
    """Run crowd.py on a running server, and return what it found. Raises WorkshopError if it fails."""
    run = subprocess.run(
        [sys.executable, "-X", "utf8", str(CROWD), what, str(running.port), str(members), *map(str, numbers)],
        capture_output=True,
        encoding="utf-8",
    )
    if run.returncode:
        raise WorkshopError(f"{run.stderr.strip().splitlines()[-1]}\nThe server says:\n{running.log()[-2000:]}")
    return json.loads(run.stdout)


@contextlib.contextmanager
def serve_projects():
    """Serve what stage 7 leaves and, if it is different, notebooks/workspace/. Yield {name: server}."""
    if not (WORKSPACE / "manage.py").is_file():
        raise WorkshopError("There is no project in notebooks/workspace/ to measure: open_stage(8) puts one there.")
    allow_many_sockets()  # before the servers start, since they inherit the limit
    before = state_before(8)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stage-", ignore_cleanup_errors=True)))
        write_files(before, folder)
        found = {BEFORE: stack.enter_context(server.launch(folder))}
        if read_files(WORKSPACE) != before:
            found[YOURS] = stack.enter_context(server.launch(WORKSPACE))
        for launched in found.values():
            launched.wait_until_it_answers()
        yield found


def measure(*sizes, rounds=1):
    """
    Measure deliveries a second, and the delay until a message has reached everyone, in rooms of these sizes.

    Deliveries are counted while ten members talk at the same time. For the delay, one member sends one message after
    the other. Each project is measured once a round. Returns a Measured. Raises WorkshopError if a project doesn't
    start, loses a message, or delivers messages out of order.
    """
    results = {}
    with serve_projects() as servers:
        for _ in range(rounds):
            for size in sizes:
                for name, running in servers.items():
                    speed = run_crowd(running, "speed", size, DELIVERIES, MESSAGES)
                    if speed["lost"] or speed["disordered"]:
                        raise WorkshopError(
                            f"In a room of {size}, {name!r} lost {speed['lost']} of {speed['expected']} deliveries, "
                            f"and {speed['disordered']} times a member got a sender's messages out of order. Before "
                            "you measure, see what check(8) says."
                        )
                    results.setdefault((size, name), []).append((speed["per_second"], speed["delay"]))
    return Measured(results)


class Measured(Table):
    """
    What measure() found.

    Each of `rows` is a tuple: size of the room, project, deliveries a second, delay in seconds, and the ratio of its
    deliveries to those of stage 7.
    """

    def __init__(self, results):
        self.rows = []
        for (size, name), rounds in results.items():
            speed, delay = (statistics.median(column) for column in zip(*rounds, strict=True))
            base = results[size, BEFORE]
            ratio = statistics.median(one[0] / other[0] for one, other in zip(rounds, base, strict=True))
            self.rows.append((size, name, speed, delay, ratio))

    def cells(self):
        yield ["room of", "project", "deliveries a second", "times stage 7", "delay to the last member"]
        for size, name, speed, delay, ratio in self.rows:
            yield [str(size), name, f"{speed:,.0f}", f"{ratio:.1f}", f"{delay * 1000:.1f} ms"]

    def plot(self):
        """Draw deliveries a second against the size of the room: one line for each project."""
        draw_speeds(self.rows, {BEFORE: "s--", YOURS: "o-"})


def flood():
    """
    Measure the delay in a room of 50, first alone and then while somebody floods another room.

    The flooder sends as fast as the server reads. Returns a Flooded, with a row for stage 7 and, if it is different,
    one for notebooks/workspace/. Raises WorkshopError if a project doesn't start or loses a message.
    """
    with serve_projects() as servers:
        return Flooded({name: run_crowd(running, "fair", 50, MESSAGES) for name, running in servers.items()})


class Flooded(Table):
    """What flood() found: the delays without and with a flood."""

    def __init__(self, found):
        self.found = found

    def cells(self):
        yield ["project", "delay alone", "with a flooder", "times as long"]
        for name, fair in self.found.items():
            delays = [f"{fair[when]['median'] * 1000:.1f} ms" for when in ("alone", "flooded")]
            yield [name, *delays, f"{fair['ratio']:.1f}"]


def burst(students=200, each=3):
    """Serve notebooks/workspace/, let all students send `each` messages at the same moment, and print what arrived."""
    allow_many_sockets()
    with serve() as running:
        found = run_crowd(running, "burst", students, each)
    print(f"{found['sent']:,} messages, {found['expected']:,} deliveries expected")
    print(f"lost: {found['lost']:,}, out of order: {found['disordered']:,}")
    print(f"the last one arrived after {found['seconds']:.1f} s")
