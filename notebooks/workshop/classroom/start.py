"""start_class(): the chat for everyone in the room, and what the teacher needs for it."""

import atexit
import html
import io
import ipaddress
import json
import os
import re
import subprocess
import sys
import tempfile

from workshop.classroom.addresses import find_addresses, how_to_let_them_in, is_virtual, names_of_this_computer
from workshop.classroom.qr import ROOM, make_qr
from workshop.errors import NO_TABLES, WorkshopError
from workshop.lesson.files import NOTEBOOKS, REPOSITORY, WORKSPACE
from workshop.processes.server import answers
from workshop.verbs.opened import expect_open

EVERYWHERE = "0.0.0.0"
on = []  # the classes that this process has started
# Ctrl+C, and an interrupted cell, are meant for the process that started the class. The others end when it stops them.
APART = (
    {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP} if sys.platform == "win32" else {"start_new_session": True}
)
PAGES = [WORKSPACE / "chat" / "templates" / "chat" / name for name in ("index.html", "room.html")]


def start_class(own=False, board=False, address=None, port=8000):
    """
    Serve the chat to everyone in the local network, and return the Classroom, with the addresses of chat and wall.

    It is the finished chat, or with own=True the one in notebooks/workspace/. With board=True, students who agree can
    report what their checks say to the teacher's board. `address` is this computer's address in the network of the
    class: the likeliest by default, and if it is given, only those in that network reach the chat. The class ends with
    stop(), or with the notebook's kernel. Raises WorkshopError if there is no such address, if the port is in use, or
    if the chat doesn't start.
    """
    if own:
        expect_open()
        if not all(page.is_file() for page in PAGES):
            raise WorkshopError("Your project has no pages to open yet: stage 5 makes them.")
    found = find_addresses()
    if address is not None and not _is_ours(address, found):
        places = ", ".join(f"{each} ({name})" for each, name in found) or "none: it is in no network"
        raise WorkshopError(f"{address} isn't an address of this computer. Its addresses are {places}.")
    if not 0 < port < 65_536:
        raise WorkshopError(f"{port} is no port. A port is a number from 1 to 65535, such as 8000.")
    host = EVERYWHERE if address is None else address
    for classroom in on:
        if classroom.port == port and classroom.process.poll() is None:
            raise WorkshopError(
                f"Your class is on already, at {classroom.chat}. What start_class() returned has a stop(), which ends "
                "it. A restart of the kernel does, too."
            )
    if answers(port, "127.0.0.1" if address is None else address):
        raise WorkshopError(
            f"Something answers on port {port} already. Choose another one: start_class(port={port + 80}), or --port "
            f"{port + 80} in a terminal."
        )
    told = address or (found[0][0] if found else "127.0.0.1")
    hosts = [address] if address else [*(each for each, _ in found), *names_of_this_computer()]
    classroom = Classroom(found, port)
    classroom.start(
        folder=str(WORKSPACE if own else REPOSITORY), host=host, address=told, port=port, hosts=hosts, board=board
    )
    return classroom


def _is_ours(address, found):
    """Return whether this is one of this computer's addresses: one of those found, or one that only it can reach."""
    try:
        return address in (each for each, _ in found) or ipaddress.IPv4Address(address).is_loopback
    except ValueError:
        return False


class Classroom:
    """
    A class that is on: `chat` is the address that everyone opens, `wall` and `board` are pages for the teacher alone.

    `join` is the address to which students report, and like `board` None without a board. A `with` statement ends it.
    """

    def __init__(self, found, port):
        self.port, self._found, self._errors = port, found, tempfile.TemporaryFile()
        self.process = self.chat = self.wall = self.board = self.join = None

    def start(self, **what):
        """Start the class's own site and the chat. Raises WorkshopError, with what they said, if they don't start."""
        own = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DJANGO_SETTINGS_MODULE")}
        self.process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", "workshop.classroom.site"],
            cwd=NOTEBOOKS,
            env=own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            **APART,
        )
        atexit.register(self.stop)
        try:
            said = self._ask(what)
        except BaseException:  # such as an interrupted cell
            self.stop()
            raise
        self.chat, self.wall, self.board, self.join = (said[name] for name in ("chat", "wall", "board", "join"))
        if what["folder"] == str(WORKSPACE) and "unapplied migration" in said["log"]:
            print(NO_TABLES)
        on.append(self)

    def keep(self):
        """
        Keep what was on the wall in the last five minutes. Return the folder, in notebooks/kept/.

        wall.html plays it again, without a server. wall.steps is for a notebook: workshop.recording has
        Recording.read("kept/…/wall.steps", 40), which shows the last 40 steps. A picture is kept only by the wall's own
        button: it is drawn there.
        """
        if self.process.stdin.closed:
            raise WorkshopError("The class is over.")
        return self._ask({})["kept"][0]

    def stop(self):
        """End the class: the chat, the wall, and the board."""
        atexit.unregister(self.stop)
        if self in on:
            on.remove(self)
        self.process.communicate()
        self._errors.close()

    def _ask(self, what):
        """Return what the site answers. Raises WorkshopError if it says why it can't, or has ended."""
        try:
            print(json.dumps(what), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            self.process.wait()
            self._errors.seek(0)
            last_lines = self._errors.read().decode(errors="replace").strip().splitlines()[-6:]
            raise WorkshopError("The class has ended. Its last lines:\n\n" + "\n".join(last_lines))
        said = json.loads(line)
        if "error" in said:
            raise WorkshopError(said["error"])
        return said

    def __repr__(self):
        if self.process.poll() is not None:
            return "The class is over."
        code = io.StringIO()
        make_qr(self.chat).terminal(out=code, compact=True, border=2)
        return f"Everyone in this network opens {self.chat}\n\n{code.getvalue()}\n" + "\n".join(self._about())

    def _repr_html_(self):
        if self.process.poll() is not None:
            return "<p>The class is over.</p>"
        code = make_qr(self.chat).svg_inline(scale=6, dark="black", light="white", border=2)
        lines = "".join(f"<p>{_with_links(line)}</p>" for line in self._about())
        return f"<p>Everyone in this network opens <b>{html.escape(self.chat)}</b></p>{code}{lines}"

    def _about(self):
        """Yield what else the teacher should know, a line each."""
        yield f"The code leads straight to the room {ROOM}. Who types the address chooses it."
        yield f"The wall, for the projector, opens on this computer only: {self.wall}"
        if self.board:
            yield f"The board, too: {self.board}"
            yield f'Students report to it with `from workshop import join_class`, then `join_class("{self.join}")`'
        told = self.chat.split("/")[2]
        others = [(address, name) for address, name in self._found if address != told.rpartition(":")[0]]
        if others:
            listed = ", ".join(
                f"{address} ({name}{', inside this computer' if is_virtual(name) else ''})" for address, name in others
            )
            yield (
                f"This computer has other addresses: {listed}. If nobody reaches the one above, choose the one of the "
                'network that the class is in: start_class(address="…"), or --address in a terminal.'
            )
        if not self._found:
            yield "This computer is in no network, so nobody else can reach it yet. Join one, and start again."
        ports = [address.partition("/")[0].rpartition(":")[2] for address in (told, self.join) if address]
        yield f"Nobody gets in? {how_to_let_them_in(ports)}"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


def _with_links(line):
    """Return a line as HTML, with its addresses as links."""
    words = re.sub("`(.*?)`", r"<code>\1</code>", html.escape(line)).split(" ")
    return " ".join(f'<a href="{word}" target="_blank">{word}</a>' if "://" in word else word for word in words)
