"""
%%with_program: the cells that need a program which not every computer has, Redis or nginx.

Where the programs are, such a cell runs as any other does. Elsewhere it shows what it showed on a computer that has
them: its outputs in the edition as run.
"""

import sys

from workshop.errors import WorkshopError
from workshop.lesson.files import NOTEBOOKS
from workshop.processes.programs import HOW_TO_GET, find_program

AS_RUN = NOTEBOOKS / "as_run"
MAGIC = "%%with_program"


def with_program(line, cell):
    """
    Run this cell if these programs are installed: `%%with_program redis-server nginx`.

    Otherwise say how to get what is missing, and show what the cell showed where it was installed.
    """
    names = line.split()
    if not names or any(name not in HOW_TO_GET for name in names):
        raise WorkshopError(f"The first line names one or more of these programs: {MAGIC} {' '.join(HOW_TO_GET)}")
    missing = find_missing(names)
    for name in missing:
        print(HOW_TO_GET[name])
    outputs = find_recorded(names, cell)
    those = "it" if len(missing) == 1 else "them"
    if outputs is None:
        print(
            "You have changed this cell, and there is no recording of the changed one. What the lesson's own cell "
            "showed is in notebooks/as_run/."
        )
    elif outputs:
        print(f"What this cell showed on a computer that has {those}:")
        show(outputs)
    else:
        print(f"On a computer that has {those}, this cell shows nothing.")


def let_it_run(lines):
    """
    Return a cell's lines without the magic, if all that it needs is installed: then IPython runs them as any cell.

    IPython calls this for each cell. A magic's function couldn't do it: no `await` works at the top level of its cell.
    An empty line takes the magic's place, so an error names the line that the student sees.
    """
    names = read_programs("".join(lines))
    return lines if not names or find_missing(names) else ["\n", *lines[1:]]


def read_programs(source):
    """Return the programs that a cell names in its first line: none if it needs none."""
    first, *names = source.partition("\n")[0].split() or [""]
    return names if first == MAGIC else []


def find_missing(names):
    """Return which of these programs aren't installed here, or aren't known to the lesson."""
    return [name for name in names if name not in HOW_TO_GET or find_program(name) is None]


def find_recorded(names, text):
    """
    Return the outputs that a cell has in the edition as run, or None if it isn't there.

    Raises WorkshopError if a notebook of that edition can't be read.
    """
    import nbformat

    for path in sorted(AS_RUN.glob("*.ipynb")):
        try:
            cells = nbformat.read(path, as_version=4).cells
        except ValueError:
            raise WorkshopError(
                f"notebooks/as_run/{path.name} can't be read as a notebook. "
                f"`git checkout HEAD -- notebooks/as_run/{path.name}` brings back the lesson's own."
            ) from None
        for cell in cells:
            if read_programs(cell.source) == names and cell.source.partition("\n")[2].strip() == text.strip():
                return cell.outputs
    return None


def show(outputs):
    """Show a cell's stored outputs as those of the cell that runs now."""
    from IPython.display import publish_display_data

    for output in outputs:
        if output.output_type == "stream":
            print(output.text, end="", file=sys.stderr if output.name == "stderr" else sys.stdout, flush=True)
        elif output.output_type == "error":
            print("\n".join(output.traceback), flush=True)
        else:
            publish_display_data(output.data, output.metadata)
