"""
What a student writes, as they meet it: cells that write files, solutions that cost no work, code that goes on into the
next stage, hints, questions, and what is done.
"""

import re
import shutil

import nbformat
import pytest
from lesson import code_cells, copy_lesson, do, read
from test_workshop import command, copies, fails, in_jupyter, open_stage, without_key, workspace
from workshop.lesson.data import gap_hints, questions
from workshop.lesson.stages import texts_of

CONSUMER = "chat/consumers.py"
GAPS, SOLUTION = (texts_of(3, magic)[CONSUMER] for magic in ("write", "solution"))
# A student's own right consumer, which isn't the lesson's.
OWN = SOLUTION.replace("message = json.loads", "said = json.loads").replace('"message": message})', '"message": said})')
WRONG = OWN.replace("group_send", "group_sned")


@pytest.fixture(scope="module")
def stage_3(tmp_path_factory):
    lesson = copy_lesson(tmp_path_factory.mktemp("stage_3"))
    open_stage(lesson, 3)
    return lesson


@pytest.fixture
def lesson(stage_3, tmp_path):
    """A lesson of its own, in which stage 3 is open."""
    return shutil.copytree(stage_3, tmp_path / "lesson")


def cells(lesson, *sources):
    """Run these cells in one kernel that has loaded the workshop, and return what they show."""
    return in_jupyter(lesson, "from workshop import *\n%load_ext workshop", *sources)


def write(text):
    return f"%%write workspace/{CONSUMER}\n{text}"


def solution(text=SOLUTION):
    return f"%%solution workspace/{CONSUMER}\n{text}"


def consumer(lesson):
    return workspace(lesson).get(CONSUMER, b"").decode("utf-8")


def by_hand(lesson, text):
    (lesson / "notebooks" / "workspace" / CONSUMER).write_text(text, encoding="utf-8", newline="\n")


def kept(lesson):
    return [(copy / CONSUMER).read_text(encoding="utf-8") for copy in copies(lesson)]


# Cells that write


def test_a_cell_writes_what_stands_in_it_and_names_the_gaps(lesson):
    said = cells(lesson, write(GAPS))
    assert "Marked as gaps: 1, 2, 3, 4, 5." in said
    assert consumer(lesson) == GAPS
    assert "Still marked as gaps: 1, 2, 3, 4, 5 in chat/consumers.py" in do(lesson, "print(check(3))")
    assert "Marked as gaps" not in cells(lesson, write(OWN))
    assert consumer(lesson) == OWN and not copies(lesson), "What stood in a cell is that cell's, and needs no copy."


def test_what_was_written_in_an_editor_is_kept_when_a_cell_writes_over_it(lesson):
    cells(lesson, write(GAPS))
    by_hand(lesson, OWN)
    said = cells(lesson, write(GAPS))
    assert "Your work is kept in notebooks/workspace_copies/" in said
    assert '-        said = json.loads(text_data)["message"]' in said, "What changes is shown."
    assert kept(lesson) == [OWN] and consumer(lesson) == GAPS


def test_a_solution_takes_the_place_of_gaps_and_nobody_loses_anything(lesson):
    said = cells(lesson, write(GAPS), solution())
    assert "holds the lesson's solution now" in said and not copies(lesson)
    assert consumer(lesson) == SOLUTION
    assert "is as the lesson's" in cells(lesson, solution())


def test_a_students_own_right_file_stays_and_the_lessons_is_shown_beside_it(lesson):
    said = cells(lesson, write(OWN), solution())
    assert "Yours stays" in said and '-        said = json.loads(text_data)["message"]' in said
    assert consumer(lesson) == OWN and not copies(lesson)


def test_a_students_wrong_file_is_kept_aside_when_the_solution_is_run(lesson):
    said = cells(lesson, write(WRONG), solution())
    assert "Your work is kept in notebooks/workspace_copies/" in said
    assert kept(lesson) == [WRONG] and consumer(lesson) == SOLUTION


def test_with_the_teachers_switch_every_cell_writes_the_solution_in_all_notebooks(lesson):
    do(lesson, "write_for_me()")
    assert "holds the lesson's solution" in cells(lesson, write(GAPS))
    assert consumer(lesson) == SOLUTION
    do(lesson, "write_for_me(False)")
    cells(lesson, write(GAPS))
    assert consumer(lesson) == GAPS


