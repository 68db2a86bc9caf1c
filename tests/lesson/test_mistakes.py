"""
Classic mistakes: the test that each names catches it, in words that name the cause and the file. And no right
solution is blamed, however it is written.
"""

import shutil
from pathlib import Path

import pytest
from lesson import STAGE_TESTS, copy_lesson, do
from workshop.drawing import Check
from workshop.lesson.files import read_files, write_files
from workshop.lesson.mistakes import MISTAKES
from workshop.lesson.mistakes.change import read_changes
from workshop.lesson.stages import BUILDS_ON, find_notebook, find_tests

OTHER_WAYS = read_changes(Path(__file__).with_name("other_ways"))
FILES = {**{int(path.name.split("_")[1]): path for path in STAGE_TESTS}}
FILES |= {stage: find_tests(stage)[0] for stage in ("2b", *BUILDS_ON)}


@pytest.fixture
def check(run_tests, states, tmp_path):
    """Return a function that makes a change to what its stage leaves, and returns what the stage's tests find."""

    def check(change, *tests):
        write_files(change.apply(states[change.stage]), tmp_path)
        file = FILES[change.stage]
        return Check(change.name, *run_tests([f"{file}::{test}" for test in tests] or [file], tmp_path))

    return check


@pytest.mark.parametrize("change", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_caught_by_the_test_it_names_in_words_that_name_the_cause_and_the_file(change, check):
    found = check(change, change.test)
    assert found.sentences and not found.green, f"With {change.title}, {change.test} says:\n{found}"
    reasons = [why for green, _, why in found.rows() if not green]
    assert any(
        change.words in " ".join(" ".join(why).split()) and why[-1].split() == ["Open:", change.file] for why in reasons
    ), f"With {change.title}, {change.test} does not say {change.words!r} and open {change.file}:\n{found}"
    assert "Traceback" not in str(found)


@pytest.mark.parametrize("change", OTHER_WAYS, ids=lambda way: way.name)
def test_a_right_solution_is_not_blamed_however_it_is_written(change, check):
    found = check(change)
    assert found.green, f"{change.title}, and stage {change.stage} says:\n{found}"


@pytest.mark.parametrize("stage", BUILDS_ON)
def test_a_further_stage_has_six_mistakes_from_real_threads_and_names_the_threads(stage):
    threads = [change.thread for change in MISTAKES if change.stage == stage and change.thread]
    assert len(threads) >= 6
    notebook = find_notebook(stage).read_text(encoding="utf-8")
    assert not [thread for thread in threads if thread not in notebook]


def test_each_mistake_has_a_name_of_its_own():
    names = [change.name for change in [*MISTAKES, *OTHER_WAYS]]
    assert len(names) == len(set(names))


# The verbs


@pytest.fixture(scope="module")
def stage_4(tmp_path_factory):
    lesson = copy_lesson(tmp_path_factory.mktemp("stage_4"))
    do(lesson, "open_stage(4)")
    return lesson


@pytest.fixture
def lesson(stage_4, tmp_path):
    """A lesson of its own, in which stage 4 is open."""
    return shutil.copytree(stage_4, tmp_path / "lesson")


def fails(lesson, line):
    """Run one line. It has to raise a WorkshopError: return its words."""
    return do(
        lesson,
        f"try:\n    {line}\nexcept WorkshopError as error:\n    print(error)",
        "else:\n    raise SystemExit('No WorkshopError was raised.')",
    )


def workspace(lesson):
    return read_files(lesson / "notebooks" / "workspace")


def consumers(lesson):
    return lesson / "notebooks" / "workspace" / "chat" / "consumers.py"


def copies(lesson):
    return [read_files(path) for path in sorted((lesson / "notebooks").glob("workspace_copies/*/workspace"))]


def test_a_mistake_is_put_in_shown_and_put_back_after_the_kernel_was_restarted(lesson):
    right = workspace(lesson)
    said = do(lesson, "print(make_mistake('handler-misnamed'))")
    assert "-    async def chat_msg(self, event):" in said and "+    async def chat_message(self, event):" in said
    broken = workspace(lesson)
    assert {name for name in right if right[name] != broken[name]} == {"chat/consumers.py"}
    assert "handler-misnamed" in do(lesson, "print(reveal())")
    assert "chat/consumers.py" in do(lesson, "put_back()")
    assert workspace(lesson) == right
    assert not (lesson / "notebooks" / "workspace_copies").exists(), "The student has changed nothing."


def test_a_file_that_was_moved_moves_back(lesson):
    do(lesson, "open_stage(6)")
    right = workspace(lesson)
    do(lesson, "make_mistake('template-in-the-wrong-folder')")
    assert "chat/templates/room.html" in workspace(lesson)
    do(lesson, "put_back()")
    assert workspace(lesson) == right


def test_a_surprise_tells_nothing_and_the_same_seed_brings_the_same(lesson):
    right = workspace(lesson)
    said = do(lesson, "surprise(3, seed=5)")
    assert not [mistake.name for mistake in MISTAKES if mistake.name in said]
    broken = workspace(lesson)
    assert broken != right
    said = do(lesson, "print(reveal())")
    assert [mistake.title for mistake in MISTAKES if mistake.stage == 3 and mistake.title in said]
    do(lesson, "put_back()", "surprise(3, seed=5)")
    assert workspace(lesson) == broken


def test_a_surprise_comes_in_the_students_own_code_where_it_fits(lesson):
    own = consumers(lesson).read_bytes().replace(b"chat_msg", b"on_chat").replace(b"\n", b"\r\n")
    consumers(lesson).write_bytes(own)
    for seed in range(5):
        do(lesson, f"surprise(3, seed={seed})")
        lines = consumers(lesson).read_bytes().split(b"\n")
        assert all(line.endswith(b"\r") for line in lines[:-1]), "The file's line ends were changed."
        do(lesson, "put_back()")
        assert consumers(lesson).read_bytes() == own


def test_a_mistake_that_does_not_fit_says_what_to_do_and_changes_nothing(lesson):
    consumers(lesson).write_bytes(b"from chat.other import ChatConsumer\n")
    own = workspace(lesson)
    said = fails(lesson, "make_mistake('echo')")
    assert "Your chat/consumers.py doesn't have the lines" in said and "in_lessons_code=True" in said
    assert workspace(lesson) == own
    assert "so it is in the lesson's" in do(lesson, "surprise(3)")
    do(lesson, "put_back()")
    assert workspace(lesson) == own


def test_what_a_student_has_changed_since_is_kept(lesson):
    right = workspace(lesson)
    do(lesson, "make_mistake('echo')")
    consumers(lesson).write_bytes(b"# my own way out\n")
    assert "Your work is kept in notebooks/workspace_copies/" in do(lesson, "put_back()")
    assert workspace(lesson) == right
    assert copies(lesson) == [{"chat/consumers.py": b"# my own way out\n"}]


def test_opening_a_stage_ends_a_mistake_and_keeps_what_it_changed(lesson):
    do(lesson, "make_mistake('echo')")
    broken = workspace(lesson)
    do(lesson, "open_stage(5)")
    assert "There is no mistake in your project" in fails(lesson, "put_back()")
    assert broken in copies(lesson)


def test_a_second_mistake_waits_until_the_first_is_put_back(lesson):
    do(lesson, "make_mistake('echo')")
    broken = workspace(lesson)
    assert "put_back()" in fails(lesson, "make_mistake('accept-forgotten')")
    assert workspace(lesson) == broken


def test_the_mistakes_of_a_stage_are_listed_and_what_is_none_is_answered_in_a_sentence(lesson):
    listed = do(lesson, "mistakes(3)")
    assert all(mistake.name in listed for mistake in MISTAKES if mistake.stage == 3)
    assert "no mistake called 'ecco'" in fails(lesson, "make_mistake('ecco')")
    assert "There is no notebook for stage 42" in fails(lesson, "mistakes(42)")
    assert "has no classic mistakes" in fails(lesson, "surprise(9)")
    assert "There is no mistake in your project" in fails(lesson, "reveal()")


def test_before_anything_was_opened_there_is_nothing_to_break(tmp_path):
    lesson = copy_lesson(tmp_path)
    assert "open_stage" in fails(lesson, "make_mistake('echo')")
    assert "open_stage" in fails(lesson, "surprise(3)")
