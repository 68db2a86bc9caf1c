"""Meanings of the errors of `await`."""

import ast
import re

from stage.meanings.meaning import Meaning, find_first


def what_is_awaited_is_no_coroutine(problem):
    """A TypeError of `await`: which call gave back something that can't be awaited, or which method isn't async."""
    found = re.search(r"object (\w+) can't be used in 'await'|'(\w+)' object can't be awaited", problem.what)
    found = found or re.search(r"object.__init__\(\) takes exactly one", problem.what)
    if not found:
        return None
    if not problem.raised_here:
        return find_first([the_route_leads_to_a_class, the_only_method_without_async], problem)
    file, line, _ = problem.place
    awaits = [node for node in problem.code.walk(file, ast.Await) if node.lineno <= line <= node.end_lineno]
    kind = next(filter(None, found.groups()), "object")
    return find_first(OF_AN_AWAIT, problem, awaits[0].value, kind) if awaits else None


# In a line of the project. `value` is the node of what is awaited, and `kind` the type that it had.


def a_name_in_place_of_a_call(problem, value, kind):
    """`await self.accept`, without parentheses."""
    if isinstance(value, ast.Call):
        return None
    name = ast.unparse(value)
    return Meaning(f"{name} is no coroutine, but a {kind}.", f"Are its parentheses missing? await {name}(…)")


def a_function_without_async(problem, value, kind):
    """`await` before a function of the project that is `def`."""
    name = ast.unparse(value.func)
    own = problem.code.functions(name.rpartition(".")[2])
    if not own or not isinstance(own[0][1], ast.FunctionDef):
        return None
    file, function = own[0]
    return Meaning(
        f"{name}() is `def`, so there is nothing to await.",
        f"`async def {function.name}(…)`",
        file,
        function.lineno,
    )


def a_call_that_gives_its_result(problem, value, kind):
    """`await` before a function that isn't the project's and is no coroutine."""
    name = ast.unparse(value.func)
    what = "returned None" if kind == "NoneType" else f"returned its result, a {kind}, at once"
    return Meaning(f"{name}(…) is no coroutine here: it {what}.", f"{name}(…) without `await`.")


OF_AN_AWAIT = a_name_in_place_of_a_call, a_function_without_async, a_call_that_gives_its_result


# In Channels


def the_route_leads_to_a_class(problem):
    """A route of sockets leads to a consumer without as_asgi()."""
    file = "chat/routing.py"
    for call in problem.code.walk(file, ast.Call):
        if ast.unparse(call.func).rpartition(".")[2] in ("path", "re_path") and len(call.args) > 1:
            view = call.args[1]
            if isinstance(view, (ast.Name, ast.Attribute)) and ast.unparse(view).endswith("Consumer"):
                return Meaning(
                    "as_asgi() is missing after the consumer: a route leads to an application, not to a class.",
                    None,
                    file,
                    view.lineno,
                )
    return None


def the_only_method_without_async(problem):
    """One method of the consumer is `def`."""
    consumer = problem.code.find_class("chat/consumers.py", "ChatConsumer")
    plain = [node for node in getattr(consumer, "body", ()) if isinstance(node, ast.FunctionDef)]
    plain = [node for node in plain if not node.name.startswith("_") and not node.decorator_list]
    if len(plain) != 1:
        return None
    method = plain[0]
    return Meaning(
        f"{method.name}() is `def`, but Channels awaits it.",
        f"`async def {method.name}(…)`",
        "chat/consumers.py",
        method.lineno,
    )