@pytest.mark.parametrize("where", ["elsewhere/file.py", "workspace/../file.py", ""])
def test_a_cell_writes_into_the_workspace_and_nowhere_else(lesson, where):
    said = cells(lesson, f"%%write {where}\nanything")
    assert "names a file of the workspace" in said and "Traceback" not in said


def test_a_cell_of_one_stage_says_that_another_is_open(lesson):
    said = cells(lesson, "open_stage(3)", "import subprocess, sys", OPENS_5, write(GAPS), "print(check(3))")
    assert said.count("Stage 5 is open in notebooks/workspace/, and this notebook works on stage 3") == 2
    assert b"Gap 1" not in workspace(lesson)[CONSUMER]


OPENS_5 = "_ = subprocess.run([sys.executable, '-m', 'workshop', 'open', '5'], check=True, capture_output=True)"


# Code that goes on


def test_a_students_own_right_code_goes_on_into_the_next_stage(lesson):
    cells(lesson, write(OWN))
    said = open_stage(lesson, 4)
    assert f"Your own: {CONSUMER}. With them, stage 3 is green." in said
    assert consumer(lesson) == OWN and not copies(lesson)
    by_hand(lesson, WRONG)
    open_stage(lesson, 4)
    assert consumer(lesson) == OWN, "A stage that is opened again begins as it began."
    assert kept(lesson) == [WRONG]
    assert do(lesson, "print(difference(4))").strip() == "No difference."


def test_code_goes_on_from_a_notebook_that_was_saved_with_it(lesson):
    cells(lesson, write(OWN))
    (path,) = (lesson / "notebooks").glob("03_*.ipynb")
    notebook = read(path)
    (cell,) = (cell for cell in code_cells(notebook) if cell.source.startswith("%%write"))
    cell.source = write(OWN).rstrip("\n")
    nbformat.write(notebook, path)
    assert f"Your own: {CONSUMER}." in open_stage(lesson, 4)
    assert consumer(lesson) == OWN
    open_stage(lesson, 6)
    assert kept(lesson) == [OWN]


def test_what_passes_goes_on_and_the_lessons_takes_the_place_of_what_does_not(lesson):
    by_hand(lesson, OWN)
    do(lesson, "open_stage(4)")
    routing = lesson / "notebooks" / "workspace" / "chat" / "routing.py"
    routing.write_text("websocket_urlpatterns = []  # not yet\n", encoding="utf-8")
    said = open_stage(lesson, 5)
    assert f"Your own: {CONSUMER}." in said
    assert "The lesson's take the place of yours: chat/routing.py." in said
    assert consumer(lesson) == OWN and b"re_path" in workspace(lesson)["chat/routing.py"] + b"re_path"
    assert len(copies(lesson)) == 1


def test_what_does_not_pass_is_kept_aside_and_the_lessons_takes_its_place(lesson):
    cells(lesson, write(WRONG))
    said = open_stage(lesson, 4)
    assert f"The lesson's take the place of yours: {CONSUMER}." in said
    assert consumer(lesson) == SOLUTION and kept(lesson) == [WRONG]


def test_work_that_was_moved_aside_can_be_brought_back(lesson):
    assert "moved no work of yours aside" in fails(lesson, "bring_back()")
    by_hand(lesson, WRONG)
    mine = workspace(lesson)
    assert "bring_back()" in open_stage(lesson, 3)
    assert CONSUMER not in workspace(lesson)
    assert "Stage 3 is open, with your files as they were." in do(lesson, "bring_back()")
    assert workspace(lesson) == mine and not copies(lesson)


def test_what_a_mistake_in_the_lessons_code_has_set_aside_is_never_lost(lesson):
    by_hand(lesson, OWN)
    mine = workspace(lesson)
    do(lesson, "make_mistake('echo', in_lessons_code=True)", "open_stage(3)")
    do(lesson, "bring_back()")
    assert workspace(lesson) == mine
    do(lesson, "make_mistake('echo', in_lessons_code=True)", "open_stage(4)")
    assert consumer(lesson) == OWN
    do(lesson, "make_mistake('echo', in_lessons_code=True)", "open_stage(7)")
    assert OWN in [path.read_text(encoding="utf-8") for copy in copies(lesson) for path in copy.rglob("consumers.py")]


