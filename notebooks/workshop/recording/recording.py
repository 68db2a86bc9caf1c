"""
Record what people, consumers and the channel layer send to each other. The app needs no line of code for it.

A step goes from one of these to another:

- a person, "Alice": whoever has the other end of the socket;
- the person's consumer, "Alice's consumer";
- a room, "lobby": the group that the layer has for it. Any other group goes by its own name, "user_1".
"""

import asyncio
import contextvars
import functools
import json
from pathlib import Path
from urllib.parse import unquote

from channels.exceptions import ChannelFull
from channels.layers import channel_layers

from workshop.drawing import label, sequence
from workshop.recording.xray import Xray

CONSUMER = "'s consumer"  # what follows a person's name in the name of their consumer
PATIENCE = 5  # seconds to wait for something that should take milliseconds
NAME = b"workshop-name"  # the header in which a handshake may say, percent-encoded, whose it is

current_person = contextvars.ContextVar("the person whose consumer runs", default=None)
current_room = contextvars.ContextVar("the last part of that consumer's path", default=None)
sending = contextvars.ContextVar("the room that a group_send is for, and the channels that send() got", default=None)


class Recording:
    """
    The steps of a run, in order. Each is a dict with source, target, what and, if there is one, payload.

    Connections get the names in the order in which they open: Recording("Alice", "Bob"). A connection whose handshake
    says whose it is keeps that name.
    """

    def __init__(self, *names):
        self._names = list(names)  # that nobody has yet
        self._named = []  # everyone who was given a name
        self._connected = set()  # the names of the connections that are open
        self._cut_off = set()  # those of them whose connection is lost, and whose consumer may not know it yet
        self._people = {}  # channel name: the consumer that reads it
        self._rooms = {}  # group name: the room's name
        self._pause = None  # (what, person): the kind of step to stop after, and whose
        self._resumed = asyncio.Event()
        self._paused = asyncio.Event()
        self._noted = asyncio.Event()
        self.steps = []
        self.layer = None
        self.file = None
        self.before = None  # a recording to compare with

    def start(self, application, layer=None):
        """
        Return this ASGI application wrapped so that it is recorded, and record its channel layer too.

        The layer is by default the project's. Only the methods of this one object are wrapped: Channels stays as it is.
        """
        self.layer = layer or channel_layers["default"]
        for name in ("new_channel", "group_add", "group_discard", "group_send", "send"):
            setattr(self.layer, name, functools.partial(getattr(self, f"_{name}"), getattr(self.layer, name)))

        async def recorded(scope, receive, send):
            if scope["type"] != "websocket":
                return await application(scope, receive, send)
            await self._connection(application, scope, receive, send)

        return recorded

    def note(self, source, target, what, payload=None):
        """Add a step and, if there is a `file`, write the step to it."""
        step = {"source": source, "target": target, "what": what}
        if payload is not None:
            step["payload"] = payload
        self.steps.append(step)
        self._noted.set()
        if self.file:
            with Path(self.file).open("a", encoding="utf-8") as file:
                file.write(json.dumps(step) + "\n")

    # Slow motion

    def pause_after(self, what, person):
        """Stop this person's consumer after its next "group_add", "group_send", "accept" or "frame" (that goes out)."""
        self._pause = (what, person)
        self._paused.clear()
        self._resumed.clear()

    async def paused(self):
        """Wait until the consumer has stopped. Raises TimeoutError after 5 s."""
        await asyncio.wait_for(self._paused.wait(), PATIENCE)

    async def until(self, source, what):
        """Wait until("Bob's consumer", "group_add"): until somebody has done this. Raises TimeoutError after 5 s."""

        async def done():
            while not any(step["source"] == source and step["what"] == what for step in self.steps):
                self._noted.clear()
                await self._noted.wait()

        await asyncio.wait_for(done(), PATIENCE)

    def resume(self):
        """Let the consumer go on."""
        self._pause = None
        self._resumed.set()

    async def _stop_here(self, what):
        if self._pause == (what, current_person.get()):
            consumer = f"{current_person.get()}'s consumer"
            self.note(consumer, consumer, "stops")
            self._paused.set()
            await self._resumed.wait()
            self.note(consumer, consumer, "goes on")

    @classmethod
    def read(cls, file, last=None):
        """Return the recording that another process wrote to a file, or so many of its last steps."""
        recording = cls()
        lines = Path(file).read_text(encoding="utf-8").splitlines()
        recording.steps = [json.loads(line) for line in (lines if last is None else lines[-last:])]
        return recording

    # What a connection does

    async def _connection(self, application, scope, receive, send):
        person = self._choose_name(scope)
        current_person.set(person)
        current_room.set(unquote(scope["path"]).strip("/").rpartition("/")[2])
        consumer = f"{person}'s consumer"
        accepted = False

        async def noted_receive():
            event = await receive()
            if event["type"] == "websocket.connect":
                self.note(person, consumer, "handshake", unquote(scope["path"]))
            elif event["type"] == "websocket.receive":
                self.note(person, consumer, "frame", _content(event))
            elif person in self._cut_off:  # which was noted at that moment: this is when the consumer hears of it
                self.note(consumer, consumer, "disconnect", "code 1006")
            else:
                code = event.get("code", 1005)
                self.note(person, consumer, "connection lost" if code == 1006 else "disconnect", f"code {code}")
            return event

        async def noted_send(event):
            nonlocal accepted
            if person in self._cut_off:  # whatever is sent now, a server drops without a word
                if event["type"] == "websocket.send":
                    self.note(consumer, person, "lost frame", _content(event))
                return
            if event["type"] == "websocket.accept":
                accepted = True
                self.note(consumer, person, "accept")
            elif event["type"] == "websocket.send":
                self.note(consumer, person, "frame", _content(event))
            elif accepted:
                self.note(consumer, person, "close", f"code {event.get('code', 1000)}")
            else:
                self.note(consumer, person, "refuse")
            await send(event)
            await self._stop_here({"websocket.accept": "accept", "websocket.send": "frame"}.get(event["type"]))

        try:
            await application(scope, noted_receive, noted_send)
        except Exception as error:
            self.note(consumer, consumer, "raises", type(error).__name__)
            raise
        finally:
            self._connected.discard(person)
            self._cut_off.discard(person)

    def cut_off(self, person):
        """Note that a person's connection is lost: from now on, nothing that their consumer sends reaches them."""
        self._cut_off.add(person)
        self.note(person, f"{person}'s consumer", "connection lost")

    def _choose_name(self, scope):
        """Return the name in the handshake, the next one that nobody has, or a number."""
        own = unquote(dict(scope.get("headers", ())).get(NAME, b"").decode())
        name = own or (self._names[0] if self._names else f"Person {len(self._named) + 1}")
        if name in self._names:
            self._names.remove(name)
        first, number = name, 2
        while name in self._connected:  # two with one name at the same time would be one person in the picture
            name, number = f"{first} {number}", number + 1
        self._named.append(name)
        self._connected.add(name)
        return name

    # What the layer does: each wrapper gets the layer's own method as its first argument

    async def _new_channel(self, own, *arguments, **options):
        channel = await own(*arguments, **options)
        if current_person.get():
            self._people[channel] = f"{current_person.get()}'s consumer"
        return channel

    async def _group_add(self, own, group, channel):
        self.note(self._reader(channel), self._room(group), "group_add")
        await own(group, channel)
        await self._stop_here("group_add")

    async def _group_discard(self, own, group, channel):
        self.note(self._reader(channel), self._room(group), "group_discard")
        await own(group, channel)

    async def _group_send(self, own, group, message):
        source = f"{current_person.get()}'s consumer" if current_person.get() else "outside"
        room, sent, turns = self._room(group), set(), []
        self.note(source, room, "group_send", message)
        before = self._waiting(group)
        turn = asyncio.get_running_loop().call_soon(turns.append, "somebody else's")
        sending.set((room, sent))  # seen by the tasks in which the layer fills the mailboxes
        try:
            await own(group, message)
        finally:
            sending.set(None)
            turn.cancel()
            # A layer may put the message into the mailboxes itself, without send(). As long as no other task has run,
            # nobody has read anything, so the mailboxes tell who got it. Channels that have left the group since were
            # no longer members.
            after = {} if turns else self._waiting(group)
            for channel in after:
                if channel not in sent:
                    got = after[channel] > before.get(channel, 0)
                    self.note(room, self._reader(channel), "event" if got else "lost", message)
        await self._stop_here("group_send")

    async def _send(self, own, channel, message):
        room, sent = sending.get() or ("outside", set())
        sent.add(channel)
        try:
            await own(channel, message)
        except ChannelFull:
            self.note(room, self._reader(channel), "lost", message)
            raise
        self.note(room, self._reader(channel), "event", message)

    def _waiting(self, group):
        """Return {channel in a group: number of events in its mailbox}, or {} for a layer on Redis: it can't tell."""
        return {channel: self._in_mailbox(channel) for channel in getattr(self.layer, "groups", {}).get(group, ())}

    def _in_mailbox(self, channel):
        """Return how many events wait for a channel's consumer."""
        mailbox = getattr(self.layer, "channels", {}).get(channel)
        return mailbox.qsize() if mailbox is not None else 0

    # Names

    def _reader(self, channel):
        return self._people.get(channel, channel)

    def _room(self, group):
        """Return the name of a group's room, the last part of the path that led to it. Other groups keep their own."""
        if group not in self._rooms:
            room = current_room.get() if group.startswith("chat") else None  # chat_…, and chat-… where it's a digest
            self._rooms[group] = room or group.removeprefix("chat_")
        return self._rooms[group]

    def people(self):
        """Return the names of the people who have a consumer, in the order in which they appear."""
        ends = (end for step in self.steps for end in (step["source"], step["target"]))
        return list(dict.fromkeys(end.removesuffix(CONSUMER) for end in ends if end.endswith(CONSUMER)))

    # What can be shown

    def ordered(self):
        """
        Return the steps in an order that is the same for every run of the same scenario.

        Consumers run side by side, and chance decides which of them comes first. Steps from outside (somebody connects,
        sends a frame, leaves, or resumes a stopped consumer) keep their places. Between two of these, steps without a
        common participant are sorted: first the layer's, then person by person.
        """
        ordered, segment = [], []
        for step in self.steps:
            if step["source"] in self.people() or step["source"] == "outside" or step["what"] == "goes on":
                ordered += self._sort(segment)
                segment = []
            segment.append(step)
        return ordered + self._sort(segment)

    def _sort(self, segment):
        people = self.people()

        def place(step):
            person = next((p for p in people if p in _persons(step)), None)
            return (step["what"] not in ("event", "lost"), people.index(person) if person else -1)

        waiting, ordered = list(segment), []
        while waiting:
            free = [
                step
                for number, step in enumerate(waiting)
                if not any(_ends(step) & _ends(earlier) for earlier in waiting[:number])
            ]
            first = min(free, key=place)
            ordered.append(first)
            waiting = [step for step in waiting if step is not first]
        return ordered

    def text(self):
        """Return the recording as text, with one line for each step."""
        return "\n".join(
            f"{step['source']} → {step['target']}: {' '.join(filter(None, label(step)))}"
            + (" (new)" if self.is_new(step) else "")
            for step in self.ordered()
        )

    __repr__ = text

    def since(self, before):
        """Return this recording. All steps that an earlier one of the same scenario doesn't have are marked as new."""
        self.before = before
        return self

    def is_new(self, step):
        if self.before is None:
            return False
        return step not in self.before.steps

    def picture(self):
        """Return the recording as a sequence diagram: the text of an SVG picture."""
        return sequence(self)

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/svg+xml": self.picture(), "text/plain": self.text()}

    def xray(self):
        """Return an Xray of the layer: its rooms, their members, and how many events wait for each. Not for Redis."""
        rooms = {self._room(group): [] for group in self.layer.groups}
        for group, channels in self.layer.groups.items():
            for channel in channels:
                rooms[self._room(group)].append((self._reader(channel), self._in_mailbox(channel)))
        return Xray(rooms, self.layer.capacity, lost=sum(step["what"] == "lost" for step in self.steps))


def _content(event):
    """Return a frame's text or, if it is binary, the number of its bytes in words."""
    if event.get("text") is not None:
        return event["text"]
    return f"{len(event['bytes'])} bytes"


def _ends(step):
    return {step["source"], step["target"]}


def _persons(step):
    return {end.removesuffix("'s consumer") for end in _ends(step)}
