"""Notices: who gets them, why somebody gets none, and the project's server beside a command in another process."""

import ast
import asyncio
import contextlib
import json
import re
import socket
import sys
import traceback
import weakref

from stage.accounts import OWN_GROUP, Account, ask
from stage.code import read_code, tell_place
from stage.errors import UnmetIn, missing_file, own_places, values_in
from stage.expectations import Unmet, expect
from stage.people import AFTER_SILENCE, TIMEOUT, wait_for_one

COMMAND = "chat/management/commands/announce.py"
CONSUMER = "chat/consumers.py"
NOTICES = "chat/notices.py"
SIGNALS = "chat/signals.py"
VIEWS = "chat/views.py"

ANNOUNCE = "/notices/announce/"
REMINDER = "/notices/reminder/"
TURNS = 20  # of the event loop: more than a notice takes to get from a group to a socket
SALT = "chat.notices"
TO_THE_ROOM = (
    'tell_room() sends {"type": "notice", "text": text} to the room\'s group: group_name(clean_name(room_name)).'
)
TO_THE_USER = "tell_user() sends the event to the group that holds all sockets of this person: own_group(user_id)."
HANDLED = "The consumer's notice() sends its client {\"notice\": the event's text} as JSON, and awaits self.send(…)."
TOLD_BY_THE_VIEW = (
    "The view tells the room: async_to_sync(tell_room)(…), first the function, and then its arguments in brackets of "
    "their own."
)
TOLD_AT_THE_LOGIN = (
    "The receiver of user_logged_in tells the user by their key: async_to_sync(tell_user)(user.pk, …). on_commit() "
    "calls the function that does so later, with robust=True."
)
KEPT = "remind_later() makes remind(…) a task of the event loop, and keeps it in `reminders` until it is done."
REMINDED_LATER = (
    "The view awaits remind_later(…), which begins a task and returns at once. Nobody awaits remind(…) itself."
)
ANOTHER_LAYER = (
    "In a process of its own there is another channel layer: the command signs the notice and asks the server."
)
BEHIND = (
    "Code in the server's process sends by the server's own event loop. A thread of one's own runs another loop, and "
    "what it puts into a mailbox wakes nobody up."
)


def group_of(target):
    """Return the group that holds an account's sockets, or those in the room of this name."""
    from chat.people import own_group

    from chat.rooms import clean_name, group_name

    return own_group(target.number) if isinstance(target, Account) else group_name(clean_name(target))


async def tell(target, text):
    """Tell an account, or the room of this name."""
    from chat.notices import tell_room, tell_user

    if isinstance(target, Account):
        await tell_user(target.number, text)
    else:
        await tell_room(target, text)


async def expect_notice(people, target, text, layer, *, after, asked, file=NOTICES, log=(), function=None):
    """
    Raise Unmet unless each of these people gets a notice that has this text in it.

    `target` is to whom it was: see tell(). `asked` and `file` are for the case that nobody has called tell(), and
    `function` is the name of that in `file` which should have. `log` may say why.
    """
    try:
        await hear_notices(people, target, text, layer, after, asked, file, log)
    except Unmet as unmet:
        told_by = {file: function, NOTICES: "tell_user" if isinstance(target, Account) else "tell_room"}
        name = told_by.get(unmet.file)
        raise (UnmetIn(unmet, {name}) if name else unmet) from None


async def hear_notices(people, target, text, layer, after, asked, file, log):
    for person in people:
        others = []
        try:
            notice = await hear_notice(person, others)
        except TimeoutError:
            seen = f"After {after}, {person.name} got no notice."
            if others:
                seen += f" What came was {others[-1]}."
            raise await explain_nothing(seen, target, text, layer, asked, file, log) from None
        expect(
            isinstance(notice, str) and text in notice,
            seen=f"After {after}, {person.name} got the notice {notice!r}.",
            asked=f"The notice has the text “{text}” in it." if text else "A notice is a text.",
            file=CONSUMER if not isinstance(notice, str) else file,
        )


async def hear_notice(person, others):
    """Return the next notice that somebody gets. What else they get is put into the list `others`."""
    while True:
        frame = read(await next_sent(person), person)
        if "notice" in frame:
            return frame["notice"]
        others.append(frame)


