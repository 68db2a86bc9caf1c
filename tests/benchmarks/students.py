"""
How many students can this computer hold in one room? `python tests/benchmarks/students.py` takes about a minute.

It serves a copy of the chat on a port of its own. Another process plays the class.
"""

import argparse
import math
import statistics
import sys

from crowd import MAY_BE_LATE, PAUSE, SOON
from servers import PROJECT, SERVERS, ServerFailed, allow_many_sockets, measure, serve
from tqdm import tqdm

FIRST = 25  # students to begin with
MOST = 500 if sys.platform == "win32" else 1600  # on Windows, Python can wait for at most 512 sockets
SPARE = 50  # files that a process opens besides its sockets

MODEL = (
    f"Everyone says something every {PAUSE} s on average, at random moments. The room holds a class if "
    f"{100 * (1 - MAY_BE_LATE):.0f} of 100 messages reach the last member within {1000 * SOON:.0f} ms."
)
NOT_IN_IT = (
    "This number doesn't include the network between you and the students: here the class runs on the same computer."
)


class Step:
    """A class of this size, and its sorted `delays`: the seconds that each message took to the last member."""

    def __init__(self, size, delays):
        self.size, self.delays = size, sorted(delays)

    @property
    def median(self):
        return statistics.median(self.delays)

    @property
    def percentile_95(self):
        return self.delays[math.ceil((1 - MAY_BE_LATE) * len(self.delays)) - 1]

    @property
    def holds(self):
        return self.percentile_95 <= SOON


def search(holds, most):
    """
    Return the largest class, up to `most`, that the server holds, exact to a tenth. Return 0 if it holds nobody.

    holds(size) tells whether it holds a class of this size. The size is doubled until one fails. Then the range between
    the last two is halved.
    """
    held, failed, size = 0, None, min(FIRST, most)
    while True:
        if holds(size):
            held = size
        else:
            failed = size
        if failed is None:
            if held == most:
                return held
            size = min(2 * held, most)
        elif failed - held <= max(1, held // 10):
            return held
        else:
            size = (held + failed) // 2


def try_sizes(server, most, seconds):
    """Return (how many students the server holds, a Step for each size that was tried). Raises ServerFailed."""
    steps = []
    about = math.ceil(math.log2(max(1, most / FIRST))) + 4  # doublings, and halvings between two of them

    def holds(size):
        bar.set_description(f"{size} students")
        for _ in range(2):  # every computer pauses now and then, so a size that fails is tried again
            (found,) = measure(server, size, f"paced={seconds}")
            step = Step(size, found["delays"])
            if step.holds:
                break
        steps.append(step)
        bar.total = max(bar.total, bar.n + 1)
        bar.update()
        return step.holds

    with tqdm(total=about, unit="size", dynamic_ncols=True, disable=None) as bar:
        held = search(holds, most)
        bar.total = bar.n
        bar.refresh()
    return held, steps


def show_steps(steps):
    lines = [f"{'students':>8}  {'messages a second':>17}  {'median':>9}  {'95 of 100 within':>16}"]
    for step in sorted(steps, key=lambda step: step.size):
        verdict = "" if step.holds else "  too late"
        speed, half, most = f"{step.size / PAUSE:.1f}", show(step.median), show(step.percentile_95)
        lines.append(f"{step.size:>8}  {speed:>17}  {half:>9}  {most:>16}{verdict}")
    return "\n".join(lines)


def show(seconds):
    return f"{seconds * 1000:.0f} ms" if math.isfinite(seconds) else "never"


def answer(held, most, steps):
    """Return the answer in a sentence, for the teacher."""
    if held == 0:
        return (
            "This computer is too slow, or too busy, even for one student. Close what else is running, and try again."
        )
    within = next(step.percentile_95 for step in steps if step.size == held)
    number = f"at least {held}" if held == most else f"about {held - held % 10 if held > 100 else held}"
    students = "student" if held == 1 else "students"
    return (
        f"This computer holds {number} {students} in one room: 95 of 100 messages reach the last within {show(within)}."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=MOST, help=f"the largest class to try ({MOST})")
    parser.add_argument("--seconds", type=float, default=4, help="how long each class talks (4)")
    arguments = parser.parse_args()
    if not 1 <= arguments.most <= MOST:
        parser.error(f"--most is {arguments.most}: expected 1 to {MOST}.")
    if not arguments.seconds > 0:
        parser.error(f"--seconds is {arguments.seconds:g}: expected more than 0.")
    most = arguments.most
    files = allow_many_sockets()
    if files is not None and files - SPARE < most:
        most = max(1, files - SPARE)
        print(
            f"A process may open {files} files here, so no more than {most} students are tried. "
            "`ulimit -Hn` shows the limit, and the administrator can raise it."
        )
    print(MODEL, flush=True)
    try:
        with serve(SERVERS[PROJECT]) as (server, _):
            held, steps = try_sizes(server, most, arguments.seconds)
    except ServerFailed as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit("\nEverything was stopped.")
    print(f"\n{show_steps(steps)}\n\n{answer(held, most, steps)}\n{NOT_IN_IT}")


if __name__ == "__main__":
    main()
