"""
Somebody who keeps talking and never reads: the server keeps little for them, lets them go, and the others notice
nothing. On both servers that the chat runs on: daphne, which is behind runserver, and uvicorn.
"""

import psutil
import pytest
from running import share, until
from test_soak import count_files
from watched import WatchedServer, make_message

from tutorial.backpressure import MAY_WAIT, TOO_SLOW

MEBIBYTE = 1 << 20
PATH = "/ws/chat/lobby/"
LET_GO = f"Let go the socket {PATH!r}"


@pytest.fixture(scope="module", params=["runserver", "uvicorn"])
def shared_watch(request, tmp_path_factory):
    yield from share(WatchedServer(tmp_path_factory.mktemp("server"), request.param))


@pytest.fixture
def server(shared_watch):
    """A server for all tests of this file. None of them may leave anything behind in it."""
    shared_watch.forget_log()
    shared_watch.ask("hold")
    yield shared_watch
    shared_watch.close_clients()
    shared_watch.until_left()


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
        return LET_GO in self.server.log()

    def assert_nobody_has_missed_anything(self, words):
        """Assert that both have heard all, in order, and of the third at least so many words."""
        for heard in self.heard:
            assert [text for text in heard if not text.startswith("word")] == self.said
            spoken = [text for text in heard if text.startswith("word")]
            assert spoken == self.words[: len(spoken)]
            assert len(spoken) >= words
        one, other = self.heard
        assert one == other, "and both the same"


def test_whoever_never_reads_costs_little_and_is_cut_off(server):
    """
    50 MiB go past them. They are let go long before, and a second later their connection is gone.

    This test is the first: memory that the server has had for others it would use again, and nobody would see it.
    """
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
    assert server.log().count("Let go") == 1
    server.until_left(**room.left)  # no member, mailbox, task, consumer or connection more than the others'
    until(lambda: count_files(room.process) <= room.files, "the server has closed the socket")
    silent.hear_the_rest()
    assert silent.close_code is None, "That lay behind all that was thrown away."
    room.assert_nobody_has_missed_anything(words)


def test_whoever_reads_within_the_last_second_learns_why(server):
    """
    The last sixth of what may wait are messages of 20 characters: 14,000. All six would take too long for a test.

    The system takes in megabytes before anything waits in the server, and five sixths are filled with longer ones.
    """
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
    assert server.log().count("Let go") == 1
    server.until_left(**room.left)
    room.silent = None
    room.talk(20)
    room.assert_nobody_has_missed_anything(words)


@pytest.mark.parametrize("word", [4_000, 20], ids=["alike", "mixed"])
def test_whoever_reads_slowly_stays(server, word):
    """Megabytes wait for them all the time, and five times as much goes past as may wait."""
    room = Room(server)
    slow = room.join(buffer=4096)
    first, heard, behind = len(room.said), [], []
    while len(room.said) * 4_000 < 5 * MAY_WAIT:
        room.talk(4_000, word=word)
        assert not room.is_let_go()
        while server.ask("kept", slow.port) > MAY_WAIT * 3 // 4:
            heard += slow.hear_messages(10)
        behind.append(server.ask("kept", slow.port))
    middle = behind[len(behind) // 2 :]
    assert min(middle) > MAY_WAIT // 4, "This test is about somebody who is always behind."
    while len(heard) < len(room.said) - first + len(room.words):
        heard += slow.hear_messages(1)
    assert heard == room.heard[0][first:]
    room.assert_nobody_has_missed_anything(len(room.words))


def test_whoever_reads_stays_however_much_comes_at_once(server):
    """4 MiB of mail lie in a mailbox, and the consumer hands them to the server without a break."""
    reader, talker = server.join("lobby", query="hold=chat_msg"), server.join("lobby")
    text = "😀" * 4_000  # 48 kB in a frame
    for _ in range(90):
        talker.say(text)
        assert talker.hear() == {"message": text}
    server.ask("release")
    assert reader.hear_messages(90) == [text] * 90
    assert "Let go" not in server.log()
