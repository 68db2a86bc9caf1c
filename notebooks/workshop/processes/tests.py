"""Run test files on a project, in a process of their own."""

import json
import subprocess
import tempfile
from pathlib import Path

from workshop.errors import WorkshopError
from workshop.lesson.files import NOTEBOOKS, REPOSITORY
from workshop.processes.fresh import TIMEOUT, run_fresh


def run_tests(tests, project, *options):
    """
    Run test files, or tests in them, on the project in a folder. `options` are options of pytest.

    Returns (found, output): a dict for each test, as report.py makes it, and what pytest printed. Raises WorkshopError
    if the tests take more than a minute.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        # Here the tests' own files go with the folder. Where pytest puts them, it looks through what earlier runs left.
        arguments = pytest_arguments(tests, project, [*options, f"--basetemp={Path(folder) / 'files'}"])
        try:
            run = run_fresh("pytest", REPOSITORY, *arguments, **environment(report))
        except subprocess.TimeoutExpired:
            raise WorkshopError(
                f"The tests were still running after {TIMEOUT} s. Is there a loop in your code that never ends, or a "
                "time.sleep() that should be await asyncio.sleep()?"
            ) from None
        found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
    return found, run.stdout


def pytest_arguments(tests, project, options):
    """Return pytest's arguments to run these tests on the project in this folder, with the plugin report.py."""
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "workshop.processes.report", "-p", "no:cacheprovider"]
    return ["-q", *options, *plugins, "--project", str(project), *map(str, tests)]


def environment(report):
    """Return the environment variables for pytest to start quickly and to write what it finds to the file `report`."""
    return {
        "WORKSHOP_REPORT": str(report),
        "PYTHONPATH": str(NOTEBOOKS),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # no stage test uses other plugins, and to load them takes seconds
    }
