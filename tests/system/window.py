"""
A window of the browser, for tests that say what a person does and sees in it.
"""

import contextlib
from urllib.parse import quote

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from waiting import until


class Window:
    """One window of the browser, and what a person does and sees in it."""

    def __init__(self, browser):
        self.browser = browser
        self.handle = browser.current_window_handle

    def look(self):
        """Bring the window to the front."""
        self.browser.switch_to.window(self.handle)
        return self.browser

    def element(self, name):
        return self.look().find_element(By.ID, name)

    def open_chooser(self, server):
        """Open the first page, and wait until it has the focus."""
        self.look().get(f"{server.url}/chat/")
        until(lambda: self.focused() == "room-name-input", "the focus is in the field for the room's name")

    def choose(self, server, room):
        """Type the room's name on the first page."""
        self.open_chooser(server)
        self.press(room, Keys.ENTER)
        self.until_connected()

    def enter(self, server, room):
        """Follow a link to the room."""
        self.look().get(f"{server.url}/chat/{quote(room, safe='')}/")
        self.until_connected()

    def until_connected(self):
        until(
            lambda: self.look().find_elements(By.ID, "chat-status") and self.status == "Connected.",
            "the page says that it is connected",
            40,
        )

    def until_away(self):
        until(lambda: self.status.startswith("Not connected."), "the page says that it isn't connected")

    def press(self, *keys):
        """Press keys, wherever the focus is."""
        self.look()
        ActionChains(self.browser).send_keys(*keys).perform()

    def post(self, message):
        self.press(message, Keys.ENTER)

    def paste(self, text):
        """Put a text into the input that would take too long to type."""
        self.look().execute_script("document.activeElement.value = arguments[0]", text)

    @property
    def status(self):
        return self.element("chat-status").text

    @property
    def error(self):
        return self.element("chat-error").text

    @property
    def typed(self):
        return self.element("chat-message-input").get_property("value")

    @property
    def log(self):
        return self.element("chat-log").get_property("value")

    def until_log(self, expected):
        with contextlib.suppress(pytest.fail.Exception):
            until(lambda: self.log == expected, "the log is as expected")
        assert self.log == expected

    def focused(self):
        return self.look().execute_script("return document.activeElement.id")


def assert_no_complaints(browser):
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def assert_an_error_gives_back_its_message(window, server, log):
    """Type "one", a message that is too long, and "two" while the server is away. The log has to become `log`."""
    server.stop()
    window.until_away()
    long = "x" * 5000
    for message in ("one", long, "two"):
        window.paste(message)
        window.press(Keys.ENTER)
    server.start()
    window.until_connected()
    window.until_log(log)
    until(lambda: "5000" in window.error, "the page says that a message is too long")
    assert window.typed == long
