"""A real server, in a process that ends with the one that started it."""

import asyncio
import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from workshop.errors import WorkshopError
from workshop.recording import Recording

START = 20  # seconds that a server may take until it answers
running = []


class Server:
    """A running server: `url`, `port`, `log()`, and `stop()`. Also usable in a `with` statement."""

    def __init__(self, port, process, output):
        self.port, self.process = port, process
        self._output, self._said = Path(output), ""
        self._steps, self._recorded = Path(output).with_suffix(".steps"), Recording()
        self.url = f"http://127.0.0.1:{port}/"

    def log(self):
        """Return what the server has said so far."""
        if self._output.exists():
            self._said = self._output.read_text(encoding="utf-8", errors="replace")
        return self._said

    def recording(self):
        """Return what has passed so far, if the server was started with record=…."""
        if self._steps.exists():
            self._recorded = Recording.read(self._steps)
        return self._recorded

    async def recorded(self, what):
        """Wait until a step of this kind has been recorded: the server may be a moment behind its client."""
        deadline = time.monotonic() + START
        while not any(step["what"] == what for step in self.recording().steps) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the steps come from another process, through a file

    def stop(self):
        """End the server. It is gone when this returns."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.log(), self.recording()  # kept here, and so the files can go
        self._output.unlink(missing_ok=True)
        self._steps.unlink(missing_ok=True)
        if self in running:
            running.remove(self)

    def __repr__(self):
        state = "is served" if self.process.poll() is None else "was served, and the server has ended,"
        return f"Your project {state} at {self.url}"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


def start(folder, port=None, record=None, **environment):
    """Serve the project in this folder, as serve() does the workspace: there stands what the other arguments are."""
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    elif answers(port):
        raise WorkshopError(f"Something answers on port {port} already. serve() without a port takes a free one.")
    handle, output = tempfile.mkstemp(prefix="runserver-", suffix=".log")
    if record:
        steps = Path(output).with_suffix(".steps")
        steps.touch()
        environment = {**environment, "WORKSHOP_RECORDING": str(steps), "WORKSHOP_NAMES": json.dumps(record)}
    with os.fdopen(handle, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-B", "-u", str(Path(__file__).with_name("runserver.py")), str(port)],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Server(port, process, output)
    running.append(server)
    try:
        server_answers = wait_until_it_answers(server)
    except BaseException:  # the cell was interrupted, say
        server.stop()
        raise
    if not server_answers:
        server.stop()
        said = server.log().strip().splitlines()[-12:]
        raise WorkshopError("The server did not start. It says:\n\n" + "\n".join(said))
    return server


def wait_until_it_answers(server):
    deadline = time.monotonic() + START
    while time.monotonic() < deadline and server.process.poll() is None:
        if answers(server.port):
            return True
        time.sleep(0.05)
    return False


def answers(port):
    """Return whether something listens on this port of this computer."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


@atexit.register
def stop_all():
    """End every server that was started here."""
    for server in list(running):
        server.stop()
