"""
Somebody who keeps talking and never reads: the server keeps little for them, lets them go, and the others notice
nothing. On both servers that the chat runs on: daphne, which is behind runserver, and uvicorn.
"""

import psutil
import pytest
from test_soak import count_files
from waiting import until
from watched import make_message

from tutorial.backpressure import LAST_WORDS, MAY_WAIT, TOO_SLOW

MEBIBYTE = 1 << 20
PATH = "/ws/chat/lobby/"
DROPPED = f"Dropped the socket {PATH!r}"


WITH_TIME_FOR_LAST_WORDS = ("tutorial/backpressure.py", "LAST_WORDS = 1 ", "LAST_WORDS = 30 ")
SERVERS = ["runserver", "uvicorn"]
on_both_servers = pytest.mark.parametrize("watched", SERVERS, indirect=True)


class Room:
    """Two who talk and listen. A third comes later, says a word between theirs, and doesn't read."""

    def __init__(self, server):
        self.server = server
        self.process = psutil.Process(server.process.pid)
        self.readers = server.join("lobby"), server.join("lobby")
        self.said, self.heard = [], ([], [])
        self.silent, self.words = None, []
        self.before = self.peak = None  # bytes of the server's memory
        self.talk(4_000)  # so that it has come to what a room takes anyway
        self.left, self.files = server.ask("left"), count_files(self.process)

    def join(self, **options):
        self.silent = self.server.join("lobby", **options)
        return self.silent

    def talk(self, length, number=100, word=None):
        """
        Say so many messages of this length at once, and hear them. What comes that is no message fails.

        word: how long the third's are, if they are not as long.
        """
        texts = [f"{n:0{length}}" for n in range(len(self.said), len(self.said) + number)]
        if self.silent:
            text = f"word {len(self.words)}".ljust(word or length, ".")
            try:
                self.silent.say(text)
                self.words.append(text)
            except OSError:  # it is no longer there
                self.silent = None
        self.said += texts
        self.readers[0].send(*map(make_message, texts))
        for reader, heard in zip(self.readers, self.heard, strict=True):
            while not heard or heard[-1] != texts[-1]:
                heard.append(reader.hear()["message"])
        memory = self.process.memory_info().rss
        self.before = self.before or memory
        self.peak = max(self.peak or 0, memory)

    def watch_memory(self):
        """Forget what the server took before."""
        self.before = self.peak = self.process.memory_info().rss

    def is_let_go(self):
        return DROPPED in self.server.log()

    def assert_nobody_has_missed_anything(self, words):
        """Assert that both have heard all, in order, and of the third at least so many words."""
        for heard in self.heard:
            assert [text for text in heard if not text.startswith("word")] == self.said
            spoken = [text for text in heard if text.startswith("word")]
            assert spoken == self.words[: len(spoken)]
            assert len(spoken) >= words
        one, other = self.heard
        assert one == other, "and both the same"


def assert_nobody_is_left(server):
    server.close_clients()
    server.until_left()
    server.assert_nothing_broke()


@pytest.mark.parametrize("kind", SERVERS)
def test_whoever_never_reads_costs_little_and_is_cut_off(watch, kind):
    """
    50 MiB go past them. They are let go long before, and a second later their connection is gone.

    The server is the test's own: memory that it has had for others it would use again, and nobody would see it.
    """
    server = watch(server=kind)
    room = Room(server)
    silent = room.join()
    room.watch_memory()
    passed = let_go_after = words = 0
    while passed < 50 * MEBIBYTE:
        room.talk(4_000)
        passed += 100 * 4_000
        if not let_go_after and room.is_let_go():
            let_go_after, words = passed, len(room.words) - 1
    assert let_go_after, "50 MiB have gone past, and nobody was let go."
    assert room.peak - room.before < 16 * MEBIBYTE, f"It cost {(room.peak - room.before) / MEBIBYTE:.1f} MiB."
    assert server.log().count("Dropped the socket") == 1
    server.until_left(**room.left)  # no member, mailbox, task, consumer or connection more than the others'
    until(lambda: count_files(room.process) <= room.files, "the server has closed the socket")
    silent.hear_the_rest()
    assert silent.close_code is None, "That lay behind all that was thrown away."
    room.assert_nobody_has_missed_anything(words)
    assert_nobody_is_left(server)


@pytest.mark.parametrize("kind", SERVERS)
def test_whoever_reads_before_the_connection_is_cut_learns_why(watch, kind):
    """
    Here they have half a minute for it: on a busy machine they might not come to read all within a second.

    The last sixth of what may wait are messages of 20 characters: 14,000. All six would take too long for a test.

    The system takes in megabytes before anything waits in the server, and five sixths are filled with longer ones.
    """
    server = watch(WITH_TIME_FOR_LAST_WORDS, server=kind)
    if kind == "runserver":
        assert server.ask("wait_for_answers", 30) >= LAST_WORDS, "daphne would cut them off before we do"
    room = Room(server)
    silent = room.join(buffer=4096)
    first = len(room.said)
    while server.ask("kept", silent.port) < MAY_WAIT * 5 // 6:
        room.talk(4_000, number=10)
    room.watch_memory()
    short = 0
    while short < 20_000 and not room.is_let_go():
        room.talk(20)
        short += 100
    words = len(room.words) - 1
    heard = [frame["message"] for frame in silent.hear_the_rest()]
    assert room.is_let_go(), "20,000 messages have gone past, and nobody was let go."
    assert short > 5_000, "These are too few to let anyone go."
    assert silent.close_code == TOO_SLOW == 4013
    in_order = [text for text in heard if not text.startswith("word")]
    assert in_order == room.said[first : first + len(in_order)], "all up to that moment, and in order"
    assert 6 * (room.peak - room.before) < 16 * MEBIBYTE, f"It cost {(room.peak - room.before) / MEBIBYTE:.1f} MiB."
    assert server.log().count("Dropped the socket") == 1
    server.until_left(**room.left)
    room.silent = None
    room.talk(20)
    room.assert_nobody_has_missed_anything(words)
    assert_nobody_is_left(server)


@on_both_servers
@pytest.mark.parametrize("word", [4_000, 20], ids=["alike", "mixed"])
def test_whoever_reads_slowly_stays(watched, word):
    """Megabytes wait for them all the time, and five times as much goes past as may wait."""
    room = Room(watched)
    slow = room.join(buffer=4096)
    first, heard, behind = len(room.said), [], []
    while len(room.said) * 4_000 < 5 * MAY_WAIT:
        room.talk(4_000, word=word)
        assert not room.is_let_go()
        while watched.ask("kept", slow.port) > MAY_WAIT * 3 // 4:
            heard += slow.hear_messages(10)
        behind.append(watched.ask("kept", slow.port))
    middle = behind[len(behind) // 2 :]
    assert min(middle) > MAY_WAIT // 4, "This test is about somebody who is always behind."
    while len(heard) < len(room.said) - first + len(room.words):
        heard += slow.hear_messages(1)
    assert heard == room.heard[0][first:]
    room.assert_nobody_has_missed_anything(len(room.words))


@on_both_servers
def test_whoever_reads_stays_however_much_comes_at_once(watched):
    """4 MiB of mail lie in a mailbox, and the consumer hands them to the server without a break."""
    reader, talker = watched.join("lobby", query="hold=chat_msg"), watched.join("lobby")
    text = "😀" * 4_000  # 48 kB in a frame
    for _ in range(90):
        talker.say(text)
        assert talker.hear() == {"message": text}
    watched.ask("release")
    assert reader.hear_messages(90) == [text] * 90
    assert "Dropped the socket" not in watched.log()
