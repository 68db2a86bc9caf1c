"""
Channels 4.1 in a virtual environment of its own, since a program can't have two versions of a package.

Channels 4.2 made every event and every group_send() dearer: the same app on 4.1 shows by how much.
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

    It is made there if it isn't there yet, or if it holds other versions than are asked for now. Raises NotMade if
    that fails, for want of a network perhaps, or if the folder holds anything else.
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
        raise NotMade(say(f"{folder} holds something else: name a new folder."))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        note.write_text("unfinished", encoding="utf-8")
        print(f"Making a virtual environment with Channels {CHANNELS} in {folder}.", file=sys.stderr)
        run([sys.executable, "-m", "venv", folder])
        run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2", *packages])
        note.write_text(wanted, encoding="utf-8")
    except OSError as error:
        raise NotMade(say(f"{type(error).__name__}: {error}.")) from None
    return python


def run(command):
    """Run a command to its end. Raises NotMade, with its last words, if it fails."""
    finished = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace"
    )
    if finished.returncode:
        lines = (finished.stdout + finished.stderr).strip().splitlines() or [f"{command[1:]} ended without a word."]
        raise NotMade(say(next((line for line in reversed(lines) if "ERROR" in line), lines[-1])))


def say(why):
    return f"The row of Channels 4.1 is missing, since its virtual environment could not be made: {why}"
