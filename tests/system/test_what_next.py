"""
The further stages, all of them in one project, on a real server: people, memory, and nothing missed.
"""

import asyncio
import contextlib
import json
import random
import socket
import threading
import uuid
from types import SimpleNamespace

import pytest
from further import CROWD, PASSWORD, FurtherServer, Member, hear
from running import say, share
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from waiting import until
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from window import Window, assert_no_complaints

pytestmark = pytest.mark.xdist_group("browser 4")

LOGGED_OUT = "Not connected: you have logged out"


@pytest.fixture(scope="module")
def further(tmp_path_factory):
    yield from share(FurtherServer(tmp_path_factory.mktemp("server")))


class Proxy:
    """
    The network between a browser and a server, which a test can cut.

    A connection passes through it byte by byte. Its address, `url`, names the host that the browser shall see: cookies
    are a host's, so that two windows are two people's, one at localhost and one at 127.0.0.1.
    """

    def __init__(self, server, host):
        self.server_port = server.port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://{host}:{self.listener.getsockname()[1]}"
        self.connections = []
        self.lets_in, self.loses_answers = True, False
        self.lost = b""  # what the server has said while answers get lost
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):  # the listener is closed: the test is over
            while True:
                client, _ = self.listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.server_port), 20)
                except OSError:  # the server is away
                    client.close()
                    continue
                server.settimeout(None)
                self.connections += [client, server]
                if not self.lets_in:
                    self.cut()
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self.pass_on, args=(source, target, source is server), daemon=True).start()

    def pass_on(self, source, target, are_answers):
        with contextlib.suppress(OSError):  # one of them has gone
            while data := source.recv(65536):
                if are_answers and self.loses_answers:
                    self.lost += data
                else:
                    target.sendall(data)
        for each in (source, target):
            end(each)

    def cut(self):
        """End all connections. What was on its way is lost."""
        while self.connections:
            end(self.connections.pop())
        self.loses_answers = False

    def shut(self):
        """Cut, and let no connection through any more, until open()."""
        self.lets_in = False
        self.cut()

    def open(self):
        self.lets_in = True

    def lose_answers(self):
        """From now on, nothing that the server says arrives, until the connection is cut."""
        self.lost, self.loses_answers = b"", True

    def close(self):
        end(self.listener)
        self.cut()


def end(connection):
    with contextlib.suppress(OSError):  # it has ended already
        connection.shutdown(socket.SHUT_RDWR)  # this wakes up a thread that waits for it; close() alone doesn't
    connection.close()


@pytest.fixture
def way(further):
    """The first window's way to the server, through a proxy."""
    with contextlib.closing(Proxy(further, "127.0.0.1")) as proxy:
        yield proxy


@pytest.fixture
def second_way(further):
    """The second window's way, to a host with cookies of its own."""
    with contextlib.closing(Proxy(further, "localhost")) as proxy:
        yield proxy


@pytest.fixture
def other_host(further):
    """The server under another name, so that a window there has cookies of its own."""
    return SimpleNamespace(url=f"http://localhost:{further.port}")


def log_in(window, host, name, path):
    """Follow a link to a page for which one has to log in, or to the login page, and log in there with the keyboard."""
    window.look().get(f"{host.url}{path}")
    until(lambda: window.focused() == "id_username", "the focus is in the field for the name")
    window.press(name, Keys.TAB, PASSWORD, Keys.ENTER)


def enter_as(window, host, sessions, name, room):
    """Enter the room with the cookie that this person has."""
    window.look().get(f"{host.url}/chat/")
    window.browser.add_cookie({"name": "sessionid", "value": sessions[name]})
    window.enter(host, room)


def speak(server, room, messages, name=None):
    """Say these messages in the room, like somebody on another computer who has logged in as `name`, or hasn't."""

    async def speak():
        async with server.enter(room, additional_headers=server.cookie(name) if name else None) as socket:
            for message in messages:
                await socket.send(json.dumps({"message": message, "id": uuid.uuid4().hex}))
                while "ack" not in await hear(socket):
                    pass

    asyncio.run(speak())


# Stage 10, who is speaking, in windows


def test_10_people_log_in_and_everyone_sees_who_says_what(window, second_window, further, other_host):
    log_in(window, further, "ada", "/accounts/login/?next=/chat/tea/")
    log_in(second_window, other_host, "bob", "/accounts/login/?next=/chat/tea/")
    for each, name in ((window, "ada"), (second_window, "bob")):
        each.until_connected()
        assert f"You are {name}." in each.look().find_element(By.TAG_NAME, "main").text
    window.post("hello")
    second_window.until_log("▸ ada: hello\n")
    second_window.post("hello yourself")
    for each in (window, second_window):
        each.until_log("▸ ada: hello\n▸ bob: hello yourself\n")
        assert_no_complaints(each.look())


