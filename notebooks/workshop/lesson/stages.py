"""
The stages: the files that the notebooks' cells write, made from the notebooks themselves.

Only cells that make or delete files are replayed: `%%solution workspace/…` and `%%write workspace/…`, which write a
file, `python(…)`, which runs a command in the workspace, and `remove(…)`, which deletes files in it. Where a notebook
has a solution for a file, what `%%write` writes there is the student's, with gaps, and isn't replayed.

A stage is a number, or "2b": the notebook about async, which leaves the project as it was. Stages 1 to 9 make one
project, the finished chat. The further ones, from 10 on, each start from that, and from those of BUILDS_ON; their cells
change files by edits, which also fit to what other further stages have left.
"""

import ast
import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import django

from workshop.errors import WorkshopError
from workshop.lesson.edits import are_edits, make_edits
from workshop.lesson.files import NOTEBOOKS, REPOSITORY, read_files, remove_files, write_files

FINISHED = 9  # the last stage of the finished chat
# The further stages: on which others each of them builds, in their order.
BUILDS_ON = {10: (), 11: (), 12: (11,), 13: (10,), 14: (10,), 15: ()}

# What each stage left when it was last replayed: startproject takes a second, and the same cells leave the same files.
REMEMBERED = NOTEBOOKS / ".stages"


def find_notebook(stage):
    """Return the path of a stage's notebook. Raises WorkshopError if there is none."""
    if stage not in stages() or isinstance(stage, bool):
        there = ", ".join(map(str, stages()))
        raise WorkshopError(f"There is no notebook for stage {stage!r}. The stages are {there}.")
    return next(NOTEBOOKS.glob(f"{f'{stage}'.zfill(2 + isinstance(stage, str))}_*.ipynb"))


def stages():
    """Return all stages, in the order of the lesson: numbers, and "2b"."""
    return [read_stage(path.name.partition("_")[0]) for path in sorted(NOTEBOOKS.glob("[0-9][0-9]*_*.ipynb"))]


def read_stage(name):
    """Return the stage of this name: 3 for "3" and "03", "2b" for "2b" and "02B"."""
    return int(name) if name.lstrip("-").isdecimal() else name.lower().lstrip("0")


def numbers():
    """Return the stages that make the finished chat, in order."""
    return [stage for stage in stages() if isinstance(stage, int) and stage <= FINISHED]


def find_tests(stage):
    """Return the paths of a stage's test files: none if it builds nothing."""
    return sorted((REPOSITORY / "tests").glob(f"test_{stage}_*.py"))


def lesson_order(path):
    """Sort the files of stages and exercises by this: exercise_2_… before exercise_10_…"""
    return int(re.search(r"\d+", path.stem)[0]), path.stem


def find_exercises():
    """Return {name of an exercise: path of its file}, in the order of their notebooks."""
    files = (REPOSITORY / "tests" / "exercises").glob("exercise_*.py")
    files = sorted(files, key=lesson_order)
    return {path.stem.removeprefix("exercise_"): path for path in files}


def title_of(stage):
    """Return the stage's name in words: trust nothing."""
    return find_notebook(stage).stem.partition("_")[2].replace("_", " ")


def stage_before(stage):
    """Return the stage whose project this one starts with: 2 for "2b" and for 3, 11 for 12, 9 for 10 and for 11."""
    if stage in BUILDS_ON:
        return BUILDS_ON[stage][-1] if BUILDS_ON[stage] else FINISHED
    return stage - 1 if isinstance(stage, int) else int(stage[:-1])


def following(stage):
    """Return a stage that starts with what this one leaves, or the stage itself if there is none."""
    later = [number for number in stages() if isinstance(number, int) and stage_before(number) == stage]
    return min(later, default=stage if isinstance(stage, int) else stage_before(stage) + 1)


def chains():
    """Return the further stages in every order in which they are built: each on what it needs, and all in order."""
    all_of_them = list(BUILDS_ON)
    alone = [(*needed, stage) for stage, needed in BUILDS_ON.items()]
    in_order = [tuple(all_of_them[: number + 1]) for number in range(len(all_of_them))]
    return list(dict.fromkeys([*alone, *in_order]))


def bases(stage):
    """Return on which further stages a stage may be built: a list of tuples, [()] for a stage of the chat itself."""
    return [chain[:-1] for chain in chains() if chain[-1] == stage] if stage in BUILDS_ON else [()]


def state_before(stage, on=None):
    """
    Return the files with which a stage starts: those that the stages before it leave.

    A further stage starts with the finished chat and what the further stages in `on` leave, by default those on which
    it builds.
    """
    if stage in BUILDS_ON:
        return built_on(BUILDS_ON[stage] if on is None else on)
    states = [files for _, files in replay(stage_before(stage))]
    return states[-1] if states else {}


def state_after(stage, on=None):
    """Return the files that a stage leaves: for "2b", with those that the next stage doesn't start with."""
    if stage in BUILDS_ON:
        return built_on((*(BUILDS_ON[stage] if on is None else on), stage))
    return _leave(f"{stage}", read_cells(find_notebook(stage)), state_before(stage))


def built_on(chain):
    """Return the files of the finished chat after these further stages, one after the other."""
    *_, (_, files) = replay(FINISHED)
    for number, stage in enumerate(chain, start=1):
        files = _leave("_".join(map(str, chain[:number])), read_cells(find_notebook(stage)), files)
    return files


