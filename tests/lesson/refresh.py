"""
Run the notebooks, each in a copy of the lesson of its own, and write them with their outputs into notebooks/as_run/.

The notebooks themselves hold no outputs: whoever opens one is told nothing before they have tried.

    python tests/lesson/refresh.py            all of them
    python tests/lesson/refresh.py 2b 3       the notebooks 2b and 3
    python tests/lesson/refresh.py --anew 0   with new measured numbers, which otherwise stay as they are

An output that says the same as the old one stays as it was, to the byte, so git shows only what has changed.
A notebook whose cells need Redis or nginx is only written where these are installed.
"""

import argparse
import json
import sys
import tempfile

import nbformat
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
    run_notebook,
    stage_of,
    without_paths,
)
from workshop.lesson.data import GIVEN, digest
from workshop.lesson.stages import given_texts
from workshop.processes.programs import HOW_TO_GET
from workshop.verbs.recorded import find_missing, read_programs

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def write_what_is_given():
    """Write gaps.json anew: the SHA-256 of each file with gaps, as the notebooks give it."""
    digests = sorted(digest(text.encode("utf-8")) for text in given_texts())
    GIVEN.write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8", newline="\n")


def main():
    parser = argparse.ArgumentParser(description="Write the edition of the notebooks as run.")
    parser.add_argument("number", nargs="*", help="the notebooks' numbers; without any, all notebooks")
    parser.add_argument("--anew", action="store_true", help="also replace outputs that say the same as before")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    write_what_is_given()
    failed = False
    for path in NOTEBOOKS:
        if arguments.number and str(stage_of(path)) not in arguments.number:
            continue
        try:
            print(f"{path.name}: {refresh(path, arguments.anew)}", flush=True)
        except (NotebookFailed, MachineShown, ProgramMissing) as error:
            print(f"{path.name} stays as it was. {error}\n", flush=True)
            failed = True
    return 1 if failed else 0


class MachineShown(Exception):
    """An output names a folder of this computer."""


class ProgramMissing(Exception):
    """A cell would show what was recorded elsewhere."""


def refresh(path, anew):
    """Write the edition as run of one notebook, and return what has changed in words."""
    expect_programs(path)
    source, target = path.read_bytes(), AS_RUN / path.name
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        lesson = copy_lesson(folder)
        (lesson / "notebooks" / path.name).write_bytes(source)
        new = as_run(run_notebook(lesson / "notebooks" / path.name), path)
    before = target.read_bytes() if target.is_file() else b""
    old = {cell.id: cell for cell in code_cells(read(target))} if before else {}
    changed = 0
    for count, cell in enumerate(code_cells(new), start=1):
        was = old.get(cell.id)
        if was is not None and not anew and comparable(cell, lesson) == comparable(was):
            cell.outputs = was.outputs
        else:
            cell.outputs = [clean(output, lesson) for output in cell.outputs]
            changed += 1
        cell.execution_count = count
        cell.metadata.pop("execution", None)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
        shown = SOMEBODYS.search(str(cell.outputs))
        if shown:
            raise MachineShown(f"An output of {name_cell(path, new, cell)} names a folder of this computer: {shown[0]}")
    new.metadata = nbformat.from_dict(METADATA)
    after = (nbformat.writes(new).rstrip("\n") + "\n").encode("utf-8")
    if path.read_bytes() != source:
        raise NotebookFailed("It was changed while it ran. Run this again.")
    if after == before:
        return "nothing has changed"
    AS_RUN.mkdir(exist_ok=True)
    target.write_bytes(after)
    return f"{changed} of {len(code_cells(new))} cells have new outputs"


def expect_programs(path):
    """Raise ProgramMissing if cells of this notebook need a program that isn't installed here."""
    needed = {name: None for cell in code_cells(read(path)) for name in read_programs(cell.source)}
    missing = find_missing(name for name in needed if name in HOW_TO_GET)  # the cell of another name fails as it runs
    if missing:
        how = " ".join(HOW_TO_GET[name] for name in missing)
        raise ProgramMissing(f"It is written where all its cells run, and here some would show a recording. {how}")


def clean(value, lesson):
    """Return an output, or any part of one, without the copy's path."""
    if isinstance(value, str):
        return without_paths(value, lesson)
    if isinstance(value, list):
        return [clean(part, lesson) for part in value]
    if isinstance(value, dict):
        return nbformat.from_dict({name: clean(part, lesson) for name, part in value.items()})
    return value


if __name__ == "__main__":
    sys.exit(main())
