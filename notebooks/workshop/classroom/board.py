"""
The board: where each student of a class stands, from what they have agreed to report.

It counts students, not reports. It believes nothing: every report comes from outside.
"""

import ast
import collections
import functools
import hashlib
import json
import re
import unicodedata
from uuid import UUID

from workshop.classroom.kept import new_folder
from workshop.errors import WorkshopError
from workshop.lesson.data import questions
from workshop.lesson.stages import find_tests, stages, title_of
from workshop.verbs.predict import LETTERS

STUDENTS = 500  # at most
FROM_ONE_ADDRESS = 40  # students at most: else one script takes all places
IDS = 1_000  # that are remembered of each student, the newest: at most 200 reports ever wait to be sent again
NAME = 40  # characters
SECRET = re.compile(r"[A-Za-z0-9_-]{20,100}")
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # letters, marks and a symbol that show nothing
LIKE_A_NUMBER = re.compile(r"student \d+", re.IGNORECASE)  # what students without a name are called
LONGEST = 20  # lists in a picture have at most so many rows


class Student:
    """What the board knows of one student."""

    def __init__(self, number, address):
        self.number = number
        self.address = address  # where the first hello came from
        self.name = None
        self.ids = {}  # of the newest reports, in their order
        self.stage = None  # of the newest check
        self.tests = {}  # stage: {test: True if it is green, False if red, None if it can't be tested there}
        self.answers = {}  # question: the first answer

    def counts(self, stage):
        """Return how many tests of a stage are green, and how many red."""
        found = [*self.tests.get(stage, {}).values()]
        return found.count(True), found.count(False)

    def is_done(self, stage):
        """Return whether all tests of a stage were made, and none is red."""
        found = self.tests.get(stage, {})
        return found.keys() == sentences_of(stage).keys() and False not in found.values()


class Board:
    """
    What a class has reported. A student is who has the student's secret, and the board keeps only a digest of it.

    `changes` grows whenever picture() has something new to show.
    """

    def __init__(self):
        self._students = {}  # digest of the secret: Student
        self._newest = 0  # number of a student: no other one gets it, even after this one has left
        self.changes = 0

    def hello(self, secret, name=None, address=None):
        """
        Let a student in, or in again, and return what the board calls this student.

        A new student who comes from an address takes one of its places. Raises WorkshopError if the secret or the name
        is none, or the board or the address is full.
        """
        if not isinstance(secret, str) or not SECRET.fullmatch(secret):
            raise WorkshopError("A secret has 20 to 100 characters: letters, digits, - and _.")
        name = clean_name(name)
        digest = _digest(secret)
        if digest not in self._students:
            self._expect_room_for(address)
            self._newest += 1
            self._students[digest] = Student(self._newest, address)
            self.changes += 1
        student = self._students[digest]
        name = self._tell_apart(name, student)
        if name != student.name:
            student.name = name
            self.changes += 1
        return student.name or f"Student {student.number}"

    def _expect_room_for(self, address):
        if len(self._students) >= STUDENTS:
            raise WorkshopError(f"This board is full: it has {STUDENTS} students.")
        from_there = sum(student.address == address for student in self._students.values())
        if address is not None and from_there >= FROM_ONE_ADDRESS:
            raise WorkshopError(
                f"From this address {FROM_ONE_ADDRESS} students have joined already, and no more may. "
                "The teacher can remove those who have reported nothing."
            )

    def leave(self, secret):
        """Forget a student, with everything that this student has reported."""
        if self._students.pop(_digest(secret), None):
            self.changes += 1

    def remove_silent(self):
        """Forget the students who have reported nothing. Whoever of them says hello again is there again."""
        heard = {digest: student for digest, student in self._students.items() if student.ids}
        if len(heard) < len(self._students):
            self._students = heard
            self.changes += 1

    def report(self, secret, report):
        """
        Take in what a student reports, a dict, and return its id. A report that is known changes nothing.

        Raises WorkshopError if this is no report, or the student hasn't said hello.
        """
        student = self._students.get(_digest(secret))
        if student is None:
            raise WorkshopError('Say hello first: {"hello": {"secret": …, "name": …}}.')
        if not isinstance(report, dict):
            raise WorkshopError("A report is a JSON object.")
        number = _read_id(report.get("id"))
        if number not in student.ids:
            if report.keys() == {"id", "stage", "part", "tests"}:
                self._take_tests(student, report["stage"], report["part"], report["tests"])
            elif report.keys() == {"id", "question", "answer"}:
                self._take_answer(student, report["question"], report["answer"])
            else:
                raise WorkshopError("A report has an id, and stage, part and tests, or question and answer.")
            student.ids[number] = True
            if len(student.ids) > IDS:
                del student.ids[next(iter(student.ids))]
            self.changes += 1
        return report["id"]

    def _take_tests(self, student, stage, part, tests):
        if not isinstance(stage, str) or stage not in stages_with_tests():
            raise WorkshopError("The lesson has no such stage with tests.")
        if part is not None and (type(part) is not int or part not in parts_of(stage)):
            raise WorkshopError(f"Stage {stage} has no such part.")
        if not isinstance(tests, dict) or not tests.keys() <= sentences_of(stage).keys():
            raise WorkshopError(f"tests is an object, with names of tests of stage {stage}.")
        if not all(green is None or isinstance(green, bool) for green in tests.values()):
            raise WorkshopError("Each test is true if it is green, false if red, null if it can't be tested.")
        before = {} if part is None else student.tests.get(stage, {})  # a part says nothing of the others
        student.tests[stage] = {**before, **tests}
        student.stage = stage

    def _take_answer(self, student, question, answer):
        if not isinstance(question, str) or question not in all_questions():
            raise WorkshopError("The lesson has no such question.")
        if not isinstance(answer, str) or answer not in answers_to(question):
            raise WorkshopError(f"The answers to {question} are {', '.join(answers_to(question))}.")
        student.answers.setdefault(question, answer)

    def _tell_apart(self, name, student):
        """Return this name, or with a number after it if another student has it."""
        taken = {each.name.casefold() for each in self._students.values() if each.name and each is not student}
        wanted, number = name, 1
        while name is not None and name.casefold() in taken:
            number += 1
            name = f"{wanted} ({number})"
        return name

    def picture(self, names=True):
        """Return all that the board's page shows, as JSON has it. With names=False every student is a number."""
        students = self._students.values()
        return {
            "students": len(students),
            "not_yet": sum(student.stage is None for student in students),
            "stages": [self._stage(stage, names) for stage in stages_with_tests()],
            "tests": self._red_tests(),
            "answers": self._wrong_answers(),
            "questions": self._questions(),
        }

    def _stage(self, stage, names):
        here = []
        for student in self._students.values():
            if student.stage == stage:
                green, red = student.counts(stage)
                done, name = student.is_done(stage), student.name if names else None
                here.append({"student": student.number, "name": name, "green": green, "red": red, "done": done})
        return {
            "stage": stage,
            "title": title_of(stages_with_tests()[stage]),
            "tests": len(sentences_of(stage)),
            "done": sum(student.is_done(stage) for student in self._students.values()),
            "here": here,
        }

    def _red_tests(self):
        """Return the tests that are red for most students, each at the stage where the student is."""
        red = collections.Counter(
            (student.stage, test)
            for student in self._students.values()
            for test, green in student.tests.get(student.stage, {}).items()
            if green is False
        )
        lesson = {
            (stage, test): order for stage in stages_with_tests() for order, test in enumerate(sentences_of(stage))
        }
        first = sorted(red, key=lambda each: (-red[each], [*stages_with_tests()].index(each[0]), lesson[each]))
        return [
            {"stage": stage, "test": test, "sentence": sentences_of(stage)[test], "students": red[stage, test]}
            for stage, test in first[:LONGEST]
        ]

    def _wrong_answers(self):
        """Return the wrong answers that most students gave first."""
        wrong = collections.Counter(
            (question, answer)
            for student in self._students.values()
            for question, answer in student.answers.items()
            if not answers_to(question)[answer]["right"]
        )
        return [
            {
                "question": question,
                "stage": all_questions()[question]["stage"],
                "asks": all_questions()[question]["question"],
                "answer": answer,
                "text": answers_to(question)[answer]["text"],
                "students": number,
            }
            for (question, answer), number in wrong.most_common(LONGEST)
        ]

    def _questions(self):
        """Return for each question that was answered how many students did, and how many were right at once."""
        found = []
        for question, asked in all_questions().items():
            given = [student.answers[question] for student in self._students.values() if question in student.answers]
            if given:
                right = sum(answers_to(question)[answer]["right"] for answer in given)
                found.append({"question": question, "stage": asked["stage"], "answered": len(given), "right": right})
        return found


