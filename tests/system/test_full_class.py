"""
A full class: everyone speaks, some are slow, one floods, some vanish. Nothing is lost without an error, and nobody else
notices anything.
"""

import ast
import json
import re
import select
import subprocess
import sys
import threading
import time

from running import REPOSITORY
from waiting import until
from watched import CLOSE, make_frame, make_message

CROWD = REPOSITORY / "notebooks" / "workshop" / "measuring" / "crowd.py"
MEBIBYTE = 1 << 20
CAPACITY = ("tutorial/settings.py", "CAPACITY = 10_000", "CAPACITY = 10")


def assert_everyone_hears(members, text):
    """Assert that the room works: all members hear what the first one says, and nothing before it."""
    members[0].say(text)
    for member in members:
        assert member.hear() == {"message": text}


# A whole class at the same moment


def test_200_send_3_each_at_the_same_moment_and_nothing_is_lost(server):
    # On a busy machine, the first delivery may take longer than crowd.py waits.
    patient = "import crowd; crowd.PATIENCE = 100; crowd.main()"
    command = [sys.executable, "-c", patient, "burst", str(server.port), "200", "3"]
    ran = subprocess.run(command, cwd=CROWD.parent, capture_output=True, encoding="utf-8", timeout=180)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    del found["seconds"]
    assert found == {"sent": 600, "expected": 120_000, "arrived": 120_000, "lost": 0, "disordered": 0}


# Mailboxes that are full


def read_losses(server):
    """Return [(path, number), …]: what the log says about lost deliveries."""
    said = re.findall(r"Deliveries lost at ('.*'|\".*\"): (\d+)\. Mailboxes are full\.", server.log())
    return [(ast.literal_eval(address), int(number)) for address, number in said]


def read_missed(error):
    """Return (how many missed a message, how many members there were), from the error that its sender got."""
    found = re.match(r"This message didn't reach (\d+) of the (\d+) people here", error)
    assert found, error
    return int(found[1]), int(found[2])


def test_the_senders_and_the_log_are_told_what_a_full_mailbox_loses(watch):
    """In each room, one member's handler is held, so that its mailbox of 10 is full at the 12th message."""
    server = watch(CAPACITY)
    rooms = {"聊天室": 60, "lobby": 30}  # messages
    people = {}
    began = time.monotonic()
    for room, number in rooms.items():
        alice, bob, slow = server.join(room), server.join(room), server.join(room, query="hold=chat_msg")
        people[room] = alice, bob, slow
        said, told = [str(n) for n in range(number)], []
        for text in said:
            alice.say(text)
            answer = alice.hear()
            if "error" in answer:
                told.append(read_missed(answer["error"]))
                answer = alice.hear()
            assert answer == {"message": text}, "her own mailbox has space"
        assert told == [(1, 3)] * (number - 11), "one message is in the slow one's handler, and ten are in its mailbox"
        assert bob.hear_messages(number) == said, "his mailbox has space"
    losses = {f"/ws/chat/{room}/": number - 11 for room, number in rooms.items()}

    def summed():
        return {address: sum(n for named, n in read_losses(server) if named == address) for address in losses}

    until(lambda: summed() == losses, f"the log has {losses} (it has {summed()})")
    lines = len(read_losses(server))
    assert lines <= len(rooms) * (time.monotonic() - began + 1), "a path has one line a second, not one for each loss"

    server.ask("release")
    for alice, bob, slow in people.values():
        assert slow.hear_messages(11) == [str(n) for n in range(11)], (
            "everything that its mailbox had space for, in order"
        )
        assert_everyone_hears([alice, bob, slow], "all are still here")
    server.assert_nothing_broke()


def test_a_crowd_that_outruns_its_mailboxes_loses_nothing_without_an_error(watch):
    """40 members speak 5 times each while the process is busy with something else, so everything comes at once."""
    server = watch(CAPACITY)
    crowd = [server.join("聊天室") for _ in range(40)]
    server.ask("block")
    for sender, member in enumerate(crowd):
        member.send(*(make_message(f"{sender}:{number}") for number in range(5)))
    server.ask("unblock")

    arrived, missed = [[] for _ in crowd], 0
    while sum(map(len, arrived)) + missed < 40 * 5 * 40:
        ready, _, _ = select.select([member.socket for member in crowd], [], [], 20)
        assert ready, f"{sum(map(len, arrived))} have arrived, {missed} are known to be missed, and nothing more comes"
        for member, heard in zip(crowd, arrived, strict=True):
            if member.socket in ready:
                for frame in member.hear_what_came():
                    if "message" in frame:
                        heard.append(frame["message"])
                    else:
                        number, members = read_missed(frame["error"])
                        assert members == 40
                        missed += number
    assert missed, "if forty speak at once, some mailbox of ten has to be full"
    for heard in arrived:
        for sender in range(40):
            numbers = [text for text in heard if text.startswith(f"{sender}:")]
            assert numbers == sorted(set(numbers)), "each sender's order, and nothing twice"
    until(
        lambda: sum(number for _, number in read_losses(server)) == missed,
        "the log has as many losses as the senders were told",
    )
    assert {address for address, _ in read_losses(server)} == {"/ws/chat/聊天室/"}
    assert_everyone_hears(crowd, "all are still here")
    server.assert_nothing_broke()


