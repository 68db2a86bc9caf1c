"""What errors of Python, Django and Channels mean, for somebody who meets them for the first time."""

import ast
import builtins
import importlib
import importlib.util
import inspect
import re
from dataclasses import dataclass

from channels.consumer import AsyncConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer, AsyncWebsocketConsumer
from channels.layers import InMemoryChannelLayer

from stage.code import LOOKED_FOR, closest, route_parts, shorten, tell_place


@dataclass(frozen=True)
class Meaning:
    """What an error means in this project: a sentence, and if known what is asked, the file to open and its line."""

    seen: str
    asked: str | None = None
    file: str | None = None
    line: int | None = None


# Errors whose words alone make sure what they mean. Each entry holds a pattern to look for in the error, what the error
# means, and the file to open, or None for the one that raised it.
MEANINGS = [
    (
        r"No module named '(daphne|chat|django[\w.]*\w)(chat|django)[\w.]*'",
        'Is a comma missing after "{0}"? Python joins two strings that follow each other into one.',
        "tutorial/settings.py",
    ),
    (
        r"No module named '(django\.contrib\.[a-z]+?)(?:django|chat|daphne)\w*'",
        'Is a comma missing after "{0}"? Python joins two strings that follow each other into one.',
        "tutorial/settings.py",
    ),
    (
        r"Cannot import BACKEND 'chat\.",
        "BACKEND in CHANNEL_LAYERS names a class that the project doesn't have. The one in chat/layers.py is "
        "chat.layers.ClassroomInMemoryChannelLayer.",
        "tutorial/settings.py",
    ),
    (
        "Cannot import BACKEND",
        "BACKEND in CHANNEL_LAYERS names a class that doesn't exist. The in-memory layer is "
        "channels.layers.InMemoryChannelLayer, the one for Redis is channels_redis.core.RedisChannelLayer.",
        "tutorial/settings.py",
    ),
    (
        r"not enough values to unpack \(expected 2, got 1\)(?:\.$|\n.*super\(\)\.__call__\()",  # Channels' own
        "channel_capacity doesn't work in this version of Channels: CONFIG takes one capacity, for all channels.",
        "tutorial/settings.py",
    ),
    (
        r"ChannelLayer\.__init__\(\) got an unexpected keyword argument '(\w+)'",
        "CONFIG in CHANNEL_LAYERS has {0}, but the layer takes nothing of that name.",
        "tutorial/settings.py",
    ),
    (
        r"get_asgi_application\(\) takes 0 positional arguments",
        "The parentheses after get_asgi_application are missing: calling it returns Django's application.",
        "tutorial/routing.py",
    ),
    (
        r"(?s)settings are not configured.*in tutorial/asgi\.py",
        'This line runs before the settings are named: os.environ.setdefault("DJANGO_SETTINGS_MODULE", …) comes first.',
        "tutorial/asgi.py",
    ),
    (
        r"(?s)AppRegistryNotReady.*in tutorial/asgi\.py",
        "This line runs before Django is set up: django.setup() comes first, then this import.",
        "tutorial/asgi.py",
    ),
    (
        "Incoming message has no 'type'",
        'The consumer got an event without a "type": the type names the method that handles the event.',
        "chat/consumers.py",
    ),
    (
        r"event loop is already running|asyncio\.run\(\) cannot be called from a running event loop",
        "This line starts an event loop, and it is in one already: a coroutine waits with `await`.",
        None,
    ),
    (
        r"tuple indices must be integers or slices, not str\n.*\[.args.\]",
        '"args" holds the parts that have no name, in a tuple. The parts with a name are in "kwargs".',
        None,
    ),
    (
        r"the JSON object must be str, bytes or bytearray, not dict\n.*json\.loads\(",
        "It is a dict already, and no JSON: receive_json() gets a frame that is decoded, and so is an event.",
        None,
    ),
    (
        "You cannot use AsyncToSync",
        "async_to_sync is for synchronous code. Inside `async def`, write `await` instead.",
        None,
    ),
    (
        "SynchronousOnlyOperation.*\n.*(?:consumers|routing|sockets|messages|rooms)[.]py",
        "A coroutine queries the database here, and everybody would wait for it. The chat's consumer needs no "
        "database: take this line out.",
        None,
    ),
    (
        r"no such table: .*\n.* in chat/consumers\.py",
        "The chat's consumer needs no database, and this check's database has no tables: take this line out.",
        None,
    ),
    (
        r"no such table: django_session(?:\.$|\n.* in tutorial/middleware\.py)",
        "The session can't be read, and nothing caught that: resolve_scope() has to catch DatabaseError as well as "
        "ValidationError, and to make the user an AnonymousUser.",
        "tutorial/middleware.py",
    ),
    (
        r"^RecursionError.*\n.*json\.loads",
        "Catch RecursionError as well as ValueError there: the frame's brackets are nested too deeply.",
        None,
    ),
    (
        r"unhashable type: 'dict'\n.*event",
        "A cache looks its arguments up in a dict, and an event, itself a dict, can't be a key there: pass the "
        'function the text, event["message"].',
        None,
    ),
    (
        r"TypeError: (?:argument of type '(\w+)' is not (?:iterable|a container)|'(\w+)' object is not subscriptable)"
        r".*\n.* in chat/messages\.py",
        "A frame may be any JSON: a number, a list, a text, null. Here it is no object, which Python has as a dict.",
        "chat/messages.py",
    ),
    (
        r"RuntimeError: (?:\w+ (?:keys )?changed(?: size)?|deque mutated) during iteration",
        "The loop goes over something that is changed while it does.",
        None,
    ),
    (
        r"Lock object .*is bound to a different event loop",
        "This lock is older than the connection: all consumers share it.",
        None,
    ),
    (
        r"TypeError: Object of type (\w*(?:Refused|Error|Exception)) is not JSON serializable",
        "{0} is an exception, and JSON takes texts: str() of it is its words.",
        None,
    ),
    (
        r"TypeError: Object of type (\w+) is not JSON serializable",
        "JSON takes dicts, lists, texts, numbers, True, False and None. {0} is something else.",
        None,
    ),
    (
        r"KeyError: '\w*'\n.* in chat/layers\.py, .*self\.groups\[",
        "A group that nobody is in isn't in self.groups. What is sent to it goes to nobody, and is no error.",
        None,
    ),
    (
        r"(?s)string indices must be integers.*text_data\[",
        "The frame is text, not a dict yet: json.loads(text_data) turns it into one.",
        None,
    ),
    (
        r"MultiValueDictKeyError: '(\w+)'",
        "The address has no ?{0}=…, and then request.GET[…] raises this error.",
        None,
    ),
    (
        r"Passing a 3-tuple to include\(\)",
        "admin.site.urls is included already.",
        None,
    ),
    (
        r"'\w*Middleware\w*' object is not iterable\n.*URLRouter\(",
        "URLRouter takes a list of routes, and got a middleware: the two are inside out.",
        None,
    ),
    (
        "^StopConsumer",
        "This is how a consumer ends after its client has left or was refused: __call__ has to catch StopConsumer.",
        "chat/sockets.py",
    ),
    (
        r"WSGIHandler\.__call__\(\) takes",
        "For HTTP, the root application has a WSGI application, which can't be called like this.",
        "tutorial/routing.py",
    ),
    (
        r"as_asgi\(\) takes 1 positional argument",
        "The parentheses after as_asgi are missing: calling it returns an application.",
        "chat/routing.py",
    ),
    (
        r"cannot import name 'url' from 'django\.conf\.urls'",
        "url() is gone since Django 4.",
        None,
    ),
    (
        r"module 'django\.conf\.urls' has no attribute 'url'",
        "url() is gone since Django 4.",
        None,
    ),
    (
        r"Reverse for '(\w+)' with",
        "The route called {0} doesn't fit these arguments. Do they have the names of its parts?",
        "chat/urls.py",
    ),
]
ASKED = {
    "The loop goes over something that is changed while it does.": (
        "What empties or changes it comes after the loop, less indented."
    ),
    "This lock is older than the connection: all consumers share it.": (
        "Each consumer makes a lock of its own, in __call__."
    ),
    "Refused is an exception, and JSON takes texts: str() of it is its words.": "str(…) around it.",
    "A frame may be any JSON: a number, a list, a text, null. Here it is no object, which Python has as a dict.": (
        "isinstance(frame, dict) first, and then its keys."
    ),
    "A group that nobody is in isn't in self.groups. What is sent to it goes to nobody, and is no error.": (
        "self.groups.get(group, {})"
    ),
    '"args" holds the parts that have no name, in a tuple. The parts with a name are in "kwargs".': (
        'self.scope["url_route"]["kwargs"]["room_name"]'
    ),
    "For HTTP, the root application has a WSGI application, which can't be called like this.": (
        '"http": get_asgi_application(), from django.core.asgi.'
    ),
    "The address has no ?room=…, and then request.GET[…] raises this error.": 'request.GET.get("room", "")',
    "admin.site.urls is included already.": 'path("admin/", admin.site.urls), without include().',
    "URLRouter takes a list of routes, and got a middleware: the two are inside out.": (
        "AuthMiddlewareStack(URLRouter(…))"
    ),
    "url() is gone since Django 4.": "path(…), or re_path(…) for a regular expression, both from django.urls.",
}


