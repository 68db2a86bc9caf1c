"""Stage 14: who is here, in which of all processes, and who is typing; and nobody is said to be here who has gone."""

import asyncio
import contextlib
import json

import pytest
from channels.exceptions import ChannelFull
from stage import TIMEOUT, Unmet, expect
from stage.accounts import Account, note_sent, show_said
from stage.history import JOINED, apart, around_each_query, close_connections, short
from stage.presence import (
    ABOUT,
    CONSUMER,
    IN_TURN,
    ON_COMING,
    PASSED_ON,
    PRESENCE,
    PROBE,
    SOON,
    HeldList,
    Window,
    channels_in,
    expect_row,
    expect_told,
    explain_beat,
    held_while_there,
    leave_page,
    look_for_presence,
    make_row,
    open_page,
    pass_time,
    readers_stop_no_writers,
    stop_clock,
    told,
    was_sent,
)
from stage.scripts import blame, blame_errors

pytestmark = pytest.mark.usefixtures("quick_passwords")
FILE = CONSUMER
TOLD = 'After it has come, a window tells its room {"here": [its key, its name]}.'
GONE = 'leave() first deletes this window\'s row, and then tells the room {"gone": its key}.'
COUNTS = "Only rows that were last seen at oldest() or later: filter(room_name=…, seen_at__gte=oldest())."
SHARED = "who_is_here() reads the rows in the database, which all processes share."
LISTED = 'Of each name: "ada" for one window, "ada (2 windows)" for two, "(not logged in)" in place of "".'


@pytest.fixture
def beats(django, monkeypatch):
    """Return a function that sets how many seconds there are between two beats."""
    from chat import consumers, presence

    def beats(seconds):
        for module in (presence, consumers):
            monkeypatch.setattr(module, "BEAT", seconds, raising=False)

    return beats


@pytest.fixture
def here(tables, layer, pytestconfig):
    """The project, with the tables for who is here."""
    look_for_presence(pytestconfig.project)


@pytest.fixture
def ada(here):
    return Account("ada")


@pytest.fixture
async def window(here, layer, application, caplog):
    """Return a function that makes a window of somebody's, with their account or without one."""
    note_sent(layer)
    windows = []

    def make(name, account=None, room="lobby", served_by=application):
        cookie = account and account.cookie
        windows.append(Window(name, served_by, f"/ws/chat/{room}/", log=caplog.records, cookie=cookie))
        return windows[-1]

    yield make
    for each in windows:
        each.socket.future.cancel()
        await asyncio.wait({each.socket.future})
    await close_connections()


# Who is here


async def test_whoever_comes_gets_a_list_of_all_who_are_here(window, ada):
    """Whoever comes learns who is here: one entry for each window in the room, the first one first, and no other."""
    for name, account, room in (("Eve", None, "kitchen"), ("Ada", ada, "lobby"), ("Bob", None, "lobby")):
        await window(name, account, room).come()
    carol = await window("Carol", ada).come()
    seen = "ada came, then somebody who isn't logged in, then ada in another window. That window's list has the names"
    asked = f"{ON_COMING} who_is_here() has the room's rows, ordered by their keys."
    expect(carol.names() == ["ada", "", "ada"], seen=f"{seen} {short(carol.names())}.", asked=asked, file=PRESENCE)


async def test_everyone_hears_who_comes_and_who_goes(window, layer, ada):
    """Everyone in the room hears who comes and who goes, as it happens, and nobody in another room does."""
    bob, eve = await window("Bob").come(), await window("Eve", room="kitchen").come()
    own = await window("Ada", ada).come()
    frames = await bob.heard("Ada came")
    after = f"Ada came, with the key {own.key}"
    expect_told(bob, frames, {"here": [own.key, "ada"]}, layer, after=after, asked=TOLD, sent_in="connect")
    with noting_too_early(layer, own.key) as too_early:
        await own.leave()
    frames = await bob.heard("Ada had gone")
    after = f"Ada, with the key {own.key}, had gone"
    expect_told(bob, frames, {"gone": own.key}, layer, after=after, asked=GONE, sent_in="leave")
    expect(len(frames) == 1, seen=f"{after}, and Bob got {told(frames)}.", asked=GONE, file=FILE)
    expect(
        not too_early,
        seen="As everyone was told that Ada had gone, her row was still there: it is in the list of whoever comes at "
        "that moment, and nobody tells them.",
        asked=GONE,
        file=FILE,
    )
    frames = await eve.heard("Ada came and went in another room")
    seen = f"Ada came and went in the lobby, and Eve, in the kitchen, got {told(frames)}."
    expect(not frames, seen=seen, asked="Who is in a room is told to the group of that room.", file=FILE)


