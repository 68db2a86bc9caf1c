"""
The stages' tests against the stages' states, every pair of them: a stage's tests fail before their stage and
pass from it on. Otherwise they would prove nothing, or forbid what a later stage does.
"""

import subprocess
import sys
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor

import pytest
from lesson import REPOSITORY, STAGE_TESTS, environment
from workshop.stages import find_notebook, replay, write_files

TESTS = {int(path.name.split("_")[1]): path for path in STAGE_TESTS}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """For each stage what becomes of all stage tests on the state after it, as a future."""
    for stage in TESTS:
        find_notebook(stage)  # where one with tests has no notebook, this says so
    with ThreadPoolExecutor(max_workers=2) as pool:
        yield {
            stage: pool.submit(run_all_tests, files, tmp_path_factory.mktemp(f"after_stage_{stage}"))
            for stage, files in replay(max(TESTS))
        }


def run_all_tests(files, folder):
    """Return {stage: {name of the test: why it failed, or None}}, and pytest's own words."""
    write_files(files, folder / "project")
    report = folder / "report.xml"
    command = [sys.executable, "-X", "utf8", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    command += ["--project", str(folder / "project"), "--junitxml", str(report), *map(str, TESTS.values())]
    said = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=300,
    ).stdout
    assert report.exists(), f"pytest did not come to its report. It said:\n{said}"
    found = {stage: {} for stage in TESTS}
    for case in xml.parse(report).iter("testcase"):
        stage = int(case.get("classname").split("test_")[1].split("_")[0])
        problem = case.find("failure") if case.find("failure") is not None else case.find("error")
        assert case.find("skipped") is None, f"{case.get('name')} was skipped: a stage's tests have to run."
        found[stage][case.get("name")] = None if problem is None else problem.get("message")
    return found, said


@pytest.mark.parametrize("tests", TESTS)
@pytest.mark.parametrize("state", TESTS)
def test_a_stage_passes_its_own_and_all_earlier_tests_and_no_later_ones(state, tests, results):
    found, said = results[state].result()
    cases = found[tests]
    assert cases, f"No test of {TESTS[tests].name} was found. pytest said:\n{said}"
    failed = {name: why for name, why in cases.items() if why is not None}
    if tests <= state:
        reasons = "\n\n".join(f"{name}: {why}" for name, why in failed.items())
        assert not failed, (
            f"After stage {state} the tests of stage {tests} have to pass. "
            f"See what {find_notebook(state).name} writes.\n\n{reasons}"
        )
    else:
        assert failed, (
            f"{TESTS[tests].name} is all green after stage {state} already, so stage {tests} has nothing to do. "
            f"Let it test what {find_notebook(tests).name} adds, or move what it tests to stage {tests}."
        )