def find_meaning(problem):
    """Return the Meaning of a Problem, or None if nothing is sure."""
    for look in LOOKS:
        meaning = look(problem)
        if meaning:
            return meaning
    text = problem.what
    if problem.places:
        text += tell_place(*problem.place)
    else:
        text = text.rstrip(".") + "."
    for pattern, meaning, opens in MEANINGS:
        found = re.search(pattern, text)
        if found:
            words = meaning.format(*found.groups())
            return Meaning(words, ASKED.get(words), opens)
    return the_try_around_it_catches_less(problem)


def a_name_is_missing(problem):
    """NameError: the name that is most like it, or the import that is missing."""
    found = re.search(r"^NameError: name '(\w+)' is not defined", problem.what)
    early = re.search(r"(?:local|free) variable '(\w+)'", problem.what) if "UnboundLocal" in problem.what else None
    if early and problem.place:
        return _assigned_here(problem, early[1])
    if not found or not problem.place:
        return None
    name, (file, line, _) = found[1], problem.place
    for call in problem.code.walk(file, ast.Call):
        if call.lineno <= line <= call.end_lineno and ast.unparse(call.func).endswith("include") and call.args:
            written = ast.unparse(call.args[0])
            if written.partition(".")[0] == name and "." in written:
                return Meaning(
                    "include() got a name of Python, and there is none. It takes the module's name as a string.",
                    f'include("{written}")',
                )
    if name in ("true", "false", "null", "none"):
        right = {"true": "True", "false": "False"}.get(name, "None")
        return Meaning(f"Python writes {right}.", f"{right} in place of {name}.")
    known = set(problem.code.names(file) or {}) | _names_around(problem.code, file, line)
    alike = closest(name, known | set(dir(builtins)), cutoff=0.7)
    if importlib.util.find_spec(name) is not None and not (alike and alike in known):
        return Meaning(f"{file} uses {name} without importing it.", f"`import {name}` at the top of {file}.")
    if "self." + name in problem.code.text(file):
        return Meaning(f"There is self.{name}, but here self. is missing.", f"self.{name}")
    elsewhere = _where_from(name)
    if elsewhere:
        return Meaning(f"{file} uses {name} without importing it.", f"`from {elsewhere} import {name}` at its top.")
    if alike:
        return Meaning(f"There is {alike}.", f"{alike}, if that is the name you mean.")
    return None


