"""Stage 3: the consumer, tested without a server: who is in a room, what they say, who hears it."""

import asyncio

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers
from channels.routing import URLRouter
from django.urls import path
from stage import Person, Standstill, StoodStill, Unmet, compare, expect, shorten

FILE = "chat/consumers.py"


class NotingLayer(InMemoryChannelLayer):
    """A layer that notes what consumers send. It can make them wait to join, as a layer on another machine does."""

    def __init__(self):
        super().__init__()
        self.sent = []  # (group, event)
        self.sent_to_channels = []
        self.asked_to_join = []  # groups
        self.may_join = asyncio.Event()
        self.may_join.set()

    async def group_add(self, group, channel):
        self.asked_to_join.append(group)
        await self.may_join.wait()
        await super().group_add(group, channel)

    async def group_send(self, group, message):
        self.sent.append((group, message))
        await super().group_send(group, message)

    async def send(self, channel, message):
        self.sent_to_channels.append(channel)
        await super().send(channel, message)

    def tell(self):
        """Return a sentence about what became of the last message."""
        if self.sent:
            group = self.sent[-1][0]
            count = len(self.groups.get(group, ()))
            if not count:
                return f"The group {group} has no members: connect() added nobody to it."
            return f"It went to the group {group}, which has {count} {'member' if count == 1 else 'members'}."
        if self.sent_to_channels:
            channel = self.sent_to_channels[-1]
            if channel.startswith("specific"):  # new_channel() gives such names
                return "send() sent it to the channel of one consumer. group_send() sends to everybody in a group."
            return f"send() takes the name of one channel, and {channel} is a group: group_send()."
        return "Nothing was sent to a group."


@pytest.fixture
def layer(layer):
    """During each test here, a layer that notes what passes takes the place of the project's own."""
    noting = NotingLayer()
    channel_layers.set("default", noting)
    return noting


@pytest.fixture
def person(layer):
    """Return a function that makes a person whose socket leads straight to the consumer: no routing.py yet."""
    from chat.consumers import ChatConsumer

    consumer = URLRouter([path("room/<room_name>/", ChatConsumer.as_asgi())])
    return lambda name, room="lobby": Person(name, consumer, f"/room/{room}/")


ACCEPTS = "connect() ends with `await self.accept()`."
NAMED = 'The group of the room lobby is called chat_lobby: "chat_" and the room\'s name.'
JOINS = "connect() adds the consumer's channel to the room's group, with group_add."
EVENT = 'receive() sends {"type": "chat_msg", "message": …} to the room\'s group, with the text as it was said.'
BROADCASTS = "receive() sends the message to the room's group, and each consumer's chat_msg() sends it to its client."


async def hear(listener, layer, after):
    """Return what the listener gets next. If that is nothing, the Unmet says what became of the message."""
    try:
        return await listener.hear(after=after, asked=BROADCASTS, file=FILE)
    except Unmet as unmet:
        if "got nothing" in unmet.seen:
            became = layer.tell()
            asked = JOINS if "has no members" in became else BROADCASTS
            raise Unmet(f"{unmet.seen} {became}", asked, FILE) from None
        raise Unmet(unmet.seen, 'chat_msg() sends text: await self.send(json.dumps({"message": …})).', FILE) from None


def wrong_event(event):
    """Return the Unmet for an event whose message isn't what was said."""
    seen = f'receive() sent the event {shorten(event, 200)}: its "message" is {shorten(event["message"])}.'
    if isinstance(event["message"], dict) or "{" in str(event["message"]):
        seen += " That is the whole frame, and not the text in it."
    return Unmet(seen, 'The event\'s "message" is the text alone: json.loads(text_data)["message"].', FILE)


async def test_a_person_is_let_in(person):
    """The consumer accepts a person's socket."""
    await person("Alice").join(asked=ACCEPTS, file=FILE)


