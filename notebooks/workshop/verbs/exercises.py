"""The exercises: each is a file in tests/exercises/ that says the task and tests what the student made of it."""

import ast
import re

from workshop.drawing import Check
from workshop.errors import WorkshopError
from workshop.lesson.files import REPOSITORY, WORKSPACE
from workshop.lesson.stages import numbers
from workshop.processes.tests import run_tests


def exercises():
    """Print the name of each exercise with the first sentence of its task. The number is its notebook's."""
    files = find_files()
    width = max(map(len, files))
    for name, path in files.items():
        task = " ".join(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split())
        print(f"{name:{width}}  {re.split(r'(?<=[.?!]) ', task)[0]}")


def exercise(name):
    """
    Run the tests of an exercise on notebooks/workspace/, in a fresh process, and return what they found.

    It is shown as a stage's check is. Raises WorkshopError if there is no such exercise, no workspace, or no
    answer within a minute.
    """
    files = find_files()
    if name not in files:
        raise WorkshopError(f"There is no exercise called {name!r}. The exercises are {', '.join(files)}.")
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({stage_to_open(name)}) makes it.")
    return Check(f"Exercise {name}", *run_tests([files[name]], WORKSPACE))


def find_files():
    """Return {name of an exercise: its file}, in the lesson's order."""
    files = sorted((REPOSITORY / "tests" / "exercises").glob("exercise_*.py"))
    return {path.stem.removeprefix("exercise_"): path for path in files}


def stage_to_open(name):
    """Return the stage whose beginning the exercise builds on: the one after its notebook's, or the last."""
    stage = int(name.split("_")[0])
    return min((number for number in numbers() if number > stage), default=stage)
