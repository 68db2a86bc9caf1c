"""
What the report needs from the rounds that benchmark.py has measured.

A round maps a server's name to what its turn has found. A ratio always compares two servers in the same round, since
whatever slows down the computer at that moment slows down both.
"""

import statistics

from servers import DAPHNE, FASTAPI, OFFICIAL, PROJECT, PROJECT_UVICORN, SERVERS, WALLED

# The first server's processor time per delivery, divided by the second's, and our goal for it.
GOALS = [
    (PROJECT, OFFICIAL, "at most 0.25"),
    (WALLED, PROJECT, "at most 1.1"),
    (DAPHNE, PROJECT, "at least 0.85"),
    (FASTAPI, PROJECT_UVICORN, "at least 0.8"),
]
# The first server's deliveries per second in a burst, divided by the second's, and our goal for it.
BURST_GOALS = [(PROJECT, DAPHNE, "at least 0.5")]


def measured(found):
    """Return the names of the servers that were measured, in the order of SERVERS."""
    return [name for name in SERVERS if name in found["rounds"][0]]


def median(found, get):
    """Return the median over the rounds of get(round)."""
    return statistics.median(get(each) for each in found["rounds"])


def percentile_95(delays):
    """Return the smallest of these delays that 95 of 100 don't exceed."""
    return sorted(delays)[-(-95 * len(delays) // 100) - 1]


def rate(each, name, size):
    """Return deliveries per second in a busy room of this size."""
    return each[name]["rooms"][str(size)]["busy"]["per_second"]


def cost(each, name, size):
    """Return the server's CPU time per delivery, in seconds, in a busy room of this size."""
    return cost_of(each[name]["rooms"][str(size)]["busy"])


def cost_of(counts):
    """Return the server's CPU time per delivery, in seconds. counts is what "busy" or "burst" returned."""
    return counts["server_seconds"] / counts["arrived"]


def delay(each, name, size):
    """Return the median delay in a room of this size, in seconds."""
    return each[name]["rooms"][str(size)]["delays"]["median"]


def delays(found, name, size):
    """Return all delays in a room of this size, in seconds, from all rounds."""
    return [one for each in found["rounds"] for one in each[name]["rooms"][str(size)]["delays"]["delays"]]


def behind(found):
    """Return how many seconds the wall was behind at most, or None if it wasn't measured."""
    return max((each[WALLED]["behind"] for each in found["rounds"] if WALLED in each), default=None)


def bursts(found, name):
    """Return what each of a server's bursts returned: one from each round, a single one, or none."""
    if name in found["burst_only"]:
        return [found["burst_only"][name]]
    return [each[name]["burst"] for each in found["rounds"] if "burst" in each.get(name, {})]


def burst_rate(counts):
    """Return deliveries per second in a burst."""
    return counts["arrived"] / counts["seconds"]


def ratios(found, get, one, other):
    """Return get(round, one) / get(round, other) for each round. Raises ZeroDivisionError if one took no time."""
    return [get(each, one) / get(each, other) for each in found["rounds"]]
