"""
A recording of a whole class, for hours. It always counts, notes steps while people can follow them, and can be slowed.

What it sees leaves the chat's process as snapshots, a few in a second. So however many people there are, and however
much they say, the chat pays next to nothing for being looked at.
"""

import asyncio
import collections
import functools
import json
import statistics
import time

from workshop.recording.recording import Recording, current_person, current_room, sending

FOLLOWED = 60  # people, at most, each of whom is in a snapshot
BEHIND = 8  # people in the snapshot of a larger crowd: those who are furthest behind
STEPS = 150  # in one snapshot: what is more, nobody can follow
SAID = 5  # messages of one room in a snapshot
TEXT = 200  # characters of a message
QUIET = 100  # deliveries a second, below which steps are noted again
OFTEN, SELDOM = 0.1, 0.25  # seconds from one snapshot to the next
SAMPLES = 400  # deliveries a second, about, that are timed
LATELY = 5  # seconds over which the delays are given
FILLS = (1, 10, 100, 1000)  # events in a mailbox, from which the next column of the table of fills begins
STOPS = ("accept", "group_add", "delivery")


class Seat:
    """What is known of one connection."""

    __slots__ = (
        "accepted",
        "channel",
        "due",
        "expected",
        "heard",
        "holds",
        "memberships",
        "name",
        "protocol",
        "room",
        "said",
        "since",
        "spoke",
        "stopped",
        "wanted",
    )

    def __init__(self, name, room, protocol):
        self.name, self.room, self.protocol = name, room, protocol
        self.accepted = False
        self.channel = self.stopped = None
        self.said = self.heard = 0  # messages
        self.holds = False  # whether the last one that it took is still with the consumer
        self.expected = 0  # messages that were sent to it, besides those of the groups in which it is
        self.memberships = {}  # group: how many messages it had been sent when this joined
        self.spoke = 0  # when its last frame came
        # The delivery that is timed: which one in its mailbox it is, since when it is on its way, and whether it is
        # the one that the consumer handles now.
        self.wanted = self.since = self.due = 0


