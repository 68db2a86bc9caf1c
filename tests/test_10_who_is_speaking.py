"""Stage 10: a name that can't be forged, a room for members only, a token, and sockets that end with their user."""

import asyncio
import contextlib
import re
import threading
import time
from urllib.parse import quote, urlsplit

import pytest
from asgiref.sync import sync_to_async
from stage import Page, Person, Unmet, expect
from stage.accounts import (
    FOR_MEMBERS,
    JOINED,
    LOGGED_OUT,
    MEMBERS_ONLY,
    NAMED,
    PASSWORD,
    PEOPLE,
    SIGNALS,
    TOKENS,
    Account,
    TokenBearer,
    ask,
    enter,
    expect_end,
    expect_kept,
    expect_name,
    expect_open,
    expect_right_entry,
    expect_right_rules,
    get_token,
    in_words,
    note_sent,
    show_said,
)
from stage.people import project_file
from stage.scripts import blame, blame_errors, browse, expect_socket

pytestmark = pytest.mark.usefixtures("quick_passwords")
FILE = "chat/consumers.py"
VIEWS = "chat/views.py"
URLS = "tutorial/urls.py"
TOKEN_AUTH = "tutorial/token_auth.py"
ROOM = "chat/templates/chat/room.html"

LOBBY = "/chat/lobby/"
MARK = "▸"  # begins each message in the log


@pytest.fixture
def layer(layer):
    """The project's channel layer. layer.sent is a list of what was sent to its groups."""
    note_sent(layer)
    return layer


@pytest.fixture
def staff(tables, layer):
    """A group that the admin keeps, and so a room for its members."""
    from django.contrib.auth.models import Group

    return Group.objects.create(name=MEMBERS_ONLY)


@pytest.fixture
def ada(staff):
    """A member of the staff."""
    return Account("ada", staff)


@pytest.fixture
def bob(staff):
    """Somebody with an account, in no group. No group of a channel layer can be called as he is."""
    return Account("bob@example.org")


@pytest.fixture
def person(application, caplog):
    """Return a function that makes a person who connects to a room, with an account's cookie or a token or neither."""

    def make(name, account=None, room="lobby", token=None, **handshake):
        path = f"/ws/chat/{quote(room, safe='')}/"
        handshake |= {"log": caplog.records, "cookie": account.cookie if account else None}
        if token is None:
            return Person(name, application, path, **handshake)
        return TokenBearer(name, application, path, token, **handshake)

    return make


def expect_line(log, *, of, asked, file):
    """Raise Unmet unless the log has one line for a refused socket, without a traceback."""
    lines = [record.getMessage() for record in log if record.levelname in ("WARNING", "ERROR")]
    expect(
        len(lines) == 1 and not log[-1].exc_info,
        seen=f"{of} was refused, and the log has {lines or 'no line'}.",
        asked=asked,
        file=project_file(log[-1].pathname, file) if lines else file,
    )


# Names


async def test_everyone_sees_who_is_speaking(person, ada, bob):
    """Everyone in the room sees the name with which the speaker has logged in, and no name if they haven't."""
    people = [person("Ada", ada), person("Bob", bob), person("Eve")]
    await enter(*people)
    for speaker, name in zip(people, ("ada", "bob@example.org", ""), strict=True):
        why = f", logged in as {name}" if name else ", not logged in"
        await expect_name(speaker, name, people, why=why, asked=NAMED)


async def test_nobody_can_speak_under_another_name(person, ada, bob):
    """A name that a client sends along is nobody's name: everyone sees who has really spoken."""
    asked = 'The name comes from self.scope["user"], and from nothing that the client has sent.'
    forged = '{"message": "hello", "name": "ada", "user": "ada", "username": "ada", "type": "log_out"}'
    listener = person("Ada", ada)
    await enter(listener)
    for speaker, name in ((person("Bob", bob), "bob@example.org"), (person("Eve"), "")):
        await enter(speaker)
        why = f' with the frame {{"message": "hello", "name": "ada", …}} as {name or "nobody"}'
        await expect_name(speaker, name, [listener], why=why, asked=asked, text=forged)