async def test_a_message_reaches_everyone_in_the_room(person, layer):
    """What Alice says reaches everyone in the room, including Alice."""
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    bob = await person("Bob").join(asked=ACCEPTS, file=FILE)
    await alice.say("hello")
    for listener in (alice, bob):
        frame = await hear(listener, layer, 'Alice said "hello"')
        event = layer.sent[-1][1] if layer.sent else {}
        if frame != {"message": "hello"} and "message" in event and event["message"] != "hello":
            raise wrong_event(event)
        if frame == {"message": event.get("type")}:
            raise Unmet(
                f'After Alice said "hello", {listener.name} got {frame["message"]!r}, which is the event\'s type.',
                'chat_msg() sends event["message"].',
                FILE,
            )
        expect(
            frame == {"message": "hello"},
            seen=f'After Alice said "hello", {listener.name} got {compare(frame, {"message": "hello"})}',
            asked='chat_msg() sends {"message": "hello"}.',
            file=FILE,
        )


async def test_everyone_hears_a_message_once(person, layer):
    """Each message is heard once, in the order in which they were said."""
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    bob = await person("Bob").join(asked=ACCEPTS, file=FILE)
    for message in ("one", "two"):
        await alice.say(message)
    for listener in (bob, alice):
        heard = [await hear(listener, layer, 'Alice said "one" and "two"') for _ in range(2)]
        expect(
            heard == [{"message": "one"}, {"message": "two"}],
            seen=f'Alice said "one" and "two", and {listener.name} got {heard}.',
            asked="Each message reaches everyone once: by the group, and in no other way besides."
            if heard[0] == heard[1]
            else 'Everybody gets {"message": "one"}, and then {"message": "two"}.',
            file=FILE,
        )


async def test_rooms_are_apart(person, layer):
    """What is said in one room is not heard in another."""
    alice = await person("Alice", "lobby").join(asked=ACCEPTS, file=FILE)
    carol = await person("Carol", "kitchen").join(asked=ACCEPTS, file=FILE)
    await alice.say("only for the lobby")
    await asyncio.wait({asyncio.ensure_future(alice.next_event())}, timeout=0.1)
    groups = [group for group, _ in layer.sent]
    expect(
        groups in ([], ["chat_lobby"]),
        seen=f"What Alice said in the room lobby went to the group {groups[:1] and groups[0]!r}."
        + (" The room's name came out empty." if str(groups[:1]).rstrip("']").endswith("_") else ""),
        asked='Each room has its own group, "chat_" + the room\'s name, and each consumer keeps that name in self.',
        file=FILE,
    )
    await carol.say("only for the kitchen")
    frame = await hear(carol, layer, "Carol spoke in the kitchen")
    expect(
        frame == {"message": "only for the kitchen"},
        seen=f"Carol, in the kitchen, first got {compare(frame, {'message': 'only for the kitchen'})}"
        + ("" if groups else " Nothing was sent to a group."),
        asked='chat_msg() sends {"message": …}, with the text that came.'
        if "only for the kitchen" in str(frame)
        else "Each room has its own group, named after the room in the scope's url_route.",
        file=FILE,
    )


async def test_the_rooms_group_carries_chat_msg_events(person, layer):
    """What is said goes through the group chat_<room name>, as an event of type chat_msg."""
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    await alice.say("hello")
    await hear(alice, layer, 'Alice said "hello"')
    expect(layer.sent, seen=layer.tell(), asked=EVENT, file=FILE)
    group, event = layer.sent[-1]
    await person("Carol", "kitchen").join(asked=ACCEPTS, file=FILE)
    apart = len(set(layer.asked_to_join)) > 1
    expect(
        group == "chat_lobby",
        seen=f"In the room lobby, the group is called {shorten(group)}."
        + (" Each room has its own group: only the name differs." if apart else " So is the kitchen's."),
        asked=NAMED,
        file=FILE,
    )
    kind = str(event.get("type")).replace(".", "_")  # as Channels reads it
    expect(
        kind == "chat_msg",
        seen=f"The event's type is {event.get('type')!r}, and a method handles it: only the name differs.",
        asked='The type "chat_msg", and a method chat_msg: later stages send such events, too.',
        file=FILE,
    )
    expect(
        event.get("message") == "hello",
        seen=f'The event is {shorten(event, 200)}: its "message" is {shorten(event["message"])}.'
        if "message" in event
        else f'The event is {shorten(event, 200)}: it has no "message".',
        asked=EVENT,
        file=FILE,
    )


