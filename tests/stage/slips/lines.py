"""Slips in single lines, in any file: a comma too many, == for =, a result thrown away, a string without its f."""

import ast
import re

from stage.code import is_docstring
from stage.slips.slip import CONSUMER, FUNCTIONS, Slip, find_each, returns_something


def slips_in_lines(code, file):
    """Yield the slips in the lines of a file."""
    if any(map(_has_no_braces, code.walk(file, ast.JoinedStr))):
        for function in code.walk(file, *FUNCTIONS):
            yield from an_f_without_braces(file, function)
    for node in code.walk(file, *OF_A_NODE):
        yield from find_each(OF_A_NODE[type(node)], code, file, node)


# Assignments and returns


def a_comma_at_the_end(code, file, node):
    """A comma at the end of a line makes a tuple."""
    value = node.value
    if isinstance(value, ast.Tuple) and len(value.elts) == 1 and _bare(code, file, value):
        what = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else "The result"
        yield Slip(
            file,
            node.lineno,
            f"The comma at the end of the line makes a tuple: {what} is {ast.unparse(value)}.",
            "The line without the comma at its end.",
        )


def _bare(code, file, node):
    """Return whether a tuple is written without parentheses."""
    return not (ast.get_source_segment(code.text(file), node) or "(").startswith("(")


# Lines of which only the result would count


def a_response_thrown_away(code, file, node):
    """A view makes a response, and doesn't return it."""
    if file != "chat/views.py" or not isinstance(node.value, ast.Call):
        return
    name = ast.unparse(node.value.func)
    own = [function for where, function in code.functions(name) if where == file and returns_something(function)]
    if own or name in ("render", "redirect"):
        seen = f"{name}() makes a response, and this line throws it away."
        yield Slip(file, node.lineno, seen, f"return {name}(…)")


def a_comparison_for_an_assignment(code, file, node):
    """== stands where = is meant."""
    value = node.value
    if isinstance(value, ast.Compare) and len(value.ops) == 1 and isinstance(value.ops[0], ast.Eq):
        left = ast.unparse(value.left)
        yield Slip(file, node.lineno, "== compares, and nothing happens with the result.", f"One = to set {left}.")


def a_clean_name_thrown_away(code, file, node):
    """The consumer calls clean_name(), and keeps the name that it had."""
    value = node.value
    if file == CONSUMER and isinstance(value, ast.Call) and ast.unparse(value.func).endswith("clean_name"):
        seen = "clean_name() changes nothing: it returns the clean name, and this line throws it away."
        yield Slip(file, node.lineno, seen, f"room_name = {ast.unparse(value)}, say.")


def a_call_without_parentheses(code, file, node):
    """A function is only named."""
    value = node.value.value if isinstance(node.value, ast.Await) else node.value
    if isinstance(value, (ast.Attribute, ast.Name)):
        name = ast.unparse(value)
        seen = f"{name} is only named here, not called: the parentheses are missing."
        yield Slip(file, node.lineno, seen, f"{name}(…)")


# Strings


def an_f_without_braces(file, function):
    """An f-string in a function has no braces."""
    for node in ast.walk(function):
        if isinstance(node, ast.JoinedStr) and _has_no_braces(node):
            text = ast.unparse(node)
            yield Slip(
                file,
                node.lineno,
                f"{text} has an f in front and no braces in it, so nothing is put in.",
                "Braces around each name that is to be replaced by its value.",
            )


def _has_no_braces(string):
    """Return whether an f-string puts nothing in."""
    return not any(isinstance(part, ast.FormattedValue) for part in string.values)


def braces_without_an_f(code, file, node):
    """A string has a variable of its function in braces, and no f in front."""
    if not isinstance(node.value, str) or "{" not in node.value:
        return
    if is_docstring(node) or isinstance(node.parent, (ast.JoinedStr, ast.FormattedValue, ast.Attribute)):
        return
    if ".format" in code.text(file) or "format_map" in code.text(file):
        return
    known = _names_in(_function_around(node))
    for found in re.findall(r"\{([A-Za-z_]\w*)(?:\.\w+)*\}", node.value):
        if found in known:
            yield Slip(
                file,
                node.lineno,
                f"The string {ast.unparse(node)} has no f in front of it, so {{{found}}} stays as it is.",
                f"f{ast.unparse(node)}",
            )
            return


def _function_around(node):
    """Return the function around a node, or None."""
    while not isinstance(node, (*FUNCTIONS, ast.Module)):
        node = node.parent
    return None if isinstance(node, ast.Module) else node


def _names_in(function):
    """Return the names in a function and of its parameters: none, if it is None."""
    parts = [*ast.walk(function)] if function else []
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    return names | {part.arg for part in parts if isinstance(part, ast.arg)}


OF_A_NODE = {
    ast.Assign: (a_comma_at_the_end,),
    ast.Return: (a_comma_at_the_end,),
    ast.Expr: (
        a_response_thrown_away,
        a_comparison_for_an_assignment,
        a_clean_name_thrown_away,
        a_call_without_parentheses,
    ),
    ast.Constant: (braces_without_an_f,),
}
