"""
Join the class's board: after that, check() and predict() report to it.

What is reported waits in notebooks/.class.json until the board has acknowledged it.
"""

import atexit
import contextlib
import json
import re
import secrets
import sys
import threading
import time
import uuid

from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException
from websockets.sync.client import connect

from workshop.errors import WorkshopError
from workshop.lesson.files import NOTEBOOKS

FILE = NOTEBOOKS / ".class.json"
LOCK = NOTEBOOKS / ".class.lock"
ADDRESS = re.compile(r"(?:(?:http|ws)://)?([\w.-]+:\d{1,5}|\[[\da-fA-F:.]+\]:\d{1,5})/(\w{4,40})/?", re.ASCII)
PATIENCE = 1.5  # seconds: then the board counts as out of reach
LAST = 2  # seconds for which a process waits at its end until the last report is out
NOT_YET = "not yet"  # has the student been told that the board can't be reached
MOST = 200  # reports wait at most: then the oldest go

AGREEMENT = """\
The teacher of this class has a board that shows how far everybody is. It is for you to say whether you are on it.

If you agree, this goes to the board, at {address}:
- with each check(): the stage, and the names of its tests, which are green and which red;
- with each predict(…, answer): the question, and your answer;
- the name that you give here. You can give none: then you are a number.
Nothing else: no code, no file names, no output.

It goes straight to the teacher's computer in this network, and nowhere else. The board shows no names until the
teacher switches them on. It is in that computer's memory, and gone when the class ends, unless the teacher saves it.

To agree: join_class("{address}", name="Ada", agree=True), with your name or without.
To stop, and be off the board, at any time: leave_class()"""
LEAVE = "leave_class() stops that, in a terminal: python -m workshop leave"

_sending = threading.Lock()  # one thread of this process at a time
_threads = []


def join_class(address, name=None, agree=False):
    """
    Join the class's board at this address. Without agree=True it only says what would be reported.

    To join again with another name changes the name. Raises WorkshopError if nothing answers there, or it is no class.
    """
    host, code = _read_address(address)
    address = f"{host}/{code}"
    if not agree:
        print(AGREEMENT.format(address=address))
        return
    with _alone():
        joined = read_class()
    # In another class one is somebody else, whom nobody can follow from class to class.
    same = joined is not None and joined["address"].endswith(f"/{code}")
    secret = joined["secret"] if same else secrets.token_urlsafe(32)
    called = _say_hello(address, secret, name)
    with _alone():
        now = read_class()
        waiting = now["waiting"] if now is not None and now["secret"] == secret else []
        _write({"address": address, "name": name, "secret": secret, "waiting": waiting, "told": False})
    _begin_to_send()
    print(f"You are on the board, as {called}. {LEAVE}")


def leave_class():
    """Stop reporting to the class's board, and let it forget what it has from this student, if it can be reached."""
    with _alone():
        joined = read_class()
        FILE.unlink(missing_ok=True)
    if joined and _say_goodbye(joined):
        print("You are off the board.")
    elif joined:
        print("You report nothing any more. What the board has from you is gone when the class ends.")
    else:
        print("You haven't joined a class.")


def report(**what):
    """
    Report something to the class's board, if the student has joined one: in a thread, so that nobody waits for it.

    What can't be sent now goes with the next report.
    """
    if not FILE.exists():
        return
    with _alone():
        joined = read_class()
        if joined is None:
            return
        joined["waiting"] = [*joined["waiting"], {"id": str(uuid.uuid4()), **what}][-MOST:]
        _write(joined)
    _tell()
    _begin_to_send()


def greens(found):
    """Return {a test's name: whether it is green} of what the tests found: None if one can't be tested here."""
    cases = {}
    for test in found:
        name = test["id"].partition("[")[0].rpartition("::")[2]  # a test's cases are one test
        cases.setdefault(name, []).append(None if test.get("skipped") else test["green"])
    return {name: False if False in each else True if True in each else None for name, each in cases.items()}


def read_class():
    """Return which class the student has joined, as FILE has it, or None."""
    try:
        kept = json.loads(FILE.read_text(encoding="utf-8"))
        return kept if {"address", "name", "secret", "waiting", "told"} <= kept.keys() else None
    except (OSError, ValueError, AttributeError):  # there is none, or somebody has changed it by hand
        return None


def _read_address(address):
    found = ADDRESS.fullmatch(str(address).strip())
    if not found or int(found[1].rpartition(":")[2]) > 65_535:
        raise WorkshopError(
            f"{address!r} is no address of a class. It looks like 192.168.1.20:8001/k7fd2q9x, and stands on the board."
        )
    return found.groups()