def clean_name(name):
    """
    Return a name as the board shows it, or None if there is nothing to show. Raises WorkshopError if it is no text.

    What can't be seen is left out, and so is what goes beyond 40 characters. "Student 3" is no name: the board calls
    somebody so who gave none.
    """
    if name is not None and not isinstance(name, str):
        raise WorkshopError("A name is a text, or null.")
    if name is not None and len(name) > 1_000:
        raise WorkshopError(f"A name has at most {NAME} characters.")
    name = unicodedata.normalize("NFC", " ".join((name or "").split()))
    name = "".join(each for each in name if each == " " or _can_be_seen(each))
    name = " ".join(name.split())[:NAME].strip()
    return None if not name or LIKE_A_NUMBER.fullmatch(name) else name


def _can_be_seen(character):
    return unicodedata.category(character)[0] not in "CZ" and character not in FILLERS


def save_board(picture):
    """Write a picture of the board into a new folder in notebooks/kept/. Return the path of the file."""
    path = new_folder() / "board.json"
    path.write_text(json.dumps(picture, indent=1, ensure_ascii=False), encoding="utf-8")
    return path


@functools.cache
def stages_with_tests():
    """Return {a stage's name, as reports have it: the stage}, in the order of the lesson."""
    return {str(stage): stage for stage in stages() if find_tests(stage)}


@functools.cache
def sentences_of(stage):
    """Return {name of a test: its sentence} of the stage with this name."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in find_tests(stages_with_tests()[stage])]
    return {
        node.name: " ".join((ast.get_docstring(node) or node.name).split())
        for tree in trees
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


@functools.cache
def parts_of(stage):
    """Return the numbers of a stage's parts: none if it comes in one piece."""
    texts = [path.read_text(encoding="utf-8") for path in find_tests(stages_with_tests()[stage])]
    return {int(number) for text in texts for number in re.findall(r"mark\.part_(\d)", text)}


@functools.cache
def all_questions():
    """Return {name: question} of the lesson, each with the name of its stage."""
    return {question["name"]: {**question, "stage": str(stage)} for stage in stages() for question in questions(stage)}


@functools.cache
def answers_to(question):
    """Return {letter: answer} of the question with this name."""
    return dict(zip(LETTERS, all_questions()[question]["answers"], strict=False))


def _digest(secret):
    return hashlib.sha256(secret.encode()).digest()


def _read_id(text):
    """Return a report's id as a number, which takes less memory than the text."""
    try:
        return UUID(text).int
    except (AttributeError, TypeError, ValueError):  # it isn't a text, or not of this kind
        raise WorkshopError("A report's id is a UUID.") from None


the_board = Board()  # of the class that this process serves
