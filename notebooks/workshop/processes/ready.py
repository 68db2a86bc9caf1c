"""
A process that gets ready, run as a script: it imports what takes longest, and nothing of a project.

Then it reads one job from its standard input, a line of JSON as run_fresh() writes it, and does it.
"""

import importlib
import json
import os
import runpy
import signal
import sys
from pathlib import Path

# What a project, a stage's test or a cell imports, as far as all of them do.
IMPORTED = [
    "pytest",
    "channels.auth",
    "daphne.server",
    "django.contrib.admin",
    "django.core.management.commands.runserver",
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
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Jupyter interrupts a cell and all processes with it
    sys.path[0] = str(Path(__file__).parents[2])  # for `workshop`, and in place of the folder of this file
    for name in IMPORTED:
        importlib.import_module(name)
    line = sys.stdin.readline()
    if line:  # otherwise who started it is gone
        signal.signal(signal.SIGINT, interrupt)
        do(json.loads(line))
