"""
Start Python in a lesson, fast: one process imports what the workshop, IPython and a project import, and forks a child
for each start.

The child knows nothing of any lesson or project yet, and does what `python -c …` or `python -m …` does. The process
that the workshop keeps ready for pytest is forked, too. Elsewhere than on Linux each process is started anew.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import io
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
import types
from pathlib import Path

FORKS = sys.platform == "linux"

# What daphne.server imports. It also makes an event loop, which no two processes can share.
BEHIND_DAPHNE = ["autobahn.twisted.websocket", "twisted.internet.asyncioreactor", "twisted.web.server"]


def start(arguments, folder, environment):
    """Start `python …` in a folder, with its errors in its output. Return the process."""
    if FORKS:
        return Forked(ask_to_fork(), arguments, folder, environment)
    return subprocess.Popen(
        [sys.executable, "-X", "utf8", "-u", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )


class Forked:
    """A Python process that was forked. Of a subprocess.Popen it has what the tests and the workshop use."""

    def __init__(self, door, arguments, folder, environment, errors=None, workshop=True):
        """
        Ask for `python …` at the door. Its errors go to the file of this number, or else where its output goes.

        If it has nothing to do with the workshop, that isn't imported either.
        """
        self.args, self.returncode = [sys.executable, *arguments], None
        (read, its_input), (its_output, write) = os.pipe(), os.pipe()
        self.stdin = os.fdopen(its_input, "w", encoding="utf-8")
        self.stdout = os.fdopen(its_output, encoding="utf-8")
        job = {"arguments": arguments, "folder": str(folder), "environment": environment, "workshop": workshop}
        news, teller = socket.socketpair()
        with news, teller:
            files = [read, write, write if errors is None else errors, teller.fileno()]
            socket.send_fds(door, [json.dumps(job).encode()], files)
            self._news = news.makefile(buffering=1)
        os.close(read)
        os.close(write)
        self.pid = int(self._news.readline())

    def wait(self, timeout=None):
        if self.returncode is None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._news, selectors.EVENT_READ)
                if not selector.select(timeout):
                    raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = int(self._news.readline())
            self._news.close()
        return self.returncode

    def poll(self):
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def kill(self):
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self, timeout):
        """Close its input. Return what it printed, when it has ended, and None."""
        late = threading.Event()
        timer = threading.Timer(timeout, lambda: (late.set(), self.kill()))
        timer.start()
        try:
            self.stdin.close()
            said = self.stdout.read()
            self.wait()
        finally:
            timer.cancel()
        if late.is_set():
            raise subprocess.TimeoutExpired(self.args, timeout, said)
        return said, None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()
        self.wait()


@functools.cache
def ask_to_fork():
    """Start the process that forks, which ends with this one. Return the door at which to ask it."""
    door, inside = socket.socketpair(type=socket.SOCK_DGRAM)
    with inside:
        files = [inside.fileno(), door.fileno()]
        process = subprocess.Popen(
            [sys.executable, "-X", "utf8", __file__, *map(str, files)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).with_name("offline"))},
            pass_fds=files,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
    atexit.register(process.communicate)
    return door


# The process that forks


def get_ready():
    """
    Import what takes longest. What is of the lesson, and IPython, which tells the workshop where it is, go again.

    Returns the workshop's do_and_leave().
    """
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "notebooks"))
    ready = importlib.import_module("workshop.processes.ready")
    for name in [*BEHIND_DAPHNE, *ready.IMPORTED, "IPython.core.interactiveshell"]:
        if name != "daphne.server":
            importlib.import_module(name)
    for name in list(sys.modules):
        if name.partition(".")[0] in ("workshop", "IPython"):
            del sys.modules[name]
    del sys.path[0]
    gc.freeze()  # all that is here stays: no child has to look through it for garbage
    return ready.do_and_leave


def wait_for_job(inside):
    """Wait until somebody asks. Return the job, in the child that has to do it, or None when the tests have ended."""
    running = {}
    with selectors.DefaultSelector() as selector:
        selector.register(inside, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is sys.stdin:
                    return None
                if key.fileobj is not inside:
                    selector.unregister(key.fileobj)
                    tell_the_end(key.fileobj, *running.pop(key.fileobj))
                    continue
                job, (*files, teller), _, _ = socket.recv_fds(inside, 1 << 20, 4)
                child = os.fork()
                if child == 0:
                    for number, file in enumerate(files):
                        os.dup2(file, number)
                    for file in [*files, teller, *running]:
                        os.close(file)
                    for _, other in running.values():
                        other.close()
                    return json.loads(job)
                for file in files:
                    os.close(file)
                ended, teller = os.pidfd_open(child), socket.socket(fileno=teller)
                running[ended] = child, teller
                selector.register(ended, selectors.EVENT_READ)
                tell(teller, child)


def tell_the_end(ended, child, teller):
    """Tell who asked for this child with which code it has ended."""
    tell(teller, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    teller.close()
    os.close(ended)


def tell(teller, number):
    with contextlib.suppress(BrokenPipeError):  # who asked has gone
        teller.sendall(f"{number}\n".encode())


def do(job, door):
    """Do what `python …` does, in the job's folder and environment."""
    kind, *arguments = job["arguments"]
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    script = kind not in ("-c", "-m")
    open_standard_files(buffered=script)
    # This file's folder goes, and what the PYTHONPATH of the process that forks has.
    sys.path[:] = [*os.environ["PYTHONPATH"].split(os.pathsep), *sys.path[2:]]
    sys.path.insert(0, str(Path(kind).resolve().parent) if script else job["folder"])
    if script:
        sys.argv[:] = [kind, *arguments]
        runpy.run_path(str(Path(kind).resolve()), run_name="__main__")
        return
    code, *arguments = arguments
    sys.argv[:] = ["-c", *arguments]
    if job["workshop"]:
        fork_what_waits(door)
    if kind == "-m":
        runpy.run_module(code, run_name="__main__", alter_sys=True)
    else:
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), main.__dict__)


def open_standard_files(buffered):
    """Make sys.stdin, sys.stdout and sys.stderr anew: those that are there were made for other files."""
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    for name, number, errors in (("stdout", 1, "surrogateescape"), ("stderr", 2, "backslashreplace")):
        file = os.fdopen(number, "wb", -1 if buffered else 0, closefd=False)
        setattr(sys, name, io.TextIOWrapper(file, encoding="utf-8", errors=errors, write_through=not buffered))


def fork_what_waits(door):
    """Let the workshop fork the process that waits for its next job, as the tests fork it."""
    fresh = importlib.import_module("workshop.processes.fresh")
    ready = str(Path(fresh.__file__).with_name("ready.py"))
    fresh.start = lambda: Forked(door, [ready], Path.cwd(), dict(os.environ), errors=2)


if __name__ == "__main__":
    inside, door = (socket.socket(fileno=int(number)) for number in sys.argv[1:])
    do_and_leave = get_ready()
    job = wait_for_job(inside)
    if job:
        inside.close()
        do_and_leave(do, job, door)
