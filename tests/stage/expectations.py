"""What a stage asks for, and how a test says that it is missing. And what a test says that can't run here."""

import os

import pytest


class Unmet(AssertionError):
    """Something that a stage asks for is missing."""

    def __init__(self, seen, asked, file, sure=False):
        super().__init__(f"\nSeen:  {seen}\nAsked: {asked}\nOpen:  {file}")
        self.seen, self.asked, self.file = seen, asked, file
        self.slips = []  # [what is there, what is asked, the file to open] of each slip in the student's files
        self.page = False  # whether this is about what a page's script does, where each step builds on those before
        self.sure = sure  # whether this tells a fault itself (an error and its line, say), and not what came of one


class StoodStill(Unmet):
    """The event loop stood still: true whatever else is wrong."""


def expect(met, *, seen, asked, file):
    """Raise Unmet with these words unless `met` is true."""
    __tracebackhide__ = True
    if not met:
        raise Unmet(seen, asked, file)


def leave_out(reason):
    """Skip the test that runs, for want of what the reason names. In CI, where everything has to run, it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
