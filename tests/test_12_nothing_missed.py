"""Stage 12: whatever is lost on the way, everyone gets every message, in order and once."""

import asyncio
import json
import random

import pytest
from stage import Person, expect
from stage.browser import ROOM
from stage.history import HISTORY, ON_COMING, ask, come, fill, range_of, short, texts
from stage.lost import (
    ACK,
    Line,
    Slow,
    answers,
    ask_for_async_for,
    asks_before_closing,
    enter,
    expect_acknowledged,
    expect_client_id,
    expect_frames,
    expect_ids,
    expect_sent,
    expect_shown,
    fail_to_store,
    said_in,
    sent_frames,
    sent_messages,
    store,
)
from stage.scripts import blame, blame_errors, browse, expect_socket

FILE = "chat/consumers.py"
ONCE = (
    "The database refuses a second message with the same client_id in its room: IntegrityError. Then remember() "
    "returns None, and nothing is sent to the group."
)
OUTBOX = "A message stays in the outbox, with its id, until the server has acknowledged it: {message, id}, then an ack."
AFTER = (
    '{"after": 51} is answered with {"later": […]}: the first 20 messages after 51, oldest first. None: an empty list.'
)
MISSED = (
    "A number greater than newest + 1 shows that something is missing: ask {after: newest}, show what comes, and ask "
    "again until nothing comes."
)
SHOW_ONCE = "A frame whose number is not greater than newest is in the log already. The log is in the order of numbers."


@pytest.fixture
def application(application, pytestconfig):
    expect_client_id(pytestconfig.project)
    return application


@pytest.fixture
def person(application, tables):
    return lambda name, room="lobby": Person(name, application, f"/ws/chat/{room}/")


@pytest.fixture
def open_page(client, tables, pytestconfig):
    """A function that opens the lobby's page, for a `with` statement."""
    return lambda **how: browse(client, "/chat/lobby/", pytestconfig.project, **how)


@pytest.fixture
def page(open_page):
    with open_page() as page:
        expect_socket(page, "lobby", "The socket of the room.")
        yield page


@pytest.fixture
def line(page, application):
    return Line(page, application)


@pytest.fixture
def other_line(open_page, application):
    with open_page() as page:
        yield Line(page, application)


@pytest.fixture
def later_than(pytestconfig):
    """A coroutine function: somebody asks for what was said after the message with this number, and it comes."""

    async def later_than(person, number):
        with ask_for_async_for(pytestconfig.project):
            return await ask(person, number, question="after", answer="later", asked=AFTER)

    return later_than


async def say(person, text, client_id=None):
    """Send a message with this id, or without one."""
    await person.send(text=json.dumps({"message": text} if client_id is None else {"message": text, "id": client_id}))


async def tell(person, *messages):
    """Send messages, each (text, id), and return the frames that this person gets besides the acknowledgements."""
    for message in messages:
        await say(person, *message)
    got = await answers(person)
    acks = [frame["ack"] for frame in got if "ack" in frame]
    wanted = [client_id for _, client_id in messages if client_id is not None]
    sent = ", ".join(f"“{text}” " + (f"with the id {short(id)}" if id else "without an id") for text, id in messages)
    expect(
        acks == wanted,
        seen=f"{person.name} sent {sent}. "
        + (f"The acknowledgements that came: {short(acks)[1:-1]}." if acks else "No acknowledgement came.")
        + (f" {person.name} got {short(got)[1:-1]}." if got and not acks else ""),
        asked=ACK,
        file=FILE,
    )
    return [frame for frame in got if "ack" not in frame]


# What the server does


