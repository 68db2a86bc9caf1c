"""
The pages of a class in a real browser: the wall, the page that plays what was kept of it, and the board.

What the wall counts is in test_class.py, what the board believes in test_board.py.
"""

import contextlib
import json
import secrets
import shutil
import uuid
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace
from urllib.parse import quote

import pytest
import segno
from in_class import begin, is_ours
from running import REPOSITORY
from selenium.common.exceptions import NoSuchElementException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from test_browser import find_barriers
from waiting import until
from websockets.sync.client import connect
from window import Window, assert_no_complaints
from workshop.classroom.board import sentences_of
from workshop.classroom.levers import LEVERS

pytestmark = pytest.mark.xdist_group("browser 5")

IMAGE = '<img src=x onerror="hacked=true">'
# Note whatever sets out on the wall: it is there for less than a second.
NOTE_FLIGHTS = """
window.flown = [];
new MutationObserver((changes) => {
  for (const flight of changes.flatMap((change) => [...change.addedNodes])) {
    const moves = [...flight.children].some((each) => each.getAnimations().length > 0);
    flown.push({step: flight.dataset.step, words: flight.textContent, moves});
  }
}).observe(document.getElementById("flights"), {childList: true});
"""


@pytest.fixture(scope="module")
def classroom():
    # At an address of its own: test_board.py may start a board at the same time, which takes the first free port.
    with begin(address="127.0.0.3" if is_ours("127.0.0.3") else "127.0.0.1", board=True) as classroom:
        yield classroom


class Page(Window):
    """A page of the teacher's, on a projector."""

    def open(self, url, **media):
        """Open it in 1280 × 720, for somebody who prefers, say, prefers_color_scheme="dark"."""
        size = {"width": 1280, "height": 720, "deviceScaleFactor": 1, "mobile": False}
        self.look().execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.browser.get(url)
        return self

    def ask(self, script, *arguments):
        return self.look().execute_script(f"return {script}", *arguments)

    def words(self, selector):
        """Return the text of each element that this selects."""
        return self.ask("[...document.querySelectorAll(arguments[0])].map((each) => each.textContent)", selector)

    def state(self):
        return self.ask("document.documentElement.dataset.connection")

    def click(self, selector):
        self.look().find_element(By.CSS_SELECTOR, selector).click()

    def fits(self):
        """Return whether nothing is beyond the window's edge."""
        return self.ask(
            "document.documentElement.scrollWidth <= innerWidth && document.documentElement.scrollHeight <= innerHeight"
        )


class Wall(Page):
    def open(self, url, **media):
        super().open(url, **media)
        self.look().execute_script(NOTE_FLIGHTS)
        until(lambda: self.state() == "live", "the wall is live")
        return self

    def people(self):
        return self.ask("[...document.querySelectorAll('[data-person]')].map((each) => each.dataset.person)")

    def until_people(self, *names):
        until(lambda: self.people() == [*names], f"the wall shows {names}")

    def number(self, name):
        return self.words(f"[data-number={name}]")[0]

    def flown(self):
        return self.ask("flown")

    def until_flown(self, step, words):
        """Wait until a step with these words has set out, and return it."""

        def found():
            return [each for each in self.flown() if each["step"] == step and words in each["words"]]

        return until(found, f"{words!r} is on its way")[0]

    def pull(self, lever):
        """Pull a lever as a teacher does: ask the class first, then do it."""
        value = lever["value"] if isinstance(lever["value"], str) else json.dumps(lever["value"])
        button = f'[data-lever={lever["name"]}][data-value="{value}"]'
        assert self.words(button) == [lever["title"]]
        self.click(button)
        assert self.element("question-text").text == lever["ask"]
        assert not self.element("controls").is_displayed()
        self.press(Keys.ENTER)  # the focus is on “Do it”
        assert not self.element("question").is_displayed()
        assert self.element("watch").text == lever["watch"]
        pressed = f"document.querySelector('{button}').getAttribute('aria-pressed')"
        until(lambda: self.ask(pressed) == "true", f"{lever['title']} is set")
        assert self.words("#set-levers")[0].startswith("Set: ")

    def undo(self):
        self.click("#undo")
        until(lambda: self.words("#set-levers") == [""], "nothing is set any more")
        assert self.ask("document.querySelectorAll('[aria-pressed=true]').length") == 0

    def keep(self):
        """Press “Keep”, and return the folder."""
        self.click("#keep")
        notice = until(lambda: self.element("notice").text, "the page says where it is kept")
        folder, files = notice.removeprefix("Kept in ").split(": ")
        assert files == "wall.html, wall.svg, wall.steps"
        return REPOSITORY / folder


def lever(name, value):
    return next(each for each in LEVERS if (each["name"], each["value"]) == (name, value))


