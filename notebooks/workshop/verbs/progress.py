"""Where one stands in the lesson: kept in notebooks/.progress.json, so it survives a restart."""

import json

from workshop.drawing import Table
from workshop.lesson.data import questions
from workshop.lesson.files import NOTEBOOKS
from workshop.lesson.stages import find_exercises, find_tests, stages, title_of

FILE = NOTEBOOKS / ".progress.json"
KINDS = "stages", "exercises", "predictions", "hints"


class Progress(Table):
    """What is done, a row for each notebook."""

    def __init__(self, done):
        self.done = done

    def cells(self):
        yield "notebook", "green", "exercises", "predicted right"
        for stage in stages():
            own = [name for name in find_exercises() if name.split("_")[0] == str(stage)]
            asked = [question["name"] for question in questions(stage)]
            right = [name for name in asked if self.done["predictions"].get(name) == "right"]
            yield (
                f"{stage} {title_of(stage)}",
                _mark(str(stage) in self.done["stages"]) if find_tests(stage) else "",
                ", ".join(f"{name} {_mark(name in self.done['exercises'])}" for name in own),
                f"{len(right)} of {len(asked)}" if asked else "",
            )


def progress():
    """Return what you have done: which stages and exercises are green, and how many predictions you got right."""
    return Progress(read_progress())


def forget():
    """Forget what you have done, and which hints you have seen. Your files stay as they are."""
    FILE.unlink(missing_ok=True)
    print("Forgotten: progress() begins anew. Your files are as they were.")


def read_progress():
    """Return what is done: for each kind a dict of names."""
    try:
        kept = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # nothing is done yet, or whoever wrote it was killed
        kept = {}
    return {kind: dict(kept.get(kind, {})) for kind in KINDS}


def note(kind, name, what=True):
    """Note that something of this kind is done."""
    done = read_progress()
    done[kind][str(name)] = what
    new = FILE.with_suffix(".new")
    new.write_text(json.dumps(done), encoding="utf-8")
    new.replace(FILE)


def _mark(done):
    return "✔" if done else "–"
