"""Meanings of names that nobody defined, and of variables without a value."""

import ast
import builtins
import importlib.util
import re

from stage.code import closest
from stage.meanings.imports import WHERE_FROM
from stage.meanings.meaning import Meaning, find_first


def a_name_is_missing(problem):
    """NameError: the name that is most like it, or the import that is missing."""
    found = re.search(r"^NameError: name '(\w+)' is not defined", problem.what)
    return find_first(OF_A_NAME, problem, found[1]) if found and problem.place else None


def an_include_without_quotes(problem, name):
    """include(chat.urls)."""
    file, line, _ = problem.place
    for call in problem.code.walk(file, ast.Call):
        if call.lineno <= line <= call.end_lineno and ast.unparse(call.func).endswith("include") and call.args:
            written = ast.unparse(call.args[0])
            if written.partition(".")[0] == name and "." in written:
                return Meaning(
                    "include() got a name of Python, and there is none. It takes the module's name as a string.",
                    f'include("{written}")',
                )
    return None


def a_word_of_another_language(problem, name):
    """true, false and null are JavaScript's."""
    right = {"true": "True", "false": "False", "null": "None", "none": "None"}.get(name)
    return Meaning(f"Python writes {right}.", f"{right} in place of {name}.") if right else None


def a_module_that_nobody_imported(problem, name):
    """A module of this name can be imported, and the file has no name that is more likely meant."""
    file = problem.place[0]
    if importlib.util.find_spec(name) is None or _most_alike(problem, name) in _own_names(problem):
        return None
    return Meaning(f"{file} uses {name} without importing it.", f"`import {name}` at the top of {file}.")


def self_is_missing(problem, name):
    """The file has an attribute of this name."""
    if "self." + name in problem.code.text(problem.place[0]):
        return Meaning(f"There is self.{name}, but here self. is missing.", f"self.{name}")
    return None


def an_import_that_is_missing(problem, name):
    """It is one of the names that the lesson imports."""
    if name not in WHERE_FROM:
        return None
    file, module = problem.place[0], WHERE_FROM[name]
    return Meaning(f"{file} uses {name} without importing it.", f"`from {module} import {name}` at its top.")


def another_name_is_like_it(problem, name):
    """The file, the function around the line, or Python itself has a name that is nearly this."""
    alike = _most_alike(problem, name)
    return Meaning(f"There is {alike}.", f"{alike}, if that is the name you mean.") if alike else None


OF_A_NAME = (
    an_include_without_quotes,
    a_word_of_another_language,
    a_module_that_nobody_imported,
    self_is_missing,
    an_import_that_is_missing,
    another_name_is_like_it,
)


def _most_alike(problem, name):
    return closest(name, _own_names(problem) | set(dir(builtins)), cutoff=0.7)


def _own_names(problem):
    """Return the names that the file has, and those that the functions around the line bind."""
    file, line, _ = problem.place
    names = set(problem.code.names(file) or {})
    for function in problem.code.around(file, line):
        names |= _stored([function])
        names |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    return names


def _stored(body):
    """Return the names that get a value in these statements."""
    names = (node for part in body for node in ast.walk(part) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


def a_variable_has_no_value_yet(problem):
    """UnboundLocalError: who else has a variable of this name, or which `except` went on."""
    early = re.search(r"(?:local|free) variable '(\w+)'", problem.what) if "UnboundLocal" in problem.what else None
    return (
        find_first([an_except_went_on, a_variable_of_the_outer_function], problem, early[1])
        if early and problem.place
        else None
    )


def an_except_went_on(problem, name):
    """The variable gets its value in a `try`, and the `except` gives it none."""
    file, line, _ = problem.place
    around = problem.code.around(file, line)
    for node in ast.walk(around[-1]) if around else ():
        if isinstance(node, ast.Try) and node.end_lineno < line and name in _stored(node.body):
            for handler in node.handlers:
                if not isinstance(handler.body[-1], (ast.Return, ast.Raise, ast.Continue)):
                    return Meaning(
                        f"{name} gets its value in the `try`. The `except` goes on without one.",
                        "The `except` ends with `return` or `raise`, or gives " + name + " a value.",
                        file,
                        handler.body[-1].lineno,
                    )
    return None


def a_variable_of_the_outer_function(problem, name):
    """A function in a function gives the variable a value, and so has one of its own."""
    around = problem.code.around(*problem.place[:2])
    if len(around) < 2:
        return None
    inner = around[-1].name
    return Meaning(
        f"{inner}() gives {name} a value further down, so here it is a variable of {inner}() itself, without one.",
        f"nonlocal {name}, as the first line of {inner}(), if the one of {around[-2].name}() is meant.",
    )
