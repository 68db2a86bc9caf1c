"""
What the benchmark found, for people: tables and sentences in Markdown.
"""

import math
import statistics

from picture import LOOKS
from rounds import (
    BURST_GOALS,
    GOALS,
    burst_rate,
    bursts,
    cost,
    cost_of,
    delay,
    delays,
    measured,
    median,
    percentile_95,
    rate,
    ratios,
)
from servers import BURST_ONLY, LIMIT, PROJECT, SERVERS, STOCK

PICTURE = "results.svg"  # as the report names it


def show(number):
    """Return a number with three significant digits: 12,300 or 4.56."""
    if number == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(number)))
    return f"{round(number, digits):,.{max(0, digits)}f}"


def show_time(seconds):
    return f"{show(seconds)} s" if seconds >= 1 else f"{show(seconds * 1000)} ms"


def show_cost(seconds):
    return f"{show(seconds * 1_000_000)} µs"


def show_name(name):
    return f"**{name}**" if name == PROJECT else name


def show_ratio(found, get, one, other):
    """Return the median of the rounds' ratios, and between which they lie."""
    if one == other:
        return "1"
    try:
        each = ratios(found, get, one, other)
    except ZeroDivisionError:
        return "too short to tell"
    low, high = show(min(each)), show(max(each))
    return show(statistics.median(each)) + (f" ({low} to {high})" if low != high else "")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def speed_table(found):
    """Return a row for each server in each size of room. Without stock, those that compare with it are empty."""
    rows, names = [], measured(found)
    for size in found["plan"]["sizes"]:

        def rate_here(each, name, size=size):
            return rate(each, name, size)

        def sooner(each, name, size=size):
            return 1 / delay(each, name, size)

        def middle(get, name, size=size):
            return median(found, lambda each: get(each, name, size))

        for name in names:
            times_faster, times_sooner = (
                show_ratio(found, get, name, STOCK) if STOCK in names else "" for get in (rate_here, sooner)
            )
            rows.append(
                [
                    str(size) if name == names[0] else "",
                    show_name(name),
                    show(middle(rate, name)),
                    times_faster,
                    show_cost(middle(cost, name)),
                    show_time(middle(delay, name)),
                    times_sooner,
                    show_time(percentile_95(delays(found, name, size))),
                ]
            )
    head = [
        "members",
        "server",
        "deliveries per second",
        "times stock's",
        "processor time each",
        "until the last has it",
        "times sooner",
        "95 of 100 within",
    ]
    return table(head, rows)


def ratio_table(found):
    """Return the ratios that have a goal, of those servers that were measured. "" if there are none."""
    rows, names, sizes = [], measured(found), found["plan"]["sizes"]
    for one, other, goal in GOALS:
        if one in names and other in names:
            shown = [
                show_ratio(found, lambda each, name, size=size: cost(each, name, size), one, other) for size in sizes
            ]
            rows.append([f"processor time each: {one} / {other}", goal, *shown, ""])
    for one, other, goal in BURST_GOALS:
        if one in names and other in names:
            shown = show_ratio(found, lambda each, name: burst_rate(each[name]["burst"]), one, other)
            rows.append([f"deliveries per second: {one} / {other}", goal, *("" for _ in sizes), shown])
    return table(["ratio", "goal", *(f"room of {size}" for size in sizes), "burst"], rows) if rows else ""


def burst_table(found):
    """Return a row for each server that had a burst: what all of its bursts lost, and the median of their times."""
    rows = []
    for name in [*SERVERS, *BURST_ONLY]:
        counts = bursts(found, name)
        if counts:
            lost, expected, disordered = (
                sum(burst[what] for burst in counts) for what in ("lost", "expected", "disordered")
            )
            rows.append(
                [
                    show_name(name),
                    f"{show(100 * lost / expected)} %",
                    str(disordered),
                    show_time(statistics.median(burst["seconds"] for burst in counts)),
                    show(statistics.median(map(burst_rate, counts))),
                    show_cost(statistics.median(map(cost_of, counts))),
                ]
            )
    head = ["server", "lost", "out of order", "last one after", "deliveries per second", "processor time each"]
    return table(head, rows) if rows else ""


def rest_table(found):
    rows = [
        [
            show_name(name),
            f"{show(median(found, lambda each, name=name: each[name]['memory']) / 1024)} KiB",
            show_time(median(found, lambda each, name=name: each[name]["start_up"])),
            show_fair(found, name),
        ]
        for name in measured(found)
    ]
    return table(["server", "memory each", "start-up", "beside a flood"], rows)


def show_fair(found, name):
    if "fair" not in found["rounds"][0][name]:
        return ""
    alone, flooded = (
        median(found, lambda each, when=when: each[name]["fair"][when]["median"]) for when in ("alone", "flooded")
    )
    ratio = median(found, lambda each: each[name]["fair"]["ratio"])
    return f"{show_time(alone)} → {show_time(flooded)} (× {show(ratio)})"