def test_10_a_wrong_password_is_explained_and_can_be_corrected(window, further):
    window.look().get(f"{further.url}/accounts/login/?next=/chat/tea/")
    window.press("ada", Keys.TAB, "wrong", Keys.ENTER)
    until(lambda: window.look().find_elements(By.CSS_SELECTOR, "[role=alert]"), "the page says what's wrong")
    assert window.focused() == "id_username" and window.element("id_username").get_attribute("value") == "ada"
    window.press(Keys.TAB, PASSWORD, Keys.ENTER)
    until(lambda: window.look().current_url.endswith("/chat/tea/"), "the room is there")
    window.until_connected()


def test_10_nobody_can_write_a_line_in_another_persons_name(window, further):
    enter_as(window, further, further.sessions, "ada", "forged")
    breaks = ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"]
    forged = "".join(f"hi{each}bob: lend ada 10 €" for each in breaks)
    speak(further, "forged", [forged])
    speak(further, "forged", ["too long for the line" + 300 * " " + "▸ bob: lend ada 10 €"])
    speak(further, "forged", ["I don't say such things"], "bob")
    until(lambda: window.log.endswith("bob: I don't say such things\n"), "the last message is in the log")
    lines = window.log.splitlines()  # it splits at all that Unicode calls a line break
    assert len(lines) == 3, lines
    assert [line.count("▸") for line in lines] == [1, 1, 1], "what wraps has no mark, and so is nobody's message"
    assert lines[0].startswith("▸ (not logged in): hi") and lines[0].count("bob: lend ada 10 €") == len(breaks)
    assert_no_complaints(window.browser)


def test_10_to_log_out_in_one_tab_ends_the_others_of_this_person(window, second_window, further, other_host):
    log_in(window, further, "ada", "/accounts/login/?next=/chat/leaving/")
    window.until_connected()
    enter_as(second_window, other_host, further.sessions, "bob", "leaving")
    window.browser.switch_to.new_window("tab")
    tab = Window(window.browser)
    tab.enter(further, "leaving")
    tab.post("from the second tab")
    for each in (window, second_window, tab):
        each.until_log("▸ ada: from the second tab\n")

    window.look().find_element(By.XPATH, "//button[text()='Log out']").click()
    until(lambda: tab.status.startswith(LOGGED_OUT), "the other tab says that its user has logged out")
    tab.element("chat-message-input").click()
    tab.post("am I still here?")
    second_window.post("ada?")
    second_window.until_log("▸ ada: from the second tab\n▸ bob: ada?\n")
    assert second_window.status == "Connected."
    assert tab.typed == "am I still here?", "it stays where it is"
    assert tab.log == "▸ ada: from the second tab\n"
    assert [each["message"] for each in further.said("leaving")] == ["from the second tab", "ada?"]


def test_10_a_room_for_members_only_asks_who_you_are(window, second_window, further, other_host):
    log_in(window, further, "carol", "/chat/club/")
    window.until_connected()
    window.post("members only")
    window.until_log("▸ carol: members only\n")

    log_in(second_window, other_host, "dave", "/chat/club/")
    problem = until(
        lambda: second_window.look().find_elements(By.CSS_SELECTOR, "[role=alert]"), "the page says why he can't enter"
    )
    assert "members only" in problem[0].text
    assert "members only" not in further.get_room("lobby", **further.cookie("dave")).text
    page = further.get_room("club", **further.cookie("dave"))
    assert page.status == 403
    page = further.get_room("club")
    assert (page.status, page.getheader("Location")) == (302, "/accounts/login/?next=/chat/club/")
    assert asyncio.run(further.refusal("club")) == 403
    assert asyncio.run(further.refusal("club", additional_headers=further.cookie("dave"))) == 403


