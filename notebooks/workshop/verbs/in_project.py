"""
%%in_project: run a cell in a fresh process, with the workspace's project set up.

A kernel keeps the classes that it has imported: after you write a file, it would still use the old ones.
"""

import json
import re
import subprocess
from pathlib import Path

from workshop.errors import NO_TABLES
from workshop.lesson.files import WORKSPACE
from workshop.processes.cell import SHOWN
from workshop.processes.fresh import TIMEOUT, run_fresh
from workshop.verbs.opened import expect_open


def in_project(line, cell):
    """Run this cell in a fresh process in your project: Django is set up, `await` works, show(…) shows a picture."""
    from IPython.display import display

    expect_open()
    try:
        run = run_fresh("workshop.processes.cell", WORKSPACE if WORKSPACE.is_dir() else Path.cwd(), source=cell)
    except subprocess.TimeoutExpired:
        print(f"The cell was still running after {TIMEOUT} s, so it was stopped.")
        return
    for piece in re.split(f"^({SHOWN}.*)\n", run.stdout, flags=re.MULTILINE):
        if piece.startswith(SHOWN):
            display(json.loads(piece.removeprefix(SHOWN)), raw=True)
        elif piece.strip():
            print(piece.strip("\n"))
    if "OperationalError: no such table" in run.stdout:
        print(NO_TABLES)
