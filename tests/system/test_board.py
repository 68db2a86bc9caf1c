"""The board: students who agree report to it, over a real network, and nothing that anybody sends breaks it."""

import asyncio
import contextlib
import json
import re
import secrets
import shutil
import sys
import time
import uuid

import pytest
import workshop.verbs.check as checking
from running import REPOSITORY, copy_project, hear
from selenium.webdriver.common.by import By
from waiting import until
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import InvalidStatus
from window import assert_no_complaints
from workshop import WorkshopError, check, join_class, leave_class, predict, start_class
from workshop.classroom import board as boards
from workshop.classroom.board import Board, all_questions, answers_to, clean_name, sentences_of
from workshop.processes.port import Port
from workshop.verbs import join, progress

QUESTION = "why-not-call-bob"  # of which c is right
GREEN = dict.fromkeys(sentences_of("3"), True)
FIRST, *_, LAST = GREEN


def secret():
    return secrets.token_urlsafe(32)


def checked(stage="3", part=None, **red):
    """Return a report of a check in which these tests are red."""
    return {
        "id": str(uuid.uuid4()),
        "stage": stage,
        "part": part,
        "tests": {**dict.fromkeys(sentences_of(stage), True), **dict.fromkeys(red, False)},
    }


def answered(answer, question=QUESTION):
    return {"id": str(uuid.uuid4()), "question": question, "answer": answer}


def at(picture, stage):
    """Return what a picture says of a stage."""
    return next(each for each in picture["stages"] if each["stage"] == stage)


