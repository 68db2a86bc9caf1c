"""
What the notebooks are worked with: open a stage, check it, see its difference, serve it, connect to it.

In a notebook: `from workshop import check, open_stage`. In a terminal, from the folder notebooks/:
`python -m workshop check 3`.
"""

from workshop.checks import check
from workshop.client import connect
from workshop.errors import WorkshopError
from workshop.server import serve, windows
from workshop.workspace import difference, open_stage, python, remove

__all__ = [
    "WorkshopError",
    "check",
    "connect",
    "difference",
    "open_stage",
    "python",
    "remove",
    "serve",
    "windows",
]


def load_ipython_extension(shell):
    """Called by `%load_ext workshop`: adds the cell magic %%in_project."""
    from workshop.in_project import in_project

    shell.register_magic_function(in_project, "cell")
