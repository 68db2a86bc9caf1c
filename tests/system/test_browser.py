"""
The chat in a real browser, without anything that stands in for a person, a page or a server.
"""

import asyncio
import importlib.resources
from unittest import TestCase

import pytest
from running import hear, say
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait
from waiting import until
from window import Window, assert_no_complaints

pytestmark = pytest.mark.xdist_group("browser 1")

PATIENCE = 20  # seconds


class ChatTests(TestCase):
    """
    The browser tests of Channels' own tutorial.

    Server and browser come from ours, and so does the patience: to wait longer than 2 seconds, and for the focus.
    """

    @pytest.fixture(autouse=True)
    def use_what_all_tests_share(self, browser, server):
        self.driver = browser
        self.live_server_url = server.url

    def test_when_chat_message_posted_then_seen_by_everyone_in_same_room(self):
        try:
            self._enter_chat_room("room_1")

            self._open_new_window()
            self._enter_chat_room("room_1")

            self._switch_to_window(0)
            self._post_message("hello")
            WebDriverWait(self.driver, PATIENCE).until(
                lambda _: "hello" in self._chat_log_value,
                "Message was not received by window 1 from window 1",
            )
            self._switch_to_window(1)
            WebDriverWait(self.driver, PATIENCE).until(
                lambda _: "hello" in self._chat_log_value,
                "Message was not received by window 2 from window 1",
            )
        finally:
            self._close_all_new_windows()

    def test_when_chat_message_posted_then_not_seen_by_anyone_in_different_room(self):
        try:
            self._enter_chat_room("room_1")

            self._open_new_window()
            self._enter_chat_room("room_2")

            self._switch_to_window(0)
            self._post_message("hello")
            WebDriverWait(self.driver, PATIENCE).until(
                lambda _: "hello" in self._chat_log_value,
                "Message was not received by window 1 from window 1",
            )

            self._switch_to_window(1)
            self._post_message("world")
            WebDriverWait(self.driver, PATIENCE).until(
                lambda _: "world" in self._chat_log_value,
                "Message was not received by window 2 from window 2",
            )
            self.assertTrue(
                "hello" not in self._chat_log_value,
                "Message was improperly received by window 2 from window 1",
            )
        finally:
            self._close_all_new_windows()

    # === Utility ===

    def _enter_chat_room(self, room_name):
        self.driver.get(self.live_server_url + "/chat/")
        self._wait_for_focus("room-name-input")
        ActionChains(self.driver).send_keys(room_name, Keys.ENTER).perform()
        WebDriverWait(self.driver, PATIENCE).until(lambda _: room_name in self.driver.current_url)
        self._wait_for_focus("chat-message-input")

    def _wait_for_focus(self, name):
        focused = "return document.activeElement && document.activeElement.id"
        WebDriverWait(self.driver, PATIENCE).until(lambda _: self.driver.execute_script(focused) == name)

    def _open_new_window(self):
        before = len(self.driver.window_handles)
        self.driver.execute_script('window.open("about:blank", "_blank");')
        WebDriverWait(self.driver, PATIENCE).until(lambda _: len(self.driver.window_handles) > before)
        self._switch_to_window(-1)

    def _close_all_new_windows(self):
        while len(self.driver.window_handles) > 1:
            self._switch_to_window(-1)
            self.driver.execute_script("window.close();")
        if len(self.driver.window_handles) == 1:
            self._switch_to_window(0)

    def _switch_to_window(self, window_index):
        self.driver.switch_to.window(self.driver.window_handles[window_index])

    def _post_message(self, message):
        ActionChains(self.driver).send_keys(message, Keys.ENTER).perform()

    @property
    def _chat_log_value(self):
        return self.driver.find_element(by=By.CSS_SELECTOR, value="#chat-log").get_property("value")


def speak(server, room, messages):
    """Say these messages in the room, like somebody on another computer."""

    async def speak():
        async with server.enter(room) as socket:
            for message in messages:
                await say(socket, message)
                await hear(socket)

    asyncio.run(speak())


# Rooms and messages


def test_a_person_chooses_a_room_and_chats_with_the_keyboard_alone(window, second_window, server):
    for each in (window, second_window):
        each.choose(server, "lobby")
    window.post("hello")
    second_window.post("hello yourself")
    window.until_log("hello\nhello yourself\n")
    second_window.until_log("hello\nhello yourself\n")
    assert window.typed == "", "ready for the next message"
    for each in (window, second_window):
        assert_no_complaints(each.look())


@pytest.mark.parametrize(
    "room", ["聊天室", "a#b", "a?b", "my room", "O'Hara & <b>", "100%", "a%2541", "%2e%2e", "a\\b", "<!--<script>"]
)
def test_an_odd_name_leads_to_the_room_with_that_name(window, server, room):
    if room.isascii():
        window.choose(server, room)
    else:
        # No key of the driver's keyboard has these characters: insert them as an input method would.
        window.open_chooser(server)
        window.browser.execute_cdp_cmd("Input.insertText", {"text": room})
        window.press(Keys.ENTER)
        window.until_connected()
    assert window.look().find_element(By.TAG_NAME, "h1").text == room
    assert room in window.look().title
    speak(server, room, ["from outside"])
    window.until_log("from outside\n")
    window.post("from the page")
    window.until_log("from outside\nfrom the page\n")
    assert_no_complaints(window.browser)


