"""
The exercises, and their solutions put into a project: what the tests of the exercises share.

A solution is a list of steps on what the exercise's stage leaves. A step is (file, old text, new text), where the old
text stands in the file once and is "" for a new file, or a line of a notebook's cell: python("manage.py", "migrate").
"""

import importlib
import tempfile
from pathlib import Path

from workshop.lesson.files import read_files, write_files
from workshop.lesson.stages import find_exercises, replay_cell

EXERCISES = {name: importlib.import_module(f"exercises.{path.stem}") for name, path in find_exercises().items()}


def solve(exercise, files):
    """Return these files, {path: bytes}, with the exercise's solution in them."""
    for step in exercise.SOLUTION:
        files = run(step, files) if isinstance(step, str) else edit(*step, files)
    return files


def run(line, files):
    with tempfile.TemporaryDirectory(prefix="exercise-") as folder:
        write_files(files, folder)
        replay_cell(line, Path(folder))
        return read_files(folder)


def edit(file, old, new, files):
    text = files.get(file, b"").decode("utf-8")
    assert text.count(old) == 1, f"{file} has these lines {text.count(old)} times, and should have them once:\n{old}"
    return {**files, file: text.replace(old, new).encode("utf-8")}
