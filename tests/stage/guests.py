"""
What the tests of "async, in one picture" share: the student's welcome.py, guests to be welcomed, and failures in words.

No Django here: the file needs none.
"""

import ast
import asyncio
import functools
import gc
import inspect
import re
import sys
import time
import traceback
import types
import warnings
from pathlib import Path

from stage.code import closest, parse, shorten, tell_place
from stage.errors import missing_file
from stage.expectations import Unmet, expect

WELCOME = "welcome.py"
REPOSITORY = Path(__file__).resolve().parents[2]
QUICK = 20  # turns of the event loop: more than any of what happens here takes
PATIENCE = 120  # turns, most of them 5 ms long, until a test gives up: counted, for a slow computer is nobody's fault

# What errors mean here: (a pattern to look for, what the error means, what is asked).
MEANINGS = [
    (
        r"asyncio\.run\(\) cannot be called|event loop is already running",
        "An event loop is running already, and this line would start a second one.",
        "`await` in place of what starts the loop. Outside of a coroutine, this file starts nothing.",
    ),
    (
        r"'await' outside|outside (?:of )?(?:an )?async(?:hronous)? function",
        "`await` can only be inside a function that begins with `async def`.",
        "`async def` in place of `def`.",
    ),
    (
        r"(?:method|function)'? (?:object )?can't be (?:used in 'await'|awaited)",
        "The parentheses are missing: without them nothing is called, and there is nothing to wait for.",
        "The call with its parentheses, as in `await person.hear()`.",
    ),
    (
        r"can't be (?:used in 'await' expression|awaited)",
        "`await` needs something to wait for, such as what a call of a coroutine function returns. This is none.",
        "`await` only before calls of coroutine functions, before tasks, and before asyncio.gather().",
    ),
    (
        r"cannot reuse already awaited coroutine",
        "A coroutine runs once, and this one has been awaited before.",
        "A new call for each time: welcome(person) makes a new coroutine.",
    ),
]


class Party:
    """The student's welcome.py, and the guests of one test. `log` has what happened, in order."""

    def __init__(self, project):
        self.path = Path(project).resolve() / WELCOME
        self.log = []
        self.slept = []  # the numbers of the lines in welcome.py that called time.sleep()

    @functools.cached_property
    def code(self):
        """The module, loaded afresh. Raises what loading it raises."""
        if not self.path.is_file():
            raise missing_file(WELCOME, self.path.parent, "The file that the notebook's cell writes: run that cell.")
        module = types.ModuleType("welcome")
        exec(compile(self.path.read_bytes(), str(self.path), "exec"), vars(module))
        return module

    def guests(self, *names):
        return [Guest(name, self.log) for name in names]

    def start(self, name, argument, **options):
        """Call a function of welcome.py, and return the task in which its coroutine runs."""
        function = getattr(self.code, name, None)
        alike = closest(name, [key for key, value in vars(self.code).items() if inspect.isfunction(value)])
        expect(
            inspect.isfunction(function),
            seen=f"{WELCOME} has no function {name}." + (f" But it has {alike}." if alike else ""),
            asked=f"A function of this name: `async def {name}(…)`.",
            file=WELCOME,
        )
        try:
            inspect.signature(function).bind(argument, **options)
        except TypeError as error:
            given = ", ".join(["people" if name == "welcome_all" else "person", *(f"{key}=…" for key in options)])
            raise Unmet(
                f"The function is {name}{inspect.signature(function)}, and {name}({given}) can't call it: {error}.",
                f"A function that can be called as {name}({given}).",
                WELCOME,
            ) from None
        made = function(argument, **options)
        expect(
            inspect.isawaitable(made),
            seen=f"{name}() returned {shorten(made)} at once, and no coroutine: it is a `def`, not an `async def`.",
            asked=f"`async def {name}(…)`.",
            file=WELCOME,
        )
        return asyncio.ensure_future(made)

    def place(self, line):
        """Return where this line of welcome.py is, as a message's second line."""
        return tell_place(WELCOME, line, _line(self.path, line))

    async def until(self, condition, task=None):
        """Let everybody go on until condition() is true or the task is over. Return whether it is true."""
        for turn in range(PATIENCE):
            if condition() or (task and task.done()):
                break
            await asyncio.sleep(0 if turn < QUICK else 0.005)
        return bool(condition())

    async def turns(self):
        """Let everybody go on until they wait for somebody's answer."""
        for _ in range(QUICK):
            await asyncio.sleep(0)

    async def result(self, task, name):
        """Return what the task returns. Raises its error, or Unmet if it doesn't end or returns a mere promise."""
        await self.until(task.done)
        last = f" The last thing that happened: {self.log[-1]}." if self.log else ""
        expect(
            task.done(),
            seen=f"{name}() doesn't end: it still waits for something that never comes.{last}",
            asked="Each person is asked once, and their answer is waited for once.",
            file=WELCOME,
        )
        result = task.result()
        promises = [value for value in (result if isinstance(result, list) else [result]) if inspect.isawaitable(value)]
        if promises and inspect.iscoroutine(promises[0]):
            raise _forgotten(promises[0], self.path) or Unmet(
                f"{name}() returned a coroutine that nobody has awaited.", "`await` before the call.", WELCOME
            )
        expect(
            not promises,
            seen=f"{name}() returned {'tasks' if isinstance(result, list) else f'a {type(result).__name__}'}: the "
            "promise of a result, and not yet the result.",
            asked="`await` before what promises the result, such as asyncio.gather(…) or a task.",
            file=WELCOME,
        )
        return list(result) if isinstance(result, tuple) else result