async def next_sent(person):
    """Return what a person gets next. Raises TimeoutError if that is nothing, or the Unmet for an unknown type."""
    try:
        return await person.any_event(None)
    except ValueError as error:
        raise explain_type(error) or error from None
    except KeyError as error:
        raise explain_key(error) or error from None


def words_of(error):
    """Return (an error's type and words, with the last line of the project that it passed; the file of that line)."""
    from django.conf import settings

    steps = [(step.filename, step.lineno, step.line) for step in traceback.extract_tb(error.__traceback__)]
    places = own_places(steps, settings.BASE_DIR)
    words = re.sub(r"<function (\w+) at \w+>", r"the function \1 itself", str(error))
    return f"{type(error).__name__}: {words}{tell_place(*places[-1]) if places else ''}", places and places[-1][0]


def explain_key(error):
    """Return the Unmet for a key that a handler of the consumer asks for, and that its event doesn't have, or None."""
    words, file = words_of(error)
    event = next((value for value in values_in(error) if type(value) is dict and "type" in value), {})
    if file != CONSUMER or event.get("type") != "notice" or error.args[0] in event:
        return None
    seen = f"{words}\n       The event is {event}: it has no {error}."
    if "text" in event:
        return Unmet(seen, 'The text is in event["text"]: tell_room() and tell_user() send it by this key.', CONSUMER)
    return Unmet(seen, 'The event has the type "notice" and a "text".', NOTICES)


def explain_type(error):
    """Return the Unmet for an event of a type that the consumer has no method for, or None."""
    from chat.consumers import ChatConsumer

    words, _, name = str(error).rpartition(" ")
    if words != "No handler for message type":
        return None
    if name != "notice" and hasattr(ChatConsumer, "notice"):
        return Unmet(f"{error}.", 'The type of the event names the consumer\'s method notice(): "notice".', NOTICES)
    method = name.replace(".", "_")
    asked = f"An event's type names the method that handles it: async def {method}(self, event), in ChatConsumer."
    return Unmet(f"{error}.{instead_of(method)}", asked, CONSUMER)


def instead_of(method):
    """Return a sentence about the function that may be meant for a method which the consumer doesn't have, or ""."""
    from django.conf import settings

    code = read_code(settings.BASE_DIR)
    functions = [node for file, node in code.functions(method) if file == CONSUMER]
    if functions and isinstance(functions[0].parent, ast.Module):
        place = code.place(CONSUMER, functions[0].lineno)
        return f" There is a function of this name, but it stands outside of the class: it isn't indented.{place}"
    consumer = code.find_class(CONSUMER, "ChatConsumer")
    handlers = [node for node in getattr(consumer, "body", ()) if isinstance(node, ast.AsyncFunctionDef)]
    strangers = [
        node
        for node in handlers
        if [argument.arg for argument in node.args.args] == ["self", "event"] and not code.mentions(node.name)
    ]
    if functions or len(strangers) != 1:
        return ""
    return f" There is a handler {strangers[0].name}, which no type names.{code.place(CONSUMER, strangers[0].lineno)}"


def read(event, person):
    """Return the frame, a dict, that a person got. Raises Unmet if it is none."""
    seen = f"{person.name} got {event.get('text') or event.get('bytes')!r}"
    if event["type"] == "websocket.close":
        raise Unmet(f"{person.name}'s socket was closed with the code {event.get('code')}.", HANDLED, CONSUMER)
    try:
        frame = json.loads(event["text"])
    except (TypeError, ValueError):
        raise Unmet(f"{seen}, which is not JSON: json.dumps() makes JSON.", HANDLED, CONSUMER) from None
    expect(isinstance(frame, dict), seen=f"{seen}, which is no object with a notice.", asked=HANDLED, file=CONSUMER)
    return frame


