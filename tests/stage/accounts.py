"""People with an account, who log in with a browser or a token, and what their sockets tell about them."""

import contextlib
import importlib.util
import inspect
import json
import traceback
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from stage.expectations import Unmet, expect
from stage.people import Person, project_file

CONSUMER = "chat/consumers.py"
PEOPLE = "chat/people.py"
SIGNALLED = "The receivers call end_sockets() when a user's session is deleted, and when a user is saved or deleted."
JOINED = "Everybody may enter a room for which the admin has no group."
PASSWORD = "correct horse battery staple"
MEMBERS_ONLY = "the staff"  # a room for which the admin has a group
LOGGED_OUT = 4001  # the close code with which a socket ends when its user logs out


class Account:
    """A user of the project, and the browser in which they have logged in."""

    def __init__(self, name, *groups):
        from django.contrib.auth import get_user_model

        self.name = name
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
        try:
            return await super().knock(asked=asked, file=file)
        except Unmet:
            if not self.socket.future.done():
                raise
            seen = f"The socket {self.path} was neither accepted nor refused: its application ended."
            asked = 'With a good token, TokenAuth awaits the application, with {**scope, "user": user}.'
            raise Unmet(seen, asked, "tutorial/token_auth.py") from None


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
            await person.join(asked=asked, file=file)
        except SynchronousOnlyOperation as error:
            raise explain_blocking(error) or error from None
        if importlib.util.find_spec("chat.history"):  # as of stage 11, what was said before comes first
            while "history" not in await person.hear(after="coming in", asked=asked, file=file):
                pass


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


async def expect_name(speaker, name, listeners, *, asked, file=CONSUMER, why="", text=None):
    """
    Somebody speaks, as `name`. Raises Unmet unless each listener gets the message with this name.

    `why` says who is speaking, for the failure's words, and `text` is the frame, if it isn't just a message.
    """
    await (speaker.say("hello") if text is None else speaker.send(text=text))
    for listener in listeners:
        after = f"{speaker.name} said hello{why}"
        frame = await listener.hear(after=after, asked=asked, file=file, of=speaker)
        expect(
            frame.get("message") == "hello" and frame.get("name") == name,
            seen=f"{speaker.name} said hello{why}, and {listener.name} got {frame}.",
            asked=asked,
            file=PEOPLE if "name" in frame and frame["name"] is None else file,
        )


def note_sent(layer):
    """From now on layer.sent is a list of (group, event, number of members) of what was sent to groups."""
    layer.sent, group_send = [], layer.group_send

    async def note_and_send(group, event):
        layer.sent.append((group, event, len(layer.groups.get(group, ()))))
        await group_send(group, event)

    layer.group_send = note_and_send


async def expect_end(person, account, layer, *, after, asked=SIGNALLED, file=None):
    """
    Wait for a socket of this account to end. Raises Unmet if it stays open, or ends with another code than ours.

    `file` is the one to open if it stays open, for whatever reason but a signal that had no effect.
    """
    try:
        while (event := await person.next_event())["type"] != "websocket.close":
            pass
    except TimeoutError:
        if file:
            raise Unmet(f"After {after}, {person.name}'s socket stayed open.", asked, file) from None
        raise await explain_stay(f"After {after}, {person.name}'s socket stayed open.", account, layer, asked) from None
    expect(
        event.get("code") == LOGGED_OUT,
        seen=f"After {after}, {person.name}'s socket was closed with the code {event.get('code')}.",
        asked=f"log_out() closes the socket with the code that the page knows: await self.close({LOGGED_OUT}).",
        file=CONSUMER,
    )


async def explain_stay(seen, account, layer, asked):
    """Return the Unmet for a socket that stayed open: was an event sent, did anybody get it, and what came of it?"""
    sent = [each for each in layer.sent if each[1].get("type") != "chat_msg"]
    if not sent:
        with contextlib.suppress(Exception):  # that error is another test's
            from chat.people import end_sockets

            await sync_to_async(end_sockets)(account.number)
        if any(each[1].get("type") != "chat_msg" for each in layer.sent):
            return Unmet(f"{seen} Nothing called end_sockets().", asked, "chat/signals.py")
        asked = 'end_sockets() sends {"type": "log_out"} to the user\'s own group.'
        return Unmet(f"{seen} No event was sent to a group.", asked, PEOPLE)
    group, event, members = sent[-1]
    seen += f" The event {event} went to the group {group}, "
    if not members:
        asked = "connect() adds the consumer's channel to own_group(user.pk)."
        return Unmet(f"{seen}in which there was nobody.", asked, CONSUMER)
    return Unmet(f"{seen}and nothing came of it.", f"log_out() closes the socket: self.close({LOGGED_OUT}).", CONSUMER)


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
