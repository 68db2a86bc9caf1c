"""
A full class: hundreds of raw sockets in one process, which send messages and count what comes back.

It is also a script, so that it can run beside the server instead of in the kernel: `python crowd.py delays 8000 50 9`
prints one line of JSON. It uses no WebSocket library, since that would be slower than the servers. It writes frames as
bytes and splits what comes by the length in each frame's header (RFC 6455, section 5.2).
"""

import argparse
import contextlib
import json
import os
import selectors
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from base64 import b64encode
from urllib.parse import quote

SENDERS = 10  # members who talk at the same time, each as soon as its last message has come back
PATIENCE = 30  # seconds without a frame, after which the missing frames count as lost
AT_ONCE = 25  # handshakes in progress together: a server's queue for them is short


class Member:
    """One socket, with the payloads that it has received and the number of its text frames."""

    def __init__(self, connection):
        self.socket = connection
        self.chunks = []
        self.frames = 0
        self._rest = b""  # the beginning of a frame that isn't complete yet

    def read(self):
        """Return the payloads of the text frames that have come. Raises ConnectionError if the socket is closed."""
        data = self.socket.recv(1 << 20)
        if not data:
            raise ConnectionError("The server has closed a socket.")
        data = self._rest + data
        payloads, start, end = [], 0, len(data)
        while end - start >= 2:
            length, header = data[start + 1], 2
            if length == 126:
                if end - start < 4:
                    break
                length, header = struct.unpack_from(">H", data, start + 2)[0], 4
            if end - start < header + length:
                break
            payload = data[start + header : start + header + length]
            if data[start] == 0x81:  # a whole text frame
                payloads.append(payload)
            elif data[start] == 0x89:  # a ping: daphne drops a client that doesn't answer within 30 s
                self.send(b"\x8a" + bytes([0x80 | length]) + bytes(4) + payload)
            start += header + length
        self._rest = data[start:]
        self.frames += len(payloads)
        return payloads

    def send(self, frame):
        """Send the whole frame, however long the server takes to read it."""
        self.socket.setblocking(True)
        self.socket.sendall(frame)
        self.socket.setblocking(False)


def allow_many_sockets():
    """
    Let this process, and those that it starts, open as many files as the system allows, up to 8192.

    Return the new limit, or None if there is none.
    """
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = 8192  # macOS accepts no more than its kernel's own limit, even if the hard limit is infinite
    wanted = enough if hard == resource.RLIM_INFINITY else min(hard, enough)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return None if soft == resource.RLIM_INFINITY else soft
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def make_frame(text):
    """Return the text frame that carries {"message": text}, masked with the key 0, which changes no byte."""
    payload = json.dumps({"message": text}).encode()
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return b"\x81" + length + bytes(4) + payload


