"""
How fast is the chat? Real servers and a crowd of raw sockets, each in a process of its own.

Speed is compared and never judged alone: your project beside what stage 7 leaves, measured in turns.
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
DELIVERIES = 5_000  # for one number of deliveries a second
MESSAGES = 5  # for one delay
BEFORE, YOURS = "stage 7", "yours"


def load(running, what, members, *numbers):
    """Run crowd.py on a server, and return what it found. Raises WorkshopError with its words if it fails."""
    run = subprocess.run(
        [sys.executable, "-X", "utf8", str(CROWD), what, str(running.port), str(members), *map(str, numbers)],
        capture_output=True,
        encoding="utf-8",
    )
    if run.returncode:
        raise WorkshopError(f"{run.stderr.strip().splitlines()[-1]}\nThe server says:\n{running.log()[-2000:]}")
    return json.loads(run.stdout)


@contextlib.contextmanager
def projects():
    """Serve what stage 7 leaves and notebooks/workspace/: {name: server}. The first alone, while they are the same."""
    if not (WORKSPACE / "manage.py").is_file():
        raise WorkshopError("There is no project in notebooks/workspace/ to measure: open_stage(8) puts one there.")
    allow_many_sockets()  # here, for the servers inherit it
    before = state_before(8)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stage-", ignore_cleanup_errors=True)))
        write_files(before, folder)
        found = {BEFORE: stack.enter_context(server.start(folder))}
        if read_files(WORKSPACE) != before:
            found[YOURS] = stack.enter_context(serve())
        yield found


def measure(*sizes, rounds=1):
    """
    Measure rooms of these sizes: deliveries a second, and the delay until a message has reached everyone.

    For the first ten members talk at the same time, for the second one member says one thing after the other. Each
    project is measured once in each round. Returns a Measured. Raises WorkshopError if a project doesn't start, or
    loses a message.
    """
    results = {}
    with projects() as servers:
        for _ in range(rounds):
            for size in sizes:
                for name, running in servers.items():
                    speed = load(running, "speed", size, DELIVERIES, MESSAGES)
                    if speed["lost"] or speed["disordered"]:
                        raise WorkshopError(
                            f"In a room of {size} your project lost {speed['lost']} of {speed['expected']} deliveries, "
                            f"and {speed['disordered']} came in disorder. Look at what check(8) says, then measure."
                        )
                    results.setdefault((size, name), []).append((speed["per_second"], speed["delay"]))
    return Measured(results)


class Measured(Table):
    """Rows of (room, project, deliveries a second, delay in seconds, and how many times the first of stage 7)."""

    def __init__(self, results):
        self.rows = []
        for (size, name), rounds in results.items():
            speed, delay = (statistics.median(column) for column in zip(*rounds, strict=True))
            base = results[size, BEFORE]
            ratio = statistics.median(one[0] / other[0] for one, other in zip(rounds, base, strict=True))
            self.rows.append((size, name, speed, delay, ratio))

    def cells(self):
        yield ["room of", "project", "deliveries a second", "times stage 7", "delay to the last"]
        for size, name, speed, delay, ratio in self.rows:
            yield [str(size), name, f"{speed:,.0f}", f"{ratio:.1f}", f"{delay * 1000:.1f} ms"]

    def plot(self):
        """Draw deliveries a second against the size of the room, a line for each project."""
        draw_speeds(self.rows, {BEFORE: "s--", YOURS: "o-"})


def flood():
    """
    Measure the delay in a room of 50, alone and while somebody in another room sends as fast as the server takes it.

    Returns a Flooded, with a row for stage 7 and one for notebooks/workspace/.
    """
    with projects() as servers:
        return Flooded({name: load(running, "fair", 50, MESSAGES) for name, running in servers.items()})


class Flooded(Table):
    """What flood() found."""

    def __init__(self, found):
        self.found = found

    def cells(self):
        yield ["project", "delay alone", "with a flooder", "times as long"]
        for name, fair in self.found.items():
            delays = [f"{fair[when]['median'] * 1000:.1f} ms" for when in ("alone", "flooded")]
            yield [name, *delays, f"{fair['ratio']:.1f}"]


def burst(students=200, each=3):
    """Let this many students send this many messages each at the same moment, to notebooks/workspace/, and count."""
    allow_many_sockets()
    with serve() as running:
        found = load(running, "burst", students, each)
    print(f"{found['sent']:,} messages, {found['expected']:,} deliveries due")
    print(f"lost: {found['lost']:,}, out of a sender's order: {found['disordered']:,}")
    print(f"all there after {found['seconds']:.1f} s")
