"""The student's project, notebooks/workspace/."""

import contextlib
import functools
import re
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

from workshop.drawing import Difference
from workshop.errors import WorkshopError
from workshop.lesson.data import digest, given_digests
from workshop.lesson.edits import DoesNotFit
from workshop.lesson.files import NOTEBOOKS, WORKSPACE, read_files, remove_files, write_files
from workshop.lesson.stages import (
    BUILDS_ON,
    FINISHED,
    built_on,
    chains,
    find_notebook,
    find_tests,
    numbers,
    replay,
    run_python,
    stage_before,
    stages,
    state_after,
    state_before,
    texts_of,
)
from workshop.processes.fresh import get_ready
from workshop.processes.server import stop_all
from workshop.processes.tests import run_tests
from workshop.verbs import opened

COPIES = NOTEBOOKS / "workspace_copies"
DATABASE = "db.sqlite3"
MISTAKE = ".mistake"  # in a workspace: the files that a classic mistake has changed, before/ and after/ it


def open_stage(stage):
    """
    Set up notebooks/workspace/ as a stage starts: with the files that the stages before it leave.

    If you have just done the stage before it, your own files go on into this one wherever they pass that stage's tests.
    A stage after the finished chat goes on in the same way from another one that is green in the workspace, and from
    the finished chat if there is none. Other work of yours is first moved to a folder in notebooks/workspace_copies/,
    whose name is printed. Raises WorkshopError, and leaves the workspace as it is, if there is no such stage, a
    notebook can't be read, or the workspace can't be moved.
    """
    find_notebook(stage)
    get_ready()  # a check comes soon
    copies = sorted(COPIES.glob("*/workspace"))
    if copies and not WORKSPACE.exists():
        print(f"There was no workspace. The last copy of your work is {show_path(copies[-1])}")
    current = read_files(WORKSPACE)
    on = choose_base(stage)
    wanted, own, replaced = choose_start(stage, on)
    stop_all()
    copy = None
    if current == wanted and WORKSPACE.is_dir():
        opened.remember(stage, wanted if own else {}, on)
    else:
        copy = _swap(wanted, stage, wanted if own else {}, on, keep=would_lose(wanted))
    opened.here = stage
    print(f"Stage {stage} is open: {describe(wanted, own, replaced, stage, on)}")
    if copy:
        print_copy(copy)
        print("bring_back() puts it in place again, if you want to go on with it.")


def bring_back():
    """
    Put the last workspace that open_stage() has moved aside in place again, with its stage open.

    What is in the workspace now is moved aside in turn. Raises WorkshopError if no workspace was moved aside.
    """
    record = opened.RECORD.name
    whole = [copy for copy in sorted(COPIES.glob("*/workspace")) if (copy / record / "stage.json").is_file()]
    if not whole:
        raise WorkshopError("open_stage() has moved no work of yours aside, so there is none to bring back.")
    last = whole[-1]
    stage, on, start = (
        opened.opened(last / record),
        opened.base(last / record),
        read_files(last / record / "start"),
    )
    wanted = read_work(last)
    stop_all()
    copy = _swap(wanted, stage, start, on, keep=would_lose(wanted))
    opened.here = stage
    if wanted == read_files(last):  # or there is a mistake in the copy, and what was changed since
        shutil.rmtree(last.parent)
    print(f"Stage {stage} is open, with your files as they were.")
    if copy:
        print_copy(copy)


def read_work(workspace):
    """Return the student's files in a workspace: without the classic mistake, if there is one in it."""
    files, (before, after) = (
        read_files(workspace),
        (read_files(workspace / MISTAKE / when) for when in ("before", "after")),
    )
    return {**{name: content for name, content in files.items() if name not in after}, **before}


