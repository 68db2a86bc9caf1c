"""
Let the page say how many messages wait for their acknowledgement. As long as there are any, `#chat-status` ends with
`Waiting: 2.`, with or without a connection. When none is left, it says what it says now.
"""

import json

import pytest
from stage.scripts import blame, blame_errors, browse, expect_socket

FILE = "chat/templates/chat/room.html"
STAGE = 12
SOLUTION = [
    (
        "chat/templates/chat/room.html",
        '        show("#chat-status", "Connected.");\n',
        '        showState("Connected.");\n',
    ),
    (
        "chat/templates/chat/room.html",
        '      show("#chat-status", `Not connected. Trying again within ${seconds} s. ',
        "      showState(`Not connected. Trying again within ${seconds} s. ",
    ),
    (
        "chat/templates/chat/room.html",
        """\
          outbox = outbox.filter((each) => each !== refused);
""",
        """\
          outbox = outbox.filter((each) => each !== refused);
          showState();
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
          outbox = outbox.filter((each) => each.id !== frame.ack);
""",
        """\
          outbox = outbox.filter((each) => each.id !== frame.ack);
          showState();
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
    function showAway(wait) {
""",
        """\
    let state = "Connecting…";  // what is so now, without what waits

    function showState(text = state) {
      state = text;
      show("#chat-status", outbox.length ? `${state} Waiting: ${outbox.length}.` : state);
    }

    function showAway(wait) {
""",
    ),
    (
        "chat/templates/chat/room.html",
        """\
      outbox.push({message: input.value, id});
""",
        """\
      outbox.push({message: input.value, id});
      showState();
""",
    ),
]


@pytest.fixture
def page(client, tables, pytestconfig):
    """The room's page, with its socket open and an empty history."""
    with browse(client, "/chat/lobby/", pytestconfig.project) as page:
        expect_socket(page, "lobby", "The socket of the room.")
        page.open_socket()
        give(page, {"history": []})
        yield page


def give(page, frame):
    page.receive(json.dumps(frame))
    blame_errors(page)


def enter(page, *messages):
    for message in messages:
        page.type(message)
        page.press_enter()
    blame_errors(page)


def acknowledge(page, number):
    """Acknowledge the message that the page sent as this one of its frames, counted from 0."""
    give(page, {"ack": json.loads(page.sockets[-1]["frames"][number]["text"])["id"]})


def expect_waiting(page, count, after):
    """Raise Unmet unless #chat-status says that this many messages wait."""
    status = page.text("chat-status") or ""
    right = status.endswith(f"Waiting: {count}.") if count else "Waiting" not in status
    if not right:
        asked = f"It ends with “Waiting: {count}.”" if count else "When nothing waits, it doesn't say so."
        blame(page, f"{after}, #chat-status says {status!r}.", asked)


def test_the_page_counts_what_is_not_acknowledged(page):
    """Each message waits until it is acknowledged, and not only until it is shown."""
    connected = page.text("chat-status")
    expect_waiting(page, 0, "Before anything was typed")
    enter(page, "a", "b")
    expect_waiting(page, 2, "After “a” and “b” were sent")
    give(page, {"message": "a", "name": "", "number": 1})
    expect_waiting(page, 2, "After “a” and “b” were sent, and “a” came back without an acknowledgement")
    acknowledge(page, 0)
    expect_waiting(page, 1, "After “a” and “b” were sent, and “a” was acknowledged")
    acknowledge(page, 1)
    expect_waiting(page, 0, "After both were acknowledged")
    if page.text("chat-status") != connected:
        status = page.text("chat-status")
        blame(page, f"When nothing waits any more, #chat-status says {status!r}.", f"It says {connected!r} again.")


def test_what_is_refused_does_not_wait(page):
    """A message that the server refuses goes back into the input, and waits no longer."""
    enter(page, "a", "b")
    give(page, {"error": "This is too long.", "frame": 1})
    expect_waiting(page, 1, "After “a” and “b” were sent, and the server refused “a”")


def test_without_a_connection_the_page_says_so_and_counts(page):
    """Without a connection, the page says that it has none, and counts what was sent and what is typed."""
    enter(page, "a")
    page.close_socket()
    blame_errors(page)
    expect_waiting(page, 1, "After “a” was sent, and the connection was lost")
    enter(page, "b")
    expect_waiting(page, 2, "After “b” was typed, too, without a connection")
    if not (page.text("chat-status") or "").startswith("Not connected"):
        blame(
            page, f"Without a connection, #chat-status says {page.text('chat-status')!r}.", "What it said before, too."
        )
    page.run_timers(2000)
    page.open_socket()
    expect_waiting(page, 2, "After the page was connected again, and nothing was acknowledged yet")
    acknowledge(page, 0)
    acknowledge(page, 1)
    expect_waiting(page, 0, "After both were acknowledged, on the next connection")
