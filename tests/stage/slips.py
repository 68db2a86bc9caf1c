"""
Slips: what can be seen in the student's files without running them, and is wrong whatever else is.

Each is a fact of its own, true even where another fault is the reason for a red test.
"""

import ast
import functools
import io
import re
import tokenize
from dataclasses import dataclass

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from stage.code import FILES, LOOKED_FOR, closest, is_docstring, route_parts, takes

CONSUMER = "chat/consumers.py"
FUNCTIONS = ast.FunctionDef, ast.AsyncFunctionDef

# What Channels calls of a consumer, and how. The events' handlers come on top.
CALLED = {"connect": ((), {}), "disconnect": ((1000,), {}), "receive": ((), {"text_data": ""})}
ASYNC_BASES = {"AsyncWebsocketConsumer", "AsyncJsonWebsocketConsumer", "AsyncConsumer", "SocketConsumer"}
SYNC_BASES = {"WebsocketConsumer", "JsonWebsocketConsumer", "SyncConsumer"}

SETTINGS = {"ASGI_APPLICATION", "CHANNEL_LAYERS", "INSTALLED_APPS", "ROOT_URLCONF", "MIDDLEWARE", "TEMPLATES"}
SETTINGS |= {"ALLOWED_HOSTS", "DATABASES", "SECRET_KEY", "DEBUG", "STATIC_URL", "WSGI_APPLICATION"}


@dataclass(frozen=True)
class Slip:
    """A slip in one line of a file: what is there, and what is asked instead."""

    file: str
    line: int
    seen: str
    asked: str
    opens: str | None = None  # the file to change, if not the one with this line

    def tell(self, code):
        """Return what is there, with the line itself."""
        return self.seen + code.place(self.file, self.line)


@functools.cache
def find_slips(code, stage):
    """Return the slips in the files that the stages up to this one ask for."""
    slips = []
    for file in code.files:
        if FILES.get(file, 6) > stage:
            continue
        slips += _names_that_others_look_for(code, file, stage)
        if file in ("manage.py", "tutorial/asgi.py"):
            slips += _settings_module(code, file)
        if file == "tutorial/settings.py":
            slips += _settings(code, file)
        if file == CONSUMER:
            slips += _consumer(code, file, stage)
        if file == "tutorial/routing.py":
            slips += _stack(code, file)
        if file in ("chat/routing.py", "chat/urls.py", "tutorial/urls.py"):
            slips += _routes(code, file)
        slips += _lines(code, file)
    return slips


def _names_that_others_look_for(code, file, stage):
    names = code.names(file)
    if names is None or not code.tree(file).body:
        return
    for name, since in LOOKED_FOR.get(file, {}).items():
        alike = closest(name, names, cutoff=0.8)
        if since <= stage and name not in names and alike:
            yield Slip(
                file,
                names[alike],
                f"{file} has {alike}, but nothing called {name}.",
                f"The name is {name}: that is what others look for in this file.",
            )

    for name in LOOKED_FOR.get(file, {}):
        set_in = [
            node.lineno
            for node in code.tree(file).body
            if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets)
        ]
        if len(set_in) > 1:
            yield Slip(
                file,
                set_in[-1],
                f"{name} is set in lines {' and '.join(map(str, set_in))}. The last one counts.",
                f"One {name}.",
            )
    for name in ("urlpatterns", "websocket_urlpatterns"):
        for node in code.walk(file, ast.Assign):
            if name in map(ast.unparse, node.targets) and isinstance(node.value, ast.Call):
                made = ast.unparse(node.value.func).rpartition(".")[2]
                if made in ("path", "re_path"):
                    yield Slip(
                        file,
                        node.lineno,
                        f"{name} is a single route and no list: parentheses alone make none.",
                        f"{name} = [path(…)], in square brackets.",
                    )
                elif made == "URLRouter":
                    yield Slip(
                        file,
                        node.lineno,
                        f"{name} is a URLRouter and no list: tutorial/routing.py makes the router of it.",
                        f"{name} = [path(…)], a list.",
                    )