def test_a_name_that_no_room_can_have_is_explained_and_can_be_corrected(window, server):
    window.open_chooser(server)
    window.press("a/b", Keys.ENTER)
    problem = until(lambda: window.browser.find_elements(By.CSS_SELECTOR, "[role=alert]"), "the page says what's wrong")
    assert "slash" in problem[0].text
    assert window.focused() == "room-name-input"
    window.press(Keys.END, Keys.BACKSPACE, Keys.BACKSPACE, Keys.ENTER)
    window.until_connected()
    assert window.browser.find_element(By.TAG_NAME, "h1").text == "a"


def test_markup_in_a_message_is_shown_and_never_runs(window, server):
    window.enter(server, "markup")
    markup = "<img src=x onerror=\"document.title = 'broken in'\"><script>document.title = 'broken in'</script>"
    window.post(markup)
    window.until_log(f"{markup}\n")
    assert window.browser.execute_script("return document.images.length") == 0
    assert "broken in" not in window.browser.title
    assert_no_complaints(window.browser)


def test_markup_in_a_rooms_name_is_shown_and_never_runs(window, server):
    room = "<img src=x onerror=document.title='in'>"
    window.enter(server, room)
    assert window.browser.find_element(By.TAG_NAME, "h1").text == room
    assert window.browser.execute_script("return document.images.length") == 0
    assert_no_complaints(window.browser)


# Typing


def test_the_focus_is_where_people_type(window, server):
    window.look().get(f"{server.url}/chat/")
    assert window.focused() == "room-name-input"
    window.enter(server, "lobby")
    assert window.focused() == "chat-message-input"
    window.post("hello")
    window.until_log("hello\n")
    assert window.focused() == "chat-message-input"


def test_the_button_sends_as_enter_does(window, server):
    window.enter(server, "lobby")
    window.press("hello")
    window.element("chat-message-submit").click()
    window.until_log("hello\n")


def test_nobody_can_type_into_the_log(window, server):
    window.enter(server, "lobby")
    window.post("hello")
    window.until_log("hello\n")
    window.element("chat-log").click()
    assert window.focused() == "chat-log"
    window.press("scribble", Keys.BACKSPACE, Keys.DELETE)
    assert window.log == "hello\n"


@pytest.mark.parametrize("blank", ["", "   "], ids=["nothing", "spaces"])
def test_a_blank_message_is_not_sent(window, server, blank):
    window.enter(server, "blank")
    window.post(blank)
    speak(server, "blank", ["from somebody else"])
    window.until_log("from somebody else\n")
    # If it had been sent, the server's error would have come before that.
    assert window.error == ""
    assert window.typed == blank


def press_as_the_system_does(browser, kind, key, code):
    browser.execute_cdp_cmd(
        "Input.dispatchKeyEvent", {"type": kind, "key": key, "code": "Enter", "windowsVirtualKeyCode": code}
    )


def test_the_enter_that_ends_a_composition_does_not_send(window, server):
    """To write Chinese, people type pinyin and accept it with Enter. Only the next Enter is for the chat."""
    window.enter(server, "lobby")
    browser = window.look()
    # Browsers tell a page different things: that Enter goes down (code 13) or that the input method has the key (code
    # 229). And the key may come up before or after the text is accepted.
    for down, text in (((13, "Enter"), "你"), ((229, "Process"), "好")):
        for up_first in (True, False):
            browser.execute_cdp_cmd("Input.imeSetComposition", {"text": "ni", "selectionStart": 2, "selectionEnd": 2})
            press_as_the_system_does(browser, "rawKeyDown", down[1], down[0])
            if up_first:
                press_as_the_system_does(browser, "keyUp", "Enter", 13)
            browser.execute_cdp_cmd("Input.insertText", {"text": text})
            if not up_first:
                press_as_the_system_does(browser, "keyUp", "Enter", 13)
    assert window.typed == "你你好好"
    window.press(Keys.ENTER)
    window.until_log("你你好好\n")


def test_an_error_is_shown_and_the_typed_message_is_not_lost(window, second_window, server):
    for each in (second_window, window):
        each.enter(server, "errors")
    long = "x" * 4001
    window.paste(long)
    window.press(Keys.ENTER)
    until(lambda: "4001" in window.error, "the page says that the message is too long")
    assert window.typed == long
    assert window.status == "Connected."
    window.paste("shorter")
    window.press(Keys.ENTER)
    window.until_log("shorter\n")
    second_window.until_log("shorter\n")
    assert window.error == second_window.error == ""
    assert_no_complaints(window.look())