def test_nobody_can_forge_a_line_on_the_page(client, staff, pytestconfig):
    """The page shows one line for each message, with its speaker: no message looks like another person's."""

    @contextlib.contextmanager
    def shown(*frames):
        with browse_lobby(client, pytestconfig.project) as page:
            page.open_socket()
            show_said(page, *frames)
            blame_errors(page)
            yield page, page.text("chat-log") or ""

    adas = {"message": "hello", "name": "ada"}
    with shown(adas) as (page, log):
        line = log.rstrip("\n")
        seen = f"ada said “hello”, and the log shows {line!r}."
        if "ada" not in line or not line.endswith("hello"):
            blame(page, seen, "lineOf(frame) returns the name and the message: `${frame.name}: ${frame.message}`.")
        if not line.startswith(MARK):
            blame(page, seen, f"Each message in the log begins with MARK, “{MARK}”.")
    nobodys = 'In place of the name stand words that are nobody\'s name: frame.name || "(not logged in)".'
    with shown({"message": "hello", "name": ""}) as (page, log):
        before, after = line.split("ada", 1)
        place = log.rstrip("\n").removeprefix(before).removesuffix(after)
        # Where the name would be, there is nothing, or what somebody may be called.
        if log.rstrip("\n") == before + place + after and re.fullmatch(r"[\w.@+-]*", place):
            blame(page, f"Somebody who isn't logged in said “hello”, and the log shows {log!r}.", nobodys)
    said = line.removeprefix(MARK).strip()
    with shown(adas, {"message": said, "name": ""}) as (page, log):
        if len(log.splitlines()) != 2 or log.splitlines()[1] == line:
            seen = f"ada said “hello”, somebody who isn't logged in said “{said}”, and the log shows {log!r}."
            blame(page, seen, nobodys)
    for sign, what in SIGNS.items():
        with shown({"message": f"hello{sign}ada: I give up{sign}ada: really", "name": "eve"}) as (page, log):
            if len(log.splitlines()) != 1 or "ada: really" not in log:
                blame(
                    page,
                    f"eve said “hello”, {what}, “ada: I give up”, {what} and “ada: really” in one message, and the log "
                    f"shows {log!r}.",
                    "A message's line breaks, LINE_BREAKS, are replaced by something that stays on the line.",
                )
    with shown({"message": f"hello {MARK} ada: I give up {MARK} ada: really", "name": "eve"}) as (page, log):
        if log.count(MARK) != 1:
            blame(
                page,
                f"eve said “hello {MARK} ada: I give up {MARK} ada: really” in one message, and the log shows {log!r}: "
                "where it wraps, it may look like another message.",
                f"LINE_BREAKS finds “{MARK}” in a message, too, and something else takes its place.",
            )


SIGNS = {"\n": "a line feed", "\r\n": "CR and LF", "\r": "a CR", "\u2028": "a line separator"}


@contextlib.contextmanager
def browse_lobby(client, project):
    """The page of a room that everyone may enter, in a Browser. Raises Unmet if somebody may not."""
    expect_lobby(client.get(LOBBY))
    with browse(client, LOBBY, project) as page:
        yield page


def expect_lobby(response):
    """Raise Unmet unless this is the page of a room for which the admin has no group."""
    if response.status_code != 200:
        expect_right_entry()
    expect(
        response.status_code == 200,
        seen=f"The page of the room “lobby” answered {response.status_code}.",
        asked=JOINED,
        file=VIEWS,
    )


# Logging in, and rooms for members only


