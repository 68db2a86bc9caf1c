"""Meanings of attributes that are missing."""

import ast
import re

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from channels.layers import InMemoryChannelLayer

from stage.code import closest
from stage.meanings.imports import missing_in
from stage.meanings.meaning import Meaning, find_first

CONSUMER = "chat/consumers.py"


def an_attribute_is_missing(problem):
    """AttributeError: the attribute that is most like it, and where one of this name is kept instead."""
    found = re.search(r"^AttributeError: (.*) has no attribute '(\w+)'", problem.what)
    if not found:
        return None
    owner, name = found.groups()
    of = re.fullmatch(r"(?:type object )?'(\w+)'(?: object)?", owner)
    if of and of[1] == "ChatConsumer":
        return _missing_in_the_consumer(problem, name)
    module = re.fullmatch(r"(?:partially initialized )?module '([\w.]+)'", owner)
    if module and module[1].partition(".")[0] in ("chat", "tutorial"):
        file = module[1].replace(".", "/") + ".py"
        names = problem.code.names(file) if file in problem.code.files else None
        return missing_in(file, name, names or {})
    return _like_one_of_the_object(problem, name)


def _like_one_of_the_object(problem, name):
    """Return the Meaning of an attribute that has nearly the name of one that the object has."""
    owner = getattr(problem.error, "obj", None)
    if owner is None:
        return None
    alike = closest(name, [each for each in dir(owner) if not each.startswith("_")], cutoff=0.7)
    return Meaning(f"It has {alike}.", f"{alike}, if that is the name you mean.") if alike else None


def _missing_in_the_consumer(problem, name):
    """Return the Meaning of an attribute that ChatConsumer doesn't have."""
    if name == "as_view":
        return Meaning("as_view() is for views. A consumer has as_asgi().", "ChatConsumer.as_asgi()")
    consumer = problem.code.find_class(CONSUMER, "ChatConsumer")
    if name == "as_asgi":
        return None  # a slip tells that it has no base class
    if consumer is None or not problem.place:
        return None
    return find_first(OF_A_CONSUMER, problem, name, consumer)


def _kept(consumer):
    """Return {attribute: (the method that sets it, line number)} of what the consumer keeps in self."""
    kept = {}
    for method in consumer.body:
        for node in ast.walk(method):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and ast.unparse(node.value) == "self"
            ):
                kept.setdefault(node.attr, (getattr(method, "name", None), node.lineno))
    return kept


def _is_called(problem, name):
    return f"self.{name}(" in problem.place[2]


def it_is_set_later(problem, name, consumer):
    """A method sets it."""
    kept = _kept(consumer)
    if name not in kept:
        return None
    by, line = kept[name]
    return Meaning(f"{by}() sets self.{name}, but hasn't come that far.", None, CONSUMER, line)


def it_is_set_without_self(problem, name, consumer):
    """A method has a variable of this name."""
    for method in consumer.body:
        for node in ast.walk(method) if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) else ():
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
                return Meaning(
                    f"{method.name}() sets {name} without self., so it is gone when {method.name}() ends.",
                    f"self.{name} = …",
                    CONSUMER,
                    node.lineno,
                )
    return None


# What a class-based view has, and where a consumer has it.
OF_A_VIEW = {
    "kwargs": 'self.scope["url_route"]["kwargs"]',
    "args": 'self.scope["url_route"]["args"]',
    "request": "self.scope: it says of a socket what the request says of a page.",
    "user": 'self.scope["user"]',
    "session": 'self.scope["session"]',
}


def it_is_a_views(problem, name, consumer):
    """A class-based view has it."""
    return Meaning(f"A consumer has no self.{name}. That is a view's.", OF_A_VIEW[name]) if name in OF_A_VIEW else None


def it_is_the_layers(problem, name, consumer):
    """A method of the channel layer is called on the consumer."""
    if _is_called(problem, name) and hasattr(InMemoryChannelLayer, name):
        return Meaning(f"{name}() is a method of the channel layer.", f"self.channel_layer.{name}(…)")
    return None


def it_is_the_json_consumers(problem, name, consumer):
    """A method of another base class is called."""
    if _is_called(problem, name) and hasattr(AsyncJsonWebsocketConsumer, name):
        return Meaning(
            f"{name}() is a method of AsyncJsonWebsocketConsumer, and ChatConsumer isn't one.",
            "self.send(json.dumps(…)), or AsyncJsonWebsocketConsumer as the base class.",
        )
    return None


def another_is_like_it(problem, name, consumer):
    """The consumer has an attribute of nearly this name."""
    known = {*_kept(consumer), "channel_layer", "channel_name", "scope", "send", "accept", "close"}
    known |= {each.name for each in consumer.body if hasattr(each, "name")}
    alike = closest(name, known, cutoff=0.7)
    return Meaning(f"The consumer has self.{alike}.", f"self.{alike}, or one name in all places.") if alike else None


def no_consumer_has_this_method(problem, name, consumer):
    """A method is called that there is nowhere."""
    if _is_called(problem, name):
        return Meaning(f"ChatConsumer has no method {name}, and no consumer has one.")
    return None


def nobody_sets_it(problem, name, consumer):
    """The project's own line asks for what no method sets."""
    if problem.raised_here and not name.startswith("_"):
        return Meaning(f"No method of ChatConsumer sets self.{name}.", f"self.{name} = … in connect().")
    return None


OF_A_CONSUMER = (
    it_is_set_later,
    it_is_set_without_self,
    it_is_a_views,
    it_is_the_layers,
    it_is_the_json_consumers,
    another_is_like_it,
    no_consumer_has_this_method,
    nobody_sets_it,
)
