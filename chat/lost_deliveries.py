"""
Logs the deliveries that full mailboxes have lost: one line a second for each address, with their number.
"""

import asyncio
import collections
import logging

logger = logging.getLogger(__name__)


class LostDeliveries:
    """Counts lost deliveries, by the path of the socket that the message came from."""

    def __init__(self):
        self.counts = collections.Counter()
        self.loop = None  # the event loop in which a report is due

    def note(self, address, number):
        """Add this many deliveries. The log gets their sum one second after the first of them."""
        self.counts[address] += number
        loop = asyncio.get_running_loop()
        if self.loop is not loop:  # no report is due, or it was due in a loop that has ended
            self.loop = loop
            loop.call_later(1, self.report)

    def report(self):
        self.loop = None
        for address, number in self.counts.items():
            logger.error("Deliveries lost at %r: %d. Mailboxes are full.", address, number)
        self.counts.clear()
