"""Meanings of errors that came out because of what the project catches, and what it doesn't."""

import ast
import builtins
import traceback

from stage.meanings.meaning import Meaning


def a_loss_that_is_no_refusal(problem):
    """MailboxesFull: it reaches its sender only if it is a Refused."""
    error = problem.error
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if kinds[0] == "MailboxesFull" and "Refused" not in kinds:
        return Meaning(
            f"MailboxesFull is a {kinds[1]} and no Refused. Nothing told the sender: websocket_receive() reports any "
            "Refused.",
            "class MailboxesFull(ChannelFull, Refused)",
            "chat/layers.py",
        )
    return None


def the_try_around_it_catches_less(problem):
    """Any error that was raised in a `try` of the project whose `except` catches only some errors of its kind."""
    steps = traceback.walk_tb(getattr(problem.error, "__traceback__", None))
    frames = {(frame.f_code.co_filename, line): frame for frame, line in steps}
    for (name, line), frame in reversed(frames.items()):
        file = problem.code.file_of(name)
        for node in problem.code.walk(file, ast.Try) if file else ():
            if not (node.body[0].lineno <= line <= node.body[-1].end_lineno):
                continue
            for handler in node.handlers:
                for kind in getattr(handler.type, "elts", [handler.type] if handler.type else []):
                    caught = _look_up(ast.unparse(kind), frame)
                    if isinstance(caught, type) and issubclass(caught, type(problem.error)):
                        name = type(problem.error).__name__
                        words = f"The `except` catches {ast.unparse(kind)}, but not every {name}."
                        asked = f"`except {name}` catches this one, too."
                        if "json.loads" in ast.unparse(node) and "RecursionError" not in ast.unparse(handler.type):
                            asked += " Brackets that are nested too deeply raise a RecursionError: that, too."
                        return Meaning(words, asked, file, handler.lineno)
    return None


def _look_up(name, frame):
    """Return what a dotted name means in a frame, or None."""
    first, *others = name.split(".")
    value = frame.f_locals.get(first, frame.f_globals.get(first, getattr(builtins, first, None)))
    for other in others:
        value = getattr(value, other, None)
    return value
