"""Hints, one at a time."""

from workshop.errors import WorkshopError
from workshop.lesson.data import exercise_hints, gap_hints
from workshop.lesson.files import WORKSPACE, read_files
from workshop.lesson.gaps import find_gaps
from workshop.verbs import opened
from workshop.verbs.progress import note, read_progress


def hint(gap=None):
    """
    Print the next hint for a gap of the open stage, hint(2), or for an exercise, hint("3_ping").

    Without a number it is one for the first gap that is still marked in your files. The last hint is short of the
    solution. Raises WorkshopError if there is no such gap or exercise.
    """
    if isinstance(gap, str) and not gap.isdecimal():
        hints, what, key = exercise_hints().get(gap), f"the exercise {gap}", gap
        if hints is None:
            raise WorkshopError(f"There is no exercise called {gap!r}. exercises() lists them.")
    else:
        opened.expect_open()
        stage = opened.opened()
        of_stage = gap_hints(stage)
        if not of_stage:
            raise WorkshopError(
                f"Stage {stage} has no gaps to fill."
                if stage is not None
                else "No stage is open yet: open_stage(3), say."
            )
        number = int(gap) if gap is not None else _first_marked(of_stage)
        if number not in of_stage:
            raise WorkshopError(f"Stage {stage} has no gap {number}. Its gaps are 1 to {max(of_stage)}.")
        hints, what, key = of_stage[number], f"gap {number}", f"{stage}/{number}"
    seen = read_progress()["hints"].get(key, 0)
    if seen >= len(hints):
        print(f"There is no further hint for {what}. The last one: {hints[-1]}")
        return
    note("hints", key, seen + 1)
    print(f"Hint {seen + 1} of {len(hints)} for {what}: {hints[seen]}")


def _first_marked(of_stage):
    """Return the first gap whose comment still stands in the workspace. Raises WorkshopError if none does."""
    text = b"\n".join(read_files(WORKSPACE).values()).decode("utf-8", "replace")
    marked = find_gaps(text)
    if not marked:
        raise WorkshopError(
            "No gap is marked in your files: either the cells that write them haven't run yet, or you have filled all. "
            f"hint(2) is for gap 2: there are {max(of_stage)} in this stage."
        )
    return min(marked)