async def test_whoever_logs_in_comes_back_to_the_room_and_is_named_there(staff, ada):
    """From the room's page one logs in and comes back, the page says as whom, and its button logs out again."""
    from django.test import Client

    browser = Client(SERVER_NAME="localhost", enforce_csrf_checks=True)
    page = await ask(browser, "get", LOBBY)
    await sync_to_async(expect_lobby)(page)
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="([^"]*login[^"]*)"', page.content.decode())]
    expect(
        any("next=" in link for link in links),
        seen=f"Not logged in, the room's page has {links or 'no link'} where a link to log in belongs.",
        asked="A link to {% url 'login' %}, with the room's own path as ?next=….",
        file=ROOM,
    )
    form = await ask(browser, "get", links[0])
    expect(
        form.status_code == 200,
        seen=f"{links[0]} answered {form.status_code}.",
        asked='path("accounts/login/", LoginView.as_view(), name="login"), with Django\'s own LoginView.',
        file=URLS,
    )
    wrong = await send_form(browser, links[0], form, username="ada", password="wrong")
    expect(
        wrong.status_code == 200 and "alert" in wrong.content.decode(),
        seen=f"After a wrong password, the login page answered {wrong.status_code}, without an element role=alert.",
        asked='With form.errors, the page says so in a <p role="alert">.',
        file="chat/templates/registration/login.html",
    )
    done = await send_form(browser, links[0], wrong, username="ada", password=PASSWORD)
    expect(
        done.status_code == 302 and done["Location"] == LOBBY,
        seen=f"With the right password, the login page answered {done.status_code}, and led to {done.get('Location')}.",
        asked="The form is sent with {% csrf_token %} and with the field next, and so leads back to the room.",
        file="chat/templates/registration/login.html",
    )
    page = await ask(browser, "get", LOBBY)
    expect(
        re.search(r"\bada\b", page.content.decode()),
        seen="ada has logged in, and her name isn't on the room's page.",
        asked="{{ user.get_username }}, if user.is_authenticated.",
        file=ROOM,
    )
    out = await send_form(browser, "/accounts/logout/", page)
    expect(
        out.status_code == 302,
        seen=f"Logging out with what the room's page sends, POST /accounts/logout/ answered {out.status_code}.",
        asked='<form method="post" action="{% url \'logout\' %}"> with {% csrf_token %} in it, on the room\'s page.',
        file=ROOM,
    )


async def send_form(browser, address, page, **fields):
    """Send a page's form, with the fields that it hides."""
    hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.content.decode())
    return await ask(browser, "post", address, **dict(hidden), **fields)


async def test_the_page_of_a_members_only_room_is_for_its_members(client, ada, bob):
    """Where the admin has a group of the room's name, its page opens for the members, and sends others to log in."""
    await sync_to_async(expect_right_entry)()
    address = f"/chat/{quote(MEMBERS_ONLY)}/"
    response = await ask(client, "get", address)
    expect(
        response.status_code == 302 and response["Location"].startswith("/accounts/login/?next=/chat/"),
        seen=f"Not logged in, the page of the room “{MEMBERS_ONLY}” answered {response.status_code}"
        + (f", and led to {response['Location']}." if response.status_code == 302 else "."),
        asked="room() calls check_entry(request.user, name). If that raises Refused, whoever isn't logged in is sent "
        "to log in first: redirect_to_login(request.get_full_path()).",
        file=VIEWS,
    )
    for account, status in ((bob, 403), (ada, 200)):
        response = await ask(account.browser, "get", address)
        member = "a member" if status == 200 else "no member"
        expect(
            response.status_code == status,
            seen=f"{account.name} is {member} of “{MEMBERS_ONLY}”. Its page answered {response.status_code}.",
            asked="The page answers 403 with the reason if check_entry() raises Refused, and 200 otherwise.",
            file=VIEWS,
        )
    shown = Page(await ask(bob.browser, "get", address)).by_id
    expect(
        "room-name-problem" in shown,
        seen="The page that refuses a member of no group has no element room-name-problem.",
        asked="refuse(request, name, refused, status=403): the person reads why.",
        file=VIEWS,
    )


