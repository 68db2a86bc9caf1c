"""
Each notebook as a student meets it: it tells nothing before it is run, runs from top to bottom with nothing written,
and says what the edition as run says.
"""

import difflib
import re

import nbformat
import pytest
from lesson import (
    AS_RUN,
    NOTEBOOKS,
    SOMEBODYS,
    NotebookFailed,
    as_run,
    code_cells,
    comparable,
    copy_lesson,
    name_cell,
    read,
    run,
    run_notebook,
    stage_of,
    tags,
)
from stage.expectations import leave_out
from workshop.lesson.files import read_files
from workshop.lesson.stages import read_written, stage_before
from workshop.processes.programs import HOW_TO_GET
from workshop.verbs.recorded import find_missing, read_programs

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

# Every second notebook runs in one copy of the lesson, from the last to the first, and the others in another one, from
# the first to the last: so each starts from what another one left.
BACKWARDS = NOTEBOOKS[::-2]
FORWARDS = [path for path in NOTEBOOKS if path not in BACKWARDS]
RUN_AGAIN = "01_project"

# The measurements of notebook 8 show something in rooms of hundreds. That they can be made, small rooms show too.
SHORTER = [
    ("measure(50, 500)", "measure(5, 10)"),
    ("measure(50, 200, 500)", "measure(5, 10, 20)"),
    ("measure(200)", "measure(20)"),
    ("profile(members=200)", "profile(members=20)"),
    ("burst(students=200, each=3)", "burst(students=20, each=3)"),
]


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    return {name: copy_lesson(tmp_path_factory.mktemp(name)) for name in ("backwards", "forwards")}


@pytest.mark.parametrize(
    "path, name",
    [
        pytest.param(path, name, id=path.stem, marks=pytest.mark.xdist_group(name))
        for name, paths in (("backwards", BACKWARDS), ("forwards", FORWARDS))
        for path in paths
    ],
)
def test_it_runs_from_top_to_bottom_in_any_order_and_says_what_the_committed_one_says(path, name, lessons, states):
    lesson = lessons[name]
    # What is in a student's database stays there, and the outputs are those of somebody who has none yet.
    (lesson / "notebooks" / "workspace" / "db.sqlite3").unlink(missing_ok=True)
    for _ in range(2 if path.stem == RUN_AGAIN else 1):
        try:
            fresh = run_notebook(lesson / "notebooks" / path.name, SHORTER)
        except NotebookFailed as failed:
            pytest.fail(
                f"{path.name} fails without a network, Redis and browser.\n\n{failed}\n\n"
                'If the error is meant, tag the cell "raises-exception".',
                pytrace=False,
            )
        assert_says_the_same(path, read(AS_RUN / path.name), as_run(fresh, path), lesson)
        assert_nothing_is_half_done(path, lesson)
    # Whatever the notebook left, its stage can be opened again. It starts from what the stage before leaves.
    stage = stage_of(path)
    run(lesson, f"from workshop import open_stage\nopen_stage({stage!r})")
    assert read_files(lesson / "notebooks" / "workspace") == states.get(stage_before(stage), {})
    expect_all_compared(path, read(path))


def test_each_measurement_that_is_made_shorter_is_in_a_notebook():
    varying = [cell.source for path in NOTEBOOKS for cell in code_cells(read(path)) if "varies" in tags(cell)]
    for text, _ in SHORTER:
        assert any(text in source for source in varying), f"No cell tagged varies has {text} any more."


def assert_says_the_same(path, committed, fresh, lesson):
    """Compare a notebook's outputs, but not those of cells that couldn't run for want of a program."""
    assert [cell.source for cell in committed.cells] == [
        text for cell in fresh.cells for text in [shorter_again(cell.source)]
    ], f"as_run/{path.name} has other cells than {path.name}. Run: python tests/lesson/refresh.py {stage_of(path)}"
    for cell, fresh_cell in zip(code_cells(committed), code_cells(fresh), strict=True):
        if find_missing(read_programs(cell.source)):
            continue
        old, new = (text.splitlines() for text in (comparable(cell), comparable(fresh_cell, lesson)))
        if old != new:
            difference = "\n".join(difflib.unified_diff(old, new, "committed", "fresh", lineterm=""))
            pytest.fail(
                f"{name_cell(path, committed, cell)} says something else now:\n{difference}\n\n"
                f"If the fresh output is right: python tests/lesson/refresh.py {stage_of(path)}\n"
                'If it differs each time, tag the cell "varies".',
                pytrace=False,
            )


