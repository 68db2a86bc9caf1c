"""Run a piece of Python in a fresh process, with a project set up."""

import subprocess
import sys
from pathlib import Path

TIMEOUT = 60  # seconds


def run_fresh(source, folder, stderr=subprocess.STDOUT):
    """Run this source in a fresh process, in the project in this folder, and return the finished process."""
    return subprocess.run(
        [sys.executable, "-X", "utf8", "-B", str(Path(__file__).with_name("cell.py"))],
        cwd=folder,
        input=source,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
        errors="replace",
        timeout=TIMEOUT,
    )
