"""Slips in the routes: what leads nowhere, or to a consumer in the wrong way."""

import ast
import re

from stage.code import route_parts
from stage.slips.slip import CONSUMER, Slip, find_each, find_first, name_called

SOCKETS = "chat/routing.py"
PAGES = "chat/urls.py"


class Route:
    """A route: the call of path() or re_path(), and the nodes of its address and of what it leads to."""

    def __init__(self, file, call):
        self.file, self.call = file, call
        self.address, self.view = call.args[:2]
        self.leads_to = ast.unparse(self.view)
        value = getattr(self.address, "value", None)
        self.text = value if isinstance(value, str) else ""  # the address, if it is written here


def slips_in_routes(code, file):
    """Yield the slips in a file with routes, of pages or of sockets."""
    named = [*full_names_of_routes(code, file)]
    yield from named
    if named:
        return
    for call in code.walk(file, ast.Call):
        if file == SOCKETS:
            yield from an_include(file, call)
        if _is_route(call):
            yield from find_each(OF_A_SOCKET if file == SOCKETS else OF_A_PAGE, code, Route(file, call))


def _is_route(call):
    return name_called(call) in ("path", "re_path") and len(call.args) > 1


def full_names_of_routes(code, file):
    """With app_name, a route has another name than the views ask for."""
    app_name = (code.names(file) or {}).get("app_name")
    if file != PAGES or not app_name or '"chat:' in code.text("chat/views.py").replace("'", '"'):
        return
    if any(map(_is_route, code.walk(file, ast.Call))):
        yield Slip(
            file,
            app_name,
            "With app_name, the routes' full names begin with it, as in chat:room. The views ask for them without.",
            "No app_name, or its name and a colon in front wherever a route's name is asked for.",
        )


def an_include(file, call):
    """include() among the sockets' routes."""
    if ast.unparse(call.func) == "include":
        yield Slip(
            file,
            call.lineno,
            "include() is for Django's pages, and Channels' router doesn't know it.",
            "The whole address in one route.",
        )


# Pages


def a_slash_in_front(code, route):
    """A page's route begins with a slash."""
    if route.text.startswith("/"):
        yield Slip(
            route.file,
            route.address.lineno,
            f"The route {route.text!r} begins with a slash, and an address is compared without its first slash.",
            f"{route.text[1:]!r}",
        )


def a_consumer_among_the_pages(code, route):
    """A page's route leads to a consumer."""
    if "Consumer" in route.leads_to:
        yield Slip(
            route.file,
            route.call.lineno,
            f"{route.file} leads to a consumer. Django looks for pages here, and never for sockets.",
            f"The socket's route in websocket_urlpatterns, in {SOCKETS}.",
            SOCKETS,
        )


def the_prefix_again(code, route):
    """A page's route begins with chat/, which tutorial/urls.py has taken away already."""
    if route.file == "chat/urls.py" and route.text.startswith("chat/"):
        if re.search(r"path\(\s*['\"]chat/['\"]\s*,\s*include", code.text("tutorial/urls.py")):
            yield Slip(
                route.file,
                route.address.lineno,
                "tutorial/urls.py has taken chat/ away before it asks this file: this is the route of /chat/chat/….",
                f"{route.text.removeprefix('chat/')!r}: what comes after /chat/.",
            )


OF_A_PAGE = a_slash_in_front, a_consumer_among_the_pages, the_prefix_again


# Sockets


def a_room_in_the_third_argument(code, route):
    """A third argument has a room_name: it replaces the one in the address."""
    if len(route.call.args) > 2 and "room_name" in ast.unparse(route.call.args[2]):
        third = route.call.args[2]
        yield Slip(
            route.file,
            third.lineno,
            f"The third argument, {ast.unparse(third)}, takes the place of what the address says.",
            "The route without a third argument.",
        )


def a_class_in_place_of_an_application(code, route):
    """ChatConsumer, without as_asgi()."""
    if isinstance(route.view, (ast.Name, ast.Attribute)) and route.leads_to.endswith("Consumer"):
        yield Slip(
            route.file,
            route.view.lineno,
            "as_asgi() is missing after the consumer: a route leads to an application, not to a class.",
            f"{route.leads_to}.as_asgi()",
        )


def one_consumer_for_all(code, route):
    """ChatConsumer(): one consumer is made when the routes are."""
    if isinstance(route.view, ast.Call) and ast.unparse(route.view.func).endswith("Consumer"):
        yield Slip(
            route.file,
            route.view.lineno,
            f"{route.leads_to} makes one consumer, and all sockets share it.",
            f"{ast.unparse(route.view.func)}.as_asgi(): it makes a new consumer for each socket.",
        )


def as_asgi_without_parentheses(code, route):
    """ChatConsumer.as_asgi, without parentheses."""
    if route.leads_to.endswith(".as_asgi"):
        yield Slip(
            route.file,
            route.view.lineno,
            "The parentheses after as_asgi are missing.",
            f"{route.leads_to}()",
        )


def an_address_without_ws(code, route):
    """The address begins with chat/, and no router around this one takes the ws/ in front of it."""
    if route.text.lstrip("^").startswith("chat/") and "ws/" not in code.text("tutorial/routing.py"):
        yield Slip(
            route.file,
            route.address.lineno,
            "The route begins with chat/, and the address of a room's socket with /ws/chat/.",
            "ws/chat/ at the route's beginning.",
        )


def a_part_that_captures_no_room_name(code, route):
    """The address doesn't capture what the consumer asks for. The first reason that is found is the one."""
    yield from find_first([a_converter_in_a_pattern, braces_around_a_part, another_name_of_the_part], code, route)


def a_converter_in_a_pattern(code, route):
    """re_path() has <str:room_name>."""
    if ast.unparse(route.call.func).endswith("re_path") and re.search(r"<\w+:\w+>", route.text):
        yield Slip(
            route.file,
            route.address.lineno,
            "re_path() takes a regular expression, and in one, <str:room_name> is text like any other.",
            "path() in place of re_path(), or (?P<room_name>[^/]+).",
        )


def braces_around_a_part(code, route):
    """A part is written {room_name}."""
    braces = re.search(r"\{(\w+)\}", route.text)
    if braces and "(?P" not in route.text:
        yield Slip(
            route.file,
            route.address.lineno,
            f"To path(), {braces[0]} is text like any other: a part with a name has angle brackets.",
            f"<str:{braces[1]}>",
        )


def another_name_of_the_part(code, route):
    """The part has no name, or another one than the consumer asks for."""
    asks_for_room = '"room_name"' in code.text(CONSUMER).replace("'", '"')
    names, pattern = route_parts(route.text), "(" in route.text
    if asks_for_room and "room_name" not in names and (names or pattern):
        part = f"is called {names[0]}" if names else "has no name"
        yield Slip(
            route.file,
            route.address.lineno,
            f"The route's part {part}, and the consumer asks for room_name.",
            "(?P<room_name>[^/]+)" if pattern else "<str:room_name>",
        )


OF_A_SOCKET = (
    a_room_in_the_third_argument,
    a_class_in_place_of_an_application,
    one_consumer_for_all,
    as_asgi_without_parentheses,
    an_address_without_ws,
    a_part_that_captures_no_room_name,
)
