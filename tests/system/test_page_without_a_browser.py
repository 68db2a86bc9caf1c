"""
The stages' tests run a page's script without a browser. Here Chromium runs the same, and has to do and say the same.
"""

import json
from types import SimpleNamespace
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from running import REPOSITORY
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from stage.browser import ROOM, Browser
from waiting import until
from workshop.lesson.stages import replay

pytestmark = pytest.mark.xdist_group("browser 2")

# Chromium runs this before the page's own script. It notes each socket's address, and each frame.
SPY = """
window.spied = {urls: [], frames: []};
window.WebSocket = class extends WebSocket {
  constructor(...args) { super(...args); spied.urls.push(this.url); }
  send(data) { spied.frames.push(data); super.send(data); }
};
"""

# Each line, and below each block of lines, is tried in both: it has to return the same, or raise the same error.
EXPRESSIONS = """
document.querySelector("#chat-log").tagName
document.querySelector("form > input[type=submit]").value
document.querySelectorAll("input, textarea").length
document.querySelector("chat-log")
document.querySelector("#no-such-id").value
document.querySelector("")
document.querySelectorAll("p > ")
document.querySelector("#1")
document.getElementByID("chat-log")
document.getElementById("chat-form").elements.length
document.getElementById("chat-message-input").form.id
document.querySelector("#chat-message-submit").closest("form").id
document.querySelector("#chat-log").readOnly
document.body.children.length > 0
new URL("/ws/chat/a b/?q=ä#h", location.href).pathname
new URL("/ws/chat/a%23b/../c/./d", "https://example.com:443/x").href
new URL("聊天室?x=é", "http://h:8000/chat/lobby/").href
new URL("ws://h:80/x").host
new URL("nonsense")
new URLSearchParams("?a=1&b=x+y&a=2").getAll("a")
new WebSocket("ws://localhost:1/#x")
new WebSocket("mailto:x")
new WebSocket(new URL("/ws/none", location.href)).send("x")
JSON.parse({})
JSON.parse("hello")
JSON.parse(undefined)
noSuchName + 1
(1).emit("x")
document.title
document.currentScript
location.pathname
String(location) === location.href
typeof onclick
Object.prototype.toString.call(document.querySelector("#chat-message-input"))
""".strip().splitlines()
BLOCKS = """
const p = document.createElement("p");
p.innerHTML = "a<b class=x>b</b>&amp;<br>c";
return [p.innerHTML, p.textContent, p.children.length, p.firstElementChild.className];

const p = document.createElement("p");
p.textContent = "<b>&";
return p.innerHTML;

const p = document.createElement("p");
p.append("a", document.createElement("br"));
p.prepend("z");
return p.outerHTML;

const p = document.createElement("p");
p.insertAdjacentHTML("beforeend", "<i>1</i>");
p.insertAdjacentHTML("afterbegin", "0");
return p.innerHTML;

const p = document.createElement("p");
p.classList.add("a", "b");
p.classList.toggle("a");
p.dataset.roomName = "x";
return p.outerHTML;

const t = document.createElement("textarea");
t.textContent = "a";
t.value += "b";
t.textContent = "c";
return [t.value, t.textContent];

const d = document.createElement("div");
d.value += "x";
return d.value;

const u = new URL("https://h/x");
u.protocol = "wss";
u.hash = "a b";
u.searchParams.set("k", "1 2");
return u.href;

const s = new WebSocket("/ws/none");
const found = [s.url.replace(location.host, "host"), s.readyState, WebSocket.OPEN];
s.close();
return found;

const said = [];
const b = document.createElement("button");
b.onclick = (e) => { said.push(e.type, e.target === b); return false; };
b.addEventListener("click", (e) => said.push(e.defaultPrevented));
b.click();
return said;

const e = new KeyboardEvent("keyup", {key: "Enter", keyCode: 13, bubbles: true});
return [e.key, e.keyCode, e.isComposing, e.bubbles];

const e = new CustomEvent("x", {detail: 5});
let got;
document.addEventListener("x", (e) => { got = e.detail; });
document.dispatchEvent(e);
return got;
""".strip().split("\n\n")
EXPRESSIONS += [f"(() => {{ {block} }})()" for block in BLOCKS]
TRY = """(() => {
  try { return JSON.stringify({is: %s}); } catch (error) { return `${error.name}: ${error.message}`; }
})()"""


