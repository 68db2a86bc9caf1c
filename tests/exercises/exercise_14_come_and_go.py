"""
Let the page say it: `bob has come.` and `bob has gone.`, in an element `#chat-news` with the role `status`, which a
screen reader reads out. But a second window isn't news. The page says so only for a person's first window and for their
last one, never for those who were here before the page, and of people who aren't logged in it says nothing.
"""

import json

import pytest
from stage.accounts import quick_passwords
from stage.presence import open_page
from stage.scripts import blame, blame_errors

FILE = "chat/templates/chat/room.html"
STAGE = 14
SOLUTION = [
    (
        "chat/templates/chat/room.html",
        """\
  <p id="chat-people"></p>
""",
        """\
  <p id="chat-people"></p>
  <p id="chat-news" role="status"></p>
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
    function hearOfPeople(frame) {
""",
        """\
    function hearOfPeople(frame) {
      const [key, name] = "here" in frame ? frame.here : [frame.gone, people.get(frame.gone)];
      // Whoever has another window here, or is known already, neither comes nor goes.
      const others = [...people].filter(([other, theirs]) => theirs === name && other !== key);
      if (name && !others.length) {
        if ("gone" in frame) show("#chat-news", `${name} has gone.`);
        else if (!people.has(key)) show("#chat-news", `${name} has come.`);
      }
""",
    ),
]


@pytest.fixture
def page(tables, client, pytestconfig):
    """The page of the room lobby, with a list in which ada has two windows, and bob and somebody else have one."""
    with quick_passwords(), open_page(client, pytestconfig.project) as page:
        if "chat-news" not in page.ids():
            blame(page, "The page has no element with the id chat-news.", '<p id="chat-news" role="status"></p>.')
        give(page, {"people": [[1, "ada"], [2, "bob"], [3, "ada"], [4, ""]]})
        yield page


def give(page, *frames):
    for frame in frames:
        page.receive(json.dumps(frame))
    blame_errors(page)


def expect_news(page, wanted, after, asked):
    news = (page.text("chat-news") or "").strip()
    if news != wanted:
        blame(page, f"{after}, and #chat-news shows {news!r}.", asked)


HERE = "The list had two windows of ada, one of bob, and one of somebody who isn't logged in"


def test_the_page_says_who_comes_and_who_goes(page):
    """When somebody comes who wasn't here, and when somebody goes who isn't here any more, the page says so."""
    give(page, {"here": [5, "carol"]})
    expect_news(page, "carol has come.", f"{HERE}. Then carol came", "“carol has come.”")
    give(page, {"gone": 2})
    expect_news(page, "bob has gone.", f"{HERE}. Then bob went", "“bob has gone.”")
    give(page, {"here": [6, "bob"]})
    expect_news(page, "bob has come.", f"{HERE}. Then bob went and came again", "“bob has come.”")
    if page.evaluate('document.querySelector("#chat-news").getAttribute("role")') != "status":
        blame(page, "#chat-news hasn't the role status.", 'role="status": a screen reader reads out what is new.')


def test_only_the_first_window_comes_and_only_the_last_one_goes(page):
    """Whoever opens one more window hasn't come, and whoever closes one of two hasn't gone."""
    asked = "Look whether people has another window with this name."
    give(page, {"here": [5, "bob"]}, {"gone": 1})
    after = f"{HERE}. Then bob opened a second window, and ada closed one of her two"
    expect_news(page, "", after, asked)
    give(page, {"gone": 2})
    expect_news(page, "", f"{after}, and bob closed his first one", asked)
    give(page, {"gone": 3})
    expect_news(page, "ada has gone.", f"{after}, bob closed his first one, and ada her other one", asked)


def test_nothing_is_said_of_who_was_here_before_or_has_no_name(page):
    """Of those in a list, of those who aren't logged in, and of windows that it knows, the page says nothing."""
    expect_news(page, "", HERE, "Whoever is in the list was here before.")
    give(page, {"here": [2, "bob"]}, {"here": [7, ""]}, {"gone": 4}, {"gone": 777})
    after = f"{HERE}. Then came bob's window again, which was in it, and somebody without a name; one of these went"
    expect_news(page, "", f"{after}, and a window that nobody knew", "None of them has come or gone by name.")
    page.close_socket()
    page.run_timers(2000)
    page.open_socket()
    give(page, {"people": [[8, "ada"], [9, "carol"]]}, {"here": [8, "ada"]})
    after = f"{HERE}. The connection was lost, and came back with a list of ada and carol"
    expect_news(page, "", after, "Whoever is in the list was here before.")
    give(page, {"here": [10, ""]})
    asked = "Of people who aren't logged in, the page says nothing."
    expect_news(page, "", f"{after}. Then came the first one who isn't logged in", asked)
    give(page, {"gone": 10})
    expect_news(page, "", f"{after}. Then the only one who isn't logged in came and went", asked)
