"""
Give people names. A frame may carry a `name` of 1 to 30 characters along with its message, and everyone gets
`{"message": "Alice: hello"}`. For any other name the sender gets an error, in a sentence. The page has an input
`#chat-name-input`, and sends its content with each message. Without a name everything is as before, and nothing typed
is lost or sent twice.
"""

import json

import pytest
from stage import Page, Person, expect

FILE = "chat/messages.py"
STAGE = 8
SOLUTION = [
    (
        "chat/messages.py",
        """\
        raise Refused(f"This message has {len(message)} characters. Expected {MAX_LENGTH} at most.")
""",
        """\
        raise Refused(f"This message has {len(message)} characters. Expected {MAX_LENGTH} at most.")
    if "name" in frame:
        name = frame["name"]
        if not isinstance(name, str) or is_blank(name) or len(name) > 30:
            raise Refused("This is not a name. Expected 1 to 30 characters, at least one of them visible.")
        message = f"{name}: {message}"
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
    <label for="chat-message-input">Your message</label>
""",
        """\
    <label for="chat-name-input">Your name, if you like</label>
    <input id="chat-name-input" type="text" dir="auto" autocomplete="nickname" maxlength="30">
    <label for="chat-message-input">Your message</label>
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
    let sent = [];      // on this connection, in order: {message, answered: whether it came back, or an error did}
""",
        """\
    let sent = [];      // on this connection, in order: {message, answered: whether it came back, or an error did}
    const asItComesBack = ({message, name}) => name ? `${name}: ${message}` : message;
""",
    ),
    (
        "chat/templates/chat/room.html",
        "          const own = sent.find((each) => each.message === frame.message && !each.answered);\n",
        "          const own = sent.find((each) => asItComesBack(each) === frame.message && !each.answered);\n",
    ),
    (
        "chat/templates/chat/room.html",
        """\
        const message = unsent.shift();
        socket.send(JSON.stringify({message}));
        sent.push({message, answered: false});
""",
        """\
        const typed = unsent.shift();
        socket.send(JSON.stringify(typed));  // which leaves out a name that is undefined
        sent.push({...typed, answered: false});
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
      unsent.push(input.value);
""",
        """\
      const name = document.querySelector("#chat-name-input").value.trim();
      unsent.push({message: input.value, name: name || undefined});
""",
    ),
]

JOINED = "The socket of a room is accepted."


@pytest.fixture
def person(application):
    return lambda name: Person(name, application, "/ws/chat/names/")


@pytest.mark.parametrize("name", ["Alice", "爱丽丝", "O'Hara & <b>", "x" * 30, "😀" * 30], ids=ascii)
async def test_a_name_comes_before_the_message(person, name):
    """What somebody with a name says reaches everyone with that name before it."""
    asked = 'parse_message() returns "Alice: hello" for {"message": "hello", "name": "Alice"}.'
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    bob = await person("Bob").join(asked=JOINED, file=FILE)
    await alice.send(text=json.dumps({"message": "hello", "name": name}))
    for listener in (alice, bob):
        frame = await listener.hear(after=f"Alice, as {name!r}, said hello", asked=asked, file=FILE)
        expect(frame == {"message": f"{name}: hello"}, seen=f"{listener.name} got {frame}.", asked=asked, file=FILE)


async def test_without_a_name_everything_is_as_before(person):
    """Without a name, everyone gets the message alone."""
    asked = 'A frame without "name" works as before.'
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    await alice.say("hello")
    frame = await alice.hear(after="she said hello without a name", asked=asked, file=FILE)
    expect(frame == {"message": "hello"}, seen=f"Alice got {frame}.", asked=asked, file=FILE)


@pytest.mark.parametrize("name", ["", "x" * 31, 5, None, ["Alice"], {"name": "Alice"}, "\ud83d"], ids=ascii)
async def test_what_is_no_name_gets_an_error(person, name):
    """The sender of a bad name gets an error in a sentence. Nobody else notices, and the socket stays open."""
    asked = "parse_message() raises Refused unless the name is a string of 1 to 30 characters."
    alice = await person("Alice").join(asked=JOINED, file=FILE)
    bob = await person("Bob").join(asked=JOINED, file=FILE)
    await alice.send(text=json.dumps({"message": "hello", "name": name}))
    answer = await alice.hear(after=f"she sent the name {name!a}", asked=asked, file=FILE)
    expect(
        set(answer) == {"error", "frame"} and isinstance(answer["error"], str) and answer["error"].endswith("."),
        seen=f"After Alice sent the name {name!a}, she got {answer}.",
        asked=asked,
        file=FILE,
    )
    await alice.say("and now a good one")
    for listener in (alice, bob):
        frame = await listener.hear(after="Alice then said something", asked=asked, file=FILE)
        expect(frame == {"message": "and now a good one"}, seen=f"{listener.name} got {frame}.", asked=asked, file=FILE)


def test_the_page_has_a_place_for_the_name(client):
    """The room's page has an input for the name, and its script reads it."""
    page = Page(client.get("/chat/lobby/"))
    seen = page.by_id.get("chat-name-input", {}).get("tag")
    expect(
        seen == "input",
        seen=f"The page has {f'<{seen}>' if seen else 'no element'} with the id chat-name-input.",
        asked='An <input id="chat-name-input"> with a label.',
        file="chat/templates/chat/room.html",
    )
    expect(
        "chat-name-input" in page.script,
        seen="The page's script never looks at #chat-name-input.",
        asked="What is typed there is sent with each message, as its name.",
        file="chat/templates/chat/room.html",
    )
