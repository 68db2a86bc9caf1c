"""A program such as nginx, Redis or daphne, in a process that ends with the one that started it."""

import contextlib
import subprocess
import sys
import tempfile
from pathlib import Path

from workshop.processes.port import Port
from workshop.processes.programs import require_program
from workshop.processes.server import wait_until_it_answers

GUARD = Path(__file__).with_name("guard.py")


class Program:
    """A program that runs in a folder, on a port, with its output in a file."""

    def __init__(self, name, command, folder, port, output, environment=None):
        self.name, self.command, self.folder, self.port, self.environment = name, command, folder, port, environment
        self.output, self.process = output, None

    def start(self):
        """Start it, and return once it answers. Raises WorkshopError, with its own words, if it doesn't."""
        self.port.hand_over()
        with self.output.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", str(GUARD), *self.command],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until_it_answers(self, self.port.number, self.name)

    def log(self):
        """Return what it has said so far."""
        return self.output.read_text(encoding="utf-8", errors="replace") if self.output.exists() else ""

    def stop(self, last_words=b""):
        """Tell it to end, or kill it if the last words are b"kill", and return when it has ended."""
        if self.process is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                self.process.communicate(last_words)
            self.process.wait()
            self.process = None


def make_redis(folder, port):
    """Return the Program of a Redis that keeps nothing. Raises WorkshopError if Redis isn't installed."""
    command = [require_program("redis-server"), "--bind", "127.0.0.1", "--port", str(port.number), "--save", ""]
    return Program("redis-server", command, folder, port, Path(folder) / "redis-server.log")


@contextlib.contextmanager
def redis_server():
    """
    A Redis of one's own during a `with` statement, which gets its address: with redis_server() as url.

    Raises WorkshopError if Redis isn't installed, or, with its last lines, if it doesn't start.
    """
    with tempfile.TemporaryDirectory(prefix="redis-", ignore_cleanup_errors=True) as folder:
        port = Port()
        redis = make_redis(folder, port)
        try:
            redis.start()
            yield f"redis://127.0.0.1:{port.number}"
        finally:
            redis.stop()
            port.give_back()
