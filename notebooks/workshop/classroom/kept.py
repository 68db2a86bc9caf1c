"""Where what a class keeps goes: notebooks/kept/, with a folder for each time that somebody keeps something."""

import itertools
import time

from workshop.lesson.files import NOTEBOOKS

KEPT = NOTEBOOKS / "kept"


def name_of(folder):
    """Return how the pages call a folder in notebooks/kept/."""
    return f"notebooks/kept/{folder.name}"


def new_folder():
    """Make a folder in notebooks/kept/, named by the time, and return its path."""
    now = time.strftime("%Y-%m-%d_%H.%M.%S")
    for number in itertools.count(1):
        folder = KEPT / (now if number == 1 else f"{now}_{number}")
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:  # two were kept in the same second
            continue
