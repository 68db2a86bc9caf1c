"""
Channels 4.1 in its own virtual environment, since an environment can't have two versions of a package.

Channels 4.2 made every event and every group_send() more expensive: the same app on 4.1 shows how much.
"""

import importlib.metadata
import subprocess
import sys

CHANNELS = "4.1.0"
SAME_AS_HERE = ("Django", "daphne", "asgiref", "Twisted", "autobahn")  # so that Channels is the only difference
NOTE = "what-is-in-it.txt"


class NotMade(Exception):
    """There is no environment with Channels 4.1. The message is a sentence for the report."""


def make_environment(folder):
    """
    Return the path of the Python that has Channels 4.1, in a virtual environment in this folder.

    The environment is made if there is none, or if its versions are not the ones wanted now. Raises NotMade if that
    fails, perhaps because there is no network, or if there is anything else in the folder.
    """
    folder = folder.expanduser().absolute()
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    packages = [f"channels=={CHANNELS}", *(f"{name}=={importlib.metadata.version(name)}" for name in SAME_AS_HERE)]
    wanted = "\n".join([f"Python {sys.version}", *packages])
    note = folder / NOTE
    if note.exists():
        if note.read_text(encoding="utf-8") == wanted:
            return python
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NotMade(explain(f"there is something else in {folder}. Choose a new folder."))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text("unfinished", encoding="utf-8")
        print(f"Making a virtual environment with Channels {CHANNELS} in {folder}.", file=sys.stderr)
        run([sys.executable, "-m", "venv", "--without-pip", folder])
        quiet = ["--quiet", "--disable-pip-version-check"]
        run([sys.executable, "-m", "pip", "--python", python, *quiet, "install", "--retries", "2", *packages])
        note.write_text(wanted, encoding="utf-8")
    except OSError as error:
        raise NotMade(explain(f"{type(error).__name__}: {error}.")) from None
    return python


def run(command):
    """Run a command to its end. Raises NotMade, with its error or last line, if it fails."""
    finished = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace"
    )
    if finished.returncode:
        lines = (finished.stdout + finished.stderr).strip().splitlines() or [f"{command[1:]} ended without any output."]
        raise NotMade(explain(next((line for line in reversed(lines) if "ERROR" in line), lines[-1])))


def explain(why):
    return f"The row of Channels 4.1 is missing, since its virtual environment could not be made: {why}"