def _stack(code, file):
    """Yield a slip if a middleware for sockets gets the list of routes: it calls what it gets."""
    for call in code.walk(file, ast.Call):
        if ast.unparse(call.func).rpartition(".")[2] == "path" and call.args and ast.unparse(call.args[0]) == "''":
            yield Slip(
                file,
                call.lineno,
                'path("", …) matches the empty path only.',
                're_path("", …) matches any path.',
            )
        if ast.unparse(call.func).endswith("URLRouter") and call.args and isinstance(call.args[0], ast.List):
            inside = [ast.unparse(each) for each in call.args[0].elts]
            if len(inside) == 1 and inside[0].endswith("urlpatterns"):
                yield Slip(
                    file,
                    call.lineno,
                    f"{inside[0]} is a list already. In brackets it is a list with a list in it.",
                    f"URLRouter({inside[0]})",
                )
        wraps = ast.unparse(call.func).rpartition(".")[2]
        inner = ast.unparse(call.args[0]) if call.args else ""
        if wraps.endswith(("MiddlewareStack", "Validator")) and inner.endswith("urlpatterns"):
            yield Slip(
                file,
                call.lineno,
                f"{wraps} gets the list of routes, and a list is no application: URLRouter(…) is missing around it.",
                f"{wraps}(URLRouter({inner}))",
            )


def _routes(code, file):
    """Yield the slips in the routes: what leads nowhere, or to a consumer in the wrong way."""
    sockets = file == "chat/routing.py"
    asks_for_room = '"room_name"' in code.text(CONSUMER).replace("'", '"')
    nested = "ws/" in code.text("tutorial/routing.py")
    for call in code.walk(file, ast.Call):
        if sockets and ast.unparse(call.func) == "include":
            yield Slip(
                file,
                call.lineno,
                "include() is for Django's pages, and Channels' router doesn't know it.",
                "The whole address in one route.",
            )
        if ast.unparse(call.func).rpartition(".")[2] not in ("path", "re_path") or len(call.args) < 2:
            continue
        address, view = call.args[:2]
        leads_to = ast.unparse(view)
        app_name = (code.names(file) or {}).get("app_name")
        if file == "chat/urls.py" and app_name and '"chat:' not in code.text("chat/views.py").replace("'", '"'):
            yield Slip(
                file,
                app_name,
                "With app_name, the routes' full names begin with it, as in chat:room. The views ask for them without.",
                "No app_name, or its name and a colon in front wherever a route's name is asked for.",
            )
            return
        if not sockets and isinstance(address, ast.Constant) and str(address.value).startswith("/"):
            yield Slip(
                file,
                address.lineno,
                f"The route {address.value!r} begins with a slash, and an address is compared without its first slash.",
                f"{address.value[1:]!r}",
            )
        if not sockets:
            if "Consumer" in leads_to:
                yield Slip(
                    file,
                    call.lineno,
                    f"{file} leads to a consumer. Django looks for pages here, and never for sockets.",
                    "The socket's route in websocket_urlpatterns, in chat/routing.py.",
                    "chat/routing.py",
                )
            continue
        if len(call.args) > 2 and "room_name" in ast.unparse(call.args[2]):
            yield Slip(
                file,
                call.args[2].lineno,
                f"The third argument, {ast.unparse(call.args[2])}, takes the place of what the address says.",
                "The route without a third argument.",
            )
        if isinstance(view, (ast.Name, ast.Attribute)) and leads_to.endswith("Consumer"):
            yield Slip(
                file,
                view.lineno,
                "as_asgi() is missing after the consumer: a route leads to an application, not to a class.",
                f"{leads_to}.as_asgi()",
            )
        elif isinstance(view, ast.Call) and ast.unparse(view.func).endswith("Consumer"):
            yield Slip(
                file,
                view.lineno,
                f"{leads_to} makes one consumer, and all sockets share it.",
                f"{ast.unparse(view.func)}.as_asgi(): it makes a new consumer for each socket.",
            )
        elif leads_to.endswith(".as_asgi"):
            yield Slip(file, view.lineno, "The parentheses after as_asgi are missing.", f"{leads_to}()")
        if isinstance(address, ast.Constant) and isinstance(address.value, str):
            if not nested and address.value.lstrip("^").startswith("chat/"):
                yield Slip(
                    file,
                    address.lineno,
                    "The route begins with chat/, and the address of a room's socket with /ws/chat/.",
                    "ws/chat/ at the route's beginning.",
                )
            names = route_parts(address.value)
            if ast.unparse(call.func).endswith("re_path") and re.search(r"<\w+:\w+>", address.value):
                yield Slip(
                    file,
                    address.lineno,
                    "re_path() takes a regular expression, and in one, <str:room_name> is text like any other.",
                    "path() in place of re_path(), or (?P<room_name>[^/]+).",
                )
                continue
            braces = re.search(r"\{(\w+)\}", address.value)
            if braces and "(?P" not in address.value:
                yield Slip(
                    file,
                    address.lineno,
                    f"To path(), {braces[0]} is text like any other: a part with a name has angle brackets.",
                    f"<str:{braces[1]}>",
                )
            elif asks_for_room and "room_name" not in names and (names or "(" in address.value):
                part = f"is called {names[0]}" if names else "has no name"
                yield Slip(
                    file,
                    address.lineno,
                    f"The route's part {part}, and the consumer asks for room_name.",
                    "(?P<room_name>[^/]+)" if "(" in address.value else "<str:room_name>",
                )


