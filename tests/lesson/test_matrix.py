"""
The stages' tests against the stages' states, every pair of them: a stage's tests fail before their stage and
pass from then on. Otherwise they would prove nothing, or forbid what a later stage does.
"""

import itertools
import re

import pytest
from lesson import STAGE_TESTS
from workshop.lesson.files import write_files
from workshop.lesson.stages import (
    BUILDS_ON,
    built_on,
    chains,
    find_notebook,
    find_tests,
    made_by_the_lesson,
    numbers,
    read_all_cells,
    replay_cell,
    stages,
)

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


def test_the_async_notebooks_tests_fail_before_it_and_pass_after_it(states, run_tests, tmp_path):
    write_files(states[2], tmp_path)
    found, said = run_tests(find_tests("2b"), tmp_path)
    assert found and not any(test["green"] for test in found), said
    write_files(states["2b"], tmp_path)
    found, said = run_tests(find_tests("2b"), tmp_path)
    assert found and all(test["green"] for test in found), said


@pytest.mark.parametrize("chain", chains(), ids=str)
def test_a_further_stages_tests_fail_before_it_and_pass_after_it_whatever_it_builds_on(chain, run_tests, tmp_path):
    *on, stage = chain
    write_files(built_on(on), tmp_path)
    found, said = run_tests(find_tests(stage), tmp_path)
    green = [test["id"] for test in found if test["green"]]
    assert found and not green, f"On {on or 'the finished chat'} these are green before stage {stage}: {green}\n{said}"
    write_files(built_on(chain), tmp_path)
    found, said = run_tests([path for each in chain for path in find_tests(each)], tmp_path)
    red = "\n\n".join(f"{test['id']}: {test['seen']}" for test in found if not test["green"])
    assert found and not red, f"{red}\n{said}"


def test_each_further_stage_is_built_on_what_it_needs_and_all_of_them_in_order():
    assert {chain[-1] for chain in chains()} == set(BUILDS_ON)
    assert [*numbers(), *BUILDS_ON] == [stage for stage in stages() if isinstance(stage, int)]
    assert all(set(BUILDS_ON[chain[-1]]) <= set(chain[:-1]) for chain in chains())
    assert tuple(BUILDS_ON) in chains()


@pytest.mark.parametrize("stage, part", [(6, 1), (8, 1), (8, 2)])
def test_a_part_of_a_stage_is_red_before_its_solutions_and_green_after_them(stage, part, states, run_tests, tmp_path):
    chosen = "-m", " or ".join(f"part_{number}" for number in range(1, part + 1))
    cells = read_all_cells(find_notebook(stage))
    parts = [number for number in range(1, part + 1)]
    ends = [
        max(at for at, cell in enumerate(cells) if re.match(rf"%%solution \S+ part={number}\n", cell))
        for number in parts
    ]
    write_files(states[stage - 1], tmp_path)
    for cell in made_by_the_lesson(cells[: ends[-2] + 1] if part > 1 else []):
        replay_cell(cell, tmp_path)
    found, said = run_tests(find_tests(stage), tmp_path, *chosen)
    assert found and not all(test["green"] for test in found), said
    for cell in made_by_the_lesson(cells[: ends[-1] + 1]):
        replay_cell(cell, tmp_path)
    found, said = run_tests(find_tests(stage), tmp_path, *chosen)
    assert found and all(test["green"] for test in found), said
