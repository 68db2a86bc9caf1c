"""
What does somebody cost who stops reading, and for how long? It takes about a minute.

    python tests/benchmarks/non_reader.py

One member of a room of two doesn't read its socket any more. The other one talks; what the server keeps for the first
is seen in its memory (RSS), and that it has given up in its log.
"""

import sys
import time

import psutil
from servers import PROJECT, SERVERS, Crowd, ServerFailed, serve
from workshop.load import make_frame

AT_ONCE = 100  # messages under way together
ON_THE_WAY = 10_000  # messages of 1,000 characters: what the system itself takes in, before the server keeps anything


def say(crowd, talker, text, number):
    """Let the talker say this so often, and hear it."""
    frame = make_frame(text)
    for _ in range(number // AT_ONCE):
        talker.frames = 0
        talker.send(frame * AT_ONCE)
        crowd.until(lambda: talker.frames >= AT_ONCE)


def main():
    sys.stdout.reconfigure(encoding="utf-8")
    try:
        with serve(SERVERS[PROJECT]) as (server, _):
            process = psutil.Process(server.process.pid)
            with Crowd(server.port, 2) as crowd:
                start = time.monotonic()
                talker, silent = crowd.members
                crowd.selector.unregister(silent.socket)
                gone = f"WebSocket DISCONNECT {crowd.path} [127.0.0.1:{silent.socket.getsockname()[1]}]"
                say(crowd, talker, "x" * 1000, ON_THE_WAY)
                for length, number in ((20, 40_000), (4_000, 2_000)):
                    before = process.memory_info().rss
                    say(crowd, talker, "x" * length, number)
                    grown = (process.memory_info().rss - before) / number
                    print(f"A message of {length} characters that waits for it: {grown:.0f} bytes.", flush=True)
                while gone not in server.log():
                    say(crowd, talker, "x" * 20, AT_ONCE)
                    time.sleep(0.5)  # the log tells nobody that it has grown
                print(f"The server gave it up {time.monotonic() - start:.0f} s after it had come.")
    except ServerFailed as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