@contextlib.contextmanager
def noting_too_early(layer, key):
    """For a `with` statement: a list with what is sent to groups about this key's window while its row is there."""
    from chat.models import Presence

    noted, group_send = [], layer.group_send

    async def look_and_send(group, event):
        if await Presence.objects.filter(pk=key).aexists():
            noted.append(event)
        await group_send(group, event)

    layer.group_send = look_and_send
    try:
        yield noted
    finally:
        layer.group_send = group_send


async def test_whoever_closes_one_of_two_windows_is_still_here(window, ada):
    """Whoever has two windows and closes one is still here, for everyone, and gone when the other closes too."""
    asked = (
        "Each window has a row of its own: come() makes one, Presence.objects.create(…), and go() deletes only that."
    )
    first, bob = await window("Ada's first window", ada).come(), await window("Bob").come()
    second = await window("Ada's second window", ada).come()
    await first.leave()
    carol = await window("Carol").come()
    for each in (bob, carol):
        await each.heard("Ada had closed one of her two windows")
        seen = f"ada had two windows and closed one. The people that {each.name} knows of are {short(each.names())}."
        count = each.names().count("ada")
        if count == 0 and "ada" not in carol.names():
            raise Unmet(seen, asked, PRESENCE)
        expect(count == 1, seen=seen, asked=GONE if count else TOLD, file=FILE)
    await second.leave()
    for each in (bob, carol):
        await each.heard("Ada had closed both windows")
        seen = f"ada closed both windows. The people that {each.name} knows of are {short(each.names())}."
        expect("ada" not in each.names(), seen=seen, asked=GONE, file=FILE)


async def break_off(bob, channel, layer):
    """Bob's connection broke"""
    await bob.socket.send_input({"type": "websocket.disconnect", "code": 1006})


async def raise_an_error(bob, channel, layer):
    """a handler of Bob's consumer raised an error"""
    await layer.send(channel, {"type": "no.such.handler"})


async def stop(bob, channel, layer):
    """the server ended Bob's consumer"""
    bob.socket.future.cancel()


@pytest.mark.parametrize("end", [break_off, raise_an_error, stop], ids=lambda end: end.__name__)
async def test_however_a_socket_ends_nobody_stays_as_a_ghost(window, layer, end):
    """However somebody's socket ends, even by an error, everyone hears that they have gone, and their row goes."""
    asked = f"leave() runs however a socket ends, and disconnect() does not. {GONE}"
    ada = await window("Ada").come()
    others = channels_in(layer)
    bob = await window("Bob").come()
    await ada.heard("Bob came")
    channels = [channel for channel in layer.groups["chat_lobby"] if channel not in others]
    await end(bob, channels[0], layer)
    expect(await bob.ends(), seen=f"{end.__doc__}, and it goes on.", asked=asked, file=FILE)
    if not bob.socket.future.cancelled():
        bob.socket.future.exception()  # it was raised on purpose
    frames = await ada.heard(end.__doc__)
    seen = f"{end.__doc__[0].upper()}{end.__doc__[1:]}"
    expect_told(ada, frames, {"gone": bob.key}, layer, after=seen, asked=asked, sent_in="leave")
    carol = await window("Carol").come()
    expect(bob.key not in carol.people, seen=f"{seen}, and in Carol's list he is here.", asked=asked, file=FILE)


