"""Who is here: windows that note what they are told about people, rows of other processes, and a page's clock."""

import asyncio
import contextlib
import json
import threading
from datetime import timedelta
from pathlib import Path

from asgiref.sync import sync_to_async

from stage.accounts import show_said
from stage.errors import UnmetIn, missing_file
from stage.expectations import Unmet, expect
from stage.history import JOINED, Patient, close_connections, look_for_tables, short
from stage.people import BESIDES, TIMEOUT
from stage.scripts import blame, blame_errors, browse

CONSUMER = "chat/consumers.py"
PRESENCE = "chat/presence.py"
ABOUT = frozenset(BESIDES["chat.presence"])  # the keys of the frames about people
PROBE = "what was told so far has been heard"
SOON = 0.02  # seconds: a short BEAT
ON_COMING = 'connect() sends its client {"people": all who are here}: a list of [key, name], its own among them.'
WITH_EACH_BEAT = 'beat() calls stay(), and then sends its client {"people": all who are here}.'
IN_TURN = (
    "Listen first, then look: connect() joins the room's group before it reads the list. And a beat reads its list in "
    "beat(), which waits for its turn in this socket's mailbox: what is told meanwhile comes after the list."
)
TEXT = "A frame is text: await self.send(json.dumps(…))."
PASSED_ON = 'presence() sends the event\'s frame to its client, unless it is {"typing": self.key}.'
STAYS = (
    "stay() sets seen_at to timezone.now(), and makes the row anew, with its key, its room and its name, if it isn't "
    "there. It deletes only rows that were last seen before oldest()."
)
CALLED = "beat() calls stay() with this socket's key, its room's name and its own name, in this order."
PAIR = "A window is told of as [key, name]: the key of its row, a number, and a name, a text."


class Window(Patient):
    """Somebody's window: it notes what it is told about people, as the page does."""

    asks_for = ABOUT

    def __init__(self, name, application, path, **handshake):
        super().__init__(name, application, path, **handshake)
        self.people, self.key = {}, None
        self.got = []  # all frames so far

    async def come(self):
        """Connect, and return this window. Raises Unmet if no list comes that has it."""
        await self.join(asked=JOINED, file=CONSUMER)
        frames = await self.heard(f"{self.name} came to the room")
        listed = [frame["people"] for frame in frames if "people" in frame]
        expect(listed, seen=f"{self.name} came to the room, and got {told(frames)}.", asked=ON_COMING, file=CONSUMER)
        expect(
            listed[-1],
            seen=f"{self.name} came to the room, and got an empty list of those who are here.",
            asked="come() makes the row before who_is_here() reads them all, ordered by their keys.",
            file=PRESENCE,
        )
        self.key = listed[-1][-1][0]
        return self

    async def heard(self, after):
        """Return the frames about people that were sent to this window so far, and note what they tell."""
        text, frames = f"{PROBE}, said by {self.name} after {len(self.got)} frames", []
        await self.say(text)
        while (frame := await self.next_frame(after)).get("message") != text:
            if not ABOUT.isdisjoint(frame):
                frames.append(frame)
        return frames

    async def next_frame(self, after):
        """Return the next frame, and note what it tells about people."""
        try:
            frame = await self.hear(after=after, asked="Who speaks hears it, too.", file=CONSUMER, of=self)
        except Unmet as unmet:
            if "json.dumps()" not in unmet.seen:
                raise
            raise Unmet(unmet.seen, TEXT, CONSUMER, sure=True) from None
        expect(isinstance(frame, dict), seen=f"{self.name} got {short(frame)}.", asked="An object.", file=CONSUMER)
        self.got.append(frame)
        self._note(frame)
        return frame

    def _note(self, frame):
        pairs = frame.get("people", []) if "here" not in frame else [frame["here"]]
        right = isinstance(pairs, list) and all(
            isinstance(pair, list) and len(pair) == 2 and type(pair[0]) is int and isinstance(pair[1], str)
            for pair in pairs
        )
        expect(right, seen=f"{self.name} got {short(frame)}.", asked=PAIR, file=PRESENCE)
        if "people" in frame:
            self.people = dict(pairs)
        elif "here" in frame:
            self.people.update(pairs)
        elif "gone" in frame:
            self.people.pop(frame["gone"], None)

    async def next_list(self, after, asked, sent_in):
        """Return the next list that comes, as pairs. Raises Unmet if none comes: see expect_told()."""
        while True:
            try:
                frame = await self.next_frame(after)
            except Unmet as unmet:
                if "got nothing" not in unmet.seen:
                    raise
                seen = f"{unmet.seen} No list of those who are here came."
                raise UnmetIn(Unmet(seen, asked, CONSUMER), {sent_in}) from None
            if "people" in frame:
                return frame["people"]

    async def after_a_beat(self, after):
        """Return the list that the next beat brings, which begins after this was called."""
        await self.heard(after)
        return await self.next_list(f"{after}, and BEAT was {SOON} s", WITH_EACH_BEAT, "beat")

    def names(self):
        """Return the names of the windows that this one knows of, in the order of their keys."""
        return [name for _, name in sorted(self.people.items())]


def told(frames):
    """Return frames about people, for a failure's words."""
    about = short([frame for frame in frames if not ABOUT.isdisjoint(frame)])
    return about[1:].removesuffix("]") or "no frame about people"


def was_sent(layer, frame):
    """Return whether everyone in a room was sent this frame. `layer` has noted what was sent to groups."""
    return json.dumps(frame) in [
        json.dumps(event.get("frame"), default=str) for _, event, members in layer.sent if members
    ]


