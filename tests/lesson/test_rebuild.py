"""The notebooks' cells are the chat's source: from an empty folder they rebuild manage.py, tutorial/ and chat/."""

import difflib
import re

import pytest
from lesson import NOTEBOOKS, REPOSITORY, code_cells, name_cell, read, stage_of
from workshop.lesson.files import read_files
from workshop.lesson.stages import made_by_the_lesson, numbers, read_written, replay_cell


def shipped():
    """Return {path: content} for what the repository holds of the project."""
    files = {"manage.py": (REPOSITORY / "manage.py").read_bytes()}
    for folder in ("tutorial", "chat"):
        files |= {f"{folder}/{name}": content for name, content in read_files(REPOSITORY / folder).items()}
    return files


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory):
    """Return {path: content} that the cells leave, and {path: the cell that last wrote or removed it}."""
    folder = tmp_path_factory.mktemp("rebuilt")
    files, written_by = {}, {}
    for path in NOTEBOOKS:
        if stage_of(path) not in numbers():
            continue  # 2b leaves the project as it was, and the further stages leave what ships as it is
        notebook = read(path)
        lessons = made_by_the_lesson([cell.source for cell in code_cells(notebook)])
        for cell in (cell for cell in code_cells(notebook) if cell.source in lessons):
            replay_cell(cell.source, folder)
            before, files = files, read_files(folder)
            for name in {*before, *files}:
                if before.get(name) != files.get(name):
                    written_by[name] = name_cell(path, notebook, cell)
    return files, written_by


@pytest.mark.parametrize("name", sorted(shipped()))
def test_the_cells_rebuild_each_file_to_the_byte(name, rebuilt):
    files, written_by = rebuilt
    if name not in files:
        where = f"{written_by[name]} removes it" if name in written_by else "no cell ever writes it"
        pytest.fail(
            f"The repository has {name}, and the cells leave none: {where}.\n"
            f"Write it in a cell that starts with `%%write workspace/{name}`, or delete it from the repository.",
            pytrace=False,
        )
    difference = show_difference(files[name], shipped()[name], written_by[name], name)
    if difference:
        pytest.fail(
            f"{name} is not what the cells write. To follow the repository edit {written_by[name]}; "
            f"to follow the notebook edit {name}.\n\n{difference}",
            pytrace=False,
        )


def test_the_cells_leave_nothing_else(rebuilt):
    files, written_by = rebuilt
    surplus = sorted(files.keys() - shipped().keys())
    assert not surplus, "The cells leave files that the repository doesn't have:\n" + "\n".join(
        f'{name}, from {written_by[name]}: a later cell can remove it with remove("{name}").' for name in surplus
    )


def test_where_a_file_is_written_again_the_changed_lines_that_are_shown_first_are_those_that_change(tmp_path):
    shown, compared = None, 0
    for path in NOTEBOOKS:
        lessons = made_by_the_lesson([cell.source for cell in code_cells(read(path))])
        for cell in read(path).cells:
            if cell.cell_type == "markdown":
                block = re.search(r"```diff\n(.*?)\n```", cell.source, re.DOTALL)
                shown = block[1].split("\n") if block else shown
                continue
            if cell.source not in lessons:
                continue
            before = read_files(tmp_path)
            replay_cell(cell.source, tmp_path)
            _, written, _ = read_written(cell.source)
            if shown and written:
                old, new = (files[written].decode().splitlines() for files in (before, read_files(tmp_path)))
                changed = [line for line in difflib.unified_diff(old, new, n=0, lineterm="") if line[:2] != "@@"][2:]
                assert [line for line in shown if line] == changed, f"{path.name}, before {written} is written again"
                shown, compared = None, compared + 1
    assert compared, "No notebook shows changed lines any more: delete this test."


def show_difference(notebooks, repository, cell, name):
    """Return the difference of two contents as lines, line ends included, or "" if they are the same."""
    old, new = (content.decode("utf-8", "backslashreplace") for content in (notebooks, repository))
    if old.replace("\r\n", "\n") == new.replace("\r\n", "\n") and old != new:
        return "They differ in line ends only: a line has to end with \\n. Does git change that (core.autocrlf)?"
    lines = difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), cell, name)
    return "".join(line if line.endswith("\n") else line + "\n(no newline at the end)\n" for line in lines)
