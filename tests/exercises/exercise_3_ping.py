"""
Let people ask whether the chat is alive. Whoever says `ping` gets `{"message": "pong"}`, and nobody else hears the ping
or the pong.
"""

import pytest
from channels.routing import URLRouter
from django.urls import path
from stage import Person, expect

FILE = "chat/consumers.py"
STAGE = 3
SOLUTION = [
    (
        "chat/consumers.py",
        """\
        message = json.loads(text_data)["message"]
""",
        """\
        message = json.loads(text_data)["message"]
        if message == "ping":
            await self.send(json.dumps({"message": "pong"}))
            return
""",
    ),
]

ACCEPTS = "connect() ends with `await self.accept()`."


@pytest.fixture
def person(layer):
    """Return a function that makes a person whose socket leads straight to the lobby's consumer."""
    from chat.consumers import ChatConsumer

    consumer = URLRouter([path("room/<room_name>/", ChatConsumer.as_asgi())])
    return lambda name: Person(name, consumer, "/room/lobby/")


async def test_whoever_says_ping_gets_pong(person):
    """Alice says ping and gets pong."""
    asked = 'When the message is "ping", receive() sends {"message": "pong"} to its own client.'
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    await alice.say("ping")
    frame = await alice.hear(after="she said ping", asked=asked, file=FILE)
    expect(frame == {"message": "pong"}, seen=f"After Alice said ping, she got {frame}.", asked=asked, file=FILE)


async def test_nobody_else_hears_of_it(person):
    """Bob hears neither the ping nor the pong, and both hear what Alice says next."""
    asked = "A ping goes to nobody but its sender: no group_send for it. Any other message goes to the group as before."
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    bob = await person("Bob").join(asked=ACCEPTS, file=FILE)
    await alice.say("ping")
    await alice.hear(after="she said ping", asked=asked, file=FILE)
    await alice.say("hello")
    for listener in (bob, alice):
        frame = await listener.hear(after='Alice said "ping", then "hello"', asked=asked, file=FILE)
        expect(
            frame == {"message": "hello"},
            seen=f'Alice said "ping", then "hello". {listener.name} got {frame} before the hello.',
            asked=asked,
            file=FILE,
        )
