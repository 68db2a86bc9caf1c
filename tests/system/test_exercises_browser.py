"""
The last three exercises, solved one after another in the same chat, in a real browser: who is in the room, the last
messages, and names.
"""

import pytest
from exercises.solve import EXERCISES, solve
from running import Server
from waiting import until
from window import Window, assert_an_error_gives_back_its_message, assert_no_complaints

pytestmark = pytest.mark.xdist_group("browser 3")

LAST = [name for name in EXERCISES if name.startswith("9_")]


class Chatter(Window):
    """A window of the chat with the three solutions."""

    @property
    def here(self):
        return self.element("chat-here").text

    def until_here(self, words):
        until(lambda: words in self.here, f"the page says {words!r} (it says {self.here!r})")

    def say_as(self, name, message):
        """Type the name, then the message, and press Enter."""
        self.element("chat-name-input").clear()
        self.element("chat-name-input").send_keys(name)
        self.element("chat-message-input").click()
        self.post(message)


@pytest.fixture
def server(tmp_path):
    """The chat with the three solutions. No test may cause a traceback in it."""
    server = Server(tmp_path)
    files = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for folder in ("chat", "tutorial")
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    }
    for name in LAST:
        files = solve(EXERCISES[name], files)
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    try:
        yield server.start()
        assert "Traceback" not in server.whole_log()
    finally:
        server.close()


@pytest.fixture
def enter(browser, server):
    """Return a function that opens one more window on the lobby."""
    windows = []

    def enter():
        if windows:
            browser.switch_to.new_window("window")
        windows.append(Chatter(browser))
        windows[-1].enter(server, "lobby")
        return windows[-1]

    return enter


def test_names_the_number_and_the_last_messages_go_together(enter):
    alice, bob = enter(), enter()
    for window in (alice, bob):
        window.until_here("2 people")
    alice.say_as("Alice", "hello")
    bob.say_as("Bob", "hello yourself")
    alice.post("I am Alice still")
    bob.say_as("", "and I am nobody now")
    said = "Alice: hello\nBob: hello yourself\nAlice: I am Alice still\nand I am nobody now\n"
    for window in (alice, bob):
        until(lambda window=window: len(window.log) == len(said), f"everything is in the log: {window.log!r}")
        assert sorted(window.log.splitlines()) == sorted(said.splitlines())
        assert window.typed == window.error == ""

    carol = enter()
    carol.until_log(alice.log)
    for window in (alice, bob, carol):
        window.until_here("3 people")
    carol.look().close()
    bob.until_here("2 people")
    bob.look().close()
    alice.until_here("Nobody else")
    assert_no_complaints(alice.look())


def test_the_page_knows_its_own_messages_and_gives_back_the_others(enter, server):
    window = enter()
    window.say_as("Alice", "this arrives")
    window.until_log("Alice: this arrives\n")
    server.freeze()
    window.post("did this arrive?")
    until(lambda: window.typed == "", "the page has sent it")
    server.kill()
    until(lambda: window.typed == "did this arrive?", "it alone is back in the input, without the name")
    assert "may not have arrived" in window.error
    assert window.here == ""
    server.start()
    window.until_connected()
    window.element("chat-message-input").submit()
    window.until_log("Alice: this arrives\nAlice: did this arrive?\n")
    assert window.error == ""


def test_messages_typed_while_disconnected_are_sent_once_with_the_name_of_that_moment(enter, server):
    window = enter()
    window.say_as("Alice", "before")
    window.until_log("Alice: before\n")
    server.stop()
    window.until_away()
    window.say_as("Alice", "meanwhile")
    window.say_as("Bob", "meanwhile too")
    server.start()
    window.until_connected()
    window.post("after")
    window.until_log("Alice: before\nAlice: meanwhile\nBob: meanwhile too\nBob: after\n")
    assert window.typed == window.error == ""


def test_an_error_gives_back_its_message_without_the_name(enter, server):
    window = enter()
    window.say_as("Alice", "before")
    window.until_log("Alice: before\n")
    assert_an_error_gives_back_its_message(window, server, log="Alice: before\nAlice: one\nAlice: two\n")


def test_a_page_that_reconnects_shows_what_it_missed_and_nothing_twice(enter):
    alice, bob = enter(), enter()
    for message in ("one", "two"):
        alice.post(message)
        bob.until_log("one\n" if message == "one" else "one\ntwo\n")
    bob.look().execute_script(
        "pause = 1e9; socket.close()"
    )  # without the pause it would reconnect before anybody says anything
    bob.until_away()
    assert bob.here == ""
    alice.until_here("Nobody else")
    alice.post("three")
    alice.until_log("one\ntwo\nthree\n")
    bob.look().execute_script("connect()")
    bob.until_here("2 people")
    alice.post("four")
    for window in (alice, bob):
        window.until_log("one\ntwo\nthree\nfour\n")