def test_10_whoever_the_admin_deactivates_is_out_at_once(window, second_window, further, other_host):
    enter_as(window, further, further.sessions, "eve", "deactivated")
    window.post("hello")
    window.until_log("▸ eve: hello\n")
    with further.database() as database:
        (pk,) = database.execute("SELECT id FROM auth_user WHERE username = 'eve'").fetchone()
    log_in_to_admin = f"/admin/login/?next=/admin/auth/user/{pk}/change/"
    log_in(second_window, other_host, "teacher", log_in_to_admin)
    active = until(lambda: second_window.look().find_elements(By.ID, "id_is_active"), "the admin shows the account")[0]
    assert active.is_selected()
    assert window.status == "Connected.", "that somebody has looked at her account changes nothing"
    second_window.look()
    active.click()
    second_window.browser.find_element(By.NAME, "_save").click()
    until(lambda: window.status.startswith(LOGGED_OUT), "the page says that she is out")
    window.post("I am still here")
    assert window.typed == "I am still here"

    async def come_back():
        async with further.enter_as("eve", "deactivated") as socket:
            await hear(socket)
            await say(socket, "hello")
            return await hear(socket)

    assert asyncio.run(come_back())["name"] == ""


# Stage 10, over the network: attacks


async def test_10_a_page_from_elsewhere_may_not_use_a_visitors_cookie(further):
    async with further.enter_as("ada", "origins") as socket:
        await hear(socket)
        await say(socket, "with the same cookie, from our own page")
        assert (await hear(socket))["name"] == "ada"
    token = further.get_token("ada")
    for origin in ("https://evil.example", "null", None, "http://127.0.0.1.evil.example"):
        cookie = further.cookie("ada")
        assert await further.refusal("origins", origin=origin, additional_headers=cookie) == 403
        assert await further.refusal(path=f"/ws/chat/origins/?token={token}", origin=origin) == 403
    further.until_logged("Refused the socket '/ws/chat/origins/': its origin is 'https://evil.example'")
    assert [each["name"] for each in further.said("origins")] == ["ada"]


async def test_10_a_cookie_is_worth_nothing_after_its_owner_has_logged_out(further):
    async with further.enter_as("carol", "club") as socket, further.enter_as("bob", "lobby") as other:
        await hear(socket)
        await hear(other)
        await asyncio.to_thread(further.log_out, "carol")
        with pytest.raises(ConnectionClosedError) as closed:
            await hear(socket)
        assert closed.value.rcvd.code == 4001
        await say(other, "I have not logged out")
        assert (await hear(other))["name"] == "bob"
    assert await further.refusal("club", additional_headers=further.cookie("carol")) == 403
    async with further.enter_as("carol", "stale") as socket:
        await hear(socket)
        await say(socket, "hello")
        assert (await hear(socket))["name"] == ""


async def test_10_a_token_is_good_for_one_socket(further):
    path = f"/ws/chat/tokens/?token={further.get_token('bob')}"
    async with further.open(path) as socket:
        await hear(socket)
        assert await further.refusal(path=path) == 403, "while it is in use"
        await say(socket, "hello")
        assert (await hear(socket))["name"] == "bob"
    assert await further.refusal(path=path) == 403, "and after that"
    changed = further.get_token("bob")
    changed = ("a" if changed[0] != "a" else "b") + changed[1:]
    for forged in (changed, "x", "%00", further.sessions["bob"]):
        assert await further.refusal(path=f"/ws/chat/tokens/?token={forged}") == 403, forged
    further.until_logged("Its token was used already.")
    further.until_logged("Its token was not made here.")


async def test_10_many_sockets_with_one_token_at_once_and_one_of_them_is_let_in(further):
    path = f"/ws/chat/tokens/?token={further.get_token('bob')}"

    async def attempt():
        try:
            async with further.open(path):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    assert sorted(await asyncio.gather(*(attempt() for _ in range(10)))) == [101, *[403] * 9]


async def test_10_a_deactivated_users_token_and_cookie_are_worth_nothing(further):
    token = further.get_token("frank")
    with further.database() as database:  # past the chat, so that nothing but the account tells it
        database.execute("UPDATE auth_user SET is_active = 0 WHERE username = 'frank'")
    assert await further.refusal(path=f"/ws/chat/tokens/?token={token}") == 403
    further.until_logged("The user of its token is not active.")
    assert further.post("/accounts/token/", {"username": "frank", "password": PASSWORD}).status == 403
    async with further.enter_as("frank", "stale") as socket:
        await hear(socket)
        await say(socket, "am I frank?")
        assert (await hear(socket))["name"] == ""


async def test_10_a_name_in_a_frame_is_ignored(further):
    more = {"name": "bob", "user": "bob", "number": 1_000_000, "type": "log_out"}
    async with further.enter_as("ada", "claims") as socket, further.enter("claims") as anonymous:
        assert await hear(socket) == await hear(anonymous) == {"history": []}
        await socket.send(json.dumps({"message": "I am bob", **more}))
        said = {"message": "I am bob", "name": "ada", "number": 1}
        assert await hear(socket) == await hear(anonymous) == said
        await anonymous.send(json.dumps({"message": "so am I", **more}))
        said = {"message": "so am I", "name": "", "number": 2}
        assert await hear(socket) == await hear(anonymous) == said


