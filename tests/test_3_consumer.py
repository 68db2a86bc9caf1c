"""Stage 3: the consumer, talked to without a server: who is in a room, what they say, who hears it."""

import asyncio

import pytest
from channels.layers import InMemoryChannelLayer, channel_layers
from channels.routing import URLRouter
from django.urls import path
from stage import Person, Unmet, expect

FILE = "chat/consumers.py"


@pytest.fixture
def person(layer):
    """Make a person at the door of a room, with the consumer alone behind it: no routing.py yet."""
    from chat.consumers import ChatConsumer

    consumer = URLRouter([path("room/<room_name>/", ChatConsumer.as_asgi())])
    return lambda name, room="lobby": Person(name, consumer, f"/room/{room}/")


ACCEPTS = "connect() ends with `await self.accept()`."


async def test_a_person_is_let_in(person):
    """The consumer accepts a person's socket."""
    await person("Alice").join(asked=ACCEPTS, file=FILE)


async def test_a_message_reaches_everyone_in_the_room(person):
    """What Alice says reaches everyone in the room, Alice too."""
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    bob = await person("Bob").join(asked=ACCEPTS, file=FILE)
    await alice.say("hello")
    for listener in (alice, bob):
        asked = "receive() sends the message to the room's group, and chat_msg() sends it to each person in it."
        frame = await listener.hear(after='Alice said "hello"', asked=asked, file=FILE)
        expect(
            frame == {"message": "hello"},
            seen=f'After Alice said "hello", {listener.name} got {frame}.',
            asked='chat_msg() sends {"message": "hello"}.',
            file=FILE,
        )


async def test_rooms_are_apart(person):
    """What is said in one room is not heard in another."""
    alice = await person("Alice", "lobby").join(asked=ACCEPTS, file=FILE)
    carol = await person("Carol", "kitchen").join(asked=ACCEPTS, file=FILE)
    await alice.say("only for the lobby")
    await alice.hear(after="Alice said something", asked="receive() sends the message to the room's group.", file=FILE)
    await carol.say("only for the kitchen")
    frame = await carol.hear(
        after="Carol spoke in the kitchen", asked="receive() sends the message to the room's group.", file=FILE
    )
    expect(
        frame == {"message": "only for the kitchen"},
        seen=f"Carol, in the kitchen, first got {frame}.",
        asked="Each room has a group of its own, named after the room in the scope's url_route.",
        file=FILE,
    )


async def test_the_rooms_group_carries_chat_msg_events(person, layer):
    """What is said goes through the group chat_<room name>, as an event of the type chat_msg."""
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    listener = await layer.new_channel()
    await layer.group_add("chat_lobby", listener)
    await alice.say("hello")
    asked = 'receive() sends {"type": "chat_msg", "message": …} to the group "chat_" + the room\'s name.'
    try:
        event = await asyncio.wait_for(layer.receive(listener), timeout=0.5)
    except asyncio.TimeoutError:
        raise Unmet("Nothing came through the group chat_lobby after Alice spoke.", asked, FILE) from None
    expect(
        event == {"type": "chat_msg", "message": "hello"},
        seen=f"The group chat_lobby carried {event}.",
        asked=asked,
        file=FILE,
    )


async def test_who_leaves_is_out_of_the_group(person, layer):
    """Who leaves is out of the room's group: nobody sends to a dead channel."""
    alice = await person("Alice").join(asked=ACCEPTS, file=FILE)
    bob = await person("Bob").join(asked=ACCEPTS, file=FILE)
    members = len(layer.groups.get("chat_lobby", {}))
    expect(
        members == 2,
        seen=f"With Alice and Bob in the lobby, the group chat_lobby has {members} members.",
        asked="connect() adds the consumer's channel to the group of the room.",
        file=FILE,
    )
    await bob.leave()
    members = len(layer.groups.get("chat_lobby", {}))
    expect(
        members == 1,
        seen=f"Bob has left, Alice has not, and the group chat_lobby has {members} members.",
        asked="disconnect() takes the consumer's channel out of the group, with group_discard.",
        file=FILE,
    )
    await alice.leave()


class SlowLayer(InMemoryChannelLayer):
    """A layer that takes its time to join, as one on another machine does."""

    def __init__(self):
        super().__init__()
        self.may_join = asyncio.Event()

    async def group_add(self, group, channel):
        await self.may_join.wait()
        await super().group_add(group, channel)


async def test_a_person_joins_before_being_accepted(person):
    """A person is in the group before being accepted, and so misses nothing."""
    layer = SlowLayer()
    channel_layers.set("default", layer)
    alice = person("Alice")
    await alice.socket.send_input({"type": "websocket.connect"})
    expect(
        await alice.socket.receive_nothing(),
        seen="Alice was accepted while her channel was not in the group yet: what is said now, she misses.",
        asked="In connect(), `await self.channel_layer.group_add(…)` stands before `await self.accept()`.",
        file=FILE,
    )
    layer.may_join.set()
    event = await alice.socket.receive_output(timeout=0.5)
    expect(
        event["type"] == "websocket.accept", seen=f"Alice, once in the group, got {event}.", asked=ACCEPTS, file=FILE
    )
