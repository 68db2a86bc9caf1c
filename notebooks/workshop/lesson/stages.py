"""
The stages: the files that the notebooks' cells write, made from the notebooks themselves.

Only cells that make or delete files are replayed: `%%writefile workspace/…`, `python(…)`, which runs a command in the
workspace, and `remove(…)`, which deletes files in it.
"""

import ast
import contextlib
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import django

from workshop.errors import WorkshopError
from workshop.lesson.files import NOTEBOOKS, read_files, remove_files, write_files

# What each stage left when it was last replayed: startproject takes a second, and the same cells leave the same files.
REMEMBERED = NOTEBOOKS / ".stages"


def find_notebook(stage):
    """Return the path of a stage's notebook. Raises WorkshopError if there is none."""
    if stage not in numbers():
        there = ", ".join(str(number) for number in numbers())
        raise WorkshopError(f"There is no notebook for stage {stage!r}. The stages are the numbers {there}.")
    return next(NOTEBOOKS.glob(f"{stage}_*.ipynb"))


def numbers():
    """Return the stages that have a notebook, in order."""
    return sorted(int(path.name.split("_")[0]) for path in NOTEBOOKS.glob("[0-9]_*.ipynb"))


def following(stage):
    """Return the next stage that has a notebook: the one that starts with what this one leaves."""
    return min(number for number in numbers() if number > stage)


def replay(until):
    """
    Yield (stage, files) for the stages from 1 to `until`: the project's files after that stage.

    `files` maps paths inside the project, with slashes, to bytes. Raises WorkshopError if a notebook can't be read or a
    cell's command fails.
    """
    files = {}
    for stage in (number for number in numbers() if 1 <= number <= until):
        files = _leave(stage, read_cells(find_notebook(stage)), files)
        yield stage, files


def _leave(stage, sources, files):
    """Return the files after a stage's cells, given the files before them."""
    made_of = repr((sys.version, django.__version__, sources, files))
    memory = REMEMBERED / f"{stage}_{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError):  # it is missing or incomplete
        return {name: text.encode() for name, text in json.loads(memory.read_text(encoding="utf-8")).items()}
    with tempfile.TemporaryDirectory(prefix="stage-") as folder:
        write_files(files, folder)
        for source in sources:
            replay_cell(source, Path(folder))
        files = read_files(folder)
    with contextlib.suppress(OSError, UnicodeDecodeError):  # it works without, but slower
        REMEMBERED.mkdir(exist_ok=True)
        for old in REMEMBERED.glob(f"{stage}_*.json"):
            old.unlink()
        memory.write_text(json.dumps({name: content.decode() for name, content in files.items()}), encoding="utf-8")
    return files


def read_cells(notebook):
    """Return the sources of a notebook's code cells. Raises WorkshopError if it can't be read."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise WorkshopError(
            f"{notebook.name} can't be read as a notebook: {type(error).__name__}: {error}. "
            f"`git checkout -- notebooks/{notebook.name}` brings back the lesson's own."
        ) from None


def replay_cell(source, folder):
    """If a cell makes or deletes files in the workspace, do the same in this folder."""
    written = re.match(r"%%writefile workspace/(\S+)\n", source)
    if written:
        path = folder / written[1]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source[written.end() :].encode("utf-8") + b"\n")
        return
    for name, arguments in calls(source):
        if name == "python":
            run = run_python(arguments, folder)
            if run.returncode:
                raise WorkshopError(f"python({', '.join(map(repr, arguments))}) failed:\n{run.stdout}")
        else:
            remove_files(arguments, folder)


def calls(source):
    """Return (name, arguments) of each call of python() or remove() that has a line of its own in a cell."""
    if source.startswith("%%"):
        return []
    try:
        lines = ast.parse(source).body
    except SyntaxError:  # a line magic, or a half-written cell: it makes no files
        return []
    return [
        (line.value.func.id, [ast.literal_eval(argument) for argument in line.value.args])
        for line in lines
        if isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Call)
        and isinstance(line.value.func, ast.Name)
        and line.value.func.id in ("python", "remove")
    ]


def run_python(arguments, folder):
    """Run `python …` in a folder and return the finished process, with output and errors together in its stdout."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-B", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    )