async def test_only_what_is_stored_is_acknowledged(person):
    """Whoever sends a message with an id gets an acknowledgement, as soon as the message is stored, and not before."""
    alice = person("Alice")
    await come(alice)
    await tell(alice, ("hello", "a-1"))
    stored = "IntegrityError is raised for any value that the table's rules forbid, also for a number that is missing."
    seen = "“hello” was acknowledged, and it isn't stored: stored is"
    expect_frames(await said_in("lobby"), [(1, "hello")], seen=seen, asked=stored, file=HISTORY)
    with fail_to_store() as failure:
        await say(alice, "lost", "a-2")
        try:
            got = (await alice.next_event()).get("text")
        except failure:
            return
    expect(
        False,
        seen=f"The database failed, so that “lost” isn't stored, and Alice got {got}.",
        asked=f"{ACK} An error that nobody foresaw ends the socket, and the page comes back and sends it again.",
        file=FILE,
    )


async def test_a_message_that_is_sent_again_is_stored_and_heard_once(person):
    """The acknowledgement was lost, so a message comes again: it is stored and heard once, and keeps its place."""
    alice, bob = person("Alice"), person("Bob")
    await come(alice)
    await come(bob)
    await say(alice, "hello", "a-1")
    await alice.leave()  # before she has read anything
    heard = await tell(bob, ("between", "b-1"))
    alice = person("Alice")
    await come(alice)
    await tell(alice, ("hello", "a-1"), ("next", "a-2"))
    heard += await answers(bob)
    stored = await said_in("lobby")
    after = "Alice sent “hello”, lost her connection, and sent it again, with the same id."
    for what, found in (("Stored is", stored), ("Bob got", heard)):
        expect(
            texts(found).count("hello") == 1, seen=f"{after} {what} {short(texts(found))}.", asked=ONCE, file=HISTORY
        )
    numbers = (
        "A message that comes again takes no number, and no other's place: what counts is in the transaction that "
    )
    numbers += "is taken back."
    wanted = [(1, "hello"), (2, "between"), (3, "next")]
    after += " Bob had said “between”, and then she said “next”."
    for what, found in (("Stored is", stored), ("Bob got", heard)):
        expect_frames(found, wanted, seen=f"{after} {what}", asked=numbers, file=HISTORY)


async def test_an_id_belongs_to_its_room(person):
    """Two clients in different rooms may give their messages the same id: they don't get in each other's way."""
    for name, room in (("Alice", "lobby"), ("Bob", "kitchen")):
        someone = person(name, room)
        await come(someone)
        await tell(someone, (f"hello {room}", "1"))
        said = texts(await said_in(room))
        expect(
            said == [f"hello {room}"],
            seen=f"{name} said “hello {room}” in the room {room}, with the id “1”, as somebody had in another. "
            f"Stored in that room is {short(said)}.",
            asked='The ids are unique in each room: fields=["room", "client_id"].',
            file="chat/models.py",
        )


async def test_the_same_text_twice_is_two_messages(person):
    """Whoever says “ok” twice has said it twice. A message without an id is as good, and isn't acknowledged."""
    alice, bob = person("Alice"), person("Bob")
    await come(alice)
    await come(bob)
    await tell(alice, ("ok", "a-1"), ("ok", "a-2"), ("ok", None), ("ok", None))
    heard = await answers(bob)
    after = "Alice said “ok” with the id a-1, with a-2, and twice without an id. Bob got"
    asked = "Two messages are the same if their ids are, and only then: None is no id, and the database takes it often."
    expect_frames(heard, [(number, "ok") for number in range(1, 5)], seen=after, asked=asked, file=HISTORY)


NO_IDS = ["", "x" * 65, 5, True, ["a"], {"a": 1}, "\ud83d", "a\0b"]


async def test_what_is_no_id_is_answered_in_words(person):
    """Something that is no valid id is answered with a sentence. Nobody hears the message, and the socket lives."""
    alice = person("Alice")
    await come(alice)
    asked = "parse_id() raises Refused unless the id is a string of 1 to 64 characters that can be printed."
    for number, bad in enumerate(NO_IDS, start=1):
        await say(alice, "hello", bad)
        frame = await alice.hear(after=f"she sent the id {bad!a}", asked=asked, file=FILE)
        expect_error(frame, number, f"Alice sent the id {bad!a}", asked)
    await tell(alice, ("and now a good one", "x" * 64))
    after = "Alice had sent ids that are not valid, and then a good one. Stored is"
    wanted = [(1, "and now a good one")]
    expect_frames(await said_in("lobby"), wanted, seen=after, asked="A refused message is not stored.", file=FILE)


