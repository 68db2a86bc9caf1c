"""
Show how many people are in the room. A page that opens its socket with `?here` after the address gets `{"here": 2}`
when somebody comes or goes: the number of people who are in the room now. The room's page asks for it, and shows the
answer in words, in an element `#chat-here` with the role `status`. Whoever doesn't ask gets messages only, as before.
"""

import re

import pytest
from stage import Page, Person, expect

FILE = "chat/consumers.py"
STAGE = 8
SOLUTION = [
    (
        "chat/consumers.py",
        """\
from chat.messages import make_frame, parse_message
""",
        """\
import contextlib
import json

from chat.layers import MailboxesFull
from chat.messages import make_frame, parse_message
""",
    ),
    (
        "chat/consumers.py",
        """
    async def leave(self):
""",
        """\
        if self.scope["query_string"] == b"here":
            await self.channel_layer.group_add(self.here_group_name, self.channel_name)
        await self.tell_who_is_here()

    async def leave(self):
""",
    ),
    (
        "chat/consumers.py",
        """\
        await self.send(make_frame(event["message"]))
""",
        '''\
        await self.send(make_frame(event["message"]))

    async def chat_here(self, event):
        await self.send(json.dumps({"here": event["here"]}))

    @property
    def here_group_name(self):
        """The group of those in the room who asked who is here. No room's own group begins with "here"."""
        return self.room_group_name.replace("chat", "here", 1)

    async def tell_who_is_here(self):
        """Tell those who asked. Only the in-memory layer knows how many are in a group: on Redis, nobody is told."""
        groups = getattr(self.channel_layer, "groups", {})
        if self.here_group_name in groups:
            event = {"type": "chat_here", "here": len(groups.get(self.room_group_name, ()))}
            with contextlib.suppress(MailboxesFull):  # whoever is this far behind gets a later number
                await self.channel_layer.group_send(self.here_group_name, event)
''',
    ),
    (
        "chat/consumers.py",
        """\
            await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
""",
        """\
            await self.channel_layer.group_discard(self.room_group_name, self.channel_name)
            await self.channel_layer.group_discard(self.here_group_name, self.channel_name)
            await self.tell_who_is_here()
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
  <p id="chat-status" role="status">Connecting…</p>
""",
        """\
  <p id="chat-status" role="status">Connecting…</p>
  <p id="chat-here" role="status"></p>
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
    url.protocol = url.protocol.replace("http", "ws");  // and so https becomes wss
""",
        """\
    url.protocol = url.protocol.replace("http", "ws");  // and so https becomes wss
    url.search = "here";  // tell this page who is here
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
          giveBack([refused], frame.error);
""",
        """\
          giveBack([refused], frame.error);
        } else if ("here" in frame) {
          show("#chat-here", frame.here === 1 ? "Nobody else is here." : `${frame.here} people are here.`);
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
        showAway(wait);
""",
        """\
        showAway(wait);
        show("#chat-here", "");  // until there is a connection again, nobody knows
""",
    ),
]

JOINED = "The socket of a room is accepted, even with ?here after its address."


@pytest.fixture
def person(application):
    """Return a function that makes a person who connects to a room, and asks who is here unless `asks` is false."""
    return lambda name, room, asks=True: Person(name, application, f"/ws/chat/{room}/{'?here' if asks else ''}")


async def expect_number(person, number, *, after, asked):
    """Raise Unmet unless the person's next frame says that this many are here."""
    frame = await person.hear(after=after, asked=asked, file=FILE)
    expect(frame == {"here": number}, seen=f"After {after}, {person.name} got {frame}.", asked=asked, file=FILE)


async def test_when_somebody_comes_everyone_who_asks_learns_the_number(person):
    """When somebody comes, everyone in the room who asks gets the number of people in it."""
    asked = (
        'At the end of connect() an event with the number goes out, and each consumer that gets it sends {"here": …}.'
    )
    alice = await person("Alice", "hall").join(asked=JOINED, file=FILE)
    await expect_number(alice, 1, after="Alice came", asked=asked)
    bob = await person("Bob", "hall").join(asked=JOINED, file=FILE)
    for listener in (alice, bob):
        await expect_number(listener, 2, after="Bob came", asked=asked)


async def test_when_somebody_goes_the_others_learn_the_number(person):
    """When somebody leaves, or the server ends their consumer, the others get the number of those who are left."""
    asked = "leave() runs however a connection ends. There, after group_discard, the others are told again."
    alice = await person("Alice", "stage").join(asked=JOINED, file=FILE)
    bob = await person("Bob", "stage").join(asked=JOINED, file=FILE)
    carol = await person("Carol", "stage").join(asked=JOINED, file=FILE)
    for number, name in enumerate(("Alice", "Bob", "Carol"), start=1):
        await expect_number(alice, number, after=f"{name} came", asked=asked)
    await bob.leave()
    await expect_number(alice, 2, after="Bob left", asked=asked)
    carol.socket.future.cancel()
    await carol.socket.wait()
    await expect_number(alice, 1, after="the server ended Carol's consumer", asked=asked)


async def test_a_full_mailbox_keeps_nobody_out(person, layer):
    """When somebody in the room is too far behind to get the number, others come and go all the same."""
    asked = "group_send() raises MailboxesFull when a number doesn't fit, too. Nobody needs to hear of that."
    layer.capacity = 1
    alice = await person("Alice", "tower").join(asked=JOINED, file=FILE)
    await expect_number(alice, 1, after="Alice came", asked="Whoever comes gets the number, as before.")
    for group in list(layer.groups):
        await layer.group_add(group, "somebody-who-does-not-read")
    await layer.send("somebody-who-does-not-read", {"type": "chat_msg", "message": "This mailbox is full now."})
    bob = await person("Bob", "tower").join(asked=asked, file=FILE)
    for listener in (alice, bob):
        await expect_number(listener, 3, after="Bob came into a room with a full mailbox in it", asked=asked)
    await bob.leave()
    await expect_number(alice, 2, after="Bob left a room with a full mailbox in it", asked=asked)


async def test_whoever_does_not_ask_is_counted_and_gets_messages_only(person):
    """Whoever comes without ?here is counted, and gets messages only, as before. Each room is counted separately."""
    asked = "Nothing but messages goes to a socket without ?here. The number is that of the room's own group."
    await person("Carol", "kitchen").join(asked=JOINED, file=FILE)
    bob = await person("Bob", "attic", asks=False).join(asked=JOINED, file=FILE)
    alice = await person("Alice", "attic").join(asked=JOINED, file=FILE)
    await expect_number(alice, 2, after="Alice came to Bob, who doesn't ask", asked=asked)
    await alice.say("hello")
    for listener in (bob, alice):
        frame = await listener.hear(after="Alice spoke", asked=asked, file=FILE)
        expect(frame == {"message": "hello"}, seen=f"{listener.name} got {frame}.", asked=asked, file=FILE)


def test_the_page_asks_and_shows_it(client):
    """The room's page asks who is here, and has a place for the answer that a screen reader reads out."""
    page = Page(client.get("/chat/lobby/"))
    file = "chat/templates/chat/room.html"
    expect(
        page.by_id.get("chat-here", {}).get("role") == "status",
        seen='The page has no element with the id chat-here and role="status".',
        asked='<p id="chat-here" role="status"></p>.',
        file=file,
    )
    expect(
        re.search(r"\?here|\.search\b|searchParams", page.script) and "chat-here" in page.script,
        seen="The page's script doesn't open the socket with ?here, or doesn't write into #chat-here.",
        asked='url.search = "here" where the address is made; in onmessage the number goes into #chat-here, in words.',
        file=file,
    )
