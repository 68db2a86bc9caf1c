"""
What the lesson's tests share: a copy of the lesson, a notebook run in it, and what may differ
between two runs of a cell.
"""

import contextlib
import copy
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from forked import start
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

REPOSITORY = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("[0-9][0-9]*_*.ipynb"))
STAGE_TESTS = sorted((REPOSITORY / "tests").glob("test_[0-9]_*.py"))  # those of the stages that change the project
AS_RUN = REPOSITORY / "notebooks" / "as_run"  # the edition for reading, with outputs

sys.path.append(str(REPOSITORY / "notebooks"))  # for `import workshop`, as in a notebook
from workshop.lesson.data import questions  # noqa: E402
from workshop.lesson.stages import read_stage  # noqa: E402

HALF_WRITTEN = shutil.ignore_patterns("*.pyc.*")  # by Python, at this moment, in another process
CELL_TIMEOUT = 120  # seconds: many times what any cell needs, so that a hanging one ends the test and not the day


def copy_lesson(folder):
    """Copy what the lesson consists of into an empty folder, and return that folder. No project is in it yet."""
    folder = Path(folder).resolve()  # a Mac's temporary folder is a link, and outputs name where it leads
    shutil.copytree(
        REPOSITORY / "notebooks",
        folder / "notebooks",
        ignore=shutil.ignore_patterns(
            "as_run",
            "workspace",
            "workspace_copies",
            ".workspace-*",
            ".ipynb_checkpoints",
            ".progress.json",
            ".class.*",
            "kept",
            ".written_for_me",
            "*.pyc.*",
        ),
    )
    (folder / "tests").mkdir()
    for path in [*(REPOSITORY / "tests").glob("test_[0-9]*_*.py"), REPOSITORY / "tests" / "conftest.py"]:
        shutil.copy2(path, folder / "tests")
    for name in ("stage", "exercises", "__pycache__"):  # compiled tests too: no copy has to compile them again
        if (REPOSITORY / "tests" / name).exists():
            shutil.copytree(REPOSITORY / "tests" / name, folder / "tests" / name, ignore=HALF_WRITTEN)
    shutil.copy2(REPOSITORY / "pyproject.toml", folder)
    return folder


def environment():
    """Return a student's environment: nothing set that the lesson reads, and no network."""
    theirs = {
        name: value
        for name, value in os.environ.items()
        if name != "REDIS_URL" and not name.startswith(("DJANGO_", "PYTEST_", "MPL"))
    }
    return {**theirs, "PYTHONPATH": str(Path(__file__).with_name("offline"))}


@contextlib.contextmanager
def started(lesson, *arguments, cwd=None, **more):
    """A Python process in the copy's notebooks folder, like a kernel. It is gone after the `with` statement."""
    with start(arguments, cwd or lesson / "notebooks", {**environment(), **more}) as process:
        try:
            yield process
        finally:
            process.kill()


def run(lesson, code):
    """Run this code in the copy's notebooks folder, and return all that it printed. It must not fail."""
    with started(lesson, "-c", code) as process:
        said, _ = process.communicate(timeout=CELL_TIMEOUT)
        assert process.returncode == 0, f"This code failed:\n{code}\nIt said:\n{said}"
    return said


def do(lesson, *lines):
    """Run these lines in a fresh process, as after a restart of the kernel, and return what they print."""
    return run(lesson, "\n".join(["from workshop import *", *lines]))


class OwnKernel(AsyncKernelManager):
    """The kernel of this very interpreter, whatever kernels are registered on the computer."""

    def __init__(self, **options):
        super().__init__(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]), **options)


class NotebookFailed(AssertionError):
    """A cell raised an error that it isn't meant to show, or didn't end in time."""


def run_notebook(path, shorter=()):
    """
    Run a notebook from top to bottom in a fresh kernel, and return it with its outputs.

    shorter holds (text, replacement) pairs for cells tagged "varies": measurements that this run needs less exactly.
    Raises NotebookFailed if a cell fails that isn't tagged "raises-exception". The file stays as it is.
    """
    notebook = read(path)
    for cell in code_cells(notebook):
        if "varies" in tags(cell):
            for text, replacement in shorter:
                cell.source = cell.source.replace(text, replacement)
    done = []
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        kernel_manager_class=OwnKernel,
        timeout=CELL_TIMEOUT,
        extra_arguments=["--log-level=ERROR"],  # newer kernels warn about their own transport at each start
        record_timing=False,
        coalesce_streams=True,
        on_cell_execute=lambda cell, cell_index: done.append(cell_index),
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:  # not anybody's own IPython settings
        try:
            client.execute(cwd=str(path.parent), env={**environment(), "IPYTHONDIR": profile})
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            cell = notebook.cells[done[-1]]
            said = _strip_ansi(getattr(error, "traceback", "") or str(error))
            raise NotebookFailed(f"{name_cell(path, notebook, cell)}:\n{cell.source}\n\n{said}") from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not _is_noise(output)]
    return notebook


def read(path):
    return nbformat.read(path, as_version=4)


def stage_of(path):
    """Return the stage of a notebook: a number, or "2b"."""
    return read_stage(path.name.partition("_")[0])


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def name_cell(path, notebook, cell):
    """Return how a person finds this cell: by the number that Jupyter shows beside it after a run."""
    if cell.cell_type != "code":
        return f"{path.name}, the text {cell.source.splitlines()[0]!r}"
    return f"{path.name}, cell [{code_cells(notebook).index(cell) + 1}] (id {cell.id})"


