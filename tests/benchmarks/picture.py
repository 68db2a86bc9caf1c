"""
The picture in the report: the speed of the servers that everybody asks about.
"""

import io
import math

import matplotlib
from matplotlib.figure import Figure
from rounds import measured, median, rate
from servers import DAPHNE, FASTAPI, LIMIT, OFFICIAL, OFFICIAL_4_1, PROJECT, PROJECT_UVICORN, REDIS

# Colours that colour-blind people can tell apart (after Okabe and Ito), and markers for print. More lines than these
# would cover each other: the other servers are only in the tables.
LOOKS = {
    PROJECT: ("#D55E00", "o"),
    PROJECT_UVICORN: ("#0072B2", "^"),
    OFFICIAL: ("#000000", "s"),
    OFFICIAL_4_1: ("#777777", "P"),
    DAPHNE: ("#A87800", "D"),
    FASTAPI: ("#CC79A7", "v"),
    REDIS: ("#2F9BDC", "X"),
    LIMIT: ("#009E73", "*"),
}


def draw(found, path):
    """
    Draw deliveries per second against the size of the room, with a line for each server in LOOKS, as an SVG file.

    The same numbers make the same file, byte for byte.
    """
    sizes = found["plan"]["sizes"]
    # Text becomes paths, so that it looks the same everywhere. A fixed salt makes the same ids each time.
    with matplotlib.rc_context({"svg.fonttype": "path", "svg.hashsalt": "benchmark", "font.size": 10}):
        figure = Figure(figsize=(8.8, 4.4), layout="constrained")
        axes = figure.subplots()
        ends = {}
        for name in filter(LOOKS.get, measured(found)):
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
    path.write_bytes(picture.getvalue())


def ticks(low, high):
    """Return the numbers 1, 2 and 5 times a power of ten between two others, and their labels."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = [factor * 10**power for power in powers for factor in (1, 2, 5)]
    values = [value for value in values if low <= value <= high]
    return values, [f"{value:,}" for value in values]


def spread(ends, low, high):
    """Return {name: height from 0 to 1}: as near as possible to its line's end, and no name on another."""
    apart = 0.065
    heights = {}
    for name in sorted(ends, key=ends.get):
        wanted = math.log(ends[name] / low) / math.log(high / low)
        heights[name] = max(wanted, max(heights.values(), default=-1) + apart)
    excess = max(heights.values()) - 1
    return {name: height - max(0, excess) for name, height in heights.items()}
