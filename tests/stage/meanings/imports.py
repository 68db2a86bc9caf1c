"""Meanings of names that a module doesn't have, and where those are that the lesson imports."""

import importlib
import re

from stage.code import LOOKED_FOR, closest
from stage.meanings.meaning import Meaning

# The names that the lesson imports, and from where.
WHERE_FROM = {
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
}


def a_name_cant_be_imported(problem):
    """ImportError: what the module has in its place."""
    found = re.search(r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'", problem.what)
    if not found or (found[1] == "url" and found[2].startswith("django")):
        return None
    name, module = found.groups()
    if module.partition(".")[0] in ("chat", "tutorial"):
        if "circular import" in problem.what:
            return Meaning(f"{module} is still being imported: the two files import each other.")
        return _missing_in_the_project(problem.code, name, module)
    alike = closest(name, dir(importlib.import_module(module)), cutoff=0.75)
    if alike:
        return Meaning(f"{module} has {alike}.", f"from {module} import {alike}, if that is the one you mean.")
    if name in WHERE_FROM:
        return Meaning(f"{name} is in {WHERE_FROM[name]}.", f"from {WHERE_FROM[name]} import {name}")
    return None


def _missing_in_the_project(code, name, module):
    """Return the Meaning of a name that one of the project's modules or packages doesn't have."""
    path = module.replace(".", "/")
    if f"{path}.py" in code.files:
        return missing_in(f"{path}.py", name, code.names(f"{path}.py") or {})
    folder = f"{path}/"  # a package: its modules
    inside = {file[len(folder) :].removesuffix(".py") for file in code.files if file.startswith(folder)}
    return missing_in(folder, name, inside)


def missing_in(file, name, names):
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
