"""Where the server's time goes, found by Python's own profiler."""

import pstats
import tempfile
from collections import Counter
from pathlib import Path

from workshop.drawing import Table
from workshop.drawing.plots import draw_shares
from workshop.measuring.crowd import Crowd, allow_many_sockets
from workshop.verbs.serve import serve


def profile(members=200, messages=10):
    """Serve notebooks/workspace/ under Python's profiler, send messages to a room, and return the Profile."""
    allow_many_sockets()
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        file = Path(folder) / "profile"
        with serve(WORKSHOP_PROFILE=str(file)) as running:
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
        draw_shares(self.whose)