async def test_a_beat_ends_with_its_socket(window):
    """After a socket has ended, none of its tasks goes on: otherwise each visit would leave a beat that never ends."""
    before = asyncio.all_tasks()
    bob = await window("Bob").come()
    await break_off(bob, None, None)
    expect(await bob.ends(), seen="Bob broke off, and his consumer goes on.", asked=GONE, file=FILE)
    await asyncio.sleep(0)  # a task that was cancelled ends with the loop's next turn
    left = [task for task in asyncio.all_tasks() - before if not task.done()]
    names = ", ".join(sorted({task.get_coro().__qualname__ for task in left}))
    expect(
        not left,
        seen=f"Bob's socket has ended, and {names} goes on.",
        asked="leave() cancels what connect() has started: self.beating.cancel()",
        file=FILE,
    )


# What is true with two processes, and after a crash


async def test_a_row_that_nobody_renews_does_not_count_and_is_deleted(window, beats):
    """A process that dies leaves its rows: after FORGET seconds they don't count, and the next beat deletes them."""
    from chat.models import Presence
    from chat.presence import FORGET

    old = {room: await make_row("dead", seconds_ago=FORGET + 5, room=room) for room in ("lobby", "kitchen")}
    late, elsewhere = await make_row("late", seconds_ago=FORGET - 5), await make_row("elsewhere", room="kitchen")
    beats(1000)
    carol = await window("Carol").come()
    rows = f"One row was last seen {FORGET + 5} s ago, and one {FORGET - 5} s ago"
    seen = f"{rows}. The names in the list of whoever came are {short(carol.names())}."
    expect(old["lobby"] not in carol.people, seen=seen, asked=COUNTS, file=PRESENCE)
    expect(late in carol.people, seen=seen, asked=f"{SHARED} {COUNTS}", file=PRESENCE)
    beats(SOON)
    ada = await window("Ada").come()
    await ada.after_a_beat("two rows were old")

    async def left():
        return {row.pk async for row in Presence.objects.all()}

    async def problem():
        there = await left()
        return next((room for room, key in old.items() if key in there), None)

    asked = "stay() deletes the rows of all rooms that were last seen before oldest(): seen_at__lt=oldest()."
    room = await problem()
    if room:
        where = "its room" if room == "lobby" else "another room"
        seen = f"A row was last seen {FORGET + 5} s ago. After a beat of somebody in {where}, it is still there."
        raise await explain_beat(ada, "", problem, seen=seen, asked=asked)
    there = await left()
    gone = [
        what for key, what in ((late, "the other one"), (elsewhere, "a new one of another room")) if key not in there
    ]
    seen = f"{rows}. A beat of somebody in their room deleted {' and '.join(gone)}, too."
    expect(not gone, seen=seen, asked=asked, file=PRESENCE)


async def test_who_is_here_in_another_process_is_here(window, beats):
    """Whoever is served by another process is here, too: in the list of whoever comes, and after a beat in all."""
    from chat.models import Presence

    beats(1000)
    key = await make_row("bob")
    carol = await window("Carol").come()
    seen = "Another process made a row for bob in this room."
    came = f"{seen} The list of whoever came after that has no such key: {short(carol.names())}."
    expect(key in carol.people, seen=came, asked=SHARED, file=PRESENCE)
    beats(SOON)
    ada = await window("Ada").come()
    key = await make_row("bob")
    listed = await ada.after_a_beat("another process had made a row for bob")
    seen += f" After a beat, Ada's list is {short(listed)}."
    there = await Presence.objects.filter(pk=key).aexists()
    asked = SHARED if there else "stay() deletes only rows that were last seen before oldest()."
    expect([key, "bob"] in listed, seen=seen, asked=asked, file=PRESENCE)