def _is(node, value):
    return isinstance(node, ast.Constant) and node.value == value


def _settings_module(code, file):
    """Yield a slip for a name that is nearly DJANGO_SETTINGS_MODULE: Django reads nothing else."""
    name = "DJANGO_SETTINGS_MODULE"
    for call in code.walk(file, ast.Call):
        given = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
        if len(given) == 2 and given[0] == name:
            path = str(given[1]).replace(".", "/")
            inside = [each for each in code.files if each.startswith(f"{path}/")]
            if inside and f"{path}.py" not in code.files and not code.text(f"{path}/__init__.py").strip():
                yield Slip(
                    file,
                    call.lineno,
                    f"{file} names {given[1]}, which is a folder and has no settings itself. There is {inside[0]}.",
                    f"The module that holds the settings: {inside[0][:-3].replace('/', '.')}.",
                )
    if name in code.text(file):
        return
    for node in code.walk(file, ast.Constant):
        if isinstance(node.value, str) and closest(node.value, [name], cutoff=0.85):
            yield Slip(file, node.lineno, f"{file} sets {node.value}, which nobody reads.", f"The name is {name}.")


def _settings(code, file):
    text = code.text(file)
    names = code.names(file) or {}
    for name, line in names.items():
        alike = closest(name, SETTINGS, cutoff=0.85) if name.isupper() and name not in SETTINGS else None
        if alike and alike not in names and len(re.findall(rf"\b{name}\b", text)) == 1:
            yield Slip(
                file,
                line,
                f"The settings have no {alike}. They have {name}, which nobody reads.",
                f"The setting's name is {alike}.",
            )
    for node in code.walk(file, ast.Assign, ast.AugAssign):
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        name = ast.unparse(targets[0])
        values = [
            each for each in ast.walk(node.value) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        if name == "CHANNEL_LAYERS" and isinstance(node.value, ast.Dict):
            pairs = zip(node.value.keys, node.value.values, strict=True)
            for layer in (value for key, value in pairs if isinstance(value, ast.Constant) and _is(key, "default")):
                yield Slip(
                    file,
                    layer.lineno,
                    f"CHANNEL_LAYERS has {layer.value!r} where a dict belongs.",
                    '"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}',
                )
            for layer in (each for each in node.value.values if isinstance(each, ast.Dict)):
                keys = [each for each in layer.keys if isinstance(each, ast.Constant)]
                has_backend = "BACKEND" in [key.value for key in keys]
                for key in keys:
                    if not has_backend and key.value not in ("CONFIG", "TEST_CONFIG"):
                        yield Slip(
                            file,
                            key.lineno,
                            f"CHANNEL_LAYERS has {key.value!r}, and no 'BACKEND'.",
                            '"BACKEND": "channels.layers.InMemoryChannelLayer"',
                        )
                    elif key.value not in ("BACKEND", "CONFIG", "TEST_CONFIG"):
                        yield Slip(
                            file,
                            key.lineno,
                            f"CHANNEL_LAYERS has {key.value!r} beside BACKEND, and nobody reads that there.",
                            'What the layer is to know goes into "CONFIG".',
                        )
        if name == "MIDDLEWARE":
            for value in values:
                if value.value.startswith("channels."):
                    yield Slip(
                        file,
                        value.lineno,
                        f"MIDDLEWARE has {value.value!r}, which is for sockets. Django's requests go through it.",
                        "MIDDLEWARE without this line. In tutorial/routing.py, it wraps the URLRouter.",
                    )
        if name == "ALLOWED_HOSTS" and isinstance(node.value, (ast.List, ast.Tuple)):
            for value in values:
                if "://" in value.value or re.search(r"[^:\]]:\d+$", value.value) or "/" in value.value:
                    yield Slip(
                        file,
                        value.lineno,
                        f"ALLOWED_HOSTS has {value.value!r}, which is no host: it has more than a name.",
                        "A host's name or address alone, without a scheme and a port: 'localhost'.",
                    )
        if name == "ASGI_APPLICATION" and isinstance(node.value, ast.Constant) and ":" in str(node.value.value):
            yield Slip(
                file,
                node.lineno,
                f"ASGI_APPLICATION is {node.value.value!r}, with a colon, as on a server's command line.",
                'Dots only: ASGI_APPLICATION = "tutorial.routing.application".',
            )
    for first, second in _joined_strings(text):
        yield Slip(
            file,
            first.start[0],
            f"A comma is missing after {first.string}: Python joins it with {second.string}, the string that follows.",
            f"A comma after {first.string}.",
        )


def _bare(code, file, node):
    """Return whether a tuple is written without parentheses."""
    return not (ast.get_source_segment(code.text(file), node) or "(").startswith("(")


def _joined_strings(text):
    """Yield each two strings on two lines that nothing separates, in a list of apps, middleware or hosts."""
    try:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type not in (tokenize.NL, tokenize.COMMENT)
        ]
    except (tokenize.TokenError, IndentationError):
        return
    brackets = []
    for token, after in zip(tokens, tokens[1:], strict=False):
        if token.string in ("(", "[", "{"):
            brackets.append(token.string)
        elif token.string in (")", "]", "}") and brackets:
            brackets.pop()
        in_list = brackets and brackets[-1] == "["
        strings = token.type == after.type == tokenize.STRING
        if in_list and strings and token.start[0] != after.start[0]:
            yield token, after


