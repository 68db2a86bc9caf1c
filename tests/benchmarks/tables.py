"""
What the benchmark found, for people: Markdown for the README, and the picture that stands in it.
"""

import importlib.metadata
import io
import math
import os
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from servers import BURST_ONLY, LIMIT, PROJECT, SERVERS, STOCK

BEGIN, END = "<!-- benchmark -->", "<!-- /benchmark -->"
PICTURE = "notebooks/pictures/benchmark.svg"  # as the README names it

# Colours that stay apart for the colour-blind (after Okabe and Ito), and a marker each for print.
LOOKS = dict(
    zip(
        SERVERS,
        [
            ("#D55E00", "o"),
            ("#000000", "s"),
            ("#A87800", "D"),
            ("#CC79A7", "v"),
            ("#777777", "P"),
            ("#0072B2", "^"),
            ("#009E73", "*"),
        ],
        strict=True,
    )
)


class NoMarkers(Exception):
    """A text doesn't have the one place where the report goes."""


def put_between(text, markdown):
    """Return the text with this Markdown between the markers. Raises NoMarkers if they don't stand there once each."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise NoMarkers(f"README.md has no place for the report. Put the lines {BEGIN} and {END} where it should go.")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{markdown.strip()}\n{END}{after}"


def describe_machine():
    """Return what the numbers depend on: {"cpu", "cores", "system", "python", "versions", "date"}."""
    return {
        "cpu": find_cpu(),
        "cores": os.cpu_count(),
        "system": find_system(),
        "python": platform.python_version(),
        "versions": {
            name: importlib.metadata.version(name) for name in ("Django", "channels", "daphne", "uvicorn", "websockets")
        },
        "date": date.today().isoformat(),
    }


def find_cpu():
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, encoding="utf-8").stdout.strip()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def find_system():
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:  # not Linux
        return f"{platform.system()} {platform.release()}"


def median(found, get):
    """Return the median over the rounds of get(round)."""
    return statistics.median(get(each) for each in found["rounds"])


def rate(each, name, size):
    return each[name]["rooms"][str(size)]["busy"]["per_second"]


def delay(each, name, size):
    return each[name]["rooms"][str(size)]["delays"]["median"]


def measured(found):
    """Return the names of the servers that are in a report, in the order of SERVERS."""
    return [name for name in SERVERS if name in found["rounds"][0]]


def show(number):
    """Return a number with three significant digits: 12,300 or 4.56."""
    if number == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(number)))
    return f"{round(number, digits):,.{max(0, digits)}f}"


def show_time(seconds):
    return f"{show(seconds)} s" if seconds >= 1 else f"{show(seconds * 1000)} ms"


def show_ratio(ratios):
    """Return the median of the rounds' ratios, and between which they lie."""
    low, high = show(min(ratios)), show(max(ratios))
    return show(statistics.median(ratios)) + (f" ({low} to {high})" if low != high else "")


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def speed_table(found):
    rows = []
    for size in found["plan"]["sizes"]:
        for name in measured(found):
            faster = [rate(each, name, size) / rate(each, STOCK, size) for each in found["rounds"]]
            sooner = [delay(each, STOCK, size) / delay(each, name, size) for each in found["rounds"]]
            rows.append(
                [
                    str(size) if name == PROJECT else "",
                    f"**{name}**" if name == PROJECT else name,
                    show(median(found, lambda each, name=name, size=size: rate(each, name, size))),
                    "1" if name == STOCK else show_ratio(faster),
                    show_time(median(found, lambda each, name=name, size=size: delay(each, name, size))),
                    "1" if name == STOCK else show_ratio(sooner),
                ]
            )
    head = ["members", "server", "deliveries per second", "times stock's", "until the last has it", "times sooner"]
    return table(head, rows)


def rest_table(found):
    rows = []
    for name in [*measured(found), *BURST_ONLY]:
        burst = found["burst"][name]
        row = [
            f"**{name}**" if name == PROJECT else name,
            f"{show(100 * burst['lost'] / burst['expected'])} %",
            show_time(burst["seconds"]),
            str(burst["disordered"]),
        ]
        if name in BURST_ONLY:
            row += ["", "", ""]
        else:
            row += [
                f"{show(median(found, lambda each, name=name: each[name]['memory']) / 1024)} KiB",
                show_time(median(found, lambda each, name=name: each[name]["start_up"])),
                show_fair(found, name),
            ]
        rows.append(row)
    head = ["server", "burst: lost", "last one after", "out of order", "memory each", "start-up", "beside a flood"]
    return table(head, rows)


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


