"""
Write a test of your own, in `chat/tests.py`, with Django's own classes: it proves that somebody who comes late gets
what was said. `python manage.py test chat` has to pass. It has to fail in a chat that forgets, where `latest()` in
`chat/history.py` returns nothing. The check runs each of your tests twice, with a file as the test database.
"""

import re
import shutil
import subprocess
import sys

import pytest
from stage import expect

FILE = "chat/tests.py"
STAGE = 11
SOLUTION = [
    (
        "chat/tests.py",
        "",
        '''\
import json

from channels.testing import WebsocketCommunicator
from django.test import TransactionTestCase

from tutorial.routing import application

HEADERS = [(b"host", b"localhost"), (b"origin", b"http://localhost")]


class HistoryTests(TransactionTestCase):
    """No TestCase: the chat closes connections, and with them goes the transaction that TestCase puts around a test."""

    async def come(self):
        """Connect to the room, and return the socket and the first frame that comes."""
        socket = WebsocketCommunicator(application, "/ws/chat/lobby/", headers=HEADERS)
        accepted, _ = await socket.connect()
        self.assertTrue(accepted)
        return socket, json.loads(await socket.receive_from())

    async def test_who_comes_late_gets_what_was_said(self):
        alice, _ = await self.come()
        await alice.send_to(json.dumps({"message": "hello"}))
        await alice.receive_from()  # so it is remembered
        bob, first = await self.come()
        self.assertEqual([message["message"] for message in first["history"]], ["hello"])
        for socket in (alice, bob):
            await socket.disconnect()
''',
    ),
]

FORGETS = """

async def latest(room_name, *arguments, **options):
    return []
"""

# With these, the student's tests run as they do one day: the test database can be closed, and another test follows.
SETTINGS = """
from tutorial.settings import *

DATABASES["default"]["TEST"] = {"NAME": BASE_DIR / "test.sqlite3"}
TEST_RUNNER = "runner_of_the_check.Twice"
"""
RUNNER = """
from django.test import SimpleTestCase, TestCase
from django.test.runner import DiscoverRunner, iter_test_cases


class Twice(DiscoverRunner):
    def build_suite(self, *arguments, **options):
        twice = self.test_suite()
        for test in iter_test_cases(super().build_suite(*arguments, **options)):
            twice.addTest(test)
            if isinstance(test, SimpleTestCase):
                twice.addTest(type(test)(test._testMethodName))
            if isinstance(test, TestCase):
                print(f"{type(test).__name__} is a TestCase.")
        return twice
"""

OF_DJANGO = "A class that inherits from django.test.TransactionTestCase, and in it methods: async def test_…(self)."