def choose_base(stage):
    """
    Return the further stages on which a further stage is built in the workspace, in their order.

    They are those that are there, if this stage needs the last of them or it is green. Otherwise only those that it
    needs.
    """
    now = opened.opened()
    if stage not in BUILDS_ON:
        return ()
    if now == stage:
        return opened.base()
    needed, there = BUILDS_ON[stage], (*opened.base(), now)
    follows = now in BUILDS_ON and now < stage and set(needed) <= set(there)
    if follows and (now in needed or _is_green(find_tests(now), read_work(WORKSPACE))):
        return there
    return needed


def choose_start(stage, on=()):
    """
    Return (files, own, replaced): the files with which a stage starts, and which of them are the student's own.

    `replaced` are those of the student's own that don't pass the stage before, or to which a further stage's changes
    don't fit, so that the lesson's take their place. `on` are the further stages on which it is built.
    """
    lesson, now = state_before(stage, on), opened.opened()
    if now == stage and (start := opened.began_with()):
        return start, sorted(name for name in start if start[name] != lesson.get(name)), []
    before = tested_by(stage, on)
    done = now if isinstance(now, int) or now is None else stage_before(now)
    tests = find_tests(before)
    if (FINISHED - 1 if done == FINISHED else done) != before or now == stage or not tests:
        return lesson, [], []
    files = read_work(WORKSPACE)
    aside = state_after(now, opened.base()).keys() - lesson.keys()  # what "2b" leaves is no part of the project
    files = {name: content for name, content in files.items() if name not in aside}
    own = find_work(files)
    if not own:
        return lesson, [], []
    together = {**lesson, **files}
    if _takes_changes(stage, together) and _is_green(tests, together):
        return together, own, []
    start, kept = lesson, []
    for name in own:
        one_more = {**start, name: files[name]}
        if _takes_changes(stage, one_more) and _is_green(tests, one_more):
            start, kept = {**start, name: files[name]}, [*kept, name]
    return start, kept, [name for name in own if name not in kept]


def tested_by(stage, on):
    """Return the stage whose tests say whether a student's work may go on into this one."""
    before = (on[-1] if on else FINISHED) if stage in BUILDS_ON else stage_before(stage)
    return FINISHED - 1 if before == FINISHED else before  # the playground has no tests


def _takes_changes(stage, files):
    """Return whether the changes that a stage's cells make fit to these files."""
    try:
        return bool([texts_of(stage, magic, files) for magic in ("write", "solution")])
    except DoesNotFit:
        return False


def _is_green(tests, files):
    return _run(tuple(tests), tuple(sorted(files.items())))


@functools.lru_cache(maxsize=1)  # when a further stage is opened, the same question is asked twice in a row
def _run(tests, files):
    with tempfile.TemporaryDirectory(prefix="stage-", ignore_cleanup_errors=True) as folder:
        write_files(dict(files), folder)
        try:
            found, _ = run_tests(tests, folder)
        except WorkshopError:  # they never end
            return False
    return bool(found) and all(test["green"] for test in found)


def would_lose(wanted):
    """Return whether the workspace has work of the student that isn't among these files."""
    held = read_files(WORKSPACE), read_work(WORKSPACE)  # what stands in it, and what a classic mistake has set aside
    return any(
        has_work({name: content for name, content in files.items() if wanted.get(name) != content}) for files in held
    )


def has_work(files):
    """Return whether some of these files, {path: bytes}, are the student's own."""
    return bool(find_work(files))


def find_work(files):
    """Return which of these files, {path: bytes}, are the student's own: neither the lesson's nor its gaps."""
    try:
        known = [state for _, state in replay(max(numbers()))]
        known += [state_after(stage) for stage in stages() if isinstance(stage, str)]
        if opened.opened() not in [*numbers(), "2b"]:  # what further stages leave is in no earlier one's workspace
            known += [built_on(chain) for chain in chains()]
    except WorkshopError:  # a notebook can't be read: to be safe, keep a copy
        return sorted(files)
    given = given_digests()
    known = [_without_key(state) for state in known]
    return sorted(
        name
        for name, content in _without_key(files).items()
        if digest(files[name]) not in given and all(state.get(name) != content for state in known)
    )


