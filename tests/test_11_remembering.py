"""Stage 11: what was said before: who comes late gets it, who asks gets more, and the event loop never waits for it."""

import asyncio
import io
import json
import threading
import time
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from stage import TIMEOUT, Standstill, StoodStill, Unmet, expect
from stage.history import (
    CONSUMER,
    HISTORY,
    JOINED,
    ON_ASKING,
    ON_COMING,
    Held,
    InStep,
    Patient,
    apart,
    around_each_query,
    ask,
    close_connections,
    come,
    fill,
    hear_stored,
    let_the_connection_die,
    look_for_models,
    look_for_tables,
    messages_in,
    range_of,
    say,
    short,
    texts,
)
from stage.scripts import blame, blame_errors, browse

FILE = CONSUMER
ROOM = "chat/templates/chat/room.html"
ADMIN = "chat/admin.py"
IN_A_THREAD = (
    "Async code asks the database with the async ORM (async for, aget(), acreate() …), or in a function under "
    "@database_sync_to_async. Both run in another thread."
)
BEFORE = (
    "Before 51 means number__lt, and not number__lte. filter() changes nothing, it returns a new QuerySet: "
    "messages = messages.filter(…)."
)


@pytest.fixture
def no_sleep(request, monkeypatch):
    """No time.sleep() in the event loop takes its time, but in the test that looks for it: hundreds take a minute."""
    sleep, loop_thread = time.sleep, threading.get_ident()
    if request.function is not test_a_slow_database_stops_nobody_else:
        monkeypatch.setattr(
            time, "sleep", lambda seconds: sleep(0 if threading.get_ident() == loop_thread else seconds)
        )


@pytest.fixture
async def person(application, tables, caplog, no_sleep):
    """Return a function that makes a person who connects to a room through the root application."""
    await sync_to_async(look_for_tables)()

    def make(name, room="lobby", served_by=application, **handshake):
        return Patient(name, served_by, f"/ws/chat/{quote(room, safe='')}/", log=caplog.records, **handshake)

    yield make
    await close_connections()


# What comes to whom


async def test_who_comes_late_gets_what_was_said(person):
    """Who comes late gets what was said before, oldest first, even if everybody who said it has left."""
    alice, bob = person("Alice"), person("Bob")
    history = await come(alice)
    expect(
        history == [],
        seen=f"In a room in which nobody has spoken, the history is {short(history)}.",
        asked=ON_COMING,
        file=HISTORY,
    )
    await come(bob)
    await say(alice, "one", alice, bob)
    await say(bob, "two", alice, bob)
    await say(alice, "three", alice, bob)
    await alice.leave()
    await bob.leave()
    history = await come(person("Carol"))
    expect(
        texts(history) == ["one", "two", "three"],
        seen=f"one, two and three were said, and whoever came after that got {short(texts(history))}.",
        asked=ON_COMING,
        file=HISTORY,
    )
    numbers = [message["number"] for message in history]
    expect(
        numbers == [1, 2, 3],
        seen=f"The first three messages of a room have the numbers {short(numbers)}.",
        asked="A message's number is its place in its room: 1, 2, 3…",
        file=HISTORY,
    )


async def test_the_history_is_the_last_twenty(person, pytestconfig):
    """Where much was said, the history is the last 20 messages, oldest first, in a frame of less than 1 MiB."""
    await come(person("Alice"))
    await fill("long", 25)
    history = await come(person("Bob", "long"))
    expect(
        texts(history) == [f"{number}" for number in range(6, 26)],
        seen=f"Of the messages 1 to 25, the history has {range_of(history)}.",
        asked='The last AT_ONCE of them, oldest first: ordered by "-number", cut off after AT_ONCE, then turned round.',
        file=HISTORY,
    )
    await fill("as long as may be", 25, "😀" * 4000)
    carol = person("Carol", "as long as may be")
    await carol.join(asked=JOINED, file=FILE)
    frame = await carol.next_event()
    expect(
        len(frame.get("text") or "") < 2**20,
        seen=f"A history of messages as long as may be is a frame of {len(frame['text']):,} bytes.",
        asked="20 messages at once: many clients take no frame of more than 1 MiB.",
        file=HISTORY,
    )