@pytest.mark.parametrize("spelling", [MEMBERS_ONLY, f" {MEMBERS_ONLY.replace(' ', '  ')} "], ids=["plain", "spaces"])
async def test_the_socket_of_a_members_only_room_is_for_its_members(person, layer, caplog, ada, bob, spelling):
    """Nobody enters a members-only room past its page, by its socket alone: only its members are let in."""
    await sync_to_async(expect_right_entry)()
    asked = "connect() calls check_entry(), with the user and the room's clean name, before it accepts the socket."
    where = f"the socket /ws/chat/{quote(spelling)}/ of the room “{MEMBERS_ONLY}”"
    member = person("Ada", ada, spelling)
    await enter(member, asked=f"A member of the room's group is let in. {FOR_MEMBERS}")
    caplog.clear()
    for stranger, who in ((person("Bob", bob, spelling), bob.name), (person("Eve", None, spelling), "nobody")):
        accepted = await stranger.knock(asked=asked, file=FILE)
        expect(
            not accepted,
            seen=f"Logged in as {who}, {stranger.name} is no member, and {where} was accepted all the same.",
            asked=asked,
            file=FILE,
        )
        expect_line(caplog.records, of=where, asked="Refused, which SocketConsumer logs in one line.", file=FILE)
        caplog.clear()
        await stranger.leave()
    inside = [group for group, channels in layer.groups.items() if len(channels) > 1]
    expect(
        not inside,
        seen=f"Bob and Eve were refused, and a channel of theirs is in the group {', '.join(inside)}.",
        asked="check_entry() comes before the room's group_add. leave() leaves the user's own group, too.",
        file=FILE,
    )
    await enter(person("Bob", bob), person("Eve"))  # any other room


# Cookies and tokens that someone else has, or that are too old


async def test_a_page_from_elsewhere_gets_no_socket_of_a_user(person, ada, caplog):
    """A foreign page gets no socket with the cookie of somebody who visits it, nor with a token."""
    asked = "OriginCheck(…) wraps what reads the cookie and the token, and so looks at every socket first."
    own = person("Ada", ada)
    await enter(own)
    await expect_name(own, "ada", [own], why=", with the cookie of ada and from our own page", asked=NAMED)
    token = await get_token(ada)
    for given, kind in ((None, "the cookie of ada"), (token, "the cookie of ada and a token")):
        accepted = await person("Mallory", ada, token=given, origin="https://elsewhere.example").connect()
        expect(
            not accepted,
            seen=f"A page from https://elsewhere.example opened a socket, with {kind}.",
            asked=asked,
            file="tutorial/routing.py",
        )
    app = person("Ada", token=token)
    accepted = await app.knock(asked=asked, file="tutorial/routing.py")
    if not accepted:
        await expect_right_rules()
    expect(
        accepted,
        seen="A foreign page came with a token and was refused. After that our own app was refused with it, too.",
        asked=asked,
        file="tutorial/routing.py",
    )


async def deactivate(account):
    account.user.is_active = False
    await account.user.asave()


async def change_password(account):
    account.user.set_password("another horse")
    await account.user.asave()


STALE = {
    "ada logged out": Account.log_out,
    "ada got another password": change_password,
    "ada was deactivated": deactivate,
}


@pytest.mark.parametrize("how", STALE)
async def test_a_stale_cookie_is_nobodys(person, ada, how):
    """A session's cookie that was kept is worth nothing once its user has logged out, or the account has changed."""
    asked = 'scope["user"] is whom the session names now: OptionalAuthMiddlewareStack looks into the database.'
    before = person("Ada", ada)
    await enter(before)
    await expect_name(before, "ada", [before], why=", with a cookie", asked=NAMED)
    await STALE[how](ada)
    await before.ends()
    await expect_kept(ada, after=how)
    after = person("Mallory", ada)
    await enter(after)
    await expect_name(after, "", [after], why=f", with a cookie that was kept after {how}", asked=asked)


async def test_a_token_tells_who_an_app_is(person, client, ada, bob, caplog):
    """An app without cookies sends a name and a password, gets a token, and with it opens a socket as that user."""
    asked = 'TokenAuth runs the application with {**scope, "user": user}: the user of the token.'
    app = person("Ada's app", token=await get_token(ada))
    await enter(app, asked=asked, file=TOKEN_AUTH)
    await expect_name(app, "ada", [app], why=", with a token of ada's", asked=asked, file=TOKEN_AUTH)
    member = person("Ada's app", room=MEMBERS_ONLY, token=await get_token(ada))
    await enter(member, asked=f"A token opens what its user may enter. {asked}", file=TOKEN_AUTH)
    await deactivate(bob)
    for form, who in (
        ({"username": "ada", "password": "wrong"}, "ada with a wrong password"),
        ({"username": bob.name, "password": PASSWORD}, f"{bob.name}, who is not active"),
        ({}, "nobody"),
    ):
        response = await ask(client, "post", "/accounts/token/", **form)
        expect(
            response.status_code == 403 and "token" not in response.json(),
            seen=f"/accounts/token/ answered {response.status_code} to {who}: {response.content.decode()[:60]}",
            asked="If authenticate() returns None, the view answers 403 without a token.",
            file=VIEWS,
        )


