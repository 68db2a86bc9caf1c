"""Run a stage's tests on the workspace."""

from workshop.drawing import Check
from workshop.errors import WorkshopError
from workshop.lesson.files import REPOSITORY, WORKSPACE
from workshop.lesson.stages import find_notebook
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
    return Check(title, *run_tests(tests, WORKSPACE))
