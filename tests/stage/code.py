"""The student's project as it is written: read with `ast`, and never run."""

import ast
import contextlib
import difflib
import functools
import gc
import inspect
import operator
import os
import re
from pathlib import Path

# The files that the stages write, and the stage that first asks for each.
FILES = {
    "manage.py": 1,
    "tutorial/__init__.py": 1,
    "tutorial/settings.py": 1,
    "tutorial/urls.py": 1,
    "tutorial/asgi.py": 1,
    "chat/__init__.py": 1,
    "tutorial/routing.py": 2,
    "chat/urls.py": 2,
    "chat/routing.py": 2,
    "chat/consumers.py": 3,
    "chat/views.py": 5,
    "chat/templates/chat/index.html": 5,
    "chat/templates/chat/room.html": 5,
    "chat/messages.py": 6,
    "chat/rooms.py": 6,
    "chat/sockets.py": 6,
    "tutorial/middleware.py": 6,
    "chat/layers.py": 8,
    "chat/apps.py": 10,
    "chat/people.py": 10,
    "chat/signals.py": 10,
    "chat/tokens.py": 10,
    "chat/templates/registration/login.html": 10,
    "tutorial/token_auth.py": 10,
    "chat/admin.py": 11,
    "chat/history.py": 11,
    "chat/models.py": 11,
    "chat/notices.py": 13,
    "chat/management/commands/announce.py": 13,
    "chat/presence.py": 14,
    "deploy/chat.conf": 15,
    "deploy/chat@.service": 15,
    "deploy/chat.env": 15,
}

# What other files look for in these, and the stage from which they do.
LOOKED_FOR = {
    "tutorial/routing.py": {"application": 2},
    "tutorial/urls.py": {"urlpatterns": 1},
    "chat/urls.py": {"urlpatterns": 2},
    "chat/routing.py": {"websocket_urlpatterns": 2},
    "chat/consumers.py": {"ChatConsumer": 3},
}


def stage_of(test=None):
    """Return the number of the stage to which a test or an exercise belongs: by its id, or the one that runs now."""
    return int(re.search(r"(?:test|exercise)_(\d+)_", test or os.environ["PYTEST_CURRENT_TEST"])[1])


@functools.cache
def read_code(project):
    """Return the Code of this project, which is read once: its files don't change while tests run."""
    return Code(project)


