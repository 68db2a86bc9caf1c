"""
The exercises: unsolved they fail, the solution passes and breaks no stage, the hints give nothing away, and the
notebook shows what the file says.
"""

import re

import pytest
from exercises.solve import EXERCISES, edit, solve
from lesson import STAGE_TESTS, code_cells, read
from stage.code import FILES
from workshop.errors import WorkshopError
from workshop.lesson.data import exercise_hints
from workshop.lesson.files import write_files
from workshop.lesson.stages import BUILDS_ON, find_notebook, find_tests, read_stage
from workshop.verbs.exercises import exercise as run_exercise
from workshop.verbs.exercises import exercises as print_exercises


@pytest.fixture
def run_on(run_tests, tmp_path):
    """Return a function that writes these files into a project, and runs the tests of these exercises on it."""

    def run_on(files, names, *, stages=()):
        write_files(files, tmp_path)
        return run_tests([*(EXERCISES[name].__file__ for name in names), *stages], tmp_path)

    return run_on


def stages_so_far(exercise):
    """Return the tests of the stages up to the exercise's that may notice it: those from its first changed file on."""
    if exercise.STAGE in ("2b", *BUILDS_ON):
        return [path for stage in (*BUILDS_ON.get(exercise.STAGE, ()), exercise.STAGE) for path in find_tests(stage)]
    changed = [FILES.get(step[0], exercise.STAGE) for step in exercise.SOLUTION if not isinstance(step, str)]
    return STAGE_TESTS[min(changed, default=1) - 1 : exercise.STAGE]


def assert_green(result):
    found, said = result
    red = "\n\n".join(f"{test['sentence']}\nSeen: {test['seen']}" for test in found if not test["green"])
    assert found and not red, red or said


@pytest.mark.parametrize("name", EXERCISES)
def test_unsolved_it_fails_in_words(name, states, run_on):
    found, said = run_on(states[EXERCISES[name].STAGE], [name])
    red = [test for test in found if not test["green"]]
    assert red, f"{name} has nothing to do: its tests are already green. pytest said:\n{said}"
    for test in red:
        assert test["seen"] and test["asked"] and test["file"], f"{name} fails without words: {test}"


@pytest.mark.parametrize("name", EXERCISES)
def test_its_solution_passes_and_the_stages_so_far_stay_green(name, states, run_on):
    exercise = EXERCISES[name]
    assert_green(run_on(solve(exercise, states[exercise.STAGE]), [name], stages=stages_so_far(exercise)))


# Solutions of 8_flood that are nearly right: (what is replaced in the solution, by what, the sentence that is red).
TAKEN_AT = "        self.taken_at = collections.deque(maxlen=100)  # when the last frames were taken\n"
TOO_MANY = "            if len(self.taken_at) == 100 and now - self.taken_at[0] < 1:\n"
NEARLY = {
    "counted for all sockets together": (
        [(TAKEN_AT, ""), ("    frames = 0  #", "    taken_at = collections.deque(maxlen=100)\n    frames = 0  #")],
        "Everyone has a hundred frames of their own",
    ),
    "refused in the next second too": (
        [("now - self.taken_at[0] < 1", "now - self.taken_at[0] < 2")],
        "A second after",
    ),
    "refused for ever": ([(TOO_MANY, "            if len(self.taken_at) == 100:\n")], "A second after"),
    "what is refused counts": (
        [
            ("            self.taken_at.append(now)\n", ""),
            (
                TOO_MANY,
                "            many, oldest = len(self.taken_at) == 100, (self.taken_at or [now])[0]\n"
                "            self.taken_at.append(now)\n"
                "            if many and now - oldest < 1:\n",
            ),
        ],
        "A second after",
    ),
}


@pytest.mark.parametrize("kind", NEARLY)
def test_a_solution_that_is_nearly_right_is_told_what_is_missing(kind, states, run_on):
    edits, sentence = NEARLY[kind]
    exercise = EXERCISES["8_flood"]
    files = solve(exercise, states[exercise.STAGE])
    for old, new in edits:
        files = edit("chat/sockets.py", old, new, files)
    found, said = run_on(files, ["8_flood"])
    assert any(not test["green"] and test["sentence"].startswith(sentence) for test in found), said