def _say_hello(address, secret, name):
    """Say hello to the board, and return what it calls the student. Raises WorkshopError if that doesn't work."""
    host = address.partition("/")[0]
    try:
        with _open(address, PATIENCE) as socket:
            socket.send(json.dumps({"hello": {"secret": secret, "name": name}}))
            answer = json.loads(socket.recv(PATIENCE))
        if "error" in answer:
            raise WorkshopError(f"The board says: {answer['error']}")
        return answer["welcome"]
    except InvalidStatus:
        raise WorkshopError(
            f"There is no class with this code at {host}. Compare the address with the one on the board: "
            "each class has a code of its own."
        ) from None
    except (InvalidHandshake, KeyError, TypeError, ValueError):
        raise WorkshopError(f"Something answers at {host}, but it isn't a class's board.") from None
    except (OSError, WebSocketException):  # a TimeoutError is an OSError
        raise WorkshopError(
            f"Nothing answers at {host}. Is the class still on, and is this computer in the same network?"
        ) from None


def _say_goodbye(joined):
    """Tell the board that the student leaves, and return whether it has forgotten the student."""
    deadline = time.monotonic() + PATIENCE
    if not _sending.acquire(timeout=PATIENCE):  # a hello of this process that came later would be a student again
        return False
    try:
        with _open(joined["address"], max(0, deadline - time.monotonic())) as socket:
            socket.send(json.dumps({"hello": {"secret": joined["secret"], "name": joined["name"]}}))
            socket.send(json.dumps({"leave": True}))
            answers = [json.loads(socket.recv(max(0, deadline - time.monotonic()))) for _ in range(2)]
        return "welcome" in answers[0] and "left" in answers[1]
    except (OSError, TypeError, ValueError, WebSocketException):  # out of reach, or it isn't the board any more
        return False
    finally:
        _sending.release()


def _open(address, seconds):
    options = {"open_timeout": seconds, "close_timeout": 0.5, "compression": None, "max_size": 10_000}
    return connect(f"ws://{address}/", proxy=None, **options)


def _begin_to_send():
    thread = threading.Thread(target=_send, daemon=True)
    _threads[:] = [each for each in _threads if each.is_alive()] + [thread]
    thread.start()


def _send():
    """Send what waits. What the board acknowledges waits no more."""
    with _sending:
        with _alone():
            joined = read_class()
        if joined is None or not joined["waiting"]:
            return
        answered, deadline = set(), time.monotonic() + PATIENCE
        # A ValueError or an AttributeError: what answers there isn't the board any more.
        with contextlib.suppress(OSError, ValueError, AttributeError, WebSocketException):
            with _open(joined["address"], PATIENCE) as socket:
                socket.send(json.dumps({"hello": {"secret": joined["secret"], "name": joined["name"]}}))
                welcome = json.loads(socket.recv(PATIENCE)).get("welcome")
                reports = joined["waiting"] if welcome else []  # they wait on while the board has no place
                for waiting in reports:
                    socket.send(json.dumps({"report": waiting}))
                for _ in reports:
                    answer = json.loads(socket.recv(max(0, deadline - time.monotonic())))
                    # A report that the board doesn't take isn't sent again: it would say the same again.
                    answered.add(answer.get("done") or answer.get("id"))
        with _alone():
            now = read_class()
            if now is not None and now["secret"] == joined["secret"]:
                now["waiting"] = [waiting for waiting in now["waiting"] if waiting["id"] not in answered]
                now["told"] = False if answered else now["told"] or NOT_YET
                _write(now)


@atexit.register
def _finish():
    """Let the last report go out before the process ends, as a command in a terminal does at once."""
    deadline = time.monotonic() + LAST
    for thread in _threads:
        thread.join(max(0, deadline - time.monotonic()))
    if _threads and FILE.exists():
        _tell()


def _tell():
    """Say once, until it can be reached again, that the board can't be reached."""
    with _alone():
        joined = read_class()
        if joined is None or joined["told"] != NOT_YET:
            return
        _write({**joined, "told": True})
    print("The class's board can't be reached. I try again with each check. " + LEAVE)


def _write(joined):
    new = FILE.with_suffix(".new")
    new.write_text(json.dumps(joined), encoding="utf-8")
    new.replace(FILE)


@contextlib.contextmanager
def _alone():
    """Let no other thread and no other process read or write FILE until the `with` statement ends."""
    with LOCK.open("a") as lock:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX)
        yield  # whoever closes the file gives the lock back