class TestBoard:
    """The board alone: it lives in one process, and everything that reaches it comes from outside."""

    @pytest.fixture
    def board(self):
        return Board()

    @pytest.fixture
    def ada(self, board):
        """Ada's secret, after she has said hello."""
        ada = secret()
        board.hello(ada, "Ada")
        return ada

    @pytest.mark.parametrize(
        "given, shown",
        [
            ("Ada", "Ada"),
            ("  Ada \n Lovelace ", "Ada Lovelace"),
            ("聊天", "聊天"),
            ("A\u200bd\u202ea\x00\ud800", "Ada"),
            ("e\u0301", "é"),
            ("x" * 41, "x" * 40),
            ("<b>Ada</b>", "<b>Ada</b>"),
            ("\u200b \u3164", None),
            ("student 7", None),
            ("", None),
            (None, None),
        ],
    )
    def test_a_name_is_what_can_be_seen_of_it(self, given, shown):
        assert clean_name(given) == shown

    def test_two_with_one_name_are_told_apart(self, board, ada):
        assert [board.hello(secret(), name) for name in ("Ada", "ADA", "Ada (2)", None)] == [
            "Ada (2)",
            "ADA (3)",
            "Ada (2) (2)",
            "Student 5",
        ]
        assert board.hello(ada, "Ada") == "Ada", "She was there first, and comes back."

    def test_whoever_joins_twice_is_one_student_with_the_newer_name(self, board, ada):
        board.report(ada, checked())
        assert board.hello(ada, "Grace") == "Grace"
        picture = board.picture()
        assert picture["students"] == 1
        assert [student["name"] for student in at(picture, "3")["here"]] == ["Grace"]

    @pytest.mark.parametrize("wrong", [None, 7, "", "short", "x" * 101, "ä" * 30, "\ud800" * 30, ["x" * 30]])
    def test_a_secret_that_is_none_lets_nobody_in(self, board, wrong):
        with pytest.raises(WorkshopError, match="secret"):
            board.hello(wrong)
        assert board.picture()["students"] == 0

    @pytest.mark.parametrize("wrong", [7, ["Ada"], "x" * 1001])
    def test_a_name_that_is_none_lets_nobody_in(self, board, wrong):
        with pytest.raises(WorkshopError, match="name"):
            board.hello(secret(), wrong)
        assert board.picture()["students"] == 0

    @pytest.mark.parametrize(
        "wrong, words",
        [
            (None, "JSON object"),
            (["id"], "JSON object"),
            ({}, "id"),
            ({**checked(), "id": 7}, "UUID"),
            ({**checked(), "id": "7"}, "UUID"),
            ({**checked(), "id": ["7"]}, "UUID"),
            ({**checked(), "code": "print()"}, "stage, part and tests"),
            ({"id": str(uuid.uuid4())}, "stage, part and tests"),
            ({**checked(), "stage": "99"}, "no such stage"),
            ({**checked(), "stage": "9"}, "no such stage"),
            ({**checked(), "stage": 3}, "no such stage"),
            ({**checked(), "stage": ["3"]}, "no such stage"),
            ({**checked(), "part": 1}, "no such part"),
            ({**checked(), "part": "1"}, "no such part"),
            ({**checked("6"), "part": True}, "no such part"),
            ({**checked("6"), "part": 9}, "no such part"),
            ({**checked(), "tests": [FIRST]}, "names of tests"),
            ({**checked(), "tests": {"test_of_nothing": True}}, "names of tests"),
            ({**checked(), "tests": {FIRST: 1}}, "true"),
            ({**checked(), "tests": {FIRST: "green"}}, "true"),
            (answered("b", "who-am-i"), "no such question"),
            (answered("b", [QUESTION]), "no such question"),
            (answered("z"), "are a, b, c, d"),
            (answered("B"), "are a, b, c, d"),
            (answered(["b"]), "are a, b, c, d"),
        ],
    )
    def test_a_wrong_report_is_answered_in_a_sentence_and_changes_nothing(self, board, ada, wrong, words):
        before, changes = board.picture(), board.changes
        with pytest.raises(WorkshopError, match=words):
            board.report(ada, wrong)
        assert (board.picture(), board.changes) == (before, changes)

    def test_who_hasnt_said_hello_cant_report(self, board, ada):
        before = board.picture()
        with pytest.raises(WorkshopError, match="hello"):
            board.report(secret(), checked())
        assert board.picture() == before

    def test_a_known_id_is_acknowledged_and_not_counted(self, board, ada):
        first = checked()
        assert board.report(ada, first) == first["id"]
        before, changes = board.picture(), board.changes
        assert board.report(ada, {**checked(**{FIRST: 1}), "id": first["id"]}) == first["id"]
        assert (board.picture(), board.changes) == (before, changes)

    def test_another_secret_changes_nothing_of_adas(self, board, ada):
        report = checked()
        board.report(ada, report)
        before = at(board.picture(), "3")["here"][0]
        other = secret()
        board.hello(other, "Ada")
        board.report(other, {**checked(**{FIRST: 1}), "id": report["id"]})  # Ada's id, in another student's report
        first, second = at(board.picture(), "3")["here"]
        assert first == before
        assert (second["name"], second["red"]) == ("Ada (2)", 1)

    def test_the_first_answer_counts_and_the_newest_check(self, board, ada):
        for answer in "abc":
            board.report(ada, answered(answer))
        board.report(ada, checked())
        board.report(ada, checked(**{LAST: 1}))
        picture = board.picture()
        assert [(each["answer"], each["students"]) for each in picture["answers"]] == [("a", 1)]
        assert picture["questions"] == [{"question": QUESTION, "stage": "3", "answered": 1, "right": 0}]
        assert at(picture, "3")["here"] == [
            {"student": 1, "name": "Ada", "green": len(GREEN) - 1, "red": 1, "done": False}
        ]

    def test_a_part_says_nothing_of_the_other_tests(self, board, ada):
        everything, some = sentences_of("6"), [*sentences_of("6")][:5]
        board.report(ada, {**checked("6", part=1), "tests": dict.fromkeys(some, True)})
        assert at(board.picture(), "6")["here"][0] | {"name": None} == {
            "student": 1,
            "name": None,
            "green": 5,
            "red": 0,
            "done": False,
        }
        board.report(ada, checked("6"))
        board.report(ada, {**checked("6", part=1), "tests": {some[0]: False}})
        (here,) = at(board.picture(), "6")["here"]
        assert (here["green"], here["red"]) == (len(everything) - 1, 1)

    def test_what_cant_be_tested_is_neither_green_nor_red(self, board, ada):
        board.report(ada, {**checked(), "tests": {**GREEN, FIRST: None}})
        (here,) = at(board.picture(), "3")["here"]
        assert (here["green"], here["red"], here["done"]) == (len(GREEN) - 1, 0, True)

    def test_a_picture_counts_students(self, board):
        students = [secret() for _ in range(10)]
        for each in students:
            board.hello(each)
        for each in students[:6]:  # six are at stage 3, after stage 2, and four of them have two red tests
            board.report(each, checked("2"))
            board.report(each, checked(**{FIRST: 1}))
        for each in students[:4]:
            for _ in range(3):
                board.report(each, checked(**{FIRST: 1, LAST: 1}))
        for each in students[6:8]:  # two are at stage 4, with the same test red at stage 3, where they are no more
            board.report(each, checked(**{FIRST: 1}))
            board.report(each, checked("4"))
        for each, answer in zip(students, "aabccc", strict=False):
            board.report(each, answered(answer))
        picture = board.picture()
        assert (picture["students"], picture["not_yet"]) == (10, 2)
        assert {each["stage"]: (len(each["here"]), each["done"]) for each in picture["stages"] if each["done"]} == {
            "2": (0, 6),
            "4": (2, 2),
        }
        assert len(at(picture, "3")["here"]) == 6 and at(picture, "3")["tests"] == len(GREEN)
        assert [(each["stage"], each["test"], each["students"]) for each in picture["tests"]] == [
            ("3", FIRST, 6),
            ("3", LAST, 4),
        ]
        assert picture["tests"][0]["sentence"] == sentences_of("3")[FIRST]
        assert [(each["answer"], each["students"]) for each in picture["answers"]] == [("a", 2), ("b", 1)]
        assert picture["answers"][0]["text"] == answers_to(QUESTION)["a"]["text"]
        assert picture["questions"] == [{"question": QUESTION, "stage": "3", "answered": 6, "right": 3}]

    def test_a_picture_without_names_has_none(self, board, ada):
        board.report(ada, checked())
        assert "Ada" in json.dumps(board.picture())
        assert at(board.picture(names=False), "3")["here"][0]["name"] is None
        board.hello(ada, "Zoë")
        assert "Zo" not in json.dumps(board.picture(names=False))

    def test_a_full_board_takes_no_more_students_and_keeps_those_it_has(self, board):
        everybody = [secret() for _ in range(boards.STUDENTS)]
        for each in everybody:
            board.hello(each)
        with pytest.raises(WorkshopError, match="full"):
            board.hello(secret())
        assert board.hello(everybody[0]) == "Student 1"
        assert board.picture()["students"] == boards.STUDENTS

    def test_one_address_brings_no_more_than_its_share(self, board):
        there = [secret() for _ in range(boards.FROM_ONE_ADDRESS)]
        for each in there:
            board.hello(each, address="192.168.1.7")
        with pytest.raises(WorkshopError, match="From this address 40 students have joined already"):
            board.hello(secret(), address="192.168.1.7")
        assert board.hello(there[0], address="192.168.1.7") == "Student 1", "Whoever is on the board comes back."
        assert board.hello(there[1], address="192.168.1.8") == "Student 2", "The secret is who one is."
        assert board.hello(secret(), address="192.168.1.8") == "Student 41"
        board.leave(there[0])
        assert board.hello(secret(), address="192.168.1.7") == "Student 42"
        assert board.picture()["students"] == boards.FROM_ONE_ADDRESS + 1

    def test_who_has_reported_nothing_can_be_removed_and_comes_back_with_a_hello(self, board, ada):
        silent, answers = secret(), secret()
        board.hello(silent, "Silent")
        board.hello(answers, "Answers")
        board.report(ada, checked())
        board.report(answers, answered("a"))
        changes = board.changes
        board.remove_silent()
        assert (board.picture()["students"], board.changes) == (2, changes + 1)
        board.remove_silent()
        assert board.changes == changes + 1, "There is nothing new to show."
        with pytest.raises(WorkshopError, match="hello"):
            board.report(silent, checked())
        assert board.hello(silent, "Silent") == "Silent"
        board.report(silent, checked())
        picture = board.picture()
        assert [(each["student"], each["name"]) for each in at(picture, "3")["here"]] == [(1, "Ada"), (4, "Silent")]
        assert picture["students"] == 3

    def test_who_leaves_is_forgotten(self, board, ada):
        other = secret()
        board.hello(other, "Other")
        before = board.picture()
        board.report(ada, checked(**{FIRST: 1}))
        board.report(ada, answered("a"))
        board.leave(ada)
        assert board.picture() == {**before, "students": 1, "not_yet": 1}
        changes = board.changes
        board.leave(ada)
        assert board.changes == changes
        with pytest.raises(WorkshopError, match="hello"):
            board.report(ada, checked())
        assert board.hello(secret(), "Ada") == "Ada", "Her name is free again."

    def test_it_remembers_the_newest_ids_and_no_more(self, board, ada):
        reports = [answered("a") for _ in range(boards.IDS + join.MOST)]
        for report in reports:
            board.report(ada, report)
        changes = board.changes
        for report in reports[-boards.IDS :]:
            board.report(ada, report)
        assert board.changes == changes
        (student,) = board._students.values()
        assert len(student.ids) == boards.IDS

    def test_it_keeps_no_secret(self, board, ada):
        board.report(ada, checked())
        assert ada not in repr(vars(board)) and ada not in repr([vars(each) for each in board._students.values()])


