"""People with an account, who log in with a browser or a token, and what their sockets tell about them."""

import contextlib
import importlib.util
import inspect
import json
import re
import traceback
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from stage.errors import explain
from stage.expectations import Unmet, expect
from stage.people import Person, project_file

CONSUMER = "chat/consumers.py"
PEOPLE = "chat/people.py"
SIGNALS = "chat/signals.py"
TOKENS = "chat/tokens.py"
NAMED = 'The event has "name": name_of(self.scope["user"]), and chat_msg() sends the name with the message.'
SIGNALLED = (
    "The receivers call end_sockets() with the user's key (pk), when a session of theirs is deleted, and when a user "
    "is saved or deleted."
)
OWN_GROUP = "connect() adds the consumer's channel to own_group(user.pk)."
JOINED = "Everybody may enter a room for which the admin has no group."
FOR_MEMBERS = (
    "check_entry() raises Refused if there is a Group with the room's name and the user isn't in it, and in no other "
    "case."
)
PASSWORD = "correct horse battery staple"
MEMBERS_ONLY = "the staff"  # a room for which the admin has a group
LOGGED_OUT = 4001  # the close code with which a socket ends when its user logs out


class Account:
    """A user of the project, and the browser in which they have logged in."""

    def __init__(self, name, *groups):
        from django.contrib.auth import get_user_model

        self.name = name
        with in_words():
            self.user = get_user_model().objects.create_user(name, password=PASSWORD, is_staff=True)
        self.user.groups.set(groups)
        self.number = self.user.pk
        self.browser, self.cookie = log_in(self.user)

    async def log_out(self, address="/accounts/logout/"):
        """Log out, as a browser does when the page's button is pressed."""
        response = await ask(self.browser, "post", address)
        expect(
            response.status_code in (200, 302),
            seen=f"{self.name} logged out: POST {address} answered {response.status_code}.",
            asked='path("accounts/logout/", LogoutView.as_view(), name="logout"), with Django\'s own LogoutView.',
            file="tutorial/urls.py",
        )


class TokenBearer(Person):
    """Somebody whose socket comes with a token."""

    def __init__(self, name, application, path, token, **handshake):
        super().__init__(name, application, f"{path}?token={quote(token)}", **handshake)
        self.path = f"{path}?token=…"  # for the failures' words

    async def knock(self, *, asked, file):
        with in_words():
            try:
                return await super().knock(asked=asked, file=file)
            except Unmet:
                if not self.socket.future.done():
                    raise
        seen = f"The socket {self.path} was neither accepted nor refused: its application ended."
        asked = 'With a good token, TokenAuth awaits the application, with {**scope, "user": user}.'
        raise Unmet(seen, asked, "tutorial/token_auth.py")


def quick_passwords():
    """For a `with` statement: a digest takes Django a third of a second, for safety. Here is nothing to keep safe."""
    from django.test import override_settings

    return override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"])


def log_in(user):
    """Return a browser in which this user has logged in, and the cookie that it keeps."""
    from django.conf import settings
    from django.test import Client

    browser = Client(SERVER_NAME="localhost")
    browser.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return browser, f"{name}={browser.cookies[name].value}"


async def ask(browser, method, address, **form):
    """Return the response to a request. It runs where the server's own requests run: in the database's thread."""
    return await sync_to_async(getattr(browser, method))(address, form)


async def get_token(account, password=PASSWORD):
    """Return the token that an app without cookies gets for a name and a password. Raises Unmet if it gets none."""
    from django.test import Client

    response = await ask(
        Client(SERVER_NAME="localhost"), "post", "/accounts/token/", username=account.name, password=password
    )
    asked = 'POST /accounts/token/ with a username and its password answers {"token": …}.'
    expect(
        response.status_code == 200,
        seen=f"{account.name} sent the right password to /accounts/token/, which answered {response.status_code}.",
        asked=asked,
        file="tutorial/urls.py" if response.status_code == 404 else "chat/views.py",
    )
    token = response.json().get("token")
    expect(
        isinstance(token, str) and token,
        seen=f"/accounts/token/ answered {response.json()}.",
        asked=asked,
        file="chat/views.py",
    )
    return token


async def enter(*people, asked=JOINED, file=CONSUMER):
    """Let these people in, one after the other. Raises Unmet if one isn't."""
    for person in people:
        try:
            with in_words():
                await person.join(asked=asked, file=file)
        except Unmet:
            await expect_right_rules()
            raise
        if importlib.util.find_spec("chat.history"):  # as of stage 11, what was said before comes first
            while "history" not in await person.hear(after="coming in", asked=asked, file=file):
                pass


async def expect_right_rules():
    """Raise Unmet if somebody was refused, or let in, because check_entry() or redeem() is wrong by itself."""
    await sync_to_async(expect_right_entry)()
    await sync_to_async(expect_good_token)()