NO_NUMBERS = ["5", 1.5, True, None, [1], {}]


async def test_what_is_no_number_is_answered_in_words(person, later_than):
    """Whoever asks for what came after something that is no whole number is told so. Any whole number will do."""
    alice = person("Alice")
    await come(alice)
    asked = 'parse_number() raises Refused unless "after" is a whole number.'
    for number, bad in enumerate(NO_NUMBERS, start=1):
        frame = {"after": bad}
        await alice.send(text=json.dumps(frame))
        answer = await alice.hear(after=f"she sent {short(frame)}", asked=asked, file=FILE)
        expect_error(answer, number, f"Alice sent {short(frame)}", asked)
    await tell(alice, ("hello", "a-1"))
    for number, wanted in ((0, ["hello"]), (1, []), (-1, ["hello"]), (10**30, []), (-(10**30), ["hello"])):
        later = texts(await later_than(alice, number))
        seen = f"One message, number 1, was said. Alice asked for those after {number}, and got {short(later)}."
        expect(later == wanted, seen=seen, asked=AFTER, file=HISTORY)


def expect_error(frame, number, after, asked):
    right = isinstance(frame, dict) and str(frame.get("error", "")).endswith(".") and frame.get("frame") == number
    asked = f'{asked} The answer is {{"error": a sentence, "frame": {number}}}.'
    expect(right, seen=f"{after}, her frame number {number}, and got {short(frame)}.", asked=asked, file=FILE)


async def test_who_asks_gets_what_came_after_in_pieces(person, later_than):
    """Whoever asks for what came after a message gets at most 20 at a time: the next ones, oldest first."""
    alice = person("Alice")
    await come(alice)
    await fill("lobby", 45)
    await fill("kitchen", 60, "kitchen {}")
    for after, wanted in ((0, range(1, 21)), (20, range(21, 41)), (40, range(41, 46)), (45, ())):
        later = await later_than(alice, after)
        seen = f"45 messages were said. Alice asked for those after {after}, and got {range_of(later)}."
        elsewhere = [text for text in texts(later) if text.startswith("kitchen")]
        seen += f" Some of them are another room's: {short(elsewhere[:3])[1:-1]}…" if elsewhere else ""
        expect([each["number"] for each in later] == list(wanted), seen=seen, asked=AFTER, file=HISTORY)


# What the page does


def test_each_message_has_an_id_of_its_own(open_page):
    """The page gives each message an id that no other has, also where the page comes over plain HTTP."""
    ids = []
    for origin in ("http://localhost:8000", "http://192.168.1.20:8000"):
        with open_page(origin=origin) as page:
            page.evaluate("Math.random = () => 0.5; 0")  # an id that is guessed from it would not be its own
            page.open_socket()
            enter(page, "ok", "ok")
            expect_sent(page, ["ok", "ok"], f"On the page {origin}, “ok” was typed twice")
            sent = sent_messages(page)
            expect_ids(page, sent, asked="Each message is sent as {message, id}: two with the same text have two ids.")
            ids += [frame["id"] for frame in sent]
    if len(set(ids)) < len(ids):
        blame(
            page,
            f"Two pages gave their messages the ids {', '.join(ids)}: two of them are the same, so the server would "
            "take one message for another that came again.",
            "An id from crypto.getRandomValues(): four numbers of 32 bits are the same in no two pages.",
        )