@pytest.mark.parametrize("what", ["was old", "was deleted"])
async def test_whoever_stays_is_here_as_long_as_they_stay(window, beats, ada, what):
    """Each beat renews the window's row, and makes it anew where somebody has deleted it: whoever stays is here."""
    from chat.models import Presence
    from chat.presence import who_is_here
    from django.utils import timezone

    beats(1000)
    bob = await window("Bob").come()
    beats(SOON)
    own = await window("Ada", ada).come()
    row = Presence.objects.filter(pk=own.key)
    if what == "was old":
        await row.aupdate(seen_at=timezone.now() - timezone.timedelta(seconds=50))
    else:
        await row.adelete()
    listed = await own.after_a_beat(f"her row {what}")
    await expect_row(own, "ada", after=f"Ada's row {what}")
    asked, file = "beat() calls stay(), and reads the list after that.", FILE
    if own.key not in dict(await who_is_here("lobby")):
        asked, file = COUNTS, PRESENCE
    expect(own.key in dict(listed), seen=f"Ada's own list is {short(listed)}.", asked=asked, file=file)
    expect(
        bob.key in dict(listed), seen=f"Bob is here, and Ada's list is {short(listed)}.", asked=COUNTS, file=PRESENCE
    )


@pytest.mark.parametrize("when", ["comes", "beats"])
async def test_a_list_never_overtakes_what_was_told_before(window, layer, application, beats, when):
    """Whoever comes while a list is on its way is known to whom it is for: a list never takes back what came later."""
    beats(SOON if when == "beats" else 1000)
    held, ada = HeldList(), window("Ada", served_by=apart(application))
    ada.at_least = 4 * TIMEOUT
    async with readers_stop_no_writers(), around_each_query(held.query), held_while_there(held, ada):
        if when == "beats":
            await ada.come()
        held.catch()
        joining = asyncio.ensure_future(ada.join(asked=JOINED, file=FILE) if when == "comes" else asyncio.sleep(0))
        await asyncio.to_thread(held.caught.wait, 2 * TIMEOUT)
        beats(1000)  # no list may put right what this one gets wrong
        bob = await window("Bob").come()
        held.let_go()
        await joining
        while_what = f"Bob came while the list that Ada gets when she {when} was on its way"
        listed = await ada.next_list(while_what, ON_COMING, "connect" if when == "comes" else "beat")
        await ada.heard(while_what)
        after = "before Bob was told" if bob.key in dict(listed) else "without Bob"
        seen = f"{while_what}. It was read {after}, and after all that came Ada's window doesn't know of Bob."
        asked = IN_TURN if was_sent(layer, {"here": [bob.key, ""]}) else TOLD
        expect(bob.key in ada.people, seen=seen, asked=asked, file=FILE)


async def test_a_full_mailbox_keeps_nobody_out(window, layer):
    """Where somebody is too far behind to hear who comes and goes, others come and go all the same."""
    asked = "tell() suppresses MailboxesFull: whoever misses it sees the whole list after the next beat."
    ada = await window("Ada").come()
    capacity, layer.capacity = layer.capacity, 1
    for group in list(layer.groups):
        await layer.group_add(group, "somebody-who-reads-nothing")
    await layer.send("somebody-who-reads-nothing", {"type": "chat_msg", "message": "This mailbox is full now."})
    layer.capacity = capacity
    bob = window("Bob")
    try:
        await bob.come()
    except Unmet as unmet:
        raise Unmet(f"A mailbox in the room was full, and Bob came. {unmet.seen}", asked, FILE) from None
    await ada.heard("Bob came into a room with a full mailbox in it")
    await bob.leave()
    frames = await ada.heard("Bob left a room with a full mailbox in it")
    seen = f"A mailbox in the room was full, Bob left, and Ada got {told(frames)}."
    expect({"gone": bob.key} in frames, seen=seen, asked=asked, file=FILE)


async def test_a_beat_that_found_the_mailbox_full_is_not_the_last(window, layer, beats):
    """A window whose mailbox was full for a moment goes on: its next beat comes, and so it stays here."""
    send, refused = layer.send, []

    async def full_once(channel, event):
        if not refused:
            refused.append(event)
            raise ChannelFull
        await send(channel, event)

    layer.send = full_once
    beats(SOON)
    ada = await window("Ada").come()
    asked = "beat_regularly() suppresses ChannelFull: after the next pause comes another beat."
    await ada.next_list(f"her mailbox was full at the first beat, and BEAT was {SOON} s", asked, "beat")


