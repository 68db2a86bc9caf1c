"""
A class with its wall open, to see what that costs the chat.
"""

import contextlib
import json
import threading
import time
from types import SimpleNamespace

import psutil
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from workshop import start_class


class Onlooker:
    """Looks at a wall as its page does. `behind`: the most seconds that lay between a snapshot and its arrival here."""

    behind = 0

    def __init__(self, wall):
        url = wall.replace("http", "ws", 1).replace("/wall/", "/ws/wall/")
        self.socket = connect(url, origin="http://127.0.0.1", proxy=None, max_size=None)
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        with contextlib.suppress(ConnectionClosed):
            for frame in self.socket:
                snapshot = json.loads(frame)["snapshot"]
                self.behind = max(self.behind, time.time() - snapshot["at"])
                self.socket.send(json.dumps({"drawn": snapshot["at"]}))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()
        self.thread.join()


@contextlib.contextmanager
def serve_class(port):
    """Start a class on this port, and look at its wall. Yield the chat's server: its port, its process, its wall."""
    with start_class(address="127.0.0.1", port=port) as classroom, Onlooker(classroom.wall) as wall:
        (chat,) = (
            child
            for child in psutil.Process(classroom.process.pid).children(recursive=True)
            if any(word.endswith("runserver.py") for word in child.cmdline()) and not child.children()
        )
        yield SimpleNamespace(port=port, process=chat, wall=wall)