@pytest.mark.parametrize("name", EXERCISES)
def test_its_hints_are_several_and_none_is_the_solution(name):
    hints = exercise_hints()[name]
    assert len(hints) > 1 and all(len(hint.split()) > 5 for hint in hints), f"The hints of {name}: {hints}"
    given_away = [line for line in new_lines(EXERCISES[name]) if any(line in hint for hint in hints)]
    assert not given_away, f"The hints of {name} have lines of its solution: {given_away}"


def new_lines(exercise):
    """Yield each line that the solution adds, without its indent, unless it is nothing but brackets or a word."""
    for step in exercise.SOLUTION:
        _, old, new = ("", "", step) if isinstance(step, str) else step
        for line in new.splitlines():
            if line not in old.splitlines() and len(re.findall(r"\w+", line)) > 1:
                yield line.strip()


@pytest.mark.parametrize("name", EXERCISES)
def test_its_notebook_shows_the_task_the_check_and_the_solution(name):
    exercise = EXERCISES[name]
    path = find_notebook(read_stage(name.split("_")[0]))
    notebook = read(path)
    says = " ".join("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown").split())
    assert " ".join(exercise.__doc__.split()) in says, f"{path.name} doesn't state the task of {name} as its file does."
    assert any(f'exercise("{name}")' in cell.source.splitlines() for cell in code_cells(notebook)), (
        f'No cell of {path.name} runs exercise("{name}").'
    )
    solutions = folded(notebook, "A solution")
    shown = [re.findall(r"^```\w+\n(.*?)^```$", text, re.MULTILINE | re.DOTALL) for text in solutions]
    wanted = [f"{step}\n" if isinstance(step, str) else step[2] for step in exercise.SOLUTION]
    wanted = [text.strip("\n") for text in wanted]
    assert any(wanted == [text.strip("\n") for text in blocks] for blocks in shown), (
        f"{path.name} has no folded solution with just what the solution of {name} writes, step by step."
    )


def folded(notebook, summary):
    """Return what the notebook's texts hide behind this summary."""
    pattern = rf"<details><summary>{summary}</summary>\n(.*?)</details>"
    return [
        text
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for text in re.findall(pattern, cell.source, re.DOTALL)
    ]


def test_exercises_prints_each_with_a_sentence(capsys):
    print_exercises()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(EXERCISES)
    assert all(line.endswith(".") for line in lines)


def test_exercise_runs_on_the_students_workspace(monkeypatch, tmp_path, states):
    monkeypatch.setitem(run_exercise.__globals__, "WORKSPACE", tmp_path)
    write_files(states[3], tmp_path)
    assert run_exercise("3_ping").headline() == "Exercise 3_ping: 0 of 2 green"
    write_files(solve(EXERCISES["3_ping"], states[3]), tmp_path)
    assert run_exercise("3_ping").headline() == "Exercise 3_ping: 2 of 2 green"


def test_exercise_counts_apart_what_this_computer_cannot_test(monkeypatch, tmp_path, states):
    project, empty = tmp_path / "project", tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setitem(run_exercise.__globals__, "WORKSPACE", project)
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.delenv("CI", raising=False)  # where a program that is missing is an error
    write_files(solve(EXERCISES["15_maintenance"], states[15]), project)
    found = run_exercise("15_maintenance")
    assert found.green and found.headline() == "Exercise 15_maintenance: 2 of 3 green, 1 can't be tested here"
    assert "nginx is not installed" in str(found)


def test_exercise_says_which_there_are():
    with pytest.raises(WorkshopError, match="no exercise called 'ping'.* 3_ping"):
        run_exercise("ping")


@pytest.mark.parametrize("name, stage", [("3_ping", 4), ("10_members", 10)])
def test_exercise_says_how_to_get_a_workspace(monkeypatch, tmp_path, name, stage):
    monkeypatch.setitem(run_exercise.__globals__, "WORKSPACE", tmp_path / "none")
    with pytest.raises(WorkshopError, match=rf"open_stage\({stage}\)"):
        run_exercise(name)