def expect_right_entry():
    """Raise Unmet if check_entry(), asked without any page or socket, refuses or lets in the wrong people."""
    from chat.people import check_entry
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import AnonymousUser, Group

    from chat.errors import Refused

    group = Group.objects.order_by("pk").first()
    cases = [(AnonymousUser(), "lobby", "for which the admin has no group", True)]
    if group:
        cases += [(user, group.name, "and its group has this member", True) for user in group.user_set.all()]
        others = [AnonymousUser(), *get_user_model().objects.exclude(groups=group)]
        cases += [(user, group.name, "and its group has no such member", False) for user in others]
    for user, room, why, may_enter in cases:
        returned, entered = None, True
        try:
            returned = check_entry(user, room)
        except Refused:
            entered = False
        if entered == may_enter:
            continue
        who, asked = user.get_username() or "somebody who isn't logged in", FOR_MEMBERS
        said = f"check_entry() lets in {who}." if entered else f"check_entry() refuses {who}."
        if returned is Refused or isinstance(returned, Refused):
            said = f"check_entry() returns Refused to {who}, and only what is raised stops anybody."
            asked = "raise Refused(…), in place of return."
        raise Unmet(f"{said} The room is “{room}”, {why}.", asked, PEOPLE, sure=True)


def expect_good_token():
    """Raise Unmet if redeem(), asked without any socket, refuses a token that is new."""
    from chat.tokens import make_token, redeem
    from django.contrib.auth import get_user_model

    from chat.errors import Refused

    try:
        redeem(make_token(get_user_model().objects.filter(is_active=True).first()))
    except Refused as refused:
        seen = f"redeem() refuses a token that was made this moment. It says: {refused}"
        asked = "cache.add() returns True for a new key, and False for one that is there. Only then raise Refused."
        raise Unmet(seen, asked, TOKENS, sure=True) from None


def explain_blocking(error):
    """Return the Unmet for a coroutine of the project that reached the database without a thread, or None."""
    steps = traceback.walk_tb(error.__traceback__)
    codes = [frame.f_code for frame, _ in steps if frame.f_code.co_flags & inspect.CO_COROUTINE]
    places = [(code, project_file(code.co_filename, None)) for code in codes]
    for code, file in reversed(places):
        if file:
            words = str(error).partition(" - ")[0]
            seen = f"{type(error).__name__}: {words}. In {file}, the coroutine {code.co_name}() reached the database."
            return Unmet(
                seen, "What uses the database runs in a thread: await database_sync_to_async(function)(…).", file
            )
    return None


# What is asked where an error is likely: by what the error, or the line that raised it, says.
LIKELY = {
    r"callback must be a callable": (
        "on_commit() takes a function, and calls it later: lambda: send(…) is one. send(…) alone sends at once."
    ),
    r"(?s)NoneType.*update_fields": (
        "update_fields is None if the whole user was saved, and a frozenset of names if only some fields were."
    ),
    r"name 'user' is not defined\s+in chat/consumers\.py": (
        'self.scope["user"]: a variable of connect() is unknown in the other methods.'
    ),
    r"(?s)Group name must be.*own_group\((?!(user|self\.scope\[.user.\])\.pk\))": (
        "own_group(user.pk): a user's key is a number. A name may have characters that no group's name may have."
    ),
    r"\w is not JSON serializable": 'The name in the event is a text: name_of(self.scope["user"]).',
}


@contextlib.contextmanager
def in_words():
    """For a `with` statement: an error that is likely in this stage becomes the Unmet that says what is asked."""
    from django.conf import settings

    try:
        yield
    except SynchronousOnlyOperation as error:
        raise explain_blocking(error) or error from None
    except (AttributeError, NameError, TypeError) as error:
        unmet = explain(error, settings.BASE_DIR, "", CONSUMER)
        asked = next((asked for pattern, asked in LIKELY.items() if re.search(pattern, unmet.seen)), None)
        if not asked:
            raise
        file = unmet.file
        if "JSON" in unmet.seen:  # it was raised where the frame is made, from what was in the event
            file = CONSUMER
            if not names_are_texts():
                asked, file = "name_of() returns a text.", PEOPLE
        raise Unmet(unmet.seen, asked, file, sure=True) from error


def names_are_texts():
    from chat.people import name_of
    from django.contrib.auth.models import AnonymousUser

    return isinstance(name_of(AnonymousUser()), str)


async def expect_name(speaker, name, listeners, *, asked, file=CONSUMER, why="", text=None):
    """
    Somebody speaks, as `name`. Raises Unmet unless each listener gets the message with this name.

    `why` says who is speaking, for the failure's words, and `text` is the frame, if it isn't just a message.
    """
    await (speaker.say("hello") if text is None else speaker.send(text=text))
    for listener in listeners:
        after = f"{speaker.name} said hello{why}"
        with in_words():
            frame = await listener.hear(after=after, asked=asked, file=file, of=speaker)
        seen = f"{speaker.name} said hello{why}, and {listener.name} got {frame}."
        expect("name" in frame, seen=seen, asked=NAMED, file=CONSUMER)
        expect(
            frame.get("message") == "hello" and frame["name"] == name,
            seen=seen,
            asked=asked,
            file=PEOPLE if frame["name"] is None else file,
        )


