import pytest
from warm import warm_runs
from workshop.lesson.stages import BUILDS_ON, numbers, replay, state_after


@pytest.fixture(scope="session")
def states():
    """For each stage the files that it leaves: a further one, on those on which it builds."""
    return {**dict(replay(max(numbers()))), **{stage: state_after(stage) for stage in ("2b", *BUILDS_ON)}}


@pytest.fixture(scope="session")
def run_tests():
    """The workshop's run_tests(), faster."""
    with warm_runs() as run:
        yield run