def _assigned_here(problem, name):
    """Return the Meaning of an UnboundLocalError: who else has a variable of this name, or which `except` went on."""
    file, line, _ = problem.place
    around = problem.code.around(file, line)
    for node in ast.walk(around[-1]) if around else ():
        if isinstance(node, ast.Try) and node.end_lineno < line and name in _stored(node.body):
            for handler in node.handlers:
                if not isinstance(handler.body[-1], (ast.Return, ast.Raise, ast.Continue)):
                    return Meaning(
                        f"{name} gets its value in the `try`. The `except` goes on without one.",
                        "The `except` ends with `return` or `raise`, or gives " + name + " a value.",
                        file,
                        handler.body[-1].lineno,
                    )
    if len(around) > 1:
        inner = around[-1].name
        return Meaning(
            f"{inner}() gives {name} a value further down, so here it is a variable of {inner}() itself, without one.",
            f"nonlocal {name}, as the first line of {inner}(), if the one of {around[-2].name}() is meant.",
        )
    return None


def _where_from(name):
    return {
        "path": "django.urls",
        "re_path": "django.urls",
        "include": "django.urls",
        "render": "django.shortcuts",
        "redirect": "django.shortcuts",
        "admin": "django.contrib",
        "RedirectView": "django.views.generic",
        "AsyncWebsocketConsumer": "channels.generic.websocket",
        "WebsocketConsumer": "channels.generic.websocket",
        "URLRouter": "channels.routing",
        "ProtocolTypeRouter": "channels.routing",
        "AuthMiddlewareStack": "channels.auth",
        "get_asgi_application": "django.core.asgi",
        "async_to_sync": "asgiref.sync",
        "ChatConsumer": "chat.consumers",
        "consumers": "chat",
        "views": "chat",
        "Path": "pathlib",
        "parse_message": "chat.messages",
        "make_frame": "chat.messages",
        "clean_name": "chat.rooms",
        "group_name": "chat.rooms",
        "SocketConsumer": "chat.sockets",
    }.get(name)