def tags(cell):
    return cell.metadata.get("tags", [])


def as_run(notebook, path):
    """
    Return the edition for reading of a notebook that was run: nothing is folded, and each question has its answer.

    Links to pages lead out of the edition's own folder.
    """
    edition = copy.deepcopy(notebook)
    answers = {question["name"]: question for question in questions(stage_of(path))}
    for cell in edition.cells:
        cell.metadata.pop("jupyter", None)
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"(\]\()(?=(?:\.\./|pictures/|workshop/|\w+\.md))", r"\1../", cell.source)
        asked = re.fullmatch(r'predict\("([\w-]+)"\)', cell.source) if cell.cell_type == "code" else None
        if asked:
            letter, right = next(
                (letter, answer)
                for letter, answer in zip("abcdef", answers[asked[1]]["answers"], strict=False)
                if answer["right"]
            )
            text = f"The answer is {letter}. {right['because']}\n"
            cell.outputs.append(nbformat.v4.new_output("stream", name="stdout", text=text))
    edition.cells[
        0
    ].source += f"\n\n*This is the edition as run, for reading. To write, open [{path.name}](../{path.name}).*"
    return edition


# What differs between two runs although nothing has changed.
DIFFERS = [
    # Whether there was work to keep depends on what the workspace held before the notebook ran.
    (r"^Your work is kept in notebooks/workspace_copies/.*\n?", ""),
    (r"\b(127\.0\.0\.1|localhost|\[::1\]):\d+", r"\1:PORT"),
    (r"\bport \d{4,5}\b", "port PORT"),
    (r"(127\.0\.0\.1(?:'|&#x27;)), \d+", r"\1, PORT"),  # as Python shows an address
    (r"\bError \d+ connecting\b", "Error NUMBER connecting"),  # each system has its own number for this
    (r"\b(?:\w+\.)*inmemory!\w+", "inmemory!ID"),
    (r"\bspecific\.\w+!\w+", "specific!ID"),
    (r"\buser_\d+\b", "user_N"),  # the accounts that a database has already are counted, too
    (r"\b0x[0-9a-fA-F]{6,}", "0xADDRESS"),
    (r"\b(Django(?: version)?) (\d+\.\d+)(?:\.\d+)?", r"\1 \2"),
    (r"\b(\d{4}-\d\d-\d\d|\d\d/\w{3}/\d{4}|\w+ \d\d, \d{4})(?:[ T_]|:| - )\d\d[:-]\d\d[:-]\d\d(?:[.,_]\w+)?", "DATE"),
    (r"\[\d+\.\d+, (?=127\.0\.0\.1)", "[SECONDS, "),
    (r"\b\d+\.\d+ ?(µs|ms|s|seconds)\b", r"TIME \1"),
]


def normalise(text, lesson=None):
    """Return the text without what differs between two runs. `lesson` is the copy that it comes from."""
    text = without_paths(_strip_ansi(text), lesson) if lesson else _strip_ansi(text)
    for pattern, replacement in DIFFERS:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def without_paths(text, lesson):
    """Return the text with each path inside the copy as it is inside the repository: notebooks/workspace, say."""
    for spelling in {str(lesson), str(lesson).replace("\\", "\\\\"), lesson.as_posix()}:
        inside = re.escape(spelling) + r"[\\/]*([\w.\\/-]*)"
        text = re.sub(inside, lambda found: re.sub(r"\\+", "/", found[1]), text)
    return re.sub(r"\S*ipykernel_\d+\S*?\.py", "<this cell>", text)  # where a kernel keeps a cell's source


def comparable(cell, lesson=None):
    """
    Return what any two runs of this cell must have in common, as text.

    Of a cell tagged "varies" (measured numbers, plots, live windows) that is only which kinds of output it has.
    """
    lines = []
    for output in cell.outputs:
        if _is_noise(output):
            continue
        if output.output_type == "stream":
            shown = {output.name: output.text}
        elif output.output_type == "error":  # its traceback is IPython's, and differs between versions
            shown = {"error": f"{output.ename}: {output.evalue}"}
        else:
            # A picture's bytes depend on the fonts that a computer has.
            shown = {kind: "" if kind.startswith("image/png") else _text(data) for kind, data in output.data.items()}
        shown = {kind: normalise(text, lesson) for kind, text in shown.items()}
        if output.output_type == "stream" and not any(shown.values()):
            continue
        for kind in sorted(shown):
            lines.append(f"[{kind}]")
            if "varies" not in tags(cell):
                lines += shown[kind].splitlines()
    return "\n".join(lines)


def _text(data):
    return data if isinstance(data, str) else json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False)


def _strip_ansi(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def _is_noise(output):
    """Return whether an output is about the kernel's own first steps on this computer, and not about the cell."""
    return output.output_type == "stream" and output.name == "stderr" and "building the font cache" in output.text


# Folders that are in no lesson. This computer's own come first: they may have any name.
SOMEBODYS = re.compile(
    "|".join(
        [
            *(
                re.escape(spelling)
                for folder in (REPOSITORY, Path(sys.prefix), Path.home(), Path(tempfile.gettempdir()).resolve())
                if folder != Path(folder.anchor)
                for spelling in {str(folder), folder.as_posix(), str(folder).replace("\\", "\\\\")}
            ),
            r"(?<![\w.:/*-])/(?:home|Users|root|tmp|private|var/folders|usr|opt|mnt)/\w[\w./-]*",
            r"\b[A-Z]:\\+\w+",
            r"site-packages",
        ]
    )
)
