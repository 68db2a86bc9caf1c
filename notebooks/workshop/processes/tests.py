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
    Run test files, or tests in them, on a project. Return (found, said): a dict for each test, and pytest's own words.

    `options` are pytest's. Raises WorkshopError if they are not done within a minute.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        try:
            run = run_fresh("pytest", REPOSITORY, *pytest_arguments(tests, project, options), **environment(report))
        except subprocess.TimeoutExpired:
            raise WorkshopError(
                f"The tests were not done after {TIMEOUT} s. Does a loop in your code never end, or block with "
                "time.sleep() where it should await asyncio.sleep()?"
            ) from None
        found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
    return found, run.stdout


def pytest_arguments(tests, project, options):
    """Return what pytest is told: which tests, on the project in this folder, with the report's plugin."""
    plugins = ["-p", "pytest_asyncio.plugin", "-p", "workshop.processes.report", "-p", "no:cacheprovider"]
    return ["-q", *options, *plugins, "--project", str(project), *map(str, tests)]


def environment(report):
    """Return what has to be set for the tests to run quickly, and to write what they found into the file `report`."""
    return {
        "WORKSHOP_REPORT": str(report),
        "PYTHONPATH": str(NOTEBOOKS),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # to load what no stage test uses takes seconds
    }
