"""
The verbs in a terminal, from the folder notebooks/: `python -m workshop check 3`.
"""

import argparse
import contextlib
import json
import os
import re
import sys

from workshop import (
    WorkshopError,
    bring_back,
    check,
    difference,
    exercise,
    exercises,
    forget,
    hint,
    join_class,
    leave_class,
    make_mistake,
    mistakes,
    open_stage,
    predict,
    progress,
    put_back,
    reveal,
    serve,
    start_class,
    surprise,
)
from workshop.lesson.data import questions
from workshop.lesson.stages import find_notebook, read_stage, stages
from workshop.verbs.write import write_gaps, write_solution

# The verbs with a stage: python -m workshop open 3. The others have arguments of their own, or none.
WITH_A_STAGE = {
    "open": "set up notebooks/workspace/ as the stage starts",
    "read": "print the stage's notebook",
    "write": "write the stage's files into notebooks/workspace/, with the gaps that are yours to fill",
    "check": "run the stage's tests on notebooks/workspace/",
    "difference": "show what you have changed since the stage began",
    "mistakes": "list the stage's classic mistakes",
    "surprise": "put one of them into notebooks/workspace/, without saying which",
}
WITHOUT = {
    "reveal": "say which mistake is in your project",
    "put_back": "take it out again",
    "bring_back": "put the work that `open` has moved aside in place again",
    "progress": "show what you have done",
    "forget": "forget what you have done",
    "serve": "serve notebooks/workspace/ until you press Enter",
    "leave": "stop reporting to the class's board",
}


def main():
    parser = argparse.ArgumentParser(prog="python -m workshop", description="Work on a stage without Jupyter.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, description in WITH_A_STAGE.items():
        verbs.add_parser(verb, help=description).add_argument("stage", type=read_stage)
    for verb, description in WITHOUT.items():
        verbs.add_parser(verb, help=description)
    verbs.choices["read"].add_argument("--unfolded", action="store_true", help="with the exercises' solutions")
    verbs.choices["check"].add_argument("--part", type=int, help="only the tests of the parts up to this one: 1 or 2")
    on_hint = verbs.add_parser("hint", help="print the next hint for a gap, or for an exercise")
    on_hint.add_argument("gap", nargs="?")
    on_solution = verbs.add_parser("solution", help="write the lesson's solution, unless yours is green")
    on_solution.add_argument("stage", type=read_stage)
    on_solution.add_argument("file", nargs="?")
    on_mistake = verbs.add_parser("mistake", help="put a classic mistake into notebooks/workspace/")
    on_mistake.add_argument("name")
    on_mistake.add_argument("--in-lessons-code", action="store_true", help="if it doesn't fit yours")
    on_question = verbs.add_parser("predict", help="ask a question, or answer it: predict NAME b")
    on_question.add_argument("name", help="a question's name, or a stage whose questions to list")
    on_question.add_argument("answer", nargs="?")
    on_exercise = verbs.add_parser(
        "exercise", help="run an exercise's tests on notebooks/workspace/; without a name, list the exercises"
    )
    on_exercise.add_argument("name", nargs="?")
    on_join = verbs.add_parser("join", help="say what the class's board would be told; with --agree, report to it")
    on_join.add_argument("address", help="such as 192.168.1.20:8001/k7fd2q9x")
    on_join.add_argument("--name", help="your name on the board; without one, you are a number")
    on_join.add_argument("--agree", action="store_true")
    on_class = verbs.add_parser(
        "class", help="serve the chat to everyone in the network, with a wall for the projector"
    )
    on_class.add_argument("--own", action="store_true", help="the chat in notebooks/workspace/, not the finished one")
    on_class.add_argument("--board", action="store_true", help="with a board, to which students may report")
    on_class.add_argument("--address", help="this computer's, in the network of the class")
    on_class.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        return do(arguments)
    except WorkshopError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads has read enough, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def do(arguments):
    """Do what the command says. Return its exit code: 1 if something was checked, and isn't green."""
    match arguments.verb:
        case "open":
            open_stage(arguments.stage)
        case "read":
            read(arguments.stage, arguments.unfolded)
        case "write":
            write_gaps(arguments.stage)
        case "solution":
            write_solution(arguments.stage, arguments.file)
        case "hint":
            hint(arguments.gap)
        case "mistakes":
            mistakes(arguments.stage)
        case "mistake":
            print(make_mistake(arguments.name, arguments.in_lessons_code))
        case "surprise":
            surprise(arguments.stage)
        case "reveal":
            print(reveal())
        case "put_back":
            put_back()
        case "predict" if arguments.answer is None and read_stage(arguments.name) in stages():
            for question in questions(read_stage(arguments.name)):
                print(f"{question['name']:28} {question['question']}")
        case "predict":
            print(predict(arguments.name, arguments.answer))
            if arguments.answer is None:
                print(f"In a terminal: python -m workshop predict {arguments.name} a")
        case "bring_back":
            bring_back()
        case "progress":
            print(progress())
        case "forget":
            forget()
        case "difference":
            print(difference(arguments.stage))
        case "exercise" if arguments.name is None:
            exercises()
        case "check" | "exercise":
            checks = arguments.verb == "check"
            found = check(arguments.stage, arguments.part) if checks else exercise(arguments.name)
            print(found)
            return 0 if found.green else 1
        case "join":
            join_class(arguments.address, arguments.name, arguments.agree)
            if not arguments.agree:
                print(f"In a terminal: python -m workshop join {arguments.address} --name Ada --agree")
                print("               python -m workshop leave")
        case "leave":
            leave_class()
        case "serve":
            run_until_enter(serve())
        case "class":
            run_until_enter(start_class(arguments.own, arguments.board, arguments.address, arguments.port))
    return 0


def run_until_enter(server):
    """Say where a server, or a class, is to be found, and stop it when Enter is pressed."""
    with server:
        print(server, flush=True)
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            input("Press Enter to stop. ")


def read(stage, unfolded=False):
    """Print a notebook's text and code, without what is folded in it: its solutions."""
    for cell in json.loads(find_notebook(stage).read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        if not unfolded:
            folded = r"<details><summary>(.*?)</summary>.*?</details>"
            source = re.sub(folded, rf"(\1 is folded here: read {stage} --unfolded)", source, flags=re.DOTALL)
        source = source.replace("\\|", "|") if cell["cell_type"] == "markdown" else source  # a table's own spelling
        if not source.startswith("%%solution"):
            print(
                source if cell["cell_type"] == "markdown" else "\n".join(f"    {line}" for line in source.split("\n"))
            )
            print()


if __name__ == "__main__":
    sys.exit(main())