@pytest.fixture(scope="module")
def classroom():
    """A class with a board, as a teacher starts it. Its tests share the board, so each looks at its own students."""
    port = Port()
    port.hand_over()
    with start_class(board=True, address="127.0.0.1", port=port.number) as classroom:
        yield classroom
    port.give_back()


@contextlib.asynccontextmanager
async def open_board(classroom):
    """Open the teacher's socket, as the page does. Yields (socket, the first picture)."""
    url = classroom.board.replace("http", "ws", 1).replace("/board/", "/ws/board/")
    origin = re.match("http://[^/]+", classroom.board)[0]
    async with connect(url, origin=origin, proxy=None, max_size=None) as socket:
        yield socket, (await hear(socket))["board"]


async def look(classroom):
    """Return the board's picture as it is now."""
    async with open_board(classroom) as (_, picture):
        return picture


def find(picture, name):
    """Return (stage, what the picture says of the student with this name), or None."""
    found = [(each["stage"], here) for each in picture["stages"] for here in each["here"] if here["name"] == name]
    return found[0] if found else None


@contextlib.asynccontextmanager
async def student(classroom, name, own=None):
    """Open a student's socket and say hello."""
    async with connect(f"ws://{classroom.join}/", proxy=None) as socket:
        await socket.send(json.dumps({"hello": {"secret": own or secret(), "name": name}}))
        assert await hear(socket) == {"welcome": name}
        yield socket