def test_the_async_notebooks_file_stays_behind_when_the_project_goes_on(lesson):
    do(lesson, "open_stage('2b')")
    (lesson / "notebooks" / "workspace" / "welcome.py").write_text("# mine\n", encoding="utf-8")
    open_stage(lesson, 3)
    assert "welcome.py" not in workspace(lesson)
    assert [copy for copy in copies(lesson) if (copy / "welcome.py").read_text(encoding="utf-8") == "# mine\n"]


def test_a_mistake_that_does_not_fit_is_made_in_the_lessons_code_and_put_back(lesson):
    by_hand(lesson, OWN)
    mine = workspace(lesson)
    said = fails(lesson, "make_mistake('echo')")
    assert "make_mistake('echo', in_lessons_code=True)" in said
    assert workspace(lesson) == mine
    shown = do(lesson, "print(make_mistake('echo', in_lessons_code=True))")
    assert "said =" not in shown and "-" in shown
    assert "said =" not in consumer(lesson) and "group_send" not in consumer(lesson)
    do(lesson, "put_back()")
    assert workspace(lesson) == mine and not copies(lesson)


# Hints and questions


def test_hints_come_one_at_a_time_and_begin_with_the_first_gap_that_is_marked(lesson):
    cells(lesson, write(GAPS.replace("# Gap 1:", "#")))
    hints = gap_hints(3)
    for number, hint in enumerate(hints[2], start=1):
        assert do(lesson, "hint()").strip() == f"Hint {number} of {len(hints[2])} for gap 2: {hint}"
    assert "no further hint for gap 2" in do(lesson, "hint(2)")
    assert hints[5][0] in do(lesson, "hint(5)") and "3_ping" in do(lesson, "hint('3_ping')")
    assert "no gap 42" in fails(lesson, "hint(42)") and "no exercise called 'ping'" in fails(lesson, "hint('ping')")


def test_a_question_answers_back_and_remembers_whether_it_was_right(lesson):
    question = questions(3)[0]
    shown = do(lesson, f"print(predict({question['name']!r}))")
    assert all(f"{letter}) " in shown for letter in "abc") and question["answers"][0]["because"] not in shown
    for letter, answer in zip("abcd", question["answers"], strict=False):
        said = " ".join(do(lesson, f"print(predict({question['name']!r}, {letter!r}))").split())
        assert ("✔ Yes." in said) == answer["right"] and " ".join(answer["because"].split()) in said
    assert "none of the answers" in fails(lesson, f"predict({question['name']!r}, 'z')")
    assert question["name"] in fails(lesson, f"predict({question['name'] + 's'!r})")


def test_progress_is_kept_across_notebooks_and_restarts_and_forgotten_when_asked(lesson):
    right = next(letter for letter, answer in zip("abcd", questions(3)[0]["answers"], strict=False) if answer["right"])
    by_hand(lesson, OWN)
    do(lesson, "check(3)", "exercise('3_ping')", f"predict({questions(3)[0]['name']!r}, {right!r})")
    row = next(line for line in do(lesson, "print(progress())").splitlines() if "consumer" in line)
    assert re.search(rf"✔ +3_ping – +1 of {len(questions(3))}$", row), row
    assert "Forgotten" in do(lesson, "forget()")
    assert "✔" not in do(lesson, "print(progress())")
    assert consumer(lesson) == OWN


# In a terminal


def test_a_stage_can_be_done_in_a_terminal(lesson):
    def terminal(*arguments):
        code, said = command(lesson, *arguments)
        assert code in (0, 1), said
        return said

    terminal("open", 3)
    assert "## Write" in terminal("read", 3) and "def chat_msg" not in terminal("read", 3)
    said = terminal("write", 3)
    assert "gap 2: join the room's group" in said and consumer(lesson) == GAPS
    assert "Hint 1 of" in terminal("hint", 2)
    name = questions(3)[0]["name"]
    assert name in terminal("predict", 3)
    assert "a) " in terminal("predict", name) and re.search("Yes|No", terminal("predict", name, "b"))
    by_hand(lesson, OWN)
    assert "8 of 8 green" in terminal("check", 3)
    assert "Yours stays" in terminal("solution", 3)
    assert "echo" in terminal("mistakes", 3)
    terminal("mistake", "echo", "--in-lessons-code")
    assert "echo" in terminal("reveal")
    terminal("put_back")
    terminal("surprise", 3)
    terminal("put_back")
    assert consumer(lesson) == OWN
    assert "consumer" in terminal("progress") and "Forgotten" in terminal("forget")
    assert without_key(workspace(lesson))[CONSUMER] == OWN.encode()