# A client that sends more than its consumer handles


def is_writable(member, seconds):
    return bool(select.select([], [member.socket], [], seconds)[1])


def test_a_busy_consumer_reads_no_more_from_its_client(watched):
    """Frames that a client sends meanwhile wait on the client's side, and are then handled in order."""
    alice, bob = watched.join("lobby", query="hold=receive"), watched.join("lobby")
    padding = "x" * 1_000_000
    alice.socket.setblocking(False)
    written = number = 0
    unsent = b""
    # The server has answered a request in between, so it could have read on.
    while is_writable(alice, 0.1) or watched.get("/chat/").status != 200 or is_writable(alice, 0.1):
        assert written < 50 * MEBIBYTE, "The server reads on although the first frame isn't handled yet."
        if not unsent:
            unsent = make_message(str(number), padding=padding)
            number += 1
        sent = alice.socket.send(unsent)
        written, unsent = written + sent, unsent[sent:]
    assert watched.ask("handled_in", "lobby") == 1, "its first frame is still being handled"
    assert number > 1, "and there are more frames"

    watched.ask("release")
    alice.socket.settimeout(20)
    alice.send(unsent)
    said = [str(n) for n in range(number)]
    assert alice.hear_messages(number) == bob.hear_messages(number) == said


def test_a_client_that_stops_reading_holds_nobody_up_and_later_gets_everything(watched):
    deaf = watched.join("lobby", buffer=4096)
    others = [watched.join("lobby") for _ in range(29)]
    said = []
    while watched.ask("kept", deaf.port) < 2 * MEBIBYTE:
        assert len(said) < 2000, "Nothing is kept for it."
        text = f"{len(said)} {'😀' * 3000}"
        others[len(said) % 29].say(text)
        for member in others:
            assert member.hear() == {"message": text}
        said.append(text)
    assert deaf.hear_messages(len(said)) == said
    assert_everyone_hears([deaf, *others], "all are still here")


def test_a_client_may_leave_with_messages_unread(watched):
    """Its last messages count, and messages that are still on their way to it cause no error."""
    deaf, alice, bob = watched.join("lobby", buffer=4096), watched.join("lobby"), watched.join("lobby")
    text = "😀" * 4000
    while watched.ask("kept", deaf.port) < 100_000:  # less might still fit into the system's buffers
        alice.say(text)
        assert alice.hear() == bob.hear() == {"message": text}
    said = [str(n) for n in range(50)]
    deaf.send(*map(make_message, said), CLOSE)
    for member in (alice, bob):
        assert member.hear_messages(50) == said
    assert_everyone_hears([alice, bob], "we are still here")
    deaf.until_closed()
    watched.until_left(members=2)


class Flooder(threading.Thread):
    """A client in a room of its own that sends without a break until stop(): it is always AHEAD of the server."""

    AHEAD = 3000  # frames: some hundreds of milliseconds of work for the server

    def __init__(self, server):
        super().__init__(daemon=True)
        self.client = server.join("elsewhere")
        self.sent, self.came = 0, []
        self.begun, self.ended = threading.Event(), threading.Event()

    def run(self):
        while not self.ended.is_set():
            more = range(self.sent, len(self.came) + self.AHEAD)
            self.client.send(*(make_message(str(number)) for number in more))
            self.sent += len(more)
            self.came += [frame["message"] for frame in self.client.hear_what_came()]
            self.begun.set()

    def stop(self):
        """Stop sending, wait for all answers, and return them."""
        self.ended.set()
        self.join()
        return self.came + self.client.hear_messages(self.sent - len(self.came))