@pytest.fixture
def wall(window, classroom):
    wall = Wall(window.browser)
    yield wall.open(classroom.wall)
    with contextlib.suppress(NoSuchElementException):  # the test ended on another page
        wall.element("undo")
        wall.look().execute_script("document.getElementById('undo').click()")  # it may have failed before it did so
    assert_no_complaints(wall.browser)


@contextlib.contextmanager
def enter(classroom, number=1, room="lobby", name=None):
    """Let so many people enter a room. They have no browser."""
    url = f"{classroom.chat.replace('http', 'ws', 1)}ws/chat/{quote(room, safe='')}/"
    headers = {} if name is None else {"workshop-name": quote(name)}
    options = {"origin": classroom.chat.rstrip("/"), "proxy": None, "additional_headers": headers}
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(connect(url, **options)) for _ in range(number)]


def say(socket, text):
    socket.send(json.dumps({"message": text}))


@contextlib.contextmanager
def phones(browser, classroom, number, room="lobby"):
    """Open so many windows with the chat, at the address that the class is told."""
    opened = []
    for _ in range(number):
        browser.switch_to.new_window("window")
        opened.append(Window(browser))
        opened[-1].enter(SimpleNamespace(url=classroom.chat.rstrip("/")), room)
    yield opened
    for phone in opened:
        phone.look().close()


def path_of(code):
    """Return how a QR code is drawn."""
    return ElementTree.fromstring(code).findall(".//{*}path")[-1].get("d")


def test_before_anybody_has_come_the_wall_says_how_to_join(wall, classroom):
    assert wall.words("#address") == [classroom.chat.rstrip("/")]
    code = segno.make(f"{classroom.chat}chat/lobby/", error="m", micro=False).svg_inline(border=2, omitsize=True)
    drawn = wall.ask("[...document.querySelectorAll('#code path')].at(-1).getAttribute('d')")
    assert drawn == path_of(code)
    assert wall.element("code").size["height"] >= 300
    assert wall.fits()
    with enter(classroom):
        wall.until_people("Person 1")
        assert wall.words("#address") == [classroom.chat] and wall.element("code").size["height"] >= 80
    wall.until_people()


def test_people_come_by_phone_and_what_they_say_travels(wall, classroom):
    with phones(wall.browser, classroom, 3) as (ada, bob, cy):
        wall.until_people("Person 1", "Person 2", "Person 3")
        assert "lobby" in wall.words("[data-room=lobby] text")
        ada.post("hello everyone")
        for each in (ada, bob, cy):
            each.until_log("hello everyone\n")
        for step in ("frame", "group_send"):
            assert wall.until_flown(step, "hello everyone")["moves"]
        until(lambda: sum(each["step"] == "event" for each in wall.flown()) == 3, "three deliveries are on their way")
        until(lambda: wall.number("median") != "–", "the delay is known")
        said = "[data-person='Person 1'] text"
        until(lambda: {"said 1", "heard 1"} <= {*wall.words(said)}, "Ada's part is counted")
        assert "heard 1" in wall.words("[data-person='Person 3'] text")
        assert wall.fits() and wall.number("lost") == "0"
    wall.until_people()


def test_a_mailbox_overflows_in_front_of_the_class(wall, classroom):
    before = int(wall.number("lost").replace(",", ""))
    with phones(wall.browser, classroom, 2) as (ada, bob):
        wall.until_people("Person 1", "Person 2")
        wall.click("#open-levers")
        wall.element("person").send_keys("Person 2")
        wall.pull(lever("halted", None))
        wall.pull(lever("capacity", 3))
        texts = ["one", "two", "three", "four"]  # Bob's consumer takes the first one, and stops with it
        for text in texts:
            ada.post(text)
        log = "".join(f"{text}\n" for text in texts)
        ada.until_log(log)
        ada.post("too much")
        until(lambda: "1 of the 2 people" in ada.error, "Ada reads that somebody misses it")
        assert ada.typed == "too much" and bob.log == ""
        until(lambda: wall.number("lost") == f"{before + 1:,}", "one is lost")
        wall.until_flown("lost", "lost")
        assert wall.ask("document.querySelector('[data-person=\"Person 2\"]').dataset.waiting") == "3"
        assert "Person 2" in wall.words("#behind")[0] and "Person 1" not in wall.words("#behind")[0]
        wall.undo()
        bob.until_log(log)
    wall.until_people()


