"""
A page that loses its connection, in a real browser: it reconnects by itself, and nothing that was typed is lost.
"""

import pytest
from selenium.webdriver.common.keys import Keys
from waiting import until
from window import assert_an_error_gives_back_its_message

pytestmark = pytest.mark.xdist_group("browser 2")


def test_messages_typed_while_the_server_restarts_arrive_when_it_is_back(window, second_window, serve):
    server = serve()
    for each in (window, second_window):
        each.enter(server, "lobby")
    window.post("before")
    for each in (window, second_window):
        each.until_log("before\n")

    server.stop()
    for each, message in ((window, "typed in one"), (second_window, "typed in two")):
        each.until_away()
        assert each.log == "before\n"
        each.post(message)
        assert each.typed == "", "the page has accepted it"
    server.start()
    for each in (window, second_window):
        each.until_connected()
    until(lambda: "typed in one" in window.log, "what was typed in the first window is in its log")
    until(lambda: "typed in two" in second_window.log, "what was typed in the second window is in its log")

    # Messages keep their order, so a second copy would arrive before this one.
    window.post("after")
    for each in (window, second_window):
        until(lambda each=each: each.log.endswith("after\n"), "the message after the restart is in both logs")
        lines = each.log.splitlines()
        assert lines[0] == "before"
        assert len(lines) == len(set(lines)), f"something arrived twice: {lines}"
        assert each.error == ""
    assert "typed in one" in window.log and "typed in two" in second_window.log
    server.assert_nothing_broke()


def test_an_error_gives_back_the_message_that_it_is_about(window, serve):
    server = serve()
    window.enter(server, "lobby")
    assert_an_error_gives_back_its_message(window, server, log="one\ntwo\n")


def test_each_connection_starts_anew(window, serve):
    """Messages that were answered aren't given back when it ends, and the server counts frames from 1 again."""
    server = serve()
    window.enter(server, "lobby")
    window.post("hello")
    window.until_log("hello\n")
    long = "x" * 5000
    window.paste(long)
    window.press(Keys.ENTER)
    until(lambda: window.typed == long, "the message that is too long is back in the input")
    window.paste("")
    server.stop()
    window.until_away()
    assert window.typed == ""
    server.start()
    window.until_connected()
    window.paste(long)
    window.press(Keys.ENTER)
    until(lambda: window.typed == long, "the message that is too long is back in the input")


def test_a_page_that_was_dropped_reconnects_by_itself(window, watch):
    """The server closes the socket of a client that reads too slowly with 4013."""
    server = watch(("chat/consumers.py", 'await self.send(make_frame(event["message"]))', "await self.close(4013)"))
    window.enter(server, "lobby")
    window.post("hello")
    until(lambda: window.typed == "hello", "it is back in the input, since it may not have arrived")
    window.until_connected()


def test_messages_typed_while_disconnected_reach_the_others_exactly_once(window, second_window, serve, redis):
    """Two servers share their rooms. One goes away and comes back, while people stay connected to the other."""
    server, other = serve(REDIS_URL=redis.url), serve(REDIS_URL=redis.url)
    window.enter(server, "lobby")
    second_window.enter(other, "lobby")
    server.stop()
    window.until_away()
    for message in ("one", "two", "three"):
        window.post(message)
    server.start()
    window.until_connected()
    window.post("four")
    second_window.until_log("one\ntwo\nthree\nfour\n")
    window.until_log("one\ntwo\nthree\nfour\n")


def test_a_message_sent_into_a_dying_connection_is_put_back_into_the_input(window, serve):
    server = serve()
    window.enter(server, "lobby")
    server.freeze()
    window.post("did it arrive?")
    until(lambda: window.typed == "", "the page has sent it")
    server.kill()
    until(lambda: window.typed == "did it arrive?", "it is back in the input")
    assert "may not have arrived" in window.error
    server.start()
    window.until_connected()
    window.press(Keys.ENTER)
    window.until_log("did it arrive?\n")
    assert window.error == ""


def test_a_page_says_that_it_has_no_connection_while_redis_is_away(window, serve, redis):
    server = serve(REDIS_URL=redis.url)
    window.enter(server, "lobby")
    window.post("before")
    window.until_log("before\n")
    redis.kill()
    window.until_away()
    window.post("meanwhile")
    redis.start()
    window.until_connected()
    window.post("after")
    window.until_log("before\nmeanwhile\nafter\n")
    server.assert_nothing_broke()
