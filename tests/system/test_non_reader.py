"""
Somebody keeps talking and never reads. The server keeps little for them and drops them, and the others notice nothing:
with both servers that the chat runs on, daphne, which runserver uses, and uvicorn.
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
    """Two people talk and listen. A third comes later, says a word now and then, and doesn't read."""

    def __init__(self, server):
        self.server = server
        self.process = psutil.Process(server.process.pid)
        self.readers = server.join("lobby"), server.join("lobby")
        self.said, self.heard = [], ([], [])
        self.silent, self.words = None, []
        self.before = self.peak = None  # bytes of the server's memory
        self.talk(4_000)  # so that the server has the memory that any room takes
        self.left, self.files = server.ask("left"), count_files(self.process)

    def join(self, **options):
        self.silent = self.server.join("lobby", **options)
        return self.silent

    def talk(self, length, number=100, word=None):
        """
        Say so many messages of this length at once, and hear them. If an error comes, the test fails.

        `word` is the length of the third person's messages, if it is another one.
        """
        texts = [f"{n:0{length}}" for n in range(len(self.said), len(self.said) + number)]
        if self.silent:
            text = f"word {len(self.words)}".ljust(word or length, ".")
            try:
                self.silent.say(text)
                self.words.append(text)
            except OSError:  # it was dropped
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
        """Measure memory from now on."""
        self.before = self.peak = self.process.memory_info().rss

    def has_dropped_somebody(self):
        return DROPPED in self.server.log()

    def assert_nobody_has_missed_anything(self, words):
        """Assert that both have heard everything in order, and at least so many words of the third."""
        for heard in self.heard:
            assert [text for text in heard if not text.startswith("word")] == self.said
            spoken = [text for text in heard if text.startswith("word")]
            assert spoken == self.words[: len(spoken)]
            assert len(spoken) >= words
        one, other = self.heard
        assert one == other, "and both in the same order"


def assert_nobody_is_left(server):
    server.close_clients()
    server.until_left()
    server.assert_nothing_broke()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_client_that_never_reads_costs_little_and_is_cut_off(watch, kind):
    """
    50 MiB are sent in its room. It is dropped long before, and a second later its connection is cut.

    This server is not shared: it would use memory again that it had for other tests, and the test would see no growth.
    """
    server = watch(server=kind)
    room = Room(server)
    silent = room.join()
    room.watch_memory()
    passed = dropped_after = words = 0
    while passed < 50 * MEBIBYTE:
        room.talk(4_000)
        passed += 100 * 4_000
        if not dropped_after and room.has_dropped_somebody():
            dropped_after, words = passed, len(room.words) - 1
    assert dropped_after, "50 MiB were sent, and nobody was dropped."
    assert room.peak - room.before < 16 * MEBIBYTE, f"It cost {(room.peak - room.before) / MEBIBYTE:.1f} MiB."
    assert server.log().count("Dropped the socket") == 1
    server.until_left(**room.left)  # only the others' members, mailboxes, tasks, consumers and connections
    until(lambda: count_files(room.process) <= room.files, "the server has closed the socket")
    silent.hear_the_rest()
    assert silent.close_code is None, "The close frame would come after everything that was thrown away."
    room.assert_nobody_has_missed_anything(words)
    assert_nobody_is_left(server)


@pytest.mark.parametrize("kind", SERVERS)
def test_a_client_that_reads_before_the_connection_is_cut_learns_why(watch, kind):
    """
    Here it has half a minute: on a busy machine, a second might not be enough to read everything.

    The system accepts megabytes before anything waits in the server. Then five sixths of what may wait are long
    messages, and the last sixth are 14,000 messages of 20 characters. Only short ones would take too long.
    """
    server = watch(WITH_TIME_FOR_LAST_WORDS, server=kind)
    if kind == "runserver":
        assert server.ask("wait_for_answers", 30) >= LAST_WORDS, "daphne would cut it off before we do"
    room = Room(server)
    silent = room.join(buffer=4096)
    first = len(room.said)
    while server.ask("kept", silent.port) < MAY_WAIT * 5 // 6:
        room.talk(4_000, number=10)
    room.watch_memory()
    short = 0
    while short < 20_000 and not room.has_dropped_somebody():
        room.talk(20)
        short += 100
    words = len(room.words) - 1
    heard = [frame["message"] for frame in silent.hear_the_rest()]
    assert room.has_dropped_somebody(), "20,000 messages were sent, and nobody was dropped."
    assert short > 5_000, "These are too few to drop anyone."
    assert silent.close_code == TOO_SLOW == 4013
    in_order = [text for text in heard if not text.startswith("word")]
    assert in_order == room.said[first : first + len(in_order)], "everything up to that moment, in order"
    assert 6 * (room.peak - room.before) < 16 * MEBIBYTE, f"It cost {(room.peak - room.before) / MEBIBYTE:.1f} MiB."
    assert server.log().count("Dropped the socket") == 1
    server.until_left(**room.left)
    room.silent = None
    room.talk(20)
    room.assert_nobody_has_missed_anything(words)
    assert_nobody_is_left(server)


@on_both_servers
@pytest.mark.parametrize("word", [4_000, 20], ids=["alike", "mixed"])
def test_a_slow_reader_is_not_dropped(watched, word):
    """Megabytes wait for it all the time, and five times as much is sent as may wait."""
    room = Room(watched)
    slow = room.join(buffer=4096)
    first, heard, behind = len(room.said), [], []
    while len(room.said) * 4_000 < 5 * MAY_WAIT:
        room.talk(4_000, word=word)
        assert not room.has_dropped_somebody()
        while watched.ask("kept", slow.port) > MAY_WAIT * 3 // 4:
            heard += slow.hear_messages(10)
        behind.append(watched.ask("kept", slow.port))
    middle = behind[len(behind) // 2 :]
    assert min(middle) > MAY_WAIT // 4, "This test needs somebody who is always behind."
    while len(heard) < len(room.said) - first + len(room.words):
        heard += slow.hear_messages(1)
    assert heard == room.heard[0][first:]
    room.assert_nobody_has_missed_anything(len(room.words))


@on_both_servers
def test_a_reader_is_not_dropped_however_much_comes_at_once(watched):
    """4 MiB of events wait in a mailbox, and the consumer hands them to the server without a break."""
    reader, talker = watched.join("lobby", query="hold=chat_msg"), watched.join("lobby")
    text = "😀" * 4_000  # 48 kB in a frame
    for _ in range(90):
        talker.say(text)
        assert talker.hear() == {"message": text}
    watched.ask("release")
    assert reader.hear_messages(90) == [text] * 90
    assert "Dropped the socket" not in watched.log()