def test_step_by_step_and_on(wall, classroom):
    with phones(wall.browser, classroom, 1) as (ada,):
        wall.until_people("Person 1")
        wall.click("#open-levers")
        wall.pull(lever("stop", "delivery"))
        ada.post("one")
        ada.post("two")
        until(lambda: "stopped" in wall.words("[data-person='Person 1'] text"), "Ada's consumer has stopped")
        assert ada.log == ""
        wall.click("#step")
        ada.until_log("one\n")
        wall.click("#on")
        ada.until_log("one\ntwo\n")
        until(lambda: wall.words("#set-levers") == [""], "nothing is set any more")
    wall.until_people()


def test_each_lever_asks_first_and_is_undone_with_the_others(wall, classroom):
    with enter(classroom, 2):
        wall.until_people("Person 1", "Person 2")
        wall.press("l")
        assert wall.element("levers").is_displayed()
        wall.click("[data-lever=flood]")
        wall.press(Keys.ESCAPE)
        wall.click("[data-lever=deaf]")
        wall.click("#not-now")
        wall.click("[data-lever=halted]")
        assert wall.element("notice").text.startswith("Whom?")
        name = wall.look().find_element(By.CSS_SELECTOR, "[data-person='Person 2']")
        ActionChains(wall.browser).move_to_element(name).click().perform()
        assert wall.element("person").get_property("value") == "Person 2"
        assert wall.words("#set-levers") == [""]
        for each in LEVERS:
            wall.pull(each)
            if each["name"] == "stop":
                assert wall.words("#set-levers") == [f"Set: {each['title']}"]
        assert wall.fits()
        wall.undo()
    wall.until_people()


@pytest.mark.parametrize("number, mode", [(9, "tiles"), (61, "crowd")])
def test_many_people_still_fit(wall, classroom, number, mode):
    with enter(classroom, number) as people:
        until(lambda: wall.ask("document.getElementById('wall').dataset.mode") == mode, f"the wall shows {mode}")
        say(people[0], "hello")
        if mode == "tiles":
            wall.until_people(*(f"Person {each + 1}" for each in range(number)))
        until(lambda: f"{number} people" in " ".join(wall.words("[data-room=lobby] text")), "all are counted")
        assert wall.fits()
    wall.until_people()


def luminance(page, selector, style):
    """Return how bright something is: 0 is black, 255 white."""
    colour = page.ask(f"getComputedStyle(document.querySelector('{selector}')).{style}")
    red, green, blue = (float(each) for each in colour.removeprefix("rgb(").removesuffix(")").split(","))
    return 0.2 * red + 0.7 * green + 0.1 * blue


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_wall_in_these_colours_has_no_barrier(window, classroom, colours):
    wall = Wall(window.browser).open(classroom.wall, prefers_color_scheme=colours)
    with enter(classroom, 2) as (ada, _):
        wall.until_people("Person 1", "Person 2")
        say(ada, "hello")
        wall.until_flown("frame", "hello")
        paper, ink = luminance(wall, ".background", "fill"), luminance(wall, "[data-number=lost]", "fill")
        assert (paper < 60 and ink > 180) if colours == "dark" else (paper > 200 and ink < 60)
        wall.click("#open-levers")
        for open_question in (False, True):
            if open_question:
                wall.click("[data-lever=flood]")
            barriers = find_barriers(wall.look())
            assert not barriers, "\n\n".join(barriers)
        wall.click("#not-now")
        wall.click("#open-levers")
        wall.click("#theme")
        assert (luminance(wall, ".background", "fill") < 60) == (colours == "light")
    wall.until_people()


def test_with_reduced_motion_nothing_moves(window, classroom):
    wall = Wall(window.browser).open(classroom.wall, prefers_reduced_motion="reduce")
    with enter(classroom, 2) as (ada, _):
        wall.until_people("Person 1", "Person 2")
        say(ada, "hello")
        wall.until_flown("group_send", "hello")
        assert not [each for each in wall.flown() if each["moves"]]
    wall.until_people()


def texts_of(path):
    """Return the texts of an SVG file."""
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]


def test_what_people_write_is_text_and_nothing_else(wall, classroom):
    with enter(classroom, room=IMAGE, name=IMAGE) as (eve,), enter(classroom):
        wall.until_people(IMAGE, "Person 1")
        say(eve, IMAGE)
        assert wall.until_flown("frame", "<img")["words"].startswith("<img")
        wall.click("#open-levers")
        assert IMAGE in wall.words("#person option")
        assert wall.ask("[document.images.length, window.hacked ?? null]") == [0, None]
        kept = wall.keep()
        try:
            assert any(text and text.startswith("<img") for text in texts_of(kept / "wall.svg"))
            assert "lobby" in texts_of(kept / "wall.svg")
            film = Page(wall.browser).open((kept / "wall.html").as_uri())
            film.look().execute_script(
                "const time = document.getElementById('time'); time.value = time.max; time.oninput()"
            )
            assert any(text.startswith("<img") for text in film.words("[data-person] text"))
            assert film.ask("[document.images.length, window.hacked ?? null]") == [0, None]
        finally:
            shutil.rmtree(kept)


