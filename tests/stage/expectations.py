"""What a stage asks, and how a test says that it isn't there."""


class Unmet(AssertionError):
    """What a stage asks isn't there (yet)."""

    def __init__(self, seen, asked, file):
        super().__init__(f"\nSeen:  {seen}\nAsked: {asked}\nOpen:  {file}")
        self.seen, self.asked, self.file = seen, asked, file


def expect(met, *, seen, asked, file):
    """Raise Unmet with these words unless `met` is true."""
    __tracebackhide__ = True
    if not met:
        raise Unmet(seen, asked, file)
