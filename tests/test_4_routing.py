"""Stage 4: a room's socket has an address, and is reached through the whole stack."""

import pytest
from stage import Person, expect

FILE = "chat/routing.py"
ROUTED = "chat/routing.py leads ws/chat/<room_name>/ to ChatConsumer.as_asgi(), and tutorial/routing.py uses it."


@pytest.fixture
def person(application):
    """Make a person at an address, with the root application behind it."""
    return lambda name, path="/ws/chat/lobby/": Person(name, application, path)


async def test_a_rooms_socket_has_an_address(person):
    """/ws/chat/lobby/ is the socket of the room lobby."""
    await person("Alice").join(asked=ROUTED, file=FILE)


async def test_two_people_chat_through_the_whole_stack(person):
    """Two people at the same address hear each other."""
    alice = await person("Alice").join(asked=ROUTED, file=FILE)
    bob = await person("Bob").join(asked=ROUTED, file=FILE)
    await alice.say("hello")
    for listener in (alice, bob):
        frame = await listener.hear(after='Alice said "hello"', asked=ROUTED, file=FILE)
        expect(frame == {"message": "hello"}, seen=f"{listener.name} got {frame}.", asked=ROUTED, file=FILE)


async def test_the_address_names_the_room(person, layer):
    """The room's name is the part of the address between /ws/chat/ and the last slash."""
    await person("Alice", "/ws/chat/tea-kitchen_2/").join(asked=ROUTED, file=FILE)
    expect(
        list(layer.groups) == ["chat_tea-kitchen_2"],
        seen=f"Alice at /ws/chat/tea-kitchen_2/ is in the groups {list(layer.groups)}.",
        asked="The route captures everything between the slashes as room_name, and connect() takes it from the scope.",
        file=FILE,
    )


@pytest.mark.parametrize("path", ["/ws/chat/lobby", "/ws/chat/", "/ws/chat/a/b/", "/chat/lobby/", "/ws/chat/lobby/x"])
async def test_other_addresses_are_not_sockets(person, path):
    """An address that isn't a room's is not a socket."""
    await person("Alice").join(asked=ROUTED, file=FILE)
    try:
        accepted = await person("Nobody", path).connect()
    except ValueError as error:  # what the router raises until stage 6 refuses such a path in words
        expect("No route found" in str(error), seen=f"{path}: {error}", asked=ROUTED, file=FILE)
        accepted = False
    expect(
        not accepted,
        seen=f"The socket {path} was accepted.",
        asked="The route is ws/chat/, one name without a slash, and a slash, from the first character to the last.",
        file=FILE,
    )