async def test_paging_back_leads_to_the_first_message(person):
    """Who asks for what was before comes to the first message at last: no hole, nothing twice, and only to them."""
    await come(person("Alice"))
    await fill("long", 45)
    bob, carol = person("Bob", "long"), person("Carol", "long")
    seen = await come(bob)
    await come(carol)
    expect(seen, seen="45 messages were said, and the history is empty.", asked=ON_COMING, file=HISTORY)
    for _ in range(3):
        page = await ask(bob, seen[0]["number"])
        expect(
            len(page) <= 20,
            seen=f"Bob asked for what was before message {seen[0]['number']}, and got {range_of(page)}.",
            asked=ON_ASKING,
            file=HISTORY,
        )
        expect(
            all(message["number"] < seen[0]["number"] for message in page),
            seen=f"Bob asked for what was before message {seen[0]['number']}, and got {range_of(page)}.",
            asked=f"{ON_ASKING} {BEFORE}",
            file=HISTORY,
        )
        seen = page + seen
    expect(
        [message["number"] for message in seen] == list(range(1, 46)),
        seen=f"Of 45 messages, Bob got these, page after page: {short([message['number'] for message in seen])}",
        asked=ON_ASKING,
        file=HISTORY,
    )
    await carol.say("done")
    frame = await carol.hear(after="she said 'done'", asked="Who speaks hears it, too.", file=FILE)
    expect(
        frame.get("message") == "done",
        seen=f"Bob asked for what was before, and Carol, who had asked nothing, got {short(frame)}.",
        asked=f"{ON_ASKING} self.send() sends to one's own client.",
        file=FILE,
    )


async def test_rooms_have_histories_of_their_own(person):
    """A room's history has what was said in this room, and in no other, whatever the rooms are called."""
    rooms = ["lobby", "Lobby", "聊天室", "my room", "café", "cafe"]
    for room in rooms:
        alice = person("Alice", room)
        await come(alice)
        await say(alice, f"said in {room}")
    for room in rooms:
        bob = person("Bob", room)
        for what, messages in {"history": await come(bob), "earlier": await ask(bob, 2)}.items():
            expect(
                texts(messages) == [f"said in {room}"],
                seen=f'In the room {room} the "{what}" is {short(texts(messages))}.',
                asked="Only messages of this room: filter(room__name=room_name). Each room counts its own from 1.",
                file=HISTORY,
            )
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    history = await come(person("Carol", decomposed))
    expect(
        texts(history) == [f"said in {composed}"],
        seen=f"The room café, whose é is typed as two characters, has the history {short(texts(history))}.",
        asked="A room is remembered under the name that clean_name() returns.",
        file=FILE,
    )


async def test_the_history_knows_who_spoke(person, client):
    """A message is remembered with the name of its user, which no frame can forge, or without a name."""
    from django.contrib.auth.models import User

    await sync_to_async(client.force_login)(await User.objects.acreate(username="ada"))
    ada = person("Ada", cookie=f"sessionid={client.cookies['sessionid'].value}")
    stranger = person("Somebody")
    await come(ada)
    await come(stranger)
    await say(ada, "I am Ada", ada, stranger)
    await stranger.send(text=json.dumps({"message": "So am I", "name": "ada"}))
    await stranger.hear(after="they spoke", asked="What they say reaches everyone.", file=FILE)
    history = await come(person("Carol"))
    expect(
        [(message.get("name"), message["message"]) for message in history] == [("ada", "I am Ada"), ("", "So am I")],
        seen=f"ada spoke, then somebody who had not logged in, and the history is {short(history)}.",
        asked='A message\'s name is self.scope["user"].get_username(): "" for somebody who has not logged in.',
        file=FILE,
    )


async def test_what_was_refused_is_not_remembered(person):
    """What nobody got is in no history: neither blank messages nor questions, nor what is too long."""
    alice = person("Alice")
    await come(alice)
    for text in ('{"message": " "}', '{"message": "' + "x" * 4001 + '"}', "no JSON"):
        await alice.send(text=text)
        await alice.hear(after="a bad frame", asked="A bad frame is answered with an error.", file=FILE)
    await ask(alice, 1)
    await say(alice, "<b>good</b> & 好\nyes")
    history = await come(person("Bob"))
    expect(
        texts(history) == ["<b>good</b> & 好\nyes"] and history[0]["number"] == 1,
        seen=f"Alice sent three bad frames, a question and a good message, and the history is {short(history)}.",
        asked="parse_message() comes first. What it returns is remembered, as it is.",
        file=FILE,
    )


NO_NUMBERS = ['"x"', "true", "1.5", "null", "[1]", '{"before": 1}']
ODD_NUMBERS = ["1" + "0" * 30, "-1", "0", "1" * 5000]