@pytest.mark.parametrize("when", ["one after the other", "at the same moment"])
async def test_a_token_is_good_for_one_socket(person, ada, when, monkeypatch):
    """Whoever finds a used token, in a log for example, can do nothing with it, not even at the same moment."""
    asked = "redeem() raises Refused if the token's id is in the cache already. cache.add() looks and writes at once."
    token = await get_token(ada)
    sockets = [person("Ada's app", token=token), person("Mallory", token=token)]
    if when == "at the same moment":
        accepted = await asyncio.gather(*[socket.knock(asked=asked, file=TOKENS) for socket in sockets])
    else:
        accepted = [await socket.knock(asked=asked, file=TOKENS) for socket in sockets]
    expected = any(accepted) if when == "at the same moment" else accepted[0]
    if not expected:
        await expect_right_rules()
    expect(
        expected,
        seen=f"A new token was refused. The log says: {[record.getMessage() for record in sockets[0].log]}",
        asked="The first socket with a token is accepted.",
        file=TOKENS,
    )
    expect(
        accepted.count(True) == 1,
        seen=f"One token was used twice, {when}, and both sockets were accepted.",
        asked=asked,
        file=TOKENS,
    )
    if when == "at the same moment":
        redeemed = await redeem_in_two_threads(await get_token(ada), monkeypatch)
        expect(
            redeemed == 1,
            seen=f"Two threads called redeem() with one token at the same moment, and {redeemed} of them got its user: "
            "both had looked before either of them had written.",
            asked=asked,
            file=TOKENS,
        )


async def redeem_in_two_threads(token, monkeypatch):
    """Redeem a token in two threads that look into the cache at the same moment. Return for how many it was good."""
    from chat.tokens import redeem
    from django.core.cache.backends.locmem import LocMemCache
    from django.db import connections

    from chat.errors import Refused

    both = threading.Barrier(2, timeout=0.1)  # an add() meets nobody here
    for name in ("get", "has_key"):
        monkeypatch.setattr(LocMemCache, name, meeting(getattr(LocMemCache, name), both))

    def use():
        try:
            return redeem(token)
        except Refused:
            return None
        finally:
            connections.close_all()

    users = await asyncio.gather(*[asyncio.to_thread(use) for _ in range(2)])
    return len([user for user in users if user is not None])


def meeting(look, both):
    def look_and_wait(self, *args, **kwargs):
        found = look(self, *args, **kwargs)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait()
        return found

    return look_and_wait


async def make_worthless(kind, account, monkeypatch):
    """Return a token that is worth nothing, of this kind."""
    from django.core import signing

    if kind == "one that is 61 seconds old":
        now = time.time
        with monkeypatch.context() as earlier:
            earlier.setattr(time, "time", lambda: now() - 61)
            return await get_token(account)
    token = await get_token(account)
    if kind == "one of a user who was deactivated since":
        await deactivate(account)
        return token
    payload, _, signature = token.partition(":")
    content = {"user": account.number, "id": "0" * 32}
    return {
        "one that was changed": f"{payload[:-1]}{'A' if payload[-1] != 'A' else 'B'}:{signature}",
        "one signed with another key": signing.dumps(content, key="guessed", salt="chat.tokens"),
        "one signed for something else": signing.dumps(content, salt="django.contrib.sessions.backends.signed_cookies"),
        "the user's number": f"{account.number}",
        "no token at all": "聊天\0",
    }[kind]


WORTHLESS = ["one that was changed", "one signed with another key", "one signed for something else"]
WORTHLESS += ["the user's number", "no token at all"]
WORTHLESS += ["one that is 61 seconds old", "one of a user who was deactivated since"]


