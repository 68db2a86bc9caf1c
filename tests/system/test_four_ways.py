"""
One scenario in four ways: with events by hand, the test communicator, a real client, and a browser. The recordings
prove that they are all the same to the application.

Alice and Bob join the lobby, Alice says hello, both hear it, and Bob leaves, then Alice.
"""

import json
import subprocess
import sys

import pytest
from running import REPOSITORY, Server, hear, say
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_internals import Socket
from waiting import until

sys.path.insert(0, str(REPOSITORY / "notebooks"))

HELLO = (REPOSITORY / "tests" / "lesson" / "recordings" / "hello.txt").read_text(encoding="utf-8").strip()
PATH = "/ws/chat/lobby/"


class RecordedServer(Server):
    """runserver that records all traffic to a file, as serve(record=…) does in a notebook."""

    stdin = subprocess.PIPE  # the server ends when the test closes the other end

    def __init__(self, folder):
        super().__init__(folder, WORKSHOP_RECORDING=str(folder / "steps"), WORKSHOP_NAMES=json.dumps(["Alice", "Bob"]))
        (folder / "steps").touch()
        child = REPOSITORY / "notebooks" / "workshop" / "processes" / "runserver.py"
        self.command = [sys.executable, str(child), f"127.0.0.1:{self.port}"]

    def recording(self):
        from workshop.recording import Recording

        return Recording.read(self.folder / "steps")

    def until_everybody_left(self, number):
        """Wait until so many have left: the server may be a moment behind its clients."""
        until(
            lambda: sum(step["what"] == "group_discard" for step in self.recording().steps) == number,
            f"{number} have left",
        )


@pytest.fixture
def recorded_server(tmp_path):
    server = RecordedServer(tmp_path).start()
    yield server
    server.kill()
    server.process.stdin.close()
    server.close()


async def test_with_events_by_hand(application, layer):
    from workshop.recording import Recording

    recording = Recording("Alice", "Bob")
    recorded = recording.start(application)

    headers = [(b"origin", b"http://localhost")]
    alice = Socket(recorded, path=PATH, headers=headers)
    assert (await alice.hear())["type"] == "websocket.accept"
    bob = Socket(recorded, path=PATH, headers=headers)
    assert (await bob.hear())["type"] == "websocket.accept"
    alice.events.put_nowait({"type": "websocket.receive", "text": json.dumps({"message": "hello"})})
    assert await alice.hear() == await bob.hear() == {"type": "websocket.send", "text": '{"message": "hello"}'}
    for person in (bob, alice):
        await person.leave()
    assert recording.text() == HELLO


async def test_with_the_communicator(layer):
    from workshop.recording import Scene

    scene = Scene("Alice", "Bob")
    alice, bob = await scene.join("Alice"), await scene.join("Bob")
    await alice.say("hello")
    assert await alice.hear() == await bob.hear() == {"message": "hello"}
    await bob.leave()
    await alice.leave()
    assert scene.recording.text() == HELLO


async def test_with_a_real_client(recorded_server):
    async with recorded_server.open(PATH) as alice:
        async with recorded_server.open(PATH) as bob:
            await say(alice, "hello")
            assert await hear(alice) == await hear(bob) == {"message": "hello"}
        recorded_server.until_everybody_left(1)
    recorded_server.until_everybody_left(2)
    assert recorded_server.recording().text() == HELLO


@pytest.mark.xdist_group("browser 3")
def test_with_a_browser(recorded_server, browser):
    windows = []
    for number in range(2):
        if number:
            browser.switch_to.new_window("tab")
        windows.append(browser.current_window_handle)
        browser.get(f"{recorded_server.url}/chat/lobby/")
        until(lambda: browser.find_element(By.ID, "chat-status").text == "Connected.", "the window is connected")
    browser.switch_to.window(windows[0])
    browser.find_element(By.ID, "chat-message-input").send_keys("hello", Keys.ENTER)
    for window in windows:
        browser.switch_to.window(window)
        log = browser.find_element(By.ID, "chat-log")
        until(lambda log=log: log.get_property("value") == "hello\n", "the window shows the message")
    for left, window in enumerate(reversed(windows), start=1):
        browser.switch_to.window(window)
        # A closed window sends 1001, going away. Here the page sends what the other three send.
        browser.execute_script("socket.onclose = null; socket.close(1000);")
        recorded_server.until_everybody_left(left)
    # The one difference is that a browser writes JSON without spaces.
    assert recorded_server.recording().text().replace('{"message":"hello"}', '{"message": "hello"}') == HELLO