def expect_all_compared(path, notebook):
    """If a cell couldn't run for want of a program, say so: see leave_out()."""
    left_out, missing = [], {}
    for cell in code_cells(notebook):
        names = find_missing(read_programs(cell.source))
        if names:
            left_out.append(name_cell(path, notebook, cell))
            missing |= dict.fromkeys(names)
    if not left_out:
        return
    how = " ".join(HOW_TO_GET[name] for name in missing)
    leave_out(f"All else says the same. Not compared: {'; '.join(left_out)}. {how}")


def shorter_again(source):
    """Return a cell's source as it was before its measurement was made shorter."""
    for text, replacement in SHORTER:
        source = source.replace(replacement, text)
    return source


def assert_nothing_is_half_done(path, lesson):
    half_done = [found.name for found in (lesson / "notebooks").glob(".workspace-*")]
    assert not half_done, f"After the run of {path.name} there is still {half_done} in notebooks/."
    for copy in (lesson / "notebooks").glob("workspace_copies/*"):
        kept = [found for found in copy.rglob("*") if found.is_file()]
        assert kept and (copy / "workspace").is_dir(), f"{copy.name} in workspace_copies/ keeps nobody's work."


@each_notebook
def test_it_is_a_valid_notebook_with_a_title(path):
    notebook = read(path)
    nbformat.validate(notebook)
    assert path.read_text(encoding="utf-8") == nbformat.writes(notebook).rstrip("\n") + "\n", (
        f"{path.name} isn't stored as Jupyter stores it, so saving it unchanged would change it for git."
    )
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# "), (
        f"{path.name} starts with a {first.cell_type} cell, {first.source[:40]!r}. Start it with a title: # …"
    )


@each_notebook
def test_it_tells_nothing_before_it_is_run(path):
    for cell in code_cells(read(path)):
        assert not cell.outputs and cell.execution_count is None, (
            f"{name_cell(path, read(path), cell)} has an output or a count. In JupyterLab: Edit, Clear Outputs of All "
            "Cells, then save. The edition with outputs is in as_run/."
        )


@each_notebook
def test_its_solutions_are_folded_and_its_gaps_are_not(path):
    for cell in code_cells(read(path)):
        folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        magic, _, _ = read_written(cell.source)
        assert folded == (magic == "solution"), f"{name_cell(path, read(path), cell)}: folded is {folded}"


@each_notebook
def test_no_output_of_the_edition_as_run_is_an_error_that_is_not_meant(path):
    notebook = read(AS_RUN / path.name)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), f"The cells of as_run/{path.name} are numbered {counts}."
    for cell in code_cells(notebook):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert not errors or "raises-exception" in tags(cell), (
            f"as_run/{name_cell(path, notebook, cell)} shows {errors[0].ename}: {errors[0].evalue}\n"
            'Fix it, or tag the cell "raises-exception" if the error is meant.'
        )


@each_notebook
def test_no_cell_needs_a_shell(path):
    notebook = read(path)
    shell = re.compile(r"^\s*(?:\w+\s*=\s*)?!|^%%(?:bash|sh|script|cmd|system)\b|^\s*%(?:sx|system)\b", re.MULTILINE)
    for cell in code_cells(notebook):
        text = cell.source
        if read_written(text)[0]:
            continue  # the file's own lines: HTML has <!-- -->, say
        found = shell.search(text)
        assert not found, (
            f"{name_cell(path, notebook, cell)} has a line for a shell, which Windows reads differently: "
            f"{found[0]!r}. Use python(…) or Python itself."
        )


EVERY_EDITION = [*NOTEBOOKS, *(AS_RUN / path.name for path in NOTEBOOKS)]
each_edition = pytest.mark.parametrize("path", EVERY_EDITION, ids=lambda path: f"{path.parent.name}/{path.stem}")


@each_edition
def test_its_links_lead_somewhere(path):
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", cell.source, flags=re.DOTALL)
        targets = re.findall(r"\]\(([^)\s#]+)", prose) + re.findall(r'(?:href|src)="([^"#]+)', prose)
        for target in targets:
            if re.match(r"[a-z]+:", target):
                continue  # on the network, which no test of this lesson needs
            assert (path.parent / target).exists(), (
                f"{name_cell(path, notebook, cell)} links to {target}, which isn't there."
            )


@each_edition
def test_it_names_no_folder_of_anyones_computer(path):
    notebook = read(path)
    for cell in notebook.cells:
        found = SOMEBODYS.search("\n".join([cell.source, str(cell.get("outputs", ""))]))
        assert not found, (
            f"{name_cell(path, notebook, cell)} names {found[0]}, which other computers don't have. "
            f"For outputs: python tests/lesson/refresh.py {stage_of(path)}"
        )
