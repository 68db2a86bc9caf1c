"""
Read a cell from the standard input and run it in the project: what the fresh process of %%in_project does.
"""

import ast
import asyncio
import inspect
import json
import linecache
import os
import sys
import traceback
from pathlib import Path

CELL = "<this cell>"
SHOWN = "\x1eshown "  # begins each line of the output that holds a picture


def show(thing):
    """Show a recording, a scene or an X-ray below the cell."""
    print(f"{SHOWN}{json.dumps(thing._repr_mimebundle_())}", flush=True)


def run_cell(source):
    """Run a cell with Django set up for the project in the current folder. `await` works at its top level."""
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
    sys.dont_write_bytecode = True  # a file may change twice within a second, and Python wouldn't notice
    try:
        run_cell(sys.stdin.read())
    except BaseException as error:
        # Show only the steps in the cell and in the student's own files: those in Django and Channels are no help.
        for step in traceback.extract_tb(error.__traceback__):
            if step.filename == CELL or Path(step.filename).is_relative_to(Path.cwd()):
                name = (
                    step.filename if step.filename == CELL else Path(step.filename).relative_to(Path.cwd()).as_posix()
                )
                print(f"in {name}, line {step.lineno}: {step.line or ''}".rstrip(": "))
        print("".join(traceback.format_exception_only(error)).strip())
