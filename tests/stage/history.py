"""What is remembered: the frames that a room's history comes in, and a database that can be held, or die."""

import ast
import contextlib
import json
import threading
import types
from pathlib import Path

from asgiref.sync import ThreadSensitiveContext, sync_to_async

from stage.code import read_code
from stage.errors import find_coroutine, missing_file, values_in
from stage.expectations import Unmet, expect
from stage.people import AFTER_SILENCE, Person, next_event

CONSUMER = "chat/consumers.py"
HISTORY = "chat/history.py"
JOINED = "The socket of a room is accepted."
ON_COMING = (
    'As soon as it has accepted a socket, connect() sends its client one frame: {"history": […]}, with the last 20 '
    "messages of this room, oldest first."
)
ON_ASKING = '{"before": 51} is answered, to this client alone, with {"earlier": […]}: the last 20 messages before 51.'


class Patient(Person):
    """Somebody who waits for an answer as long as the database has something to do: a slow disk is nobody's fault."""

    at_least = 0  # seconds: more, where the database works in threads of its own

    async def any_event(self, patience):
        try:
            return await next_event(self.socket, max(self.at_least, patience or Person.patience))
        except TimeoutError:
            for _ in range(20):  # more turns than an answer takes, each behind what the database's thread has to do
                await sync_to_async(int)()
        try:
            return await next_event(self.socket, AFTER_SILENCE)
        except TimeoutError:
            Person.patience = AFTER_SILENCE
            raise

    async def hear(self, **words):
        """Return the next frame, decoded: see Person. A TypeError is told where the value comes from."""
        try:
            return await super().hear(**words)
        except TypeError as error:
            project = project_folder()
            told = find_coroutine(error, project) or find_user(error, project)
            if told is None:
                raise
            raise told from error


def project_folder():
    from django.apps import apps

    return Path(apps.get_app_config("chat").path).parent


def find_user(error, project):
    """Return an Unmet for an error about a user, or a user's method, in a frame where the name should be, or None."""
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    named = [value["name"] for value in values_in(error) if type(value) is dict and "name" in value]
    name, what, how = next(iter(named), None), "the user itself", ""
    if isinstance(name, types.MethodType):  # get_username, without parentheses
        name, what, how = name.__self__, f"the method {name.__name__} itself, not called,", f".{name.__name__}"
    if "JSON" not in str(error) or not isinstance(name, (AbstractBaseUser, AnonymousUser)):
        return None
    seen = f"{type(error).__name__}: {error}. The name in this frame is {what} and no text."
    code = read_code(project)
    calls = [call for call in code.walk(CONSUMER, ast.Call) if ast.unparse(call.func) == "remember"]
    given = [ast.unparse(value) for call in calls for value in [*call.args, *(each.value for each in call.keywords)]]
    if len(calls) == 1 and f"self.scope['user']{how}" in given:
        seen += f" remember() gets it here:{code.place(CONSUMER, calls[0].lineno)}"
    return Unmet(seen, 'A message\'s name is self.scope["user"].get_username(), a text.', CONSUMER, sure=True)


def short(value):
    """Return a value for a failure's words."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:118]}…"


def texts(messages):
    """Return what was said, without its numbers and names."""
    return [message["message"] for message in messages]


def range_of(messages):
    """Return the texts of some messages in a few words: 20 messages, from "6" to "25"."""
    said = [message["message"] for message in messages]
    if len(said) < 6:
        return short(said)
    return f'{len(said)} messages, from "{said[0]}" to "{said[-1]}"'


def messages_in(frame, key, *, after, asked, file=CONSUMER):
    """Return the messages in a frame's list, or raise Unmet if it has none. A message may have keys besides."""
    got = f"After {after} came {short(frame)}"
    expect(isinstance(frame, dict) and key in frame, seen=f'{got}, which has no "{key}".', asked=asked, file=file)
    messages = frame[key]
    expect(
        isinstance(messages, list) and all(isinstance(message, dict) for message in messages),
        seen=f'{got}: its "{key}" is no list of objects.',
        asked=f"{asked} Each message in it is an object.",
        file=file,
    )
    for message in messages:
        missing = [name for name in ("message", "number") if name not in message]
        expect(
            not missing,
            seen=f'{got}: a message in it has no "{"".join(missing[:1])}".',
            asked="Each message in it is what said() returns: its message, its name and its number.",
            file=HISTORY,
        )
    return messages


async def come(person, *, asked=ON_COMING, file=CONSUMER):
    """Connect, and return the messages of the history that comes. Raises Unmet if none comes."""
    await person.join(asked=JOINED, file=CONSUMER)
    after = f"{person.name} came to the room"
    frame = await person.hear(after=after, asked=asked, file=file)
    return messages_in(frame, "history", after=after, asked=asked, file=file)


async def ask(person, number, *, question="before", answer="earlier", asked=ON_ASKING, file=CONSUMER):
    """Ask for what was said before this message, and return the messages that come."""
    frame = json.dumps({question: number})
    await person.send(text=frame)
    after = f"{person.name} sent {frame}"
    return messages_in(await person.hear(after=after, asked=asked, file=file), answer, after=after, asked=asked)


