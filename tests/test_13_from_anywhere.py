"""Stage 13: notices, which a room or one person gets from a view, a task, a signal and a command."""

import asyncio
import contextlib
import gc
import io
import json
import socket
import time
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from stage import Person, Unmet, expect, run_python
from stage.accounts import PASSWORD, Account, enter, in_words, note_sent, show_said
from stage.code import tell_place
from stage.notices import (
    ANNOUNCE,
    ANOTHER_LAYER,
    BEHIND,
    COMMAND,
    CONSUMER,
    KEPT,
    NOTICES,
    REMINDED_LATER,
    REMINDER,
    SALT,
    SIGNALS,
    TO_THE_ROOM,
    TO_THE_USER,
    TOLD_AT_THE_LOGIN,
    TOLD_BY_THE_VIEW,
    VIEWS,
    LongSleeps,
    at_once,
    delay_other_loops,
    events_with,
    expect_at_once,
    expect_command,
    expect_none,
    expect_notice,
    expect_status,
    explain_reminder_lost,
    in_javascript,
    request,
    serving,
    sign,
    tell,
)
from stage.scripts import blame, blame_errors, browse, expect_socket

pytestmark = pytest.mark.usefixtures("quick_passwords")
FILE = NOTICES

TEXT = "The lesson ends in five minutes."
ROOMS = {"lobby": "lobby", "聊天室": "聊天室", "a room with spaces": " a  room with spaces "}


@pytest.fixture
def layer(layer):
    """The project's channel layer. layer.sent is a list of what was sent to its groups."""
    note_sent(layer)
    return layer


@pytest.fixture
def ada(tables, layer):
    return Account("ada")


@pytest.fixture
def bob(tables, layer):
    return Account("bob")


@pytest.fixture
def person(application, caplog):
    """Return a function that makes a person who connects to a room, with an account's cookie or without."""

    def make(name, account=None, room="lobby"):
        path, cookie = f"/ws/chat/{quote(room, safe='')}/", account.cookie if account else None
        return Person(name, application, path, log=caplog.records, cookie=cookie)

    return make


@pytest.fixture
def browser(tables):
    """A browser in which nobody has logged in, and which looks at forms as strictly as a server does."""
    from django.test import Client

    return Client(SERVER_NAME="localhost", enforce_csrf_checks=True)


# To a room, to one person


@pytest.mark.parametrize("room", ROOMS)
async def test_everyone_in_a_room_gets_its_notice(person, layer, ada, room):
    """What the code tells a room, everyone there gets, logged in or not, and nobody in another room."""
    there = [person("Ada", ada, room), person("Eve", None, room)]
    elsewhere = person("Ada's other window", ada, "elsewhere")
    await enter(*there, elsewhere)
    after = f"tell_room({ROOMS[room]!r}, …)"
    await tell(ROOMS[room], TEXT)
    await expect_notice(there, room, TEXT, layer, after=after, asked=TO_THE_ROOM)
    await expect_none([elsewhere], after=after, asked=TO_THE_ROOM, file=NOTICES)


async def test_one_person_gets_a_notice_in_all_their_windows(person, layer, ada, bob):
    """What the code tells one person, they get in each of their windows, in whichever rooms, and nobody else gets."""
    own = [person("Ada", ada), person("Ada's other window", ada, "聊天室")]
    others = [person("Bob", bob), person("Eve"), person("Bob's other window", bob, "聊天室")]
    await enter(*own, *others)
    await tell(ada, TEXT)
    await expect_notice(own, ada, TEXT, layer, after="tell_user() for ada", asked=TO_THE_USER)
    await expect_none(others, after="tell_user() for ada", asked=TO_THE_USER, file=NOTICES)


async def test_nobody_can_send_a_notice_by_their_socket(person, layer, ada):
    """A notice is the server's: whatever a client sends, nobody gets it as a notice."""
    own, other = person("Ada", ada), person("Mallory")
    await enter(own, other)
    await tell("lobby", TEXT)
    await expect_notice([own, other], "lobby", TEXT, layer, after="tell_room('lobby', …)", asked=TO_THE_ROOM)
    asked = "The event in receive() is made of the message and the name, and of nothing else that the client has sent."
    for forged in ({"notice": "forged"}, {"message": "hello", "notice": "forged", "type": "notice", "text": "forged"}):
        await other.send(text=json.dumps(forged))
    if await own.hear(after="Mallory said hello", asked=asked, file=CONSUMER) is not None:
        await expect_none([own, other], after="Mallory sent a frame with a notice", asked=asked, file=CONSUMER)