async def test_a_question_that_makes_no_sense_is_answered(person):
    """Whatever somebody asks with, there is an answer, in words where it is no number, and the socket lives."""
    asked = 'parse_number() raises Refused if "before" is no whole number.'
    alice = person("Alice")
    await come(alice)
    await say(alice, "one")
    for number, text in enumerate([*NO_NUMBERS, *ODD_NUMBERS], start=2):
        shown = f'{{"before": {text[:20]}}}' + f" ({len(text):,} digits)" * (len(text) > 20)
        await alice.send(text=f'{{"before": {text}}}')
        answer = await alice.hear(after=f"she sent {shown}", asked=asked, file=FILE)
        if text in NO_NUMBERS:
            expect(
                "before" in str(answer.get("error")) and answer.get("frame") == number,
                seen=f"Alice sent {shown}, and got {short(answer)}.",
                asked=f'{asked} The answer is {{"error": "…", "frame": {number}}}.',
                file=HISTORY,
            )
        elif "error" not in answer:
            earlier = texts(messages_in(answer, "earlier", after=f"she sent {shown}", asked=ON_ASKING))
            right = ["one"] if text.startswith("1") else []
            expect(
                earlier == right,
                seen=f"One message was said. Alice sent {shown}, and got {short(earlier)}.",
                asked=f"{ON_ASKING} {BEFORE}",
                file=HISTORY,
            )
    await say(alice, "still here")


# What happens at the same time


@pytest.mark.parametrize("when", ["before", "after"])
async def test_what_is_said_while_somebody_joins_comes_once(person, layer, when):
    """What is said while somebody joins reaches them once, in order, however slow their joining is."""
    alice, bob = person("Alice"), person("Bob")
    await come(alice)
    await say(alice, "one")
    add, here, go_on = layer.group_add, asyncio.Event(), asyncio.Event()

    async def slow_group_add(group, channel):
        if when == "after":
            await add(group, channel)
        if group == "chat_lobby":
            here.set()
            await go_on.wait()
        if when == "before":
            await add(group, channel)

    layer.group_add = slow_group_add
    joining = asyncio.ensure_future(bob.connect())
    await asyncio.wait(
        {asyncio.ensure_future(here.wait()), bob.socket.future}, timeout=TIMEOUT, return_when=asyncio.FIRST_COMPLETED
    )
    expect(
        here.is_set(), seen="Bob connected, and joined no group.", asked="connect() joins the room's group.", file=FILE
    )
    await say(alice, "two")
    go_on.set()
    await joining
    asked = "connect() joins the group first, and reads the history after that."
    after = "Bob had come"
    heard = texts(messages_in(await bob.hear(after=after, asked=asked, file=FILE), "history", after=after, asked=asked))
    await say(alice, "three")
    while "three" not in heard:
        frame = await bob.hear(after="Alice said 'three'", asked=asked, file=FILE)
        heard.append(frame.get("message"))
    where = "joining the group" if when == "before" else "in the group, and had no history yet"
    expect(
        heard.count("two") < 2,
        seen=f'"two" was said while Bob was {where}. He got {short(heard)}: it was in his history, and in his mailbox.',
        asked="chat_msg() skips what was in the history: what has no greater number than the last message there.",
        file=FILE,
    )
    expect(
        heard == ["one", "two", "three"],
        seen=f'"two" was said while Bob was {where}. He got {short(heard)}.',
        asked=f"{asked} What is said in between is in one of the two.",
        file=FILE,
    )


async def test_everybody_at_once_and_each_message_has_its_number(person):
    """When 20 people speak at once, their messages have the numbers 1 to 20, and everyone hears them in this order."""
    people = [person(f"Person {number}") for number in range(20)]
    for each in people:
        await come(each)
    await asyncio.gather(*(each.say(each.name) for each in people))
    asked = (
        "Each message has the number after that of the message before: counting, reading and creating are in one "
        "transaction.atomic(), which works only in code that isn't async."
    )
    for listener in people[:2]:
        try:
            frames = [await hear_stored(listener, after="20 people spoke", asked=asked, file=FILE) for _ in people]
        except Exception as error:
            if isinstance(error, Unmet) and (error.sure or error.file == HISTORY):
                raise
            died = next(
                filter(None, [each.socket.future.exception() for each in people if each.socket.future.done()]), error
            )
            expect(
                "UNIQUE" not in str(died),
                seen=f"20 people spoke at once, and one of them died: {type(died).__name__}: {died}",
                asked=asked,
                file=HISTORY,
            )
            raise died from None
        numbers = [frame.get("number") for frame in frames]
        expect(
            numbers == list(range(1, 21)),
            seen=f"20 people spoke at once, and what {listener.name} heard has the numbers {short(numbers)}.",
            asked=asked,
            file=HISTORY,
        )
    history = await come(person("Late"))
    expect(
        [message["number"] for message in history] == list(range(1, 21)),
        seen=f"20 people spoke at once, and the history has {range_of(history)}.",
        asked=asked,
        file=HISTORY,
    )


