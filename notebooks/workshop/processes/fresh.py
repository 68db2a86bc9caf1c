"""
Run Python in a fresh process: one that was started beforehand and has already imported what takes longest.

It has imported nothing from a project, and it does one job. While you read the output, the next one gets ready.
"""

import atexit
import json
import os
import subprocess
import sys
from pathlib import Path

TIMEOUT = 60  # seconds
waiting = []  # the process that waits for the next job, if there is one


def run_fresh(module, folder, *arguments, source="", errors=True, **environment):
    """
    Run `python -m module …` in a fresh process, in this folder, and return the finished process.

    The process reads `source` from its standard input. Other keyword arguments are set in its environment. The result's
    stdout has its output and, unless errors=False, its errors. Raises subprocess.TimeoutExpired after a minute.
    """
    job = {
        "module": module,
        "arguments": arguments,
        "folder": str(folder),
        "environment": {**os.environ, **environment},
        "errors": errors,
    }
    process = waiting.pop() if waiting else start()
    if process.poll() is not None:  # it has died while it waited, for want of memory perhaps
        process = start()
    get_ready()
    with process:
        try:
            output, _ = process.communicate(f"{json.dumps(job)}\n{source}", TIMEOUT)
        except BaseException:  # it took too long, or the cell was interrupted
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, output)


def get_ready():
    """
    Start the process for the next job, so that the job finds it ready. Does nothing if there is one.

    Nor in a terminal: there, the next command is a job of another process.
    """
    if not waiting and "IPython" in sys.modules:
        waiting.append(start())


def start():
    """Start a process that gets ready for a job."""
    return subprocess.Popen(
        [sys.executable, "-X", "utf8", str(Path(__file__).with_name("ready.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )


@atexit.register
def stop():
    """End the process that waits. If this one is killed, its standard input closes, and it ends by itself."""
    while waiting:
        with waiting.pop() as process:
            process.kill()
