"""Slips in the ChatConsumer: methods that nobody calls, or that Channels can't call as it does."""

import ast

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from stage.code import closest, takes
from stage.slips.kept import what_all_share, what_is_overwritten_or_global
from stage.slips.slip import FUNCTIONS, Slip, find_each, find_first, join, returns_something

# What Channels calls of a consumer, and how. The events' handlers come on top.
CALLED = {"connect": ((), {}), "disconnect": ((1000,), {}), "receive": ((), {"text_data": ""})}
ASYNC_BASES = {"AsyncWebsocketConsumer", "AsyncJsonWebsocketConsumer", "AsyncConsumer", "SocketConsumer"}
SYNC_BASES = {"WebsocketConsumer", "JsonWebsocketConsumer", "SyncConsumer"}


class Consumer:
    """The class ChatConsumer, as it is written: its methods, the names of its base classes and of its events."""

    def __init__(self, code, file, stage, node):
        self.code, self.file, self.stage, self.node = code, file, stage, node
        self.methods = {method.name: method for method in node.body if isinstance(method, FUNCTIONS)}
        self.bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
        self.events = _event_types(code, file)

    def called(self):
        """Yield (method, arguments, keywords) for each method that is called by its name, as it is called."""
        called = {**CALLED, "leave": ((), {})} if "SocketConsumer" in self.bases else CALLED
        for name in [*called, *sorted(self.events & set(self.methods))]:
            method = self.methods.get(name)
            if method is not None and not method.decorator_list:
                yield method, *called.get(name, (({},), {}))


def slips_in_the_consumer(code, file, stage):
    """Yield the slips in the class ChatConsumer, if the file has one."""
    node = code.find_class(file, "ChatConsumer")
    if node is None:
        return
    consumer = Consumer(code, file, stage, node)
    yield from two_methods_of_one_name(consumer)
    yield from find_each(OF_A_CONSUMER if node.bases else [no_base_class], consumer)


def _event_types(code, file):
    """Return the names of the methods that handle the events in this file: of each {"type": "chat.msg"}, chat_msg."""
    types = set()
    for node in code.walk(file, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant):
                types.add(str(value.value).replace(".", "_"))
    return types


def two_methods_of_one_name(consumer):
    """A method is written twice."""
    names = set()
    for node in consumer.node.body:
        if not isinstance(node, FUNCTIONS):
            continue
        if node.name in names and not node.decorator_list:
            yield Slip(
                consumer.file,
                node.lineno,
                f"ChatConsumer has two methods called {node.name}. Python keeps the last one only.",
                f"One method called {node.name}.",
            )
        names.add(node.name)


def no_base_class(consumer):
    """The class is no consumer."""
    yield Slip(
        consumer.file,
        consumer.node.lineno,
        "ChatConsumer has no base class, so it is no consumer.",
        "class ChatConsumer(AsyncWebsocketConsumer): the base class does what you don't write.",
    )


# Methods that nobody calls


def methods_that_are_lost(consumer):
    """A method is missing in the class, and is found elsewhere or under a name that is nearly this."""
    wanted = ["connect", "receive", "leave" if consumer.stage >= 6 else "disconnect"]
    given = {*consumer.methods, *_names_in_class(consumer.node)}
    for name in [*wanted, *sorted(consumer.events)]:
        if name not in given:
            yield from find_first([a_method_elsewhere, a_method_misspelled], consumer, name)


def _names_in_class(consumer):
    """Yield the names that get a value in the class itself."""
    for node in consumer.body:
        for part in ast.walk(node) if not isinstance(node, FUNCTIONS) else ():
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id


def a_method_elsewhere(consumer, name):
    """A method is indented too far, or not at all, or is in another class."""
    for node in consumer.code.walk(consumer.file, *FUNCTIONS):
        if node.name != name:
            continue
        if isinstance(node.parent, FUNCTIONS):
            seen = f"{name}() is indented into {node.parent.name}(), so it is a function inside that method."
        elif isinstance(node.parent, ast.Module):
            seen = f"{name}() isn't indented, so it is a function of the file, and not a method of ChatConsumer."
        else:
            seen = f"{name}() isn't in ChatConsumer itself."
        asked = f"A method of ChatConsumer, as the others: {name}()."
        yield Slip(consumer.file, node.lineno, f"{seen} Nobody calls it.", asked)


