"""A slip, and what the looks for slips share. A look is a function that yields the slips of one kind."""

import ast
import itertools
from dataclasses import dataclass

CONSUMER = "chat/consumers.py"
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef


@dataclass(frozen=True)
class Slip:
    """A slip in one line of a file: what is there, and what is asked instead."""

    file: str
    line: int
    seen: str
    asked: str
    opens: str | None = None  # the file to change, if not the one with this line

    def tell(self, code):
        """Return what is there, with the line itself."""
        return self.seen + code.place(self.file, self.line)


def find_each(looks, *where):
    """Yield what each of these looks finds there."""
    for look in looks:
        yield from look(*where)


def find_first(looks, *where):
    """Yield one slip at most: the first that one of these looks finds there."""
    yield from itertools.islice(find_each(looks, *where), 1)


def name_called(call):
    """Return the name that a call calls, without what is before its last dot."""
    return ast.unparse(call.func).rpartition(".")[2]


def returns_something(function):
    """Return whether a `return` with a value is in this function."""
    return any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function))


def join(names):
    """Return the names as a sentence has them: "one, another and a third"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
