"""
The connection under a socket, as far as a server lets us see it: how much waits for the client, and how to pause it.
"""

import functools

READ = 4096  # bytes that daphne reads at a time. Its default, 65,536, is many milliseconds' worth of frames


def find_connection(send, may_wait):
    """
    Return the connection that an ASGI `send` writes to.

    daphne's is a partial that holds its protocol, uvicorn's is a method of its protocol. may_wait is how many bytes
    may wait in the server for a client, before send() waits too.
    """
    protocol = send.args[0] if isinstance(send, functools.partial) else getattr(send, "__self__", None)
    transport = getattr(protocol, "transport", None)
    if hasattr(transport, "_tempDataLen"):
        return TwistedConnection(transport)
    if hasattr(transport, "get_write_buffer_size"):
        return AsyncioConnection(transport, may_wait)
    return Connection()


class Connection:
    """A connection that shows nothing, such as a test's."""

    def waiting(self):
        """Return how many bytes wait in the server until the client reads."""
        return 0

    def pause_reading(self):
        """Take in nothing more of what the client sends."""

    def resume_reading(self):
        """Take in what the client sends again."""

    def abort(self):
        """End the connection, and throw away what waits."""


class AsyncioConnection(Connection):
    """uvicorn's, which takes in only one message at a time anyway."""

    def __init__(self, transport, may_wait):
        transport.set_write_buffer_limits(high=may_wait)
        self.waiting = transport.get_write_buffer_size
        self.abort = transport.abort


class TwistedConnection(Connection):
    """
    daphne's. Twisted keeps what waits in two places, and has no method that tells how much that is.

    It would tell a registered producer when the buffer is full, and when it is empty. That is not enough: a client
    that reads slowly but steadily never empties it.
    """

    def __init__(self, transport):
        self.transport = transport
        self.pause_reading, self.resume_reading = transport.pauseProducing, transport.resumeProducing
        self.abort = transport.abortConnection
        transport.bufferSize = READ

    def waiting(self):
        return len(self.transport.dataBuffer) - self.transport.offset + self.transport._tempDataLen