# Who is typing


async def test_the_others_hear_that_somebody_is_typing(window, layer, ada):
    """Everyone else in the room hears that somebody is typing, and in which window, and nobody in another room."""
    own, bob, eve = (
        await window("Ada", ada).come(),
        await window("Bob").come(),
        await window("Eve", room="attic").come(),
    )
    await own.heard("Bob came")
    await own.send(text='{"typing": true}')
    after = f"Ada, whose window has the key {own.key}, was typing"
    for each, wanted in ((own, []), (bob, [{"typing": own.key}]), (eve, [])):
        frames = await own.heard("Ada was typing") if each is own else await each.heard("Ada was typing")
        for frame in wanted:
            asked = "receive() asks is_typing(), and tells the room."
            expect_told(each, frames, frame, layer, after=after, asked=asked, sent_in="receive")
        where = ", in another room," if each is eve else " herself" if each is own else ""
        seen = f"{after}, and {each.name}{where} got {told(frames)}."
        expect(frames == wanted, seen=seen, asked=PASSED_ON, file=FILE)


async def test_typing_is_no_message(window, layer):
    """That somebody is typing is said to nobody as a message, answered with no error, and remembered nowhere."""
    asked = "receive() asks is_typing() first, tells the room, and returns: the frame isn't a message."
    ada, bob = await window("Ada").come(), await window("Bob").come()
    await ada.send(text='{"typing": true}')
    for each in (ada, bob):
        await each.heard("Ada was typing")
        others = [frame for frame in each.got if {"history", *ABOUT}.isdisjoint(frame) and not is_probe(frame)]
        seen = f"Ada was typing, and {each.name} got {short(others)[1:-1]}."
        expect(not others, seen=seen, asked=asked, file=FILE)
    after = f"Ada, whose window has the key {ada.key}, was typing"
    expect_told(bob, bob.got, {"typing": ada.key}, layer, after=after, asked=asked, sent_in="receive")
    kept = [text for text in await remembered() if PROBE not in text]
    expect(not kept, seen=f"Ada was typing, and remembered is {short(kept)[1:-1]}.", asked=asked, file=FILE)


def is_probe(frame):
    return PROBE in str(frame.get("message"))


async def remembered():
    """Return the texts of all messages that the chat has stored: none, where it stores none."""
    from chat import models

    return [each.text async for each in models.Message.objects.all()] if hasattr(models, "Message") else []


FORGED = ['{"typing": %d}', '{"here": [%d, "ada"]}', '{"gone": %d}', '{"people": [[%d, "ada"]]}', '{"typing": "%d"}']


async def test_nobody_can_say_of_others_that_they_type_or_have_gone(window, layer):
    """A client tells only of itself: a frame with another window's key in it tells nobody anything about that one."""
    asked = "The key in what is told is self.key, and never one from a client's frame."
    ada, bob, eve = await window("Ada").come(), await window("Bob").come(), await window("Eve").come()
    await bob.send(text='{"typing": true}')
    frames = await eve.heard("Bob was typing")
    after = f"Bob, whose window has the key {bob.key}, was typing"
    expect_told(eve, frames, {"typing": bob.key}, layer, after=after, asked=asked, sent_in="receive")
    for form in FORGED:
        await bob.send(text=form % ada.key)
        await bob.heard(f"he sent {form % ada.key}")
        frames = [frame for frame in await eve.heard(f"Bob sent {form % ada.key}") if frame != {"typing": bob.key}]
        seen = f"Ada's window has the key {ada.key}. Bob sent {form % ada.key}, and Eve got {told(frames)}."
        expect(not frames, seen=seen, asked=asked, file=FILE)


# The page


@pytest.fixture
def page(here, pytestconfig, ada):
    """The page of the room lobby, as ada has it, with a socket that is open and a clock that stands still."""
    with open_page(ada.browser, pytestconfig.project) as page:
        stop_clock(page)
        yield page


