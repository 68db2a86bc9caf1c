"""
Changes to a project, written as diffs: the classic mistakes, and the tests' other right solutions.

A file holds any number of changes. Each has a few headers and then its diff:

    Name: daphne-last
    Title: daphne is not the first of the apps
    Test: test_runserver_is_daphne
    Words: runserver is the one from django.contrib.staticfiles, which comes before daphne

    --- tutorial/settings.py
    @@
    -    "daphne",
    @@
         "django.contrib.staticfiles",
    +    "daphne",

A hunk has no line numbers: its old lines have to be in the file exactly once. A header that is too long for one line
continues on the next, indented. `+++ FILE` instead of `--- FILE` writes a whole file. `rename from A` and `rename to B`
move a file. Everything above the first `Name:` is a comment.

A mistake that can be seen with runserver also has `Terminal:`, `Browser:`, `Cause:` and `Fix:`, from which symptoms.py
makes the page notebooks/symptoms.md. `Thread:` is where somebody really made this mistake, or asked about it.
"""

import re
from dataclasses import dataclass, field

from workshop.lesson.edits import DoesNotFit, Edit, join
from workshop.lesson.stages import lesson_order, read_stage


@dataclass(frozen=True)
class Change:
    """A change to the files that a stage leaves: the headers above its diff, and the steps that the diff describes."""

    stage: int | str
    headers: dict
    steps: tuple = field(repr=False)

    @property
    def name(self):
        return self.headers["Name"]

    @property
    def title(self):
        """The change in words: what is wrong, if it is a mistake."""
        return self.headers["Title"]

    @property
    def test(self):
        """The name of the stage test that catches this mistake."""
        return self.headers["Test"]

    @property
    def words(self):
        """The part of that test's message that names the cause."""
        return self.headers["Words"]

    @property
    def thread(self):
        """The address of a thread in which somebody made this mistake, or None."""
        return self.headers.get("Thread")

    @property
    def file(self):
        """The file that the test tells the student to open: the first one that the diff changes."""
        return self.steps[0].opened

    def apply(self, files):
        """Return these files, {path: bytes}, with the change made. Raises DoesNotFit if its lines aren't there."""
        files = dict(files)
        for step in self.steps:
            problem = step.apply(files)
            if problem:
                raise DoesNotFit(problem)
        return files


@dataclass(frozen=True)
class Write:
    """Write a whole file, whether or not there is one with that name."""

    file: str
    content: str

    @property
    def opened(self):
        return self.file

    def apply(self, files):
        """Put the file among these files."""
        files[self.file] = self.content.encode("utf-8")


@dataclass(frozen=True)
class Move:
    """Move a file to another path."""

    old: str
    new: str

    @property
    def opened(self):
        return self.new

    def apply(self, files):
        """Move the file in these files. If that can't be done, return a sentence that says why."""
        if self.old not in files or self.new in files:
            return f"Your project has no {self.old} that could move to {self.new}."
        files[self.new] = files.pop(self.old)


def read_changes(folder):
    """
    Return the changes in a folder's files stage_1.diff, stage_2.diff …, in order.

    Raises ValueError, with the line, if a line is no part of a diff.
    """
    changes = []
    for path in sorted(folder.glob("stage_*.diff"), key=lesson_order):
        stage = read_stage(path.stem.removeprefix("stage_"))
        blocks = re.split(r"^(?=Name: )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        changes += [Change(stage, *_parse(block, path.name)) for block in blocks[1:]]
    return changes


def _parse(block, where):
    head, _, diff = block.partition("\n\n")
    headers = {}
    for line in re.sub(r"\n +", " ", head).splitlines():
        key, _, value = line.partition(": ")
        headers[key] = value
    steps, file, hunk, whole = [], None, [], False

    def finish():
        while hunk and not hunk[-1]:
            hunk.pop()
        if hunk and whole:
            steps.append(Write(file, join(hunk, "+")))
        elif hunk:
            steps.append(Edit(file, tuple(hunk)))
        hunk.clear()

    moved = None
    for line in diff.splitlines():
        if line.startswith(("--- ", "+++ ")):
            finish()
            whole, file = line.startswith("+"), line[4:]
        elif line.startswith("rename from "):
            finish()
            moved = line.removeprefix("rename from ")
        elif line.startswith("rename to "):
            steps.append(Move(moved, line.removeprefix("rename to ")))
        elif line == "@@":
            finish()
        elif file and (not line or line[0] in "-+ "):
            hunk.append(line)
        elif line:
            raise ValueError(f"{where}, {headers['Name']}: this line is no part of a diff: {line!r}")
    finish()
    return headers, tuple(steps)