BAD_FRAMES = {
    "binary": b'{"report": {}}',
    "no JSON": "hello",
    "nested a hundred thousand deep": "[" * 10_000 + "]" * 9_000,
    "too large": json.dumps({"report": {"id": "x" * 30_000}}),
    "a list": "[1]",
    "a number": "7",
    "nothing that it knows": '{"save": true}',
    "a hello without a secret": '{"hello": {}}',
    "a hello that is no object": '{"hello": "Ada"}',
    "a report that is no object": '{"report": 7}',
    "half a character": '{"hello": {"secret": "\\ud800", "name": "\\ud800"}}',
    "not a number": '{"report": {"id": NaN}}',
}


async def test_a_bad_frame_gets_an_error_and_the_socket_lives(classroom):
    async with connect(f"ws://{classroom.join}/", proxy=None) as socket:
        for kind, frame in BAD_FRAMES.items():
            await socket.send(frame)
            said = await hear(socket)
            assert said.keys() == {"error", "id"} and said["error"].endswith("."), f"{kind}: {said}"
        early = checked()
        await socket.send(json.dumps({"report": early}))
        assert "Say hello first" in (await hear(socket))["error"]
        await socket.send(json.dumps({"hello": {"secret": secret(), "name": "Unbroken"}}))
        assert await hear(socket) == {"welcome": "Unbroken"}
        wrong = {**checked(), "stage": "99"}
        await socket.send(json.dumps({"report": wrong}))
        assert await hear(socket) == {"error": "The lesson has no such stage with tests.", "id": wrong["id"]}
        await socket.send(json.dumps({"report": early}))
        assert await hear(socket) == {"done": early["id"]}, "It was refused before, so its id is new."
    assert find(await look(classroom), "Unbroken")[0] == "3"


async def test_a_thousand_reports_in_one_go_are_one_student_and_few_pictures(classroom):
    async with open_board(classroom) as (page, before), student(classroom, "Thousandfold") as socket:
        began = time.monotonic()
        reports = [checked(**{test: 1}) for test in GREEN for _ in range(125)]
        for report in reports:
            await socket.send(json.dumps({"report": report}))
        for report in reports:
            assert await hear(socket) == {"done": report["id"]}
        pictures = 0
        while True:
            pictures, picture = pictures + 1, (await hear(page))["board"]
            if (found := find(picture, "Thousandfold")) and found[1]["green"] == len(GREEN) - 1:
                if any(each["test"] == LAST and each["stage"] == "3" for each in picture["tests"]):
                    break
        assert pictures <= 2 + 4 * (time.monotonic() - began)
    assert len(reports) == 1000
    assert picture["students"] == before["students"] + 1