def start_of(stage):
    """Return the files with which a stage began, if it is open, or else those with which it begins."""
    own = opened.began_with() if opened.opened() == stage else {}
    return own or state_before(stage, opened.base_of(stage))


def describe(files, own, replaced, stage, on):
    if not files:
        return "notebooks/workspace/ is empty."
    if stage in BUILDS_ON:
        *others, last = on or [None]
        leave = f"stages {', '.join(map(str, others))} and {last} leave" if others else f"stage {last} leaves"
        further = f", and in it what {leave}" if on else ""
        words = f"notebooks/workspace/ has the finished chat{further}."
    else:
        words = f"notebooks/workspace/ has the {len(files)} files that the stages before it leave."
    if own:
        words += f" Your own: {', '.join(own)}. With them, stage {tested_by(stage, on)} is green."
    if replaced:
        words += f" The lesson's take the place of yours: {', '.join(replaced)}. With yours, "
        words += "it isn't green, or this stage's changes don't fit." if stage in BUILDS_ON else "it isn't green."
    return words


def _without_key(files):
    """Return the files without the SECRET_KEY, which startproject makes anew each time."""
    key = re.compile(rb"^SECRET_KEY = '.*'$", re.MULTILINE)
    return {name: key.sub(b"", content) for name, content in files.items()}


def _swap(files, stage, start, on, keep):
    """
    Replace the workspace by these files, with which this stage is open, built on the further stages in `on`.

    Return the copy of the old one, or None if there is nothing to keep.

    The new workspace is made in another folder, which then takes the old one's name. So the workspace is always either
    the old one or the new one, even if this is interrupted. Raises WorkshopError if the old one can't be moved.
    """
    for unfinished in NOTEBOOKS.glob(".workspace-*"):  # left by a kernel that was killed; a young one may be in use
        if time.time() - unfinished.stat().st_mtime > 60:
            shutil.rmtree(unfinished, ignore_errors=True)
    new = Path(tempfile.mkdtemp(prefix=".workspace-", dir=NOTEBOOKS))
    old = make_copy_folder()
    try:
        write_files(files, new)
        opened.remember(stage, start, on, new / opened.RECORD.name)
        if (WORKSPACE / DATABASE).exists():
            shutil.copy2(WORKSPACE / DATABASE, new)
            _forget_tables(new / DATABASE, files)
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


def _forget_tables(database, files):
    """
    Drop the chat's tables from a database if it has them from migrations that aren't among these files.

    Such are those of another try at a stage. Django would take them for this one's. The accounts stay.
    """
    not_a_database = contextlib.suppress(sqlite3.DatabaseError)
    with not_a_database, contextlib.closing(sqlite3.connect(database)) as connection, connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "django_migrations" not in tables:
            return
        applied = connection.execute("SELECT name FROM django_migrations WHERE app = 'chat'").fetchall()
        if all(f"chat/migrations/{name}.py" in files for (name,) in applied):
            return
        for table in sorted(name for name in tables if name.startswith("chat_")):
            connection.execute(f'DROP TABLE "{table}"')
        connection.execute("DELETE FROM django_migrations WHERE app = 'chat'")


def make_copy_folder():
    """Make a new folder in notebooks/workspace_copies/, and return the path for a copy in it."""
    COPIES.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=time.strftime("%Y-%m-%d_%H-%M-%S_"), dir=COPIES)) / "workspace"


def print_copy(copy):
    print(f"Your work is kept in {show_path(copy)}")


def show_path(folder):
    return f"notebooks/{folder.relative_to(NOTEBOOKS).as_posix()}/"


def python(*arguments, **environment):
    """
    Run `python …` in the workspace and print its output: python("manage.py", "startapp", "chat").

    Makes the workspace if there is none. Keyword arguments become environment variables. If the command fails, its exit
    code is printed too.
    """
    WORKSPACE.mkdir(exist_ok=True)
    run = run_python([str(argument) for argument in arguments], WORKSPACE, **environment)
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
    return Difference(_without_key(start_of(stage)), _without_key(read_files(WORKSPACE)))