async def test_what_is_not_acknowledged_is_sent_again_in_order(line):
    """After a lost connection, the page sends what wasn't acknowledged, once, and then what was typed meanwhile."""
    page = (await line.connect()).page
    await line.settle()
    enter(page, "a")
    await line.settle()
    expect_acknowledged(line)
    enter(page, "b", "c")
    expect_sent(page, ["a", "b", "c"], "“a”, “b” and “c” were typed")
    before = sent_messages(page)
    await line.cut()
    if page.text("chat-message-input"):
        blame(
            page,
            f"“b” and “c” were sent, and the connection was lost: {page.text('chat-message-input')!r} is in the input "
            "again. If the person sends it, it has another id, and may be said twice.",
            OUTBOX,
        )
    enter(page, "d", "e")
    await line.connect()
    again = sent_messages(page)
    seen = [frame["message"] for frame in again]
    if seen != ["b", "c", "d", "e"]:
        blame(
            page,
            "“a” was acknowledged, “b” and “c” were not, the connection was lost, and “d” and “e” were typed. On the "
            f"next connection the page sent: {', '.join(seen) or 'nothing'}.",
            OUTBOX + " sendAll() sends, in order, what is in the outbox and wasn't sent on this connection.",
        )
    expect_ids(page, again, asked=OUTBOX)
    if [frame["id"] for frame in again[:2]] != [frame.get("id") for frame in before[1:]]:
        blame(
            page,
            f"“b” was sent as {short(before[1])}, and after a lost connection as {short(again[0])}: with another id it "
            "is another message, and is said twice.",
            "A message gets its id once, when it goes into the outbox.",
        )


def number(*numbers):
    """Frames with these numbers, and the texts 1., 2., 3."""
    return [{"message": f"{each}.", "name": "", "number": each} for each in numbers]


def give(page, frame):
    page.receive(json.dumps(frame))
    blame_errors(page)


def test_messages_out_of_order_are_put_in_order(page):
    """Messages may come out of order, twice, or while the page is catching up: the log has them in order, once."""
    page.open_socket()
    give(page, {"history": number(1)})
    for frame in number(1, 4, 3, 1):
        give(page, frame)
    expect_shown(
        page, ["1."], after="Number 1 was in the history. Then came 1, 4, 3 and 1", asked=f"{SHOW_ONCE} {MISSED}"
    )
    asked = sent_frames(page)
    if not asked or any(each != {"after": 1} for each in asked):
        blame(
            page,
            "Number 1 was in the history. Then came 1, 4, 3 and 1, and the page asked: "
            f"{short(asked)[1:-1] or 'nothing'}.",
            f"{MISSED} Here, {{after: 1}}.",
        )
    give(page, {"later": number(2, 3)})
    give(page, number(5)[0])  # live, while the page is catching up
    give(page, {"later": number(4, 5)})
    for frame in number(6, 6, 2):
        give(page, frame)
    after = (
        "The log had number 1. Number 4 came, so the page asked for what is missing. It got 2 and 3. Number 5 came. "
        "The page got 4 and 5. Then came 6, 6 and 2"
    )
    expect_shown(page, [f"{each}." for each in range(1, 7)], after=after, asked=SHOW_ONCE)


async def test_an_error_after_a_question_gives_back_the_right_message(line):
    """The page's questions are frames, too: an error gives back the message that it is about, for good."""
    page = (await line.connect()).page
    give(page, await line.server.hear(after="it came", asked=ON_COMING, file=FILE))
    page.run_timers(20_000)
    enter(page, "good")
    page.evaluate('document.querySelector("#chat-message-input").value = "x".repeat(4001); 0')
    page.press_enter()
    enter(page, "good, too")
    after = "“good”, a message that is too long, and “good, too” were typed"
    expect_sent(page, ["good", "x" * 4001, "good, too"], after)
    frames = await line.up()
    if "after" not in json.loads(frames[0]):
        blame(
            page,
            f"For 20 s nothing came, and the page asked nothing. The first frame that it sent is {frames[0]}.",
            "setInterval(askForMissing, 20000): the very last message may be the one that is missing.",
        )
    await line.down()
    given_back = page.text("chat-message-input")
    if given_back != "x" * 4001:
        blame(
            page,
            "The page sent a question, “good”, a message that is too long, and “good, too”. The server refused its "
            f"frame 3, and the input holds {given_back[:20]!r}.",
            "The server counts each frame, questions too. So they are in `sent`, too.",
        )
    await line.cut()
    await line.connect()
    if any(frame["message"] == "x" * 4001 for frame in sent_messages(page)):
        blame(
            page,
            "The server refused a message, and after the next lost connection the page sent it again.",
            "What is refused leaves the outbox, and goes back into the input.",
        )


