"""
What was lost where a mailbox was full, for the log: a line a second, however much it is.
"""

import asyncio
import collections
import logging

logger = logging.getLogger(__name__)


class Losses:
    """Counts deliveries that were lost, by the address at which somebody had spoken."""

    def __init__(self):
        self.counts = collections.Counter()
        self.loop = None  # the event loop in which a report is due

    def note(self, address, number):
        """Count them. The log tells the sum a second after the first one."""
        self.counts[address] += number
        loop = asyncio.get_running_loop()
        if self.loop is not loop:  # a loop that has ended reports no more
            self.loop = loop
            loop.call_later(1, self.report)

    def report(self):
        self.loop = None
        for address, number in self.counts.items():
            logger.error("Deliveries lost at %r: %d. Mailboxes are full.", address, number)
        self.counts.clear()