def copy(project, folder):
    """Copy the project, and add what the check runs it with."""
    shutil.copytree(project, folder, ignore=shutil.ignore_patterns("__pycache__", ".*", "*.sqlite3"))
    for name, text in {"settings_of_the_check.py": SETTINGS, "runner_of_the_check.py": RUNNER}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def manage(folder):
    """Run the student's tests in such a copy, and return the finished process, with all that it said in its stdout."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "manage.py", "test", "--no-input", "--settings=settings_of_the_check", "chat"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=60,
    )


def what_failed(output):
    """Return the last error in what the tests said, or the last line."""
    lines = [line for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.partition(":")[0].endswith(("Error", "Exception", "Operation"))]
    return (errors or lines or ["nothing"])[-1]


def why(output, text):
    """
    Return what the tests said besides about the reason, and what is asked: ("", None) if nothing is known.

    `text` is what the student's file holds.
    """
    error = what_failed(output)
    forgotten = re.search(r"coroutine '(?:\w+\.)*(\w+)' was never awaited", output)
    if forgotten and f"{forgotten[1]}(" in text:
        told = f" Python warns: {forgotten[0]}."
        return told, OF_DJANGO if forgotten[1].startswith("test") else f"Write `await` before {forgotten[1]}(…)."
    if refused := re.search(r"^Refused .+", output, re.MULTILINE):
        asked = "A socket that the chat accepts: its path, and the headers host and origin, are those of a page."
        return f" The socket was refused. The log says: {refused[0]}", asked
    if "closed database" in error:
        return "", (
            "TransactionTestCase in place of TestCase: the chat closes connections, and with a TestCase's connection "
            "goes the transaction that it puts around each test."
        )
    if error.endswith("TimeoutError"):
        return " Nothing came where a frame was awaited. Was the socket accepted?", (
            "`accepted, _ = await socket.connect()` and assertTrue(accepted) come first. Then receive_from() is called "
            "as often as a frame comes."
        )
    if "no such table" in error and "Creating test database" not in output:
        return " No test database was made.", OF_DJANGO
    return "", None


@pytest.fixture(scope="module")
def own_run(pytestconfig, tmp_path_factory):
    """The student's tests, which have run on the student's project. Raises Unmet if there is none."""
    there = (pytestconfig.project / FILE).is_file()
    expect(there, seen=f"There is no {FILE}.", asked=OF_DJANGO, file=FILE)
    run = manage(copy(pytestconfig.project, tmp_path_factory.mktemp("own") / "project"))
    nothing = "`python manage.py test chat` found no test."
    expect(not re.search(r"^(Ran 0 tests|NO TESTS RAN)", run.stdout, re.M), seen=nothing, asked=OF_DJANGO, file=FILE)
    return run


@pytest.fixture
def own_text(pytestconfig):
    """What the student's file holds."""
    return (pytestconfig.project / FILE).read_text(encoding="utf-8", errors="replace")


def test_your_test_passes(own_run, own_text):
    """`python manage.py test chat` runs your test, and it passes, with the test database in a file, too, and twice."""
    told, asked = why(own_run.stdout, own_text)
    how = ""
    if "Creating test database" in own_run.stdout:
        how = " in the check, which runs each of them twice, with a file as the test database"
    said = what_failed(own_run.stdout).rstrip(".")
    expect(
        own_run.returncode == 0,
        seen=f"Your tests fail{how}. They end with: {said}.{told}",
        asked=asked
        or "A test that connects, speaks, connects once more and looks at the history. It passes in your project.",
        file=FILE,
    )
    # A TestCase with this function replaced keeps its connection: a way out that is known.
    in_a_transaction = re.search(r"^(\w+) is a TestCase\.$", own_run.stdout, re.MULTILINE)
    expect(
        not in_a_transaction or "close_old_connections" in own_text,
        seen=f"{in_a_transaction and in_a_transaction[1]} inherits from TestCase, which puts a transaction around each "
        "test.",
        asked="TransactionTestCase: as soon as somebody leaves, by disconnect(), the connection is closed. In a "
        "TestCase the transaction goes with it, and where the test database isn't in memory, the next query fails.",
        file=FILE,
    )


def test_your_test_notices_a_chat_that_forgets(own_run, own_text, pytestconfig, tmp_path):
    """In a chat whose latest() returns nothing, your test fails: it proves what it says."""
    expect(
        own_run.returncode == 0,
        seen="Your tests fail in your own chat, which remembers.",
        asked="First they pass. Only then it proves something that they fail in a chat that forgets.",
        file=FILE,
    )
    forgetful = copy(pytestconfig.project, tmp_path / "forgetful")
    with (forgetful / "chat" / "history.py").open("a", encoding="utf-8") as history:
        history.write(FORGETS)
    told, asked = why(own_run.stdout, own_text)
    expect(
        manage(forgetful).returncode != 0,
        seen="In a chat that forgets everything, because latest() returns [], your tests pass all the same." + told,
        asked=asked
        or "Your test looks into the history of somebody who comes after something was said: "
        'assertEqual(…, ["hello"]).',
        file=FILE,
    )
