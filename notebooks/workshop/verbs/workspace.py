"""The student's project, notebooks/workspace/."""

import contextlib
import re
import shutil
import tempfile
import time
from pathlib import Path

from workshop.drawing import Difference
from workshop.errors import WorkshopError
from workshop.lesson.files import NOTEBOOKS, WORKSPACE, read_files, remove_files, write_files
from workshop.lesson.stages import find_notebook, numbers, replay, run_python
from workshop.processes.fresh import get_ready
from workshop.processes.server import stop_all

COPIES = NOTEBOOKS / "workspace_copies"


def open_stage(stage):
    """
    Set up notebooks/workspace/ as a stage starts: with the files that the stages before it leave.

    Work of yours that would change is first moved to a folder in notebooks/workspace_copies/, whose name is printed.
    Raises WorkshopError, and leaves the workspace as it is, if there is no such stage, a notebook can't be read, or the
    workspace can't be moved.
    """
    find_notebook(stage)
    get_ready()  # a check comes soon
    wanted = state_before(stage)
    copies = sorted(COPIES.glob("*/workspace"))
    if copies and not WORKSPACE.exists():
        print(f"There was no workspace. The last copy of your work is {show_path(copies[-1])}")
    current = read_files(WORKSPACE)
    stop_all()
    if current == wanted and WORKSPACE.is_dir():
        print(f"Stage {stage} is open: {describe(wanted)}")
        return
    copy = _swap(wanted, keep=not is_a_stage(current))
    print(f"Stage {stage} is open: {describe(wanted)}")
    if copy:
        print_copy(copy)


def state_before(stage):
    """Return the files that the stages before this one leave."""
    states = [files for _, files in replay(stage - 1)]
    return states[-1] if states else {}


def is_a_stage(files):
    """Return whether these are exactly the files that some stage leaves, without any work of the student."""
    if not files:
        return True
    try:
        return any(_without_key(files) == _without_key(state) for _, state in replay(max(numbers())))
    except WorkshopError:  # a notebook can't be read: to be safe, keep a copy
        return False


def describe(files):
    if not files:
        return "notebooks/workspace/ is empty."
    return f"notebooks/workspace/ has the {len(files)} files that the stages before it leave."


def _without_key(files):
    """Return the files without the SECRET_KEY, which startproject makes anew each time."""
    key = re.compile(rb"^SECRET_KEY = '.*'$", re.MULTILINE)
    return {name: key.sub(b"", content) for name, content in files.items()}


def _swap(files, keep):
    """
    Replace the workspace by these files. Return the copy of the old one, or None if there is nothing to keep.

    The new workspace is made in another folder, which then takes the old one's name. So the workspace is always either
    the old one or the new one, even if this is interrupted. Raises WorkshopError if the old one can't be moved.
    """
    for unfinished in NOTEBOOKS.glob(
        ".workspace-*"
    ):  # left by a kernel that was killed; a younger one may still be in use
        if time.time() - unfinished.stat().st_mtime > 60:
            shutil.rmtree(unfinished, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=".workspace-", dir=NOTEBOOKS))
    old = make_copy_folder()
    try:
        write_files(files, new)
        if (WORKSPACE / "db.sqlite3").exists():
            shutil.copy2(WORKSPACE / "db.sqlite3", new)
        new.chmod(0o755)
        if WORKSPACE.exists():
            WORKSPACE.rename(old)
        try:
            new.rename(WORKSPACE)
        except BaseException:
            if old.exists():
                old.rename(WORKSPACE)
            raise
    except OSError as error:
        raise WorkshopError(
            f"The workspace can't be replaced: {error}. Close whatever has a file in notebooks/workspace/ open "
            "(an editor, a terminal, a server, another notebook's kernel), then run this cell again."
        ) from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
        if not keep or not old.exists():
            shutil.rmtree(old.parent, ignore_errors=True)
        with contextlib.suppress(OSError):  # there are earlier copies in it
            COPIES.rmdir()
    return old if old.exists() else None


def make_copy_folder():
    """Make a new folder in notebooks/workspace_copies/, and return the path for a copy in it."""
    COPIES.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%d_%H-%M-%S_"), dir=COPIES)) / "workspace"


def print_copy(copy):
    print(f"Your work is kept in {show_path(copy)}")


def show_path(folder):
    return f"notebooks/{folder.relative_to(NOTEBOOKS).as_posix()}/"


def python(*arguments):
    """
    Run `python …` in the workspace and print its output: python("manage.py", "startapp", "chat").

    Makes the workspace if there is none. If the command fails, its exit code is printed too.
    """
    WORKSPACE.mkdir(exist_ok=True)
    run = run_python([str(argument) for argument in arguments], WORKSPACE)
    if run.stdout.strip():
        print(run.stdout.strip())
    if run.returncode:
        print(f"(It ended with exit code {run.returncode}, so something went wrong.)")


def remove(*paths):
    """Delete these files from the workspace, and their folders if nothing else is in them."""
    remove_files(paths, WORKSPACE)


def difference(stage):
    """Return the Difference that you have made since a stage began. Raises WorkshopError if there is no such stage."""
    find_notebook(stage)
    return Difference(_without_key(state_before(stage)), _without_key(read_files(WORKSPACE)))
