"""Slips in the names that other files look for."""

import ast

from stage.code import LOOKED_FOR, closest
from stage.slips.slip import Slip, find_each, name_called


def slips_in_names(code, file, stage):
    """Yield the slips in what a file calls its application, its lists of routes, its consumer."""
    if code.names(file) is None:  # it imports all of a module
        return
    looked_for = LOOKED_FOR.get(file, {})
    for name in [name for name, since in looked_for.items() if since <= stage]:
        yield from nearly_this_name(code, file, name)
    for name in looked_for:
        yield from set_twice(code, file, name)
    for name in ("urlpatterns", "websocket_urlpatterns"):
        for node in code.walk(file, ast.Assign):
            if name in map(ast.unparse, node.targets) and isinstance(node.value, ast.Call):
                yield from find_each(OF_A_LIST, file, name, node)


def nearly_this_name(code, file, name):
    """Nothing has this name, but something has nearly this one."""
    names = code.names(file)
    alike = closest(name, names, cutoff=0.8) if name not in names else None
    if alike:
        yield Slip(
            file,
            names[alike],
            f"{file} has {alike}, but nothing called {name}.",
            f"The name is {name}: that is what others look for in this file.",
        )


def set_twice(code, file, name):
    """The name gets a value in two places."""
    lines = [
        node.lineno
        for node in code.tree(file).body
        if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets)
    ]
    if len(lines) > 1:
        yield Slip(
            file,
            lines[-1],
            f"{name} is set in lines {' and '.join(map(str, lines))}. The last one counts.",
            f"One {name}.",
        )


def a_single_route(file, name, node):
    """A list of routes is one route, in parentheses."""
    if name_called(node.value) in ("path", "re_path"):
        yield Slip(
            file,
            node.lineno,
            f"{name} is a single route and no list: parentheses alone make none.",
            f"{name} = [path(…)], in square brackets.",
        )


def a_router_for_a_list(file, name, node):
    """A list of routes is a URLRouter."""
    if name_called(node.value) == "URLRouter":
        yield Slip(
            file,
            node.lineno,
            f"{name} is a URLRouter and no list: tutorial/routing.py makes the router of it.",
            f"{name} = [path(…)], a list.",
        )


OF_A_LIST = a_single_route, a_router_for_a_list
