"""Meanings of Django's errors: of views, templates and the routes that lead to them."""

import ast
import re

from stage.meanings.meaning import Meaning


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


def _route_names(call):
    """Return the names of routes that this call asks for: RedirectView.as_view(pattern_name=…), redirect(…)."""
    given = [word.value for word in call.keywords if word.arg == "pattern_name"]
    if ast.unparse(call.func).rpartition(".")[2] in ("redirect", "reverse", "reverse_lazy"):
        given += call.args[:1]
    return [each.value for each in given if isinstance(each, ast.Constant)]