class Guest:
    """Somebody who is asked and greeted: `heard` has all that was said to them. They answer when the test says so."""

    def __init__(self, name, log):
        self.name, self.log = name, log
        self.heard = []
        self._decided = asyncio.Event()
        self._error = None

    async def say(self, text):
        await asyncio.sleep(0)
        self.heard.append(text)
        self.log.append(f"{self.name} heard {text!r}")

    async def hear(self):
        await self._decided.wait()
        if self._error:
            raise self._error
        self._decided.clear()  # they say it once
        return self.name

    def answer(self):
        """Say one's name."""
        self.log.append(f"{self.name} answered")
        self._decided.set()

    def leave(self, error=None):
        """Hang up: whoever waits for the answer gets this error."""
        self._error = error or ConnectionError(f"{self.name} has left")
        self.log.append(f"{self.name} left")
        self._decided.set()


def told(test):
    """Make a test fail in words, whatever the student's file does. Its only argument is the `party`."""

    @functools.wraps(test)
    async def told_test(party):
        error, depth, sleep = None, sys.get_coroutine_origin_tracking_depth(), time.sleep

        def noted_sleep(seconds):
            frame = sys._getframe(1)
            if frame.f_code.co_filename != str(party.path):
                return sleep(seconds)
            party.slept.append(frame.f_lineno)

        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            sys.set_coroutine_origin_tracking_depth(1)  # a coroutine knows the line that made it
            time.sleep = noted_sleep
            try:
                await test(party)
            except Exception as raised:
                error = raised
            finally:
                time.sleep = sleep
                sys.set_coroutine_origin_tracking_depth(depth)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)
            unmet, is_known = _explain(error, test.__doc__, party.path) if error else (None, False)
            if not is_known:  # an error that says little may come of a coroutine that stands where its result should
                unmet = _find_forgotten(warned, party.path) or unmet
        if unmet:
            raise unmet from error

    return told_test


def _find_forgotten(warned, path):
    """Return an Unmet for a coroutine that never ran: one that is gone, as its warning says, or one still there."""
    gone = [warning.source for warning in warned if "was never awaited" in str(warning.message)]
    there = [
        thing
        for thing in gc.get_objects()
        if type(thing) is types.CoroutineType  # isinstance() would set up Django's settings, which are lazy
        and inspect.getcoroutinestate(thing) == inspect.CORO_CREATED
    ]
    return next(filter(None, [_forgotten(coroutine, path) for coroutine in gone + there if coroutine]), None)


def _forgotten(coroutine, path):
    """Return an Unmet for a coroutine that was made in this file and never awaited, or None for one from elsewhere."""
    made_in, line, _ = (coroutine.cr_origin or [(None, 0, None)])[0]
    if made_in != str(path):
        return None
    coroutine.close()  # it would warn once more
    name, code = coroutine.__name__, _line(path, line)
    asked = f"Write `await` before {f'{name}(…)' if f'{name}(' in code else 'the call'}"
    asked += ", or give all of them to `await asyncio.gather(…)`." if name == "try_to_welcome" else "."
    unmet = Unmet(
        f"{name}() was called without `await`, so it never ran.{tell_place(WELCOME, line, code)}", asked, WELCOME
    )
    unmet.sure = True
    return unmet


def _explain(error, asked, path):
    """Return an Unmet for any error, and whether it is known what the error means."""
    if isinstance(error, Unmet):
        return error, error.sure
    what = re.sub(r" at 0x\w+", "", f"{type(error).__name__}: {error}")
    if isinstance(error, SyntaxError):
        what, lines = f"{type(error).__name__}: {error.msg}", [error.lineno or 1]
    else:
        lines = [step.lineno for step in traceback.extract_tb(error.__traceback__) if step.filename == str(path)]
    if not lines:
        return Unmet(what, asked, WELCOME), False
    found = [(words, wanted) for pattern, words, wanted in MEANINGS if re.search(pattern, what)]
    found = [*_find_what_gather_got(error, path, lines[-1]), *found]
    seen = what + tell_place(WELCOME, lines[-1], _line(path, lines[-1]))
    unmet = Unmet(f"{seen}\n       {found[0][0]}", found[0][1], WELCOME) if found else Unmet(seen, asked, WELCOME)
    unmet.sure = True
    return unmet, bool(found)


def _find_what_gather_got(error, path, line):
    """Yield (meaning, what is asked) for an error in a line that gives gather() or create_task() something else."""
    if not isinstance(error, (TypeError, RuntimeError)):
        return
    tree = parse(path.read_text(encoding="utf-8", errors="replace"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef)}
    for call in ast.walk(tree):
        name = ast.unparse(call.func).rpartition(".")[2] if isinstance(call, ast.Call) else ""
        if (
            name not in ("gather", "create_task", "ensure_future", "wait_for")
            or not call.lineno <= line <= call.end_lineno
        ):
            continue
        calls = [node for node in ast.walk(call) if isinstance(node, ast.Call)]
        called = [inner.func for inner in calls] + [
            inner.args[0] for inner in calls if ast.unparse(inner.func) == "map"
        ]
        for node in ast.walk(call):
            if isinstance(node, ast.Name) and node.id in functions and node not in called:
                yield (
                    f"{node.id} without parentheses is the function itself. Only a call of it makes a coroutine.",
                    f"Coroutines for {name}(): {node.id}(person).",
                )
        in_one = any(isinstance(given, (ast.List, ast.ListComp, ast.GeneratorExp, ast.Tuple)) for given in call.args)
        if name == "gather" and (in_one or "unhashable type: 'list'" in str(error)):
            yield (
                "gather() takes each coroutine as an argument of its own, and got all of them in one.",
                "A star before the list takes it apart: asyncio.gather(*[…]).",
            )


def _line(path, number):
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""
