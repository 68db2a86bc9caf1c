"""Why nothing came: what the project's functions did instead, as a Watch saw it."""

import ast

from stage.expectations import Unmet

CONSUMER = "chat/consumers.py"
RECEIVES = "receive", "receive_json", "websocket_receive", "dispatch"


def explain_silence(unmet, watch, code):
    """
    Return the Unmet with a sentence about why nothing came, if what the Watch saw tells.

    `unmet` is about a person who got no answer or no message.
    """
    if "was refused" in unmet.seen and watch.of("connect"):
        return _who_closed(unmet, code)
    if "got nothing" not in unmet.seen and "neither accepted nor refused" not in unmet.seen:
        return unmet
    own = [call for call in watch.calls if call.file == CONSUMER]  # elsewhere it may be right to catch an error
    caught = [(call, error, line) for call in own for error, line in call.caught]
    if caught:
        call, error, line = caught[-1]
        why = f"{call.name}() caught {type(error).__name__}: {error}, and went on.{code.place(call.file, line)}"
        asked = f"No error is swallowed: {call.name}() catches only what it has an answer for."
        return _add(unmet, why, asked, call.file)
    if "neither accepted nor refused" in unmet.seen:
        calls = watch.of("connect")
        return _about(unmet, code, calls[-1], "accept") if calls else unmet
    calls = [call for name in RECEIVES for call in watch.of(name)]
    consumer = code.find_class(CONSUMER, "ChatConsumer")
    methods = {node.name for node in getattr(consumer, "body", ()) if hasattr(node, "name")}
    if not calls and consumer is not None and not methods & set(RECEIVES):
        why = f"ChatConsumer has no receive(). Its methods are: {', '.join(sorted(methods)) or 'none'}."
        return _add(unmet, why, unmet.asked, CONSUMER)
    if "Nothing was sent" in unmet.seen and calls:
        return _about(unmet, code, calls[-1], "group_send")
    others = methods - {"connect", "disconnect", "leave", *RECEIVES}
    for call in reversed([call for call in own if call.name in others]):
        told = _about(unmet, code, call, "send")
        if told is not unmet:
            return told
    return unmet


def _who_closed(unmet, code):
    """Say where the consumer's connect() closes its socket, and on which condition, if it does so in one place."""
    connects = [node for _, node in code.functions("connect")]
    closes = [
        node
        for connect in connects
        for node in ast.walk(connect)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self.close"
    ]
    if len(closes) != 1:
        return unmet
    condition = closes[0].parent
    while not isinstance(condition, (ast.If, ast.AsyncFunctionDef, ast.FunctionDef, ast.Module)):
        condition = condition.parent
    when = f", depending on `{ast.unparse(condition.test)}`" if isinstance(condition, ast.If) else ""
    why = f"connect() closed it{when}.{code.place(CONSUMER, closes[0].lineno)}"
    return _add(unmet, why, "Everybody who comes to a room's address is accepted: await self.accept().", CONSUMER)


def _about(unmet, code, call, expected):
    """Say how this call ended, before it did what was expected of it."""
    place = code.place(call.file, call.line)
    if call.ended and call.returned is not None:
        why = f"{call.name}() returned {call.returned}, which goes nowhere.{place}"
        asked = f"{call.name}() awaits self.send(…) itself." if expected == "send" else unmet.asked
        return _add(unmet, why, asked, call.file)
    if call.ended and _has_lines_after(code, call):
        return _add(unmet, f"{call.name}() ended early.{place}", unmet.asked, call.file)
    if call.ended and expected != "send":
        return _add(unmet, f"{call.name}() came to its end.{place}", unmet.asked, call.file)
    if not call.ended and call.raised is None:
        return _add(unmet, f"{call.name}() is still waiting there.{place}", unmet.asked, call.file)
    return unmet


def _has_lines_after(code, call):
    """Return whether the function goes on below the line where it ended."""
    around = [function for function in code.around(call.file, call.line) if function.name == call.name]
    return (
        any(isinstance(node, ast.stmt) and node.lineno > call.line for node in ast.walk(around[0])) if around else False
    )


def _add(unmet, why, asked, file):
    return Unmet(f"{unmet.seen}\n       {why}", asked, file)