def _names_around(code, file, line):
    """Return the names that the function around this line binds."""
    names = set()
    for function in code.around(file, line):
        names |= {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and _is_store(node)}
        names |= {node.arg for node in ast.walk(function) if isinstance(node, ast.arg)}
    return names


def _stored(body):
    """Return the names that get a value in these statements."""
    return {node.id for part in body for node in ast.walk(part) if isinstance(node, ast.Name) and _is_store(node)}


def _is_store(node):
    return isinstance(node.ctx, ast.Store)


def an_attribute_is_missing(problem):
    """AttributeError: the attribute that is most like it, and where one of this name is kept instead."""
    found = re.search(r"^AttributeError: (.*) has no attribute '(\w+)'", problem.what)
    if not found:
        return None
    owner, name = found.groups()
    code = problem.code
    consumer = re.fullmatch(r"(?:type object )?'(\w+)'(?: object)?", owner)
    if consumer and consumer[1] == "ChatConsumer":
        if name in ("as_view", "as_asgi"):
            if name == "as_view":
                return Meaning("as_view() is for views. A consumer has as_asgi().", "ChatConsumer.as_asgi()")
            return None  # slips.py tells that it has no base class
        return _not_kept_in_self(problem, name)
    module = re.fullmatch(r"(?:partially initialized )?module '([\w.]+)'", owner)
    if module and module[1].partition(".")[0] in ("chat", "tutorial"):
        file = module[1].replace(".", "/") + ".py"
        names = code.names(file) if file in code.files else None
        return _missing_in(file, name, names or {})
    if problem.error is not None and getattr(problem.error, "obj", None) is not None:
        names = [each for each in dir(problem.error.obj) if not each.startswith("_")]
        alike = closest(name, names, cutoff=0.7)
        if alike:
            return Meaning(f"It has {alike}.", f"{alike}, if that is the name you mean.")
    return None


# What a class-based view has, and where a consumer has it.
OF_A_VIEW = {
    "kwargs": 'self.scope["url_route"]["kwargs"]',
    "args": 'self.scope["url_route"]["args"]',
    "request": "self.scope: it says of a socket what the request says of a page.",
    "user": 'self.scope["user"]',
    "session": 'self.scope["session"]',
}


def _not_kept_in_self(problem, name):
    """Say of an attribute of the consumer who sets it, or which one of nearly that name there is."""
    code, file = problem.code, "chat/consumers.py"
    consumer = code.find_class(file, "ChatConsumer")
    if consumer is None or not problem.place:
        return None
    kept = {}  # attribute: the method that sets it
    for method in consumer.body:
        for node in ast.walk(method):
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.ctx, ast.Store)
                and ast.unparse(node.value) == "self"
            ):
                kept.setdefault(node.attr, (getattr(method, "name", None), node.lineno))
    for method in consumer.body:
        if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) and name not in kept:
            for node in ast.walk(method):
                if isinstance(node, ast.Name) and node.id == name and _is_store(node):
                    return Meaning(
                        f"{method.name}() sets {name} without self., so it is gone when {method.name}() ends.",
                        f"self.{name} = …",
                        file,
                        node.lineno,
                    )
    if name in OF_A_VIEW and name not in kept:
        return Meaning(f"A consumer has no self.{name}. That is a view's.", OF_A_VIEW[name])
    known = {*kept, "channel_layer", "channel_name", "scope", "send", "accept", "close"}
    known |= {each.name for each in consumer.body if hasattr(each, "name")}
    if name in kept:
        by, line = kept[name]
        return Meaning(f"{by}() sets self.{name}, but hasn't come that far.", None, file, line)
    called = f"self.{name}(" in problem.place[2]
    if called and hasattr(InMemoryChannelLayer, name):
        return Meaning(f"{name}() is a method of the channel layer.", f"self.channel_layer.{name}(…)")
    if called and hasattr(AsyncJsonWebsocketConsumer, name):
        return Meaning(
            f"{name}() is a method of AsyncJsonWebsocketConsumer, and ChatConsumer isn't one.",
            "self.send(json.dumps(…)), or AsyncJsonWebsocketConsumer as the base class.",
        )
    alike = closest(name, known, cutoff=0.7)
    if alike:
        return Meaning(f"The consumer has self.{alike}.", f"self.{alike}, or one name in all places.")
    if called:
        return Meaning(f"ChatConsumer has no method {name}, and no consumer has one.")
    if problem.raised_here and not name.startswith("_"):
        return Meaning(f"No method of ChatConsumer sets self.{name}.", f"self.{name} = … in connect().")
    return None


