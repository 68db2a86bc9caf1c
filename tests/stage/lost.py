"""What gets lost: pages on the real application, over connections that a test cuts wherever it likes."""

import asyncio
import contextlib
import json

from stage.expectations import expect
from stage.history import JOINED, short
from stage.people import Person
from stage.scripts import blame, blame_errors

CONSUMER = "chat/consumers.py"
PROBE = json.dumps({"before": 0})  # "earlier" answers it, empty: whatever came before that has been handled
PROBED = '{"before": 0} is answered: {"earlier": []}.'
AGAIN = "After a lost connection, the page opens another: onclose calls setTimeout(connect, …)."


async def answers(person):
    """Return the frames that somebody has got, as soon as the application has handled all that they have sent."""
    found, more = [], True
    while more:
        more = []
        await person.send(text=PROBE)
        while "earlier" not in (frame := await person.hear(after=f"the frame {PROBE}", asked=PROBED, file=CONSUMER)):
            more.append(frame)
        found += more
    return found


class Line:
    """
    A page's connections to the application, one after the other.

    Nothing passes by itself. up() takes what the page has sent to the application, down() what that has sent to the
    page, and cut() loses the rest.
    """

    def __init__(self, page, application, path="/ws/chat/lobby/"):
        self.page, self.application, self.path = page, application, path
        self.server = None  # the person as whom the page comes, while there is a connection

    async def connect(self):
        """Let time pass until the page opens a socket, and let that be accepted."""
        for _ in range(60):
            if self.page.sockets[-1]["state"] == 0:
                break
            self.page.run_timers(1000)
        else:
            blame(self.page, "A connection was lost, and within a minute the page opened no other.", AGAIN)
        self.server = Person("The page", self.application, self.path)
        await self.server.join(asked=JOINED, file=CONSUMER)
        self.passed = 0
        self.page.open_socket()
        blame_errors(self.page)
        return self

    async def up(self, most=None):
        """Take to the application what the page has sent, or this many frames of it."""
        frames = [frame["text"] for frame in self.page.sockets[-1]["frames"][self.passed :][:most]]
        self.passed += len(frames)
        for text in frames:
            await self.server.send(text=text)
        return frames

    async def down(self):
        """Take to the page what the application has sent. Return how many frames that were."""
        frames = await answers(self.server)
        for frame in frames:
            self.page.receive(json.dumps(frame))
        blame_errors(self.page)
        return len(frames)

    async def settle(self):
        """Take everything to and fro, until neither has any more to say."""
        for _ in range(50):
            sent, came = await self.up(), await self.down()
            if not sent and not came:
                return self
        blame(
            self.page,
            "The page and the server don't stop talking: after 50 turns, the page still sent "
            f"{', '.join(sent) or 'nothing'}.",
            "The page stops asking when nothing more is missing: when the list that comes is empty.",
        )

    async def cut(self):
        """Lose the connection, and whatever is on its way. The application has handled what was taken up before."""
        self.page.close_socket()
        await self.server.leave()
        self.server = None
        blame_errors(self.page)

    async def break_off(self):
        """Lose the connection while the application is doing whatever it does right now."""
        self.page.close_socket()
        self.server.socket.future.cancel()
        with contextlib.suppress(BaseException):
            await self.server.socket.future
        self.server = None
        blame_errors(self.page)


def enter(page, *messages):
    """Type each of these messages into the page, and press Enter."""
    for message in messages:
        page.type(message)
        page.press_enter()
    blame_errors(page)


def sent_messages(page):
    """Return the frames with messages that the page has sent on its last connection, decoded."""
    frames = [json.loads(frame["text"]) for frame in page.sockets[-1]["frames"]]
    return [frame for frame in frames if "message" in frame]


def shown(page, said):
    """Return what the log shows, line by line: each without the name before it, if it is one of what was said."""
    lines = (page.text("chat-log") or "").split("\n")[:-1]
    longest_first = sorted(said, key=len, reverse=True)
    return [next((text for text in longest_first if line.endswith(text)), line) for line in lines]


def expect_shown(page, said, *, after, asked):
    """Raise Unmet unless the log shows exactly what was said, in this order, each once."""
    lines = shown(page, said)
    if lines == list(said):
        return
    missing = [text for text in said if text not in lines]
    more = [text for text in dict.fromkeys(lines) if lines.count(text) > said.count(text)]
    if missing:
        what = f"of {len(said)} messages, the log doesn't show {len(missing)}: {_some(missing)}"
    elif more and len(lines) > 8:
        what = f"of {len(said)} messages, the log shows {len(more)} more than once: {_some(more)}"
    else:
        what = f"the log shows {_some(lines)}, in place of {_some(said)}"
    blame(page, f"{after}: {what}.", asked)


def _some(texts):
    return short(texts[:8])[1:-1] + ("…" if len(texts) > 8 else "") or "nothing"


def expect_frames(got, wanted, *, seen, asked, file=CONSUMER):
    """Raise Unmet unless somebody got these messages, as (number, text), and nothing else."""
    said = [(frame.get("number"), frame.get("message")) if isinstance(frame, dict) else frame for frame in got]
    expect(said == list(wanted), seen=f"{seen} {short(got)}.", asked=asked, file=file)


def expect_ids(page, frames, asked):
    """Raise Unmet unless each of these messages has an id of its own."""
    for frame in frames:
        if not isinstance(frame.get("id"), str) or not 0 < len(frame["id"]) <= 64:
            blame(page, f"The page sent {short(frame)}: it has no id, a string of 1 to 64 characters.", asked)
    if len({frame["id"] for frame in frames}) < len(frames):
        blame(page, f"The page sent {short(frames)}: two messages with the same id.", asked)


async def said_in(room):
    """Return what is stored of a room, as (number, text), in order."""
    from chat.models import Message

    kept = Message.objects.filter(room__name=room).order_by("number")
    return [{"message": each.text, "number": each.number} async for each in kept]


async def store(room, texts):
    """Let somebody say these things, whom another process serves: the room's people here hear nothing of it."""
    from chat.models import Message, Room

    kept, _ = await Room.objects.aget_or_create(name=room)
    numbers = range(kept.last_number + 1, kept.last_number + len(texts) + 1)
    rows = [Message(room=kept, number=number, text=text) for number, text in zip(numbers, texts, strict=True)]
    await Message.objects.abulk_create(rows)
    await Room.objects.filter(pk=kept.pk).aupdate(last_number=kept.last_number + len(texts))


class DatabaseFailure(Exception):
    """What fail_to_store() raises."""


@contextlib.contextmanager
def fail_to_store():
    """During a `with` statement, no message can be stored: a DatabaseFailure is raised. Gives that class."""
    from django.db.models.signals import pre_save

    def fail(sender, **kwargs):
        if sender.__name__ == "Message":
            raise DatabaseFailure("The database could not store the message.")

    pre_save.connect(fail)
    try:
        yield DatabaseFailure
    finally:
        pre_save.disconnect(fail)


class Slow:
    """An application whose clients stop reading, as one does whose network is slow: what is sent to them waits."""

    def __init__(self, application):
        self.application, self.reads = application, asyncio.Event()
        self.reads.set()

    def stand_still(self):
        self.reads.clear()

    def go_on(self):
        self.reads.set()

    async def __call__(self, scope, receive, send):
        async def send_when_read(event):
            await self.reads.wait()
            await send(event)

        await self.application(scope, receive, send_when_read)