async def test_a_person_who_leaves_is_out_of_the_group(person, layer):
    """After someone leaves, they are no longer in the room's group: nothing is sent to a dead channel."""
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    bob = await person("Bob").join(asked=ACCEPTS, file=FILE)
    members = len(layer.groups.get("chat_lobby", {}))
    expect(
        members == 2,
        seen=f"With Alice and Bob in the lobby, the group chat_lobby has {members or 'no'} members."
        + (f" The groups are: {', '.join(map(repr, layer.groups))}." if layer.groups else ""),
        asked=NAMED if layer.groups else JOINS,
        file=FILE,
    )
    await bob.leave()
    expect(
        not bob.socket.future.cancelled(),
        seen="Bob has left, and his consumer is still running.",
        asked="disconnect() takes the consumer out of its group. websocket_disconnect() is Channels' own: it calls "
        "disconnect(), and then ends the consumer.",
        file=FILE,
    )
    members = len(layer.groups.get("chat_lobby", {}))
    expect(members > 0, seen="Bob has left, and Alice is out of the group, too.", asked="Only Bob is out.", file=FILE)
    from chat.consumers import ChatConsumer

    methods = [name for name, value in vars(ChatConsumer).items() if callable(value)]
    expect(
        members == 1,
        seen="Bob has left, and his channel is still in the group chat_lobby."
        + ("" if "disconnect" in methods else f" ChatConsumer has no disconnect(), only: {', '.join(methods)}."),
        asked="disconnect() takes the consumer's channel out of the group, with group_discard.",
        file=FILE,
    )
    await alice.leave()


async def test_a_person_joins_before_being_accepted(person, layer):
    """A person is in the group before being accepted, so they miss nothing."""
    layer.may_join.clear()
    alice = person("Alice")
    await alice.socket.send_input({"type": "websocket.connect"})
    nothing = await alice.socket.receive_nothing()
    expect(layer.asked_to_join, seen="A socket was opened, and group_add() was not called.", asked=JOINS, file=FILE)
    expect(
        nothing,
        seen="Alice was accepted before her channel was in the group: she misses what is said until then.",
        asked="In connect(), `await self.channel_layer.group_add(…)` comes before `await self.accept()`.",
        file=FILE,
    )
    layer.may_join.set()
    try:
        event = await alice.next_event()
    except TimeoutError:
        event = {}
    expect(
        "websocket.accept" in event.values(),
        seen=f"Alice, once in the group, got {event or 'no answer'}.",
        asked=ACCEPTS,
        file=FILE,
    )


async def test_nobody_waits_for_anothers_consumer(person, layer, pytestconfig):
    """While one consumer works, the others carry on: nothing blocks the event loop that they share."""
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    with Standstill(pytestconfig.project) as standstill:
        bob = await person("Bob").join(asked=ACCEPTS, file=FILE)
        await alice.say("hello")
        for listener in (alice, bob):
            await asyncio.wait({asyncio.ensure_future(listener.next_event())}, timeout=2)
        await bob.leave()
    if standstill.place:
        raise StoodStill(
            "One call made everybody wait: the whole server stood still.\n       in {}, line {}: {}".format(
                *standstill.place
            ),
            "A coroutine awaits what takes time: `await asyncio.sleep(…)` instead of time.sleep(…), for example.",
            standstill.place[0],
        )
