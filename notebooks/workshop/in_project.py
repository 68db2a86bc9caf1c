"""
%%in_project: run a cell in a fresh process, with the workspace's project set up.

A kernel keeps the classes that it has imported, so after a file was written it would still use the old ones.
Run as a script, this file is that fresh process: it reads the cell from its standard input.
"""

import ast
import asyncio
import inspect
import json
import linecache
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

CELL = "<this cell>"
SHOWN = "\x1eshown "  # stands before a line that is a picture, in what the fresh process prints
TIMEOUT = 60  # seconds


def in_project(line, cell):
    """Run this cell in a fresh process in your project: Django is set up, `await` works, show(…) shows a picture."""
    from IPython.display import display

    from workshop.stages import WORKSPACE

    try:
        run = run_fresh(cell, WORKSPACE if WORKSPACE.is_dir() else None)
    except subprocess.TimeoutExpired:
        print(f"The cell was not done after {TIMEOUT} s, and was ended.")
        return
    for piece in re.split(f"^({SHOWN}.*)\n", run.stdout, flags=re.MULTILINE):
        if piece.startswith(SHOWN):
            display(json.loads(piece.removeprefix(SHOWN)), raw=True)
        elif piece.strip():
            print(piece.strip("\n"))


def run_fresh(source, folder, stderr=subprocess.STDOUT):
    """Run this source in a fresh process, in the project in this folder, and return the finished process."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-B", str(Path(__file__))],
        cwd=folder,
        input=source,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        errors="replace",
        timeout=TIMEOUT,
    )


def show(thing):
    """Show a recording, a scene or an X-ray below the cell."""
    print(f"{SHOWN}{json.dumps(thing._repr_mimebundle_())}", flush=True)


def run_cell(source):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutorial.settings")
    import django

    django.setup()
    linecache.cache[CELL] = (len(source), None, source.splitlines(keepends=True), CELL)
    code = compile(source, CELL, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, {"__name__": "__main__", "show": show})
    if inspect.iscoroutine(result):

        async def main():
            await result

        asyncio.run(main())


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())
    sys.path.append(str(Path(__file__).parent.parent))  # for the cell's own `from workshop…`
    try:
        run_cell(sys.stdin.read())
    except BaseException as error:
        # The steps in the cell and in the student's own files say where; Django's and Channels' own don't.
        for step in traceback.extract_tb(error.__traceback__):
            if step.filename == CELL or Path(step.filename).is_relative_to(Path.cwd()):
                name = (
                    step.filename if step.filename == CELL else Path(step.filename).relative_to(Path.cwd()).as_posix()
                )
                print(f"in {name}, line {step.lineno}: {step.line or ''}".rstrip(": "))
        print("".join(traceback.format_exception_only(error)).strip())
