"""
Coming and going: 100 people who join, talk, leave and vanish at random, and nothing is left of them.

SOAK_SECONDS in the environment says for how long: some seconds by default, and 24 in CI.
"""

import os
import random
import select
import time

import psutil
from waiting import until
from watched import CLOSE, make_frame, make_message

PEOPLE = 100
ROOMS = ("lobby", "聊天室", "my room", "a", "b")
HALF = float(os.environ.get("SOAK_SECONDS", "5")) / 2  # memory has to be as much after the second as after the first
WHAT = {"join": 30, "say": 30, "say much": 1, "say nonsense": 5, "leave": 14, "vanish": 14}  # how often
# A half of 12 seconds is about 1,200 connections, and 10 kB that each leaves behind are seen. Measured on a quiet
# machine, the memory after each of seven such halves differed by 50 kB; on a busy one, with twice the connections in
# the second, by 2.2 MB.
MARGIN = 5_000_000  # bytes


def count_files(process):
    """Return how many files and sockets the process has open."""
    return process.num_handles() if psutil.WINDOWS else process.num_fds()


def come_and_go(server, chance, seconds):
    """
    Let more than PEOPLE come and go, for so long at least, and all of them be gone in the end.

    Return how many have come.
    """
    people, came = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end or came <= PEOPLE:
        (what,) = chance.choices(list(WHAT), WHAT.values())
        if what == "join":
            if len(people) < PEOPLE:
                people.append(server.join(chance.choice(ROOMS)))
                came += 1
        elif people:
            person = chance.choice(people)
            if what == "say":
                person.say("x" * chance.choice((1, 100, 1000)))
            elif what == "say much":
                person.send(*(make_message(str(number)) for number in range(20)))
            elif what == "say nonsense":
                person.send(make_frame(chance.randbytes(chance.randrange(100)), opcode=0x82))
            else:
                people.remove(person)
                if what == "leave":
                    person.send(CLOSE)
                    person.socket.close()
                else:
                    person.vanish()
        if people:
            ready = select.select([person.socket for person in people], [], [], 0)[0]
            for person in people:
                if person.socket in ready:
                    person.hear_what_came()
    for person in people:
        person.vanish()
    return came


def test_nothing_is_left_of_all_who_came_and_went(watch):
    """For SOAK_SECONDS: CI sets 24, in which a leak of 10 kB a connection is seen, too."""
    server = watch()
    process = psutil.Process(server.process.pid)
    server.until_left()  # the look whether it answers, at its start, is over
    files = count_files(process)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    memory = []
    for _ in range(2):
        came = come_and_go(server, chance, HALF)
        whole = f"seed {seed}, after {came} connections"
        server.until_left()
        until(lambda: count_files(process) <= files, f"no more than {files} files are open, as at the start ({whole})")
        memory.append(process.memory_info().rss)
    assert memory[1] - memory[0] < MARGIN, f"{memory[1] - memory[0]} bytes more after the second half ({whole})"
    for room in ROOMS:
        alice, bob = server.join(room), server.join(room)
        alice.say("hello")
        assert alice.hear() == bob.hear() == {"message": "hello"}
    server.assert_nothing_broke()
