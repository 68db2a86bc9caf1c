"""The playground's exercise, solved, in a real browser: who is in the room."""

import pytest
from exercises.solve import EXERCISES, solve
from running import Server
from waiting import until
from window import Window, assert_no_complaints

pytestmark = pytest.mark.xdist_group("browser 3")


class Chatter(Window):
    """A window of the chat with the solution."""

    @property
    def here(self):
        return self.element("chat-here").text

    def until_here(self, words):
        until(lambda: words in self.here, f"the page says {words!r} (it says {self.here!r})")


@pytest.fixture
def server(tmp_path):
    """The chat with the solution. No test may cause a traceback in it."""
    server = Server(tmp_path)
    files = {
        path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for folder in ("chat", "tutorial")
        for path in (tmp_path / folder).rglob("*")
        if path.is_file()
    }
    for name, content in solve(EXERCISES["9_who"], files).items():
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


def test_the_page_says_who_is_here_and_nothing_while_it_can_not_know(enter, server):
    alice, bob = enter(), enter()
    for window in (alice, bob):
        window.until_here("2 people")
    alice.post("hello")
    for window in (alice, bob):
        window.until_log("hello\n")
    bob.look().close()
    alice.until_here("Nobody else")
    assert_no_complaints(alice.look())
    server.stop()
    alice.until_away()
    assert alice.here == ""
    server.start()
    alice.until_here("Nobody else")
    assert alice.typed == alice.error == ""
    alice.post("still here")
    alice.until_log("hello\nstill here\n")
