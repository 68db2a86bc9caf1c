"""The pytest plugin that check() loads. It writes what each test found to the file $WORKSHOP_REPORT, as JSON."""

import json
import os
import sys
from pathlib import Path

import pytest

found = {}


def pytest_collection_finish():
    # Compiled tests may be kept, but no compiled project: its files can change twice within a second, and Python
    # wouldn't notice.
    sys.dont_write_bytecode = True


def pytest_itemcollected(item):
    # pytest's own words about a failed test take milliseconds for each, and nobody sees them.
    item.repr_failure = lambda excinfo, style=None: str(excinfo.value)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if not report.passed or report.when == "call":
        error = call.excinfo.value if call.excinfo else None
        found[item.nodeid] = {
            "id": item.nodeid,
            "sentence": " ".join((item.obj.__doc__ or item.name).split()),
            "green": report.passed or report.skipped,
            "skipped": report.longrepr[2].removeprefix("Skipped: ") if report.skipped else None,  # nobody knows
            "seen": getattr(error, "seen", f"{type(error).__name__}: {error}" if error else None),
            "asked": getattr(error, "asked", None),
            "file": getattr(error, "file", None),
            # What is wrong in the student's files whatever else is: [what is there, what is asked, the file to open].
            "slips": getattr(error, "slips", []),
            "page": getattr(error, "page", False),  # it is about a page's script, where steps build on each other
            "sure": getattr(error, "sure", False),  # it tells a fault itself, and not what came of one
        }
    return report


def pytest_sessionfinish():
    Path(os.environ["WORKSHOP_REPORT"]).write_text(json.dumps(list(found.values())), encoding="utf-8")