class Crowd:
    """
    So many members in one room of the servers on these ports, spread over them evenly.

    Ends the process if a server refuses one of them.
    """

    def __init__(self, ports, members, room="lobby"):
        self.ports, self.path = ports, f"/ws/chat/{quote(room, safe='')}/"
        self.selector = selectors.DefaultSelector()
        self.members = []
        while len(self.members) < members:
            self._join(min(AT_ONCE, members - len(self.members)))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for member in self.members:
            member.socket.close()
        self.selector.close()

    def _join(self, number):
        connections = []
        for place in range(len(self.members), len(self.members) + number):
            port = self.ports[place % len(self.ports)]
            connection = socket.create_connection(("127.0.0.1", port), timeout=20)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(
                f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: {b64encode(os.urandom(16)).decode()}\r\n"
                f"Sec-WebSocket-Version: 13\r\nOrigin: http://127.0.0.1:{port}\r\n\r\n".encode()
            )
            connections.append(connection)
        for connection in connections:
            answer = b""
            while b"\r\n\r\n" not in answer:
                more = connection.recv(1)  # and not the first bytes of a frame
                if not more:
                    break
                answer += more
            if not answer.startswith(b"HTTP/1.1 101 "):
                port, answered = connection.getpeername()[1], answer.decode("latin1").splitlines()[:1]
                sys.exit(f"The server on port {port} refused a socket: {answered}")
            connection.setblocking(False)
            member = Member(connection)
            self.members.append(member)
            self.selector.register(connection, selectors.EVENT_READ, member)

    def until(self, done, on_frames=None):
        """Read until done() is true or no text has come for PATIENCE seconds. Return when the last text came."""
        last = time.perf_counter()
        while not done():
            ready = self.selector.select(max(0, last + PATIENCE - time.perf_counter()))
            if not ready:
                return last
            heard = False  # pings don't count
            for key, _ in ready:
                try:
                    payloads = key.data.read()
                except ConnectionError:  # the messages that this member misses are lost
                    self.selector.unregister(key.fileobj)
                    continue
                key.data.chunks += payloads
                heard = heard or bool(payloads)
                if on_frames:
                    on_frames(key.data, payloads)
            if heard:
                last = time.perf_counter()
        return last

    def forget_frames(self):
        """Start counting anew."""
        for member in self.members:
            member.chunks, member.frames = [], 0

    def tally(self, spoken):
        """
        Count what became of the messages. `spoken` maps each sender to the numbers that it sent, in order.

        Return {"sent", "expected", "arrived", "lost", "disordered"}. "sent" counts messages, "disordered" pairs of a
        sender and a member who got the sender's messages out of order, and the others deliveries.
        """
        sent = sum(len(numbers) for numbers in spoken.values())
        arrived = disordered = 0
        for member in self.members:
            heard = {sender: [] for sender in spoken}
            for payload in member.chunks:
                sender, number = json.loads(payload)["message"].split(":")
                heard[int(sender)].append(int(number))
            for numbers in heard.values():
                arrived += len(set(numbers))
                disordered += numbers != sorted(set(numbers))
        expected = sent * len(self.members)
        return {
            "sent": sent,
            "expected": expected,
            "arrived": arrived,
            "lost": expected - arrived,
            "disordered": disordered,
        }

    def throughput(self, deliveries):
        """
        Let SENDERS members talk without a break, until about so many deliveries were made.

        Return what tally() does, with "seconds" and "per_second", the deliveries per second.
        """
        each = max(1, deliveries // len(self.members) // SENDERS)
        senders = {member: number for number, member in enumerate(self.members[:SENDERS])}
        numbers = dict.fromkeys(senders, 0)
        total = each * len(senders)

        def say(member):
            member.send(make_frame(f"{senders[member]:03d}:{numbers[member]:06d}"))
            numbers[member] += 1

        def on_frames(member, payloads):
            if member in senders:
                own = b'"%03d:' % senders[member]
                for payload in payloads:
                    if own in payload and numbers[member] < each:
                        say(member)

        self.forget_frames()
        start = time.perf_counter()
        for member in senders:
            say(member)
        end = self.until(lambda: all(member.frames >= total for member in self.members), on_frames)
        found = self.tally({senders[member]: range(numbers[member]) for member in senders})
        return {**found, "seconds": end - start, "per_second": found["arrived"] / (end - start)}

    def delays(self, messages):
        """
        Let one member send so many messages, one after the other.

        Return {"median", "delays"}: the seconds until each had reached the last member. Ends the process if one
        doesn't arrive.
        """
        delays = []
        for number in range(messages):
            self.forget_frames()
            start = time.perf_counter()
            self.members[0].send(make_frame(f"000:{number:06d}"))
            end = self.until(lambda: all(member.frames for member in self.members))
            if not all(member.frames for member in self.members):
                sys.exit(f"A message did not reach all {len(self.members)} members within {PATIENCE} s.")
            delays.append(end - start)
        return {"median": statistics.median(delays), "delays": delays}

    def speed(self, deliveries, messages):
        """Return what throughput() does and, if nothing was lost or out of order, the median "delay" in seconds."""
        found = self.throughput(deliveries)
        if not found["lost"] and not found["disordered"]:
            found["delay"] = self.delays(messages)["median"]
        return found

    def burst(self, each):
        """Let every member send `each` messages at the same moment. Return tally() of them, and "seconds"."""
        self.forget_frames()
        frames = [
            b"".join(make_frame(f"{sender:03d}:{number:06d}") for number in range(each))
            for sender in range(len(self.members))
        ]
        start = time.perf_counter()
        for member, data in zip(self.members, frames, strict=True):
            member.send(data)
        total = each * len(self.members)
        end = self.until(lambda: all(member.frames >= total for member in self.members))
        found = self.tally({sender: range(each) for sender in range(len(self.members))})
        return {**found, "seconds": end - start}

    def fair(self, messages):
        """
        Measure the delays in this room, first alone and then while a client in another room sends as fast as it can.

        Return {"alone", "flooded", "ratio", "flooder"}: what delays() returned before and during the flood, the ratio
        of the two medians, and what flood() returned.
        """
        alone = self.delays(messages)
        command = [sys.executable, __file__, "flood", str(self.ports[0]), "1", "1"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as flooder:
            flooder.stdout.readline()  # it has begun
            flooded = self.delays(messages)
            flooder.stdin.close()
            flooder_did = json.loads(flooder.stdout.readline())
        ratio = flooded["median"] / alone["median"]
        return {"alone": alone, "flooded": flooded, "ratio": ratio, "flooder": flooder_did}

    def flood(self, _):
        """
        Let the first member send as fast as the server reads, until the standard input closes.

        Print a line after the first thousand frames. Return the number of frames: {"sent", "came_back"}.
        """
        member, ended = self.members[0], threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
        frame = make_frame("000:000000")
        block, sent, told = frame * 1000, 0, False
        self.selector.modify(member.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, member)
        while not ended.is_set():
            for _, events in self.selector.select(0.1):
                if events & selectors.EVENT_READ:
                    member.read()
                if events & selectors.EVENT_WRITE:
                    sent += member.socket.send(block[sent % len(frame) :])
            if not told and sent >= len(block):
                print("flooding", flush=True)
                told = True
        return {"sent": sent // len(frame), "came_back": member.frames}


def main():
    allow_many_sockets()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "delays", "burst", "fair", "flood"))
    parser.add_argument("ports", help="of the servers, separated by commas")
    parser.add_argument("members", type=int)
    parser.add_argument(
        "numbers", type=int, nargs="+", help="how many deliveries or messages, or messages from each member"
    )
    arguments = parser.parse_args()
    room = "elsewhere" if arguments.what == "flood" else "lobby"
    with Crowd([int(port) for port in arguments.ports.split(",")], arguments.members, room) as crowd:
        print(json.dumps(getattr(crowd, arguments.what)(*arguments.numbers)))


if __name__ == "__main__":
    main()
