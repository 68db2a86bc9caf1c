"""Run a stage's tests on the workspace, and show what they found as a student wants to read it."""

import html
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from workshop.errors import WorkshopError
from workshop.stages import NOTEBOOKS, REPOSITORY, WORKSPACE, find_notebook

TIMEOUT = 60  # seconds; the tests of a stage take two to eight


def check(stage):
    """
    Run the tests of a stage on notebooks/workspace/, in a fresh process, and return what they found.

    Each test is a sentence, green or red. A red one says what was seen, what is asked and which file to
    open. Raises WorkshopError if there is no workspace, no such stage, or no answer within a minute.
    """
    notebook = find_notebook(stage)
    tests = sorted((REPOSITORY / "tests").glob(f"test_{stage}_*.py"))
    if not tests:
        raise WorkshopError(f"{notebook.name} builds nothing, so it has no tests. Check a stage from 1 to 8.")
    if not WORKSPACE.is_dir():
        raise WorkshopError(f"There is no notebooks/workspace/ yet. open_stage({stage}) makes it.")
    title = f"Stage {stage}, {notebook.stem.split('_', 1)[1].replace('_', ' ')}"
    return Check(title, *run_tests(tests, WORKSPACE))


def run_tests(tests, project):
    """Run test files on a project. Return (found, said): a dict for each test, and pytest's own words."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-X", "utf8", "-B", "-m", "pytest", "-q", "-p", "pytest_asyncio.plugin"]
        command += ["-p", "workshop.report", "-p", "no:cacheprovider", "--project", str(project), *map(str, tests)]
        try:
            run = subprocess.run(
                command,
                cwd=REPOSITORY,
                env={
                    **os.environ,
                    "WORKSHOP_REPORT": str(report),
                    "PYTHONPATH": str(NOTEBOOKS),
                    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # to load what no stage test uses takes seconds
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            raise WorkshopError(
                f"The tests were not done after {TIMEOUT} s. Does a loop in your code never end, or block with "
                "time.sleep() where it should await asyncio.sleep()?"
            ) from None
        found = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
    return found, run.stdout


class Check:
    """What the tests of a stage or an exercise found on the workspace. `green` says whether all of them passed."""

    def __init__(self, title, found, said):
        self.title, self.said = title, said
        self.green = bool(found) and all(test["green"] for test in found)
        # A test with many cases is one sentence: green if all its cases are, else with its first red case.
        self.sentences = {}
        for test in found:
            cases = self.sentences.setdefault(test["sentence"], [])
            cases.append(test)

    def headline(self):
        passed = sum(all(case["green"] for case in cases) for cases in self.sentences.values())
        return f"{self.title}: {passed} of {len(self.sentences)} green"

    def rows(self):
        """Yield (green, sentence, why) for each test; `why` is a list of lines, empty where there is nothing to say."""
        explained, last = {}, None  # why a test was red: the first one that was so; and the reason that was said last
        for sentence, cases in self.sentences.items():
            red = [case for case in cases if not case["green"]]
            if len(cases) > 1:
                sentence += f" ({len(cases) - len(red)} of {len(cases)} cases)"
            why = []
            if red and red[0]["seen"] in explained:
                first = explained[red[0]["seen"]]
                why = ["For the same reason." if red[0]["seen"] == last else f"For the same reason as: {first}"]
                last = red[0]["seen"]
            elif red:
                last = red[0]["seen"]
                explained[last] = red[0]["sentence"]
                why = [f"Seen:  {red[0]['seen']}"]
                if red[0]["file"]:
                    why += [f"Asked: {red[0]['asked']}"] if red[0]["asked"] != red[0]["sentence"] else []
                    why += [f"Open:  {red[0]['file']}"]
            yield not red, sentence, why

    def __str__(self):
        if not self.sentences:
            return f"The tests did not run. pytest says:\n{self.said.strip()}"
        lines = [self.headline()]
        for green, sentence, why in self.rows():
            lines += [f"{'✔' if green else '✘'} {sentence}", *(f"    {line}" for line in why)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self):
        if not self.sentences:
            return f"<pre>{html.escape(str(self))}</pre>"
        rows = []
        for green, sentence, why in self.rows():
            mark = '<b style="color: #1a7f37">✔</b>' if green else '<b style="color: #cf222e">✘</b>'
            reason = f'<pre style="margin: 0 0 0.5em 1.5em">{html.escape(chr(10).join(why))}</pre>' if why else ""
            rows.append(f'<div style="text-align: left">{mark} {html.escape(sentence)}{reason}</div>')
        return f"<b>{html.escape(self.headline())}</b>{''.join(rows)}"