# From a view, and from a command in another process


async def test_an_announcement_reaches_its_room_at_once(person, layer, browser, ada):
    """A view that isn't async tells a room, and everyone there gets it at once, not when something else happens."""
    people, elsewhere = [person("Ada", ada), person("Eve")], person("Ada's other window", ada, "elsewhere")
    await enter(*people, elsewhere)
    delay_other_loops(layer)
    after = f"POST {ANNOUNCE}"
    response = await request(browser, ANNOUNCE, notice=sign("lobby", TEXT))
    expect_status(response, [200], of=f"{after} with a signed notice", asked=TOLD_BY_THE_VIEW)
    await expect_at_once(people[0], 0.3, after=after, asked=BEHIND, file=VIEWS)
    await expect_notice(
        people, "lobby", TEXT, layer, after=after, asked=TOLD_BY_THE_VIEW, file=VIEWS, function="announce"
    )
    await expect_none([elsewhere], after=after, asked=TOLD_BY_THE_VIEW, file=VIEWS)


def forge(kind, monkeypatch):
    """Return a notice that nobody with the SECRET_KEY has signed just now, of this kind."""
    now, good = time.time, sign("lobby", TEXT)
    if kind == "one that is two minutes old":
        with monkeypatch.context() as earlier:
            earlier.setattr(time, "time", lambda: now() - 120)
            return sign("lobby", TEXT)
    return {
        "one that was changed": f"{good[:-1]}{'A' if good[-1] != 'A' else 'B'}",
        "one signed with another key": sign("lobby", TEXT, key="guessed"),
        "one signed for something else": sign("lobby", TEXT, salt="chat.tokens"),
        "one that nobody signed": json.dumps({"room": "lobby", "text": TEXT}),
        "none": "",
    }[kind]


FORGED = ["one that was changed", "one signed with another key", "one signed for something else"]
FORGED += ["one that nobody signed", "one that is two minutes old", "none"]


async def test_an_announcement_that_the_server_has_not_signed_is_refused(person, layer, browser, monkeypatch):
    """Whoever doesn't have the SECRET_KEY tells nobody anything: forged and old notices are refused."""
    asked = f'The view tells only what signing.loads(…, salt="{SALT}", max_age=60) returns.'
    eve = person("Eve")
    await enter(eve)
    await request(browser, ANNOUNCE, notice=sign("lobby", TEXT))
    after = f"POST {ANNOUNCE} with a signed notice"
    await expect_notice(
        [eve], "lobby", TEXT, layer, after=after, asked=TOLD_BY_THE_VIEW, file=VIEWS, function="announce"
    )
    for kind in FORGED:
        response = await request(browser, ANNOUNCE, notice=forge(kind, monkeypatch))
        expect_status(response, [400, 403], of=f"A notice to announce, {kind},", asked=asked)
        await expect_none([eve], after=f"a notice to announce, {kind},", asked=asked, file=VIEWS)


async def test_an_announcement_for_no_room_says_why(browser, layer):
    """Where no room can have the name, nobody is told, and whoever announces reads why."""
    asked = "tell_room() calls clean_name(), and the view answers Refused with 400 and the reason."
    response = await request(browser, ANNOUNCE, notice=sign("a/b", TEXT))
    expect_status(response, [400], of="A signed notice for the room a/b", asked=asked, file=NOTICES)
    expect(
        "slash" in response.content.decode(),
        seen=f"A signed notice for the room a/b was answered {response.content.decode()!r}.",
        asked=asked,
        file=VIEWS,
    )