async def test_whoever_has_not_the_address_gets_nowhere(classroom):
    host, code = classroom.join.split("/")
    key = classroom.board.split("/")[3]
    teacher = classroom.board.split("/")[2]
    for url in (
        f"ws://{host}/",
        f"ws://{host}/{'x' * 8}/",
        f"ws://{host}/{key}/ws/board/",  # the students' port has no board, even for the teacher's key
        f"ws://{teacher}/{'x' * 22}/ws/board/",
        f"ws://{teacher}/{code}/ws/board/",
        f"ws://{teacher}/{code}/",
        f"ws://{teacher}/{key}/ws/board/",  # without an Origin, so no page of the site
    ):
        with pytest.raises(InvalidStatus):
            async with connect(url, proxy=None):
                pass


async def test_a_board_is_saved_with_names_only_if_they_are_wished(classroom):
    async with student(classroom, "Kept") as socket:
        await socket.send(json.dumps({"report": checked()}))
        await hear(socket)
    async with open_board(classroom) as (page, picture):
        for frame, names in (({"save": True}, False), ({"save": True, "names": True}, True)):
            await page.send(json.dumps(frame))
            kept = (await hear(page))["kept"]
            assert kept["files"] == ["board.json"]
            folder = REPOSITORY / kept["folder"]
            try:
                saved = json.loads((folder / "board.json").read_text(encoding="utf-8"))
                assert saved["students"] == picture["students"]
                assert ("Kept" in json.dumps(saved)) is names
            finally:
                shutil.rmtree(folder)
        for frame in ("nothing", '{"save": "please"}', b"save", "[]"):
            await page.send(frame)
            assert "error" in await hear(page)


async def test_the_page_removes_who_has_reported_nothing(classroom):
    async with student(classroom, "Speaks") as speaks, student(classroom, "Silent") as silent:
        await speaks.send(json.dumps({"report": checked()}))
        await hear(speaks)
        async with open_board(classroom) as (page, before), open_board(classroom) as (other, _):
            await page.send('{"remove": true}')
            after = (await hear(page))["board"]
            assert after["students"] < before["students"]
            assert find(after, "Speaks")
            assert (await hear(other))["board"] == after, "A second page shows the same."
        await silent.send(json.dumps({"report": checked()}))
        assert "Say hello first" in (await hear(silent))["error"]


async def test_who_leaves_is_off_the_board_and_the_socket_takes_no_more_reports(classroom):
    before = (await look(classroom))["students"]
    async with student(classroom, "Leaves") as socket:
        assert (await look(classroom))["students"] == before + 1
        await socket.send('{"leave": true}')
        assert await hear(socket) == {"left": True}
        assert (await look(classroom))["students"] == before
        await socket.send(json.dumps({"report": checked()}))
        assert "Say hello first" in (await hear(socket))["error"]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A student's computer: files of their own, and the finished chat as their project."""
    copy_project(tmp_path / "workspace")
    monkeypatch.setattr(checking, "WORKSPACE", tmp_path / "workspace")
    monkeypatch.setattr(progress, "FILE", tmp_path / ".progress.json")
    monkeypatch.setattr(join, "FILE", tmp_path / ".class.json")
    monkeypatch.setattr(join, "LOCK", tmp_path / ".class.lock")
    yield tmp_path
    for thread in join._threads:
        thread.join()


def break_stage_4(home):
    """Let one test of stage 4 be red, with one case of several: a room that isn't called in plain letters."""
    file = home / "workspace" / "chat" / "routing.py"
    text = file.read_text(encoding="utf-8")
    assert "<str:" in text
    file.write_text(text.replace("<str:", "<slug:"), encoding="utf-8")


def read_file():
    return json.loads(join.FILE.read_text(encoding="utf-8"))


def waiting():
    """Return what the student's computer has to report yet."""
    return read_file()["waiting"]


def until_sent():
    until(lambda: not waiting(), "the board has acknowledged every report")