def lost_elsewhere(found):
    """Return a sentence on what was lost or came out of order while the rooms were busy."""
    bad = []
    for name in measured(found):
        rooms = [room["busy"] for each in found["rounds"] for room in each[name]["rooms"].values()]
        lost, disordered = (sum(room[what] for room in rooms) for what in ("lost", "disordered"))
        if lost or disordered:
            bad.append(f"{name} lost {lost} deliveries, and {disordered} pairs were out of order")
    if bad:
        return f"While the rooms were busy: {'; '.join(bad)}."
    return "While the rooms were busy, nothing was lost and nothing came out of order, with any server."


def bottleneck(found, name):
    """Return a sentence that says who was busy: the server, or the crowd that measures it."""
    size = str(found["plan"]["sizes"][-1])
    client, server = (
        median(found, lambda each, who=who: each[name]["rooms"][size]["busy"][who])
        for who in ("client_cpu", "server_cpu")
    )
    if client > 0.9:
        verdict = "the crowd was the bottleneck, so the server may do more"
    elif server > 0.9:
        verdict = "the server was the bottleneck"
    else:
        verdict = "neither had a core full, so part of the time each waited for the other"
    return (
        f"In the room of {size}, {name} used {show(100 * server)} % of a core and the crowd {show(100 * client)} %: "
        f"{verdict}."
    )


def brief(found):
    """Return the tables alone, of what --only has measured."""
    parts = [speed_table(found), ratio_table(found), burst_table(found), *found["missing"]]
    return "\n\n".join(filter(None, parts)) + "\n"


HOW_TO = """\
# The benchmark

This page is written by a program, which measures this project beside other servers for some 20 minutes. To write it
anew, from the numbers of your own computer (without the last option the row of Channels 4.1 is left out):

```sh
.venv/bin/python tests/benchmarks/benchmark.py --write --channels-4-1 ~/.cache/channels-4.1
```

To compare a few of the servers in a minute or two, and write nothing:

```sh
.venv/bin/python tests/benchmarks/benchmark.py --only "this project,bare daphne"
```

On Windows: `.venv\\Scripts\\python tests\\benchmarks\\benchmark.py`. All options: `--help`."""


def markdown(found):
    """Return the whole report. found is what benchmark.py has measured."""
    plan, machine = found["plan"], found["machine"]
    rounds, sizes = len(found["rounds"]), [str(size) for size in plan["sizes"]]
    shown = [*measured(found), *found["burst_only"]]
    legend = [f"- **{name}**: {kind.about}" for name, kind in {**SERVERS, **BURST_ONLY}.items() if name in shown]
    undrawn = [name for name in measured(found) if name not in LOOKS]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts = [
        HOW_TO,
        "## What we aim at",
        "A delivery is one message that has reached one member. Processor time each is what the server's processor "
        "spends on a delivery, as the system counts it: it varies less than time by the clock. "
        + (
            f"There were {rounds} rounds, in each of which every server had its turn. A ratio compares two servers in "
            "the same round; shown is the median of the rounds, and in brackets the smallest and the largest."
            if rounds > 1
            else "There was one round."
        ),
        ratio_table(found),
        "## A busy room",
        f"![Deliveries per second against the size of the room, a line for each server]({PICTURE})",
        f"Not drawn, but in the table: {', '.join(undrawn)}.",
        f"One room of {' or '.join([', '.join(sizes[:-1]), sizes[-1]] if len(sizes) > 1 else sizes)} members. For "
        "deliveries per second and processor time ten of them talk, each as soon as the last thing they said has come "
        "back. For the delay one message at a time is on its way, until the last member has it: the median, and within "
        "how long 95 of 100 arrive.",
        speed_table(found),
        "## A burst",
        f"{plan['burst']} members send 3 messages each at the same moment. Out of order counts pairs of a listener and "
        "a speaker."
        + (
            " Servers that need a minute for it had one burst, the others one in each round: lost and out of order are "
            "sums, the rest are medians."
            if rounds > 1
            else ""
        ),
        burst_table(found),
        "## Memory, start-up, and a flood next door",
        f"Memory: how much each of {sizes[-1]} quiet connections adds to the server. Start-up: until the first socket "
        f"is open. Beside a flood: the delay in a room of {plan['fair']}, alone, and while a client in another room "
        "sends as fast as it can.",
        rest_table(found),
        "## The servers",
        "\n".join(legend),
        " ".join([lost_elsewhere(found), bottleneck(found, LIMIT), bottleneck(found, PROJECT), *found["missing"]]),
        f"Measured on {machine['date']}, server and crowd on one machine: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['system']}, Python {machine['python']}, {versions}.",
    ]
    return "\n\n".join(parts) + "\n"
