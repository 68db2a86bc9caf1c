"""
A client that no chat wishes for: `python rude.py flood|deaf URL NAME`.

flood sends without a break. deaf talks, and never reads.
"""

import collections
import json
import os
import sys
import threading
import time
from urllib.parse import quote, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SECONDS = {"flood": 30, "deaf": 60}  # after which it ends by itself
LONG = "never read " * 300  # characters of what the deaf one says: about as many as a message may have
PAUSE = 0.005  # seconds between two of its messages


def main(kind, url, name):
    end = time.monotonic() + SECONDS[kind]
    origin = f"http://{urlsplit(url).netloc}"
    headers = {"workshop-name": quote(name)}
    with connect(url, origin=origin, additional_headers=headers, proxy=None, ping_interval=None) as socket:
        if kind == "flood":
            threading.Thread(target=collections.deque, args=(socket, 0), daemon=True).start()  # it reads, as others do
        frame = json.dumps({"message": "again and again" if kind == "flood" else LONG})
        while time.monotonic() < end:
            socket.send(frame)
            if kind == "deaf":
                time.sleep(PAUSE)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except ConnectionClosed:  # the chat has dropped it
        pass
    os._exit(0)  # a thread may still wait for what the server sends