# Stage 11, remembering


def test_11_a_latecomer_sees_the_last_messages_and_pages_back_with_the_keyboard(window, further):
    said = [f"message {number}" for number in range(1, 46)]
    speak(further, "long ago", said, "bob")
    lines = [f"▸ bob: {each}\n" for each in said]
    enter_as(window, further, further.sessions, "ada", "long ago")
    window.until_log("".join(lines[-20:]))
    # From the input back to the log, and to the button above it.
    ActionChains(window.browser).key_down(Keys.SHIFT).send_keys(Keys.TAB, Keys.TAB).key_up(Keys.SHIFT).perform()
    assert window.focused() == "chat-earlier"
    window.press(Keys.ENTER)
    window.until_log("".join(lines[-40:]))
    window.press(Keys.ENTER)
    window.until_log("".join(lines))
    assert not window.element("chat-earlier").is_displayed(), "there is nothing earlier"
    window.element("chat-message-input").click()
    window.post("so that's what you said")
    window.until_log("".join([*lines, "▸ ada: so that's what you said\n"]))
    assert_no_complaints(window.browser)


def test_11_the_admin_shows_what_was_said(further):
    speak(further, "minutes", ["for the record"], "bob")
    page = further.get("/admin/chat/message/?q=record", **further.cookie("teacher"))
    assert page.status == 200
    assert "for the record" in page.text and "minutes" in page.text


# Stage 12, nothing missed: the connection is cut


def assert_nothing_missed(windows, server, room, said):
    """Assert that each window's log is exactly the room's history, and that this is what was said: {name: texts}."""
    everything = sum(map(len, said.values()))
    until(lambda: len(server.said(room)) >= everything, "the server has everything that was said")
    for window in windows:
        window.until_log(server.expected_log(room))
        assert window.error == ""
    for name, texts in said.items():
        assert [each["message"] for each in server.said(room) if each["name"] == name] == texts, "in order, and once"


def test_12_a_message_is_said_once_although_its_acknowledgement_was_lost(
    window, second_window, further, way, second_way
):
    enter_as(window, way, further.sessions, "ada", "acknowledged")
    enter_as(second_window, second_way, further.sessions, "bob", "acknowledged")
    way.lose_answers()
    window.post("did it arrive?")
    until(lambda: b'{"ack"' in way.lost, "the server has acknowledged the message, and nobody hears it")
    second_window.until_log("▸ ada: did it arrive?\n")
    assert window.log == ""
    way.cut()
    for each in (window, second_window):
        each.until_log("▸ ada: did it arrive?\n")
    window.until_connected()
    window.post("it did")
    assert_nothing_missed(
        [window, second_window], further, "acknowledged", {"ada": ["did it arrive?", "it did"], "bob": []}
    )


def test_12_cut_again_and_again_while_both_speak(window, second_window, further, way, second_way):
    enter_as(window, way, further.sessions, "ada", "cut")
    enter_as(second_window, second_way, further.sessions, "bob", "cut")
    chance = random.Random(14)
    said = {"ada": [], "bob": []}
    for number in range(15):
        for name, each in (("ada", window), ("bob", second_window)):
            said[name].append(f"{name}'s {number}")
            each.post(said[name][-1])
            happens = chance.choice([Proxy.cut, Proxy.cut, Proxy.lose_answers, None])
            if happens:
                happens(chance.choice([way, second_way]))
    for each in (way, second_way):
        each.cut()  # what it loses at the moment, it would lose for ever
    assert_nothing_missed([window, second_window], further, "cut", said)


def test_12_the_server_is_killed_and_comes_back_while_both_speak(window, second_window, further, other_host):
    enter_as(window, further, further.sessions, "ada", "killed")
    enter_as(second_window, other_host, further.sessions, "bob", "killed")
    said = {"ada": [], "bob": []}

    def both_speak(text):
        for name, each in (("ada", window), ("bob", second_window)):
            said[name].append(text)
            each.post(text)

    both_speak("before")
    further.freeze()  # what they say now is on its way when the server dies
    both_speak("into the dark")
    further.kill()
    both_speak("meanwhile")
    further.start()
    both_speak("after")
    assert_nothing_missed([window, second_window], further, "killed", said)
    window.enter(further, "killed")
    window.until_log(further.expected_log("killed"))