def note_sent(layer):
    """From now on layer.sent is a list of (group, event, number of members) of what was sent to groups."""
    layer.sent, group_send = [], layer.group_send

    async def note_and_send(group, event):
        layer.sent.append((group, event, len(layer.groups.get(group, ()))))
        await group_send(group, event)

    layer.group_send = note_and_send


async def expect_end(person, account, layer, *, after, asked=SIGNALLED, joined=OWN_GROUP, file=None):
    """
    Wait for a socket of this account to end. Raises Unmet if it stays open, or ends with another code than ours.

    `joined` is what is asked if nobody was in the user's group when the event came. `file` is the one to open if the
    socket stays open, for whatever reason but a signal that had no effect.
    """
    try:
        while (event := await person.next_event())["type"] != "websocket.close":
            pass
    except ValueError as error:
        raise explain_type(error, layer) or error from None
    except TimeoutError:
        if file:
            raise Unmet(f"After {after}, {person.name}'s socket stayed open.", asked, file) from None
        raise await explain_stay(
            f"After {after}, {person.name}'s socket stayed open.", account, layer, asked, joined
        ) from None
    expect(
        event.get("code") == LOGGED_OUT,
        seen=f"After {after}, {person.name}'s socket was closed with the code {event.get('code')}.",
        asked=f"log_out() closes the socket with the code that the page knows: await self.close({LOGGED_OUT}).",
        file=CONSUMER,
    )


def explain_type(error, layer):
    """Return the Unmet for an error about the type of the event that end_sockets() has sent, or None."""
    from django.conf import settings

    types = [event["type"] for _, event, _ in signals_in(layer) if "type" in event]
    wrong = types and types[-1].replace(".", "_") != "log_out"
    if not wrong or str(error) != f"No handler for message type {types[-1]}":
        return None
    seen = explain(error, settings.BASE_DIR, "", CONSUMER).seen
    return Unmet(seen, 'The type in end_sockets() names the consumer\'s method log_out(): {"type": "log_out"}.', PEOPLE)


def signals_in(layer):
    """Return what was sent to groups, without what people said, and what further stages tell a room besides."""
    said = "chat_msg", "presence", "notice"
    return [each for each in layer.sent if each[1].get("type", "").replace(".", "_") not in said]


async def explain_stay(seen, account, layer, asked, joined):
    """Return the Unmet for a socket that stayed open: was an event sent, did anybody get it, and what came of it?"""
    from chat.people import own_group

    own, sent = own_group(account.number), signals_in(layer)
    to_own = [each for each in sent if each[0] == own]
    if to_own:
        _, event, members = to_own[-1]
        seen += f" The event {event} went to the group {own}, "
        if not members:
            return Unmet(f"{seen}in which there was nobody.", joined, CONSUMER)
        asked = f"log_out() closes the socket: self.close({LOGGED_OUT})."
        return Unmet(f"{seen}and nothing came of it.", asked, CONSUMER)
    if sent:
        group, event, _ = sent[-1]
        seen += f" The event {event} was for the group {group}, and none was for {own}, {account.name}'s own."
    layer.sent.clear()
    with contextlib.suppress(Exception):  # that error is another test's
        from chat.people import end_sockets

        await sync_to_async(end_sockets)(account.number)
    if any(group == own for group, _, _ in signals_in(layer)):
        return Unmet(seen if sent else f"{seen} Nothing called end_sockets().", asked, SIGNALS)
    asked = 'end_sockets() sends {"type": "log_out"} to the user\'s own group, own_group(user_id).'
    return Unmet(seen if sent else f"{seen} No event was sent to a group.", asked, PEOPLE)


async def expect_kept(account, *, after):
    """Raise Unmet if the database doesn't hold what was saved of this account, or that it was deleted."""
    from django.contrib.auth import get_user_model

    now, saved = await get_user_model().objects.filter(pk=account.number).afirst(), account.user
    if saved.pk is None:
        kept = now is None
    else:
        kept = now is not None and (now.is_active, now.password) == (saved.is_active, saved.password)
    expect(
        kept,
        seen=f"After {after} and {account.name}'s sockets had ended, the database no longer held that change.",
        asked='The consumer\'s scope["user"] is a copy from when the socket opened, and save() writes all of it: '
        "User.objects.filter(pk=…).update(…) changes only what it names.",
        file=CONSUMER,
    )


async def expect_open(person, *, after, asked, file):
    """Raise Unmet if a socket has ended: whoever has it speaks, and hears it."""
    await person.say("still here")
    try:
        event = await person.next_event()
    except TimeoutError:
        raise Unmet(f"After {after}, what {person.name} said reached nobody.", asked, file) from None
    expect(
        event["type"] != "websocket.close",
        seen=f"After {after}, {person.name}'s socket was closed, too, with the code {event.get('code')}.",
        asked=asked,
        file=file,
    )


def show_said(page, *frames):
    """These frames arrive on the page. Where it also keeps a history, as of stage 11, that comes first and is empty."""
    if any("history" in script for script in page.scripts()):
        page.receive('{"history": []}')
    for number, frame in enumerate(frames, start=1):
        page.receive(json.dumps(frame | {"number": number}))
