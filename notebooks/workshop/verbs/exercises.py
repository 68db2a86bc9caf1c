"""The exercises: each is a file in tests/exercises/ that states a task and tests the student's solution."""

import ast
import re

from workshop.drawing import Check
from workshop.errors import WorkshopError
from workshop.lesson.files import REPOSITORY, WORKSPACE
from workshop.lesson.stages import numbers
from workshop.processes.tests import run_tests


def exercises():
    """Print each exercise's name, which begins with the number of its notebook, and the first sentence of its task."""
    files = find_files()
    width = max(map(len, files))
    for name, path in files.items():
        task = " ".join(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split())
        print(f"{name:{width}}  {re.split(r'(?<=[.?!]) ', task)[0]}")


def exercise(name):
    """
    Run the tests of an exercise on notebooks/workspace/, in a fresh process, and return a Check.

    Raises WorkshopError if there is no such exercise or no workspace, or if the tests take more than a minute.
    """
    files = find_files()
    if name not in files:
        raise WorkshopError(f"There is no exercise called {name!r}. The exercises are {', '.join(files)}.")
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({stage_to_open(name)}) makes it.")
    return Check(f"Exercise {name}", *run_tests([files[name]], WORKSPACE))


def find_files():
    """Return {name of an exercise: path of its file}, in the order of the lesson."""
    files = sorted((REPOSITORY / "tests" / "exercises").glob("exercise_*.py"))
    return {path.stem.removeprefix("exercise_"): path for path in files}


def stage_to_open(name):
    """Return the stage to open for an exercise: the one after its notebook, or the last."""
    stage = int(name.split("_")[0])
    return min((number for number in numbers() if number > stage), default=stage)