def expect_told(person, frames, frame, layer, *, after, asked, sent_in):
    """
    Raise Unmet unless this frame is among those that somebody got.

    `asked` is for a frame that nobody was sent: it is sent in the consumer's method with the name `sent_in`.
    """
    if frame in frames:
        return
    if was_sent(layer, frame):
        seen = f"{after}. Everyone in the room was sent {short(frame)}, and {person.name} got {told(frames)}."
        raise UnmetIn(Unmet(seen, PASSED_ON, CONSUMER, sure=True), {"presence"})
    raise UnmetIn(Unmet(f"{after}, and {person.name} got {told(frames)}.", asked, CONSUMER), {sent_in})


def look_for_presence(project):
    """Raise Unmet if the project has no chat/presence.py, no model Presence, or no table for it."""
    for file in (PRESENCE, "chat/models.py"):
        if not (Path(project) / file).is_file():
            raise missing_file(file, project, "The file that the notebook's cell writes: run that cell.")
    from chat import models

    expect(
        hasattr(models, "Presence"),
        seen="chat/models.py has no model Presence.",
        asked="The model that the notebook's cell writes: run that cell.",
        file="chat/models.py",
    )
    look_for_tables()


async def expect_row(window, name, *, after):
    """Raise Unmet unless the row of a window in the lobby is there as it should be, and was renewed just now."""
    from chat.models import Presence
    from django.utils import timezone

    async def problem():
        row = await Presence.objects.filter(pk=window.key).afirst()
        if row is None:
            return "there is no row with its key"
        age = (timezone.now() - row.seen_at).total_seconds()
        if age >= 10:
            return f"its row was still last seen {age:.0f} s ago"
        if (row.room_name, row.name) != ("lobby", name):
            return f"its row has the room {row.room_name!r} and the name {row.name!r}"
        return None

    found = await problem()
    if found:
        seen = f"{after}. After the next beat of that window {found}."
        raise await explain_beat(window, name, problem, seen=seen, asked=STAYS)


async def explain_beat(window, name, problem, *, seen, asked):
    """
    Return the Unmet for rows that are wrong after a beat. `problem` returns what is wrong with them, or None.

    Is it stay() that is wrong, or how beat() calls it? The window leaves, and stay() is called as it should be.
    """
    from chat.presence import stay

    await window.leave()
    with contextlib.suppress(Exception):
        await stay(window.key, "lobby", name)
        if await problem() is None:
            return UnmetIn(Unmet(seen, CALLED, CONSUMER), {"beat"})
    return Unmet(seen, asked, PRESENCE)


async def make_row(name, *, seconds_ago=0, room="lobby"):
    """Note a window of another process, which was last seen so long ago. Return its key."""
    from chat.models import Presence
    from django.utils import timezone

    seen_at = timezone.now() - timedelta(seconds=seconds_ago)
    return (await Presence.objects.acreate(room_name=room, name=name, seen_at=seen_at)).pk


def channels_in(layer):
    """Return the channels that are in any group."""
    return {channel for channels in layer.groups.values() for channel in channels}


class HeldList:
    """
    A database that is slow to hand out a list of who is here: it has read it, and holds it back until it is let go.

    Until catch() is called it holds nothing, and then only the first list.
    """

    def __init__(self):
        self.caught, self._wanted, self._free = threading.Event(), False, threading.Event()

    def catch(self):
        self._wanted = True

    def query(self, execute, sql):
        """Execute, then wait: for around_each_query()."""
        result = execute()
        if self._wanted and sql.startswith("SELECT") and '"seen_at" >' in sql:
            self._wanted = False
            self.caught.set()
            self._free.wait(10)
        return result

    def let_go(self):
        self._free.set()


@contextlib.asynccontextmanager
async def held_while_there(held, window):
    """During an `async with`, a list may be held. Whatever happens, at the end it is let go, and the window leaves."""
    try:
        yield
    finally:
        held.let_go()
        await window.socket.send_input({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait({window.socket.future}, timeout=TIMEOUT)


@contextlib.asynccontextmanager
async def readers_stop_no_writers():
    """During an `async with`, SQLite works as other databases do: whoever reads keeps nobody from writing."""

    def set_mode(mode):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA journal_mode={mode}")

    await sync_to_async(set_mode)("WAL")
    try:
        yield
    finally:
        await close_connections()
        await sync_to_async(set_mode)("DELETE")


# The page


@contextlib.contextmanager
def open_page(browser, project):
    """The page of the room lobby, with a socket that is open, for a `with` statement."""
    look_for_presence(project)
    with browse(browser, "/chat/lobby/", project) as page:
        for name in ("chat-people", "chat-typing"):
            if name not in page.ids():
                blame(page, f"The page has no element with the id {name}.", f'<p id="{name}"></p>.')
        page.open_socket()
        show_said(page)
        blame_errors(page)
        yield page


CLOCK = """
globalThis.passed = 0;
globalThis.Date = class extends Date {
  constructor(...given) { given.length ? super(...given) : super(Date.now()); }
  static now() { return 1.7e12 + passed; }
};
0
"""


def stop_clock(page):
    """From now on, a page's clock goes on only in pass_time()."""
    page.evaluate(CLOCK)


def leave_page(page):
    """The page is left by a link, and the browser keeps it for "back"."""
    page.evaluate('dispatchEvent(Object.assign(new Event("pagehide"), {persisted: true})); 0')


def pass_time(page, milliseconds):
    """Let time pass, by the page's clock and for its timers."""
    for _ in range(milliseconds // 100):
        page.evaluate("passed += 100")
        page.run_timers(100)
    blame_errors(page)
