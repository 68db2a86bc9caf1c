"""
How fast is the chat? Real servers and a crowd of raw sockets, each in a process of its own.

Speed is compared and never judged alone: your project beside what stage 7 leaves, measured in turns.
"""

import contextlib
import json
import pstats
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from workshop import server
from workshop.errors import WorkshopError
from workshop.load import Crowd, allow_many_sockets
from workshop.stages import WORKSPACE, read_files, write_files
from workshop.workspace import state_before

LOAD = Path(__file__).with_name("load.py")
DELIVERIES = 5_000  # for one number of deliveries a second
MESSAGES = 9  # for one delay
BEFORE, YOURS = "stage 7", "yours"


def load(running, what, members, number):
    """Run load.py on a server, and return what it found. Raises WorkshopError with its words if it fails."""
    run = subprocess.run(
        [sys.executable, "-X", "utf8", str(LOAD), what, str(running.port), str(members), str(number)],
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
            found[YOURS] = stack.enter_context(server.serve())
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
                    speed = load(running, "throughput", size, DELIVERIES)
                    if speed["lost"] or speed["disordered"]:
                        raise WorkshopError(
                            f"In a room of {size} your project lost {speed['lost']} of {speed['expected']} deliveries, "
                            f"and {speed['disordered']} came in disorder. Look at what check(8) says, then measure."
                        )
                    delay = load(running, "delays", size, MESSAGES)["median"]
                    results.setdefault((size, name), []).append((speed["per_second"], delay))
    return Measured(results)


class Table:
    """Something that is shown as a table: cells() yields its rows, the first one the heads."""

    def __repr__(self):
        return table(list(self.cells()))

    def _repr_html_(self):
        return html_table(list(self.cells()))


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
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots(figsize=(9, 4), facecolor="white", layout="constrained")
        for name, style in {BEFORE: "s--", YOURS: "o-"}.items():
            rows = [row for row in self.rows if row[1] == name]
            if rows:
                sizes, speeds = [row[0] for row in rows], [row[2] for row in rows]
                ax.plot(sizes, speeds, style, color="black", linewidth=2, markersize=8)
                ax.annotate(name, (sizes[-1], speeds[-1]), xytext=(10, 0), textcoords="offset points", va="center")
        ax.set(xlabel="people in the room", ylabel="deliveries a second", ylim=(0, None))
        ax.margins(x=0.12)
        ax.spines[["top", "right"]].set_visible(False)
        plt.show()


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
    with server.serve() as running:
        found = load(running, "burst", students, each)
    print(f"{found['sent']:,} messages, {found['expected']:,} deliveries due")
    print(f"lost: {found['lost']:,}, out of a sender's order: {found['disordered']:,}")
    print(f"all there after {found['seconds']:.1f} s")


def profile(members=200, messages=20):
    """Serve notebooks/workspace/ under Python's profiler, send messages to a room, and return the Profile."""
    allow_many_sockets()
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        file = Path(folder) / "profile"
        with server.serve(WORKSHOP_PROFILE=str(file)) as running:
            with Crowd(running.port, members) as crowd:
                running.process.stdin.write(b"now\n")
                running.process.stdin.flush()
                crowd.delays(messages)
                running.process.stdin.close()
                running.process.wait(60)
        return Profile(pstats.Stats(str(file)), members * messages)


# Whose code a function is, by what its file's path has in it: the first that fits.
WHOSE = {
    "/chat/": "your consumer",
    "/tutorial/": "your project",
    "/channels/layers": "Channels: the layer",
    "/channels/": "Channels: the rest",
    "/asgiref/": "to a thread and back",
    "/concurrent/": "to a thread and back",
    "/threading": "to a thread and back",
    "/contextvars": "to a thread and back",
    "/copy.py": "Channels: the layer",
    "/daphne/": "daphne and Twisted",
    "/twisted/": "daphne and Twisted",
    "/autobahn/": "daphne and Twisted",
    "/click/": "daphne and Twisted",  # which colours what Autobahn would log
    "/asyncio/": "asyncio: tasks, queues, turns",
    "/selectors": "asyncio: tasks, queues, turns",
    "/json/": "JSON",
}
IDLE = ("select.epoll", "select.kqueue", "select.select", "GetQueuedCompletionStatus")


class Profile(Table):
    """Where a server's time went: by whose code, and the functions that took most of it."""

    def __init__(self, stats, deliveries):
        self.functions, self.whose = [], Counter()
        for (file, _line, name), (_, calls, own, _, callers) in stats.stats.items():
            if file == "~":  # a function in C: its time is its callers'
                if not any(idle in name for idle in IDLE):
                    for (caller, *_), (_, _, share, _) in callers.items():
                        self.whose[self._whose(caller)] += share
            else:
                self.whose[self._whose(file)] += own
                self.functions.append((own, calls / deliveries, self._short(file), name))
        self.total = self.whose.total()
        self.functions.sort(reverse=True)

    @staticmethod
    def _whose(file):
        path = "/" + Path(file).as_posix()
        return next((who for part, who in WHOSE.items() if part in path), "the rest of Python and Django")

    @staticmethod
    def _short(file):
        return "/".join(Path(file).parts[-2:])

    def cells(self):
        yield ["share", "calls for a delivery", "function", "file"]
        for own, calls, file, name in self.functions[:8]:
            yield [f"{own / self.total:.0%}", f"{calls:.1f}", name, file]

    def plot(self):
        """Draw whose code took which share."""
        import matplotlib.pyplot as plt

        plt.rcParams["font.size"] = 12
        names, times = zip(*reversed(self.whose.most_common()), strict=True)
        figure, ax = plt.subplots(figsize=(9, 0.45 * len(names)), facecolor="white", layout="constrained")
        bars = ax.barh(names, times, color="lightgray", edgecolor="black")
        ax.bar_label(bars, [f"{time / self.total:.0%}" for time in times], padding=4)
        ax.set(xticks=[], xlim=(0, 1.15 * max(times)))
        ax.tick_params(length=0)
        ax.spines[["top", "right", "bottom"]].set_visible(False)
        plt.show()


def table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def html_table(rows):
    head, *body = (["<td style='text-align: right'>" + cell + "</td>" for cell in row] for row in rows)
    lines = [f"<thead><tr>{''.join(head)}</tr></thead>", *(f"<tr>{''.join(row)}</tr>" for row in body)]
    return f"<table>{''.join(lines)}</table>"