async def test_a_command_in_another_process_reaches_a_room(person, layer, application, browser, pytestconfig):
    """`manage.py announce` runs in a process of its own, and everyone in the room gets its notice from the server."""
    expect_command(pytestconfig.project)
    there, elsewhere, project = person("Eve", None, "聊天室"), person("Bob"), pytestconfig.project
    await enter(there, elsewhere)
    async with serving(application) as server:
        done, guessed = await asyncio.gather(
            announce(project, "聊天室", TEXT, server), announce(project, "lobby", TEXT, server, "guessed")
        )
    if done.returncode != 0:
        response = await request(browser, ANNOUNCE, notice=sign("聊天室", TEXT))
        expect_status(response, [200], of=f"POST {ANNOUNCE} with a signed notice", asked=TOLD_BY_THE_VIEW)
    expect(
        done.returncode == 0,
        seen=f"manage.py announce 聊天室 … ended with {done.returncode}. It says: {last_line(done)}",
        asked='The command signs {"room": room, "text": text} with the view\'s salt, and sends it to the server.',
        file=COMMAND,
    )
    reached = events_with(TEXT, layer)  # the server has been asked then
    asked, file = (TOLD_BY_THE_VIEW, VIEWS) if reached else (ANOTHER_LAYER, COMMAND)
    after = f"manage.py announce 聊天室 …, which says “{done.stdout.strip()}”"
    await expect_notice([there], "聊天室", TEXT, layer, after=after, asked=asked, file=file)
    expect(
        guessed.returncode != 0 and "Traceback" not in guessed.stderr,
        seen=f"With another SECRET_KEY, manage.py announce lobby … ended with {guessed.returncode}. It says: "
        f"{last_line(guessed) if guessed.returncode else guessed.stdout.strip()}",
        asked="The command fails, with a CommandError that says what the server has answered.",
        file=COMMAND,
    )
    asked = f'The view tells only the room for which signing.loads(…, salt="{SALT}", max_age=60) returns a notice.'
    after = "manage.py announce lobby …, with another SECRET_KEY"
    await expect_none([elsewhere], after=after, asked=asked, file=VIEWS)


async def announce(project, room, text, server, key=None):
    """Run `manage.py announce` in another process, while this event loop goes on."""
    command = ["manage.py", "announce", room, text, "--server", server]
    return await asyncio.to_thread(run_python, project, *command, **({"DJANGO_SECRET_KEY": key} if key else {}))


def last_line(done):
    """Return the last line that a command has printed about what went wrong, but for Django's advice."""
    lines = [line for line in done.stderr.strip().splitlines() if not line.startswith("Type 'manage.py help")]
    return (lines or ["nothing"])[-1]


def test_a_command_that_finds_no_server_says_so(layer, pytestconfig):
    """Where no server answers, the command fails, with a sentence that says where it has asked."""
    from django.core.management import CommandError, call_command

    expect_command(pytestconfig.project)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = f"127.0.0.1:{listener.getsockname()[1]}"
    said = None
    try:
        call_command("announce", "lobby", TEXT, server=nowhere, stdout=io.StringIO())
    except CommandError as error:
        said = f"{error}"
    expect(
        not layer.sent,
        seen="manage.py announce, where no server runs, sent its notice to the channel layer of its own process.",
        asked=ANOTHER_LAYER,
        file=COMMAND,
    )
    expect(
        said and nowhere in said,
        seen=f"manage.py announce lobby … --server {nowhere}, where nobody listens, said {said or 'that all was well'}",
        asked="The command fails, with a CommandError that says where nobody has answered.",
        file=COMMAND,
    )


# From a task: reminders


