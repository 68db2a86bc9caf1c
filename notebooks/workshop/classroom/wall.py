"""The wall's socket: what happens in the chat goes to the page, and what the teacher does comes back."""

import json

from channels.generic.websocket import AsyncWebsocketConsumer

from workshop.classroom.chat import the_chat
from workshop.classroom.consumers import OVER
from workshop.classroom.film import merge
from workshop.errors import WorkshopError


class WallConsumer(AsyncWebsocketConsumer):
    """
    One page with the wall.

    It gets the next snapshot when it has drawn the last one. So a slow browser sees fewer of them, and none too late.
    """

    drawn = True
    snapshot = None  # what the page hasn't got yet

    async def connect(self):
        await self.channel_layer.group_add("wall", self.channel_name)
        await self.accept()

    async def disconnect(self, code):
        await self.channel_layer.group_discard("wall", self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        try:
            await self.do(json.loads(text_data))
        except WorkshopError as error:
            await self.answer({"error": str(error)})
        except OSError as error:  # the disk is full, for example
            await self.answer({"error": f"The wall can't be kept: {error}."})
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError):  # the page sends no such frame
            await self.answer({"error": "This frame is nothing that the wall's page sends."})

    async def do(self, frame):
        if "drawn" in frame:
            self.drawn = True
            await self.show()
        elif "keep" in frame:
            folder, files = the_chat.keep(frame["keep"])
            await self.answer({"kept": {"folder": folder, "files": files}})
        else:
            await the_chat.pull(frame["lever"], frame.get("value"))

    async def wall_snapshot(self, event):
        self.snapshot = merge(self.snapshot, event["snapshot"])
        await self.show()

    async def wall_ended(self, event):
        await self.answer({"ended": event["words"]})

    async def wall_over(self, event):
        await self.answer({"ended": OVER})
        await self.close()

    async def show(self):
        if self.drawn and self.snapshot is not None:
            snapshot, self.snapshot, self.drawn = self.snapshot, None, False
            await self.answer({"snapshot": snapshot})

    async def answer(self, frame):
        await self.send(json.dumps(frame))