async def test_two_servers_never_give_the_same_number(person, application):
    """Two people who speak at once, on two servers with one database, get two numbers, without a hole."""
    asked = (
        'The database counts, in transaction.atomic(): update(last_number=F("last_number") + 1) comes first, and makes '
        "the other one wait. Then the number is read."
    )
    alice = person("Alice", served_by=apart(application))
    bob = person("Bob", served_by=apart(application))
    for each in (alice, bob):
        each.at_least = 4 * TIMEOUT
        await come(each)
    await say(alice, "one", alice, bob)
    async with around_each_query(InStep().query):
        await alice.say("from Alice")
        await bob.say("from Bob")
        try:
            frames = [await alice.hear(after="she and Bob spoke", asked=asked, file=HISTORY, of=bob) for _ in range(2)]
        except Exception as error:
            died = f"{type(error).__name__}: {error}"
            expect(
                "database is locked" not in died and "UNIQUE" not in died and "Integrity" not in died,
                seen=f"Alice and Bob spoke at once, each on a server of their own, and one of them died: {died}",
                asked=asked,
                file=HISTORY,
            )
            raise
    numbers = [frame.get("number") for frame in frames]
    expect(
        numbers == [2, 3],
        seen=f"Two people spoke at once, each on a server of their own. Their numbers are {short(numbers)}.",
        asked=asked,
        file=HISTORY,
    )
    for each in (alice, bob):
        await each.leave()


async def test_a_slow_database_stops_nobody_else(person, pytestconfig):
    """While the database takes its time for one person, the event loop goes on: others are answered."""
    alice, bob, carol = person("Alice"), person("Bob"), person("Carol", "another room")
    await come(alice)
    await come(carol)
    doing = {
        "came": lambda: bob.join(asked=JOINED, file=FILE),
        "asked for what was before": lambda: alice.send(text='{"before": 1}'),
        "said something": lambda: alice.say("hello"),
    }
    for what, do in doing.items():
        held = Held()
        async with around_each_query(held.query):
            with Standstill(pytestconfig.project) as standstill:
                await do()
                await asyncio.to_thread(held.waiting.wait, TIMEOUT)
                await carol.send(text="no JSON, so it needs no database")
                answer = await carol.hear(after=f"somebody in another room {what}", asked=IN_A_THREAD, file=FILE)
            held.let_go()
            if standstill.place:
                raise StoodStill(
                    f"Somebody {what}, and the event loop stood still, in all rooms.\n"
                    "       in {}, line {}: {}".format(*standstill.place),
                    f"Nothing that takes its time runs in the event loop. {IN_A_THREAD}",
                    standstill.place[0],
                )
            expect(
                not held.in_the_loop,
                seen=f"Somebody {what}, and the database was asked in the event loop's own thread: while it takes its "
                "time, nobody in any room hears anything.",
                asked=IN_A_THREAD,
                file=HISTORY,
            )
            expect("error" in answer, seen=f"Carol got {short(answer)}.", asked="An error in words.", file=FILE)
            waiting = bob if what == "came" else alice
            after = f"{waiting.name} {what}, and the database answered"
            await hear_stored(waiting, after=after, asked=ON_COMING, file=FILE)


async def test_a_connection_that_has_died_is_replaced(person):
    """When the database has been restarted, the next question is answered, and the next message remembered."""
    asked = (
        "Before async code asks the database, await aclose_old_connections(): it lets go of a connection that is dead. "
        "database_sync_to_async does so by itself."
    )
    alice = person("Alice")
    await come(alice)
    await say(alice, "one")
    steps = {
        "asked for what was before": lambda: ask(alice, 2),
        "said something": lambda: say(alice, "two"),
        "came": lambda: come(person("Bob")),
    }
    for what, step in steps.items():
        await let_the_connection_die()
        try:
            last = await step()
        except Exception as error:
            expect(
                "closed" not in str(error),
                seen=f"The database was restarted, then somebody {what}, and their consumer died: "
                f"{type(error).__name__}: {error}",
                asked=asked,
                file=HISTORY,
            )
            raise
    expect(
        texts(last) == ["one", "two"],
        seen=f"After a restart of the database the history is {short(texts(last))}.",
        asked="What was said after the restart is remembered, too.",
        file=HISTORY,
    )


