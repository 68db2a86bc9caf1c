"""
Run tests on many projects, fast: one process imports pytest, Django and Channels and collects all tests of the stages
and exercises, once, and forks a child for each run.

A run finds what the workshop's run_tests() finds, which check() uses. On Windows, which has no fork, it is that one.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import forked
import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

sys.path.append(str(Path(__file__).resolve().parents[2] / "notebooks"))
from workshop.lesson.files import REPOSITORY
from workshop.lesson.stages import FINISHED
from workshop.processes import report
from workshop.processes.fresh import TIMEOUT
from workshop.processes.tests import environment, pytest_arguments, run_tests

# What projects and stage tests import, but nothing from a project. No test runs daphne's reactor in here.
IMPORTED = [
    "workshop.processes.report",
    "pytest_asyncio.plugin",
    "channels.auth",
    "channels.security.websocket",
    "channels.testing",
    "channels_redis.core",
    "daphne.apps",
    "daphne.server",
    "django.contrib.admin",
    "django.contrib.admin.apps",
    "django.contrib.admin.templatetags.admin_list",
    "django.contrib.admin.templatetags.admin_modify",
    "django.contrib.auth.apps",
    "django.contrib.auth.context_processors",
    "django.contrib.auth.hashers",
    "django.contrib.auth.password_validation",
    "django.contrib.auth.tokens",
    "django.contrib.auth.validators",
    "django.contrib.contenttypes.apps",
    "django.contrib.messages.apps",
    "django.contrib.messages.context_processors",
    "django.contrib.messages.middleware",
    "django.contrib.messages.storage.fallback",
    "django.contrib.sessions.apps",
    "django.contrib.sessions.backends.db",
    "django.contrib.sessions.middleware",
    "django.contrib.sessions.serializers",
    "django.contrib.sites.shortcuts",
    "django.contrib.staticfiles.apps",
    "django.contrib.staticfiles.storage",
    "django.core.asgi",
    "django.core.management.commands.flush",
    "django.core.management.commands.migrate",
    "django.core.management.commands.runserver",
    "django.db.backends.sqlite3.base",
    "django.db.models.sql.compiler",
    "django.middleware.clickjacking",
    "django.middleware.common",
    "django.middleware.security",
    "django.template.context_processors",
    "django.template.loaders.app_directories",
    "django.template.loaders.cached",
    "django.templatetags.cache",
    "django.templatetags.l10n",
    "django.templatetags.tz",
    "django.test",
    "py_mini_racer",
    "redis.asyncio",
    "websockets.asyncio.client",
    "whitenoise.middleware",
    "stage.browser",
    "stage.scripts",
    "stage.silence",
    "stage.slips",
    "stage.watch",
]


class Warm:
    """The process that forks. Its run() takes and returns what run_tests() does."""

    def __init__(self):
        door = [forked.ask_to_fork().fileno()] if forked.FORKS else []
        self.process = subprocess.Popen(
            [sys.executable, "-X", "utf8", __file__, *map(str, door)],
            cwd=REPOSITORY,
            pass_fds=door,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, tests, project, *options):
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            job = {"tests": list(map(str, tests)), "project": str(project), "report": str(report), "options": options}
            print(json.dumps(job), file=self.process.stdin, flush=True)
            done = self.process.stdout.readline()
            assert done == "done\n", f"{Path(__file__).name} answered {done!r} instead of 'done'"
            found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
            return found, ""

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
    """Collect the tests, then fork a child for each job that comes, until the standard input closes."""
    for name in IMPORTED:
        importlib.import_module(name)
    sys.modules["stage.browser"]._setup()
    sys.modules["stage.slips"].find_slips(sys.modules["stage.code"].Code(REPOSITORY), FINISHED)  # compiles its patterns
    if forked.FORKS:
        sys.modules["py_mini_racer"].init_mini_racer()  # it starts no thread: a child makes its own engines
        door = socket.socket(fileno=int(sys.argv[1]))
        stage = sys.modules["stage"]
        stage.run_python = stage.processes.run_python = functools.partial(run_forked, door, stage.run_python)
    jobs, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # pytest's dots are nobody's answer
    with tempfile.TemporaryDirectory() as nothing:
        os.environ.update(environment(Path(nothing) / "report.json"))
        tests = [
            *(REPOSITORY / "tests").glob("test_*_*.py"),
            *(REPOSITORY / "tests" / "exercises").glob("exercise_*.py"),
        ]
        # A child writes no traceback, and its temporary files into this folder: it doesn't tidy up after itself.
        options = ["--tb=no", f"--basetemp={nothing}/files"]
        pytest.main(pytest_arguments(tests, nothing, options), plugins=[Jobs(jobs, answers)])


def run_forked(door, run_python, project, *arguments, **environment):
    """
    Do what stage.run_python() does, in a process that is forked: it has Django already, but nothing of a project.

    One whose hashes are to be others, or that asks for the modules that are there, is started anew.
    """
    if "PYTHONHASHSEED" in environment or any("sys.modules" in argument for argument in arguments):
        return run_python(project, *arguments, **environment)
    theirs = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = forked.Forked(door, arguments, project, {**theirs, **environment}, errors.fileno(), workshop=False)
        with process:
            said, _ = process.communicate(timeout=30)
        errors.seek(0)
        return subprocess.CompletedProcess(process.args, process.returncode, said, errors.read())


class Jobs:
    """The pytest plugin that runs the jobs in place of the tests that were collected."""

    def __init__(self, jobs, answers):
        self.jobs, self.answers = jobs, answers

    def pytest_runtestloop(self, session):
        # All tests are here, so nothing that a child imports has assertions for pytest to rewrite.
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, AssertionRewritingHook)]
        gc.freeze()  # all that is here stays: no child has to look through it for garbage
        for line in self.jobs:
            job = json.loads(line)
            child = os.fork()
            if child == 0:
                run_here(session, job)
            late = threading.Timer(TIMEOUT, os.kill, [child, signal.SIGKILL])
            late.start()
            os.waitpid(child, 0)
            late.cancel()
            print("done", file=self.answers, flush=True)
        return True


def run_here(session, job):
    """Run the job's tests in this process, which ends with it."""
    try:
        session.config.project = Path(job["project"]).resolve()
        sys.path[0] = job["project"]
        os.environ["WORKSHOP_REPORT"] = job["report"]
        items = session.items = choose(session.items, job["tests"], job["options"])
        for item, following in zip(items, [*items[1:], None], strict=True):
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if "--exitfirst" in job["options"] and not report.found.get(item.nodeid, {"green": False})["green"]:
                break
        report.pytest_sessionfinish()
    finally:
        os._exit(0)


def choose(items, tests, options):
    """Return those of the items that pytest would run for these files, "file::test", and options."""
    marks = [word for word in options[1].split() if word != "or"] if options[:1] == ["-m"] else []
    chosen = []
    for test in tests:
        file, _, name = test.partition("::")
        chosen += [
            item
            for item in items
            if str(item.path) == file
            and name in ("", item.originalname)
            and (not marks or any(item.get_closest_marker(mark) for mark in marks))
        ]
    return chosen


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])  # where `stage` is; a stage's tests find nothing in this folder
    serve()
