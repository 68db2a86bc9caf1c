"""
Get ready for a job: this script imports what takes longest, but nothing from a project.

Then it reads one job from its standard input, the line of JSON that run_fresh() writes, and does it.
"""

import contextlib
import importlib
import json
import os
import runpy
import signal
import sys
from pathlib import Path

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


def do(job):
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.path.insert(0, job["folder"])
    sys.argv[1:] = job["arguments"]
    if not job["errors"]:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    runpy.run_module(job["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    # When Jupyter interrupts a cell, it also interrupts its processes.
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.path[0] = str(Path(__file__).parents[2])  # so that it finds `workshop`, and not the files beside this one
    for name in IMPORTED:
        with contextlib.suppress(ModuleNotFoundError):  # neither is needed to run the project
            importlib.import_module(name)
    line = sys.stdin.readline()
    if line:  # without one, the kernel has ended
        signal.signal(signal.SIGINT, interrupt)
        do(json.loads(line))