async def explain_nothing(seen, target, text, layer, asked, file, log=()):
    """Return the Unmet for somebody who got no notice: was an event sent, to whom, and what came of it?"""
    group, sent = group_of(target), events_with(text, layer)
    to_it = [each for each in sent if each[0] == group]
    if to_it:
        _, event, members = to_it[-1]
        seen += f" The event {event} went to the group {group}, "
        if not members:
            return Unmet(f"{seen}in which there was nobody.", OWN_GROUP, CONSUMER)
        if event.get("type") != "notice":
            asked = 'The type of the event names the consumer\'s method notice(): {"type": "notice", …}.'
            return Unmet(f"{seen}and no notice came of it.", asked, NOTICES)
        return Unmet(f"{seen}and nothing came of it.", HANDLED, CONSUMER)
    layer.sent.clear()
    with contextlib.suppress(Exception):  # that error is another test's
        await tell(target, text)
    works = any(each[0] == group for each in events_with(text, layer))
    if not works:
        asked, file = TO_THE_USER if isinstance(target, Account) else TO_THE_ROOM, NOTICES
    if sent:
        if works and isinstance(target, Account) and sent[-1][0] == f"user_{target.name}":
            asked = "The user's key, user.pk, which is a number: neither their name nor the user."
        return Unmet(f"{seen} The event was for the group {sent[-1][0]}, and none was for {group}.", asked, file)
    errors = [record.exc_info[1] for record in log if record.exc_info]
    if errors:
        return Unmet(f"{seen} The log says: {type(errors[-1]).__name__}: {errors[-1]}", asked, file)
    return Unmet(f"{seen} No event was sent to a group.", asked, file)


def events_with(text, layer):
    """Return what was sent to groups and has this text in it, and is no message: an event without type, for example."""
    return [each for each in layer.sent if text in f"{each[1]}" and each[1].get("message") != "still here"]


async def expect_none(people, *, after, asked, file):
    """Raise Unmet if one of these people has got a notice: each of them speaks, and first hears what came before."""
    for person in people:
        await person.say("still here")
        others, notice = [{}], None
        with contextlib.suppress(TimeoutError):
            while "message" not in others[-1]:
                frame = read(await next_sent(person), person)
                others.append(frame)
                notice = frame.get("notice", notice)
        expect(
            notice is None,
            seen=f"After {after}, {person.name} got the notice {notice!r}.",
            asked=asked,
            file=file,
        )
        expect(
            "message" in others[-1],
            seen=f"After {after}, what {person.name} said didn't come back.",
            asked=asked,
            file=file,
        )


async def expect_at_once(person, within, *, after, asked, file):
    """
    Raise Unmet if a notice reaches this person only because something else wakes the event loop up.

    Nothing else does so here, for this many seconds. In a server something always does, sooner or later.
    """
    queue, frame, loop = person.socket.output_queue, {}, asyncio.get_running_loop()
    event, end = None, loop.time() + within
    while "notice" not in frame:
        event = asyncio.ensure_future(queue.get())
        for _ in range(TURNS):  # what has been sent by this loop is here by then
            await asyncio.sleep(0)
        woken = not event.done()
        if woken:
            await asyncio.wait({event}, timeout=end - loop.time())
            # A computer that stood still meanwhile is nobody's fault.
            woken = 0 <= loop.time() - end < AFTER_SILENCE
            await asyncio.wait({event}, timeout=AFTER_SILENCE)
        if not event.done():
            event.cancel()
            return  # whether it ever comes is for expect_notice()
        frame = read(event.result(), person)
        expect(
            not ("notice" in frame and woken),
            seen=f"After {after}, the notice for {person.name} lay in the mailbox for {within} s, until something else "
            "woke the server's event loop up.",
            asked=asked,
            file=file,
        )
    queue.put_nowait(event.result())  # so that expect_notice() finds it


def delay_other_loops(layer):
    """From now on a thread that runs an event loop of its own takes a moment until it sends: it has no hurry."""
    home, group_send = asyncio.get_running_loop(), layer.group_send

    async def delay_and_send(group, event):
        if asyncio.get_running_loop() is not home:
            await asyncio.sleep(AFTER_SILENCE)
        await group_send(group, event)

    layer.group_send = delay_and_send


async def explain_reminder_lost(unmet, account, layer):
    """Return the Unmet for a reminder that never came: is it remind_later() that begins none?"""
    from chat.notices import remind_later

    if unmet.file != VIEWS or "No event was sent" not in unmet.seen:
        return unmet
    layer.sent.clear()
    with contextlib.suppress(Exception):  # that error is another test's
        await remind_later(account.number, 0, "tea")
    for _ in range(TURNS):
        await asyncio.sleep(0)
    begun = events_with("tea", layer)
    return unmet if begun else UnmetIn(Unmet(unmet.seen, KEPT, NOTICES), {"remind_later"})