def _consumer(code, file, stage):
    consumer = code.find_class(file, "ChatConsumer")
    if consumer is None:
        return
    methods = {}
    for node in consumer.body:
        if isinstance(node, FUNCTIONS):
            if node.name in methods and not node.decorator_list:
                yield Slip(
                    file,
                    node.lineno,
                    f"ChatConsumer has two methods called {node.name}. Python keeps the last one only.",
                    f"One method called {node.name}.",
                )
            methods[node.name] = node
    given = set(methods) | {name for name, _ in _names_in_class(consumer)}
    if not consumer.bases:
        yield Slip(
            file,
            consumer.lineno,
            "ChatConsumer has no base class, so it is no consumer.",
            "class ChatConsumer(AsyncWebsocketConsumer): the base class does what you don't write.",
        )
        return
    wanted = ["connect", "receive", "leave" if stage >= 6 else "disconnect"]
    for name in [*wanted, *sorted(_event_types(code, file))]:
        if name not in given:
            yield from _lost_method(code, file, consumer, name, methods)
    yield from _shared_or_overwritten(file, consumer)
    yield from _kept_on_the_class(file, consumer)
    if "__init__" in methods and "super().__init__" not in ast.unparse(methods["__init__"]):
        yield Slip(
            file,
            methods["__init__"].lineno,
            "ChatConsumer has an __init__() of its own, and it doesn't call the one of its base class.",
            "super().__init__(*args, **kwargs) as its first line, or connect() in its place.",
        )
    bases = {ast.unparse(base).rpartition(".")[2] for base in consumer.bases}
    if "receive_json" in methods and bases <= {"AsyncWebsocketConsumer", "WebsocketConsumer"}:
        yield Slip(
            file,
            methods["receive_json"].lineno,
            f"{_join(sorted(bases))} never calls receive_json(): it calls receive().",
            "receive(self, text_data=None, bytes_data=None), or AsyncJsonWebsocketConsumer as the base class.",
        )
    handlers = _event_types(code, file) & set(methods)
    called = {**CALLED, "leave": ((), {})} if "SocketConsumer" in bases else CALLED
    plain = []
    for name in [*called, *sorted(handlers)]:
        method = methods.get(name)
        if method is None or method.decorator_list:
            continue
        arguments, keywords = called.get(name, (({},), {}))
        if not takes(method, None, *arguments, **keywords):
            yield _wrong_parameters(file, method, name, arguments, keywords)
        elif isinstance(method, ast.FunctionDef) and bases <= ASYNC_BASES and not _returns_something(method):
            plain.append(method)
        elif isinstance(method, ast.AsyncFunctionDef) and bases <= SYNC_BASES:
            base = _join(bases)
            yield Slip(
                file,
                consumer.lineno,
                f"ChatConsumer is a {base}, which calls its methods without `await`. But {name}() is `async def`, so "
                "it never runs.",
                f"class ChatConsumer(Async{base}).",
            )
            return
    if plain:
        names = [f"{method.name}()" for method in plain]
        yield Slip(
            file,
            plain[0].lineno,
            f"{_join(names)} {'is' if len(names) == 1 else 'are'} `def`, but Channels awaits "
            f"{'it' if len(names) == 1 else 'them'}.",
            f"`async def`: {_join(bases)} awaits its methods.",
        )


