"""
Compare the speed of this project with other servers, and report it as Markdown. It takes about 20 minutes.

    python tests/benchmarks/benchmark.py                         print the report
    python tests/benchmarks/benchmark.py --write                 write it to results.md, with its picture beside it
    python tests/benchmarks/benchmark.py --channels-4-1 FOLDER   measure Channels 4.1 too, and install it there
    python tests/benchmarks/benchmark.py --json raw.json         also keep the raw numbers
    python tests/benchmarks/benchmark.py --again raw.json        report on those without measuring
    python tests/benchmarks/benchmark.py --quick                 a trial run of a minute, whose numbers mean little

To compare a few servers in a minute or two, without the floods and the slowest bursts:

    python tests/benchmarks/benchmark.py --only "this project,bare daphne" --rounds 3 --sizes 50,200,500

Leave the computer alone meanwhile: whatever else it does is measured too. Ctrl+C stops everything.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from machine import describe_machine
from old_channels import NotMade, make_environment
from picture import draw
from servers import (
    BURST_ONLY,
    HERE,
    OFFICIAL_4_1,
    PROJECT,
    REDIS,
    SERVERS,
    STOCK,
    ServerFailed,
    allow_many_sockets,
    measure,
    serve,
    serve_redis,
)
from tables import PICTURE, brief, markdown
from tqdm import tqdm

RESULTS = HERE / "results.md"
NO_REDIS = "There is no redis-server on this machine, so the row of channels_redis is missing."
NO_CHANNELS_4_1 = "The row of Channels 4.1 is missing: it needs `--channels-4-1 FOLDER`."

# sizes, burst, fair: members of the rooms. quiet, busy: seconds. messages, floods: how many messages to measure a delay
# with, in a room alone and beside a flood. slow_bursts: in how many rounds a server that is slow in a burst has one.
FULL = {
    "sizes": [50, 200, 500],
    "burst": 200,
    "slow_bursts": 1,
    "fair": 50,
    "quiet": 1,
    "busy": 3,
    "messages": 20,
    "floods": 10,
}
QUICK = {
    "sizes": [10, 20],
    "burst": 20,
    "slow_bursts": 1,
    "fair": 10,
    "quiet": 0.1,
    "busy": 0.1,
    "messages": 2,
    "floods": 1,
}
ONLY = {"slow_bursts": 0, "quiet": 0, "floods": 0}  # what --only omits


def measure_all(plan, rounds, channels_4_1=None):
    """
    Measure all servers in turns. Return {"plan", "machine", "missing", "rounds", "burst_only"}.

    channels_4_1 is the folder for make_environment(), or None to do without Channels 4.1. "missing" has a sentence on
    each server that can't be measured. A round maps a server's name to what take_turn() found. "burst_only" maps the
    servers that have no other turn to their burst. Raises ServerFailed.
    """
    found = {"plan": plan, "machine": describe_machine(), "missing": [], "rounds": [], "burst_only": {}}
    burst_only = {} if plan["only"] else BURST_ONLY
    with serve_redis() as redis_url:
        kinds, found["missing"] = choose_servers(plan["only"], redis_url, channels_4_1)
        turns = rounds * len(kinds) + len(burst_only)
        with tqdm(total=turns, unit="turn", dynamic_ncols=True) as bar:
            for number in range(rounds):
                # Every other round goes backwards, so that a machine that slows down with time is fair to all.
                names = list(kinds) if number % 2 == 0 else list(reversed(kinds))
                found["rounds"].append({})
                for name in names:
                    bar.set_description(f"round {number + 1} of {rounds}: {name}")
                    with_burst = number < plan["slow_bursts"] or not kinds[name].slow_burst
                    found["rounds"][-1][name] = take_turn(name, kinds[name], redis_url, plan, with_burst)
                    bar.update()
            for name, kind in burst_only.items():
                bar.set_description(name)
                with serve(kind) as (server, _):
                    (found["burst_only"][name],) = measure(server, plan["burst"], "burst=3")
                bar.update()
    return found


def choose_servers(only, redis_url, channels_4_1):
    """Return (kinds, missing): the part of SERVERS that can be measured here, and a sentence on each of the others."""
    kinds = {name: kind for name, kind in SERVERS.items() if not only or name in only}
    missing = []
    if REDIS in kinds and not redis_url:
        del kinds[REDIS]
        missing.append(NO_REDIS)
    if OFFICIAL_4_1 in kinds:
        try:
            if channels_4_1 is None:
                raise NotMade(NO_CHANNELS_4_1)
            kinds[OFFICIAL_4_1] = replace(kinds[OFFICIAL_4_1], python=make_environment(channels_4_1))
        except NotMade as problem:
            del kinds[OFFICIAL_4_1]
            missing.append(str(problem))
    return kinds, missing


def take_turn(name, kind, redis_url, plan, with_burst):
    """
    Start a server, measure its rooms, and end it. Do the same for the burst, if asked for, and for the flood.

    Each has a server of its own, since a burst or a flood leaves work behind. Return {"start_up": seconds, "memory":
    bytes per member, "rooms": {size: {"busy", "delays"}}}, with "burst" if asked for, with "fair" for this project and
    stock, and with "behind" where there is a wall: how many seconds it was behind at most. Raises ServerFailed.
    """
    try:
        with serve(kind, redis_url) as (server, start_up):
            turn = {"start_up": start_up, "rooms": {}}
            busy, delays = f"busy={plan['busy']}", f"delays={plan['messages']}"
            # The largest room comes first, because of memory: a process seldom gives back what it has taken.
            *smaller, largest = plan["sizes"]
            quiet, *found = measure(server, largest, f"quiet={plan['quiet']}", busy, delays)
            turn["memory"] = quiet["bytes"]
            turn["rooms"][str(largest)] = dict(zip(("busy", "delays"), found, strict=True))
            for size in smaller:
                found = measure(server, size, busy, delays)
                turn["rooms"][str(size)] = dict(zip(("busy", "delays"), found, strict=True))
            if kind.has_wall:
                turn["behind"] = server.wall.behind
        if with_burst:
            with serve(kind, redis_url) as (server, _):
                (turn["burst"],) = measure(server, plan["burst"], "burst=3")
        if plan["floods"] and name in (PROJECT, STOCK):
            with serve(kind, redis_url) as (server, _):
                (turn["fair"],) = measure(server, plan["fair"], f"fair={plan['floods']}")
    except ServerFailed as problem:
        raise ServerFailed(f"{name}: {problem}") from None
    return turn


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, help="how many turns each server has (3)")
    parser.add_argument(
        "--sizes", type=read_sizes, metavar="N,N…", help="the sizes of the rooms, in members (50,200,500)"
    )
    parser.add_argument(
        "--only", type=read_names, metavar="NAME,NAME…", help="measure only these servers, and print tables"
    )
    parser.add_argument(
        "--channels-4-1", type=Path, metavar="FOLDER", help="measure Channels 4.1 too, in an environment made there"
    )
    parser.add_argument("--quick", action="store_true", help="a trial run: one round, small rooms")
    parser.add_argument("--write", action="store_true", help=f"write the report to {RESULTS.name}, with its picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw numbers there")
    parser.add_argument("--again", type=Path, metavar="FILE", help="report on raw numbers without measuring")
    arguments = parser.parse_args()
    if arguments.write and (arguments.quick or arguments.only):
        parser.error(f"{RESULTS.name} is for all servers, measured at length: use --write without --quick and --only.")
    if arguments.rounds is not None and arguments.rounds < 1:
        parser.error(f"--rounds is {arguments.rounds}, but has to be at least 1.")
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        for path in [RESULTS] * arguments.write + [arguments.json] * bool(arguments.json):
            check_writable(path)  # better now than in 20 minutes
        if arguments.again:
            found = read_raw(arguments.again)
        else:
            allow_many_sockets()
            rounds = arguments.rounds or (1 if arguments.quick else 3)
            found = measure_all(make_plan(arguments), rounds, arguments.channels_4_1)
    except ServerFailed as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit("\nEverything was stopped. Nothing was written.")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if found["plan"]["only"]:
        if arguments.write:
            sys.exit(
                f"{arguments.again} was made with --only, but {RESULTS.name} is for all servers. Nothing was written."
            )
        print(brief(found))
    elif arguments.write:
        draw(found, RESULTS.with_name(PICTURE))
        RESULTS.write_text(markdown(found), encoding="utf-8", newline="\n")
        print(f"The report is {RESULTS}, with its picture beside it.")
    else:
        print(markdown(found))


def read_names(text):
    """Return the names of servers in --only. Raises ArgumentTypeError if there is no server with such a name."""
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in SERVERS:
            raise argparse.ArgumentTypeError(f"there is no server {name!r}. The servers are: {', '.join(SERVERS)}.")
    return names


def read_sizes(text):
    """Return the sizes in --sizes, sorted. Raises ArgumentTypeError unless all are whole numbers from 1."""
    words = text.split(",")
    if not all(word.strip().isdecimal() and int(word) > 0 for word in words):
        raise argparse.ArgumentTypeError(f"expected numbers of members, such as 50,200,500, but got {text!r}.")
    return sorted({int(word) for word in words})


def make_plan(arguments):
    """Return the plan for measure_all(): FULL, changed by the arguments."""
    plan = {**(QUICK if arguments.quick else FULL), "only": arguments.only}
    if arguments.sizes:
        plan["sizes"] = arguments.sizes
    return {**plan, **ONLY} if arguments.only else plan


def check_writable(path):
    """End the script with a message if this file can't be written."""
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        sys.exit(f"{path} can't be written: {type(error).__name__}: {error}.")


def read_raw(path):
    """Return the raw numbers that --json has written. End the script with a message if they can't be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: found[name] for name in ("plan", "machine", "missing", "rounds", "burst_only")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"{path} was not written by --json: {type(error).__name__}: {error}.")


if __name__ == "__main__":
    main()