@pytest.mark.parametrize("kind", WORTHLESS)
async def test_a_token_that_is_forged_or_too_old_is_refused(person, ada, caplog, kind, monkeypatch):
    """A token that is forged, old, or of somebody who is no longer active is refused, and the log says so in a line."""
    asked = "redeem() raises Refused for such a token, and TokenAuth closes the socket and logs why, in one line."
    token = await make_worthless(kind, ada, monkeypatch)
    caplog.clear()
    accepted = await person("Mallory", token=token).knock(asked=asked, file=TOKENS)
    expect(not accepted, seen=f"A socket came with a token, {kind}, and was accepted.", asked=asked, file=TOKENS)
    expect_line(caplog.records, of=f"A socket with a token, {kind},", asked=asked, file=TOKEN_AUTH)


# When a socket ends


async def log_out_in_the_admin(account):
    await account.log_out("/admin/logout/")


async def delete(account):
    await account.user.adelete()


WAYS_TO_END = {**STALE, "ada logged out in the admin": log_out_in_the_admin, "ada was deleted": delete}


@pytest.mark.parametrize("how", WAYS_TO_END)
async def test_a_users_sockets_end_with_the_session_or_the_account(person, layer, ada, bob, how):
    """All sockets of a user end when they log out, or their account changes. Everyone else's stay."""
    own = [person("Ada", ada), person("Ada's other window", ada, MEMBERS_ONLY)]
    own.append(person("Ada's app", token=await get_token(ada)))
    others = [person("Bob", bob), person("Eve")]
    await enter(*own, *others)
    layer.sent.clear()
    await WAYS_TO_END[how](ada)
    for socket in own:
        await expect_end(socket, ada, layer, after=how)
    for socket in others:
        asked = "own_group() gives each user a group of their own, and only the sockets of that user join it."
        await expect_open(socket, after=how, asked=asked, file=PEOPLE)
    for socket in own:
        await socket.say("not yet gone")
        expect(
            await socket.ends(),
            seen=f"After {how}, {socket.name}'s socket was closed, and its consumer goes on: it would still speak.",
            asked="After self.close(…), log_out() raises StopConsumer: nothing more is heard, nothing more is said.",
            file=FILE,
        )
    left = [group for group in layer.groups if group.endswith(f"_{ada.number}")]
    expect(
        not left,
        seen=f"After {how}, a channel is still in the group {', '.join(left)}.",
        asked="leave() leaves the user's own group, too.",
        file=FILE,
    )
    await expect_kept(ada, after=how)


async def test_a_login_ends_no_socket(person, ada, bob):
    """When somebody logs in, on another device for example, no socket ends: the others', and their own, stay."""
    from django.test import Client

    asked = (
        "At a login Django saves last_login alone, and that ends no socket. The receiver gets update_fields as a "
        'frozenset then, which equals no list and no text: frozenset({"last_login"}).'
    )
    own, other = person("Ada", ada), person("Bob", bob)
    await enter(own, other)
    device = Client(SERVER_NAME="localhost")
    response = await ask(device, "post", "/accounts/login/", username="ada", password=PASSWORD)
    expect(
        response.status_code == 302,
        seen=f"Logging in with the right password, POST /accounts/login/ answered {response.status_code}.",
        asked='path("accounts/login/", LoginView.as_view(), name="login"), with Django\'s own LoginView.',
        file=URLS,
    )
    await expect_open(own, after="ada logged in on another device", asked=asked, file=SIGNALS)
    await expect_open(other, after="ada logged in on another device", asked=asked, file=SIGNALS)


async def test_a_logout_while_a_socket_opens_ends_it(person, layer, ada):
    """Whoever logs out while their socket is opening, just as the entry is checked, is out, too: the socket ends."""
    own = person("Ada", ada)
    asked = "connect() first joins the user's own group, and then calls check_entry(): listen first, then look."
    async with logging_out_after_a_look(ada) as looks:
        with in_words():
            accepted = await own.knock(asked=asked, file=FILE)
    if not looks:
        await sync_to_async(expect_right_entry)()
    expect(
        looks,
        seen="Ada's socket opened, and nothing had asked the database about groups.",
        asked="connect() calls check_entry() with the user and the room's clean name before it accepts the socket.",
        file=FILE,
    )
    if accepted:
        after = "ada logged out while check_entry() ran"
        await expect_end(own, ada, layer, after=after, joined=asked)


