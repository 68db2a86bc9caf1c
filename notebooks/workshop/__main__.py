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
    for verb, does in {
        "open": "make notebooks/workspace/ what the stage starts from",
        "check": "run the stage's tests on notebooks/workspace/",
        "difference": "show what you changed since the stage's beginning",
    }.items():
        verbs.add_parser(verb, help=does).add_argument("stage", type=int)
    on_exercise = verbs.add_parser("exercise", help="run an exercise's tests on notebooks/workspace/, or list all")
    on_exercise.add_argument("name", nargs="?")
    verbs.add_parser("serve", help="serve notebooks/workspace/ until Enter is pressed")
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
                    input("Enter ends it. ")
    except WorkshopError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
