"""
Tell latecomers what was said. The first frame that somebody gets in a room holds its last ten messages, oldest first:
`{"last": ["hello", "hello yourself"]}`, even if the room was empty in between. If nothing was said, there is no such
frame. The page shows these messages above what is new, and nothing twice.
"""

import re

import pytest
from stage import Page, Person, expect

FILE = "chat/consumers.py"
STAGE = 8
SOLUTION = [
    (
        "chat/recent.py",
        "",
        '''\
"""
What was said last in each room, for whoever comes later.
"""

import collections
import json


def recent_messages(layer, group):
    """Return the last messages to a group, oldest first."""
    return list(rooms(layer).get(group, []))


def keep(layer, group, message):
    """Keep a message for whoever comes later: ten in each of a hundred rooms, or memory would run out."""
    kept = rooms(layer)
    messages = kept.pop(group, collections.deque(maxlen=10))
    messages.append(message)
    kept[group] = messages  # after all others, since a dict keeps the order
    if len(kept) > 100:
        del kept[next(iter(kept))]  # the room that has been silent longest


def rooms(layer):
    """Return {group: its last messages}. The layer of this process has them, next to its groups."""
    return vars(layer).setdefault("recent_messages", {})


def make_last_frame(messages):
    """Return the frame that carries them to a client."""
    return json.dumps({"last": messages})
''',
    ),
    (
        "chat/consumers.py",
        """\
from chat.rooms import clean_name, group_name
""",
        """\
from chat.recent import keep, make_last_frame, recent_messages
from chat.rooms import clean_name, group_name
""",
    ),
    (
        "chat/consumers.py",
        """\
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
""",
        """\
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        last = recent_messages(self.channel_layer, self.room_group_name)  # what comes later is an event
""",
    ),
    (
        "chat/consumers.py",
        """\
        await self.accept()
""",
        """\
        await self.accept()
        if last:
            await self.send(make_last_frame(last))
""",
    ),
    (
        "chat/consumers.py",
        """\
        await self.channel_layer.group_send(self.room_group_name, {"type": "chat_msg", "message": message})
""",
        """\
        keep(self.channel_layer, self.room_group_name, message)
        await self.channel_layer.group_send(self.room_group_name, {"type": "chat_msg", "message": message})
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
        if ("error" in frame) {
""",
        """\
        if ("last" in frame) {
          catchUp(frame.last);
        } else if ("error" in frame) {
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
    function showAway(wait) {
""",
        """\
    // After a lost connection some of them are in the log already: its end is their beginning.
    function catchUp(last) {
      const shown = [...announcer.children].map((line) => line.textContent);
      let known = last.length;
      while (known && JSON.stringify(shown.slice(-known)) !== JSON.stringify(last.slice(0, known))) known--;
      for (const message of last.slice(known)) append(message);
    }

    function showAway(wait) {
""",
    ),
]

JOINED = "The socket of a room is accepted."


@pytest.fixture
def person(application):
    return lambda name, room: Person(name, application, f"/ws/chat/{room}/")


async def say_all(person, messages):
    """Let the person say these messages, and hear each."""
    for message in messages:
        await person.say(message)
        frame = await person.hear(after=f"{person.name} spoke", asked="Everyone hears what is said.", file=FILE)
        expect(
            frame == {"message": message},
            seen=f"After {person.name} said {message!r}, they got {frame}.",
            asked="Everyone hears what is said, as before.",
            file=FILE,
        )


async def test_a_latecomer_gets_the_last_ten_messages_before_anything_new(person):
    """A latecomer gets the last ten messages in one frame, oldest first, and then what is new."""
    asked = 'connect() sends {"last": […]} after accept(): the last ten messages of the room, oldest first.'
    said = [f"message {number}" for number in range(1, 13)]
    alice = await person("Alice", "late").join(asked=JOINED, file=FILE)
    await say_all(alice, said)
    bob = await person("Bob", "late").join(asked=JOINED, file=FILE)
    await alice.say("and now something new")
    frame = await bob.hear(after="he came late", asked=asked, file=FILE)
    expect(
        frame == {"last": said[-10:]}, seen=f"Alice said {len(said)} messages. Bob got {frame}.", asked=asked, file=FILE
    )
    frame = await bob.hear(after="Alice said something new", asked="After that comes what is new, once.", file=FILE)
    expect(
        frame == {"message": "and now something new"},
        seen=f"After the last messages Bob got {frame}.",
        asked="After that comes what is new, once.",
        file=FILE,
    )


async def test_the_messages_outlive_an_empty_room(person):
    """The messages are still there after everybody has left."""
    asked = "Keep the messages outside consumers and groups: both are gone after the last person has left."
    alice = await person("Alice", "empty").join(asked=JOINED, file=FILE)
    await say_all(alice, ["Is anybody here?", "Well, then."])
    await alice.leave()
    bob = await person("Bob", "empty").join(asked=JOINED, file=FILE)
    frame = await bob.hear(after="he came into the room that Alice had left", asked=asked, file=FILE)
    expect(frame == {"last": ["Is anybody here?", "Well, then."]}, seen=f"Bob got {frame}.", asked=asked, file=FILE)


async def test_a_room_where_nothing_was_said_has_nothing_to_tell(person):
    """Whoever enters a room where nothing was said gets no such frame, whatever was said in other rooms."""
    asked = "Keep the messages of each room separately. If there are none, connect() sends nothing."
    alice = await person("Alice", "loud").join(asked=JOINED, file=FILE)
    await say_all(alice, ["only for this room"])
    carol = await person("Carol", "silent").join(asked=JOINED, file=FILE)
    await carol.say("hello")
    frame = await carol.hear(after="she spoke in a room where nothing was said", asked=asked, file=FILE)
    expect(frame == {"message": "hello"}, seen=f"Carol first got {frame}.", asked=asked, file=FILE)


def test_the_page_shows_them(client):
    """The page's script knows a frame with "last"."""
    script = Page(client.get("/chat/lobby/")).script
    expect(
        re.search(r"\blast\b", script),
        seen='The page\'s script never mentions "last", so it shows "undefined" for such a frame.',
        asked='In onmessage: a frame with "last" goes into the log, message by message.',
        file="chat/templates/chat/room.html",
    )
