"""
The project that all further stages leave, one after the other, on a real server, and the people who are in it.
"""

import asyncio
import contextlib
import http.client
import json
import random
import re
import sqlite3
import subprocess
import sys
import uuid
from urllib.parse import urlencode

import running
from running import Server
from websockets.exceptions import ConnectionClosed, InvalidMessage
from workshop.lesson.files import write_files
from workshop.lesson.stages import BUILDS_ON, built_on

CROWD = 200
PASSWORD = "only for these tests"

# Django's own takes a good part of a second, on purpose, for each password that it checks.
QUICK_PASSWORDS = '\nPASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]\n'

# Makes the tables, the people and a session for each of them, and prints {name: session key}.
SET_UP = f"""
import json, os
os.environ["DJANGO_SETTINGS_MODULE"] = "tutorial.settings"
import django
django.setup()
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import transaction

call_command("migrate", verbosity=0)
password = make_password({PASSWORD!r})
names = ["ada", "bob", "carol", "dave", "eve", "frank", "teacher", *(f"person-{{n}}" for n in range({CROWD}))]
User.objects.bulk_create(User(username=name, password=password) for name in names)
User.objects.filter(username="teacher").update(is_staff=True, is_superuser=True)
Group.objects.create(name="club").user_set.add(User.objects.get(username="carol"))
sessions = {{}}
with transaction.atomic():
    for user in User.objects.all():
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        sessions[user.username] = session.session_key
print(json.dumps(sessions))
"""


def write_project(folder):
    """Write the project, with a quicker way to check passwords."""
    write_files(built_on(tuple(BUILDS_ON)), folder)
    with (folder / "tutorial" / "settings.py").open("a", encoding="utf-8") as settings:
        settings.write(QUICK_PASSWORDS)


def make_people(folder, environment=None):
    """Make the project's tables and its people, and return {name of a person: key of their session}."""
    command = [sys.executable, "-c", SET_UP]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


async def hear(socket):
    """Return the next frame that arrives and is not about who is here."""
    while True:
        frame = await running.hear(socket)
        if not {"people", "here", "gone", "typing"} & set(frame):
            return frame


class Peopled:
    """A server of this project on a `port`: `folder` is the project's, and `sessions` are its people's."""

    process_environment = None  # of manage.py, if it isn't this process's

    def manage(self, *arguments):
        """Run manage.py in a process of its own, as on the server."""
        command = [sys.executable, "-X", "utf8", "manage.py", *arguments]
        ran = subprocess.run(
            command, cwd=self.folder, env=self.process_environment, capture_output=True, encoding="utf-8", timeout=30
        )
        assert ran.returncode == 0, ran.stderr

    @contextlib.contextmanager
    def database(self):
        with contextlib.closing(sqlite3.connect(self.folder / "db.sqlite3", timeout=20)) as connection, connection:
            yield connection

    def said(self, room):
        """Return the room's history, read past the chat from its database: what a client gets of each message."""
        with self.database() as database:
            rows = database.execute(
                "SELECT text, chat_message.name, number FROM chat_message JOIN chat_room ON chat_room.id = room_id "
                "WHERE chat_room.name = ? ORDER BY number",
                [room],
            ).fetchall()
        return [{"message": text, "name": name, "number": number} for text, name, number in rows]

    def expected_log(self, room):
        return "".join(f"▸ {each['name'] or '(not logged in)'}: {each['message']}\n" for each in self.said(room))

    def enter_as(self, name, room, **options):
        """Open a socket with the cookie that this person has."""
        return self.enter(room, additional_headers=self.cookie(name), **options)

    def cookie(self, name):
        return {"Cookie": f"sessionid={self.sessions[name]}"}

    def post(self, path, content, **headers):
        """POST this content as a form would."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        with contextlib.closing(connection):
            connection.request("POST", path, urlencode(content), headers)
            response = connection.getresponse()
            response.text = response.read().decode()
            return response

    def get_token(self, name):
        return json.loads(self.post("/accounts/token/", {"username": name, "password": PASSWORD}).text)["token"]


class FurtherServer(Peopled, Server):
    """`manage.py runserver` with this project."""

    def __init__(self, folder):
        super().__init__(folder, write_project=self.write_project)

    def write_project(self, folder):
        write_project(folder)
        self.sessions = make_people(folder)

    def log_in(self, name):
        """Log in with a password, as on another computer."""
        page = self.get("/accounts/login/")
        csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        form = {"csrfmiddlewaretoken": csrf, "username": name, "password": PASSWORD}
        assert self.post("/accounts/login/", form, Cookie=page.getheader("Set-Cookie").partition(";")[0]).status == 302

    def log_out(self, name):
        """Log out with the cookie that this person has, as the page's button does."""
        page = self.get_room("lobby", **self.cookie(name))
        csrf = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        cookie = f"{self.cookie(name)['Cookie']}; {page.getheader('Set-Cookie').partition(';')[0]}"
        assert self.post("/accounts/logout/", {"csrfmiddlewaretoken": csrf}, Cookie=cookie).status == 302


class Member:
    """One of the crowd: a client that does what the page does, and may lose its connection after some frames."""

    def __init__(self, server, number, leaves_after=None, chance=random, expected=CROWD):
        self.server, self.name, self.expected = server, f"person-{number}", expected
        self.leaves_after, self.pause = leaves_after, chance.uniform(0, 1)
        self.heard = []  # the log: what was said, each once
        self.outbox = [{"message": f"I am {self.name}", "id": uuid.uuid4().hex}]
        self.connections = self.frames = self.resent = self.replayed = 0
        self.asking = False
        self.is_here, self.has_heard_half = asyncio.Event(), asyncio.Event()

    @property
    def newest(self):
        return len(self.heard)  # the numbers have no holes, and begin with 1

    async def take_part(self, begin):
        """Say one message once everyone is here, and stay until everything that everyone says is in the log."""
        while self.newest < self.expected or self.outbox:
            # InvalidMessage: daphne gives up after 5 s, if a busy server has no answer to a handshake by then.
            with contextlib.suppress(ConnectionClosed, InvalidMessage):
                async with self.server.enter_as(self.name, "crowd") as socket:
                    self.connections += 1
                    self.asking = False
                    if begin.is_set():
                        self.resent += len(self.outbox)
                    else:
                        assert await hear(socket) == {"history": []}
                        self.is_here.set()
                        await begin.wait()
                    for each in self.outbox:
                        await socket.send(json.dumps(each))
                    await self.listen(socket)
                    if self.frames == self.leaves_after:
                        socket.transport.abort()
            if self.frames == self.leaves_after:
                self.leaves_after = None
                await asyncio.sleep(self.pause)  # as long as the page waits, more or less

    async def listen(self, socket):
        while (self.newest < self.expected or self.outbox) and self.frames != self.leaves_after:
            frame = await hear(socket)
            self.frames += 1
            if "ack" in frame:
                self.outbox = [each for each in self.outbox if each["id"] != frame["ack"]]
            elif "later" in frame:
                self.asking = False
                before = self.newest
                for each in frame["later"]:
                    self.show_once(each)
                self.replayed += self.newest - before
                if frame["later"]:
                    await self.ask(socket)
            else:
                for each in frame.get("history", [frame]):
                    if each["number"] > self.newest + 1:
                        await self.ask(socket)
                    else:
                        self.show_once(each)

    def show_once(self, said):
        if said["number"] > self.newest:
            self.heard.append(said)
            if self.newest == self.expected // 2:
                self.has_heard_half.set()

    async def ask(self, socket):
        if not self.asking:
            self.asking = True
            await socket.send(json.dumps({"after": self.newest}))
