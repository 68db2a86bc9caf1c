"""
Measure this project beside other servers, in turns, and report it as Markdown. It takes some 15 minutes.

    python tests/benchmarks/benchmark.py                         print the report
    python tests/benchmarks/benchmark.py --write                 put it, and its picture, into README.md
    python tests/benchmarks/benchmark.py --json raw.json         keep the raw numbers too
    python tests/benchmarks/benchmark.py --again raw.json        report on those, and measure nothing
    python tests/benchmarks/benchmark.py --quick                 a trial of half a minute: the numbers mean little

Leave the computer alone meanwhile: what else it does is measured with it. Ctrl+C ends all that was started.
"""

import argparse
import json
import sys
from pathlib import Path

from servers import (
    BURST_ONLY,
    PROJECT,
    REPOSITORY,
    SERVERS,
    STOCK,
    ServerFailed,
    allow_many_sockets,
    measure,
    serve,
    serve_redis,
)
from tables import PICTURE, NoMarkers, describe_machine, draw, markdown, put_between
from tqdm import tqdm

README = REPOSITORY / "README.md"
NO_REDIS = "There is no redis-server on this machine, so the row of channels_redis is missing."

# sizes, burst, fair: members of the rooms; quiet, busy: seconds; messages, floods: of so many the delay is taken, in
# the room alone and beside a flood
FULL = {"sizes": [50, 200, 500], "burst": 200, "fair": 50, "quiet": 1, "busy": 3, "messages": 20, "floods": 10}
QUICK = {"sizes": [10, 20], "burst": 20, "fair": 10, "quiet": 0.1, "busy": 0.1, "messages": 2, "floods": 1}


def measure_all(plan, rounds):
    """
    Return {"plan", "machine", "missing", "rounds", "burst"}: all that is measured, and sentences on what could not be.

    A round maps a server's name to {"start_up": seconds, "memory": bytes each, "rooms": {size: {"busy", "delays"}}},
    and for two of them "fair". Raises ServerFailed.
    """
    found = {"plan": plan, "machine": describe_machine(), "missing": [], "rounds": [], "burst": {}}
    with serve_redis() as redis_url:
        kinds = {name: kind for name, kind in SERVERS.items() if redis_url or not kind.needs_redis}
        if not redis_url:
            found["missing"].append(NO_REDIS)
        turns = rounds * len(kinds) + len(BURST_ONLY)
        with tqdm(total=turns, unit="turn", dynamic_ncols=True) as bar:
            for number in range(rounds):
                # Every other round goes backwards: what slows the machine down as time passes hits nobody always.
                names = list(kinds) if number % 2 == 0 else list(reversed(kinds))
                found["rounds"].append({})
                for name in names:
                    bar.set_description(f"round {number + 1} of {rounds}: {name}")
                    turn = take_turn(name, kinds[name], redis_url, plan, with_burst=number == 0)
                    if "burst" in turn:
                        found["burst"][name] = turn.pop("burst")
                    found["rounds"][-1][name] = turn
                    bar.update()
            for name, kind in BURST_ONLY.items():
                bar.set_description(name)
                with serve(kind) as (server, _):
                    (found["burst"][name],) = measure(server, plan["burst"], "burst=3")
                bar.update()
    return found


def take_turn(name, kind, redis_url, plan, with_burst):
    """
    Start a server, measure its rooms, and end it. Then the same for the burst, if asked, and for the flood.

    What follows a burst or a flood would find a server that still has work left. Raises ServerFailed.
    """
    try:
        with serve(kind, redis_url) as (server, start_up):
            turn = {"start_up": start_up, "rooms": {}}
            busy, delays = f"busy={plan['busy']}", f"delays={plan['messages']}"
            # The largest room first, for memory: what a process has once taken it seldom gives back.
            *smaller, largest = plan["sizes"]
            quiet, *found = measure(server, largest, f"quiet={plan['quiet']}", busy, delays)
            turn["memory"] = quiet["bytes"]
            turn["rooms"][str(largest)] = dict(zip(("busy", "delays"), found, strict=True))
            for size in smaller:
                found = measure(server, size, busy, delays)
                turn["rooms"][str(size)] = dict(zip(("busy", "delays"), found, strict=True))
        if with_burst:
            with serve(kind, redis_url) as (server, _):
                (turn["burst"],) = measure(server, plan["burst"], "burst=3")
        if name in (PROJECT, STOCK):
            with serve(kind, redis_url) as (server, _):
                (turn["fair"],) = measure(server, plan["fair"], f"fair={plan['floods']}")
    except ServerFailed as problem:
        raise ServerFailed(f"{name}: {problem}") from None
    return turn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="how often each server has its turn (3)")
    parser.add_argument("--quick", action="store_true", help="a trial run: one round, small rooms")
    parser.add_argument("--write", action="store_true", help="replace the report in README.md, and its picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw numbers there")
    parser.add_argument("--again", type=Path, metavar="FILE", help="report on raw numbers, and measure nothing")
    arguments = parser.parse_args()
    if arguments.quick and arguments.write:
        parser.error("the numbers of --quick mean little: they don't belong into README.md.")
    if arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}, and has to be 1 at least.")
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        if arguments.write:
            put_between(read_readme(), "")  # better now than after 15 minutes
        if arguments.again:
            found = read_raw(arguments.again)
        else:
            allow_many_sockets()
            found = measure_all(QUICK if arguments.quick else FULL, 1 if arguments.quick else arguments.rounds)
    except (ServerFailed, NoMarkers) as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit("\nStopped, with all that was started. Nothing was written.")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.write:
        draw(found, REPOSITORY / PICTURE)
        README.write_bytes(put_between(read_readme(), markdown(found)).encode("utf-8"))
        print(f"The report is in {README.name}, its picture is {PICTURE}.")
    else:
        print(markdown(found))


def read_raw(path):
    """Return the numbers that --json has kept. Ends the script with a sentence if they can't be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: found[name] for name in ("plan", "machine", "missing", "rounds", "burst")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{path} is no file that --json has written: {type(error).__name__}: {error}.")


def read_readme():
    return README.read_bytes().decode("utf-8")  # its line ends as they are


if __name__ == "__main__":
    main()