async def test_a_reminder_comes_in_all_windows_and_the_answer_before(person, layer, ada, bob, caplog, monkeypatch):
    """Whoever wants to be reminded is answered at once, and reminded later, in all their windows, and nobody else."""
    own, others = [person("Ada", ada), person("Ada's other window", ada, "聊天室")], [person("Bob", bob), person("Eve")]
    await enter(*own, *others)
    delay_other_loops(layer)
    sleeps, of = LongSleeps(monkeypatch), f"POST {REMINDER}"
    coroutine = request(ada.browser, REMINDER, seconds="1", text="tea")
    response = await at_once(coroutine, sleeps, of=of, asked=REMINDED_LATER)
    expect_status(response, range(200, 300), of=f"{of} with seconds=1", asked=REMINDED_LATER)
    await expect_none(own, after=f"{of}, before the time was over,", asked=KEPT, file=NOTICES)
    gc.collect()
    expect(
        not sleeps.lost,
        seen="The task that waits to remind ada has vanished: nobody held it, and it was collected as garbage.",
        asked=KEPT,
        file=NOTICES,
    )
    sleeps.wake()
    after = f"the time that ada had asked for with {of}"
    await expect_at_once(own[0], 0.3 if sleeps.sleepers else 1.5, after=after, asked=BEHIND, file=NOTICES)
    asked = "The view awaits remind_later(), and gives it the user's key (pk), the seconds as a number, and the text."
    how = {"after": after, "asked": asked, "file": VIEWS, "log": caplog.records, "function": "reminder"}
    try:
        await expect_notice(own, ada, "tea", layer, **how)
    except Unmet as unmet:
        raise await explain_reminder_lost(unmet, ada, layer) from None
    await expect_none(others, after=after, asked=TO_THE_USER, file=NOTICES)
    expect(
        not done_reminders(),
        seen="ada has been reminded, and `reminders` still holds the task that did it: the set only ever grows.",
        asked=KEPT,
        file=NOTICES,
    )


def done_reminders():
    """Return the tasks in `reminders` that are done."""
    from chat import notices

    return [each for each in getattr(notices, "reminders", ()) if isinstance(each, asyncio.Task) and each.done()]


async def test_only_whoever_is_logged_in_is_reminded(person, layer, browser, ada):
    """A visitor without an account gets no reminder, and a foreign page makes none for somebody who has one."""
    from django.test import Client

    eve, own = person("Eve"), person("Ada", ada)
    await enter(eve, own)
    form = {"seconds": "0", "text": "tea"}
    visitor = Client(SERVER_NAME="localhost")
    asked = "@login_required: all visitors have the same key, None, and so the same group."
    response = await request(visitor, REMINDER, **form)
    expect_status(response, [302, 401, 403], of=f"Not logged in, POST {REMINDER}", asked=asked)
    await expect_none([eve], after=f"a visitor sent POST {REMINDER}", asked=asked, file=VIEWS)
    browser.cookies = ada.browser.cookies
    asked = "Only the page's own forms: no @csrf_exempt where the cookie tells who is asking."
    response = await request(browser, REMINDER, **form)
    expect_status(response, [403], of=f"With ada's cookie and without a form's token, POST {REMINDER}", asked=asked)
    await expect_none([own], after="a foreign page sent ada's cookie", asked=asked, file=VIEWS)


@pytest.mark.parametrize("seconds", ["", "-1", "1e3", "²", "86401", "9" * 5000], ids=lambda text: text[:5] or "nothing")
async def test_a_time_that_is_none_is_refused(ada, seconds):
    """What is no number of seconds, or more than a day, is refused, and the server goes on."""
    asked = "The view answers 400 unless the seconds are the digits of a number up to MAX_SECONDS."
    response = await request(ada.browser, REMINDER, seconds=seconds, text="tea")
    expect_status(response, [400], of=f"POST {REMINDER} with seconds={seconds[:9]}", asked=asked)


# From a signal: somebody has logged in


async def log_in(account):
    """Log in at another window, with the password. Returns the response."""
    from django.test import Client

    browser = Client(SERVER_NAME="localhost")
    with in_words():
        return await request(browser, "/accounts/login/", username=account.name, password=PASSWORD)


async def test_whoever_logs_in_is_told_so_in_their_other_windows(person, layer, ada, bob, caplog):
    """When somebody logs in, all their windows that are open tell them so, and nobody else's."""
    own, others = [person("Ada", ada), person("Ada's other window", ada, "聊天室")], [person("Bob", bob), person("Eve")]
    await enter(*own, *others)
    layer.sent.clear()
    after = "ada logged in at another window"
    await log_in(ada)
    await expect_notice(own, ada, "", layer, after=after, asked=TOLD_AT_THE_LOGIN, file=SIGNALS, log=caplog.records)
    await expect_none(others, after=after, asked=TO_THE_USER, file=NOTICES)


