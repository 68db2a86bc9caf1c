"""A port for a server: taken before the server starts, so that nobody else gets it."""

import socket
import sys

HOLDS_PORTS = sys.platform == "linux"


class Port:
    """
    A port of this machine, for one program after another, until it is given back.

    Until then the system gives its number to nobody else, neither to another server nor to a client, because a
    socket is bound to it that doesn't listen. Linux lets a server listen beside that socket. macOS and Windows don't:
    there, somebody else may get the number while no server uses it.
    """

    def __init__(self):
        self.holder = socket.socket()
        if HOLDS_PORTS:
            self.holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.holder.bind(("127.0.0.1", 0))
        self.number = self.holder.getsockname()[1]

    def hand_over(self):
        """Let a server listen on this port."""
        if not HOLDS_PORTS:
            self.holder.close()

    def give_back(self):
        """Let anybody have this port."""
        self.holder.close()