class Network:
    """What is between a student and the class: it can be lost, and come back."""

    def __init__(self, classroom):
        host, self.code = classroom.join.split("/")
        self.target, self.port, self.server, self.writers = host.split(":"), None, None, []

    async def come(self):
        self.server = await asyncio.start_server(self.carry, "127.0.0.1", self.port or 0)
        self.port = self.server.sockets[0].getsockname()[1]
        self.address = f"127.0.0.1:{self.port}/{self.code}"

    async def carry(self, reader, writer):
        there, back = await asyncio.open_connection(*self.target)
        self.writers += [writer, back]
        await asyncio.gather(self.copy(reader, back), self.copy(there, writer))

    async def copy(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                writer.write(data)
        writer.close()

    def go(self):
        self.server.close()
        for writer in self.writers:
            writer.transport.abort()


@pytest.fixture
async def network(classroom):
    network = Network(classroom)
    await network.come()
    yield network
    network.go()


def test_nothing_is_reported_before_one_agrees(classroom, home, capsys):
    join_class(classroom.join)
    said = capsys.readouterr().out
    for words in ("check()", "predict(", "name", "no code", "agree=True", "leave_class()", classroom.join):
        assert words in said
    assert not join.FILE.exists()
    predict(QUESTION, "a")
    assert not join.FILE.exists() and not join.LOCK.exists()


@pytest.mark.parametrize("address", ["nowhere", "1.2.3.4/k7fd2q9x", "1.2.3.4:99999/k7fd2q9x", "", None])
def test_what_is_no_address_is_answered_in_a_sentence(address, home):
    with pytest.raises(WorkshopError, match="no address of a class"):
        join_class(address, agree=True)


def test_a_wrong_code_or_place_is_answered_in_a_sentence(classroom, home):
    host = classroom.join.partition("/")[0]
    with pytest.raises(WorkshopError, match="no class with this code"):
        join_class(f"{host}/k7fd2q9x", agree=True)
    free = Port()
    with pytest.raises(WorkshopError, match="Nothing answers"):
        join_class(f"127.0.0.1:{free.number}/k7fd2q9x", agree=True)
    free.give_back()
    with pytest.raises(WorkshopError, match="The board says: A name is a text"):
        join_class(classroom.join, name=7, agree=True)
    assert not join.FILE.exists()


async def test_a_check_reports_its_tests_by_name_and_nothing_else(home):
    frames = []

    async def take(socket):
        async for frame in socket:
            frames.append(json.loads(frame))
            report = frames[-1].get("report")
            await socket.send(json.dumps({"done": report["id"]} if report else {"welcome": "Ada"}))

    async with serve(take, "127.0.0.1", 0) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}/k7fd2q9x"
        await asyncio.to_thread(join_class, f"http://{address}/", name="Ada", agree=True)
        break_stage_4(home)
        await asyncio.to_thread(check, 4)
        await asyncio.to_thread(predict, QUESTION, " B ")
        await asyncio.to_thread(until_sent)
    own = read_file()["secret"]
    hello, reports = {"hello": {"secret": own, "name": "Ada"}}, [each for each in frames if "report" in each]
    assert all(each == hello for each in frames if each not in reports)
    tests, answer = (each["report"] for each in reports)
    assert {**tests, "id": "", "tests": {}} == {"id": "", "stage": "4", "part": None, "tests": {}}
    assert tests["tests"].keys() == sentences_of("4").keys() and set(tests["tests"].values()) == {True, False}
    assert {**answer, "id": ""} == {"id": "", "question": QUESTION, "answer": "b"}


async def test_what_a_check_says_is_on_the_board_until_one_leaves(classroom, home, capsys):
    await asyncio.to_thread(join_class, classroom.join, name="Checker", agree=True)
    said = capsys.readouterr().out
    assert "You are on the board, as Checker." in said
    assert "leave_class() stops that, in a terminal: python -m workshop leave" in said
    break_stage_4(home)
    found = await asyncio.to_thread(check, 4)
    await asyncio.to_thread(until_sent)
    green = sum(all(case["green"] for case in cases) for cases in found.sentences.values())
    assert 0 < green < len(found.sentences)
    stage, here = find(await look(classroom), "Checker")
    assert (stage, here["green"], here["red"]) == ("4", green, len(found.sentences) - green)
    students = (await look(classroom))["students"]
    capsys.readouterr()
    await asyncio.to_thread(leave_class)
    assert capsys.readouterr().out == "You are off the board.\n"
    before = await look(classroom)
    assert find(before, "Checker") is None and before["students"] == students - 1
    predict(QUESTION, "a")
    assert not join.FILE.exists() and await look(classroom) == before