async def say(person, text, *listeners):
    """Say something, and wait until all of them have heard it: return the frame that the last of them got."""
    await person.say(text)
    for listener in listeners or [person]:
        asked = "What is said reaches everyone in the room, and is remembered."
        frame = await hear_stored(listener, after=f"{person.name} said {text!r}", asked=asked, file=CONSUMER, of=person)
        heard = frame.get("message") if isinstance(frame, dict) else None
        seen = f"{person.name} said {text!r}, and {listener.name} got {short(frame)}."
        expect(heard == text, seen=seen, asked=asked, file=CONSUMER)
    return frame


async def hear_stored(listener, **words):
    """Return the next frame. If nothing comes, look whether a message is stored with a number that nobody may have."""
    from chat.models import Message

    try:
        return await listener.hear(**words)
    except Unmet as unmet:
        if "got nothing" not in unmet.seen:
            raise
        message = await Message.objects.filter(number__lt=1).afirst()
        if message is None:
            raise
        raise Unmet(
            f"{unmet.seen} {short(message.text)} is stored with the number {message.number}.",
            "A room's first message has the number 1: chat_msg() skips what has no greater number than the history's "
            "last message, and that is 0 in an empty room. update() changes the row in the database, and not the room "
            "that Python has: room.refresh_from_db() reads it again.",
            HISTORY,
        ) from None


def look_for_models(project):
    """Return the project's chat.models. Raises Unmet if there is no such file, or its tables are missing."""
    try:
        from chat import models
    except ModuleNotFoundError:
        asked = "The file that the notebook's cell writes: run that cell."
        raise missing_file("chat/models.py", project, asked) from None
    look_for_tables()
    return models


def look_for_tables():
    """Raise Unmet if the chat has models, and all migrations have made no table for one of them."""
    from django.apps import apps
    from django.db import connection

    tables = connection.introspection.table_names()
    missing = [model for model in apps.get_app_config("chat").get_models() if model._meta.db_table not in tables]
    expect(
        not missing,
        seen=f"chat/models.py has the model {missing and missing[0].__name__}, and no migration makes a table for it.",
        asked='python("manage.py", "makemigrations", "chat") writes the migration into chat/migrations/.',
        file="chat/models.py",
    )


async def fill(room, count, text="{}"):
    """Let this many messages have been said in a room, long ago: "1", "2", "3"…"""
    from chat.models import Message, Room

    kept = await Room.objects.acreate(name=room, last_number=count)
    rows = [Message(room=kept, number=number, text=text.format(number)) for number in range(1, count + 1)]
    await Message.objects.abulk_create(rows)


# The database


def apart(application):
    """Return an application that works as in a process of its own: its database has a thread to itself."""

    async def in_a_thread_of_its_own(scope, receive, send):
        from django.db import connections

        async with ThreadSensitiveContext():
            try:
                await application(scope, receive, send)
            finally:
                await sync_to_async(connections.close_all)()

    return in_a_thread_of_its_own


async def let_the_connection_die():
    """Do to the database's connection what a server does that restarts: it is closed, and Django doesn't know."""
    from django.db import connection

    def die():
        connection.ensure_connection()
        connection.connection.close()

    await sync_to_async(die)()


async def close_connections():
    """Close the connections of the thread in which async code has its database: a dead one is no other test's."""
    from django.db import connections

    await sync_to_async(connections.close_all)()


@contextlib.asynccontextmanager
async def around_each_query(wrapper):
    """During an `async with`, call wrapper(execute, sql) for each query, in whichever thread it runs."""
    from django.db.backends.signals import connection_created

    def wrapped(execute, sql, params, many, context):
        return wrapper(lambda: execute(sql, params, many, context), sql)

    wrapping = []

    def on_connect(connection, **kwargs):
        if wrapped not in connection.execute_wrappers:
            connection.execute_wrappers.append(wrapped)
            wrapping.append(connection)

    await close_connections()  # so that the next query makes a connection
    connection_created.connect(on_connect)
    try:
        yield
    finally:
        connection_created.disconnect(on_connect)
        for connection in wrapping:
            connection.execute_wrappers.remove(wrapped)


class Held:
    """
    A database that doesn't answer until it is let go: each query on the chat's tables waits, in its own thread.

    A query in the thread of the event loop goes on, for it would wait for itself, and is noted in `in_the_loop`.
    """

    def __init__(self):
        self.loop_thread = threading.get_ident()
        self.waiting, self._free = threading.Event(), threading.Event()
        self.in_the_loop = []

    def query(self, execute, sql):
        """Wait, then execute: for around_each_query()."""
        if "chat_" in sql and not self._free.is_set():
            if threading.get_ident() == self.loop_thread:
                self.in_the_loop.append(sql)
            else:
                self.waiting.set()
                self._free.wait(10)
        return execute()

    def let_go(self):
        self._free.set()


class InStep:
    """Two threads in step: neither goes on after a SELECT or an UPDATE until the other has done one, too."""

    def __init__(self, patience=0.05):
        self.patience = patience  # seconds. Where one waits for the other's transaction, it comes no further
        self._both = threading.Barrier(2)

    def query(self, execute, sql):
        """Execute, then wait for the other: for around_each_query()."""
        result = execute()
        if sql.startswith(("SELECT", "UPDATE")) and "chat_" in sql:
            try:
                self._both.wait(self.patience)
            except threading.BrokenBarrierError:
                with contextlib.suppress(threading.BrokenBarrierError):
                    self._both.reset()
        return result
