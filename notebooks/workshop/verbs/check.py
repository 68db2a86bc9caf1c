"""Run a stage's tests on the workspace."""

from workshop.drawing import Check
from workshop.errors import WorkshopError
from workshop.lesson.files import REPOSITORY, WORKSPACE, read_files
from workshop.lesson.stages import find_notebook, replay
from workshop.processes.tests import run_tests


def check(stage):
    """
    Run the tests of a stage on notebooks/workspace/, in a fresh process, and return a Check.

    It shows each test as a sentence, green or red. A red one says what was seen, what is asked and which file to
    open. Raises WorkshopError if the stage has no tests, there is no workspace, or the tests take more than a minute.
    """
    notebook = find_notebook(stage)
    tests = sorted((REPOSITORY / "tests").glob(f"test_{stage}_*.py"))
    if not tests:
        raise WorkshopError(f"{notebook.name} builds nothing, so it has no tests. Check a stage from 1 to 8.")
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({stage}) makes it.")
    title = f"Stage {stage}, {notebook.stem.split('_', 1)[1].replace('_', ' ')}"
    found, output = run_tests(tests, WORKSPACE)
    red = any(not test["green"] for test in found)
    return Check(title, found, output, describe_start(read_files(WORKSPACE), stage) if red else "")


def describe_start(files, stage):
    """
    Say of a project's files in what they fall short of what this stage starts with, or return "" if in nothing.

    They do if a file is missing, or is still, to the byte, the one that an earlier stage leaves.
    """
    states = dict(replay(stage - 1))
    wanted = states.get(stage - 1, {})
    gone = [file for file in wanted if file not in files]
    old = [file for file in wanted if file in files and _is_older(file, files[file], wanted[file], states)]
    if not gone and not old:
        return ""
    open_now = 1 + max((number for number in states if _reaches(files, number, states)), default=0)
    of = {file: min(number for number, state in states.items() if file in state) for file in gone}
    faults = [f"{file} is missing (stage {of[file]} leaves it)" for file in gone[:2]]
    faults += [f"{file} is still the one that stage {_made_by(file, files[file], states)} leaves" for file in old[:2]]
    more = len(gone) + len(old) - len(faults)
    faults += [f"and {more} more"] if more else []
    return (
        f"This isn't the project with which stage {stage} starts: {', '.join(faults)}. It looks as if "
        f"stage {open_now} were open. open_stage({stage}) sets up stage {stage}, and keeps a copy of your work."
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