def _shared_or_overwritten(file, consumer):
    """Yield the slips where a method writes to what all consumers share, or to what Channels has set."""
    for method in consumer.body:
        for node in ast.walk(method) if isinstance(method, FUNCTIONS) else ():
            if isinstance(node, ast.Global):
                yield Slip(
                    file,
                    node.lineno,
                    f"{', '.join(node.names)} is global here: one value for all consumers.",
                    f"self.{node.names[0]}: each consumer keeps its own.",
                )
            if not (isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)):
                continue
            owner = ast.unparse(node.value)
            if owner in ("ChatConsumer", "self.__class__", "type(self)", "cls"):
                yield Slip(
                    file,
                    node.lineno,
                    f"{node.attr} is kept on the class here, and all consumers share that.",
                    f"self.{node.attr}: each consumer keeps its own.",
                )
            elif owner == "self" and node.attr in ("channel_name", "channel_layer", "scope"):
                yield Slip(
                    file,
                    node.lineno,
                    f"Channels has set self.{node.attr} already, and this line overwrites it.",
                    "Another name for what you keep here.",
                )


MUTATE = {"append", "add", "insert", "extend", "update", "setdefault", "remove", "discard", "pop"}


def _kept_on_the_class(file, consumer):
    """Yield a slip for each list, set or dict in the class itself that a method changes through self."""
    kept = {
        ast.unparse(node.targets[0]): node
        for node in consumer.body
        if isinstance(node, ast.Assign)
        and (
            isinstance(node.value, (ast.List, ast.Set, ast.Dict))
            or ast.unparse(node.value) in ("set()", "list()", "dict()")
        )
    }
    for node in ast.walk(consumer):
        if not isinstance(node, ast.Attribute) or node.attr not in kept:
            continue
        parent = node.parent
        changed = isinstance(parent, ast.Attribute) and parent.attr in MUTATE
        changed = changed or isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)
        if changed and ast.unparse(node.value) in ("self", "ChatConsumer", "cls", "self.__class__", "type(self)"):
            where = kept.pop(node.attr)
            yield Slip(
                file,
                where.lineno,
                f"{node.attr} is kept on the class here: all consumers of this process, in all rooms, share it.",
                "The room's members are in its group: group_add() and group_discard() keep them, group_send() reaches "
                "them.",
            )