@pytest.fixture(scope="module")
def pages():
    """The template of stage 5's page, and of the page that ships."""
    return {5: dict(replay(5))[5][ROOM].decode("utf-8"), 6: (REPOSITORY / ROOM).read_text(encoding="utf-8")}


@pytest.fixture(params=[5, 6], ids=["stage 5", "as shipped"])
def served(request, serve, pages):
    return serve((ROOM, pages[6], pages[request.param]))


def without_a_browser(server, room):
    """The same page, run by what the stages' tests use."""
    path = f"/chat/{quote(room, safe='')}/"
    with urlopen(server.url + path) as answer:
        response = SimpleNamespace(content=answer.read(), redirect_chain=[])
    return Browser(None, path, project=REPOSITORY, origin=server.url, response=response)


def in_chromium(browser, server, room):
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SPY})
    browser.get(f"{server.url}/chat/{quote(room, safe='')}/")
    until(lambda: browser.execute_script("return spied.urls.length"), "the page opens its socket")


def found(browser):
    """What Chromium's page sent and shows."""
    shown = "document.querySelector('#chat-log').value, location.href, document.title"
    return browser.execute_script(f"return [spied.urls, spied.frames, {shown}]")


@pytest.mark.parametrize("room", ["lobby", "a#b", "100%"])
def test_a_page_does_the_same_as_in_chromium(browser, served, room):
    in_chromium(browser, served, room)
    field = browser.find_element(By.ID, "chat-message-input")
    says = ["hello", "<b>&amp; “two”"]
    until(lambda: browser.execute_script("return socket.readyState") == 1, "the socket is open")
    for message, by in zip(says, ("Enter", "click"), strict=True):
        field.send_keys(message)
        field.send_keys(Keys.ENTER) if by == "Enter" else browser.find_element(By.ID, "chat-message-submit").click()
        until(lambda message=message: message in found(browser)[2], "the message comes back")
    with without_a_browser(served, room) as page:
        page.open_socket()
        for message, by in zip(says, ("Enter", "click"), strict=True):
            page.type(message)
            page.press_enter() if by == "Enter" else page.click("chat-message-submit")
            page.receive(page.frames[-1]["text"])
        assert not page.errors and not page.unknown and not page.left
        own = [[socket["url"] for socket in page.sockets], [frame["text"] for frame in page.frames]]
        own += [page.text("chat-log"), served.url + page.path, page.evaluate("document.title")]
    assert own == found(browser)


def test_an_expression_has_the_same_value_or_error_as_in_chromium(browser, server):
    in_chromium(browser, server, "lobby")
    with without_a_browser(server, "lobby") as page:
        ours = {code: page.evaluate(TRY % code) for code in EXPRESSIONS}
    assert ours == {code: browser.execute_script(f"return {TRY % code}") for code in EXPRESSIONS}


def test_every_name_that_our_page_takes_for_a_browsers_is_one(browser, server):
    """page/names.json says which names a browser has, so that no mistake is taken for one of them."""
    names = json.loads((REPOSITORY / "tests" / "stage" / "page" / "names.json").read_text(encoding="utf-8"))
    in_chromium(browser, server, "lobby")
    theirs = browser.execute_script(
        "const events = [Event, KeyboardEvent, MouseEvent, SubmitEvent, CloseEvent, MessageEvent];"
        "const kinds = {window: [window], Element: [document.body], Document: [document], location: [location],"
        " Control: ['input', 'textarea', 'button'].map((tag) => document.createElement(tag)),"
        " Form: [document.createElement('form')], WebSocket: [WebSocket.prototype],"
        " Event: events.map((each) => each.prototype)};"
        "return Object.fromEntries(Object.entries(kinds).map(([kind, targets]) =>"
        " [kind, arguments[0][kind].filter((name) => !targets.some((target) => name in target))]));",
        names,
    )
    for kind, missing in theirs.items():  # browsers of other years have a few others
        assert len(missing) <= len(names[kind]) / 20, f"In {kind}, Chromium has none of these: {missing}"
