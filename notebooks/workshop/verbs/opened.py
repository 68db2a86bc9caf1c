"""What the workspace knows of the lesson: which stage is open, how it began, and what its cells have written."""

import json

from workshop.errors import WorkshopError
from workshop.lesson.data import digest
from workshop.lesson.files import WORKSPACE, read_files, write_files

RECORD = WORKSPACE / ".lesson"
here = None  # the stage that this kernel has opened


def opened(folder=RECORD):
    """Return the stage that is open in the workspace, or None if nobody knows."""
    return _read(folder).get("stage")


def began_with():
    """Return the files with which the open stage began if some were the student's own, or {}."""
    return read_files(RECORD / "start")


def base(folder=RECORD):
    """Return the further stages on which the open one is built, in their order: () for a stage of the chat itself."""
    return tuple(_read(folder).get("on", ()))


def base_of(stage):
    """Return the further stages on which this stage is built in the workspace, or None if it isn't open there."""
    return base() if opened() == stage else None


def remember(stage, start, on=(), folder=RECORD):
    """
    Note which stage is open, and on which further stages it is built.

    `start` are the files with which it began if some of them are the student's own.
    """
    write_files({f"start/{name}": content for name, content in start.items()}, folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stage.json").write_text(json.dumps({"stage": stage, "on": on, "written": {}}), encoding="utf-8")


def remember_written(path, content):
    """Note that a cell has written this content to a file of the workspace."""
    record = {"stage": None, "on": (), "written": {}, **_read()}
    record["written"][path] = digest(content)
    RECORD.mkdir(parents=True, exist_ok=True)
    (RECORD / "stage.json").write_text(json.dumps(record), encoding="utf-8")


def is_from_a_cell(path, content):
    """Return whether a cell of the open stage's notebook has written this file, and nobody has changed it since."""
    return _read().get("written", {}).get(path) == digest(content)


def expect_open():
    """Raise WorkshopError if another notebook, or a terminal, has opened another stage since this kernel opened one."""
    if words := tell_if_another_is_open():
        raise WorkshopError(words)


def tell_if_another_is_open():
    """Return a sentence if another notebook, or a terminal, has opened another stage since this kernel opened one."""
    now = opened()
    if here is None or now is None or now == here:
        return ""
    return (
        f"Stage {now} is open in notebooks/workspace/, and this notebook works on stage {here}: it was opened from "
        f"another notebook or a terminal. open_stage({here!r}) comes back to this one, and keeps a copy of your "
        "work."
    )


def _read(folder=RECORD):
    try:
        return json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # there is none, or whoever wrote it was killed
        return {}
