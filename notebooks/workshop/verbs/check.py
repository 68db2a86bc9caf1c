"""Run a stage's tests on the workspace."""

from workshop.drawing import Check
from workshop.errors import WorkshopError
from workshop.lesson.files import WORKSPACE, read_files
from workshop.lesson.gaps import find_gaps
from workshop.lesson.stages import (
    BUILDS_ON,
    FINISHED,
    built_on,
    find_notebook,
    find_tests,
    replay,
    stage_before,
    stages,
    texts_of,
    title_of,
)
from workshop.processes.tests import run_tests
from workshop.verbs.join import greens, report
from workshop.verbs.opened import base, base_of, opened, tell_if_another_is_open
from workshop.verbs.progress import note
from workshop.verbs.workspace import start_of


def check(stage, part=None):
    """
    Run the tests of a stage on notebooks/workspace/, in a fresh process, and return a Check.

    Stages 6 and 8 come in parts: part=1 runs the tests of the first part, part=2 those of the first two.

    It shows each test as a sentence, green or red. A red one says what was seen, what is asked and which file to
    open. Raises WorkshopError if the stage has no tests, there is no workspace, or the tests take more than a minute.
    """
    notebook = find_notebook(stage)
    tests = find_tests(stage)
    if not tests:
        raise WorkshopError(
            f"{notebook.name} builds nothing, so it has no tests. Stages 1 to 8 and 10 to 15 have some."
        )
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({stage!r}) makes it.")
    options = [] if part is None else ["-m", " or ".join(f"part_{number}" for number in range(1, part + 1))]
    found, output = run_tests(tests, WORKSPACE, *options)
    if part is not None and not found:
        raise WorkshopError(f"Stage {stage} has no part {part}.")
    red = any(not test["green"] for test in found)
    files = read_files(WORKSPACE)
    first = tell_if_another_is_open() or ((describe_start(files, stage) or describe_gaps(files)) if red else "")
    title = f"Stage {stage}, {title_of(stage)}" + (f", part {part}" if part is not None else "")
    checked = Check(title, found, output, first, brief=red and nothing_is_written(files, stage))
    if checked.green and part is None:
        note("stages", stage)
    report(stage=str(stage), part=part, tests=greens(found))
    return checked


def nothing_is_written(files, stage):
    """Return whether the files that a stage asks for are as it began: then a check tells nothing of what is asked."""
    asked, start = texts_of(stage, "solution"), start_of(stage)
    return opened() == stage and bool(asked) and all(files.get(path) == start.get(path) for path in asked)


def describe_gaps(files):
    """Say which gaps are still marked in a project's files, or return ""."""
    marked = {name: sorted(find_gaps(content.decode("utf-8", "replace"))) for name, content in files.items()}
    places = [f"{', '.join(map(str, numbers))} in {name}" for name, numbers in marked.items() if numbers]
    return f"Still marked as gaps: {'; '.join(places)}. hint(…) with a gap's number helps." if places else ""


def describe_start(files, stage):
    """
    Say of a project's files in what they fall short of what this stage starts with, or return "" if in nothing.

    They do if a file is missing, or is still, to the byte, the one that an earlier stage leaves.
    """
    now = opened()
    if stage in BUILDS_ON and now in BUILDS_ON and stage not in (there := (*base(), now)):
        return (
            f"Stage {stage} isn't in this project: it has the finished chat and stage {' and '.join(map(str, there))}. "
            f"open_stage({stage!r}) sets it up, and keeps a copy of your work."
        )
    before, on = FINISHED if stage in BUILDS_ON else stage_before(stage), base_of(stage)
    if on is None:
        on = BUILDS_ON.get(stage, ())
    states = dict(replay(before)) | {each: built_on(on[: number + 1]) for number, each in enumerate(on)}
    wanted = states.get(on[-1] if on else before, {})
    gone = [file for file in wanted if file not in files]
    old = [file for file in wanted if file in files and _is_older(file, files[file], wanted[file], states)]
    if not gone and not old:
        return ""
    if now is not None and stages().index(now) >= stages().index(stage):
        return ""  # the student has changed these files since, and the tests say what that does
    open_now = now or 1 + max((number for number in states if _reaches(files, number, states)), default=0)
    as_if = "Stage" if now is not None else "It looks as if stage"
    of = {file: min(number for number, state in states.items() if file in state) for file in gone}
    faults = [f"{file} is missing (stage {of[file]} leaves it)" for file in gone[:2]]
    faults += [f"{file} is still the one that stage {_made_by(file, files[file], states)} leaves" for file in old[:2]]
    more = len(gone) + len(old) - len(faults)
    faults += [f"and {more} more"] if more else []
    return (
        f"This isn't the project with which stage {stage} starts: {', '.join(faults)}. {as_if} {open_now} "
        f"{'is' if now is not None else 'were'} open. open_stage({stage!r}) sets up stage {stage}, and keeps a copy of "
        "your work."
    )


def _reaches(files, number, states):
    """Return whether these files are what this stage leaves, or the student's own version of it."""
    state = states[number]
    return all(file in files and not _is_older(file, files[file], state[file], states) for file in state)


def _is_older(file, content, wanted, states):
    """Return whether this content is, to the byte, what an earlier stage leaves than the wanted content."""
    first = _made_by(file, content, states)
    return first is not None and first < _made_by(file, wanted, states)


def _made_by(file, content, states):
    """Return the first stage that leaves the file with this content, or None."""
    return next((number for number, state in states.items() if state.get(file) == content), None)