def _never_awaited(code, file):
    """Yield a slip for each call in an `async def` that only makes a coroutine, which nobody awaits."""
    for function in code.walk(file, ast.AsyncFunctionDef):
        for node in ast.walk(function):
            value = getattr(node, "value", None)
            if not isinstance(node, (ast.Expr, ast.Return)) or not isinstance(value, ast.Call):
                continue
            called = ast.unparse(value.func)
            name = called.rpartition(".")[2]
            application = (
                name in ("application", "inner", "app") and called.startswith("self.") and len(value.args) == 3
            )
            layer = name in ("group_add", "group_send", "group_discard") and "layer" in called
            own = called in ("self.accept", "self.send", "self.send_json", "asyncio.sleep")
            if (application or layer or own) and _innermost(node) is function:
                lost = "not awaited" if isinstance(node, ast.Expr) else "returned, and not awaited"
                seen = f"{called}(…) is {lost}: calling it only makes a coroutine, and nothing here runs that."
                yield Slip(file, value.lineno, seen, f"await {called}(…)")


def _innermost(node):
    """Return the function around a node."""
    while not isinstance(node, FUNCTIONS):
        node = node.parent
    return node


def _names_in_class(consumer):
    for node in consumer.body:
        for part in ast.walk(node) if not isinstance(node, FUNCTIONS) else ():
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                yield part.id, part.lineno


def _lost_method(code, file, consumer, name, methods):
    """Yield a slip if the consumer lacks this method, and it is found elsewhere or under a name that is nearly this."""
    for node in code.walk(file, *FUNCTIONS):
        if node.name != name:
            continue
        if isinstance(node.parent, FUNCTIONS):
            seen = f"{name}() is indented into {node.parent.name}(), so it is a function inside that method."
        elif isinstance(node.parent, ast.Module):
            seen = f"{name}() isn't indented, so it is a function of the file, and not a method of ChatConsumer."
        else:
            seen = f"{name}() isn't in ChatConsumer itself."
        yield Slip(file, node.lineno, f"{seen} Nobody calls it.", f"A method of ChatConsumer, as the others: {name}().")
        return
    alike = closest(name, methods, cutoff=0.7)
    if name in (*CALLED, "leave") and alike and alike != "leave" and not hasattr(AsyncJsonWebsocketConsumer, alike):
        by = "SocketConsumer" if name == "leave" else "Channels"
        yield Slip(
            file,
            methods[alike].lineno,
            f"ChatConsumer has a method {alike}, which nobody calls, and none called {name}.",
            f"The method that {by} calls is {name}.",
        )


def _event_types(code, file):
    """Return the names of the methods that handle the events in this file: of each {"type": "chat.msg"}, chat_msg."""
    types = set()
    for node in code.walk(file, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "type" and isinstance(value, ast.Constant):
                types.add(str(value.value).replace(".", "_"))
    return types


def _wrong_parameters(file, method, name, arguments, keywords):
    shown = ", ".join([*map(repr, arguments), *(f"{key}=…" for key in keywords)]).replace("{}", "event")
    written = ast.unparse(method.args)
    first = (method.args.posonlyargs + method.args.args)[:1]
    if not (first and first[0].arg == "self") and takes(method, *arguments, **keywords):
        seen = f"{name}({written}) has no self: a method's first parameter is the consumer itself."
        asked = f"{name}(self{', ' * bool(written)}{written})"
    else:
        by = "SocketConsumer" if name == "leave" else "Channels"
        seen = f"{by} calls {name}({shown}), but yours is {name}({written})."
        asked = {
            "connect": "connect(self)",
            "leave": "leave(self)",
            "disconnect": "disconnect(self, close_code)",
            "receive": "receive(self, text_data=None, bytes_data=None): Channels gives the frame by these names.",
        }.get(name, f"{name}(self, event): a handler takes the event.")
    return Slip(file, method.lineno, seen, asked)


def _returns_something(function):
    return any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(function))


