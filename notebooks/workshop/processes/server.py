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
from workshop.processes.port import Port
from workshop.recording import Recording

START = 20  # seconds within which a server has to answer
running = []


class Server:
    """A running server: `url`, `port`, `log()`, `recording()` and `stop()`. A `with` statement stops it at its end."""

    tls = None  # it speaks plain HTTP

    def __init__(self, host, port, process, output, held_port):
        self.host, self.port, self.process, self._held_port = host, port, process, held_port
        self._output, self._log = Path(output), ""
        self._steps, self._recorded = Path(output).with_suffix(".steps"), Recording()
        self.url = f"http://{host}:{port}/"

    def log(self):
        """Return the server's output so far, also after it was stopped."""
        if self._output.exists():
            self._log = self._output.read_text(encoding="utf-8", errors="replace")
        return self._log

    def recording(self):
        """Return the Recording so far. It is empty unless the server was started with record=…."""
        if self._steps.exists():
            self._recorded = Recording.read(self._steps)
        return self._recorded

    async def recorded(self, what):
        """Wait until a step of this kind is recorded, at most 20 s: the server may be a moment behind its client."""
        deadline = time.monotonic() + START
        while not any(step["what"] == what for step in self.recording().steps) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)  # the steps come from another process, in a file

    def wait_until_it_answers(self):
        """Wait until the server answers. Raises WorkshopError, with the server's own words, if it doesn't start."""
        wait_until_it_answers(self, self.port, "The server", self.host)

    def stop(self):
        """End the server, and return when it has ended."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        if self._held_port:
            self._held_port.give_back()
        self.log(), self.recording()  # kept in memory before the files are deleted
        self._output.unlink(missing_ok=True)
        self._steps.unlink(missing_ok=True)
        if self in running:
            running.remove(self)

    def __repr__(self):
        if self.process.poll() is None:
            return f"Your project is served at {self.url}"
        return f"Your project was served at {self.url}, but the server has ended"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


def start(folder, port=None, record=None, **environment):
    """Serve the project in this folder. The other arguments, the result and the errors are those of serve()."""
    server = launch(folder, port, record, **environment)
    server.wait_until_it_answers()
    return server


def launch(folder, port=None, record=None, host="127.0.0.1", **environment):
    """
    Begin to serve the project in this folder, and return the Server at once. It may not answer yet.

    host is the address of this computer at which it is served: "0.0.0.0" for all of them.
    """
    reached = "127.0.0.1" if host == "0.0.0.0" else host
    held = Port() if port is None else None
    if held is None and answers(port, reached):
        raise WorkshopError(f"Something answers on port {port} already. serve() without a port finds a free one.")
    handle, output = tempfile.mkstemp(prefix="runserver-", suffix=".log")
    if record:
        steps = Path(output).with_suffix(".steps")
        steps.touch()
        environment = {**environment, "WORKSHOP_RECORDING": str(steps), "WORKSHOP_NAMES": json.dumps(record)}
    if held:
        port = held.number
        held.hand_over()
    with os.fdopen(handle, "wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-B", "-u", str(Path(__file__).with_name("runserver.py")), f"{host}:{port}"],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Server(reached, port, process, output, held)
    running.append(server)
    return server


def wait_until_it_answers(started, port, name, host="127.0.0.1"):
    """
    Wait until what was started answers on this port of a host: it has a process, a log() and a stop().

    Raises WorkshopError, with its own last words, if it doesn't answer, and stops it.
    """
    deadline = time.monotonic() + START
    try:
        while not answers(port, host):
            if time.monotonic() > deadline or started.process.poll() is not None:
                last_lines = started.log().strip().splitlines()[-12:]
                raise WorkshopError(f"{name} did not start. It says:\n\n" + "\n".join(last_lines))
            time.sleep(0.02)
    except BaseException:  # such as an interrupted cell
        started.stop()
        raise


def answers(port, host="127.0.0.1"):
    """Return whether something listens on this port of this computer, by default at its own address for itself."""
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex((host, port)) == 0


@atexit.register
def stop_all():
    """End every server that this process has started."""
    for server in list(running):
        server.stop()
