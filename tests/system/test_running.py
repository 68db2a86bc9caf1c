"""
What the other tests rely on: a server keeps its port, even while it restarts.
"""

import socket

import pytest
from workshop.processes.port import HOLDS_PORTS, Port


def listen_as_servers_do(port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port.number))
    listener.listen()
    return listener


@pytest.mark.skipif(not HOLDS_PORTS, reason="Only Linux lets a server listen beside a socket that holds its port")
def test_a_port_is_held_for_one_server_after_another_and_nobody_else_gets_it():
    port = Port()
    try:
        for _ in range(2):
            with socket.socket() as somebody, pytest.raises(OSError, match="in use"):
                somebody.bind(("127.0.0.1", port.number))
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port.number))
            with listen_as_servers_do(port), socket.create_connection(("127.0.0.1", port.number)):
                pass
    finally:
        port.give_back()
    with listen_as_servers_do(port):
        pass