def _join(names):
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _lines(code, file):
    """Yield the slips that are wrong in any file: a comma too many, == for =, a call without parentheses."""
    text = code.text(file)
    for call in code.walk(file, ast.Call):
        later = ast.unparse(call.func).rpartition(".")[2]
        for argument in call.args if later in ("call_later", "call_soon", "call_at", "add_done_callback") else ():
            if isinstance(argument, ast.Call) and not argument.args and ast.unparse(argument.func).startswith("self."):
                yield Slip(
                    file,
                    call.lineno,
                    f"{ast.unparse(argument)} is called at once, and {later}() gets what it returned.",
                    f"{later}(…, {ast.unparse(argument.func)}), without parentheses.",
                )
    yield from _never_awaited(code, file)
    for function in code.walk(file, *FUNCTIONS):
        yield from _braces_missing(file, function)
    for node in code.walk(file, ast.Assign, ast.Return, ast.Expr, ast.Constant):
        value = getattr(node, "value", None)
        if isinstance(node, (ast.Assign, ast.Return)):
            if isinstance(value, ast.Tuple) and len(value.elts) == 1 and _bare(code, file, value):
                what = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else "The result"
                yield Slip(
                    file,
                    node.lineno,
                    f"The comma at the end of the line makes a tuple: {what} is {ast.unparse(value)}.",
                    "The line without the comma at its end.",
                )
        elif isinstance(node, ast.Expr):
            yield from _statement(code, file, node.lineno, value)
        elif isinstance(value, str) and "{" in value:
            yield from _forgotten_f(file, node, text)


def _statement(code, file, line, value):
    if file == "chat/views.py" and isinstance(value, ast.Call):
        name = ast.unparse(value.func)
        own = [node for where, node in code.functions(name) if where == file and _returns_something(node)]
        if own or name in ("render", "redirect"):
            yield Slip(file, line, f"{name}() makes a response, and this line throws it away.", f"return {name}(…)")
            return
    if isinstance(value, ast.Compare) and len(value.ops) == 1 and isinstance(value.ops[0], ast.Eq):
        left = ast.unparse(value.left)
        yield Slip(file, line, "== compares, and nothing happens with the result.", f"One = to set {left}.")
        return
    if file == CONSUMER and isinstance(value, ast.Call) and ast.unparse(value.func).endswith("clean_name"):
        seen = "clean_name() changes nothing: it returns the clean name, and this line throws it away."
        yield Slip(file, line, seen, f"room_name = {ast.unparse(value)}, say.")
        return
    value = value.value if isinstance(value, ast.Await) else value
    if isinstance(value, (ast.Attribute, ast.Name)):
        name = ast.unparse(value)
        yield Slip(file, line, f"{name} is only named here, not called: the parentheses are missing.", f"{name}(…)")


def _braces_missing(file, function):
    """Yield a slip for an f-string without any braces, in a function."""
    for node in ast.walk(function):
        if isinstance(node, ast.JoinedStr) and not any(isinstance(part, ast.FormattedValue) for part in node.values):
            text = ast.unparse(node)
            yield Slip(
                file,
                node.lineno,
                f"{text} has an f in front and no braces in it, so nothing is put in.",
                "Braces around each name that is to be replaced by its value.",
            )


def _forgotten_f(file, node, text):
    """Yield a slip for a string that has a variable of its function in braces, and no f in front."""
    if is_docstring(node) or isinstance(node.parent, (ast.JoinedStr, ast.FormattedValue, ast.Attribute)):
        return
    if ".format" in text or "format_map" in text:
        return
    function = node
    while not isinstance(function, (*FUNCTIONS, ast.Module)):
        function = function.parent
    if isinstance(function, ast.Module):
        return
    known = {part.id for part in ast.walk(function) if isinstance(part, ast.Name)}
    known |= {part.arg for part in ast.walk(function) if isinstance(part, ast.arg)}
    for found in re.findall(r"\{([A-Za-z_]\w*)(?:\.\w+)*\}", node.value):
        if found in known:
            yield Slip(
                file,
                node.lineno,
                f"The string {ast.unparse(node)} has no f in front of it, so {{{found}}} stays as it is.",
                f"f{ast.unparse(node)}",
            )
            return
