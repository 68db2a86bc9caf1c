"""Each notebook as a student meets it: it runs from top to bottom, and says what the one in the repository says."""

import difflib
import re
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from lesson import (
    NOTEBOOKS,
    SOMEBODYS,
    NotebookFailed,
    code_cells,
    comparable,
    copy_lesson,
    name_cell,
    read,
    run_notebook,
    tags,
)

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """
    For each notebook the copy of the lesson in which it ran, and both its runs: notebooks with fresh outputs,
    or the NotebookFailed.

    Every second one runs in one copy, from the last to the first, and the others in another one, from the
    first to the last; each twice in a row. So all start on what another left, and then on what they left
    themselves.
    """
    wanted = {item.callspec.params["path"] for item in request.session.items if "runs" in item.fixturenames}
    paths = sorted(wanted)
    with ThreadPoolExecutor(max_workers=2) as pool:
        halves = [
            pool.submit(run_each_twice, copy_lesson(tmp_path_factory.mktemp(name)), half)
            for name, half in [("backwards", paths[::-2]), ("forwards", [p for p in paths if p not in paths[::-2]])]
        ]
        return {path: run for half in halves for path, run in half.result().items()}


def run_each_twice(lesson, paths):
    found = {}
    for path in paths:
        results = []
        for _ in range(2):
            try:
                results.append(run_notebook(lesson / "notebooks" / path.name))
            except NotebookFailed as failed:
                results.append(failed)
        found[path] = lesson, results
    return found


@each_notebook
def test_it_runs_from_top_to_bottom_in_any_order_and_again(path, runs):
    _, results = runs[path]
    for when, result in zip(("", ", run again,"), results, strict=True):
        if isinstance(result, NotebookFailed):
            pytest.fail(
                f"{path.name}{when} fails without a network, Redis and browser.\n\n{result}\n\n"
                'If the error is meant, tag the cell "raises-exception".',
                pytrace=False,
            )


@each_notebook
def test_a_fresh_run_says_what_the_committed_one_says(path, runs):
    lesson, results = runs[path]
    committed = read(path)
    for result in results:
        if isinstance(result, NotebookFailed):
            pytest.fail(f"{path.name} did not run to its end: see the test before this one.")
        for cell, fresh in zip(code_cells(committed), code_cells(result), strict=True):
            old, new = (text.splitlines() for text in (comparable(cell), comparable(fresh, lesson)))
            if old != new:
                difference = "\n".join(difflib.unified_diff(old, new, "committed", "fresh", lineterm=""))
                pytest.fail(
                    f"{name_cell(path, committed, cell)} says something else now:\n{difference}\n\n"
                    f"If the fresh output is right: python tests/lesson/refresh.py {path.name.split('_')[0]}\n"
                    'If it differs each time, tag the cell "varies".',
                    pytrace=False,
                )


@each_notebook
def test_it_leaves_whole_workspaces_and_nothing_half_done(path, runs):
    lesson, _ = runs[path]
    half_done = [found.name for found in (lesson / "notebooks").glob(".workspace-*")]
    assert not half_done, f"After its run there is still {half_done} in notebooks/."
    for copy in (lesson / "notebooks").glob("workspace_copies/*"):
        kept = [found for found in copy.rglob("*") if found.is_file()]
        assert kept and (copy / "workspace").is_dir(), f"{copy.name} in workspace_copies/ keeps nobody's work."


@each_notebook
def test_it_is_a_valid_notebook_with_a_title(path):
    notebook = read(path)
    nbformat.validate(notebook)
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# "), (
        f"{path.name} starts with a {first.cell_type} cell, {first.source[:40]!r}. Start it with a title: # …"
    )


@each_notebook
def test_every_cell_was_run_once_from_top_to_bottom(path):
    counts = [cell.execution_count for cell in code_cells(read(path))]
    assert counts == list(range(1, len(counts) + 1)), (
        f"The cells of {path.name} are numbered {counts}. Run it in order: "
        f"python tests/lesson/refresh.py {path.name.split('_')[0]}"
    )


@each_notebook
def test_no_output_is_an_error_that_is_not_meant(path):
    notebook = read(path)
    for cell in code_cells(notebook):
        errors = [output for output in cell.outputs if output.output_type == "error"]
        assert not errors or "raises-exception" in tags(cell), (
            f"{name_cell(path, notebook, cell)} shows {errors[0].ename}: {errors[0].evalue}\n"
            'Mend it, or tag the cell "raises-exception" if the error is meant.'
        )


@each_notebook
def test_no_cell_needs_a_shell(path):
    notebook = read(path)
    shell = re.compile(r"^\s*(?:\w+\s*=\s*)?!|^%%(?:bash|sh|script|cmd|system)\b|^\s*%(?:sx|system)\b", re.MULTILINE)
    for cell in code_cells(notebook):
        text = cell.source
        if text.startswith("%%writefile"):
            continue  # the file's own lines: HTML has <!-- -->, say
        found = shell.search(text)
        assert not found, (
            f"{name_cell(path, notebook, cell)} has a line for a shell, which Windows understands differently: "
            f"{found[0]!r}. Take python(…) or Python itself."
        )


@each_notebook
def test_its_links_lead_somewhere(path):
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", cell.source, flags=re.DOTALL)
        targets = re.findall(r"\]\(([^)\s#]+)", prose) + re.findall(r'(?:href|src)="([^"#]+)', prose)
        for target in targets:
            if re.match(r"[a-z]+:", target):
                continue  # elsewhere, and no test of this lesson needs a network
            assert (path.parent / target).exists(), (
                f"{name_cell(path, notebook, cell)} links to {target}, which isn't there."
            )


@each_notebook
def test_it_names_no_folder_of_anyones_computer(path):
    notebook = read(path)
    for cell in notebook.cells:
        found = SOMEBODYS.search("\n".join([cell.source, str(cell.get("outputs", ""))]))
        assert not found, (
            f"{name_cell(path, notebook, cell)} names {found[0]}, which other computers don't have. "
            f"For outputs: python tests/lesson/refresh.py {path.name.split('_')[0]}"
        )
