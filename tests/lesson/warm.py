"""
Run tests on many projects, fast: one process imports pytest, Django and Channels once, and forks a child for each run.

A run does what the workshop's run_tests() does, which check() uses. Where there is no fork, on Windows, it is that one.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "notebooks"))
from workshop.lesson.files import REPOSITORY
from workshop.processes.fresh import TIMEOUT
from workshop.processes.tests import environment, pytest_arguments, run_tests

# What projects and stage tests import, but nothing from a project. No test runs daphne's reactor in here.
IMPORTED = [
    "workshop.processes.report",
    "pytest_asyncio.plugin",
    "channels.auth",
    "channels.testing",
    "daphne.server",
    "django.contrib.admin",
    "django.core.management.commands.runserver",
    "django.db.backends.sqlite3.base",
    "django.test",
    "py_mini_racer",  # only imported: a child makes its own engine
    "redis.asyncio",
    "websockets.asyncio.client",
    "stage.scripts",
    "stage.silence",
    "stage.slips",
    "stage.watch",
]


class Warm:
    """The process that forks. Its run() takes and returns what run_tests() does."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-X", "utf8", __file__],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, tests, project, *options):
        with tempfile.TemporaryDirectory() as folder:
            report, said = Path(folder) / "report.json", Path(folder) / "said"
            job = {"arguments": pytest_arguments(tests, project, options), "report": str(report), "said": str(said)}
            print(json.dumps(job), file=self.process.stdin, flush=True)
            done = self.process.stdout.readline()
            assert done == "done\n", f"{Path(__file__).name} answered {done!r} instead of 'done'"
            found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
            return found, said.read_text(encoding="utf-8", errors="replace")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def warm_runs():
    """Yield a function that runs tests as run_tests() does, and faster where the system can fork."""
    if not hasattr(os, "fork"):
        yield run_tests
        return
    warm = Warm()
    try:
        yield warm.run
    finally:
        warm.stop()


def serve():
    """Fork a child for each job that comes, until the standard input closes."""
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()  # all of that stays: no child has to look through it for garbage
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            run_here(job)
        late = threading.Timer(TIMEOUT, os.kill, [child, signal.SIGKILL])
        late.start()
        os.waitpid(child, 0)
        late.cancel()
        print("done", file=answers, flush=True)


def run_here(job):
    """Run pytest in this process, which ends with it."""
    said = os.open(job["said"], os.O_WRONLY | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    os.environ.update(environment(job["report"]))
    code = pytest.main(job["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # where `stage` is; a stage's tests find nothing in this folder
    serve()
