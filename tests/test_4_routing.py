"""Stage 4: a room's socket has an address, and the whole stack leads there."""

import re

import pytest
from stage import Person, Unmet, compare, expect

FILE = "chat/routing.py"
ROUTED = "chat/routing.py routes ws/chat/<room_name>/ to ChatConsumer.as_asgi(), and tutorial/routing.py uses it."
PART = "A part that takes any name: <str:room_name> in path(), (?P<room_name>[^/]+) in re_path()."


@pytest.fixture
def person(application):
    """Return a function that makes a person who connects to the root application at an address."""
    return lambda name, path="/ws/chat/lobby/": Person(name, application, path)


async def join(person):
    """Let somebody connect. Raises Unmet, with a list of the routes, if none matches."""
    try:
        return await person.join(asked=ROUTED, file=FILE)
    except ValueError as error:
        if "No route found" not in str(error):
            raise
    from chat.routing import websocket_urlpatterns

    routes = ", ".join(f"'{route.pattern}'" for route in websocket_urlpatterns) or "none"
    reasons = "".join(f"\n       {why_not(route, person.path)}" for route in websocket_urlpatterns).rstrip()
    asked = PART if "anything but a slash" in reasons else ROUTED
    raise Unmet(f"No route matches {person.path}. The routes are: {routes}.{reasons}", asked, FILE)


def why_not(route, path):
    """Return a sentence that says why this route doesn't match this path, or "" if there is nothing to say."""
    from django.urls.resolvers import RoutePattern

    pattern = str(route.pattern)
    if isinstance(route.pattern, RoutePattern) and re.search(r"^\^|\(\?P<|\$$", pattern):
        return "path() takes ^, (?P<…>) and $ literally: a regular expression belongs in re_path()."
    if pattern.lstrip("^").startswith("/"):
        return "This route begins with a slash, but a path is compared without its first slash: ws/chat/…"
    if path.endswith("/") and route.pattern.match(path[1:-1]):
        return "This route ends without the slash that the address ends with."
    converter = re.search(r"<(int|uuid):", pattern)
    if converter:
        takes = {"int": "digits", "uuid": "UUIDs"}[converter[1]]
        return f"<{converter[1]}:…> matches {takes} only. <str:room_name> matches anything but a slash."
    if route.pattern.match("ws/chat/lobby/"):
        name = path.removeprefix("/ws/chat/").rstrip("/")
        takes = " <slug:…> takes letters, digits, - and _ only. <str:room_name> takes anything but a slash."
        if "<slug:" not in pattern:
            hyphen = r" \w+ matches no hyphen," if r"\w" in pattern else ""
            takes = f"{hyphen} [^/]+ matches anything but a slash."
        return f"This route matches the name lobby, but not {name}, so not every name:{takes}"
    return ""


async def test_a_rooms_socket_has_an_address(person):
    """/ws/chat/lobby/ is the socket of the room lobby."""
    await join(person("Alice"))


async def test_two_people_chat_through_the_whole_stack(person):
    """Two people at the same address hear each other."""
    alice = await join(person("Alice"))
    bob = await join(person("Bob"))
    await alice.say("hello")
    for listener in (alice, bob):
        frame = await listener.hear(after='Alice said "hello"', asked=ROUTED, file=FILE)
        expect(
            frame == {"message": "hello"},
            seen=f"{listener.name} got {compare(frame, {'message': 'hello'})}",
            asked=ROUTED,
            file=FILE,
        )


@pytest.mark.parametrize("room", ["tea-kitchen_2", "v1.2"])
async def test_the_address_names_the_room(person, layer, room):
    """The room's name is the part of the address between /ws/chat/ and the last slash."""
    await join(person("Alice", f"/ws/chat/{room}/"))
    groups = ", ".join(map(repr, layer.groups)) or "none"
    expect(
        list(layer.groups) == [f"chat_{room}"],
        seen=f"Alice is at /ws/chat/{room}/, and the groups are: {groups}.",
        asked="The route captures everything between the slashes as room_name, and connect() takes it from the scope.",
        file=FILE,
    )


@pytest.mark.parametrize("path", ["/ws/chat/lobby", "/ws/chat/", "/ws/chat/a/b/", "/chat/lobby/", "/ws/chat/lobby/x"])
async def test_other_addresses_are_not_sockets(person, path):
    """An address that isn't a room's address is not a socket."""
    await join(person("Alice"))
    try:
        taken = await person("Nobody", path).connect()
    except Exception as error:  # "No route found", until stage 6 refuses such a path in words
        taken = "No route found" not in str(error)  # the consumer raised any other error, so a route led there
    from chat.routing import websocket_urlpatterns

    takers = [str(route.pattern) for route in websocket_urlpatterns if route.pattern.match(path[1:])]
    endless = takers and "(?P<" in takers[0] and not takers[0].endswith(("$", r"\Z"))
    expect(
        not taken,
        seen=f"The route takes {path} for a room's socket."
        + (" The pattern has no $ at its end, so it also matches the beginning of a longer address." * bool(endless)),
        asked="From its first character to its last, the route is ws/chat/, one name without a slash, and a slash.",
        file=FILE,
    )