def give(page, *frames):
    for frame in frames:
        page.receive(json.dumps(frame))
    blame_errors(page)


def expect_shown(page, element, wanted, after, asked):
    if (page.text(element) or "").strip() != wanted:
        blame(page, f"{after}, and #{element} shows {page.text(element)!r}.", f"It shows {wanted!r}. {asked}")


def test_the_page_shows_each_name_once_with_its_windows(page):
    """The page shows each name once, with the number of its windows, and follows whoever comes and goes."""
    give(page, {"people": [[3, "ada"], [5, "bob"], [6, ""], [8, "ada"]]})
    after = "The list has windows of ada, bob, somebody who isn't logged in, and ada again"
    expect_shown(page, "chat-people", "Here: ada (2 windows), bob, (not logged in)", after, LISTED)
    give(page, {"here": [9, "bob"]}, {"here": [10, "carol"]}, {"here": [10, "carol"]}, {"gone": 8}, {"gone": 777})
    after += ". Then came bob and, told twice, carol; one of ada's windows went, and one that nobody knew"
    expect_shown(page, "chat-people", "Here: ada, bob (2 windows), (not logged in), carol", after, LISTED)
    give(page, {"people": [[3, "ada"]]})
    asked = "A list takes the place of all that was known: somebody may have gone without a word."
    expect_shown(page, "chat-people", "Here: ada", f"{after}. Then came a list with ada alone", asked)
    if page.text("chat-log"):
        blame(page, f"Frames about people came, and the log shows {page.text('chat-log')!r}.", "They aren't messages.")


def test_the_page_shows_twenty_names_at_most(page):
    """In a full room the page shows twenty names, and how many more there are."""
    for count, more in ((20, ""), (21, " and 1 more"), (200, " and 180 more")):
        give(page, {"people": [[number, f"p{number % count}"] for number in range(1000)]})
        names = [f"p{number} ({len(range(number, 1000, count))} windows)" for number in range(20)]
        expect_shown(page, "chat-people", f"Here: {', '.join(names)}{more}", f"{count} people are here", LISTED)


def test_a_name_is_text_wherever_it_is_shown(page):
    """A name that looks like markup, or like a property of objects, is shown as it is."""
    names = ["<img src=x onerror=alert(1)>", "a&amp;b", "constructor", "__proto__"]
    give(page, {"people": [[number, name] for number, name in enumerate(names, start=1)]})
    asked = "A name goes into the page as textContent, as show() does, and into a Map, which has no names of its own."
    expect_shown(page, "chat-people", f"Here: {', '.join(names)}", "Four people with odd names are here", asked)
    give(page, *({"typing": number} for number in range(1, 5)))
    expect_shown(page, "chat-typing", f"{', '.join(names)} are typing…", "All four of them are typing", asked)


def test_typing_is_shown_until_it_ends(page):
    """The page shows who is typing until they have spoken, have gone, or have typed nothing for four seconds."""
    give(page, {"people": [[1, "ada"], [2, "bob"], [3, "carol"], [4, "ada"], [5, "bob"]]})

    def expect_typing(wanted, after, asked):
        expect_shown(page, "chat-typing", wanted, after, asked)

    ends = "showPeople() runs again and again while somebody is typing, and looks at the clock: four seconds."
    give(page, {"typing": 2})
    expect_typing("bob is typing…", "bob is typing", "The name of the window's key.")
    pass_time(page, 3000)
    give(page, {"typing": 2})
    pass_time(page, 3000)
    expect_typing("bob is typing…", "bob was typing, and 3 s later still. 3 more seconds have passed", ends)
    pass_time(page, 2000)
    expect_typing("", "bob was typing, and 5 s have passed", ends)
    give(page, {"typing": 2}, {"typing": 5}, {"typing": 3})
    expect_typing("bob, carol are typing…", "bob, in two windows, and carol are typing", "Each name once.")
    show_said(page, {"message": "hello", "name": "bob"})
    blame_errors(page)
    expect_typing(
        "carol is typing…", "bob and carol were typing, and bob spoke", "Whoever has spoken isn't typing any more."
    )
    give(page, {"gone": 3})
    expect_typing("", "carol was typing, and has gone", "Whoever has gone isn't typing any more.")
    give(page, {"typing": 4})
    own = "Nobody is told that they are typing themselves, in another window: userName is their name."
    expect_typing("", "This page is ada's, and she is typing in another window", own)


