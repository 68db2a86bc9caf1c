"""Meanings of Channels' errors: of groups and events, and of the application that a server finds."""

import ast
import re
import traceback

from stage.code import closest, shorten
from stage.meanings.meaning import Meaning, find_first

SETTINGS = "tutorial/settings.py"
APPLICATION = 'ASGI_APPLICATION = "tutorial.routing.application"'


def a_groups_name_is_not_allowed(problem):
    """The TypeError of a channel layer: the name that it got, and who gave it."""
    found = re.search(r"(Group|Channel) name must be", problem.what)
    frames = [frame for frame, _ in traceback.walk_tb(getattr(problem.error, "__traceback__", None))]
    if not found or not problem.place or not frames or "name" not in frames[-1].f_locals:
        return None
    name = frames[-1].f_locals["name"]
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
    return find_first([no_application_is_named, nothing_has_the_name, no_module_has_the_name], problem)


def no_application_is_named(problem):
    """The settings have no ASGI_APPLICATION."""
    if "Cannot find ASGI_APPLICATION setting" not in problem.what:
        return None
    if "ASGI_APPLICATION" in (problem.code.names(SETTINGS) or {}):
        return None
    return Meaning(f"The settings have no {APPLICATION}, so no server finds the application.", None, SETTINGS)


def nothing_has_the_name(problem):
    """The module is there, and has nothing of this name."""
    found = re.search(r"Cannot find '(\w+)' in ASGI_APPLICATION module ([\w.]+)", problem.what)
    if not found:
        return None
    name, module = found.groups()
    target = module.replace(".", "/") + ".py"
    names = problem.code.names(target) or {}
    if target not in problem.code.files:
        seen = f"ASGI_APPLICATION is {module}.{name}: that names a module, and not what is in it."
        return Meaning(seen, APPLICATION, SETTINGS)
    if name == "application":
        alike = closest(name, names, cutoff=0.6)
        more = f" It has {alike}." if alike else ""
        return Meaning(f"{target} has nothing called application.{more}", None, target, names.get(alike))
    there = " It has application." if "application" in names else ""
    seen = f"ASGI_APPLICATION asks for {name}, but {target} has nothing called that.{there}"
    return Meaning(seen, APPLICATION, SETTINGS)


def no_module_has_the_name(problem):
    """The module can't be imported."""
    if "ASGI_APPLICATION" not in problem.what or "Cannot import" not in problem.what:
        return None
    return Meaning(
        "ASGI_APPLICATION is a module's name, a dot, and the application's name: tutorial.routing.application.",
        APPLICATION,
        SETTINGS,
    )
