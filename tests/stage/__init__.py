"""
What the stage tests are built from: people who chat, pages, and failures that teach.

A failed test says what was seen, what the stage asks for, and which file to open.
"""

from stage.code import closest, shorten
from stage.errors import explain, explain_output, find_forgotten_await, missing_file
from stage.expectations import StoodStill, Unmet, expect
from stage.frames import compare
from stage.pages import Page
from stage.people import LAST_ROUTE, ORIGINS, TIMEOUT, TURN, Person, is_allowed, next_event
from stage.processes import Standstill, run_python

__all__ = [
    "LAST_ROUTE",
    "ORIGINS",
    "TIMEOUT",
    "TURN",
    "Page",
    "Person",
    "Standstill",
    "StoodStill",
    "Unmet",
    "closest",
    "compare",
    "expect",
    "explain",
    "explain_output",
    "find_forgotten_await",
    "is_allowed",
    "missing_file",
    "next_event",
    "run_python",
    "shorten",
]