def typing_frames(page):
    return [frame for frame in page.frames if json.loads(frame["text"]) == {"typing": True}]


def test_the_page_tells_that_somebody_is_typing(page):
    """While somebody types, the page tells so at once, and then every two seconds at most."""
    asked = 'input.oninput sends {"typing": true}, unless it did so less than two seconds ago.'

    def expect_told(times, after):
        if len(typing_frames(page)) != times:
            sent = short([frame["text"] for frame in page.frames])[1:-1] or "nothing"
            blame(page, f"{after}, and the page has sent {sent}.", asked)

    expect_told(0, "Nothing was typed")
    page.type("a quick sentence")
    blame_errors(page)
    expect_told(1, "A sentence was typed within a moment")
    pass_time(page, 2500)
    page.type(".")
    expect_told(2, "A sentence was typed, and its full stop 2.5 s later")
    page.close_socket()
    pass_time(page, 200)
    page.type("!")
    blame_errors(page)
    expect_told(2, "The connection was lost, and something more was typed")


def test_an_error_after_typing_gives_back_the_right_message(page):
    """The server counts what tells of typing among a page's frames: an error is still about the right message."""
    for text in ("first", "second"):
        page.type(text)
        page.press_enter()
        pass_time(page, 2500)
    frames = [json.loads(frame["text"]) for frame in page.frames]
    sent = short([frame.get("message", frame) for frame in frames])
    said = [frame["message"] for frame in frames if "message" in frame]
    if said != ["first", "second"] or not typing_frames(page):
        blame(
            page, f"“first” and “second” were typed, and the page sent {sent}.", "The page tells that somebody types."
        )
    number = 1 + [frame.get("message") for frame in frames].index("first")
    give(page, {"error": "No.", "frame": number})
    back = page.evaluate('document.querySelector("#chat-message-input").value')
    if back != "first":
        blame(
            page,
            f"The page sent {sent}. An error about its frame {number}, “first”, brought back {back!r}.",
            "For each frame that tells of typing, something goes into sent: sent.push({answered: true}).",
        )


def test_without_a_connection_nobody_is_shown(page):
    """When the connection is lost, the page shows nobody, since nobody tells it any more, until the next list."""
    give(page, {"people": [[1, "ada"], [2, "bob"]]}, {"typing": 2})
    expect_shown(page, "chat-people", "Here: ada, bob", "ada and bob are here", LISTED)
    page.close_socket()
    blame_errors(page)
    for element in ("chat-people", "chat-typing"):
        asked = "onclose empties people, and shows that."
        expect_shown(page, element, "", "ada and bob were here, bob typing, and the connection was lost", asked)
    page.run_timers(2000)
    page.open_socket()
    give(page, {"people": [[7, "ada"]]})
    expect_shown(page, "chat-people", "Here: ada", "The connection came back, with a list of ada alone", LISTED)


def test_a_page_that_is_left_is_left_by_its_socket_too(page):
    """Whoever leaves the page by a link is gone, even if the browser keeps it for “back”, and comes back with it."""
    asked = "window.onpagehide = () => socket.close(): a page that is kept would go on being here."
    leave_page(page)
    blame_errors(page)
    if page.sockets[-1]["closed"] is None:
        blame(page, "The page was left by a link, and its socket stayed open.", asked)
    page.close_socket()
    page.run_timers(2000)
    if len(page.sockets) != 2:
        blame(
            page,
            f"The page was left, and somebody came back to it. It opened {len(page.sockets) - 1} sockets then.",
            "onclose connects again.",
        )
