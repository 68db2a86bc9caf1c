"""
The stages' tests against the stages' states, every pair of them: a stage's tests fail before their stage and
pass from then on. Otherwise they would prove nothing, or forbid what a later stage does.
"""

import itertools

import pytest
from lesson import STAGE_TESTS
from workshop.lesson.files import write_files
from workshop.lesson.stages import find_notebook

TESTS = {int(path.name.split("_")[1]): path for path in STAGE_TESTS}


@pytest.mark.parametrize("state", TESTS)
def test_a_stage_passes_its_own_and_all_earlier_tests(state, states, run_tests, tmp_path):
    write_files(states[state], tmp_path)
    so_far = [path for stage, path in TESTS.items() if stage <= state]
    found, said = run_tests(so_far, tmp_path)
    reasons = "\n\n".join(f"{test['id']}: {test['seen']}" for test in found if not test["green"])
    assert not reasons, (
        f"After stage {state} its own and all earlier tests have to pass. "
        f"See what {find_notebook(state).name} writes.\n\n{reasons}"
    )
    ran = {test["id"].split("::")[0].rpartition("/")[2] for test in found}
    assert ran == {path.name for path in so_far}, said


@pytest.mark.parametrize("state, tests", list(itertools.combinations(TESTS, 2)))
def test_a_stage_fails_each_later_stages_tests(state, tests, states, run_tests, tmp_path):
    write_files(states[state], tmp_path)
    found, said = run_tests([TESTS[tests]], tmp_path, "--exitfirst")
    assert found, f"No test of {TESTS[tests].name} was found. pytest said:\n{said}"
    assert not all(test["green"] for test in found), (
        f"{TESTS[tests].name} is already all green after stage {state}, so stage {tests} has nothing to do. "
        f"Let it test what {find_notebook(tests).name} adds, or move what it tests to stage {tests}."
    )