def _missing_in(file, name, names):
    """Return the Meaning of a name that another file looks for in this one. `names` are those that it has."""
    alike = closest(name, names, cutoff=0.6)
    has = f" It has {alike}." if alike else ""
    if name in LOOKED_FOR.get(file, {}):
        asked = "The list of routes has to be called " if "patterns" in name else "Its name has to be "
        line = names.get(alike) if isinstance(names, dict) else None
        return Meaning(f"{file} has nothing called {name}.{has}", f"{asked}{name}.", file, line)
    return Meaning(
        f"{file} has nothing called {name}.{has}", f"One name in both places: {name} or {alike}." if alike else None
    )


def a_name_cant_be_imported(problem):
    """ImportError: what the module has in its place."""
    found = re.search(r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'", problem.what)
    if not found or (found[1] == "url" and found[2].startswith("django")):
        return None
    name, module = found.groups()
    code = problem.code
    if module.partition(".")[0] in ("chat", "tutorial"):
        if "circular import" in problem.what:
            return Meaning(f"{module} is still being imported: the two files import each other.", None)
        file = module.replace(".", "/") + ".py"
        names = code.names(file) if file in code.files else None
        if file not in code.files:  # a package: its modules
            inside = file = module.replace(".", "/") + "/"
            names = {each[len(inside) :].removesuffix(".py") for each in code.files if each.startswith(inside)}
        return _missing_in(file, name, names or {})
    with_names = importlib.import_module(module)
    alike = closest(name, dir(with_names), cutoff=0.75)
    if alike:
        return Meaning(f"{module} has {alike}.", f"from {module} import {alike}, if that is the one you mean.")
    elsewhere = _where_from(name)
    if elsewhere:
        return Meaning(f"{name} is in {elsewhere}.", f"from {elsewhere} import {name}")
    return None


def what_is_awaited_is_no_coroutine(problem):
    """A TypeError of `await`: which call gave back something that can't be awaited, or which method isn't async."""
    found = re.search(r"object (\w+) can't be used in 'await'|'(\w+)' object can't be awaited", problem.what)
    found = found or re.search(r"object.__init__\(\) takes exactly one", problem.what)
    if not found:
        return None
    if problem.raised_here:
        kind = next(filter(None, found.groups()), "object")
        file, line, _ = problem.place
        awaits = [node for node in problem.code.walk(file, ast.Await) if node.lineno <= line <= node.end_lineno]
        if not awaits:
            return None
        value = awaits[0].value
        if not isinstance(value, ast.Call):
            name = ast.unparse(value)
            return Meaning(f"{name} is no coroutine, but a {kind}.", f"Are its parentheses missing? await {name}(…)")
        name = ast.unparse(value.func)
        own = [(file, node) for file, node in problem.code.functions(name.rpartition(".")[2])]
        if own and isinstance(own[0][1], ast.FunctionDef):
            return Meaning(
                f"{name}() is `def`, so there is nothing to await.",
                f"`async def {own[0][1].name}(…)`",
                own[0][0],
                own[0][1].lineno,
            )
        what = "returned None" if kind == "NoneType" else f"returned its result, a {kind}, at once"
        return Meaning(f"{name}(…) is no coroutine here: it {what}.", f"{name}(…) without `await`.")
    return _the_route_leads_to_a_class(problem) or _the_handler_is_not_async(problem)


def _the_route_leads_to_a_class(problem):
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


def _the_handler_is_not_async(problem):
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
        taken = ", ".join(argument.arg for argument in function.args.args)
        names = sorted(set(route_parts(problem.code.text("chat/urls.py"))))
        if found[2].startswith("got multiple values"):
            return Meaning(
                "A view takes the request first, and then what the route captures.", None, file, function.lineno
            )
        return Meaning(
            f"The view is {name}({taken}). The routes in chat/urls.py capture: {', '.join(names) or 'nothing'}.",
            "The route captures what the view takes, by the same name. The request comes first.",
            file if names == ["room_name"] else "chat/urls.py",
        )
    written = ast.unparse(function.args)
    return Meaning(f"It is {name}({written}).", None, file, function.lineno) if name != "__init__" else None


def _signature_in_channels(qualified):
    """Return the Meaning of a call that doesn't fit one of Channels' own methods: "InMemoryChannelLayer.group_send"."""
    owner, _, name = qualified.rpartition(".")
    for kind in (InMemoryChannelLayer, AsyncWebsocketConsumer, AsyncConsumer):
        if kind.__name__ == owner and hasattr(kind, name) and name != "as_asgi":
            parameters = ", ".join(list(inspect.signature(getattr(kind, name)).parameters)[1:])
            return Meaning(f"It is {name}({parameters}).")
    return None


def a_groups_name_is_not_allowed(problem):
    """The TypeError of a channel layer: the name that it got, and who gave it."""
    found = re.search(r"(Group|Channel) name must be", problem.what)
    trace = getattr(problem.error, "__traceback__", None)
    frame = None
    while trace is not None:
        frame, trace = trace.tb_frame, trace.tb_next
    if not found or not problem.place or frame is None or "name" not in frame.f_locals:
        return None
    name = frame.f_locals["name"]
    what = found[1].lower()
    seen = f"The {what}'s name here is {shorten(name, 120)}."
    if isinstance(name, str) and name.endswith("/"):
        seen += " The room's name has the address's slash in it: the route captures too much."
        return Meaning(seen, "[^/]+ in the route takes anything but a slash.", "chat/routing.py")
    if what == "group" and isinstance(name, str) and name.startswith("specific"):
        seen = "This is a channel's name where a group's name belongs: the group comes first, then the channel."
    elif not isinstance(name, str):
        seen = f"The {what}'s name here is {shorten(name, 120)}, of type {type(name).__name__}, and no string."
    elif "{" in name and "}" in name:
        seen += " The braces were not replaced by a value."
    elif " " in name.strip() or name != name.strip():
        seen += " It has a blank in it."
    return Meaning(seen)


def an_event_has_no_handler(problem):
    """ValueError of Channels: an event's type has to name a method."""
    found = re.search(r"No handler for message type (.+?)\.?$", problem.what.partition("\n")[0])
    if not found:
        return None
    kind, code, file = found[1], problem.code, "chat/consumers.py"
    wanted = kind.replace(".", "_")
    consumer = code.find_class(file, "ChatConsumer")
    methods = {node.name: node.lineno for node in getattr(consumer, "body", ()) if hasattr(node, "name")}
    shown = repr(kind) if " " in kind else kind
    seen = f"The consumer has no method for the type {shown}: an event's type names the method that handles the event."
    handlers = [
        name for name in methods if name not in ("connect", "disconnect", "receive", "leave") and name[0] != "_"
    ]
    alike = closest(wanted, handlers, cutoff=0.5) or (handlers[0] if len(handlers) == 1 else None)
    if wanted == "chat_msg":
        asked = "A method `async def chat_msg(self, event)`."
        return Meaning(seen, f"{asked} You have {alike}." if alike else asked, file, methods.get(alike))
    asked = (
        f'A type that names one of your methods: "{alike}".'
        if alike
        else 'The type "chat_msg", and a method of that name.'
    )
    line = next((node.lineno for node in code.walk(file, ast.Constant) if node.value == kind), None)
    return Meaning(seen, asked, file, line)


def a_key_is_missing(problem):
    """KeyError: the route's part that the consumer asks for, or the keys of the frame or event."""
    found = re.search(r"^KeyError: '(\w+)'", problem.what)
    if not found or not problem.place:
        return None
    name, code = found[1], problem.place[2]
    if "kwargs" in code or "url_route" in code:
        routes = problem.code.text("chat/routing.py")
        parts = route_parts(routes)
        if "kwargs" not in code and name not in ("url_route", "kwargs"):
            return Meaning('url_route holds "args" and "kwargs". The names are in "kwargs".', f'["kwargs"]["{name}"]')
        if name == "url_route" or name == "kwargs" or name in parts:
            return None
        if name != "room_name" and "room_name" in parts:
            return Meaning(f"The route's part is called room_name, and not {name}.", 'kwargs["room_name"]')
        return (
            Meaning(
                f"No part of the route is called {name}, which is the name that the consumer asks for.",
                None
                if name == "room_name"
                else f"One name in both places: {name} or {' or '.join(parts) or 'room_name'}.",
                "chat/routing.py" if name == "room_name" else None,
            )
            if routes
            else None
        )
    if "environ[" in code:
        return Meaning(
            "os.environ[…] raises this error where the variable isn't set.",
            f'os.environ.get("{name}"), which gives None.',
        )
    if "event[" in code:
        return Meaning(
            f'The event has no "{name}". Its keys are those that receive() gives it.',
            "The same key where the event is sent and where it is read.",
        )
    if "json.loads(" in code or "text_data" in code or "data" in code:
        if name != "message":
            return Meaning(f'The frame is {{"message": …}}: it has no "{name}".', 'The key "message".')
    return None


def asgi_py_imports_too_early(problem):
    """An error of settings that aren't named, or of apps that aren't ready, below the import in asgi.py."""
    early = "settings are not configured" in problem.what or "AppRegistryNotReady" in problem.what
    places = [place for place in problem.places if place[0] == "tutorial/asgi.py"]
    if not early or not places or places[-1] == problem.place:
        return None
    what = "before the settings are named" if "settings" in problem.what else "before Django is set up"
    return Meaning(
        f"asgi.py imports tutorial/routing.py {what}.",
        'First os.environ.setdefault("DJANGO_SETTINGS_MODULE", …), then django.setup(), then this import.',
        *places[-1][:2],
    )


def the_application_is_named_wrongly(problem):
    """ImproperlyConfigured of Channels: ASGI_APPLICATION names what isn't there."""
    file = "tutorial/settings.py"
    if "Cannot find ASGI_APPLICATION setting" in problem.what:
        if "ASGI_APPLICATION" in (problem.code.names(file) or {}):
            return None
        return Meaning(
            'The settings have no ASGI_APPLICATION = "tutorial.routing.application", so no server finds the '
            "application.",
            None,
            file,
        )
    found = re.search(r"Cannot find '(\w+)' in ASGI_APPLICATION module ([\w.]+)", problem.what)
    if found:
        name, module = found.groups()
        target = module.replace(".", "/") + ".py"
        names = problem.code.names(target) or {}
        if target not in problem.code.files:
            return Meaning(
                f"ASGI_APPLICATION is {module}.{name}: that names a module, and not what is in it.",
                'ASGI_APPLICATION = "tutorial.routing.application"',
                file,
            )
        if name == "application":
            alike = closest(name, names, cutoff=0.6)
            more = f" It has {alike}." if alike else ""
            return Meaning(f"{target} has nothing called application.{more}", None, target, names.get(alike))
        there = " It has application." if "application" in names else ""
        return Meaning(
            f"ASGI_APPLICATION asks for {name}, but {target} has nothing called that.{there}",
            'ASGI_APPLICATION = "tutorial.routing.application"',
            file,
        )
    if "ASGI_APPLICATION" in problem.what and "Cannot import" in problem.what:
        return Meaning(
            "ASGI_APPLICATION is a module's name, a dot, and the application's name: tutorial.routing.application.",
            'ASGI_APPLICATION = "tutorial.routing.application"',
            file,
        )
    return None


def an_included_module_has_no_addresses(problem):
    """ImproperlyConfigured of Django: include() names a module without urlpatterns."""
    found = re.search(r"The included URLconf .*?module '([\w.]+)'", problem.what)
    if not found:
        return None
    module = found[1]
    named = [place for place in problem.code.mentions(module) if "include(" in problem.code.line(*place)]
    return Meaning(
        f"{module} has no urlpatterns.",
        'include("chat.urls") for the pages. Sockets are no part of this.' if module == "chat.routing" else None,
        *(named[0] if named else (None, None)),
    )


def a_text_that_is_none(problem):
    """A TypeError in chat/invisible.py, which looks at a text's characters: it got something else."""
    trace = getattr(problem.error, "__traceback__", None)
    text = ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.endswith("invisible.py"):
            text = trace.tb_frame.f_locals.get("text", text)
        trace = trace.tb_next
    callers = [place for place in problem.places if place[0] != "chat/invisible.py"]
    if isinstance(text, str) or not callers:
        return None
    return Meaning(
        f"A text was expected there, and {shorten(text)} came, of type {type(text).__name__}.",
        "First whether it is a string, then whether it is blank.",
        *callers[-1][:2],
    )


def a_view_returns_nothing(problem):
    """ValueError of Django: a view without `return`."""
    found = re.search(r"The view (?:chat\.views\.)?([\w.]+) didn't return an HttpResponse", problem.what)
    if not found:
        return None
    if "unawaited coroutine" in problem.what:
        return Meaning("The view returns a coroutine.", "`await` inside it, or a plain `def`.", "chat/views.py")
    own = problem.code.functions(found[1].rpartition(".")[2])
    line = own[0][1].lineno if own else None
    return Meaning("A view returns what it renders. Is `return` missing before render(…)?", None, "chat/views.py", line)


def a_template_is_not_found(problem):
    """TemplateDoesNotExist, though the file is there: Django looks in the apps' folders only."""
    if "TemplateDoesNotExist" not in problem.what:
        return None
    settings = problem.code.text("tutorial/settings.py")
    if '"chat"' not in settings and "'chat'" not in settings and "ChatConfig" not in settings:
        return Meaning(
            'Django looks in the templates/ folder of each app in INSTALLED_APPS, and "chat" isn\'t one of them.',
            '"chat" in INSTALLED_APPS.',
            "tutorial/settings.py",
        )
    if not re.search(r"APP_DIRS\W+True", settings):
        return Meaning('TEMPLATES has no "APP_DIRS": True.', '"APP_DIRS": True', "tutorial/settings.py")
    return None


def the_try_around_it_catches_less(problem):
    """Any error that was raised in a `try` of the project whose `except` catches only some errors of its kind."""
    frames = {}
    trace = getattr(problem.error, "__traceback__", None)
    while trace is not None:
        frames[trace.tb_frame.f_code.co_filename, trace.tb_lineno] = trace.tb_frame
        trace = trace.tb_next
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


def _route_names(call):
    """Return the names of routes that this call asks for: RedirectView.as_view(pattern_name=…), redirect(…)."""
    given = [word.value for word in call.keywords if word.arg == "pattern_name"]
    if ast.unparse(call.func).rpartition(".")[2] in ("redirect", "reverse", "reverse_lazy"):
        given += call.args[:1]
    return [each.value for each in given if isinstance(each, ast.Constant)]


def no_route_has_this_name(problem):
    """NoReverseMatch: who asks for the route, and what the routes are called."""
    found = re.search(r"Reverse for '([^']*)' not found", problem.what)
    if not found:
        return None
    name = found[1]
    named = [
        (file, call.lineno)
        for file in problem.code.files
        for call in problem.code.walk(file, ast.Call)
        if name in _route_names(call)
    ]
    if name in ("index", "room") or not named:
        urls = "chat/urls.py"
        routes = [call for call in problem.code.walk(urls, ast.Call) if ast.unparse(call.func) in ("path", "re_path")]
        own = [call.lineno for call in routes if len(call.args) > 1 and ast.unparse(call.args[1]).endswith(f".{name}")]
        return Meaning(
            f"No route is called {name}, and redirect() and {{% url %}} look for that name.",
            f'path(…, name="{name}")',
            urls,
            own[0] if own else None,
        )
    if "/" in name:
        seen, asked = f"{name!r} is an address, and here a route's name belongs.", f'url="{name}", or a route\'s name.'
        return Meaning(seen, asked if "pattern_name" in problem.code.line(*named[0]) else "A route's name.", *named[0])
    asked = 'A route\'s name. For an address: url="/…/".' if "pattern_name" in problem.code.line(*named[0]) else None
    return Meaning(f"No route is called {name!r}.", asked or "A route's name.", *named[0])


LOOKS = [
    asgi_py_imports_too_early,
    a_loss_that_is_no_refusal,
    no_route_has_this_name,
    a_name_is_missing,
    a_name_cant_be_imported,
    the_application_is_named_wrongly,
    what_is_awaited_is_no_coroutine,
    a_groups_name_is_not_allowed,
    an_event_has_no_handler,
    a_key_is_missing,
    an_attribute_is_missing,
    a_call_does_not_fit,
    a_text_that_is_none,
    an_included_module_has_no_addresses,
    a_view_returns_nothing,
    a_template_is_not_found,
]