# Both


async def before_the_server_had_it(line, layer):
    await line.cut()


async def after_it_was_stored(line, layer):
    """The consumer ends when the message is stored, and hasn't been sent to the group."""
    own, stored = layer.group_send, asyncio.Event()

    async def group_send(group, event):
        stored.set()
        await asyncio.Event().wait()

    layer.group_send = group_send
    await line.up()
    await asyncio.wait({asyncio.ensure_future(stored.wait())}, timeout=Person.patience)
    await line.break_off()
    layer.group_send = own


async def before_the_acknowledgement_arrived(line, layer):
    await line.up()
    await answers(line.server)
    await line.cut()


async def after_the_acknowledgement(line, layer):
    await line.settle()
    expect_acknowledged(line)
    await line.cut()


CUTS = [before_the_server_had_it, after_it_was_stored, before_the_acknowledgement_arrived, after_the_acknowledgement]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.__name__)
async def test_wherever_the_connection_is_cut_a_message_is_shown_once(line, other_line, layer, cut):
    """Wherever the connection is lost, a message is stored once, and is in everybody's log once."""
    await (await line.connect()).settle()
    await (await other_line.connect()).settle()
    enter(line.page, "hello")
    expect_sent(line.page, ["hello"], "“hello” was typed")
    expect_ids(line.page, sent_messages(line.page), asked=OUTBOX)
    await cut(line, layer)
    how = f"“hello” was sent, and the connection was lost {cut.__name__.replace('_', ' ')}"
    for again in (1, 2):
        await line.connect()
        sent = [frame["message"] for frame in sent_messages(line.page)]
        wanted = ["hello"] if again == 1 and cut is not after_the_acknowledgement else []
        if sent != wanted:
            blame(
                line.page,
                f"{how}. On the {'next' if again == 1 else 'second'} connection after that the page sent: "
                f"{', '.join(sent) or 'nothing'}.",
                OUTBOX,
            )
        await line.settle()
        expect_acknowledged(line)
        if again == 1:
            await line.cut()
    for each in (line, other_line):
        each.page.run_timers(20_000)
        await each.settle()
    expect_shown(line.page, ["hello"], after=f"{how}. On the sender's page", asked=OUTBOX)
    expect_shown(other_line.page, ["hello"], after=f"{how}. On another page, 20 s later", asked=MISSED)
    expect_frames(await said_in("lobby"), [(1, "hello")], seen=f"{how}. Stored is", asked=ONCE, file=HISTORY)


@pytest.mark.parametrize("count", [1, 20, 21, 45])
async def test_what_was_said_while_away_comes_in_order_and_once(line, person, count):
    """Others spoke while the page had no connection: when it is back, it shows exactly what it missed."""
    bob = person("Bob")
    await come(bob)
    await tell(bob, ("before", "b-0"))
    await (await line.connect()).settle()
    await line.cut()
    said = ["before", *(f"{number}." for number in range(1, count + 1))]
    await store("lobby", said[1:])
    after = f"The page lost its connection, {count} message{'s were' if count > 1 else ' was'} said, and it is back"
    await line.connect()
    await line.down()
    await line.up()  # it may have asked, and then it loses the connection once more
    await line.cut()
    line.page.run_timers(45_000)  # an attempt to connect may take longer than the 20 s after which it asks anyway
    await line.connect()
    await line.settle()
    expect_shown(
        line.page, said, after=after, asked=f"{MISSED} A question that was lost with its connection is asked anew."
    )
    await tell(bob, ("live", "b-live"))
    await line.settle()
    expect_shown(line.page, [*said, "live"], after=f"{after}. Then “live” was said", asked=SHOW_ONCE)


