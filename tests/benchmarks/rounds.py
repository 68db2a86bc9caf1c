"""
What is read out of the rounds that benchmark.py has measured.

A round maps a server's name to what its turn has found. A ratio is always of two servers in the same round, since
whatever slows the computer down at that moment slows down both.
"""

import statistics

from servers import DAPHNE, FASTAPI, OFFICIAL, PROJECT, PROJECT_UVICORN, SERVERS

# The first server's processor time per delivery divided by the second's, and what we aim at.
GOALS = [
    (PROJECT, OFFICIAL, "at most 0.25"),
    (DAPHNE, PROJECT, "at least 0.85"),
    (FASTAPI, PROJECT_UVICORN, "at least 0.8"),
]
# The same of deliveries per second in a burst.
BURST_GOALS = [(PROJECT, DAPHNE, "at least 0.5")]


def measured(found):
    """Return the names of the servers that had their turn, in the order of SERVERS."""
    return [name for name in SERVERS if name in found["rounds"][0]]


def median(found, get):
    """Return the median over the rounds of get(round)."""
    return statistics.median(get(each) for each in found["rounds"])


def percentile_95(delays):
    """Return the least of these delays that 95 of 100 don't exceed."""
    return sorted(delays)[-(-95 * len(delays) // 100) - 1]


def rate(each, name, size):
    """Return deliveries per second in a busy room of this size."""
    return each[name]["rooms"][str(size)]["busy"]["per_second"]


def cost(each, name, size):
    """Return how many seconds of the server's processor a delivery took in a busy room of this size."""
    return cost_of(each[name]["rooms"][str(size)]["busy"])


def cost_of(counts):
    """Return how many seconds of the server's processor a delivery took. counts is what "busy" or "burst" returned."""
    return counts["server_seconds"] / counts["arrived"]


def delay(each, name, size):
    """Return the median of the delays in a room of this size."""
    return each[name]["rooms"][str(size)]["delays"]["median"]


def delays(found, name, size):
    """Return all delays of all rounds."""
    return [one for each in found["rounds"] for one in each[name]["rooms"][str(size)]["delays"]["delays"]]


def bursts(found, name):
    """Return what was counted in each burst that a server has had: one in each round, or a single one, or none."""
    if name in found["burst_only"]:
        return [found["burst_only"][name]]
    return [each[name]["burst"] for each in found["rounds"] if "burst" in each.get(name, {})]


def burst_rate(counts):
    """Return deliveries per second in a burst."""
    return counts["arrived"] / counts["seconds"]


def ratios(found, get, one, other):
    """Return get(round, one) / get(round, other) for each round. Raises ZeroDivisionError: too short to be measured."""
    return [get(each, one) / get(each, other) for each in found["rounds"]]
