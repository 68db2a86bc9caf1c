"""For errors that no test foresaw: where in the project they came from, and what they mean."""

import linecache
import re
import traceback
from pathlib import Path

from stage.expectations import Unmet
from stage.meanings import MEANINGS


def explain(error, project, asked, file):
    """
    Return an Unmet that says where in the project an unforeseen error came from, and what it means.

    `error` is what was raised, and `project` is the folder that holds manage.py. `asked` and `file` say what the
    failed test is about: `file` is the one to open unless the error points to another.
    """
    chain = [error]
    while before := chain[-1].__cause__ or (None if chain[-1].__suppress_context__ else chain[-1].__context__):
        chain.append(before)  # Channels and Django wrap an ImportError, for example
    cause = next((link for link in reversed(chain) if _places(link, project)), error)
    words = cause.msg if isinstance(cause, SyntaxError) else str(cause)
    what = ": ".join(filter(None, [type(cause).__name__, words]))
    return _explain(what, _places(cause, project), project, asked, file)


def explain_output(output, project, asked, file):
    """Return such an Unmet for what another Python process printed: its traceback, or its last line."""
    what = (output.strip().splitlines() or ["nothing"])[-1]
    steps = re.findall(r'^ *File "(.+)", line (\d+).*\n *(.*)', output, flags=re.MULTILINE)
    return _explain(
        what, own_places(((name, int(line), code) for name, line, code in steps), project), project, asked, file
    )


def _explain(what, places, project, asked, file):
    module = re.search(r"No module named '((?:chat|tutorial)(?:\.\w+)*)'", what)
    if module:
        file = module[1].replace(".", "/") + (".py" if "." in module[1] else "/__init__.py")
        return missing_file(file, project, asked)
    template = re.fullmatch(r"TemplateDoesNotExist: ([\w./]+)", what)
    if template and not (Path(project) / "chat" / "templates" / template[1]).is_file():
        return missing_file(f"chat/templates/{template[1]}", project, "Django looks for templates in chat/templates/.")
    if places:
        what += "\n       in {}, line {}: {}".format(*places[-1])
        file = places[-1][0]
    else:
        what = what.rstrip(".") + "."
    for pattern, meaning, opens in MEANINGS:
        found = re.search(pattern, what)
        if found:
            return Unmet(f"{what}\n       {meaning.format(*found.groups())}", asked, opens or file)
    return Unmet(what, asked, file)


def missing_file(file, project, asked):
    """Return an Unmet that says that the project has no such file, and where there is one of that name instead."""
    if (Path(project) / "tutorial" / "manage.py").is_file() and not (Path(project) / "manage.py").is_file():
        file = "manage.py"  # the whole project is where manage.py is
        asked = (
            "startproject was run without the dot at the end, which means “here”. "
            "Move tutorial/manage.py up into this folder, and the files in tutorial/tutorial/ into tutorial/."
        )
    name = Path(file).name if file.startswith("chat/templates/") else file
    elsewhere = [
        path.relative_to(project).as_posix()
        for folder in ("tutorial", "chat")
        for path in sorted((Path(project) / folder).rglob(name))
    ]
    if not elsewhere:
        return Unmet(f"There is no {file}.", asked, file)
    if file.startswith("chat/templates/"):
        asked = f"Move it to {file}: the view renders {file[15:]}, and Django looks for that in chat/templates/."
    return Unmet(f"There is no {file}. But there is {elsewhere[0]}.", asked, elsewhere[0])


def _places(error, project):
    """Return (file, line number, code) for each step of the error's traceback that is in the project."""
    steps = [(step.filename, step.lineno, step.line) for step in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        steps.append((error.filename, error.lineno, (error.text or "").strip()))
    return own_places(steps, project)


def own_places(steps, project):
    """Return the steps that are in the project. A step is (file name, line number, code)."""
    project = Path(project).resolve()
    own = []
    for filename, line, code in steps:
        path = Path(filename).resolve()
        if path.is_relative_to(project) and path.relative_to(project).parts[0] in ("manage.py", "tutorial", "chat"):
            own.append((path.relative_to(project).as_posix(), line, code))
    return own


def find_forgotten_await(warned, project):
    """Return an Unmet for the first warning about one of the project's coroutines, or None if there is none."""
    for warning in warned:
        called = re.match(r"coroutine '(?:\w+\.)*(\w+)' was never awaited", str(warning.message))
        code = linecache.getline(warning.filename, warning.lineno).strip()
        places = own_places([(warning.filename, warning.lineno, code)], project)
        if called and places:
            where = "in {}, line {}: {}".format(*places[0])
            call = f"{called[1]}(…)" if f"{called[1]}(" in code else "the call"  # it is called by another name
            return Unmet(
                f"{called[1]}() was called without `await`, so it never ran.\n       {where}",
                f"Write `await` before {call}.",
                places[0][0],
            )
    return None
