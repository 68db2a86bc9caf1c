"""
What the system tests run: the server as everyone starts it, a Redis of their own, and a real client.
"""

import asyncio
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from stage.expectations import leave_out
from waiting import until
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.append(str(REPOSITORY / "notebooks"))
from workshop.processes.port import Port  # noqa: E402


def need(found, what, how_to_get_it):
    """Return what was found. If nothing was, leave_out() the test."""
    if found:
        return found
    leave_out(f"This test needs {what}: {how_to_get_it}")


async def say(socket, text):
    await socket.send(json.dumps({"message": text}))


async def hear(socket):
    """Return the next frame that arrives."""
    return json.loads(await asyncio.wait_for(socket.recv(), 20))


class Process:
    """
    A program that answers on a port of this machine and logs to a file.

    It can be started and stopped many times, on the same port, until close().
    """

    stdin = subprocess.DEVNULL

    def __init__(self, command, port, folder, log_path, **environment):
        self.command = [str(word) for word in command]
        self.held_port = port
        self.port = port.number
        self.folder = folder
        self.log_path = log_path
        self.environment = environment
        self.process = None
        self.log_start = 0

    def start(self):
        inherited = {
            name: value for name, value in os.environ.items() if name != "REDIS_URL" and not name.startswith("DJANGO_")
        }
        self.held_port.hand_over()
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**inherited, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1", **self.environment},
                stdin=self.stdin,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until(self.answers, f"{self.command} answers on port {self.port}")
        return self

    def answers(self):
        if self.process.poll() is not None:
            pytest.fail(f"{self.command} ended at once. Its log:\n{self.whole_log()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self):
        """End the process as a service manager would, and wait until it has ended."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    def close(self):
        self.stop()
        self.held_port.give_back()

    def freeze(self):
        """Let the process exist but do nothing, as on a machine that is out of memory."""
        if not hasattr(signal, "SIGSTOP"):
            pytest.skip("Only Linux and macOS can freeze a process")
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """End the process as a power cut would."""
        self.process.kill()
        self.process.wait(15)

    def restart(self):
        self.stop()
        self.start()

    def whole_log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def forget_log(self):
        """Let log() begin here."""
        self.log_start = len(self.whole_log())

    def log(self):
        return self.whole_log()[self.log_start :]

    def until_logged(self, words, seconds=20):
        until(lambda: words in self.log(), f"{words!r} is in the log of {self.command}", seconds)


def copy_project(folder):
    """Copy manage.py, tutorial/ and chat/ into this folder."""
    for name in ("tutorial", "chat"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "manage.py", folder)


class Server(Process):
    """
    `manage.py runserver` in a copy of the project, so that the developer's database is never touched.

    write_project(folder) writes another project instead.
    """

    def __init__(self, folder, options=(), write_project=copy_project, **environment):
        write_project(folder)
        port = Port()
        command = [sys.executable, "manage.py", "runserver", "--noreload", *options, f"127.0.0.1:{port.number}"]
        super().__init__(command, port, folder, folder / "server.log", **environment)
        self.url = f"http://127.0.0.1:{self.port}"

    def replace(self, file, old, new):
        """Change a file of the server's copy of the project, before the start."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{file} has {old!r} {text.count(old)} times, but this test expects it once."
        path.write_text(text.replace(old, new), encoding="utf-8")

    def own_words(self):
        """Return the lines of the log, without those that daphne writes for each request."""
        return [line for line in self.log().splitlines() if line and not line.startswith(("HTTP ", "WebSocket "))]

    def until_all_is_logged(self):
        """Wait until the log has everything about the connections that have ended."""
        # daphne checks once a second how connections have ended, and logs it. There is no event to wait for.
        time.sleep(1.2)

    def assert_nothing_broke(self):
        """Assert that no error has escaped from the chat since the process was first started."""
        self.until_all_is_logged()
        for words in ("Traceback", "never retrieved"):
            assert words not in self.whole_log(), self.whole_log()

    def get(self, path, **headers):
        """GET exactly this path: http.client doesn't tidy it up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            response.text = response.read().decode()
            return response
        finally:
            connection.close()

    def get_room(self, room, **headers):
        return self.get(f"/chat/{quote(room, safe='')}/", **headers)

    def open(self, path, origin="", **options):
        """Open a socket as a page of this server would, or as a page from another origin."""
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            origin=self.url if origin == "" else origin,
            proxy=None,
            compression=None,
            open_timeout=20,
            **options,
        )

    def enter(self, room, **options):
        return self.open(f"/ws/chat/{quote(room, safe='')}/", **options)

    async def refusal(self, room=None, path=None, **options):
        """Return the HTTP status with which the server refuses a socket."""
        opening = self.open(path, **options) if path else self.enter(room, **options)
        with pytest.raises(InvalidStatus) as refused:
            async with opening:
                pass
        return refused.value.response.status_code


def share(server):
    """Start this server, yield it to many tests, and end it. No test may cause an error in it."""
    try:
        yield server.start()
        server.assert_nothing_broke()
    finally:
        server.close()


class Redis(Process):
    """A redis-server for the tests, which saves nothing to disk."""

    def __init__(self, program, folder):
        port = Port()
        command = [program, "--port", port.number, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        super().__init__(command, port, folder, folder / "redis.log")
        self.url = f"redis://127.0.0.1:{self.port}"

    def count(self, command):
        """Return how often Redis has run this command."""
        with redis.Redis.from_url(self.url) as client:
            return client.info("commandstats").get(f"cmdstat_{command}", {"calls": 0})["calls"]
