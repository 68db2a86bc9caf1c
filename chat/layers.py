"""
The channel layer for rooms of hundreds: Channels' own layer in memory, with some of its methods replaced.

Like Channels' own, it lives in one process: a second server has its own layer, and so its own rooms.
"""

import asyncio
import time

from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

from chat.errors import Refused
from chat.lost_deliveries import LostDeliveries


class MailboxesFull(ChannelFull, Refused):
    """A message didn't reach everyone in its group: `number` of the `members` had a full mailbox."""

    def __init__(self, number, members):
        missed = f"This message didn't reach {number} of the {members} people here"
        super().__init__(f"{missed}: they are too far behind. Say it again later.")
        self.number, self.members = number, members


class ClassroomInMemoryChannelLayer(InMemoryChannelLayer):
    """A delivery costs the same in any room, and when a mailbox is full, the sender is told."""

    CLEAN_EVERY = 1  # seconds
    next_clean = 0  # by time.monotonic()

    def __init__(self, **config):
        super().__init__(**config)
        self.lost = LostDeliveries()

    def mailbox(self, channel):
        """Return a channel's mailbox, the queue of events that wait for its consumer. Make one if there is none."""
        if channel not in self.channels:
            self.channels[channel] = asyncio.Queue(self.get_capacity(channel))
        return self.channels[channel]

    async def new_channel(self, prefix="specific."):
        """Return a channel's name. When the task that calls this, the consumer's, has ended, its mailbox goes too."""
        channel = await super().new_channel(prefix)
        asyncio.current_task().add_done_callback(lambda task: self.channels.pop(channel, None))
        return channel

    async def receive(self, channel):
        """
        Return the next event in a mailbox. Wait until there is one.

        Channels throws a mailbox away whenever it is empty, and makes a new one for the next message.
        """
        self._clean_expired()
        _, event = await self.mailbox(channel).get()
        return event

    async def group_send(self, group, message):
        """
        Put a copy of a message into the mailbox of everyone in the group, one after the other.

        Channels starts a task for each member, and skips a full mailbox silently, as the channel layer specification
        says. This deliberately raises MailboxesFull, once everyone else has the message.
        """
        self.require_valid_group_name(group)
        self._clean_expired()
        members = list(self.groups.get(group, ()))
        expires, full = time.time() + self.expiry, 0
        for channel in members:
            try:
                self.mailbox(channel).put_nowait((expires, dict(message)))
            except asyncio.QueueFull:
                full += 1
        if full:
            raise MailboxesFull(full, len(members))

    def _clean_expired(self):
        """
        Throw away what has expired.

        Channels looks through all mailboxes and memberships at each receive, so once for every member that a
        message reaches. Nothing here expires within a second.
        """
        now = time.monotonic()
        if now >= self.next_clean:
            self.next_clean = now + self.CLEAN_EVERY
            super()._clean_expired()