# The page's timer goes off every 20 s. With this it goes off often while the page is away, and not at all otherwise.
TIMER = """
const set = setInterval;
window.setInterval = (call) => set(() => { if (socket.readyState !== WebSocket.OPEN) call(); }, 20);
"""


def test_12_a_page_that_was_away_during_45_messages_gets_them_all(window, further, way):
    script = window.look().execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": TIMER})
    enter_as(window, way, further.sessions, "ada", "away")
    window.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    window.post("I am going into a tunnel")
    window.until_log("▸ ada: I am going into a tunnel\n")
    way.shut()
    window.until_away()
    window.post("in the tunnel")
    said = [f"message {number}" for number in range(45)]
    speak(further, "away", said, "bob")
    assert window.log == "▸ ada: I am going into a tunnel\n"
    way.open()
    assert_nothing_missed(
        [window], further, "away", {"ada": ["I am going into a tunnel", "in the tunnel"], "bob": said}
    )


# Stage 13, from anywhere


def test_13_a_command_shows_a_notice_to_a_room_and_a_login_one_to_its_person(
    window, second_window, further, other_host
):
    enter_as(window, further, further.sessions, "ada", "notices")
    enter_as(second_window, other_host, further.sessions, "bob", "notices")
    further.manage("announce", "notices", "<b>Tea</b> is ready.", "--server", f"127.0.0.1:{further.port}")
    for each in (window, second_window):
        until(lambda each=each: each.element("chat-notice").text == "<b>Tea</b> is ready.", "the page shows the notice")
    further.log_in("ada")
    until(lambda: "another window" in window.element("chat-notice").text, "ada hears of it")
    assert second_window.element("chat-notice").text == "<b>Tea</b> is ready.", "nobody else does"
    for each in (window, second_window):
        assert each.log == ""
        assert_no_complaints(each.look())


# Stage 14, who is here


def test_14_everyone_sees_who_is_here_and_who_is_typing(window, second_window, further, other_host):
    def until_here(each, text):
        until(lambda: each.element("chat-people").text == f"Here: {text}", f"{text} are here")

    enter_as(window, further, further.sessions, "ada", "seen")
    until_here(window, "ada")
    enter_as(second_window, other_host, further.sessions, "bob", "seen")
    window.browser.switch_to.new_window("tab")
    tab = Window(window.browser)
    tab.enter(further, "seen")
    for each in (window, second_window, tab):
        until_here(each, "ada (2 windows), bob")
    second_window.press("I am")
    for each in (window, tab):
        until(lambda each=each: each.element("chat-typing").text == "bob is typing…", "they see that bob is typing")
    assert second_window.element("chat-typing").text == ""
    second_window.press(" bob", Keys.ENTER)
    for each in (window, tab):
        each.until_log("▸ bob: I am bob\n")
        assert each.element("chat-typing").text == ""
    # A page that one leaves by a link is kept by the browser, for "back".
    second_window.look().find_element(By.LINK_TEXT, "Choose another room").click()
    until_here(window, "ada (2 windows)")
    second_window.look().back()
    second_window.until_connected()
    for each in (window, second_window, tab):
        until_here(each, "ada (2 windows), bob")
    tab.look()
    tab.browser.close()
    for each in (window, second_window):
        until_here(each, "ada, bob")
        assert_no_complaints(each.look())


# All of them, with two hundred people


async def test_two_hundred_speak_at_once_a_third_of_them_are_cut_off_and_nothing_is_missed(further):
    chance = random.Random(14)
    cut_off = set(chance.sample(range(CROWD), CROWD // 3))
    crowd = [
        Member(further, number, chance.choice([0, chance.randrange(CROWD // 2)]) if number in cut_off else None, chance)
        for number in range(CROWD)
    ]
    begin = asyncio.Event()
    members = [asyncio.create_task(member.take_part(begin)) for member in crowd]
    await asyncio.gather(*(member.is_here.wait() for member in crowd))
    begin.set()
    await asyncio.gather(*members)

    history = further.said("crowd")
    assert [each["number"] for each in history] == [*range(1, CROWD + 1)]
    expected = {member.name: f"I am {member.name}" for member in crowd}
    assert {each["name"]: each["message"] for each in history} == expected
    for member in crowd:
        assert member.heard == history
    assert all(crowd[number].connections > 1 for number in cut_off)
    assert any(member.resent for member in crowd), "some had no acknowledgement"
    assert any(member.replayed for member in crowd), "some had to ask for what they had missed"
