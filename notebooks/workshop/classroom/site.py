"""
The class's own site: the wall and the board for the teacher, and where students report. A process of its own.

start_class() runs this file. Its standard input is a pipe: the first line says what to serve, in JSON, and each line
after that asks for something. Each gets a line of JSON on the standard output. When the pipe closes, everything ends.
"""

import asyncio
import json
import os
import secrets
import socket
import sys
import threading
from pathlib import Path

import daphne.server  # before anything else of Twisted: it has to choose the reactor
import django
from django.conf import settings
from twisted.internet import reactor

from workshop.errors import WorkshopError
from workshop.measuring.crowd import allow_many_sockets
from workshop.processes.port import Port
from workshop.processes.server import stop_all

# Somebody reads these from the projector and types them: nothing that looks like l or o.
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
REPORTS = range(8001, 8021)  # the ports for reports, of which the first free one is used


class Site:
    """
    What is served, and under which addresses.

    host is the address of this computer at which the class comes in, "0.0.0.0" for all; address is the one that the
    class is told; hosts are all names that its pages may be opened under. There is a board if board is true.
    """

    def __init__(self, host, address, port, hosts, board):
        self.hosts = hosts
        self.key = secrets.token_urlsafe(16)  # the teacher's, in the address of the wall and the board
        self.own_port = Port()
        self.chat_url = f"http://{address}:{port}/"
        self.own_url = f"http://127.0.0.1:{self.own_port.number}/{self.key}/"
        self.code = self.reports_port = self.join = None
        self.endpoints = [f"tcp:{self.own_port.number}:interface=127.0.0.1"]
        if board:
            self.code = "".join(secrets.choice(LETTERS) for _ in range(8))
            self.reports_port = find_port(host, port)
            self.join = f"{address}:{self.reports_port}/{self.code}"
            self.endpoints.append(f"tcp:{self.reports_port}:interface={host}")

    def configure(self):
        """Set Django up."""
        templates = {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "DIRS": [Path(__file__).with_name("templates")],
        }
        settings.configure(
            SECRET_KEY=secrets.token_urlsafe(),
            ALLOWED_HOSTS=["localhost", "127.0.0.1", *self.hosts],
            MIDDLEWARE=["django.middleware.common.CommonMiddleware"],  # it checks the host
            ROOT_URLCONF="workshop.classroom.pages",
            TEMPLATES=[templates],
            CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
            CLASSROOM=self,
            USE_TZ=True,
        )
        django.setup()

    def describe(self):
        """Return the addresses, for whoever has started this."""
        board = f"{self.own_url}board/" if self.code else None
        return {"chat": self.chat_url, "wall": f"{self.own_url}wall/", "board": board, "join": self.join}


def find_port(host, chats):
    """Return the first port for reports that is free, and not the chat's. Raises WorkshopError if there is none."""
    for port in REPORTS:
        if port == chats:
            continue
        with socket.socket() as tried:
            if sys.platform != "win32":  # there it would mean that two may listen
                tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a class before this one may have had it
            try:
                tried.bind((host, port))
            except OSError:
                continue
            return port
    raise WorkshopError(f"None of the ports {REPORTS[0]} to {REPORTS[-1]} is free for the board.")


def answer(**words):
    print(json.dumps(words), flush=True)


def serve(folder, host, address, port, hosts, board):
    """Serve a class until the standard input closes."""
    site = Site(host, address, port, hosts, board)
    site.configure()

    from workshop.classroom.chat import the_chat
    from workshop.classroom.pages import make_page
    from workshop.classroom.routing import make_application

    the_chat.make_page = make_page

    async def begin():
        try:
            await the_chat.start(folder, host, port, hosts)
        except WorkshopError as error:
            answer(error=str(error))
            os._exit(1)
        answer(**site.describe(), log=the_chat.server.log())

    def keep():
        try:
            answer(kept=the_chat.keep())
        except OSError as error:  # the disk is full, for example
            answer(error=f"The wall can't be kept: {error}.")

    def obey():
        """Do what the lines on the standard input ask for."""
        for _ in sys.stdin:  # there is only one thing to ask for
            reactor.callFromThread(keep)
        reactor.callFromThread(lambda: asyncio.ensure_future(end()))

    async def end():
        await the_chat.end()
        stop_all()
        os._exit(0)

    threading.Thread(target=obey, daemon=True).start()
    reactor.callLater(0, lambda: asyncio.ensure_future(begin()))
    site.own_port.hand_over()
    daphne.server.Server(make_application(site), site.endpoints, signal_handlers=False).run()


if __name__ == "__main__":
    allow_many_sockets()
    try:
        serve(**json.loads(sys.stdin.readline()))
    except WorkshopError as error:
        answer(error=str(error))
