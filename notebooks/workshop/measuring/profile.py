"""Find where the server's time goes, with Python's own profiler."""

import pstats
import tempfile
from collections import Counter
from pathlib import Path

from workshop.drawing import Table
from workshop.drawing.plots import draw_shares
from workshop.measuring.crowd import Crowd, allow_many_sockets
from workshop.verbs.serve import serve


def profile(members=200, messages=10):
    """Serve notebooks/workspace/ under Python's profiler, send messages to a full room, and return the Profile."""
    allow_many_sockets()
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        file = Path(folder) / "profile"
        with serve(WORKSHOP_PROFILE=str(file)) as running:
            with Crowd([running.port], members) as crowd:
                running.process.stdin.write(b"now\n")
                running.process.stdin.flush()
                crowd.delays(messages)
                running.process.stdin.close()
                running.process.wait(60)
        return Profile(pstats.Stats(str(file)), members * messages)


# Part of a file's path: whose code is in it. The first part that fits counts.
OWNERS = {
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
    "/click/": "daphne and Twisted",  # it colours what Autobahn would log
    "/asyncio/": "asyncio: tasks, queues, turns",
    "/selectors": "asyncio: tasks, queues, turns",
    "/json/": "JSON",
}
IDLE = ("select.epoll", "select.kqueue", "select.select", "GetQueuedCompletionStatus")


class Profile(Table):
    """Where a server's time went. `times` maps whose code it was to seconds; `functions` begins with the slowest."""

    def __init__(self, stats, deliveries):
        self.functions, self.times = [], Counter()
        for (file, _line, name), (_, calls, own, _, callers) in stats.stats.items():
            if file == "~":  # a function in C: its time counts for its callers
                if not any(idle in name for idle in IDLE):
                    for (caller, *_), (_, _, share, _) in callers.items():
                        self.times[self._owner(caller)] += share
            else:
                self.times[self._owner(file)] += own
                self.functions.append((own, calls / deliveries, self._short(file), name))
        self.total = self.times.total()
        self.functions.sort(reverse=True)

    @staticmethod
    def _owner(file):
        path = "/" + Path(file).as_posix()
        return next((owner for part, owner in OWNERS.items() if part in path), "the rest of Python and Django")

    @staticmethod
    def _short(file):
        return "/".join(Path(file).parts[-2:])

    def cells(self):
        yield ["share", "calls per delivery", "function", "file"]
        for own, calls, file, name in self.functions[:15]:
            yield [f"{own / self.total:.0%}", f"{calls:.1f}", name, file]

    def plot(self):
        """Draw a bar for each share: how much of the time went to whose code."""
        draw_shares(self.times)
