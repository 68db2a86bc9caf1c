"""The project in a process of its own, and a watch on the event loop."""

import asyncio
import os
import subprocess
import sys
import threading
import time
import traceback

from stage.errors import own_places

STANDSTILL = 0.2  # seconds that an event loop can stand still before everybody notices


def run_python(project, *arguments, **environment):
    """Run `python …` in the project's folder, as in a terminal of its own, and return the finished process."""
    theirs = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-X", "utf8", *arguments],
        cwd=project,
        env={**theirs, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )


class Standstill(threading.Thread):
    """
    Watches the event loop from another thread during a `with` statement, and notes where it stands still.

    Afterwards `place` is the (file, line number, code) in the project at which the loop waited, or None.
    """

    def __init__(self, project):
        super().__init__(daemon=True)
        self.project, self.place = project, None
        self.watched = threading.get_ident()
        self.over = threading.Event()

    def __enter__(self):
        self._turn()
        self.start()
        return self

    def __exit__(self, *error):
        self.next_turn.cancel()
        self.over.set()
        self.join()

    def _turn(self):
        self.last_turn = time.monotonic()
        self.next_turn = asyncio.get_running_loop().call_later(0.01, self._turn)

    def run(self):
        seen = None
        while not self.over.wait(0.02):
            late = time.monotonic() - self.last_turn > STANDSTILL
            steps = traceback.extract_stack(sys._current_frames()[self.watched]) if late else []
            places = own_places([(step.filename, step.lineno, step.line) for step in steps], self.project)
            if places and places[-1] == seen:  # twice in a row: once may be a standstill of the whole computer
                self.place = seen
            seen = places[-1] if places else None