@pytest.mark.parametrize("more", [True, False], ids=["a later number shows it", "nothing comes after it"])
async def test_what_a_full_mailbox_has_lost_is_fetched(page, person, layer, application, more):
    """A message that found a mailbox full is no error: the page sees that it is missing, and fetches it."""
    slow = Slow(application)
    layer.capacity = 1
    line = await Line(page, slow).connect()
    layer.capacity = 100
    await line.settle()
    alice = person("Alice")
    await come(alice)
    slow.stand_still()
    asked = "MailboxesFull is suppressed: a hole in the numbers tells those who missed it."
    for number in range(1, 5):
        await say(alice, f"{number}.", f"a-{number}")
        got = await answers(alice)
        errors = [frame["error"] for frame in got if "error" in frame]
        seen = f"Somebody is slow. Alice said “{number}.”, and got the error: {''.join(errors)}"
        expect(not errors, seen=seen, asked=asked, file=FILE)
        seen = f"Somebody is slow. Alice said “{number}.” with an id, and no acknowledgement came: {short(got)}."
        expect({"ack": f"a-{number}"} in got, seen=seen, asked=ACK, file=FILE)
    slow.go_on()
    await line.down()
    said = ["1.", "2.", "3.", "4."]
    expect(
        "4." not in page.text("chat-log"),
        seen="Somebody read nothing for a while. Their mailbox takes one message, and yet none of four was lost.",
        asked="A mailbox is a queue that takes `capacity` messages.",
        file="chat/layers.py",
    )
    if more:
        await tell(alice, ("5.", "a-5"))
        said += ["5."]
    else:
        page.run_timers(20_000)
    await line.settle()
    after = "1 to 4 were said, and a full mailbox lost the last of them. " + (
        "Then came number 5" if more else "20 s have passed"
    )
    asked = (
        MISSED if more else "setInterval(askForMissing, 20000): the very last message may be the one that is missing."
    )
    expect_shown(page, said, after=after, asked=asked)


async def test_what_the_admin_has_deleted_is_not_waited_for(line, person):
    """In the admin, messages were deleted: the page gets what is left, and doesn't ask for the rest again and again."""
    from chat.models import Message

    bob = person("Bob")
    await come(bob)
    await tell(bob, ("1.", "b-1"))
    await (await line.connect()).settle()
    await line.cut()
    await store("lobby", [f"{number}." for number in range(2, 31)])
    deleted = (2, 3, 9, 28, 29)
    await Message.objects.filter(number__in=deleted).adelete()
    left = [f"{number}." for number in range(1, 31) if number not in deleted]
    await (await line.connect()).settle()
    after = "The page was away while 2 to 30 were said, and 2, 3, 9, 28 and 29 were deleted"
    expect_shown(line.page, left, after=after, asked=MISSED)
    await tell(bob, ("31.", "b-31"))
    await Message.objects.filter(number=31).adelete()
    await tell(bob, ("32.", "b-32"))
    await line.settle()
    expect_shown(line.page, [*left, "31.", "32."], after=f"{after}. Then came 31 and 32", asked=SHOW_ONCE)


async def delete_the_last():
    """the last message was deleted"""
    from chat.models import Message

    last = await Message.objects.order_by("-number").afirst()
    await last.adelete()
    return texts(await said_in("lobby"))


async def delete_the_room():
    """the room was deleted"""
    from chat.models import Room

    await Room.objects.filter(name="lobby").adelete()
    return []