def test_a_message_that_not_everyone_got_is_in_the_log_and_can_be_said_again(window, watch):
    """Somebody's mailbox is full. The sender gets an error, and then the message, like everyone who reads."""
    server = watch(("tutorial/settings.py", "CAPACITY = 10_000", "CAPACITY = 1"))
    window.enter(server, "lobby")
    server.join("lobby", query="hold=chat_msg")  # one message is in the handler, one waits, and a third is too many
    window.post("one")
    window.until_log("one\n")
    window.post("two")
    window.until_log("one\ntwo\n")
    window.post("three")
    until(lambda: "1 of the 2 people here" in window.error, "the page says how many have missed the message")
    window.until_log("one\ntwo\nthree\n")
    assert window.typed == "three"
    assert_no_complaints(window.look())


# Appearance


def scrolled(window):
    """Return how far the log is scrolled, and how far it can be scrolled."""
    return window.look().execute_script(
        "const log = document.getElementById('chat-log'); return [log.scrollTop, log.scrollHeight - log.clientHeight]"
    )


def test_a_long_log_shows_its_end_unless_somebody_reads_further_up(window, server):
    window.enter(server, "long")
    lines = [f"message {number}" for number in range(80)]
    speak(server, "long", lines)
    window.until_log("".join(f"{line}\n" for line in lines))
    top, end = scrolled(window)
    assert end > 100 and abs(top - end) <= 2

    window.browser.execute_script("document.getElementById('chat-log').scrollTop = 40")
    speak(server, "long", ["one more"])
    window.until_log("".join(f"{line}\n" for line in [*lines, "one more"]))
    assert scrolled(window)[0] == 40

    window.browser.execute_script("document.getElementById('chat-log').scrollTop = 1e9")
    speak(server, "long", ["and one"])
    until(lambda: window.log.endswith("and one\n"), "the last message is there")
    top, end = scrolled(window)
    assert abs(top - end) <= 2


@pytest.fixture
def phone(window):
    """A window as small as a phone's."""
    size = {"width": 375, "height": 667, "deviceScaleFactor": 2, "mobile": True}
    window.look().execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield window
    window.look().execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("room", ["lobby", "x" * 94, "聊天室" * 31], ids=["short", "94 letters", "93 of Chinese"])
def test_everything_fits_on_a_phone(phone, server, room):
    def assert_it_fits(*names):
        assert phone.browser.execute_script("return document.documentElement.scrollWidth") <= 375
        assert phone.browser.execute_script("return innerWidth") == 375
        for name in names:
            place = phone.element(name).rect
            assert place["x"] >= 0 and place["x"] + place["width"] <= 375, name
            assert place["y"] + place["height"] <= 667, name

    phone.enter(server, room)
    phone.paste("w" * 300)
    phone.press(Keys.ENTER)
    phone.until_log("w" * 300 + "\n")
    assert_it_fits("chat-log", "chat-message-input", "chat-message-submit", "chat-status")
    phone.browser.get(f"{server.url}/chat/?room=a%2Fb")
    assert_it_fits("room-name-input", "room-name-submit")


def test_people_who_cannot_see_hear_what_everything_is(window, server):
    """Each input and button has a name, and whatever changes by itself is announced."""
    window.look().get(f"{server.url}/chat/")
    names = ["room-name-input", "room-name-submit"]
    assert all(window.element(name).accessible_name for name in names)
    window.enter(server, "lobby")
    names = ["chat-log", "chat-message-input", "chat-message-submit"]
    assert all(window.element(name).accessible_name for name in names)
    assert window.element("chat-status").aria_role == "status"
    window.post("hello")
    window.until_log("hello\n")
    spoken = window.browser.find_elements(By.CSS_SELECTOR, "[role=log]")
    assert [element.get_property("textContent").strip() for element in spoken] == ["hello"]


# https://github.com/dequelabs/axe-core finds barriers that can be found without a person, about half of them all.
# This package is Playwright's companion, but brings the script itself, which needs no more than a page.
AXE = importlib.resources.files("axe_playwright_python") / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def find_barriers(browser):
    """Return the barriers on this page: for each one the rule, the element, and what to do."""
    browser.execute_script(AXE.read_text(encoding="utf-8"))
    found = browser.execute_async_script("axe.run({runOnly: arguments[0]}).then(arguments[1])", RULES)
    assert found["passes"], "axe-core has checked nothing"
    return [
        f"{rule['id']}: {rule['help']}\n{place['html']}\n{place['failureSummary']}"
        for rule in found["violations"]
        for place in rule["nodes"]
    ]


def open_refusal(window, server):
    window.look().get(f"{server.url}/chat/?room=a%2Fb")


def open_room(window, server):
    """Enter a room that shows everything that it can: a message and an error."""
    window.enter(server, "lobby")
    window.post("hello")
    window.until_log("hello\n")
    window.paste("x" * 4001)
    window.press(Keys.ENTER)
    until(lambda: window.error, "the page shows an error")


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("open_page", [Window.open_chooser, open_room, open_refusal])
def test_no_page_has_a_barrier(open_page, colours, window, server):
    preference = {"name": "prefers-color-scheme", "value": colours}
    window.look().execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [preference]})
    open_page(window, server)
    barriers = find_barriers(window.look())
    assert not barriers, "\n\n".join(barriers)
