"""What gets lost: pages on the real application, over connections that a test cuts wherever it likes."""

import ast
import asyncio
import contextlib
import json
import re

from stage.code import read_code, signature
from stage.errors import explain
from stage.expectations import Unmet, expect
from stage.history import HISTORY, JOINED, short
from stage.people import Person, is_besides
from stage.scripts import blame, blame_errors

CONSUMER = "chat/consumers.py"
PROBE = json.dumps({"before": 0})  # "earlier" answers it, empty: whatever came before that has been handled
PROBED = '{"before": 0} is answered: {"earlier": []}.'
ACK = 'As soon as a message with an id is stored, its sender gets {"ack": its id}.'
KNOWN = "message", "history", "earlier", "later", "ack", "error"
AS_TEXT = "What a client gets is a text: await self.send(json.dumps(…))."
WITH_ID = (
    "remember() gets the client_id, too. The notebook's cell for chat/consumers.py writes this call: run that cell."
)
ASYNC_FOR = "In async code, messages are read with `async for`, as latest() does: [… async for message in …]."
SENT_AS = "A message is sent as {message, id}, and an object becomes text by JSON.stringify()."
PLACES = "`for (… in list)` gives the places in a list: 0, 1, 2. `for (… of list)` gives what is in it."
SENT_ONCE = "On a connection, sendAll() sends what isn't in sent yet, and adds each that it sends to sent."
AGAIN = "After a lost connection, the page opens another: onclose calls setTimeout(connect, …)."


async def answers(person):
    """Return the frames that somebody has got, as soon as the application has handled all that they have sent."""
    found, more = [], True
    while more:
        more = []
        await person.send(text=PROBE)
        while "earlier" not in (frame := await _next_frame(person)):
            more.append(frame)
        found += more
    return found


async def _next_frame(person):
    try:
        return await person.hear(after=f"the frame {PROBE}", asked=PROBED, file=CONSUMER)
    except Unmet as unmet:
        if "json.dumps()" in unmet.seen:  # it is no text, or no JSON, whatever it answers
            raise Unmet(unmet.seen, AS_TEXT, unmet.file) from None
        raise


def expect_client_id(project):
    """Raise Unmet if the consumer still calls remember() as in stage 11, and that has a client_id by now."""
    code = read_code(project)
    known = next((signature(node).parameters for file, node in code.functions("remember") if file == HISTORY), {})
    for call in code.walk(CONSUMER, ast.Call):
        if not (isinstance(call.func, ast.Name) and call.func.id == "remember" and "client_id" in known):
            continue
        starred = any(isinstance(each, ast.Starred) for each in call.args)
        given = [*list(known)[: len(call.args)], *(keyword.arg for keyword in call.keywords)]
        if not starred and None not in given and "client_id" not in given:
            seen = "The consumer calls remember() without a client_id, as in stage 11."
            raise Unmet(seen + code.place(CONSUMER, call.lineno), WITH_ID, CONSUMER)


@contextlib.contextmanager
def ask_for_async_for(project):
    """During a `with` statement, whoever reads messages in async code without `async for` is told of it."""
    from django.core.exceptions import SynchronousOnlyOperation

    try:
        yield
    except SynchronousOnlyOperation as error:
        raise explain(error, project, ASYNC_FOR, HISTORY) from error


class Line:
    """
    A page's connections to the application, one after the other.

    Nothing passes by itself. up() takes what the page has sent to the application, down() what that has sent to the
    page, and cut() loses the rest.
    """

    def __init__(self, page, application, path="/ws/chat/lobby/"):
        self.page, self.application, self.path = page, application, path
        self.server = None  # the person as whom the page comes, while there is a connection
        self.acks = []  # that came to the page, on all its connections

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
        texts = [frame["text"] for frame in self.page.sockets[-1]["frames"][self.passed :][:most]]
        decoded(self.page, texts)  # of what is no message and no question, the consumer would only say that it is wrong
        self.passed += len(texts)
        for text in texts:
            await self.server.send(text=text)
        return texts

    async def down(self):
        """Take to the page what the application has sent. Return how many frames that were."""
        frames = await answers(self.server)
        for frame in frames:
            seen = f"The page got {short(frame)}, and it knows no such frame."
            known = isinstance(frame, dict) and not set(KNOWN).isdisjoint(frame)
            expect(known, seen=seen, asked=f"A frame for the page has one of these: {', '.join(KNOWN)}.", file=CONSUMER)
            self.page.receive(json.dumps(frame))
            self.acks += [frame["ack"]] if "ack" in frame else []
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


def expect_acknowledged(line):
    """Raise Unmet unless each message that the page has sent on its last connection has been acknowledged to it."""
    for frame in sent_messages(line.page):
        acknowledged = "id" not in frame or frame["id"] in line.acks
        seen = f"The page sent “{frame['message']}” with the id {frame.get('id')}, and no acknowledgement of that came."
        expect(acknowledged, seen=seen, asked=ACK, file=CONSUMER)


def enter(page, *messages):
    """Type each of these messages into the page, and press Enter."""
    for message in messages:
        page.type(message)
        page.press_enter()
    blame_errors(page)


def sent_frames(page):
    """Return the frames that the page has sent on its last connection, decoded: messages and questions."""
    return decoded(page, [frame["text"] for frame in page.sockets[-1]["frames"]])


def decoded(page, texts):
    """
    Return these frames of the page, decoded. Raises Unmet if one is no message and no question.

    Those that further stages send besides are left out.
    """
    texts = [text for text in texts if not is_besides(text)]
    frames = [_decoded(text) for text in texts]
    wrong = [
        str(text)
        for text, frame in zip(texts, frames, strict=True)
        if not isinstance(frame, dict) or not {"message", "before", "after"} & set(frame)
    ]
    if wrong:
        places = all(re.fullmatch(r'"?\d+"?', text) for text in wrong)
        by_place = places and any(re.search(r"\bfor\s*\([^()]*\sin\s", code) for code in page.scripts())
        sent = ", ".join(text if len(text) <= 60 else f"{text[:58]}…" for text in wrong[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        blame(page, f"The page sent {sent}{more}: no message, and no question.", PLACES if by_place else SENT_AS)
    return frames


def _decoded(text):
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None


def sent_messages(page):
    """Return the frames with messages that the page has sent on its last connection, decoded."""
    return [frame for frame in sent_frames(page) if "message" in frame]


def expect_sent(page, typed, after):
    """Raise Unmet unless these messages, which were typed, are what the page has sent on its last connection."""
    sent = sent_messages(page)
    said = [frame["message"] for frame in sent]
    if said == typed:
        return
    again = next((frame for frame in sent if frame.get("id") is not None and sent.count(frame) > 1), None)
    if len(sent) > len(typed) and again is not None:
        count = {2: "twice", 3: "three times"}.get(sent.count(again), f"{sent.count(again)} times")
        blame(
            page, f"{after}. On one connection, the page sent “{again['message']}” {count} with the same id.", SENT_ONCE
        )
    blame(page, f"{after}, and the page sent {short(said)[1:-1] or 'nothing'}.", SENT_ONCE)


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
        of = f"of {len(said)} messages, " if len(said) > 1 else ""
        what = f"{of}the log doesn't show {len(missing)}: {_some(missing)}"
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
        said = ", ".join(f"“{frame['message']}” with the id {frame['id']}" for frame in frames)
        blame(page, f"The page sent {said}: two messages with the same id.", asked)


def asks_before_closing(page):
    """Close the page. Return whether the browser asks the person first, and they stay."""
    asks = page.evaluate("__page.close()")
    blame_errors(page)
    return asks


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