def a_method_misspelled(consumer, name):
    """A method that Channels calls is missing, and another has nearly its name."""
    alike = closest(name, consumer.methods, cutoff=0.7)
    if name in (*CALLED, "leave") and alike and alike != "leave" and not hasattr(AsyncJsonWebsocketConsumer, alike):
        yield Slip(
            consumer.file,
            consumer.methods[alike].lineno,
            f"ChatConsumer has a method {alike}, which nobody calls, and none called {name}.",
            f"The method that {_caller(name)} calls is {name}.",
        )


def _caller(name):
    return "SocketConsumer" if name == "leave" else "Channels"


def an_init_without_super(consumer):
    """An __init__() doesn't call the one of the base class."""
    method = consumer.methods.get("__init__")
    if method is not None and "super().__init__" not in ast.unparse(method):
        yield Slip(
            consumer.file,
            method.lineno,
            "ChatConsumer has an __init__() of its own, and it doesn't call the one of its base class.",
            "super().__init__(*args, **kwargs) as its first line, or connect() in its place.",
        )


def a_receive_json_that_nobody_calls(consumer):
    """receive_json() is a method, but of a base class that doesn't call it."""
    if "receive_json" in consumer.methods and consumer.bases <= {"AsyncWebsocketConsumer", "WebsocketConsumer"}:
        yield Slip(
            consumer.file,
            consumer.methods["receive_json"].lineno,
            f"{join(sorted(consumer.bases))} never calls receive_json(): it calls receive().",
            "receive(self, text_data=None, bytes_data=None), or AsyncJsonWebsocketConsumer as the base class.",
        )


# Methods that can't be called as they are


def methods_that_cannot_be_called(consumer):
    """A method's parameters are others than Channels gives it, or the base class is one that doesn't await it."""
    for method, arguments, keywords in consumer.called():
        if not takes(method, None, *arguments, **keywords):
            yield from find_first([no_self, other_parameters], consumer, method, arguments, keywords)
        elif isinstance(method, ast.AsyncFunctionDef) and consumer.bases <= SYNC_BASES:
            yield from a_synchronous_base_class(consumer, method)
            return  # with another base class, the others are called otherwise


def no_self(consumer, method, arguments, keywords):
    """A method fits, but for the consumer itself."""
    written = ast.unparse(method.args)
    first = (method.args.posonlyargs + method.args.args)[:1]
    if not (first and first[0].arg == "self") and takes(method, *arguments, **keywords):
        yield Slip(
            consumer.file,
            method.lineno,
            f"{method.name}({written}) has no self: a method's first parameter is the consumer itself.",
            f"{method.name}(self{', ' * bool(written)}{written})",
        )


def other_parameters(consumer, method, arguments, keywords):
    """A method takes less than it is given, or more, or by other names."""
    name = method.name
    shown = ", ".join([*map(repr, arguments), *(f"{key}=…" for key in keywords)]).replace("{}", "event")
    asked = {
        "connect": "connect(self)",
        "leave": "leave(self)",
        "disconnect": "disconnect(self, close_code)",
        "receive": "receive(self, text_data=None, bytes_data=None): Channels gives the frame by these names.",
    }.get(name, f"{name}(self, event): a handler takes the event.")
    yield Slip(
        consumer.file,
        method.lineno,
        f"{_caller(name)} calls {name}({shown}), but yours is {name}({ast.unparse(method.args)}).",
        asked,
    )


def a_synchronous_base_class(consumer, method):
    """An `async def` method, and a base class that doesn't await its methods."""
    base = join(consumer.bases)
    yield Slip(
        consumer.file,
        consumer.node.lineno,
        f"ChatConsumer is a {base}, which calls its methods without `await`. But {method.name}() is `async def`, so "
        "it never runs.",
        f"class ChatConsumer(Async{base}).",
    )


def methods_without_async(consumer):
    """Methods are `def`, and the base class awaits what they return: nothing."""
    if not consumer.bases <= ASYNC_BASES:
        return
    plain = [
        method
        for method, arguments, keywords in consumer.called()
        if isinstance(method, ast.FunctionDef)
        and takes(method, None, *arguments, **keywords)
        and not returns_something(method)
    ]
    if plain:
        names = [f"{method.name}()" for method in plain]
        yield Slip(
            consumer.file,
            plain[0].lineno,
            f"{join(names)} {'is' if len(names) == 1 else 'are'} `def`, but Channels awaits "
            f"{'it' if len(names) == 1 else 'them'}.",
            f"`async def`: {join(consumer.bases)} awaits its methods.",
        )


OF_A_CONSUMER = (
    methods_that_are_lost,
    what_is_overwritten_or_global,
    what_all_share,
    an_init_without_super,
    a_receive_json_that_nobody_calls,
    methods_that_cannot_be_called,
    methods_without_async,
)
