"""Put a classic mistake into the workspace, and take it out again. The mistakes are in workshop/lesson/mistakes/."""

import random
import shutil

from workshop.drawing import Difference
from workshop.errors import WorkshopError
from workshop.lesson.edits import DoesNotFit
from workshop.lesson.files import WORKSPACE, read_files, remove_files, write_files
from workshop.lesson.mistakes import MISTAKES
from workshop.lesson.stages import find_notebook, following, stages, state_after
from workshop.verbs.opened import base_of, expect_open, opened
from workshop.verbs.workspace import MISTAKE, has_work, make_copy_folder, print_copy

RECORD = WORKSPACE / MISTAKE  # exists while a mistake is in: the files that it changed, before/ and after/ it
IN_LESSONS_CODE = RECORD / "in_lessons_code"  # exists if the lesson's code has taken the place of the student's
NAME = RECORD / "name"  # written last: without it the record is incomplete


def mistakes(stage):
    """Print the name of each of a stage's classic mistakes, and what it does wrong."""
    of_stage = _mistakes_of(stage)
    width = max(len(mistake.name) for mistake in of_stage)
    for mistake in of_stage:
        print(f"{mistake.name:{width}}  {mistake.title}")


def make_mistake(name, in_lessons_code=False):
    """
    Put this mistake into notebooks/workspace/, and return the Difference. put_back() takes it out again.

    With in_lessons_code=True it comes in the lesson's own code, which takes the place of yours until put_back(). Raises
    WorkshopError if there is no such mistake, if there is one in your code already, or if your code doesn't have the
    lines that it changes.
    """
    found = [mistake for mistake in MISTAKES if mistake.name == name]
    if not found:
        raise WorkshopError(f"There is no mistake called {name!r}. mistakes(3) prints those of stage 3.")
    if in_lessons_code:
        own = has_work(read_files(WORKSPACE))
        difference = _put_in(found[0], _lessons(found[0].stage))
        if own:
            print("This is in the lesson's code. put_back() brings yours back.")
        return difference
    try:
        return _put_in(found[0])
    except DoesNotFit as error:
        raise WorkshopError(
            f"{error}\n\nThis makes it in the lesson's code, and put_back() brings yours back: "
            f"make_mistake({name!r}, in_lessons_code=True). Or change your own lines by hand: {found[0].title}."
        ) from None


def surprise(stage, seed=None):
    """
    Put one of a stage's mistakes into notebooks/workspace/ without saying which one. Can check() find it?

    reveal() says which one it is, and put_back() takes it out again. The same seed chooses the same mistake. If none
    fits your code, it comes in the lesson's, which takes the place of yours until put_back(). Raises WorkshopError if
    the stage has no mistakes, or if there is one in your code already.
    """
    files = read_files(WORKSPACE)
    of_stage = _mistakes_of(stage)
    fitting = [mistake for mistake in of_stage if _fits(mistake, files)]
    if fitting:
        _put_in(random.Random(seed).choice(fitting))
    else:
        _put_in(random.Random(seed).choice(of_stage), _lessons(stage))
        print("None of the mistakes fits your code, so it is in the lesson's. put_back() brings yours back.")
    print(
        f"Something in your project is wrong now. Can you find it with check({stage!r})? reveal() tells you what it is."
    )


def reveal():
    """Print which mistake is in your project, and return its Difference. Raises WorkshopError if there is none."""
    mistake, before, after = _read_record()
    print(f"{mistake.name}: {mistake.title}.")
    if mistake.thread:
        print(f"You are not the first: {mistake.thread}")
    return _difference(mistake, before, after)


def put_back():
    """
    Restore the files that the mistake changed.

    If you have changed them since, they are first copied to a folder in notebooks/workspace_copies/, and its name is
    printed. Raises WorkshopError if there is no mistake in your project.
    """
    mistake, before, after = _read_record()
    current = {file: content for file, content in read_files(WORKSPACE).items() if file in {*before, *after}}
    if any(content not in (before.get(file), after.get(file)) for file, content in current.items()):
        _copy(current)
    _replace(after, before)
    shutil.rmtree(RECORD)
    print(f"Restored: {', '.join(sorted(before))}. The mistake was {mistake.name}: {mistake.title}.")


def is_mistaken():
    """Return whether a classic mistake is in the workspace."""
    return NAME.is_file()


def _mistakes_of(stage):
    find_notebook(stage)
    of_stage = [mistake for mistake in MISTAKES if str(mistake.stage) == str(stage)]
    if not of_stage:
        raise WorkshopError(f"Stage {stage} has no classic mistakes. Stages 1 to 8 and 10 to 15 have some.")
    return of_stage


def _lessons(stage):
    """Return the files that a stage leaves with the lesson's code, built on what it is built on in the workspace."""
    return state_after(stage, base_of(stage))


def _fits(mistake, files):
    try:
        mistake.apply(files)
    except DoesNotFit:
        return False
    return True


def _put_in(mistake, lessons=None):
    """Put a mistake into the student's files, or into these of the lesson, which take the place of all of them."""
    if NAME.is_file():
        raise WorkshopError("There is a mistake in your project already. put_back() takes it out.")
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({following(mistake.stage)}) makes it.")
    expect_open()
    order, now = stages(), opened()
    if lessons is not None and now is not None and order.index(mistake.stage) > order.index(now):
        raise WorkshopError(
            f"{mistake.name} is a mistake of stage {mistake.stage}, and stage {now} is open: there is nothing yet that "
            f"it could break. open_stage({mistake.stage!r}) comes first."
        )
    files = read_files(WORKSPACE)
    broken = mistake.apply(files if lessons is None else lessons)
    changed = {file for file in {*files, *broken} if files.get(file) != broken.get(file)}
    before = {file: files[file] for file in changed if file in files}
    after = {file: broken[file] for file in changed if file in broken}
    # The record is complete before the first file changes, so put_back() works even if this is interrupted.
    shutil.rmtree(RECORD, ignore_errors=True)
    write_files(before, RECORD / "before")
    write_files(after, RECORD / "after")
    if lessons is not None:
        IN_LESSONS_CODE.touch()
    NAME.write_text(mistake.name, encoding="utf-8")
    _replace(before, after)
    return _difference(mistake, before, after)


def _difference(mistake, before, after):
    """Return the Difference that a mistake makes: in the lesson's code, not what that differs in from the student's."""
    if not IN_LESSONS_CODE.is_file():
        return Difference(before, after)
    lessons = _lessons(mistake.stage)
    return Difference(lessons, mistake.apply(lessons))


def _read_record():
    """Return the mistake in the workspace, and the files that it changed, as they were before and after it."""
    if not NAME.is_file():
        raise WorkshopError('There is no mistake in your project. To put one in: make_mistake("echo"), for example.')
    mistake = next(mistake for mistake in MISTAKES if mistake.name == NAME.read_text(encoding="utf-8"))
    return mistake, read_files(RECORD / "before"), read_files(RECORD / "after")


def _replace(old, new):
    """Replace these old files of the workspace by the new ones."""
    remove_files(old.keys() - new.keys(), WORKSPACE)
    write_files(new, WORKSPACE)


def _copy(files):
    """Copy these files to a new folder in notebooks/workspace_copies/, and print its name."""
    copy = make_copy_folder()
    write_files(files, copy)
    print_copy(copy)