class Live(Recording):
    """
    A Recording without end. It keeps no steps but those since the last snapshot().

    stop, "accept", "group_add" or "delivery": each consumer stops after it has accepted its socket, after it has joined
    a group, or before it handles an event from its mailbox. halted: the name of a person whose consumer handles no
    event. Both are None at first, and set by obey().
    """

    def __init__(self):
        super().__init__()
        self.stop = self.halted = None
        self.slow = False  # somebody may have to stop before a delivery
        self.brief = False  # there is too much to note each step
        self.hurries = False  # it only counts: there is nothing to note, and nobody is to be stopped
        self._capacity = None  # what the layer's was before it was made small
        self._seats, self._readers = {}, {}  # by name, and by channel
        self._sent = collections.Counter()  # messages, by group
        self._gone = collections.Counter()  # deliveries, by what became of them, of connections that have ended
        self._messages = 0
        self._delays = collections.deque()  # (when, how long, room), in seconds
        self._said = collections.defaultdict(list)  # by room
        self._next_sample = {}  # by group: when a message is to be timed again
        self._waiting_to_go_on = []  # a future for each consumer that has stopped
        self._past = collections.deque()  # (when, messages, deliveries) of the snapshots of the last second

    def start(self, application, layer=None):
        application = super().start(application, layer)
        self.layer.receive = functools.partial(self._receive, self.layer.receive)
        return application

    def note(self, source, target, what, payload=None):
        if self.brief:
            return
        if len(self.steps) >= STEPS:
            self.brief = True
            self._find_pace()
        super().note(source, target, what, _shorten(payload))

    # What a connection does

    async def _connection(self, application, scope, receive, send):
        # A server's send() tells the chat which connection it writes to, so the one that takes its place does, too.
        protocol = send.args[0] if isinstance(send, functools.partial) else None

        async def counted(scope, noted_receive, noted_send):
            name = current_person.get()
            seat = self._seats[name] = Seat(name, current_room.get(), protocol)

            async def receive_and_count():
                event = await (receive if self.hurries else noted_receive)()
                if event["type"] == "websocket.receive":
                    seat.spoke = time.perf_counter()
                return event

            def send_and_count(_, event):  # no coroutine: that would cost three times as much
                if seat.due:
                    now = time.perf_counter()
                    self._delays.append((now, now - seat.due, seat.room))
                    seat.due = 0
                if self.hurries and seat.accepted:
                    return send(event)
                seat.accepted = seat.accepted or event["type"] == "websocket.accept"
                return noted_send(event)

            try:
                await application(scope, receive_and_count, functools.partial(send_and_count, protocol))
            finally:
                self._forget(seat)

        await super()._connection(counted, scope, receive, send)

    def _choose_name(self, scope):
        """Return the name in the handshake, or the lowest number that is free: who reloads the page, gets it again."""
        if not self._names:
            self._named.clear()
            number = 1
            while f"Person {number}" in self._connected:
                number += 1
            self._names.append(f"Person {number}")
        name = super()._choose_name(scope)
        self._names.clear()
        return name

    def _forget(self, seat):
        self._gone["deliveries"] += seat.heard
        self._gone["lost"] += self._lost_to(seat)
        self._readers.pop(seat.channel, None)
        self._people.pop(seat.channel, None)
        if self._seats.get(seat.name) is seat:
            del self._seats[seat.name]
            if seat.name == self.halted:  # the next one gets the name, but not the lever
                self.halted = None
                self._find_pace()

    # What the layer does

    async def _new_channel(self, own, *arguments, **options):
        channel = await super()._new_channel(own, *arguments, **options)
        seat = self._seats.get(current_person.get())
        if seat is not None:
            seat.channel = channel
            self._readers[channel] = seat
        return channel

    async def _group_add(self, own, group, channel):
        seat = self._readers.get(channel)
        if seat is not None:
            seat.memberships[group] = self._sent[group]
            if group.startswith("chat"):
                seat.room = self._room(group)  # two addresses may lead to one room
        await super()._group_add(own, group, channel)

    async def _group_discard(self, own, group, channel):
        seat = self._readers.get(channel)
        if seat is not None and group in seat.memberships:
            seat.expected += self._sent[group] - seat.memberships.pop(group)
        await super()._group_discard(own, group, channel)

    async def _group_send(self, own, group, message):
        seat = self._seats.get(current_person.get())
        self._time_deliveries(group, seat)
        if seat is not None:
            seat.said += 1
        room = self._room(group)
        if len(self._said[room]) < SAID:
            text = message.get("message", message.get("type"))
            self._said[room].append([room, seat.name if seat else "outside", _shorten(str(text))])
        try:
            if self.hurries:
                sending.set((None, set()))  # so that _send() knows
                try:
                    await own(group, message)
                finally:
                    sending.set(None)
            else:
                await super()._group_send(own, group, message)
        finally:
            self._sent[group] += 1
            self._messages += 1

    async def _send(self, own, channel, message):
        seat = self._readers.get(channel)
        if seat is not None and sending.get() is None:
            seat.expected += 1
        await super()._send(own, channel, message)

    async def _receive(self, own, channel):
        seat = self._readers.get(channel)
        if seat is None:
            return await own(channel)
        seat.due = 0  # if nothing was sent for the last one, its time isn't known
        seat.holds = False
        event = await own(channel)
        seat.holds = True
        seat.heard = heard = seat.heard + 1
        if heard == seat.wanted:
            seat.due, seat.wanted = seat.since, 0
        if self.slow:
            await self._stop_here("delivery")
        return event

    def _time_deliveries(self, group, seat):
        """Choose this message, if it is the room's time for the next one, to see how long it takes to each member."""
        now = time.perf_counter()
        if now < self._next_sample.get(group, 0):
            return
        since = seat.spoke if seat is not None and seat.spoke else now
        members = self._waiting(group)
        self._next_sample[group] = now + len(members) / SAMPLES
        for channel, waiting in members.items():
            reader = self._readers.get(channel)
            if reader is not None and not reader.wanted:
                reader.wanted, reader.since = reader.heard + waiting + 1, since

    # Slow motion

    async def _stop_here(self, what):
        person = current_person.get()
        if what not in STOPS or not self._holds(what, person):
            return
        seat, consumer = self._seats[person], f"{person}'s consumer"
        seat.stopped = what
        go_on = asyncio.get_running_loop().create_future()
        self._waiting_to_go_on.append((seat, go_on))
        self.note(consumer, consumer, "stops")
        try:
            await go_on
        finally:
            seat.stopped = None
            self._waiting_to_go_on = [each for each in self._waiting_to_go_on if each[1] is not go_on]
        self.note(consumer, consumer, "goes on")

    def _holds(self, what, person):
        """Return whether a person's consumer has to stop here."""
        return what == self.stop or (what == "delivery" and person == self.halted)

    def _let_go(self, step=False):
        """Let each consumer go on that has stopped and doesn't have to any more, or with step=True all of them."""
        for seat, go_on in self._waiting_to_go_on:
            if not go_on.done() and (step or not self._holds(seat.stopped, seat.name)):
                go_on.set_result(None)

    def set_capacity(self, capacity):
        """Let no mailbox take more than so many events. None: as many as before."""
        if self._capacity is None:
            self._capacity = self.layer.capacity
        self.layer.capacity = self._capacity if capacity is None else capacity
        for channel, mailbox in getattr(self.layer, "channels", {}).items():
            mailbox._maxsize = self.layer.get_capacity(channel)  # asyncio's queues have no other way to change it

    def obey(self, lever, value=None):
        """
        Set a lever: "stop", "halted" or "capacity" to a value, None as at first. "undo" sets all to None.

        "step" lets each consumer that has stopped go on, to where it stops next.
        """
        if lever in ("stop", "undo"):
            self.stop = value
        if lever in ("halted", "undo"):
            self.halted = value
        if lever in ("capacity", "undo"):
            self.set_capacity(value)
        self._find_pace()
        self._let_go(step=lever == "step")

    def _find_pace(self):
        self.slow = self.stop == "delivery" or self.halted is not None
        self.hurries = self.brief and self.stop is None and self.halted is None

    # What it looks like now

    def snapshot(self):
        """Return what has happened since the last snapshot, and how everything stands, as JSON can say it."""
        now = time.perf_counter()
        seats = list(self._seats.values())
        waiting = {seat.name: self._in_mailbox(seat.channel) for seat in seats}
        deliveries = self._gone["deliveries"] + sum(seat.heard for seat in seats)
        crowd = len(seats) > FOLLOWED
        self._past.append((now, self._messages, deliveries))
        while len(self._past) > 2 and self._past[1][0] < now - 1:
            self._past.popleft()
        then, messages, delivered = self._past[0]
        seconds = max(now - then, 1)
        rates = {
            "messages": _rate(self._messages - messages, seconds),
            "deliveries": _rate(deliveries - delivered, seconds),
        }
        steps = None if self.brief else self.steps
        said, self.steps = [each for room in self._said.values() for each in room], []
        self._said.clear()
        # A brief look goes on until it has been quiet for a while. A crowd is never looked at in detail.
        self.brief = crowd or (self.brief and rates["deliveries"] > QUIET)
        self._find_pace()
        self._drop_empty_groups()
        return {
            "at": time.time(),
            "crowd": crowd,
            "people": [self._describe(seat, waiting[seat.name]) for seat in _chosen(seats, waiting, crowd)],
            "rooms": self._describe_rooms(seats, waiting, now),
            "totals": {
                "messages": self._messages,
                "deliveries": deliveries,
                "lost": self._gone["lost"] + sum(map(self._lost_to, seats)),
            },
            "per_second": rates,
            "delays": self._describe_delays(),
            "said": said,
            "steps": steps,
            "capacity": self.layer.capacity,
            "levers": {
                "stop": self.stop,
                "halted": self.halted,
                "capacity": self.layer.capacity if self._capacity not in (None, self.layer.capacity) else None,
            },
        }

    async def tell(self, port, token):
        """
        Send a snapshot after the other to the process that listens on this port, and obey what comes from there.

        Both ways it is a line of JSON each. The first line that is sent is the token.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{token}\n".encode())

        async def listen():
            async for line in reader:
                self.obey(**json.loads(line))

        listening = asyncio.ensure_future(listen())
        while not listening.done():
            writer.write(json.dumps(self.snapshot()).encode() + b"\n")
            await writer.drain()
            await asyncio.sleep(SELDOM if self.brief else OFTEN)

    def _describe(self, seat, waiting):
        return {
            "name": seat.name,
            "room": seat.room,
            "accepted": seat.accepted,
            "member": bool(seat.memberships),
            "waiting": waiting,
            "heard": seat.heard - seat.holds,  # what the consumer stops with, nobody has heard yet
            "said": seat.said,
            "lost": self._lost_to(seat),
            "bytes": _unsent(seat.protocol),
            "holds": seat.holds,
            "stopped": seat.stopped,
        }

    def _describe_rooms(self, seats, waiting, now):
        while self._delays and self._delays[0][0] < now - LATELY:
            self._delays.popleft()
        delays = collections.defaultdict(list)
        for _, delay, room in self._delays:
            delays[room].append(1000 * delay)
        said = collections.Counter()
        for group, messages in self._sent.items():
            said[self._room(group)] += messages
        rooms = {}
        for seat in seats:
            empty = {"people": 0, "waiting": 0, "fullest": 0, "deliveries": 0, "fill": [0] * (len(FILLS) + 1)}
            room = rooms.setdefault(seat.room, empty)
            number = waiting[seat.name]
            room["people"] += 1
            room["deliveries"] += seat.heard
            room["waiting"] += number
            room["fullest"] = max(room["fullest"], number)
            room["fill"][sum(number >= least for least in FILLS)] += 1
        return [
            {
                "name": name,
                "messages": said[name],
                "delay": statistics.median(delays[name]) if name in delays else None,
                **room,
            }
            for name, room in rooms.items()
        ]

    def _describe_delays(self):
        delays = sorted(1000 * delay for _, delay, _ in self._delays)
        if not delays:
            return {"median": None, "p95": None}
        return {"median": statistics.median(delays), "p95": delays[-(-95 * len(delays) // 100) - 1]}

    def _lost_to(self, seat):
        """Return how many messages for somebody are neither in their mailbox nor have been taken out of it."""
        expected = seat.expected + sum(self._sent[group] - since for group, since in seat.memberships.items())
        return max(0, expected - seat.heard - self._in_mailbox(seat.channel))

    def _drop_empty_groups(self):
        for group in [group for group in self._sent if group not in self.layer.groups]:
            del self._sent[group]
            self._rooms.pop(group, None)
            self._next_sample.pop(group, None)


def _chosen(seats, waiting, crowd):
    """Return the people to show: all of them, or of a crowd those who have stopped, or are furthest behind."""
    if not crowd:
        return seats
    behind = [seat for seat in seats if seat.stopped or waiting[seat.name]]
    return sorted(behind, key=lambda seat: (seat.stopped is None, -waiting[seat.name]))[:BEHIND]


def _rate(number, seconds):
    """Return how many there were in a second. Of a few, the number itself: nobody looks for a tenth of a message."""
    return number if number < 10 else number / seconds


def _shorten(payload):
    if isinstance(payload, dict):
        return {key: _shorten(value) for key, value in payload.items()}
    return payload[:TEXT] + "…" if isinstance(payload, str) and len(payload) > TEXT else payload


def _unsent(protocol):
    """Return how many bytes daphne holds for a client that hasn't read them. Twisted has no method that tells it."""
    transport = getattr(protocol, "transport", None)
    if not hasattr(transport, "_tempDataLen"):
        return 0
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen
