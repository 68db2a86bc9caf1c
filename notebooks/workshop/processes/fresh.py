"""
Run Python in a fresh process: one that was started beforehand and has already imported what takes longest.

It has imported nothing from a project. On Linux it forks a child for each job. Elsewhere it does one job, and while you
read the output, the next one gets ready.
"""

import atexit
import contextlib
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from workshop.processes.ready import FORKS

TIMEOUT = 60  # seconds
waiting = []  # the process that waits for the next job, if there is one


def run_fresh(module, folder, *arguments, source="", errors=True, **environment):
    """
    Run `python -m module …` in a fresh process, in this folder, and return the finished process.

    The process reads `source` from its standard input. Other keyword arguments are set in its environment. The result's
    stdout has its output and, unless errors=False, its errors. Raises subprocess.TimeoutExpired after a minute.
    """
    process = waiting.pop() if waiting else start()
    if process.poll() is not None:  # it has died while it waited, for want of memory perhaps
        process = start()
    if not FORKS:
        get_ready()
    handle, output = tempfile.mkstemp(prefix="output-")
    os.close(handle)
    job = {
        "module": module,
        "arguments": arguments,
        "folder": str(folder),
        "environment": {**os.environ, **environment},
        "source": source,
        "output": output,
        "errors": errors,
    }
    try:
        code = _do(process, job)
        text = Path(output).read_text(encoding="utf-8", errors="replace")
    finally:
        with contextlib.suppress(OSError):  # Windows deletes no file that a process of the job's own still has open
            Path(output).unlink()
    return subprocess.CompletedProcess(process.args, code, text)


def _do(process, job):
    """Let the process do the job, and return its exit code. Raises subprocess.TimeoutExpired after a minute."""
    kill, late = process.kill, threading.Event()
    try:
        print(json.dumps(job), file=process.stdin, flush=True)
        if FORKS:
            kill = functools.partial(os.kill, int(process.stdout.readline()), signal.SIGKILL)
        timer = threading.Timer(TIMEOUT, lambda: (late.set(), kill()))
        timer.start()
        try:
            code = int(process.stdout.readline()) if FORKS else process.wait()
        finally:
            timer.cancel()
    except BaseException:  # the cell was interrupted
        kill()
        _end(process)
        raise
    if FORKS:
        waiting.append(process)
    else:
        _end(process)
    if late.is_set():
        raise subprocess.TimeoutExpired(process.args, TIMEOUT)
    return code


def _end(process):
    with process:
        process.kill()


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
        encoding="utf-8",
    )


@atexit.register
def stop():
    """End the process that waits. If this one is killed, its standard input closes, and it ends by itself."""
    while waiting:
        _end(waiting.pop())
