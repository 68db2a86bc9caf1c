"""
What the fresh process of %%in_project does: it reads a cell from its standard input, and runs it in the project.
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
SHOWN = "\x1eshown "  # stands before a line that is a picture, in what this process prints


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
    sys.dont_write_bytecode = True  # the student's files may change twice within a second, and Python wouldn't see it
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
