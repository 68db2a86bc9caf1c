"""
What the benchmark found, in tables and sentences, as Markdown.
"""

import math
import statistics

from picture import LOOKS
from rounds import (
    BURST_GOALS,
    GOALS,
    behind,
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

PICTURE = "results.svg"  # its name in the report


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
    """Return the median of the rounds' ratios and, in parentheses, the smallest and the largest."""
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
    """Return a table with a row for each server in each room. Without stock, the comparisons with it are empty."""
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
    """Return a table of the ratios that have a goal, or "" if their servers were not measured."""
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
    """Return a table with a row for each server that had a burst: the sum of what was lost, and median times."""
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
    """Return a sentence on deliveries that were lost or out of order while the rooms were busy."""
    bad = []
    for name in measured(found):
        rooms = [room["busy"] for each in found["rounds"] for room in each[name]["rooms"].values()]
        lost, disordered = (sum(room[what] for room in rooms) for what in ("lost", "disordered"))
        if lost or disordered:
            bad.append(f"{name} lost {lost} deliveries, and {disordered} times a listener heard a speaker out of order")
    if bad:
        return f"While the rooms were busy: {'; '.join(bad)}."
    return "While the rooms were busy, nothing was lost and nothing came out of order on any server."


def bottleneck(found, name):
    """Return a sentence that says what was busy: the server, or the crowd that measures it."""
    size = str(found["plan"]["sizes"][-1])
    client, server = (
        median(found, lambda each, share=share: each[name]["rooms"][size]["busy"][share])
        for share in ("client_cpu", "server_cpu")
    )
    if client > 0.9:
        verdict = "the crowd was the bottleneck, so the server may be faster than this"
    elif server > 0.9:
        verdict = "the server was the bottleneck"
    else:
        verdict = "neither kept a core busy, so each waited for the other part of the time"
    return (
        f"In the room of {size}, {name} used {show(100 * server)} % of a core and the crowd {show(100 * client)} %: "
        f"{verdict}."
    )


def wall_behind(found):
    """Return a sentence on how old what the wall shows was at most, or "" if there was no wall."""
    seconds = behind(found)
    if seconds is None:
        return ""
    return f"While the rooms were busy, a snapshot was at most {show_time(seconds)} old when it reached the wall."


def brief(found):
    """Return only the tables, for --only."""
    parts = [speed_table(found), ratio_table(found), burst_table(found), wall_behind(found), *found["missing"]]
    return "\n\n".join(filter(None, parts)) + "\n"


HOW_TO = """\
# The benchmark

A program has written this page. It compares this project with other servers, which takes about 20 minutes. To write the
page again with numbers from your own computer (without the last option, the row of Channels 4.1 is left out):

```sh
.venv/bin/python tests/benchmarks/benchmark.py --write --channels-4-1 ~/.cache/channels-4.1
```

To compare a few servers in a minute or two, without writing the page:

```sh
.venv/bin/python tests/benchmarks/benchmark.py --only "this project,bare daphne"
```

On Windows: `.venv\\Scripts\\python tests\\benchmarks\\benchmark.py`. `--help` shows all options."""


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
        "## Our goals",
        "A delivery is one message that has reached one member. Processor time each is the CPU time that the server "
        "uses for a delivery: it varies less from run to run than the time that passes. "
        + (
            f"There were {rounds} rounds, and each server had a turn in each of them. A ratio compares two servers in "
            "the same round. The tables show the median and, in parentheses, the smallest and the largest ratio."
            if rounds > 1
            else "There was one round."
        ),
        ratio_table(found),
        "## A busy room",
        f"![Deliveries per second against the size of the room, with a line for each server]({PICTURE})",
        f"Not drawn, but in the table: {', '.join(undrawn)}.",
        f"One room of {' or '.join([', '.join(sizes[:-1]), sizes[-1]] if len(sizes) > 1 else sizes)} members. "
        "Deliveries per second and processor time are measured while ten members talk, each as soon as their last "
        "message has come back. For the delay, one message at a time is sent, and the clock stops when the last member "
        "has it. The table shows the median, and how long 95 of 100 messages take at most.",
        speed_table(found),
        "## A burst",
        f"{plan['burst']} members send 3 messages each at the same moment. Out of order counts the pairs of a "
        "listener and a speaker whose messages came in the wrong order."
        + (
            " Servers that need a minute for a burst had one, the others one in each round. Lost and out of order are "
            "totals, the rest are medians."
            if rounds > 1
            else ""
        ),
        burst_table(found),
        "## Memory, start-up, and a flood next door",
        f"Memory each is what one of {sizes[-1]} quiet connections adds to the server. Start-up is the time until the "
        f"first socket is open. Beside a flood shows the delay in a room of {plan['fair']}, first alone and then while "
        "a client in another room sends as fast as it can.",
        rest_table(found),
        "## The servers",
        "\n".join(legend),
        " ".join(
            [
                lost_elsewhere(found),
                wall_behind(found),
                bottleneck(found, LIMIT),
                bottleneck(found, PROJECT),
                *found["missing"],
            ]
        ),
        f"Measured on {machine['date']}, with server and crowd on the same machine: {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}, {versions}.",
    ]
    return "\n\n".join(parts) + "\n"
