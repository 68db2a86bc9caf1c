"""Slips in the application in tutorial/routing.py: in what is around the sockets' routes."""

import ast

from stage.slips.slip import Slip, find_each, name_called


def slips_in_the_application(code, file):
    """Yield the slips in the calls that make the application."""
    for call in code.walk(file, ast.Call):
        yield from find_each(LOOKS, file, call)


def the_empty_path(file, call):
    """path("", …) around other routes, where any path is meant."""
    if name_called(call) == "path" and call.args and ast.unparse(call.args[0]) == "''":
        yield Slip(
            file,
            call.lineno,
            'path("", …) matches the empty path only.',
            're_path("", …) matches any path.',
        )


def a_list_in_a_list(file, call):
    """URLRouter([websocket_urlpatterns])."""
    if ast.unparse(call.func).endswith("URLRouter") and call.args and isinstance(call.args[0], ast.List):
        inside = [ast.unparse(each) for each in call.args[0].elts]
        if len(inside) == 1 and inside[0].endswith("urlpatterns"):
            yield Slip(
                file,
                call.lineno,
                f"{inside[0]} is a list already. In brackets it is a list with a list in it.",
                f"URLRouter({inside[0]})",
            )


def a_middleware_without_a_router(file, call):
    """A middleware for sockets gets the list of routes: it calls what it gets."""
    wraps = name_called(call)
    inner = ast.unparse(call.args[0]) if call.args else ""
    if wraps.endswith(("MiddlewareStack", "Validator")) and inner.endswith("urlpatterns"):
        yield Slip(
            file,
            call.lineno,
            f"{wraps} gets the list of routes, and a list is no application: URLRouter(…) is missing around it.",
            f"{wraps}(URLRouter({inner}))",
        )


LOOKS = the_empty_path, a_list_in_a_list, a_middleware_without_a_router
