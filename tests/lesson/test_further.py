"""The further stages in a student's workspace: on what each is built, and what a cell with edits does."""

import shutil
import sqlite3

import pytest
from lesson import copy_lesson, do
from test_workshop import command, copies, in_jupyter, workspace
from workshop.lesson.edits import DoesNotFit, make_edits
from workshop.lesson.stages import built_on, state_after, texts_of

PEOPLE, CONSUMER, HISTORY = "chat/people.py", "chat/consumers.py", "chat/history.py"
OWN = texts_of(10, "solution")[PEOPLE].replace("for_members", "only_members")
OPEN = "Stage {} is open: notebooks/workspace/ has the finished chat"


@pytest.fixture(scope="module")
def stage_10(tmp_path_factory):
    lesson = copy_lesson(tmp_path_factory.mktemp("stage_10"))
    do(lesson, "open_stage(10)")
    return lesson


@pytest.fixture
def lesson(stage_10, tmp_path):
    """A lesson of its own, in which stage 10 is open and nothing of it is written."""
    return shutil.copytree(stage_10, tmp_path / "lesson")


def solve(lesson, stage):
    """Write a stage's given files and its solutions, as its cells do."""
    assert command(lesson, "write", stage)[0] == 0
    code, said = command(lesson, "solution", stage)
    assert code == 0, said


def by_hand(lesson, path, text):
    (lesson / "notebooks" / "workspace" / path).write_text(text, encoding="utf-8", newline="\n")


def test_a_stage_goes_on_from_another_one_that_is_green_with_the_students_own_files(lesson):
    solve(lesson, 10)
    by_hand(lesson, PEOPLE, OWN)
    said = do(lesson, "open_stage(11)")
    assert f"{OPEN.format(11)}, and in it what stage 10 leaves. Your own: {PEOPLE}." in said
    assert workspace(lesson) == {**built_on((10,)), PEOPLE: OWN.encode("utf-8")}
    assert do(lesson, "print(difference(11))").strip() == "No difference."
    assert "Stage 11 is open" in do(lesson, "open_stage(11)"), "Opened again, it begins as it began."
    assert workspace(lesson)[PEOPLE] == OWN.encode("utf-8") and not copies(lesson)
    do(lesson, "open_stage(12)")
    assert workspace(lesson) == built_on((10, 11)) | {PEOPLE: OWN.encode("utf-8")}


def test_a_stage_starts_from_the_finished_chat_if_the_other_one_is_not_done(lesson):
    assert f"{OPEN.format(11)}.\n" in do(lesson, "open_stage(11)")
    assert workspace(lesson) == built_on(())
    assert f"{OPEN.format(12)}, and in it what stage 11 leaves." in do(lesson, "open_stage(12)")
    assert workspace(lesson) == built_on((11,))
    assert f"{OPEN.format(10)}.\n" in do(lesson, "open_stage(10)")


def test_a_check_of_a_stage_that_is_not_in_the_project_says_so(lesson):
    do(lesson, "open_stage(11)")
    first = do(lesson, "print(check(10))").splitlines()[1]
    assert first.startswith("Stage 10 isn't in this project: it has the finished chat and stage 11. open_stage(10)")


def test_a_mistake_in_the_lessons_code_is_made_in_what_the_workspace_is_built_on(lesson):
    solve(lesson, 10)
    do(lesson, "open_stage(11)")
    do(
        lesson,
        "mistake = next(m for m in __import__('workshop.lesson.mistakes').lesson.mistakes.MISTAKES if m.stage == 11)",
        "make_mistake(mistake.name, in_lessons_code=True)",
    )
    assert PEOPLE in workspace(lesson) and HISTORY in workspace(lesson)
    do(lesson, "put_back()")
    assert workspace(lesson) == built_on((10,))


# What cells with edits do


EDIT = """\
%%write workspace/chat/routing.py
@@
 from chat import consumers
+from chat import views
"""


def test_a_cell_with_edits_changes_the_file_as_it_was_when_the_stage_began(lesson):
    before = workspace(lesson)["chat/routing.py"].decode("utf-8")
    wanted = before.replace("import consumers\n", "import consumers\nfrom chat import views\n")
    load = "from workshop import *\n%load_ext workshop"
    assert "chat/routing.py is written." in in_jupyter(lesson, load, EDIT, EDIT), "Run twice, it changes it once."
    assert workspace(lesson)["chat/routing.py"].decode("utf-8") == wanted
    by_hand(lesson, "chat/routing.py", wanted + "# mine\n")
    assert "Your work is kept in" in in_jupyter(lesson, load, EDIT)
    assert workspace(lesson)["chat/routing.py"].decode("utf-8") == wanted


@pytest.mark.parametrize(
    "wrong, words",
    [
        (EDIT.replace("+from", " from"), "This line isn't in chat/routing.py as the stage begins"),
        (EDIT.replace("+from", "  +from"), "The + has to be the very first character of its line"),
        (EDIT.replace("+from", "from"), "This line begins neither with +"),
        (EDIT.replace(" from chat import consumers\n+", " from chat import consumers\n \n \n+"), "one after the other"),
        (EDIT.replace("chat/routing.py", "chat/nowhere.py"), "There is no chat/nowhere.py to change"),
    ],
)
def test_a_cell_whose_edits_do_not_fit_says_which_line_and_writes_nothing(lesson, wrong, words):
    before = workspace(lesson)
    said = in_jupyter(lesson, "from workshop import *\n%load_ext workshop", wrong)
    assert words in said and "Traceback" not in said
    assert workspace(lesson) == before


def test_a_change_that_an_earlier_stage_has_made_is_left_out():
    files = {"a.py": b"one\ntwo\n"}
    assert make_edits("@@ if: two\n-one\n+two\n@@ if: four\n-two\n+five\n", "a.py", files) == "two\ntwo\n"
    assert make_edits("@@ unless: two\n-one\n+two\n@@\n two\n+three\n", "a.py", files) == "one\ntwo\nthree\n"
    with pytest.raises(DoesNotFit, match="This line isn't in a.py"):
        make_edits("@@ unless: nothing\n-four\n+five\n", "a.py", files)


# The database


def test_tables_of_another_try_go_and_the_accounts_stay(lesson):
    database = lesson / "notebooks" / "workspace" / "db.sqlite3"

    def names(table):
        connection = sqlite3.connect(database)
        try:
            return {name for (name,) in connection.execute(f"SELECT name FROM {table}")}
        finally:
            connection.close()

    do(lesson, "open_stage(11)")
    solve(lesson, 11)
    do(lesson, 'python("manage.py", "makemigrations", "--no-header", "chat")', 'python("manage.py", "migrate")')
    assert "chat_message" in names("sqlite_master")
    do(lesson, "open_stage(12)")
    assert "chat_message" in names("sqlite_master"), "Stage 12 is built on these tables."
    do(lesson, "open_stage(11)")
    assert not {name for name in names("sqlite_master") if name.startswith("chat_")}
    assert "auth_user" in names("sqlite_master")
    assert "0001_initial" not in names("django_migrations WHERE app = 'chat'")
    assert state_after(11)