def test_a_flooder_next_door_gets_its_turns_and_no_more(watched):
    room = [watched.join("lobby") for _ in range(20)]
    flooder = Flooder(watched)
    flooder.start()
    assert flooder.begun.wait(20)
    for number in range(5):
        for sender, member in enumerate(room):
            member.say(f"{sender}:{number}")
        for member in room:
            assert sorted(member.hear_messages(20)) == sorted(f"{sender}:{number}" for sender in range(20))

    # The turns can be seen best after a standstill, when everyone has frames waiting.
    watched.ask("block")
    until(
        lambda: watched.ask("handled_in", "elsewhere") - len(flooder.came) < flooder.AHEAD // 2,
        "the flooder has its answers, and has sent as many frames again",
    )
    for member in room:
        member.say("at once")
    watched.ask("unblock")
    for member in room:
        assert member.hear_messages(20) == ["at once"] * 20
    assert flooder.is_alive(), "It has stopped flooding too early."
    turns = watched.ask("recorded")
    last = max(turn for turn, room_name in enumerate(turns) if room_name == "lobby")
    flooded = turns[:last].count("elsewhere")
    assert 1 <= flooded <= 20, f"While 20 members of the room had one turn each, the flooder had {flooded}."

    assert flooder.stop() == [str(n) for n in range(flooder.sent)], "everything that it sent was handled, in order"
    assert_everyone_hears([flooder.client], "and it is still there")
    assert_everyone_hears(room, "so are they")


# Bytes as a network delivers them


def test_many_frames_in_one_piece(watched):
    alice, bob = watched.join("lobby"), watched.join("lobby")
    said = [str(n) for n in range(500)]
    alice.send(*map(make_message, said))
    assert alice.hear_messages(500) == bob.hear_messages(500) == said


def test_one_frame_in_many_pieces(watched):
    """Cut anywhere: in the header, or in the middle of a character."""
    alice, bob = watched.join("lobby"), watched.join("lobby")
    for text in ("😀聊", "😀" * 4000):  # the second has more bytes than the server reads at a time
        frame = make_message(text)
        for end in range(1, 30):
            alice.send(frame[end - 1 : end])
            watched.ask("taken_in", alice.port)  # before the server answers, it has read this byte
        alice.send(frame[29:])
        assert alice.hear() == bob.hear() == {"message": text}


def test_a_mebibyte_is_accepted_and_one_byte_more_is_not(watched):
    alice, bob = watched.join("lobby"), watched.join("lobby")
    payload = json.dumps({"message": "large", "padding": ""}).encode()
    largest = payload[:-2] + b"x" * (MEBIBYTE - len(payload)) + payload[-2:]
    alice.send(make_frame(largest))
    assert alice.hear() == bob.hear() == {"message": "large"}
    said = [str(n) for n in range(50)]
    alice.send(*map(make_message, said), make_frame(b" " + largest)[:100])
    assert bob.hear_messages(50) == said, "the frames before it count"
    alice.until_closed()
    assert_everyone_hears([bob], "he is still here")


def test_a_close_frame_right_after_many_others(watched):
    alice, bob = watched.join("lobby"), watched.join("lobby")
    said = [str(n) for n in range(500)]
    alice.send(*map(make_message, said), CLOSE)
    assert bob.hear_messages(500) == said, "everything that she said before she left"
    alice.until_closed()
    watched.until_left(members=1)
    assert_everyone_hears([bob], "he is still here")


def test_a_client_that_leaves_while_its_frames_wait_has_said_them_all(watched):
    alice, bob = watched.join("lobby", query="hold=receive"), watched.join("lobby")
    said = [str(n) for n in range(500)]
    alice.send(*map(make_message, said), CLOSE)
    assert_everyone_hears([bob], "he is not held up")
    assert watched.ask("left")["members"] == 2, "nobody knows yet that she is about to leave"
    watched.ask("release")
    assert bob.hear_messages(500) == said
    alice.until_closed()
    watched.until_left(members=1)


def test_a_client_that_vanishes_while_its_frames_wait_leaves_nothing_behind(watched):
    """Frames that the server hasn't read by then are lost with the connection. The others reach the room."""
    alice, bob = watched.join("vanishing", query="hold=receive"), watched.join("vanishing")
    said = [str(n) for n in range(500)]
    alice.send(*map(make_message, said))
    until(lambda: watched.ask("handled_in", "vanishing"), "the server has read the first of her frames")
    alice.vanish()
    assert_everyone_hears([bob], "he is not held up")
    watched.ask("release")
    watched.until_left(members=1)
    bob.say("the last")
    heard = []
    while "the last" not in heard:
        heard += bob.hear_messages(1)
    heard.remove("the last")
    assert heard and heard == said[: len(heard)]
