"""The exercises: each is a file in tests/exercises/ that states a task and tests the student's solution."""

import ast
import re

from workshop.drawing import Check
from workshop.errors import WorkshopError
from workshop.lesson.files import WORKSPACE
from workshop.lesson.stages import find_exercises, numbers
from workshop.processes.tests import run_tests
from workshop.verbs.opened import tell_if_another_is_open
from workshop.verbs.progress import note


def exercises():
    """Print each exercise's name, which begins with the number of its notebook, and the first sentence of its task."""
    files = find_exercises()
    width = max(map(len, files))
    for name, path in files.items():
        task = " ".join(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split())
        print(f"{name:{width}}  {re.split(r'(?<=[.?!]) ', task)[0]}")


def exercise(name):
    """
    Run the tests of an exercise on notebooks/workspace/, in a fresh process, and return a Check.

    Raises WorkshopError if there is no such exercise or no workspace, or if the tests take more than a minute.
    """
    files = find_exercises()
    if name not in files:
        raise WorkshopError(f"There is no exercise called {name!r}. The exercises are {', '.join(files)}.")
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({stage_to_open(name)!r}) makes it.")
    checked = Check(f"Exercise {name}", *run_tests([files[name]], WORKSPACE), tell_if_another_is_open())
    if checked.green:
        note("exercises", name)
    return checked


def stage_to_open(name):
    """Return the stage to open for an exercise: the one after its notebook, or the last."""
    stage = name.split("_")[0]
    if not stage.isdecimal():
        return stage
    return min((number for number in numbers() if number > int(stage)), default=int(stage))