async def test_to_join_again_is_to_be_the_same_student(classroom, home):
    before = (await look(classroom))["students"]
    for name in ("First", "Second", "Second"):
        await asyncio.to_thread(join_class, classroom.join, name=name, agree=True)
    await asyncio.to_thread(predict, QUESTION, "a")
    await asyncio.to_thread(until_sent)
    assert (await look(classroom))["students"] == before + 1
    own = read_file()["secret"]
    with pytest.raises(WorkshopError):
        await asyncio.to_thread(join_class, classroom.join[:-8] + "k7fd2q9x", agree=True)
    assert read_file()["secret"] == own, "What fails changes nothing."


async def test_a_lost_network_is_told_once_and_its_reports_arrive_later(classroom, home, network, capsys):
    await asyncio.to_thread(join_class, network.address, name="Cut off", agree=True)
    network.go()
    for number in range(3):
        assert (await asyncio.to_thread(check, 4)).green
        await asyncio.to_thread(join._threads[-1].join)
        assert len(waiting()) == number + 1
    assert capsys.readouterr().out.count("The class's board can't be reached.") == 1
    assert find(await look(classroom), "Cut off") is None
    await network.come()
    await asyncio.to_thread(predict, QUESTION, "b")
    await asyncio.to_thread(until_sent)
    stage, here = find(await look(classroom), "Cut off")
    assert (stage, here["done"]) == ("4", True)


REPORT = """
import sys
from pathlib import Path
import workshop.verbs.join as join
join.FILE, join.LOCK = (Path(sys.argv[1]) / name for name in (".class.json", ".class.lock"))
for question in sys.argv[2:]:
    join.report(question=question, answer="a")
"""


async def report_elsewhere(home, *questions):
    """Report answers in a process that ends at once, as a command in a terminal does. Return what it prints."""
    command = [sys.executable, "-c", REPORT, str(home), *questions]
    notebooks, pipe = REPOSITORY / "notebooks", asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=notebooks, stdout=pipe)
    said, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    return said.decode()


def join_nobody(port):
    """Let the student have joined a class, when something else, or nothing, is at this port now."""
    kept = {"address": f"127.0.0.1:{port}/k7fd2q9x", "name": None, "secret": secret(), "waiting": [], "told": False}
    join.FILE.write_text(json.dumps(kept), encoding="utf-8")
    return kept


async def test_nobody_waits_for_a_class_that_takes_the_connection_and_says_nothing(home, capsys):
    over = asyncio.Event()

    async def say_nothing(reader, writer):
        await over.wait()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    join_nobody(server.sockets[0].getsockname()[1])
    began = time.monotonic()
    predict(QUESTION, "b")
    assert time.monotonic() - began < 0.5
    assert "The class's board can't be reached." in await report_elsewhere(home, QUESTION)
    assert time.monotonic() - began < 6, "It ends 2 s after it has begun to send."
    assert [report["answer"] for report in waiting()] == ["b", "a"]
    began = time.monotonic()
    await asyncio.to_thread(leave_class)
    assert time.monotonic() - began < 2 * join.PATIENCE
    said = capsys.readouterr().out
    assert "You report nothing any more." in said and "off the board" not in said
    over.set()
    server.close()


async def test_reports_wait_while_the_board_has_no_place(home):
    heard = []

    async def refuse(socket):
        async for frame in socket:
            heard.append(json.loads(frame))
            await socket.send(json.dumps({"error": "This board is full.", "id": None}))

    async with serve(refuse, "127.0.0.1", 0) as server:
        join_nobody(server.sockets[0].getsockname()[1])
        predict(QUESTION, "b")
        await asyncio.to_thread(join._threads[-1].join)
    assert [[*frame] for frame in heard] == [["hello"]]
    assert [report["answer"] for report in waiting()] == ["b"]


def test_at_most_so_many_wait(home):
    free = Port()
    kept = {"address": f"127.0.0.1:{free.number}/k7fd2q9x", "name": None, "secret": secret(), "told": False}
    join.FILE.write_text(json.dumps({**kept, "waiting": [answered("a") for _ in range(join.MOST)]}), encoding="utf-8")
    predict(QUESTION, "b")
    assert len(waiting()) == join.MOST and waiting()[-1]["answer"] == "b"
    free.give_back()