# The models and the admin


def test_the_migrations_agree_with_the_models(tables, pytestconfig):
    """`manage.py makemigrations` finds nothing to do: the migrations make the tables that the models describe."""
    from django.core.management import call_command

    look_for_models(pytestconfig.project)
    said = io.StringIO()
    try:
        call_command("makemigrations", "chat", check=True, dry_run=True, no_color=True, stdout=said)
    except SystemExit:
        lines = [line.strip() for line in said.getvalue().splitlines() if line.startswith("    ")]
        expect(
            False,
            seen=f"The models have changed since their last migration: {'; '.join(lines)}.",
            asked='python("manage.py", "makemigrations", "chat") writes the migration that is missing.',
            file="chat/models.py",
        )


def test_the_admin_shows_what_was_said_and_changes_nothing(tables, layer, client, pytestconfig):
    """In the admin everything can be read, markup as text, and nobody can add a message or change one."""
    from django.contrib.auth.models import User

    models = look_for_models(pytestconfig.project)
    room = models.Room.objects.create(name="lobby", last_number=1)
    message = models.Message.objects.create(room=room, number=1, text="<samp>hello</samp>")
    client.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    asked = "@admin.register(Message) on a ModelAdmin, in chat/admin.py."
    listed = client.get("/admin/chat/message/")
    expect(
        listed.status_code == 200,
        seen=f"/admin/chat/message/ answered {listed.status_code}.",
        asked=asked,
        file=ADMIN,
    )
    page = listed.content.decode()
    expect(
        "<samp>" not in page,
        seen="The admin's list has a message's text in it unescaped: the browser takes it for markup.",
        asked="A column shows the text itself, without mark_safe() and format_html(text).",
        file=ADMIN,
    )
    expect(
        "&lt;samp&gt;hello" in page and ">lobby<" in page,
        seen="The admin's list doesn't show a message's text and its room.",
        asked='list_display has "room" and "text".',
        file=ADMIN,
    )
    expect(
        client.get("/admin/chat/message/", {"q": "hello"}).content.decode().count("&lt;samp&gt;hello") == 1,
        seen="A search for hello doesn't find the message with this word.",
        asked='search_fields has "text".',
        file=ADMIN,
    )
    added = client.get("/admin/chat/message/add/")
    expect(
        added.status_code == 403,
        seen=f"The admin's page to add a message answered {added.status_code}. Nobody in the room would hear it.",
        asked="has_add_permission() returns False.",
        file=ADMIN,
    )
    address = f"/admin/chat/message/{message.pk}/change/"
    fields = {"room": room.pk, "number": 1, "name": "ada", "text": "something else"}
    changed = client.post(address, fields)
    message.refresh_from_db()
    expect(
        changed.status_code == 403 and message.text == "<samp>hello</samp>",
        seen=f"A change of a message in the admin was answered with {changed.status_code}, and its text is now "
        f"{message.text!r}.",
        asked="has_change_permission() returns False.",
        file=ADMIN,
    )
    expect(
        client.get(address).status_code == 200,
        seen=f"The admin's page of one message answered {client.get(address).status_code}.",
        asked="What was said can be looked at: has_view_permission() stays as it is.",
        file=ADMIN,
    )


# The page


def said(*numbers):
    return [{"message": f"message {number}.", "name": "", "number": number} for number in numbers]


def log_of(page):
    """Return the numbers of the messages in the log, in its order. A line may begin with a name."""
    lines = (page.text("chat-log") or "").splitlines()
    return [line.rpartition("message ")[2].rstrip(".") for line in lines if line.strip()]


def expect_log_of(page, numbers, after, asked):
    blame_errors(page)
    if log_of(page) != [str(number) for number in numbers]:
        blame(page, f"After {after}, the log has {short((page.text('chat-log') or '').splitlines())}.", asked)


def hidden(page):
    """Whether the button for earlier messages is hidden. Raises Unmet if there is none."""
    if "chat-earlier" not in page.ids():
        blame(page, "The page has no element with the id chat-earlier.", 'A <button id="chat-earlier" type="button">.')
    return page.evaluate('document.querySelector("#chat-earlier").hidden')