def markdown(found):
    """Return the report as Markdown. found is what benchmark.py measured."""
    plan, machine = found["plan"], found["machine"]
    rounds = len(found["rounds"])
    kinds = {**SERVERS, **BURST_ONLY}
    legend = [f"- **{name}**: {kinds[name].about}" for name in kinds if name in found["burst"]]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    parts = [
        f"![Deliveries per second against the size of the room, a line for each server]({PICTURE})",
        f"One room of {', '.join(map(str, plan['sizes'][:-1]))} or {plan['sizes'][-1]} members. For the speed ten of "
        "them talk, each as soon as what it said has come back; a delivery is one message that reached one member. For "
        "the delay one message is on its way, until the last member has it. "
        + (
            f"Median of {rounds} rounds, in each of which every server had its turn; ratios are to stock in the same "
            "round (in brackets the smallest and the largest)."
            if rounds > 1
            else "One round; ratios are to stock."
        ),
        speed_table(found),
        f"Burst: {plan['burst']} members say 3 messages each at the same moment; out of order counts pairs of a "
        f"listener and a speaker. Memory: what a connection adds to the server, of {plan['sizes'][-1]} quiet ones. "
        f"Start-up: until the first socket is in. Beside a flood: the delay in a room of {plan['fair']}, alone, and "
        "while a client in another room sends as fast as it can.",
        rest_table(found),
        "\n".join(legend),
        " ".join(
            [lost_elsewhere(found), bottleneck(found, LIMIT), bottleneck(found, PROJECT), *found["missing"]],
        ),
        f"Measured on {machine['date']}, server and crowd on one machine: {machine['cpu']}, {machine['cores']} cores, "
        f"{machine['system']}, Python {machine['python']}, {versions}.",
    ]
    return "\n\n".join(parts) + "\n"


def draw(found, path):
    """Draw deliveries per second against the size of the room. The same numbers make the same file, to the byte."""
    sizes = found["plan"]["sizes"]
    # Text as paths, for it looks the same everywhere; ids from a fixed salt, not from chance.
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "benchmark", "font.size": 10}):
        figure = Figure(figsize=(8.8, 4.4), layout="constrained")
        axes = figure.subplots()
        ends = {}
        for name in measured(found):
            colour, marker = LOOKS[name]
            speeds = [median(found, lambda each, name=name, size=size: rate(each, name, size)) for size in sizes]
            wide = 2.4 if name == PROJECT else 1.4
            axes.plot(sizes, speeds, color=colour, marker=marker, markersize=7, linewidth=wide)
            ends[name] = speeds[-1]
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        low, high = axes.get_ylim()
        axes.set_yticks(*ticks(low, high))
        axes.set_ylim(low, high)
        axes.grid(axis="y", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("members of the room")
        axes.set_title("deliveries per second (logarithmic)", loc="left", fontsize=10)
        for name, height in spread(ends, low, high).items():
            axes.annotate(
                name,
                xy=(sizes[-1], ends[name]),
                xytext=(1.05, height),
                textcoords="axes fraction",
                fontsize=9.5,
                color=LOOKS[name][0],
                fontweight="bold" if name == PROJECT else "normal",
                va="center",
                arrowprops={
                    "arrowstyle": "-",
                    "relpos": (0, 0.5),
                    "color": LOOKS[name][0],
                    "linewidth": 0.6,
                    "shrinkB": 5,
                },
            )
        picture = io.BytesIO()
        figure.savefig(picture, format="svg", facecolor="white", metadata={"Date": None, "Creator": None})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture.getvalue())


def ticks(low, high):
    """Return the values 1, 2 and 5 times a power of ten between two numbers, and how to write them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [factor * 10**power for power in powers for factor in (1, 2, 5)]
    values = [value for value in values if low <= value <= high]
    return values, [f"{value:,}" for value in values]


def spread(ends, low, high):
    """Return at which height, from 0 to 1, to write each name: next to its line's end, and no two on each other."""
    apart = 0.065
    heights = {}
    for name in sorted(ends, key=ends.get):
        wanted = math.log(ends[name] / low) / math.log(high / low)
        heights[name] = max(wanted, max(heights.values(), default=-1) + apart)
    excess = max(heights.values()) - 1
    return {name: height - max(0, excess) for name, height in heights.items()}