def test_a_damaged_file_is_no_class(home):
    for text in ("", "[]", "{}", "\x00"):
        join.FILE.write_text(text, encoding="utf-8")
        predict(QUESTION, "b")
    leave_class()


async def test_two_kernels_at_once_lose_nothing(classroom, home):
    questions = [*all_questions()][:60]
    await asyncio.to_thread(join_class, classroom.join, name="Two kernels", agree=True)
    before = {each["question"]: each["answered"] for each in (await look(classroom))["questions"]}
    assert await asyncio.gather(report_elsewhere(home, *questions[:30]), report_elsewhere(home, *questions[30:])) == [
        "",
        "",
    ]
    assert waiting() == []
    after = {each["question"]: each["answered"] for each in (await look(classroom))["questions"]}
    assert {question: after[question] - before.get(question, 0) for question in questions} == dict.fromkeys(
        questions, 1
    )


def test_the_page_shows_names_only_when_switched_on_and_connects_again(classroom, home, browser):
    browser.set_window_size(1280, 800)
    browser.get(classroom.board)
    join_class(classroom.join, name="<b>Zoë</b>", agree=True)
    check(4)
    page = browser.find_element(By.TAG_NAME, "body")
    until(lambda: re.search(r"^4 routing\b", page.text, re.MULTILINE), "the page has a row for stage 4")
    until(lambda: page.find_elements(By.CSS_SELECTOR, "#stages td.here"), "somebody is there")
    assert "Zoë" not in page.text
    browser.find_element(By.ID, "names").click()
    until(lambda: "<b>Zoë</b>" in page.text, "the page shows the names")
    browser.find_element(By.ID, "names").click()
    assert "Zoë" not in page.text
    browser.find_element(By.ID, "how").click()
    assert f'from workshop import join_class\njoin_class("{classroom.join}")' in page.text
    assert f"../.venv/bin/python -m workshop join {classroom.join}" in page.text
    browser.execute_script("socket.close()")
    until(lambda: "Not connected." in page.text, "the page says that it isn't connected")
    until(lambda: "Not connected." not in page.text, "the page has connected again")
    assert_no_complaints(browser)
    browser.get(f"http://{classroom.join}/")
    assert f'join_class("{classroom.join}")' in browser.find_element(By.TAG_NAME, "main").text


async def report_at_length(classroom):
    """Report every test of stage 6 as red, and the longest wrong answer of the lesson."""
    wrong = [
        (text["text"], name, letter)
        for name in all_questions()
        for letter, text in answers_to(name).items()
        if not text["right"]
    ]
    _, question, answer = max(wrong, key=lambda each: len(each[0]))
    async with student(classroom, "At length") as socket:
        for report in (checked("6", **sentences_of("6")), answered(answer, question)):
            await socket.send(json.dumps({"report": report}))
            assert await hear(socket) == {"done": report["id"]}


def test_the_page_cuts_no_sentence_and_says_what_its_columns_are(classroom, browser):
    browser.set_window_size(1280, 720)
    asyncio.run(report_at_length(classroom))
    browser.get(classroom.board)
    until(lambda: len(browser.find_elements(By.CSS_SELECTOR, "#tests .counted")) > 5, "the page lists the red tests")
    browser.find_element(By.ID, "names").click()
    for words in browser.find_elements(By.CSS_SELECTOR, ".counted > div"):
        shown, whole = words.get_property("clientHeight"), words.get_property("scrollHeight")
        assert whole <= shown, f"This is cut: {words.text}"
    heads = [each.text for each in browser.find_elements(By.CSS_SELECTOR, "thead th")]
    assert heads == ["Stage", "are here now, with so many tests green", "have passed", "none", "some", "most", "all"]
    assert_no_complaints(browser)


def test_the_page_says_that_the_class_is_over_and_stays_as_it_is(classroom, browser):
    browser.get(classroom.board)
    until(lambda: browser.find_element(By.ID, "students").text, "the page has a picture")
    browser.execute_script("socket.onmessage({data: JSON.stringify({ended: 'The class is over.'})}); socket.close()")
    until(lambda: browser.execute_script("return socket.readyState") == 3, "the socket is closed")
    assert browser.find_element(By.ID, "notice").text == "The class is over."
    assert "stale" not in browser.find_element(By.TAG_NAME, "main").get_attribute("class")
    assert not browser.find_element(By.ID, "save").is_enabled()
    assert_no_complaints(browser)