@contextlib.asynccontextmanager
async def logging_out_after_a_look(account):
    """For a `with` statement: once the project has asked the database about groups, this account logs out."""
    from django.db import connection

    looks = []

    def look(execute, sql, *rest):
        result = execute(sql, *rest)
        if '"auth_group"' in sql and not looks:
            looks.append(sql)
            account.browser.logout()
        return result

    # The database's thread has a connection of its own.
    await sync_to_async(lambda: connection.execute_wrappers.append(look))()
    try:
        yield looks
    finally:
        await sync_to_async(lambda: connection.execute_wrappers.remove(look))()


class Undone(Exception):
    """What undoes a transaction here."""


async def test_what_was_undone_ends_no_socket(person, layer, ada):
    """A change of the account ends sockets once it is certain, and not at all if the database undoes it."""
    from django.db import transaction

    def change(undo):
        with contextlib.suppress(Undone), transaction.atomic():
            ada.user.is_active = False
            ada.user.save()
            if undo:
                raise Undone

    asked = "transaction.on_commit(…) sends the event when the database holds the change for good."
    own = person("Ada", ada)
    await enter(own)
    await sync_to_async(change)(undo=True)
    await expect_open(own, after="ada's deactivation was undone by the database", asked=asked, file=PEOPLE)
    layer.sent.clear()
    await sync_to_async(change)(undo=False)
    await expect_end(own, ada, layer, after="ada was deactivated")


async def test_whoever_logs_out_is_logged_out_even_if_the_layer_is_away(layer, ada):
    """If the channel layer can't be reached, whoever logs out is logged out all the same."""

    async def group_send(group, message):
        raise ConnectionError("The channel layer is away.")

    layer.group_send = group_send
    try:
        await ada.log_out()
    except ConnectionError:
        raise Unmet(
            "The channel layer couldn't be reached, and whoever logged out got an error page.",
            "transaction.on_commit(…, robust=True): an error is logged, and goes no further.",
            PEOPLE,
        ) from None


async def test_a_page_goes_on_under_no_other_name(application, layer, ada, pytestconfig):
    """If a page comes back and its user isn't logged in any more, its socket ends as after a logout."""

    def look():
        with browse_lobby(ada.browser, pytestconfig.project) as page:
            return expect_socket(page, "lobby", "The address of the room's own socket.")["url"]

    address = urlsplit(await sync_to_async(look)())
    path = f"{address.path}?{address.query}"
    asked = "The page's socket has ?as= and the user's name in its address, and connect() asks is_for() about it."
    own = Person("Ada", application, path, cookie=ada.cookie)
    await enter(own)
    await expect_open(own, after="her page opened its socket", asked=asked, file=PEOPLE)
    back = Person("Ada's page", application, path)
    await back.join(asked="A socket that is to be closed with a code is accepted first.", file=FILE)
    await expect_end(back, ada, layer, after="coming back without a session", asked=asked, file=FILE)


def test_the_page_stays_away_after_a_logout(client, staff, pytestconfig):
    """After the server's “logged out”, the page says so, keeps what is typed, and doesn't connect again by itself."""
    with browse_lobby(client, pytestconfig.project) as page:
        page.open_socket()
        page.close_socket(1006)
        page.run_timers(60_000)
        page.open_socket()
        blame_errors(page)
        connected, sockets = page.text("chat-status"), len(page.sockets)
        page.type("half a sentence")
        page.close_socket(LOGGED_OUT)
        page.run_timers(60_000)
        blame_errors(page)
        if len(page.sockets) > sockets:
            blame(
                page,
                f"The server closed the socket with {LOGGED_OUT}, “logged out”, and the page connected again.",
                f"In onclose, if event.code is {LOGGED_OUT}, the page returns before it sets the timer.",
            )
        if page.text("chat-status") == connected:
            blame(
                page,
                f"The server closed the socket with {LOGGED_OUT}, and the page still says {connected!r}.",
                "In #chat-status the page says that the connection is over, why, and what to do.",
            )
        page.press_enter()
        if page.text("chat-message-input") != "half a sentence":
            blame(
                page,
                "Nothing is sent any more, and “half a sentence” and Enter emptied the input.",
                "The page disables the button Send, and with it Enter: what is typed stays where it is.",
            )
