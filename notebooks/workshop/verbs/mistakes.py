"""Put a classic mistake into the workspace, and take it out again. What there are: workshop/lesson/mistakes/."""

import random
import shutil

from workshop.drawing import Difference
from workshop.errors import WorkshopError
from workshop.lesson.files import WORKSPACE, read_files, remove_files, write_files
from workshop.lesson.mistakes import MISTAKES
from workshop.lesson.stages import find_notebook, following
from workshop.verbs.workspace import make_copy_folder, say_kept

RECORD = WORKSPACE / ".mistake"  # while a mistake is in: the files that it changed, before/ it and after/ it
NAME = RECORD / "name"  # written last: without it the record is none


def mistakes(stage):
    """Print the name of each classic mistake of a stage, with what is wrong."""
    of_stage = _mistakes_of(stage)
    width = max(len(mistake.name) for mistake in of_stage)
    for mistake in of_stage:
        print(f"{mistake.name:{width}}  {mistake.title}")


def make_mistake(name):
    """
    Put this mistake into notebooks/workspace/, and return the Difference. put_back() takes it out again.

    Raises WorkshopError if there is no such mistake, one is in your code already, or your code doesn't have the
    lines that it changes.
    """
    found = [mistake for mistake in MISTAKES if mistake.name == name]
    if not found:
        raise WorkshopError(f"There is no mistake called {name!r}. mistakes(3) prints those of stage 3.")
    return _put_in(found[0])


def surprise(stage, seed=None):
    """
    Put one of a stage's mistakes into notebooks/workspace/ and don't tell which. check() has to find it.

    reveal() tells, put_back() takes it out again. The same seed chooses the same mistake.
    """
    files = read_files(WORKSPACE)
    of_stage = _mistakes_of(stage)
    fitting = [mistake for mistake in of_stage if _fits(mistake, files)]
    if not fitting:
        raise WorkshopError(
            f"No mistake of stage {stage} fits your code, which is not the lesson's any more. "
            f"open_stage({following(of_stage[0].stage)}) starts from the lesson's, and keeps yours."
        )
    _put_in(random.Random(seed).choice(fitting))
    print(f"Something is wrong in your project now. check({stage}) may know what; reveal() does.")


def reveal():
    """Print which mistake is in notebooks/workspace/, and return its Difference."""
    mistake, before, after = _read_record()
    print(f"{mistake.name}: {mistake.title}.")
    return Difference(before, after)


def put_back():
    """
    Give the files back as they were before the mistake.

    What you have changed in them since then is first copied into a folder in notebooks/workspace_copies/, and a
    line says which. Raises WorkshopError if there is no mistake.
    """
    mistake, before, after = _read_record()
    current = {file: content for file, content in read_files(WORKSPACE).items() if file in {*before, *after}}
    if any(content not in (before.get(file), after.get(file)) for file, content in current.items()):
        _keep(current)
    _write(after, before)
    shutil.rmtree(RECORD)
    print(f"As it was: {', '.join(sorted(before))}. The mistake was {mistake.name}: {mistake.title}.")


def _mistakes_of(stage):
    find_notebook(stage)
    of_stage = [mistake for mistake in MISTAKES if str(mistake.stage) == str(stage)]
    if not of_stage:
        raise WorkshopError(f"Stage {stage} has no classic mistakes. The stages from 1 to 8 have some.")
    return of_stage


def _fits(mistake, files):
    try:
        mistake.apply(files)
    except WorkshopError:
        return False
    return True


def _put_in(mistake):
    if NAME.is_file():
        raise WorkshopError("There is a mistake in your project already. put_back() takes it out.")
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({following(mistake.stage)}) makes it.")
    files = read_files(WORKSPACE)
    broken = mistake.apply(files)
    changed = {file for file in {*files, *broken} if files.get(file) != broken.get(file)}
    before = {file: files[file] for file in changed if file in files}
    after = {file: broken[file] for file in changed if file in broken}
    # The record is complete before the first file changes, so whatever interrupts this, put_back() knows what to do.
    shutil.rmtree(RECORD, ignore_errors=True)
    write_files(before, RECORD / "before")
    write_files(after, RECORD / "after")
    NAME.write_text(mistake.name, encoding="utf-8")
    _write(before, after)
    return Difference(before, after)


def _read_record():
    """Return the mistake that is in the workspace, and the files that it changed: before it, and with it."""
    if not NAME.is_file():
        raise WorkshopError('There is no mistake in your project. make_mistake("echo") puts one in, say.')
    mistake = next(mistake for mistake in MISTAKES if mistake.name == NAME.read_text(encoding="utf-8"))
    return mistake, read_files(RECORD / "before"), read_files(RECORD / "after")


def _write(old, new):
    """Make those files of the workspace that were `old` be `new`."""
    remove_files(old.keys() - new.keys(), WORKSPACE)
    write_files(new, WORKSPACE)


def _keep(files):
    """Copy these files into a new folder in notebooks/workspace_copies/, and print its name."""
    copy = make_copy_folder()
    write_files(files, copy)
    say_kept(copy)
