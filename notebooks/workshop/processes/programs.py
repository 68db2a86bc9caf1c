"""The programs that some cells start and that not every computer has: where they are, and how to get them."""

import os
import shutil

from workshop.errors import WorkshopError

HOW_TO_GET = {
    "redis-server": "This computer has no Redis: `sudo apt install redis-server` (Debian, Ubuntu) or `brew install "
    "redis` (macOS) installs it, and on Windows it runs in WSL.",
    "nginx": "This computer has no nginx: `sudo apt install nginx` (Debian, Ubuntu) or `brew install nginx` (macOS) "
    "installs it, and on Windows it runs in WSL.",
}

# Where programs also are, although a user's PATH or that of an app on a Mac may not say so.
SYSTEM = "/usr/bin"
BESIDE_IT = ["/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"]


def find_program(name):
    """
    Return the path of a program, or None if it isn't installed.

    The folders beside the system's own are searched only if that one is in PATH: a PATH without it hides all programs.
    """
    folders = os.environ.get("PATH", "").split(os.pathsep)
    if SYSTEM in folders:
        folders += BESIDE_IT
    return shutil.which(name, path=os.pathsep.join(folders))


def require_program(name):
    """Return the path of a program. Raises WorkshopError, with how to get it, if it isn't installed."""
    path = find_program(name)
    if path is None:
        raise WorkshopError(HOW_TO_GET[name])
    return path
