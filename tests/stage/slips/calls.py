"""Slips in calls, in any file: a call too early, and a coroutine that nobody awaits."""

import ast

from stage.slips.slip import FUNCTIONS, Slip, name_called

CHANGES = "pop", "discard", "remove", "add", "append", "clear", "cancel", "update"  # return no function
LATER = "call_later", "call_soon", "call_at", "add_done_callback"
FUNCTION_FIRST = "async_to_sync({function})(…): first the function, then its arguments in brackets of their own."


def slips_in_calls(code, file):
    """Yield the slips in the calls of a file."""
    for call in code.walk(file, ast.Call):
        yield from called_at_once(file, call)
    for function in code.walk(file, ast.AsyncFunctionDef):
        yield from never_awaited(file, function)
    for node in code.walk(file, ast.Await):
        yield from awaited_in_a_def(code, file, node)


def called_at_once(file, call):
    """call_later(…, self.close()): what is to be called later is called now."""
    later = name_called(call)
    for argument in call.args if later in LATER else ():
        if not isinstance(argument, ast.Call) or not isinstance(argument.func, ast.Attribute):
            continue
        if not ast.unparse(argument.func).startswith("self.") and name_called(argument) not in CHANGES:
            continue
        asked = f"{later}(…, {ast.unparse(argument.func)}), without parentheses."
        if argument.args:
            asked = f"{later}(lambda …: {ast.unparse(argument)}): a function that does it later."
        if not argument.args or name_called(argument) in CHANGES:
            seen = f"{ast.unparse(argument)} is called at once, and {later}() gets what it returned."
            yield Slip(file, call.lineno, seen, asked)


def never_awaited(file, function):
    """A call in an `async def` only makes a coroutine."""
    for node in ast.walk(function):
        call = getattr(node, "value", None)
        if not isinstance(node, (ast.Expr, ast.Return)) or not isinstance(call, ast.Call):
            continue
        if _makes_a_coroutine(call) and _innermost(node) is function:
            called = ast.unparse(call.func)
            lost = "not awaited" if isinstance(node, ast.Expr) else "returned, and not awaited"
            seen = f"{called}(…) is {lost}: calling it only makes a coroutine, and nothing here runs that."
            yield Slip(file, call.lineno, seen, f"await {called}(…)")


def awaited_in_a_def(code, file, node):
    """`await` stands in a `def`, in a file that has async_to_sync for it."""
    call = node.value
    if isinstance(call, ast.Call) and cannot_await(code, file, node.lineno):
        around = code.around(file, node.lineno)[-1]
        asked = FUNCTION_FIRST.format(function=ast.unparse(call.func))
        yield Slip(file, node.lineno, f"{around.name}() is `def`, and only an `async def` can await.", asked)


def cannot_await(code, file, line):
    """Return whether a line is in a function that is `def`, and its file has async_to_sync for such a function."""
    around = code.around(file, line)
    return bool(around) and isinstance(around[-1], ast.FunctionDef) and "async_to_sync" in (code.names(file) or ())


def _makes_a_coroutine(call):
    """Return whether this calls a method of Channels that has to be awaited, or the application inside a middleware."""
    called, name = ast.unparse(call.func), name_called(call)
    application = name in ("application", "inner", "app") and called.startswith("self.") and len(call.args) == 3
    layer = name in ("group_add", "group_send", "group_discard") and "layer" in called
    own = called in ("self.accept", "self.send", "self.send_json", "asyncio.sleep")
    return application or layer or own


def _innermost(node):
    """Return the function around a node."""
    while not isinstance(node, FUNCTIONS):
        node = node.parent
    return node