async def make_the_room_anew():
    """the room was deleted, and somebody said “new” in a new one of its name"""
    await delete_the_room()
    await store("lobby", ["new"])
    return ["new"]


async def test_a_history_that_ends_earlier_begins_the_log_anew(line, person):
    """The page was away, and the room's last message was deleted, or the room was made anew: so is the log."""
    asked = "A history whose last number is less than newest: the log begins anew with it, and newest is that number."
    bob = person("Bob")
    await come(bob)
    await store("lobby", ["1.", "2.", "3."])
    for change in (delete_the_last, make_the_room_anew, delete_the_room):
        await (await line.connect()).settle()
        before = short(texts(await said_in("lobby")))[1:-1]
        await line.cut()
        said = await change()
        after = f"The log had {before}. While the page was away, {change.__doc__}"
        await (await line.connect()).settle()
        expect_shown(line.page, said, after=after, asked=asked)
        await tell(bob, ("live", change.__name__))
        await line.settle()
        expect_shown(line.page, [*said, "live"], after=f"{after}. Then “live” was said", asked=asked)
        await line.cut()


async def test_who_closes_the_page_too_early_is_asked(line):
    """Whoever closes the page while the outbox isn't empty is asked first, and nobody else is."""
    page = (await line.connect()).page

    def expect_asking(wanted, after):
        if asks_before_closing(page) != wanted:
            seen = f"{after}. Then the page was closed: the browser {'did not ask' if wanted else 'asked'} first."
            asked = "onbeforeunload calls event.preventDefault() if there is something in the outbox, and only then."
            blame(page, seen, asked)

    await line.settle()
    page.type("h")
    expect_asking(False, "A message was begun and not sent")
    page.type("ello")
    page.press_enter()
    expect_sent(page, ["hello"], "“hello” was typed")
    expect_asking(True, "“hello” was sent, and the server hadn't acknowledged it yet")
    await line.cut()
    expect_asking(True, "“hello” was sent, and the connection was lost")
    await (await line.connect()).settle()
    expect_acknowledged(line)
    expect_asking(False, "“hello” was acknowledged")


async def test_cut_at_random_nothing_is_missed(line, other_line, person):
    """Two people talk over connections that are cut again and again: in the end both logs have all of it, once."""
    lines, said = (line, other_line), []
    for seed in (1, 2):
        chance = random.Random(seed)
        for _ in range(40):
            each = chance.choice(lines)
            if each.server is None:
                if chance.random() < 0.5:
                    await each.connect()
            what = chance.choice(["type", "type", "up", "one up", "down", "down", "cut", "break off", "time"])
            if what == "type":
                said.append(f"{len(said)}.")
                enter(each.page, said[-1])
            elif what == "time":
                each.page.run_timers(chance.choice([300, 7000, 21_000]))
            elif each.server is None:
                continue
            elif what == "up":
                await each.up()
            elif what == "one up":
                await each.up(1)
            elif what == "down":
                await each.down()
            elif what == "cut":
                await each.cut()
            elif what == "break off":
                for _ in range(chance.randrange(20)):
                    await asyncio.sleep(0)
                await each.break_off()
        for _ in range(2):
            for each in lines:
                if each.server is None:
                    await each.connect()
                await each.settle()
                each.page.run_timers(20_000)
        stored = texts(await said_in("lobby"))
        after = f"{len(said)} messages were typed into two pages, whose connections were cut at random"
        lost = [text for text in said if text not in stored]
        twice = [text for text in said if stored.count(text) > 1]
        expect(not lost, seen=f"{after}. Of these, {len(lost)} were never stored.", asked=OUTBOX, file=ROOM)
        expect(not twice, seen=f"{after}. Of these, {len(twice)} were stored more than once.", asked=ONCE, file=HISTORY)
        for each in lines:
            expect_shown(each.page, stored, after=after, asked=f"{MISSED} {SHOW_ONCE}")
