"""
Write a test of your own, in `chat/tests.py`, with Django's own classes: it proves that somebody who comes late gets
what was said. `python manage.py test chat` has to pass. It has to fail in a chat that forgets, where `latest()` in
`chat/history.py` returns nothing.
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


def manage(folder):
    """Run the student's tests in a folder, and return the finished process, with all that it said in its stdout."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "manage.py", "test", "--no-input", "chat"],
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


@pytest.fixture(scope="module")
def own_run(pytestconfig):
    """The student's tests, which have run on the student's project. Raises Unmet if there is none."""
    asked = "A class that inherits from django.test.TransactionTestCase, and in it methods: async def test_…(self)."
    there = (pytestconfig.project / FILE).is_file()
    expect(there, seen=f"There is no {FILE}.", asked=asked, file=FILE)
    run = manage(pytestconfig.project)
    nothing = "`python manage.py test chat` found no test."
    expect(not re.search(r"^(Ran 0 tests|NO TESTS RAN)", run.stdout, re.M), seen=nothing, asked=asked, file=FILE)
    return run


def test_your_test_passes(own_run):
    """`python manage.py test chat` runs your test, and it passes."""
    asked = "A test that connects, speaks, connects once more and looks at the history. It passes in your project."
    if "closed" in what_failed(own_run.stdout):
        asked = (
            "TransactionTestCase in place of TestCase: the chat closes connections, and with a TestCase's connection "
        )
        asked += "goes the transaction that it puts around each test."
    said = f"Your tests fail. They end with: {what_failed(own_run.stdout)}"
    expect(own_run.returncode == 0, seen=said, asked=asked, file=FILE)


def test_your_test_notices_a_chat_that_forgets(own_run, pytestconfig, tmp_path):
    """In a chat whose latest() returns nothing, your test fails: it proves what it says."""
    expect(
        own_run.returncode == 0,
        seen="Your tests fail in your own chat, which remembers.",
        asked="First they pass. Only then it proves something that they fail in a chat that forgets.",
        file=FILE,
    )
    forgetful = tmp_path / "forgetful"
    shutil.copytree(pytestconfig.project, forgetful, ignore=shutil.ignore_patterns("__pycache__", ".*", "db.sqlite3"))
    with (forgetful / "chat" / "history.py").open("a", encoding="utf-8") as history:
        history.write(FORGETS)
    expect(
        manage(forgetful).returncode != 0,
        seen="In a chat that forgets everything, because latest() returns [], your tests pass all the same.",
        asked="Your test looks into the history of somebody who comes after something was said: "
        'assertEqual(…, ["hello"]).',
        file=FILE,
    )