PREPEND = "prepend() puts a line for each message before what the log has, in their order."
OLDEST = "oldest is the number of the first message in the log: the button sends {before: oldest}."


@pytest.fixture
def page(tables, client, pytestconfig):
    """The page of the room lobby, with a socket that is open."""
    with browse(client, "/chat/lobby/", pytestconfig.project) as page:
        page.open_socket()
        blame_errors(page)
        yield page


def test_the_page_shows_the_history_and_what_comes_after(page):
    """The page shows the room's history, oldest first, and below it what is said from now on."""
    page.receive(json.dumps({"history": said(3, 4, 5)}))
    expect_log_of(page, [3, 4, 5], "a history of three messages", PREPEND)
    page.receive(json.dumps(*said(6)))
    expect_log_of(page, [3, 4, 5, 6], "a history and one more message", "append() adds it below the others.")


def test_the_page_shows_earlier_messages_above(page):
    """“Show earlier ones” brings what was before, above the rest and in order, until the first message is there."""
    page.receive(json.dumps({"history": said(*range(26, 46))}))
    expect_log_of(page, range(26, 46), "a history of 20 messages", PREPEND)
    page.receive(json.dumps(*said(46)))
    for start, end in ((6, 26), (1, 6)):
        if hidden(page):
            blame(
                page,
                f"The log begins with message {end}, and #chat-earlier is hidden.",
                "The button is hidden only when message 1 is in the log, or nothing earlier has come.",
            )
        page.click("chat-earlier")
        blame_errors(page)
        sent = page.frames[-1]["text"] if page.frames else None
        if sent is None or json.loads(sent) != {"before": end}:
            blame(
                page, f"The log begins with message {end}. A click on #chat-earlier sent {sent or 'nothing'}.", OLDEST
            )
        page.receive(json.dumps({"earlier": said(*range(start, end))}))
        expect_log_of(page, range(start, 47), f"the messages {start} to {end - 1} as earlier ones", PREPEND)
    if not hidden(page):
        blame(page, "Message 1 is in the log, and #chat-earlier can still be seen.", "There, nothing is earlier.")


def test_an_empty_room_has_nothing_earlier(page):
    """In a room in which nobody has spoken the log is empty, and no button offers more."""
    page.receive(json.dumps({"history": []}))
    expect_log_of(page, [], "an empty history", "Nothing is shown where nothing was said.")
    if not hidden(page):
        blame(page, "The history is empty, and #chat-earlier can be seen.", "There, nothing is earlier.")
    page.receive(json.dumps(*said(1)))
    expect_log_of(page, [1], "an empty history and the first message", "append() adds it.")


def test_after_a_lost_connection_nothing_is_shown_twice(page):
    """When the connection was lost and is there again, the history comes again, and nothing is in the log twice."""
    page.receive(json.dumps({"history": said(1, 2)}))
    page.receive(json.dumps(*said(3)))
    page.close_socket()
    page.run_timers(2000)
    page.open_socket()
    page.receive(json.dumps({"history": said(1, 2, 3, 4)}))
    expect_log_of(
        page,
        [1, 2, 3, 4],
        "a history, a message, a lost connection and the history again",
        "Each connection begins with a history: the log is emptied for it.",
    )
    page.receive(json.dumps(*said(5)))
    expect_log_of(page, [1, 2, 3, 4, 5], "one more message", "append() adds it below the others.")


def test_a_question_counts_as_a_frame(page):
    """After a question for earlier messages, an error is still about the right message, which comes back."""
    page.receive(json.dumps({"history": said(*range(26, 46))}))
    expect_log_of(page, range(26, 46), "a history of 20 messages", PREPEND)
    page.click("chat-earlier")
    for text in ("first", "second"):
        page.type(text)
        page.press_enter()
    blame_errors(page)
    frames = [json.loads(frame["text"]) for frame in page.frames]
    asked = "The server counts the questions, too: ask() puts something into sent for each."
    if [frame.get("message") for frame in frames if "typing" not in frame] != [None, "first", "second"]:
        blame(page, f"After a click on #chat-earlier, “first” and “second”, the page has sent {short(frames)}.", asked)
    number = 1 + [frame.get("message") for frame in frames].index("first")
    page.receive(json.dumps({"error": "No.", "frame": number}))
    blame_errors(page)
    back = page.evaluate('document.querySelector("#chat-message-input").value')
    if back != "first":
        blame(
            page,
            f"The page sent a question, “first” and “second”. An error about frame {number} brought back {back!r}.",
            asked,
        )
