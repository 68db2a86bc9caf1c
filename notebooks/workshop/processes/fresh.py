"""
Run Python in a fresh process: one that was started beforehand, and has imported what takes longest.

Nothing of a project is in it, and it does one job. While the student looks at what came out, the next one gets ready.
"""

import atexit
import json
import os
import subprocess
import sys
from pathlib import Path

TIMEOUT = 60  # seconds
waiting = []  # the process that is ready for the next job, if there is one


def run_fresh(module, folder, *arguments, source="", errors=True, **environment):
    """
    Run `python -m module …` in a fresh process, in this folder, and return the finished process.

    `source` is what it reads from its standard input. What it writes is in its stdout, with its errors unless
    errors=False. Raises subprocess.TimeoutExpired if it isn't done within a minute.
    """
    job = {
        "module": module,
        "arguments": arguments,
        "folder": str(folder),
        "environment": {**os.environ, **environment},
        "errors": errors,
    }
    process = waiting.pop() if waiting else start()
    if process.poll() is not None:  # it has ended since: the system was short of memory, say
        process = start()
    try:
        with process:
            try:
                said, _ = process.communicate(f"{json.dumps(job)}\n{source}", TIMEOUT)
            except BaseException:  # it takes too long, or the cell was interrupted
                process.kill()
                raise
    finally:
        waiting.append(start())
    return subprocess.CompletedProcess(process.args, process.returncode, said)


def start():
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
    """End the process that waits. Where this one is killed, it ends by itself: its standard input closes."""
    while waiting:
        with waiting.pop() as process:
            process.kill()
