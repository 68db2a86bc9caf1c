"""
A class in one room, with real servers and real clients: who reaches what, what the teacher reads, and what the wall
counts, stops and keeps. What the wall looks like is in test_wall.py.
"""

import asyncio
import contextlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import psutil
import pytest
import segno
import workshop.classroom.film as film
import workshop.classroom.start as start
from in_class import (
    UNDONE,
    begin,
    differences,
    enter,
    open_socket,
    open_wall,
    port_of,
    second_address,
    wall_socket,
)
from running import REPOSITORY, copy_project, say
from waiting import until
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from workshop import WorkshopError, start_class
from workshop.classroom.site import REPORTS
from workshop.errors import NO_TABLES
from workshop.lesson.files import WORKSPACE, write_files
from workshop.lesson.stages import state_before
from workshop.measuring.crowd import Crowd
from workshop.processes.port import Port
from workshop.recording import Recording

NOTEBOOKS = REPOSITORY / "notebooks"
pytestmark = pytest.mark.xdist_group("class")

# Where it is, and who may open what


def get(address, port, path, **headers):
    """Return (status, text) of what this computer answers at one of its addresses."""
    connection = http.client.HTTPConnection(address, port, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def listeners(process):
    """Return {(address, port)} at which a process, or one that it has started, can be reached."""
    everyone = [process, *process.children(recursive=True)]
    return {
        each.laddr[:2] for one in everyone for each in one.net_connections("tcp") if each.status == psutil.CONN_LISTEN
    }


@pytest.fixture
def nothing_left():
    """Assert at the end that no process runs on that the test has started."""
    before = {*psutil.Process().children(recursive=True)}
    yield
    assert {*psutil.Process().children(recursive=True)} == before


@pytest.fixture(scope="module")
def elsewhere():
    """A class with a board, at an address that isn't 127.0.0.1."""
    with begin(address=second_address(), board=True) as classroom:
        yield classroom


async def status_of(opening):
    """Return the status with which a socket is refused, or 101 if it opens."""
    try:
        async with opening:
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def test_the_chat_is_served_at_the_address_that_was_chosen(elsewhere):
    port = port_of(elsewhere.chat)
    assert elsewhere.chat == f"http://127.0.0.2:{port}/"
    for path in ("/chat/", "/chat/lobby/"):
        status, text = get("127.0.0.2", port, path)
        assert (status, "</html>" in text) == (200, True)
    async with open_socket(elsewhere) as one:
        await say(one, "hello")
        assert json.loads(await asyncio.wait_for(one.recv(), 20)) == {"message": "hello"}
    strange = connect(f"ws://127.0.0.2:{port}/ws/chat/lobby/", origin="http://evil.example", proxy=None)
    assert await status_of(strange) == 403


def test_nobody_sees_a_yellow_page_and_no_other_name_leads_to_the_chat(elsewhere):
    port = port_of(elsewhere.chat)
    status, text = get("127.0.0.2", port, "/nothing/")
    assert status == 404 and "DEBUG" not in text and "URLconf" not in text
    status, text = get("127.0.0.2", port, "/chat/", Host="evil.example")
    assert status == 400 and "DEBUG" not in text and "ALLOWED_HOSTS" not in text


def test_at_the_class_address_there_is_nothing_but_the_chat_and_the_reports(elsewhere):
    found = listeners(psutil.Process(elsewhere.process.pid))
    reports = int(elsewhere.join.partition("/")[0].rpartition(":")[2])
    assert {each for each in found if each[0] != "127.0.0.1"} == {
        ("127.0.0.2", port_of(elsewhere.chat)),
        ("127.0.0.2", reports),
    }
    assert ("127.0.0.1", port_of(elsewhere.wall)) in found
    for address, port in (("127.0.0.2", port_of(elsewhere.wall)), ("127.0.0.1", port_of(elsewhere.chat))):
        with pytest.raises(ConnectionRefusedError):
            get(address, port, "/chat/")


async def test_the_wall_opens_with_its_key_and_from_its_own_page_alone(elsewhere):
    port, key = port_of(elsewhere.wall), elsewhere.wall.split("/")[3]
    assert len(key) >= 20
    assert get("127.0.0.1", port, f"/{key}/wall/")[0] == get("127.0.0.1", port, f"/{key}/board/")[0] == 200
    code = elsewhere.join.partition("/")[2]
    for wrong in ("x" * len(key), key[:-1], key.swapcase(), code, "None"):
        assert get("127.0.0.1", port, f"/{wrong}/wall/")[0] == 404
        assert get("127.0.0.1", port, f"/{wrong}/board/")[0] == 404
        assert await status_of(wall_socket(elsewhere, key=wrong)) == 403
    assert get("127.0.0.1", port, f"/{key}/wall/", Host="evil.example")[0] == 400
    for origin in ("http://evil.example", f"http://evil.example:{port}", "null"):
        assert await status_of(wall_socket(elsewhere, origin=origin)) == 403
    assert await status_of(wall_socket(elsewhere)) == 101


async def test_where_students_report_there_is_neither_wall_nor_board(elsewhere):
    place, _, code = elsewhere.join.partition("/")
    port, key = int(place.rpartition(":")[2]), elsewhere.wall.split("/")[3]
    status, text = get("127.0.0.2", port, f"/{code}/")
    assert status == 200 and f"join_class(&quot;{elsewhere.join}&quot;)" in text.replace('"', "&quot;")
    for word in (key, code):
        for page in ("wall", "board"):
            assert get("127.0.0.2", port, f"/{word}/{page}/")[0] == 404
            there = connect(f"ws://{place}/{word}/ws/{page}/", origin=f"http://{place}", proxy=None)
            assert await status_of(there) == 403
    assert get("127.0.0.2", port, f"/{key}/")[0] == 404


# The shared class: nothing is left in it by one test for the next


@pytest.fixture(scope="module")
def classroom():
    with begin(address="127.0.0.1") as classroom:
        yield classroom


@pytest.fixture
async def teacher(classroom):
    async with open_wall(classroom) as teacher:
        yield teacher


async def test_without_a_board_there_is_none(classroom):
    assert (classroom.board, classroom.join) == (None, None)
    port, key = port_of(classroom.wall), classroom.wall.split("/")[3]
    assert get("127.0.0.1", port, f"/{key}/wall/")[0] == 200
    assert get("127.0.0.1", port, f"/{key}/board/")[0] == 404
    for path in (f"{key}/ws/board/", "None/"):
        assert (
            await status_of(connect(f"ws://127.0.0.1:{port}/{path}", origin=f"http://127.0.0.1:{port}", proxy=None))
            == 403
        )
    found = listeners(psutil.Process(classroom.process.pid))
    assert not {each[1] for each in found} & {*REPORTS}
    assert len(found) == 3, "the chat, the wall, and what connects the two"


# What the wall counts


async def test_who_is_where_and_what_they_say_and_hear(classroom, teacher):
    before = teacher.now
    async with enter(classroom, 2) as (ada, bob), enter(classroom, 1, "Größe 1", name="Zoë") as (zoe,):
        await teacher.until_names("Person 1", "Person 2", "Zoë")
        await ada.say("one", "two")
        await bob.until_heard("one", "two")
        await bob.say("three")
        await ada.until_heard("one", "two", "three")
        await zoe.say("alone")
        await zoe.until_heard("alone")
        now = await teacher.until_people(Person_1={"heard": 3}, Person_2={"heard": 3}, Zoë={"heard": 1})
        quiet = {"accepted": True, "member": True, "waiting": 0, "lost": 0, "bytes": 0, "holds": False, "stopped": None}
        assert now["people"] == [
            {"name": "Person 1", "room": "lobby", "heard": 3, "said": 2, **quiet},
            {"name": "Person 2", "room": "lobby", "heard": 3, "said": 1, **quiet},
            {"name": "Zoë", "room": "Größe 1", "heard": 1, "said": 1, **quiet},
        ]
        empty = {"waiting": 0, "fullest": 0}
        assert all(0 < room.pop("delay") for room in now["rooms"])
        assert now["rooms"] == [
            {"name": "lobby", "people": 2, "messages": 3, "deliveries": 6, "fill": [2, 0, 0, 0, 0], **empty},
            {"name": "Größe 1", "people": 1, "messages": 1, "deliveries": 1, "fill": [1, 0, 0, 0, 0], **empty},
        ]
        assert differences(before, now) == {"messages": 4, "deliveries": 7, "lost": 0}
        assert not now["crowd"] and 0 < now["delays"]["median"] <= now["delays"]["p95"]
    assert teacher.said == [
        ["lobby", "Person 1", "one"],
        ["lobby", "Person 1", "two"],
        ["lobby", "Person 2", "three"],
        ["Größe 1", "Zoë", "alone"],
    ]
    # Ada's first word, from her to both.
    assert {
        (step["source"], step["target"], step["what"])
        for step in teacher.steps
        if step.get("payload") in ('{"message": "one"}', {"type": "chat_msg", "message": "one"})
    } == {
        ("Person 1", "Person 1's consumer", "frame"),
        ("Person 1's consumer", "lobby", "group_send"),
        ("lobby", "Person 1's consumer", "event"),
        ("lobby", "Person 2's consumer", "event"),
        ("Person 1's consumer", "Person 1", "frame"),
        ("Person 2's consumer", "Person 2", "frame"),
    }
    await teacher.until_names()
    assert differences(before, teacher.now) == {"messages": 4, "deliveries": 7, "lost": 0}, "Who leaves, still counts."


async def test_who_comes_gets_the_lowest_free_number(classroom, teacher):
    async with enter(classroom, 3) as (_, bob, _):
        await teacher.until_names("Person 1", "Person 2", "Person 3")
        await bob.socket.close()
        await teacher.until_names("Person 1", "Person 3")
        async with enter(classroom, 2, "another room"):
            await teacher.until_names("Person 1", "Person 3", "Person 2", "Person 4")


async def test_a_full_mailbox_loses_what_its_sender_is_told_and_nothing_else(classroom, teacher):
    before = teacher.now
    texts = [f"word {number}" for number in range(6)]
    async with enter(classroom, 3) as (ada, bob, cy):
        await teacher.set("halted", "Person 2")
        await teacher.set("capacity", 3)
        assert teacher.now["capacity"] == 3
        await ada.say(*texts)
        await cy.until_heard(*texts)
        # Bob's consumer has one in its hand, three wait, and two don't fit in.
        now = await teacher.until_people(Person_2={"waiting": 3, "lost": 2, "stopped": "delivery"})
        await ada.settle()
        assert [(each["frame"], "1 of the 3 people" in each["error"]) for each in ada.errors] == [(5, True), (6, True)]
        assert ada.heard == texts
        await bob.settle()
        assert bob.frames == []
        (room,) = now["rooms"]
        assert (room["waiting"], room["fullest"], room["fill"]) == (3, 3, [2, 1, 0, 0, 0])
        assert differences(before, now)["messages"] == 6
        assert differences(before, now)["lost"] == 2
        assert [step["target"] for step in teacher.steps if step["what"] == "lost"] == ["Person 2's consumer"] * 2
        await teacher.pull("undo")
        await bob.until_heard(*texts[:4])
        now = await teacher.until_people(Person_2={"waiting": 0, "lost": 2, "stopped": None, "heard": 4})
        assert (now["capacity"], now["levers"]) == (before["capacity"], UNDONE)
        assert differences(before, now) == {"messages": 6, "deliveries": 16, "lost": 2}
        await ada.say("afterwards")
        await bob.until_heard(*texts[:4], "afterwards")
        assert len(ada.errors) == 2


async def test_a_halt_ends_with_its_person_and_the_next_one_of_that_name_is_free(classroom, teacher):
    async with enter(classroom, 1) as (ada,):
        async with enter(classroom, 1):
            await teacher.until_names("Person 1", "Person 2")
            await teacher.set("halted", "Person 2")
        await teacher.until(lambda now: now["levers"] == UNDONE, "the halt has ended")
        async with enter(classroom, 1) as (cy,):
            await teacher.until_names("Person 1", "Person 2")
            await ada.say("welcome")
            await cy.until_heard("welcome")


async def test_after_group_add_a_newcomer_has_a_mailbox_and_no_connection(classroom, teacher):
    async with enter(classroom, 1) as (ada,):
        await teacher.set("stop", "group_add")
        coming = asyncio.ensure_future(open_socket(classroom).__aenter__())
        await teacher.until_people(Person_2={"stopped": "group_add", "member": True, "accepted": False})
        await ada.say("one", "two")
        await ada.until_heard("one", "two")
        # One is in the hand of the task that waits for connect() to end, the other one in the mailbox.
        await teacher.until_people(Person_2={"waiting": 1, "accepted": False, "heard": 0})
        assert not coming.done()
        await teacher.pull("stop")
        newcomer = await asyncio.wait_for(coming, 20)
        assert [json.loads(await asyncio.wait_for(newcomer.recv(), 20)) for _ in range(2)] == [
            {"message": "one"},
            {"message": "two"},
        ]
        await teacher.until_people(Person_2={"stopped": None, "accepted": True, "waiting": 0, "heard": 2})
        await newcomer.close()


async def test_after_accept_a_newcomer_is_connected_and_neither_hears_nor_is_heard(classroom, teacher):
    async with enter(classroom, 1) as (ada,):
        await teacher.set("stop", "accept")
        async with enter(classroom, 1) as (newcomer,):
            await teacher.until_people(Person_2={"stopped": "accept", "member": True, "accepted": True})
            await newcomer.say("I am new")
            await newcomer.settle()
            await ada.say("hello")
            await ada.until_heard("hello")
            await newcomer.settle()
            assert newcomer.frames == []
            await teacher.pull("stop")
            await ada.until_heard("hello", "I am new")
            await newcomer.until_heard("hello", "I am new")


async def test_before_a_delivery_each_step_lets_one_through(classroom, teacher):
    async with enter(classroom, 3) as people:
        await teacher.set("stop", "delivery")
        await people[0].say("one", "two", "three")
        everyone = {"Person_1": {}, "Person_2": {}, "Person_3": {}}
        for number in range(3):
            held = {"stopped": "delivery", "heard": number, "waiting": 2 - number}
            await teacher.until_people(**dict.fromkeys(everyone, held))
            for each in people:
                await each.settle()
                assert each.heard == ["one", "two", "three"][:number]
            if number < 2:
                await teacher.pull("step")
        await teacher.pull("stop")
        for each in people:
            await each.until_heard("one", "two", "three")
        await teacher.until_people(**dict.fromkeys(everyone, {"stopped": None, "heard": 3, "waiting": 0}))


async def test_one_who_never_reads_is_dropped_and_nobody_else_notices(classroom, teacher):
    async with enter(classroom, 2) as (ada, bob), open_socket(classroom, name="Deaf", ping_interval=None) as deaf:
        await teacher.until_people(Deaf={"accepted": True})
        deaf.transport.pause_reading()
        said, most = [], 0
        while any(person["name"] == "Deaf" for person in teacher.now["people"]):
            assert len(said) < 20_000, "It should have been dropped by now."
            with contextlib.suppress(ConnectionClosed):  # at its end
                for _ in range(100):
                    said.append(f"{len(said)} ".ljust(3900, "."))
                    await say(deaf, said[-1])
            await ada.say(f"Ada, after {len(said)}")
            await teacher.look()
            most = max([most, *(person["bytes"] for person in teacher.now["people"])])
        assert most > 2**20, "and the wall has shown what waits for it"
        await ada.say("the end")
        for each in (ada, bob):
            await each.until(lambda each=each: each.heard[-1] == "the end")
        assert ada.frames == bob.frames and not ada.errors
        came = [text for text in ada.heard if not text.startswith("Ada") and text != "the end"]
        assert came == said[: len(came)] and came
    await teacher.until_names()


async def test_the_levers_rude_clients_come_and_go_and_others_are_heard(classroom, teacher):
    async with enter(classroom, 2) as (ada, bob):
        await teacher.set("flood", True)
        flooder = "The flooder"
        await teacher.until(
            lambda now: any(each["name"] == flooder and each["said"] > 1000 for each in now["people"]), "it floods"
        )
        await ada.say("still here")
        await bob.until_heard("still here")
        await ada.until_heard("still here")
        own = ["lobby", "Person 1", "still here"]
        await teacher.until(lambda now: own in teacher.said, "the wall has what was said beside the flood")
        await teacher.set("deaf", True)
        now = await teacher.until_people(**{"The_one_who_never_reads": {"room": "next door"}})
        assert now["levers"] == {**UNDONE, "flood": True, "deaf": True}
        await teacher.set("deaf", False)
        await teacher.until_names("Person 1", "Person 2", flooder)
        await teacher.pull("undo")
        now = await teacher.until_names("Person 1", "Person 2")
        assert now["levers"] == UNDONE
    assert not ada.errors and not bob.errors


BAD_FRAMES = [
    "no JSON",
    b"\x00\xff",
    "7",
    "[]",
    "null",
    '"undo"',
    "{}",
    "[" * 10_000,
    '{"lever": "explode"}',
    '{"lever": null}',
    '{"lever": ["stop"]}',
    '{"lever": "stop", "value": "somewhere"}',
    '{"lever": "stop", "value": ["accept"]}',
    '{"lever": "halted", "value": 2}',
    '{"lever": "capacity", "value": 0}',
    '{"lever": "capacity", "value": -3}',
    '{"lever": "capacity", "value": 2.5}',
    '{"lever": "capacity", "value": true}',
    '{"lever": "capacity", "value": "3"}',
    '{"lever": "flood", "value": "a lot"}',
    '{"lever": "deaf", "value": 1}',
    '{"lever": "step", "value": 3}',
    '{"lever": "undo", "value": 3}',
    '{"keep": 7}',
    '{"keep": "\\ud800"}',
]


async def test_what_is_no_lever_is_answered_in_a_sentence_and_changes_nothing(classroom, teacher):
    for frame in BAD_FRAMES:
        await teacher.socket.send(frame)
        said = await teacher.answer()
        assert said.keys() == {"error"} and said["error"].endswith("."), (frame, said)
    async with enter(classroom, 1) as (ada,):
        await teacher.until_names("Person 1")
        assert teacher.now["levers"] == UNDONE and teacher.now["capacity"] > 100
        await ada.say("hello")
        await ada.until_heard("hello")
    pages = [page.read_text(encoding="utf-8") for page in (NOTEBOOKS / "kept").glob("*/wall.html")]
    assert not [page for page in pages if classroom.chat in page]


async def test_a_hundred_people_are_counted_exactly_and_three_are_followed_again(classroom, teacher):
    await a_hundred_are_counted(classroom, teacher)


async def a_hundred_are_counted(classroom, teacher):
    before = teacher.now
    with Crowd([port_of(classroom.chat)], 100) as crowd:
        await teacher.until(lambda now: now["rooms"] and now["rooms"][0]["people"] == 100, "all are here")
        spoken = asyncio.ensure_future(asyncio.to_thread(crowd.burst, 1))
        while not spoken.done():
            await teacher.look()
        assert (await spoken)["lost"] == 0
        now = await teacher.until(lambda now: differences(before, now)["deliveries"] >= 10_000, "all is counted")
        assert differences(before, now) == {"messages": 100, "deliveries": 10_000, "lost": 0}
        assert (now["crowd"], now["steps"], now["people"]) == (True, None, [])
        (room,) = now["rooms"]
        assert (room["messages"], room["deliveries"], room["fill"]) == (100, 10_000, [100, 0, 0, 0, 0])
    await teacher.until_names()
    teacher.steps = []
    async with enter(classroom, 3) as (ada, *others):
        now = await teacher.until(lambda now: len(now["people"]) == 3 and now["steps"] is not None, "it is quiet")
        assert not now["crowd"]
        teacher.steps = []
        await ada.say("to three")
        for each in others:
            await each.until_heard("to three")
        await teacher.until(lambda now: differences(before, now)["deliveries"] == 10_003, "the three are counted")
        assert [step["what"] for step in teacher.steps].count("event") == 3
        assert differences(before, teacher.now) == {"messages": 101, "deliveries": 10_003, "lost": 0}


async def test_what_was_on_the_wall_can_be_kept(classroom, teacher):
    async with enter(classroom, 2) as (ada, bob):
        await ada.say("to be kept <b>\u2028</script>")
        await bob.until_heard("to be kept <b>\u2028</script>")
        await teacher.until(lambda now: teacher.said, "the wall knows of it")
        by_verb = REPOSITORY / await asyncio.to_thread(classroom.keep)
        await teacher.socket.send(json.dumps({"keep": "<svg/>"}))
        answer = (await teacher.answer())["kept"]
    by_button = REPOSITORY / answer["folder"]
    with removed_at_the_end(by_verb, by_button):
        assert by_verb.parent == NOTEBOOKS / "kept"
        assert names_in(by_verb) == ["wall.html", "wall.steps"]
        assert answer["files"] == ["wall.html", "wall.svg", "wall.steps"]
        assert (by_button / "wall.svg").read_text(encoding="utf-8") == "<svg/>"
        recording = Recording.read(by_verb / "wall.steps")
        assert "to be kept <b>" in recording.text() and "to be kept &lt;b&gt;" in recording.picture()
        assert {"Person 1", "Person 2"} <= {*recording.people()}


def names_in(folder):
    return sorted(path.name for path in folder.glob("*"))


@contextlib.contextmanager
def removed_at_the_end(*folders):
    try:
        yield
    finally:
        for folder in folders:
            shutil.rmtree(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="Only Linux has limits for a process that runs already")
async def test_if_nothing_can_be_written_the_teacher_reads_why(classroom, teacher):
    site = psutil.Process(classroom.process.pid)
    limits = site.rlimit(psutil.RLIMIT_FSIZE)
    site.rlimit(psutil.RLIMIT_FSIZE, (0, limits[1]))
    try:
        await teacher.socket.send(json.dumps({"keep": "<svg/>"}))
        assert (await teacher.answer())["error"].startswith("The wall can't be kept: ")
        with pytest.raises(WorkshopError, match=r"The wall can't be kept: .*\."):
            await asyncio.to_thread(classroom.keep)
    finally:
        site.rlimit(psutil.RLIMIT_FSIZE, limits)
    assert (await teacher.look()).keys() == {"snapshot"}


def test_half_a_film_is_not_kept(tmp_path, monkeypatch):
    folder = tmp_path / "kept"
    (folder / "wall.steps").mkdir(parents=True)  # so the file of this name can't be written
    monkeypatch.setattr(film, "new_folder", lambda: folder)
    with pytest.raises(OSError):
        film.Film().keep(lambda snapshots: "a page")
    assert not folder.exists()


# What the teacher reads


def draw_in_a_terminal(address):
    code = io.StringIO()
    segno.make(address, error="m", micro=False).terminal(out=code, compact=True, border=2)
    return code.getvalue()


def test_a_class_says_what_to_open_and_what_to_do_if_nobody_gets_in(elsewhere, classroom):
    text = repr(elsewhere)
    assert text.startswith(f"Everyone in this network opens {elsewhere.chat}\n")
    assert draw_in_a_terminal(f"{elsewhere.chat}chat/lobby/") in text
    for line in (elsewhere.wall, elsewhere.board, f'join_class("{elsewhere.join}")', "Nobody gets in?"):
        assert line in text
    html = elsewhere._repr_html_()
    room = segno.make(f"{elsewhere.chat}chat/lobby/", error="m", micro=False)
    assert room.svg_inline(scale=6, light="white", border=2) in html
    for url in (elsewhere.wall, elsewhere.board):
        assert f'<a href="{url}" target="_blank">{url}</a>' in html
    assert "board" not in repr(classroom) and str(port_of(classroom.chat)) in repr(classroom)


def test_a_port_that_is_in_use_is_told():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        words = rf"Something answers on port {port} already\. .*start_class\(port=.*--port"
        with pytest.raises(WorkshopError, match=words):
            start_class(address="127.0.0.1", port=port)


def test_a_class_that_is_started_twice_is_told_where_the_first_one_is(classroom):
    with pytest.raises(WorkshopError, match=rf"Your class is on already, at {classroom.chat}\..* stop\(\)"):
        start_class(address="127.0.0.1", port=port_of(classroom.chat))


@pytest.mark.parametrize("port", [-1, 0, 65_536])
def test_a_number_that_is_no_port_is_told(port):
    with pytest.raises(WorkshopError, match=rf"{port} is no port\."):
        start_class(address="127.0.0.1", port=port)


@pytest.mark.parametrize("address", ["203.0.113.7", "nowhere", "127.0.0.1:8000", "::1", ""])
def test_an_address_that_is_none_of_this_computers_is_told(address):
    with pytest.raises(WorkshopError, match=r"isn't an address of this computer\. Its addresses are"):
        start_class(address=address)


def test_if_no_port_is_free_for_reports_it_says_so(nothing_left):
    address = second_address()
    with contextlib.ExitStack() as stack:
        for port in REPORTS:
            taken = stack.enter_context(socket.socket())
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):  # somebody else has it already
                taken.bind((address, port))
                taken.listen()
        with pytest.raises(WorkshopError, match=f"None of the ports {REPORTS[0]} to {REPORTS[-1]} is free"):
            with begin(address=address, board=True):
                pass


