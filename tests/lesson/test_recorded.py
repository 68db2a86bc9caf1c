"""
Cells that need Redis or nginx: where these are installed, they run as any cell does; elsewhere they show what they
showed there. No test here needs either: a program is an empty file, and a PATH without it hides it.
"""

import sys
from pathlib import Path

import nbformat
import pytest
from lesson import as_run, code_cells, copy_lesson, normalise, run_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from refresh import ProgramMissing, refresh
from test_notebooks import assert_says_the_same, expect_all_compared
from test_workshop import in_jupyter
from workshop.errors import WorkshopError
from workshop.processes import programs
from workshop.processes.programs import HOW_TO_GET, find_program
from workshop.verbs.recorded import MAGIC, let_it_run, with_program

NAME = "09_playground.ipynb"  # a notebook whose questions and tests play no role here
LOAD = "from workshop import *\n%load_ext workshop"
CELL = """%%with_program redis-server nginx
import asyncio, sys
from IPython.display import HTML
print("before")
print("an error's words", file=sys.stderr)
display(HTML("<b>a picture</b>"))
answer = await asyncio.sleep(0, 42)
[answer]
"""


@pytest.fixture
def lesson(tmp_path):
    return copy_lesson(tmp_path / "lesson")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A function: from now on these programs are all that is installed, here and in processes that are started."""

    def only(*names):
        folder = tmp_path / "-".join(["with", *names]) / "bin"
        monkeypatch.setenv("PATH", str(folder))
        return [put(folder, name) for name in names]

    return only


def put(folder, name):
    program = folder / (f"{name}.exe" if sys.platform == "win32" else name)
    folder.mkdir(parents=True, exist_ok=True)
    program.touch(0o755)
    return program


def notebook(*cells, outputs=()):
    cells = [new_code_cell(cell, id=f"cell-{number}") for number, cell in enumerate(cells)]
    if outputs:
        cells[-1].outputs = list(outputs)
    return new_notebook(cells=[new_markdown_cell("# A title", id="title"), *cells])


def save(path, content):
    path.parent.mkdir(exist_ok=True)
    nbformat.write(content, path)
    return path


def run(lesson, *cells):
    """Run these cells in a kernel that has loaded the workshop, and return them with their outputs."""
    return run_notebook(save(lesson / "notebooks" / NAME, notebook(LOAD, *cells)))


@pytest.fixture
def recorded(tmp_path, monkeypatch, capsys):
    """A function: what a cell says if the edition as run has CELL with these outputs."""
    monkeypatch.setattr("workshop.verbs.recorded.AS_RUN", tmp_path)

    def says(cell, *outputs):
        outputs = [new_output("stream", text=output) if isinstance(output, str) else output for output in outputs]
        save(tmp_path / NAME, notebook("1", CELL, outputs=outputs))
        line, _, text = cell.partition("\n")
        with_program(line.removeprefix(MAGIC), text)
        return capsys.readouterr().out

    return says


def shown(cell):
    """Return what a cell shows, without how it came about."""
    return [output.get("text") or output.data for output in cell.outputs]


# Where a program is


def test_a_program_is_found_in_path_and_without_path_it_is_hidden(install):
    (program,) = install("nginx")
    assert find_program("nginx").lower() == str(program).lower()
    assert find_program("redis-server") is None
    install()
    assert find_program("nginx") is None, "Whatever this computer has, a PATH without it hides it."


def test_beside_the_systems_own_folder_programs_are_found_that_path_does_not_name(install, tmp_path, monkeypatch):
    program = put(tmp_path / "sbin", "nginx")
    monkeypatch.setattr(programs, "SYSTEM", str(tmp_path / "bin"))
    monkeypatch.setattr(programs, "BESIDE_IT", [str(tmp_path / "sbin")])
    install()
    assert find_program("nginx") is None
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_program("nginx").lower() == str(program).lower()


# Where it is installed


def test_with_its_programs_a_cell_awaits_shows_and_keeps_its_names_as_any_other(lesson, install):
    install("redis-server", "nginx")
    *_, cell, later, ordinary = code_cells(run(lesson, CELL, "answer + 1", CELL.partition("\n")[2]))
    assert shown(cell) == shown(ordinary) and len(shown(cell)) == 4
    assert cell.outputs[-1].output_type == "execute_result"
    assert shown(later) == [{"text/plain": "43"}]


def test_an_error_is_shown_as_in_any_cell_with_the_line_that_the_student_sees(lesson, install):
    install("nginx")
    unread, fails = "x = 1\nif x\n", "x = 1\n1 / 0\n"
    magic, ordinary = "%%with_program nginx\n", "# any cell\n"
    said = normalise(
        in_jupyter(lesson, LOAD, magic + unread, "print('and')", ordinary + unread, "print('and')", magic + fails)
    )
    seen, as_any, in_line = said.split("and\n")
    assert seen == as_any and "line 3" in seen and "SyntaxError" in seen
    assert "----> 3 1 / 0" in in_line


# Where it isn't


def test_without_a_program_a_cell_says_how_to_get_it_and_shows_what_it_showed_elsewhere(lesson, install):
    install("redis-server", "nginx")
    there = run(lesson, CELL)
    save(lesson / "notebooks" / "as_run" / NAME, as_run(there, Path(NAME)))
    install("redis-server")
    # Whitespace at the ends is no change.
    *_, cell, changed, later = code_cells(run(lesson, f"{CELL}\n\n", f"{CELL}1", "'answer' in globals()"))
    words, *outputs = shown(cell)
    first, *recorded = shown(code_cells(there)[-1])
    assert words == f"{HOW_TO_GET['nginx']}\nWhat this cell showed on a computer that has it:\n{first}"
    assert outputs == recorded and len(outputs) == 3
    assert (
        shown(changed)[0].startswith(f"{HOW_TO_GET['nginx']}\nYou have changed this cell") and len(shown(changed)) == 1
    )
    assert shown(later) == [{"text/plain": "False"}], "Neither cell has run."


def test_each_missing_program_has_its_sentence(recorded, install):
    install()
    said = recorded(CELL, "as it was\n")
    for name in ("redis-server", "nginx"):
        assert said.count(HOW_TO_GET[name]) == 1
        assert f"sudo apt install {name}`" in HOW_TO_GET[name] and "WSL" in HOW_TO_GET[name]
    assert said.endswith("on a computer that has them:\nas it was\n")


@pytest.mark.parametrize(
    "changed",
    [CELL.replace("42", "43"), CELL.replace(" nginx", "")],
    ids=["its lines", "its programs"],
)
def test_of_a_changed_cell_there_is_no_recording(recorded, install, changed):
    install()
    said = recorded(changed, "as it was\n")
    assert "You have changed this cell, and there is no recording of the changed one." in said
    assert "as it was" not in said


def test_a_cell_that_shows_nothing_and_one_that_shows_an_error_are_recorded_too(recorded, install):
    install()
    assert recorded(CELL).endswith("On a computer that has them, this cell shows nothing.\n")
    error = new_output("error", ename="OSError", evalue="no", traceback=["above", "OSError: it is meant"])
    assert recorded(CELL, error).endswith("on a computer that has them:\nabove\nOSError: it is meant\n")


def test_an_edition_as_run_that_cannot_be_read_is_named(recorded, install, tmp_path):
    install()
    (tmp_path / "98_half_merged.ipynb").write_text("<<<<<<< HEAD\n", encoding="utf-8")
    with pytest.raises(WorkshopError, match="git checkout HEAD -- notebooks/as_run/98_half_merged.ipynb"):
        recorded(CELL.replace("42", "43"))


@pytest.mark.parametrize("names", ["", "ngnix", "nginx python"])
def test_a_cell_names_programs_that_the_lesson_knows_wherever_it_runs(install, names):
    install("nginx", "python", "ngnix")
    lines = [f"%%with_program {names}\n", "print('it ran')\n"]
    assert let_it_run(lines) == lines
    with pytest.raises(WorkshopError, match="%%with_program redis-server nginx"):
        with_program(names, "print('it ran')\n")


# The edition as run


def test_no_recording_is_made_of_a_recording(install, tmp_path):
    install("redis-server")
    path = save(tmp_path / "98_not_written.ipynb", notebook(LOAD, CELL))
    with pytest.raises(ProgramMissing, match="sudo apt install nginx") as refused:
        refresh(path, anew=False)
    assert HOW_TO_GET["redis-server"] not in str(refused.value)


def test_what_could_not_run_is_not_compared_and_everything_else_is(install):
    def compare(cell):
        outputs = [new_output("stream", text=words) for words in ("as recorded", "something else")]
        committed, fresh = (notebook(cell, outputs=[output]) for output in outputs)
        assert_says_the_same(Path(NAME), committed, fresh, None)

    install("redis-server")
    compare(CELL)
    with pytest.raises(pytest.fail.Exception, match="says something else now"):
        compare("print()")
    install("redis-server", "nginx")
    with pytest.raises(pytest.fail.Exception, match="says something else now"):
        compare(CELL)


def test_what_was_not_compared_is_said_and_in_ci_it_fails(install, monkeypatch):
    def outcome(*cells):
        try:
            expect_all_compared(Path(NAME), notebook(*cells))
        except (pytest.skip.Exception, pytest.fail.Exception) as raised:  # a skip would skip this test, too
            assert f"{NAME}, cell [2]" in str(raised) and HOW_TO_GET["nginx"] in str(raised)
            return type(raised)

    monkeypatch.delenv("CI", raising=False)
    install("redis-server", "nginx")
    assert outcome(LOAD, CELL) is None
    install("redis-server")
    assert outcome(LOAD) is None
    assert outcome(LOAD, CELL) is pytest.skip.Exception
    monkeypatch.setenv("CI", "true")
    assert outcome(LOAD, CELL) is pytest.fail.Exception