def replay(until):
    """
    Yield (stage, files) for the stages from 1 to `until`: the project's files after that stage.

    `files` maps paths inside the project, with slashes, to bytes. Raises WorkshopError if a notebook can't be read or a
    cell's command fails.
    """
    files = {}
    for stage in (number for number in numbers() if 1 <= number <= until):
        files = _leave(f"{stage}", read_cells(find_notebook(stage)), files)
        yield stage, files


def _leave(name, sources, files):
    """Return the files after a stage's cells, given the files before them. They are remembered under this name."""
    made_of = repr((sys.version, django.__version__, sources, files))
    memory = REMEMBERED / f"{name}-{hashlib.sha256(made_of.encode()).hexdigest()[:32]}.json"
    with contextlib.suppress(OSError, ValueError):  # it is missing or incomplete
        return {name: text.encode() for name, text in json.loads(memory.read_text(encoding="utf-8")).items()}
    with tempfile.TemporaryDirectory(prefix="stage-") as folder:
        write_files(files, folder)
        for source in sources:
            replay_cell(source, Path(folder))
        files = read_files(folder)
    with contextlib.suppress(OSError, UnicodeDecodeError):  # it works without, but slower
        REMEMBERED.mkdir(exist_ok=True)
        for old in REMEMBERED.glob(f"{name}-*.json"):
            old.unlink()
        memory.write_text(json.dumps({name: content.decode() for name, content in files.items()}), encoding="utf-8")
    return files


def read_cells(notebook):
    """Return the sources of the code cells that make a notebook's stage. Raises WorkshopError if it can't be read."""
    return made_by_the_lesson(read_all_cells(notebook))


def read_all_cells(notebook):
    """Return the sources of a notebook's code cells. Raises WorkshopError if it can't be read."""
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise WorkshopError(
            f"{notebook.name} can't be read as a notebook: {type(error).__name__}: {error}. "
            f"`git checkout HEAD -- notebooks/{notebook.name}` brings back the lesson's own."
        ) from None


def made_by_the_lesson(sources):
    """Return these cells without those that write a file for which there is a solution: they are the student's."""
    solved = {path for magic, path, _ in map(read_written, sources) if magic == "solution"}
    return [
        source for source in sources if not (read_written(source)[0] == "write" and read_written(source)[1] in solved)
    ]


def read_written(source):
    """Return ("write" or "solution", the file's path in the workspace, its text), or three times None."""
    found = re.match(r"%%(write|solution) workspace/(\S+)(?: part=\d)?\n", source)
    return (*found.groups(), source[found.end() :] + "\n") if found else (None, None, None)


def part_of(stage, path):
    """Return the part of a stage whose tests decide about the solution of a file, or None if it is all of them."""
    pattern = rf"%%solution workspace/{re.escape(path)} part=(\d)\n"
    found = [re.match(pattern, source) for source in read_all_cells(find_notebook(stage))]
    return next((int(each[1]) for each in found if each), None)


def texts_of(stage, magic, start=None):
    """
    Return {path in the workspace: text} of a stage's cells with this magic, "write" or "solution".

    What a cell changes by edits is changed in the files `start`, by default those with which the stage starts.
    """
    written = [cell for cell in map(read_written, read_all_cells(find_notebook(stage))) if cell[0] == magic]
    if start is None and any(are_edits(text) for _, _, text in written):
        start = state_before(stage)
    return {path: make_edits(text, path, start) if are_edits(text) else text for _, path, text in written}


def given_texts():
    """Return the texts of all files that have gaps, as the lesson gives them."""
    given = set()
    for stage in stages():
        asked = texts_of(stage, "solution")
        for on in bases(stage) if asked else ():
            written = texts_of(stage, "write", state_before(stage, on))
            given |= {written[path] for path in asked}
    return given


def replay_cell(source, folder):
    """If a cell makes or deletes files in the workspace, do the same in this folder."""
    _, written, text = read_written(source)
    if written:
        path = folder / written
        if are_edits(text):
            text = make_edits(text, written, read_files(folder))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
        return
    for name, arguments in calls(source):
        if name == "python":
            run = run_python(arguments, folder)
            if run.returncode:
                raise WorkshopError(f"python({', '.join(map(repr, arguments))}) failed:\n{run.stdout}")
        else:
            remove_files(arguments, folder)


def calls(source):
    """
    Return (name, arguments) of each call of python() or remove() that has a line of its own in a cell.

    A call with an argument that isn't written out, such as a variable, makes no files of the lesson.
    """
    if source.startswith("%%"):
        return []
    try:
        lines = ast.parse(source).body
    except SyntaxError:  # a line magic, or a half-written cell: it makes no files
        return []
    return [
        (line.value.func.id, [argument.value for argument in line.value.args])
        for line in lines
        if isinstance(line, ast.Expr)
        and isinstance(line.value, ast.Call)
        and isinstance(line.value.func, ast.Name)
        and line.value.func.id in ("python", "remove")
        and all(isinstance(argument, ast.Constant) for argument in line.value.args)
    ]


def run_python(arguments, folder, **environment):
    """Run `python …` in a folder and return the finished process, with output and errors together in its stdout."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-B", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    )
