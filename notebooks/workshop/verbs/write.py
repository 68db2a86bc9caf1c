"""
%%write and %%solution: the cells that write the files of the workspace.

What stands in a `%%write` cell is the student's, often with gaps. A `%%solution` cell holds what the lesson writes.
"""

import re

from workshop.drawing import Difference
from workshop.errors import WorkshopError
from workshop.lesson.edits import are_edits, make_edits
from workshop.lesson.files import NOTEBOOKS, WORKSPACE, write_files
from workshop.lesson.gaps import find_gaps, read_gaps
from workshop.lesson.stages import calls, find_notebook, part_of, read_all_cells, texts_of
from workshop.verbs import opened
from workshop.verbs.check import check
from workshop.verbs.mistakes import is_mistaken
from workshop.verbs.workspace import has_work, make_copy_folder, print_copy, start_of

SWITCH = NOTEBOOKS / ".written_for_me"  # exists while the teacher's switch is on


def write_for_me(on=True):
    """Let `%%write` write the lesson's solution in all notebooks, for a teacher at the projector; or no more."""
    if on:
        SWITCH.touch()
    else:
        SWITCH.unlink(missing_ok=True)
    print(f"From now on, in all notebooks, %%write writes {'the solution' if on else 'what its cell holds'}.")


def write(line, cell):
    """
    Write this cell into a file of the workspace: `%%write workspace/chat/consumers.py`.

    A cell that begins with @@ changes the file, as it was when the stage began: see workshop/lesson/edits.py. If the
    file has work of yours that no cell holds, a copy is kept, and what changes is shown.
    """
    from IPython.display import Code, display

    path, _ = _read_line(line)
    text = _read_cell(cell, path)
    stage = opened.opened()
    solution = _texts(stage, "solution").get(path) if SWITCH.exists() and stage is not None else None
    before = save(path, solution or text)
    if solution:
        print(f"{path} holds the lesson's solution:")
        display(Code(solution, language="html" if path.endswith(".html") else "python"))
    else:
        gaps = ", ".join(map(str, sorted(find_gaps(text))))
        print(f"{path} is written." + (f" Marked as gaps: {gaps}." if gaps else ""))
    if before is not None:
        display(Difference({path: before}, {path: (solution or text).encode("utf-8")}))


def solution(line, cell):
    """
    Write the lesson's solution into a file of the workspace, unless yours passes the stage's tests: then it stays.

    Yours is kept aside, and where is printed. If it stays, you see how the lesson's differs. `part=1` at the end of the
    line says that the tests of this part decide.
    """
    from IPython.display import display

    path, part = _read_line(line)
    if is_mistaken():
        raise WorkshopError("There is a mistake in your project, from the lesson's list. First take it out: put_back()")
    stage = opened.opened()
    file, text = WORKSPACE / path, _read_cell(cell, path)
    own = file.read_bytes() if file.is_file() else None
    if own == text.encode("utf-8"):
        print(f"{path} is as the lesson's.")
        return
    if own is not None and has_work({path: own}) and stage is not None and check(stage, part).green:
        print(f"Yours stays: with it, the check is green. This is how the lesson's {path} differs from it:")
        display(Difference({path: own}, {path: text.encode("utf-8")}))
        return
    save(path, text, keep_cells=True)
    print(f"{path} holds the lesson's solution now.")


def save(path, text, keep_cells=False):
    """
    Write a text to a file of the workspace. Return what was there if that was the student's work and is kept aside.

    What a cell has written is that cell's, and needs no copy, unless `keep_cells` is true or the text opens gaps again
    that were filled: then the notebook is no longer the one from which the work came.
    """
    file, content = WORKSPACE / path, text.encode("utf-8")
    before = file.read_bytes() if file.is_file() else None
    keep_cells = keep_cells or bool(before and find_gaps(text) - find_gaps(before.decode("utf-8", "replace")))
    kept = (
        before is not None
        and before != content
        and (keep_cells or not opened.is_from_a_cell(path, before))
        and has_work({path: before})
    )
    if kept:
        copy = make_copy_folder()
        write_files({path: before}, copy)
    write_files({path: content}, WORKSPACE)
    opened.remember_written(path, content)
    if kept:
        print_copy(copy)
    return before if kept else None


def write_gaps(stage):
    """
    Write the files of a stage that are yours to write, each with its gaps, and print what each gap is for.

    In a notebook `%%write` does this. Raises WorkshopError if another stage is open.
    """
    if opened.opened() != stage:
        raise WorkshopError(f"Stage {stage} isn't open. Open it first: python -m workshop open {stage}")
    texts = _texts(stage, "write")
    for name, arguments in (call for cell in read_all_cells(find_notebook(stage)) for call in calls(cell)):
        if name == "python":
            print(f"Yours to run, in notebooks/workspace: python {' '.join(arguments)}")
        else:
            print(f"Not needed, and yours to delete: {', '.join(arguments)}")
    start = start_of(stage)
    for path, text in texts.items():
        before = save(path, text, keep_cells=True)
        print(f"notebooks/workspace/{path}{'' if path in start else ' (new)'}")
        for number, purpose in read_gaps(text):
            print(f"    gap {number}: {purpose}")
        if before is not None:
            print(Difference({path: before}, {path: text.encode("utf-8")}))


def write_solution(stage, path=None):
    """Do what the `%%solution` cells of a stage do: for one file, or for all of them."""
    if opened.opened() != stage:
        raise WorkshopError(f"Stage {stage} isn't open. Open it first: python -m workshop open {stage}")
    texts = _texts(stage, "solution")
    if not texts:
        raise WorkshopError(f"Stage {stage} asks for no file, so it has no solution to write.")
    if path is not None and path not in texts:
        raise WorkshopError(f"Stage {stage} has no solution for {path!r}. It has: {', '.join(texts) or 'none'}.")
    for each in texts if path is None else [path]:
        part = part_of(stage, each)
        solution(f"workspace/{each}" + (f" part={part}" if part else ""), texts[each])


def _texts(stage, magic):
    """Return {path: text} of a stage's cells with this magic, for the project as it was when the stage began."""
    return texts_of(stage, magic, start_of(stage) if opened.opened() == stage else None)


def _read_cell(cell, path):
    """Return the text that a cell makes of its file. Raises WorkshopError if its changes don't fit to the file."""
    text = cell if cell.endswith("\n") else cell + "\n"
    if not are_edits(text):
        return text
    stage = opened.opened()
    if stage is None:
        raise WorkshopError("No stage is open, so nobody knows what this cell changes. First: open_stage(…)")
    return make_edits(text, path, start_of(stage))


def _read_line(line):
    """
    Return the path inside the workspace, and the part of the stage or None.

    Raises WorkshopError if the line names no file of the workspace, or another stage is open.
    """
    found = re.fullmatch(r"workspace/(\S+)(?: part=(\d))?", line.strip())
    if not found or ".." in found[1].split("/"):
        raise WorkshopError("The first line names a file of the workspace: %%write workspace/chat/consumers.py")
    opened.expect_open()
    return found[1], int(found[2]) if found[2] else None
