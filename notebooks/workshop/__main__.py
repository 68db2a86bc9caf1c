"""
The verbs in a terminal, from the folder notebooks/: `python -m workshop check 3`.
"""

import argparse
import contextlib
import sys

from workshop import WorkshopError, check, difference, exercise, exercises, open_stage, serve


def main():
    parser = argparse.ArgumentParser(prog="python -m workshop", description="Work on a stage without Jupyter.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, description in {
        "open": "set up notebooks/workspace/ as the stage starts",
        "check": "run the stage's tests on notebooks/workspace/",
        "difference": "show what you have changed since the stage began",
    }.items():
        verbs.add_parser(verb, help=description).add_argument("stage", type=int)
    on_exercise = verbs.add_parser(
        "exercise", help="run an exercise's tests on notebooks/workspace/; without a name, list the exercises"
    )
    on_exercise.add_argument("name", nargs="?")
    verbs.add_parser("serve", help="serve notebooks/workspace/ until you press Enter")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        if arguments.verb == "open":
            open_stage(arguments.stage)
        elif arguments.verb == "exercise" and arguments.name is None:
            exercises()
        elif arguments.verb in ("check", "exercise"):
            found = check(arguments.stage) if arguments.verb == "check" else exercise(arguments.name)
            print(found)
            return 0 if found.green else 1
        elif arguments.verb == "difference":
            print(difference(arguments.stage))
        else:
            with serve() as server:
                print(server, flush=True)
                with contextlib.suppress(EOFError, KeyboardInterrupt):
                    input("Press Enter to stop. ")
    except WorkshopError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
