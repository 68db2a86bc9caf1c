"""
Make the room refuse messages that are shouted: those with at least ten capital letters and no lower-case letter. The
sender is told why, in a sentence, and nobody else hears anything.
"""

import pytest
from stage import Person, expect

FILE = "chat/messages.py"
STAGE = 6
SOLUTION = [
    (
        "chat/messages.py",
        """\
    return message
""",
        """\
    if message.isupper() and sum(letter.isupper() for letter in message) >= 10:
        raise Refused("This message is shouted. Please write it in lower-case letters.")
    return message
""",
    ),
]

JOINED = "The socket /ws/chat/lobby/ is accepted."


@pytest.fixture
def person(application):
    return lambda name: Person(name, application, "/ws/chat/lobby/")


@pytest.mark.parametrize("message", ["HELLO WORLD", "IS ANYBODY HERE???", "ÄÖÜ ÄÖÜ ÄÖÜ Ä", "ПРИВЕТ ВСЕМ"], ids=ascii)
async def test_whoever_shouts_is_told_so(person, message):
    """Whoever shouts gets an error in a sentence, nobody else hears it, and the socket stays open."""
    asked = 'parse_message() raises Refused for ten capitals without a lower-case letter: the sender gets {"error": …}.'
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    bob = await person("Bob").join(asked=JOINED, file=FILE)
    await alice.say(message)
    answer = await alice.hear(after=f"she shouted {message!r}", asked=asked, file=FILE)
    expect(
        set(answer) == {"error", "frame"} and isinstance(answer["error"], str) and answer["error"].endswith("."),
        seen=f"After Alice shouted {message!r}, she got {answer}.",
        asked=asked,
        file=FILE,
    )
    await alice.say("I am sorry.")
    for listener in (alice, bob):
        frame = await listener.hear(after="Alice then said something quietly", asked=asked, file=FILE)
        expect(frame == {"message": "I am sorry."}, seen=f"{listener.name} got {frame}.", asked=asked, file=FILE)


@pytest.mark.parametrize(
    "message", ["HELLO YOUR", "HELLO WORLd", "OK", "聊天室聊天室聊天室聊天室", "1234567890!"], ids=ascii
)
async def test_what_is_not_shouted_arrives(person, message):
    """Nine capitals, one lower-case letter, digits, letters without capitals: that isn't shouting, and it arrives."""
    asked = "Shouting is ten capitals or more, and no lower-case letter. Everything else goes to the room as before."
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    await alice.say(message)
    frame = await alice.hear(after=f"she said {message!r}", asked=asked, file=FILE)
    expect(frame == {"message": message}, seen=f"Alice said {message!r} and got {frame}.", asked=asked, file=FILE)
