"""
What the notebooks are worked with: open a stage, check it, see its difference, serve it, connect to it, break it.

In a notebook: `from workshop import check, open_stage`. In a terminal, from the folder notebooks/:
`python -m workshop check 3`.
"""

from workshop.arrows import arrows
from workshop.checks import check
from workshop.client import connect
from workshop.errors import WorkshopError
from workshop.exercises import exercise, exercises
from workshop.mistakes import make_mistake, mistakes, put_back, reveal, surprise
from workshop.server import serve, windows
from workshop.workspace import difference, open_stage, python, remove

__all__ = [
    "WorkshopError",
    "arrows",
    "check",
    "connect",
    "difference",
    "exercise",
    "exercises",
    "make_mistake",
    "mistakes",
    "open_stage",
    "put_back",
    "python",
    "remove",
    "reveal",
    "serve",
    "surprise",
    "windows",
]


def load_ipython_extension(shell):
    """Called by `%load_ext workshop`: adds the cell magic %%in_project."""
    from workshop.in_project import in_project

    shell.register_magic_function(in_project, "cell")