# What reaches the server


def sign(room, text, **how):
    """Return a notice as the command sends it."""
    from django.core import signing

    return signing.dumps({"room": room, "text": text}, **{"salt": SALT, **how})


async def request(browser, address, **form):
    """Return the response to a POST. Raises Unmet for an error that is likely where a reminder is asked for."""
    try:
        return await ask(browser, "post", address, **form)
    except (NameError, TypeError) as error:
        raise explain_reminder(error) or error from None


def explain_reminder(error):
    """Return the Unmet for a task that was made of no coroutine, or for a function that isn't imported, or None."""
    import chat.notices

    words, file = words_of(error)
    if isinstance(error, TypeError) and "a coroutine was expected" in words:
        asked = "A task is made of a coroutine: asyncio.create_task(remind(user_id, seconds, text))."
        return Unmet(words, asked, file or NOTICES, sure=True)
    if isinstance(error, NameError) and file == VIEWS and hasattr(chat.notices, f"{error.name}"):
        seen = f"{words}\n       {error.name}() is in {NOTICES}, and {VIEWS} doesn't import it."
        return Unmet(seen, REMINDED_LATER, VIEWS, sure=True)
    return None


def expect_status(response, statuses, *, of, asked, file=VIEWS):
    """Raise Unmet unless the response has one of these statuses."""
    expect(
        response.status_code in statuses,
        seen=f"{of} was answered {response.status_code}.",
        asked=asked,
        file="tutorial/urls.py" if response.status_code == 404 else file,
    )


def expect_command(project):
    """Raise Unmet if the project has no command `announce`."""
    if not (project / COMMAND).is_file():
        raise missing_file(COMMAND, project, "`manage.py announce` is the class Command in this file.")


@contextlib.contextmanager
def in_javascript():
    """For a `with` statement: an `if` of Python that the page's script has is told as such."""
    try:
        yield
    except Unmet as unmet:
        if "SyntaxError" not in unmet.seen or not re.search(r"line \d+: if [^(\s].*:$", unmet.seen, re.MULTILINE):
            raise
        asked = "JavaScript has a condition in brackets, and what depends on it in braces: if (…) { … }"
        told = Unmet(unmet.seen, asked, unmet.file, sure=True)
        told.page = unmet.page
        raise told from None


@contextlib.asynccontextmanager
async def serving(application):
    """For a `with` statement: uvicorn serves the project, in this event loop. Gives its host and port."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(application, lifespan="off", ws="none", log_config=None)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


# Time


class LongSleeps:
    """
    Whoever would sleep for a second or longer, by asyncio.sleep(), sleeps until the test wakes them.

    Meanwhile nobody holds them: no timer of the event loop does, as one often does in a server, but not always.
    """

    def __init__(self, monkeypatch):
        self.sleepers, self.sleep, self.callers = [], asyncio.sleep, set()
        monkeypatch.setattr(asyncio, "sleep", self.sleep_until_woken)

    async def sleep_until_woken(self, delay, result=None):
        if delay < 1:
            return await self.sleep(delay, result)
        frame = sys._getframe(1)
        while frame:
            self.callers.add(frame.f_code.co_name)
            frame = frame.f_back
        future = asyncio.get_running_loop().create_future()
        self.sleepers.append(weakref.ref(future))
        return await future

    @property
    def lost(self):
        """Whether somebody who slept is there no longer."""
        return any(sleeper() is None for sleeper in self.sleepers)

    def wake(self):
        for sleeper in self.sleepers:
            future = sleeper()
            if future is not None and not future.done():
                future.set_result(None)


async def at_once(coroutine, sleeps, *, of, asked):
    """Return a request's response. Raises Unmet if it doesn't come before those who sleep are woken."""
    task = asyncio.ensure_future(coroutine)
    await wait_for_one({task}, TIMEOUT)
    if not task.done():
        waited = bool(sleeps.sleepers)
        sleeps.wake()
        await task
        if waited and "remind_later" in sleeps.callers:
            raise Unmet(f"{of} was answered only when the time was over: remind_later() waited for it.", KEPT, NOTICES)
        expect(not waited, seen=f"{of} was answered only when the time was over.", asked=asked, file=VIEWS)
    return await task