async def test_a_login_goes_on_when_the_layer_fails(layer, ada, caplog, monkeypatch):
    """Whoever logs in while the channel layer can't be reached is logged in, and the log says what went wrong."""
    tried = []

    async def fail(group, event):
        tried.append(group)
        raise ConnectionError("The layer can't be reached.")

    monkeypatch.setattr(layer, "group_send", fail)
    try:
        status = f"was answered {(await log_in(ada)).status_code}"
    except ConnectionError:
        status = "failed, with the layer's own ConnectionError"
    expect(
        status == "was answered 302",
        seen=f"While the layer couldn't be reached, a login {status}.",
        asked="on_commit(…, robust=True): if the function fails, Django logs it, and the login goes on.",
        file=SIGNALS,
    )
    expect(tried, seen="ada logged in, and nothing was sent to a group.", asked=TOLD_AT_THE_LOGIN, file=SIGNALS)
    expect(
        any(record.levelname == "ERROR" and record.exc_info for record in caplog.records),
        seen="The layer couldn't be reached when ada logged in, and the log says nothing of it.",
        asked="on_commit(…, robust=True) logs the error. Nothing else catches it.",
        file=SIGNALS,
    )


class Undone(Exception):
    """What undoes a transaction here."""


async def test_a_login_that_was_undone_is_told_to_nobody(person, layer, ada, caplog):
    """A notice goes out once the database holds the login for good, and not if that is undone."""
    from django.db import transaction
    from django.test import Client

    def log_in(undo):
        with contextlib.suppress(Undone), in_words(), transaction.atomic():
            Client(SERVER_NAME="localhost").force_login(ada.user)
            if undo:
                raise Undone

    own = person("Ada", ada)
    await enter(own)
    await sync_to_async(log_in)(undo=True)
    asked = "transaction.on_commit() takes a function, and calls it once the database holds the change for good."
    await expect_none([own], after="a login of ada's that the database has undone", asked=asked, file=SIGNALS)
    layer.sent.clear()
    await sync_to_async(log_in)(undo=False)
    after = "a login of ada's in a transaction"
    await expect_notice([own], ada, "", layer, after=after, asked=TOLD_AT_THE_LOGIN, file=SIGNALS, log=caplog.records)


# On the page


def test_the_page_shows_a_notice_as_text_and_outside_of_the_log(client, tables, pytestconfig):
    """The page shows a notice in #chat-notice, as text whatever is in it, and never as if somebody had said it."""
    asked = 'If "notice" in frame: show("#chat-notice", frame.notice), and then return.'
    with in_javascript(), browse(client, "/chat/lobby/", pytestconfig.project) as page:
        expect_socket(page, "lobby", "The socket of the room.")
        page.open_socket()
        show_said(page)
        before = page.text("chat-log") or ""
        for notice in (TEXT, "<samp>tea</samp> & <b>milk</b>", ""):
            page.receive(json.dumps({"notice": notice}))
            if page.errors and "message" in page.errors[0].code:
                error = page.errors[0]
                seen = f"The notice “{notice}” arrived, and the script raises {error}"
                seen += tell_place(error.file, error.line, error.code)
                blame(page, seen, f"A notice has no message, even if its text is empty. {asked}", error.file)
            blame_errors(page)
            seen = f"The notice “{notice}” arrived, and #chat-notice"
            if page.evaluate('document.querySelectorAll("samp").length'):
                blame(page, f"{seen} has an element <samp> now.", "textContent, as in show(): never innerHTML.")
            if page.text("chat-notice") is None:
                blame(page, f"{seen} is not on the page.", 'The page has <p id="chat-notice" role="status"></p>.')
            if page.text("chat-notice") != notice:
                blame(page, f"{seen} shows {page.text('chat-notice')!r}.", asked)
        if (page.text("chat-log") or "") != before:
            blame(page, f"A notice arrived, and the log shows {page.text('chat-log')!r}.", asked)
        page.receive(json.dumps({"message": "hello", "name": "eve", "number": 1}))
        blame_errors(page)
        if "hello" not in (page.text("chat-log") or "") or "hello" in page.text("chat-notice"):
            blame(page, "eve said hello after a notice, and the log doesn't show it.", asked)
