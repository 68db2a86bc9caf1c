"""Meanings of calls that don't fit what they call."""

import ast
import inspect
import re

from channels.consumer import AsyncConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import InMemoryChannelLayer

from stage.code import route_parts
from stage.meanings.meaning import Meaning


def a_call_does_not_fit(problem):
    """A TypeError of a call: what the function takes, and whether a route or Channels calls it so."""
    found = re.search(
        r"^TypeError: ([\w.<>]+)\(\) (got an unexpected keyword argument '\w+'|missing \d+ required \S+ arguments?: .*|"
        r"takes .* positional arguments? but .*given|got multiple values for argument '\w+')",
        problem.what.partition("\n")[0],
    )
    if not found:
        return None
    name = found[1].rpartition(".")[2]
    own = problem.code.functions(name)
    if not own:
        return _signature_in_channels(found[1])
    file, function = own[0]
    if file == "chat/views.py":
        return _the_view_and_its_route(problem, function, found[2])
    written = ast.unparse(function.args)
    return Meaning(f"It is {name}({written}).", None, file, function.lineno) if name != "__init__" else None


def _the_view_and_its_route(problem, function, what):
    """Return the Meaning of a view that takes something else than its route captures. `what` is the error's end."""
    file = "chat/views.py"
    if what.startswith("got multiple values"):
        return Meaning("A view takes the request first, and then what the route captures.", None, file, function.lineno)
    taken = ", ".join(argument.arg for argument in function.args.args)
    names = sorted(set(route_parts(problem.code.text("chat/urls.py"))))
    return Meaning(
        f"The view is {function.name}({taken}). The routes in chat/urls.py capture: {', '.join(names) or 'nothing'}.",
        "The route captures what the view takes, by the same name. The request comes first.",
        file if names == ["room_name"] else "chat/urls.py",
    )


def _signature_in_channels(qualified):
    """Return the Meaning of a call that doesn't fit one of Channels' own methods: "InMemoryChannelLayer.group_send"."""
    owner, _, name = qualified.rpartition(".")
    for kind in (InMemoryChannelLayer, AsyncWebsocketConsumer, AsyncConsumer):
        if kind.__name__ == owner and hasattr(kind, name) and name != "as_asgi":
            parameters = ", ".join(list(inspect.signature(getattr(kind, name)).parameters)[1:])
            return Meaning(f"It is {name}({parameters}).")
    return None
