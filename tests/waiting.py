"""How the tests wait for what sends no event."""

import time

import pytest


def until(condition, what, seconds=20):
    """Wait until condition() is true, and return what it returned."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            pytest.fail(f"Waited {seconds} s in vain until {what}")
        time.sleep(0.02)
