"""
Give a room's socket a second address. `/ws/talk/lobby/` leads to the same room as `/ws/chat/lobby/`, so people at one
address hear those at the other.
"""

import pytest
from stage import Person, Unmet, expect

FILE = "chat/routing.py"
STAGE = 4
SOLUTION = [
    (
        "chat/routing.py",
        """\
    path("ws/chat/<str:room_name>/", consumers.ChatConsumer.as_asgi()),
""",
        """\
    path("ws/chat/<str:room_name>/", consumers.ChatConsumer.as_asgi()),
    path("ws/talk/<str:room_name>/", consumers.ChatConsumer.as_asgi()),
""",
    ),
]

CHAT = "The route ws/chat/<room_name>/ stays as it was."
TALK = "A second route leads from ws/talk/<room_name>/ to the same consumer."


@pytest.fixture
def enter(application):
    """Let a person enter at an address. Raises Unmet if that is not a socket."""

    async def enter(name, path, asked):
        try:
            return await Person(name, application, path).join(asked=asked, file=FILE)
        except ValueError as error:
            if "No route found" not in str(error):
                raise
            raise Unmet(str(error), asked, FILE) from None

    return enter


async def test_the_second_address_is_a_socket(enter):
    """/ws/talk/lobby/ is a socket."""
    await enter("Alice", "/ws/talk/lobby/", TALK)


async def test_both_addresses_lead_to_the_same_room(enter):
    """Alice enters at /ws/talk/lobby/, Bob at /ws/chat/lobby/, and each hears the other."""
    asked = TALK + " It captures the same room_name, so connect() joins the same group."
    alice = await enter("Alice", "/ws/talk/lobby/", TALK)
    bob = await enter("Bob", "/ws/chat/lobby/", CHAT)
    for speaker, message in ((alice, "hello"), (bob, "hello yourself")):
        await speaker.say(message)
        for listener in (alice, bob):
            frame = await listener.hear(after=f"{speaker.name} spoke", asked=asked, file=FILE)
            expect(frame == {"message": message}, seen=f"{listener.name} got {frame}.", asked=asked, file=FILE)


async def test_rooms_are_apart_at_the_second_address_too(enter):
    """Carol at /ws/talk/kitchen/ hears nothing from the lobby."""
    asked = TALK + " The room's name is the part between /ws/talk/ and the last slash."
    alice = await enter("Alice", "/ws/talk/lobby/", TALK)
    carol = await enter("Carol", "/ws/talk/kitchen/", TALK)
    await alice.say("only for the lobby")
    await alice.hear(after="she spoke", asked=asked, file=FILE)
    await carol.say("only for the kitchen")
    frame = await carol.hear(after="she spoke in the kitchen", asked=asked, file=FILE)
    expect(
        frame == {"message": "only for the kitchen"},
        seen=f"Carol, in the kitchen, first got {frame}.",
        asked=asked,
        file=FILE,
    )