class Code:
    """The Python files of the project in a folder. `files` are their paths in it, as in "chat/consumers.py"."""

    def __init__(self, project):
        self.project = Path(project).resolve()
        found = [path for folder in ("tutorial", "chat") for path in sorted((self.project / folder).rglob("*.py"))]
        found += [path for path in [self.project / "manage.py"] if path.is_file()]
        self.files = [path.relative_to(self.project).as_posix() for path in found]

    @functools.cache  # noqa: B019 - a Code lives as long as one test run
    def file_of(self, filename):
        """Return which of the files this is, as in "chat/consumers.py", or None. `filename` is as in a traceback."""
        path = Path(filename).resolve()
        file = path.relative_to(self.project).as_posix() if path.is_relative_to(self.project) else None
        return file if file in self.files else None

    @functools.cache  # noqa: B019
    def text(self, file):
        """Return what the file holds, or "" if there is no such file or it is no text."""
        try:
            return (self.project / file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""

    def line(self, file, number):
        """Return a line of the file, without its indent."""
        lines = self.text(file).splitlines()
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def place(self, file, number):
        """Return tell_place() of a line of a file."""
        return tell_place(file, number, self.line(file, number))

    def tree(self, file):
        """Return the file's syntax tree. It is empty if Python can't read the file."""
        return self.nodes(file)[0]

    @functools.cache  # noqa: B019
    def nodes(self, file):
        """Return all nodes of the file's syntax tree, in the order of ast.walk(). Each but the first has a parent."""
        nodes = [parse(self.text(file))]
        for parent in nodes:  # which grows meanwhile
            for child in ast.iter_child_nodes(parent):
                child.parent = parent
                nodes.append(child)
        return nodes

    @functools.cache  # noqa: B019
    def _by_kind(self, file):
        """Return {kind of node: [(number, node) of each in the file]}."""
        found = {}
        for number, node in enumerate(self.nodes(file)):
            found.setdefault(type(node), []).append((number, node))
        return found

    def walk(self, file, *kinds):
        """Yield the nodes of these kinds in the file."""
        found = [each for kind, nodes in self._by_kind(file).items() if issubclass(kind, kinds) for each in nodes]
        return (node for _, node in sorted(found, key=operator.itemgetter(0)))

    @functools.cache  # noqa: B019
    def names(self, file):
        """Return {name: line number} of what the file defines or imports, or None if it imports all of a module (*)."""
        names = {}
        for node in _statements(self.tree(file).body):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                names[node.name] = node.lineno
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                for alias in node.names:
                    if alias.name == "*":
                        return None
                    names[alias.asname or alias.name.partition(".")[0]] = node.lineno
            elif isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
                for target in ast.walk(node):
                    if isinstance(target, ast.Name) and isinstance(target.ctx, ast.Store):
                        names[target.id] = node.lineno
        return names

    def find_class(self, file, name):
        """Return the class of this name that the file defines, or None."""
        return next(
            (node for node in self.tree(file).body if isinstance(node, ast.ClassDef) and node.name == name), None
        )

    def functions(self, name):
        """Return (file, node) for each function or method of this name in the project."""
        kinds = ast.FunctionDef, ast.AsyncFunctionDef
        return [(file, node) for file in self.files for node in self.walk(file, *kinds) if node.name == name]

    def around(self, file, line):
        """Return the functions that hold this line of a file, from the outermost to the innermost."""
        functions = self.walk(file, ast.FunctionDef, ast.AsyncFunctionDef)
        return [function for function in functions if function.lineno <= line <= function.end_lineno]

    def mentions(self, text):
        """Return (file, line number) of each string and each import in the project that names this."""
        found = []
        for file in self.files:
            for node in self.walk(file, ast.Constant, ast.Import, ast.ImportFrom):
                if isinstance(node, ast.Constant):
                    named = isinstance(node.value, str) and (node.value == text or node.value.startswith(text + "."))
                elif isinstance(node, ast.Import):
                    named = any(alias.name == text or alias.name.startswith(text + ".") for alias in node.names)
                else:
                    module = node.module or ""
                    named = module == text or any(f"{module}.{alias.name}" == text for alias in node.names)
                if named and not is_docstring(node):
                    found.append((file, node.lineno))
        return found


def parse(text):
    """Return the syntax tree of a text. It is empty if Python can't read the text."""
    try:
        with _no_garbage_collected():
            return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


@contextlib.contextmanager
def _no_garbage_collected():
    """Keep garbage where it is: on Python 3.11, ast.parse() fails if a collection runs code meanwhile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _statements(body):
    """Yield the statements of a module, those in its `if` and `try` too, but not those in functions and classes."""
    for node in body:
        yield node
        if isinstance(node, (ast.If, ast.Try, ast.With, ast.For)):
            for field in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, field, []))
            for handler in getattr(node, "handlers", []):
                yield from _statements(handler.body)


def is_docstring(node):
    """Return whether this node is a string that stands alone."""
    return isinstance(node, ast.Constant) and isinstance(getattr(node, "parent", None), ast.Expr)


def signature(function):
    """Return the inspect.Signature of a function's node."""
    kinds, given = inspect.Parameter, function.args
    positional = [*given.posonlyargs, *given.args]
    parameters = []
    for index, argument in enumerate(positional):
        kind = kinds.POSITIONAL_ONLY if index < len(given.posonlyargs) else kinds.POSITIONAL_OR_KEYWORD
        optional = index >= len(positional) - len(given.defaults)
        parameters.append(kinds(argument.arg, kind, default=None if optional else kinds.empty))
    if given.vararg:
        parameters.append(kinds(given.vararg.arg, kinds.VAR_POSITIONAL))
    for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        parameters.append(kinds(argument.arg, kinds.KEYWORD_ONLY, default=kinds.empty if default is None else None))
    if given.kwarg:
        parameters.append(kinds(given.kwarg.arg, kinds.VAR_KEYWORD))
    return inspect.Signature(parameters)


def takes(function, *arguments, **keywords):
    """Return whether a function's node can be called with these arguments."""
    try:
        signature(function).bind(*arguments, **keywords)
    except TypeError:
        return False
    return True


def closest(name, names, cutoff=0.75):
    """Return the name among these that is most like this one, upper and lower case aside, or None."""
    lowered = {}
    for other in names:
        if other != name:
            lowered.setdefault(other.lower(), other)
    alike = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=cutoff)
    return lowered[alike[0]] if alike else None


def route_parts(text):
    """Return the names of the parts that routes capture: of path("<str:name>") and of re_path("(?P<name>…)")."""
    return [first or second for first, second in re.findall(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>", text)]


def tell_place(file, line, code):
    """Return where something is, as a line of a message that goes on below its first."""
    return f"\n       in {file}, line {line}: {code}"


def shorten(value, length=60):
    """Return repr(value), cut if it is long."""
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 2]}…{text[-1]}"
