"""
The verbs of the notebooks: open a stage, check it, show its difference, serve, visit and deploy it, connect to it,
break it, and use it with a class.

In a notebook: `from workshop import check, open_stage`. In a terminal, from the folder notebooks/:
`python -m workshop check 3`.
"""

from workshop.classroom.start import start_class
from workshop.errors import WorkshopError
from workshop.processes.program import redis_server
from workshop.processes.server import answers
from workshop.verbs.arrows import arrows
from workshop.verbs.check import check
from workshop.verbs.connect import connect
from workshop.verbs.deploy import deploy
from workshop.verbs.exercises import exercise, exercises
from workshop.verbs.hint import hint
from workshop.verbs.join import join_class, leave_class
from workshop.verbs.mistakes import make_mistake, mistakes, put_back, reveal, surprise
from workshop.verbs.predict import predict
from workshop.verbs.progress import forget, progress
from workshop.verbs.serve import serve, windows
from workshop.verbs.visit import visit
from workshop.verbs.workspace import bring_back, difference, open_stage, python, remove
from workshop.verbs.write import write_for_me

__all__ = [
    "WorkshopError",
    "answers",
    "arrows",
    "bring_back",
    "check",
    "connect",
    "deploy",
    "difference",
    "exercise",
    "exercises",
    "forget",
    "hint",
    "join_class",
    "leave_class",
    "make_mistake",
    "mistakes",
    "open_stage",
    "predict",
    "progress",
    "put_back",
    "python",
    "redis_server",
    "remove",
    "reveal",
    "serve",
    "start_class",
    "surprise",
    "visit",
    "windows",
    "write_for_me",
]


def load_ipython_extension(shell):
    """
    Add the cell magics %%in_project, %%write, %%solution and %%with_program.

    IPython calls this for `%load_ext workshop`.
    """
    from workshop.verbs.in_project import in_project
    from workshop.verbs.recorded import let_it_run, with_program
    from workshop.verbs.write import solution, write

    for magic in (in_project, solution, with_program, write):
        shell.register_magic_function(magic, "cell")
    shell.input_transformers_cleanup.append(let_it_run)
