from chat.messages import make_frame, parse_message
from chat.rooms import clean_name, group_name
from chat.sockets import SocketConsumer


class ChatConsumer(SocketConsumer):
    """One person's socket in one room. Channels makes a new consumer for each socket."""

    room_group_name = None  # until the room's name is known

    async def connect(self):
        room_name = clean_name(self.scope["url_route"]["kwargs"]["room_name"])
        self.room_group_name = group_name(room_name)
        # Join, then accept: once accepted, people may speak, and they should hear what others say.
        await self.channel_layer.group_add(self.room_group_name, self.channel_name)
        await self.accept()

    async def leave(self):
        """Runs in place of disconnect(), however the connection ends: see SocketConsumer."""
        if self.room_group_name is not None:
            await self.channel_layer.group_discard(self.room_group_name, self.channel_name)

    async def receive(self, text_data=None, bytes_data=None):
        message = parse_message(text_data)
        await self.channel_layer.group_send(self.room_group_name, {"type": "chat_msg", "message": message})

    async def chat_msg(self, event):
        await self.send(make_frame(event["message"]))
