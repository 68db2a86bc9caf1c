"""
The channel layer of a full class: Channels' own in memory, with two of its methods replaced.
"""

import time

from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer


class MailboxesFull(ChannelFull):
    """Raised where a message didn't reach everyone in its group: `number` of the `members` had a full mailbox."""

    def __init__(self, number, members):
        super().__init__(f"{number} of {members} mailboxes are full")
        self.number, self.members = number, members


class ClassroomInMemoryChannelLayer(InMemoryChannelLayer):
    """InMemoryChannelLayer for rooms of hundreds: a delivery costs the same in any room, and no loss is silent."""

    CLEAN_EVERY = 1  # seconds
    next_clean = 0  # by time.monotonic()

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

    async def group_send(self, group, message):
        """
        Put a message into the mailbox of everyone in the group, one after the other.

        Channels starts a task for each member, and keeps it to itself if a mailbox is full. This raises
        MailboxesFull for those, when all the others have the message.
        """
        self.require_valid_group_name(group)
        self._clean_expired()
        members = list(self.groups.get(group, ()))
        full = 0
        for channel in members:
            try:
                await self.send(channel, message)
            except ChannelFull:
                full += 1
        if full:
            raise MailboxesFull(full, len(members))
