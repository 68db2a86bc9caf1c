"""
Get ready for jobs: this script imports what takes longest, but nothing from a project.

Then it reads a job from its standard input, the line of JSON that run_fresh() writes. On Linux it forks a child, which
does the job, and is ready for the next one; it writes the child's process id and then its exit code, a line each.
Elsewhere it does one job itself.
"""

import atexit
import contextlib
import gc
import importlib
import io
import json
import os
import runpy
import signal
import sys
import threading
from pathlib import Path

FORKS = sys.platform == "linux"  # a Mac's own libraries don't expect to be forked, and Windows can't

# What projects, stage tests and cells import.
IMPORTED = [
    "pytest",
    "channels.auth",
    "daphne.server",
    "django.contrib.admin",
    "django.core.management.commands.runserver",
    "django.db.backends.sqlite3.base",
    "py_mini_racer",
    "redis.asyncio",
    "workshop.recording",
]


def wait_for_job():
    """Return the next job, in the process that has to do it, or None if the kernel has ended."""
    gc.freeze()  # all that is here stays: no child has to look through it for garbage
    while line := sys.stdin.readline():
        child = os.fork() if FORKS else 0
        if child == 0:
            return json.loads(line)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def do(job):
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.path.insert(0, job["folder"])
    sys.argv[1:] = job["arguments"]
    sys.stdin = io.StringIO(job["source"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(job["output"], os.O_WRONLY), 1)
    os.dup2(1 if job["errors"] else os.open(os.devnull, os.O_WRONLY), 2)
    runpy.run_module(job["module"], run_name="__main__", alter_sys=True)


def do_and_leave(do, *job):
    """
    Do a job in a child, and end it as multiprocessing ends its own.

    Python would take apart all that was imported before the fork, too, which takes longer than many a job. An error,
    or a message in place of an exit code, is left to it.
    """
    try:
        do(*job)
        code = 0
    except SystemExit as error:
        code = error.code or 0
        if not isinstance(code, int):
            raise
    threading._shutdown()  # waits for the threads that are still at work
    atexit._run_exitfuncs()
    gc.collect()  # of what is left, something may have to say that nobody has awaited it
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    # When Jupyter interrupts a cell, it also interrupts its processes.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[0] = str(Path(__file__).parents[2])  # so that it finds `workshop`, and not the files beside this one
    for name in IMPORTED:
        with contextlib.suppress(ModuleNotFoundError):  # neither is needed to run the project
            importlib.import_module(name)
    job = wait_for_job()
    if job:
        signal.signal(signal.SIGINT, interrupt)
        do_and_leave(do, job) if FORKS else do(job)
