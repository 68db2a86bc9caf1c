"""
The sockets of the board: students report, and the teacher's page shows.

You know how to read these: they are consumers, with a group, as in stage 3.
"""

import asyncio
import json

from channels.generic.websocket import AsyncWebsocketConsumer

from workshop.classroom.board import save_board, the_board
from workshop.classroom.kept import name_of
from workshop.errors import WorkshopError

MAX_LENGTH = 20_000  # characters in a frame. The longest report that check() sends has a fifth of that
OVER = "The class is over. Another one has a new address."
EVERY = 0.25  # seconds: a page gets at most four pictures a second


class ReportConsumer(AsyncWebsocketConsumer):
    """A student's socket: first a hello, then reports. Each frame gets an answer, and the socket stays open."""

    secret = ""  # until the student has said hello

    async def connect(self):
        await self.accept()

    async def receive(self, text_data=None, bytes_data=None):
        frame = {}
        try:
            frame = read_frame(text_data)
            answer = self.take(frame)
        except WorkshopError as error:
            answer = {"error": str(error), "id": id_of(frame)}
        else:
            await self.channel_layer.group_send("board", {"type": "board_changed"})
        await self.send(json.dumps(answer))

    def take(self, frame):
        """Give a frame to the board, and return the answer. Raises WorkshopError if the board doesn't take it."""
        if isinstance(frame.get("hello"), dict):
            secret = frame["hello"].get("secret")
            name = the_board.hello(secret, frame["hello"].get("name"), self.scope["client"][0])
            self.secret = secret
            return {"welcome": name}
        if frame.get("leave") is True:
            the_board.leave(self.secret)
            return {"left": True}
        if "report" not in frame:
            raise WorkshopError('Expected {"hello": {…}}, {"report": {…}} or {"leave": true}.')
        return {"done": the_board.report(self.secret, frame["report"])}


class BoardConsumer(AsyncWebsocketConsumer):
    """The socket of a page that shows the board."""

    shown = None  # how many changes the page has seen

    async def connect(self):
        await self.channel_layer.group_add("board", self.channel_name)
        await self.accept()
        await self.show()

    async def disconnect(self, code):
        await self.channel_layer.group_discard("board", self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        try:
            await self.do(read_frame(text_data))
        except WorkshopError as error:
            await self.send(json.dumps({"error": str(error)}))
        except OSError as error:  # the disk is full, for example
            await self.send(json.dumps({"error": f"The board can't be saved: {error}"}))

    async def do(self, frame):
        """Do what the page asks for, and answer. Raises WorkshopError if it is nothing that a page asks for."""
        if frame.get("remove") is True:
            the_board.remove_silent()
            await self.show()
            await self.channel_layer.group_send("board", {"type": "board_changed"})
        elif frame.get("save") is True:
            path = save_board(the_board.picture(names=frame.get("names") is True))
            kept = {"folder": name_of(path.parent), "files": [path.name]}
            await self.send(json.dumps({"kept": kept}))
        else:
            raise WorkshopError(
                'Expected {"remove": true} or {"save": true}, with "names": true to save the names too.'
            )

    async def board_changed(self, event):
        # A thousand reports in one go are a thousand events. The first one waits, and shows the page what all of them
        # have changed. So there is nothing left to show for the others.
        if self.shown != the_board.changes:
            await asyncio.sleep(EVERY)
            await self.show()

    async def board_over(self, event):
        await self.send(json.dumps({"ended": OVER}))
        await self.close()

    async def show(self):
        self.shown = the_board.changes
        await self.send(json.dumps({"board": the_board.picture()}))


def read_frame(text_data):
    """Return the dict in a frame, text_data, which is None if it is binary. Raises WorkshopError if there is none."""
    if text_data is None:
        raise WorkshopError("This frame is binary. Expected a JSON object.")
    if len(text_data) > MAX_LENGTH:
        raise WorkshopError(f"This frame has {len(text_data)} characters. Expected {MAX_LENGTH} at most.")
    try:
        frame = json.loads(text_data)
    except (ValueError, RecursionError):  # RecursionError: brackets nested a thousand deep
        raise WorkshopError("This frame is not JSON that can be read.") from None
    if not isinstance(frame, dict):
        raise WorkshopError("This frame is JSON, but not an object.")
    return frame


def id_of(frame):
    """Return the id of the report in a frame, or None: whoever sent it wants to know which one was wrong."""
    report = frame.get("report")
    number = report.get("id") if isinstance(report, dict) else None
    return number if isinstance(number, str) and len(number) <= 100 else None