def test_the_wall_says_when_the_class_is_over_and_what_was_kept_plays_without_it(window):
    with begin(address="127.0.0.1") as classroom:
        wall = Wall(window.browser).open(classroom.wall)
        with enter(classroom, 2) as (ada, bob):
            wall.until_people("Person 1", "Person 2")
            until(lambda: wall.ask("past.at(-1).at - past[0].at") > 0.5, "the film has a beginning without a word")
            say(ada, "remember")
            bob.recv(timeout=20)
            wall.until_flown("event", "")
            kept = wall.keep()
        classroom.stop()
        until(lambda: "■ The chat has ended." in wall.words("#head text"), "the wall says that the chat has ended")
        assert wall.words("#notice") == ["The class is over. Another one has a new address."]
    try:
        assert {"lobby", "Person 1", "Person 2"} <= {*texts_of(kept / "wall.svg")}
        film = Wall(window.browser)
        Page.open(film, (kept / "wall.html").as_uri())
        film.look().execute_script(NOTE_FLIGHTS)
        assert film.state() == "film" and film.flown() == [] and film.fits()
        film.click("#play")
        film.until_people("Person 1", "Person 2")
        film.until_flown("frame", "remember")
        until(lambda: film.element("play").text == "Play", "the film has come to its end")
        assert film.ask("performance.getEntriesByType('resource').length") == 0
        barriers = find_barriers(film.look())
        assert not barriers, "\n\n".join(barriers)
    finally:
        shutil.rmtree(kept)


# The board


def report(classroom, name, *reports):
    """Report to the board as somebody of this name, or without one."""
    with connect(f"ws://{classroom.join}/", proxy=None) as student:
        student.send(json.dumps({"hello": {"secret": secrets.token_urlsafe(32), "name": name}}))
        assert "welcome" in json.loads(student.recv(timeout=20))
        for each in reports:
            student.send(json.dumps({"report": {"id": str(uuid.uuid4()), **each}}))
            assert "done" in json.loads(student.recv(timeout=20))


def check_of(stage, *red):
    return {"stage": stage, "part": None, "tests": {test: test not in red for test in sentences_of(stage)}}


def test_the_board_shows_who_stands_where_and_names_only_if_they_are_wished(window, classroom):
    board = Page(window.browser).open(classroom.board)
    until(lambda: board.words("#students") == ["0 students"], "the board is there")
    code = segno.make(f"http://{classroom.join}/", error="m", micro=False).svg_inline(border=2, omitsize=True)
    drawn = board.ask("decodeURIComponent(document.getElementById('qr').src.split(',').slice(1).join(','))")
    assert path_of(drawn) == path_of(code)
    call = f'from workshop import join_class\njoin_class("{classroom.join}")'
    assert call in board.words("#join code")
    assert board.element("join").is_displayed() and board.fits()
    first, second = [*sentences_of("3")][:2]
    report(classroom, "Ada", check_of("3", first), {"question": "why-not-call-bob", "answer": "a"})
    report(classroom, IMAGE, check_of("3", first, second))
    report(classroom, None, check_of("4"))
    until(lambda: board.words("#students") == ["3 students"], "three students have come")
    assert not board.element("join").is_displayed()
    assert [row.split()[0] for row in board.words("#stages th")] == ["3", "4"]
    assert board.words("#tests b") == ["2", "1"]
    assert sentences_of("3")[first].replace("`", "") in board.words("#tests li")[0]
    assert board.words("#answers b") == ["1"]
    assert board.words("#stages bdi") == []
    board.click("#names")
    assert {*board.words("#stages bdi")} == {"Ada", IMAGE, "Student 3"}
    assert board.ask("[document.images.length, window.hacked ?? null]") == [1, None], "The QR code, and no other."
    board.click("#save")
    notice = until(lambda: board.element("notice").text, "the board is saved")
    saved = REPOSITORY / notice.removeprefix("Saved with names: ")
    try:
        assert saved.name == "board.json" and "Ada" in saved.read_text(encoding="utf-8")
    finally:
        shutil.rmtree(saved.parent)
    assert board.fits()
    for _ in ("light", "dark"):
        barriers = find_barriers(board.look())
        assert not barriers, "\n\n".join(barriers)
        board.click("#theme")
    assert_no_complaints(board.browser)


def test_where_students_report_a_page_says_what_to_run(window, classroom):
    window.look().get(f"http://{classroom.join}/")
    assert f'join_class("{classroom.join}")' in window.browser.page_source
    barriers = find_barriers(window.browser)
    assert not barriers, "\n\n".join(barriers)