# The workspace's own chat


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setattr(start, "WORKSPACE", tmp_path)
    monkeypatch.setattr(start, "PAGES", [tmp_path / page.relative_to(WORKSPACE) for page in start.PAGES])
    monkeypatch.setattr(start, "expect_open", lambda: None)  # that is about the real workspace
    return tmp_path


def test_a_project_without_a_page_is_told(workspace):
    with pytest.raises(WorkshopError, match="has no pages to open yet: stage 5 makes them"):
        start_class(own=True)


def test_a_project_that_does_not_start_is_told_in_its_own_words(workspace, nothing_left):
    copy_project(workspace)
    (workspace / "chat" / "consumers.py").write_text("class ChatConsumer(\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match=r"(?s)The server did not start\. It says:.*SyntaxError"):
        with begin(own=True, address="127.0.0.1"):
            pass


async def test_ones_own_chat_on_the_layer_of_channels_is_counted_as_exactly(workspace, capsys):
    write_files(state_before(6), workspace)  # what stage 5 leaves
    with (workspace / "chat" / "templates" / "chat" / "room.html").open("a", encoding="utf-8") as page:
        page.write("<p>This one is mine.</p>")
    with begin(own=True, address="127.0.0.1") as classroom:
        assert capsys.readouterr().out == NO_TABLES + "\n"
        assert "This one is mine." in get("127.0.0.1", port_of(classroom.chat), "/chat/lobby/")[1]
        async with open_wall(classroom) as teacher:
            before = teacher.now
            assert before["capacity"] == 100, "Channels' own layer"
            async with enter(classroom, 3) as (ada, bob, cy):
                await teacher.set("halted", "Person 2")
                await teacher.set("capacity", 3)
                texts = [f"word {number}" for number in range(6)]
                for number, text in enumerate(texts):
                    await ada.say(text)
                    await cy.until_heard(*texts[: number + 1])
                await teacher.until_people(Person_2={"waiting": 3, "lost": 2, "stopped": "delivery"})
                await teacher.pull("undo")
                await bob.until_heard(*texts[:4])
                now = await teacher.until_people(Person_2={"waiting": 0, "lost": 2, "heard": 4})
                assert differences(before, now) == {"messages": 6, "deliveries": 16, "lost": 2}
            await teacher.until_names()
            await a_hundred_are_counted(classroom, teacher)


# Its end


async def test_when_the_chat_has_ended_the_wall_says_so_and_after_the_end_so_does_the_class():
    with begin(address="127.0.0.1") as classroom:
        site = psutil.Process(classroom.process.pid)
        async with wall_socket(classroom) as wall:
            (chat,) = site.children()
            chat.kill()
            while "ended" not in (said := json.loads(await asyncio.wait_for(wall.recv(), 20))):
                await wall.send('{"drawn": true}')
            assert said["ended"].startswith("The chat has ended.")
            for lever in ("stop", "flood", "undo"):
                await wall.send(json.dumps({"lever": lever, "value": None}))
                while "error" not in (said := json.loads(await asyncio.wait_for(wall.recv(), 20))):
                    pass
                assert "ended" in said["error"]
        classroom.stop()
        assert not site.is_running()
        assert repr(classroom) == "The class is over." and classroom._repr_html_() == "<p>The class is over.</p>"
        with pytest.raises(WorkshopError, match="The class is over"):
            classroom.keep()
        classroom.stop()


@contextlib.contextmanager
def run_command(*before, **options):
    """Run `python -m workshop class` until it waits for Enter. Yields (the process, what it printed, its children)."""
    port = Port()
    port.hand_over()
    with subprocess.Popen(
        [*before, sys.executable, "-m", "workshop", "class", "--address", "127.0.0.1", "--port", str(port.number)],
        cwd=NOTEBOOKS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    ) as command:
        try:
            said = ""
            while not said.endswith("Press Enter to stop. "):
                character = command.stdout.read(1)
                assert character, command.stderr.read()
                said += character
            yield command, said, psutil.Process(command.pid).children(recursive=True), port.number
        finally:
            command.kill()
            port.give_back()


def test_the_command_says_where_to_go_and_ends_with_enter():
    # Like a terminal of macOS, it may open 256 files at first.
    few_files = () if sys.platform == "win32" else ("sh", "-c", 'ulimit -S -n 256 && exec "$@"', "sh")
    with run_command(*few_files) as (command, said, children, port):
        address = f"http://127.0.0.1:{port}/"
        assert said.startswith(f"Everyone in this network opens {address}\n")
        assert draw_in_a_terminal(f"{address}chat/lobby/") in said
        assert "/wall/" in said and "board" not in said
        assert get("127.0.0.1", port, "/chat/")[0] == 200
        assert len(children) == 2
        if sys.platform == "linux":
            for child in children:
                soft, hard = child.rlimit(psutil.RLIMIT_NOFILE)
                assert soft == min(hard, 8192)
        out, err = command.communicate("\n", timeout=20)
        assert (command.returncode, out, err) == (0, "", "")
        assert not any(child.is_running() for child in children)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal for it that a test can send")
def test_the_command_ends_with_ctrl_c():
    with run_command(start_new_session=True) as (command, _, children, _):
        os.killpg(command.pid, signal.SIGINT)  # a terminal sends it to all of them
        out, err = command.communicate(timeout=20)
        assert (command.returncode, out, err) == (0, "", "")
        assert not any(child.is_running() for child in children)


def test_nothing_runs_on_when_the_one_who_started_it_is_killed():
    with run_command() as (command, _, children, _):
        command.kill()
        until(lambda: not any(child.is_running() for child in children), "the class has ended")


def test_an_interrupted_start_leaves_nothing_behind(monkeypatch, nothing_left):
    def interrupt(classroom, what):
        raise KeyboardInterrupt

    monkeypatch.setattr(start.Classroom, "_ask", interrupt)
    with pytest.raises(KeyboardInterrupt), begin(address="127.0.0.1"):
        pass
