"""
Have more patience with somebody who doesn't read. Let a message wait in a mailbox for five minutes, not one, before it
is thrown away. Do the same for Redis.
"""

import os
import subprocess
import sys

from stage import expect

FILE = "tutorial/settings.py"
STAGE = 7
SOLUTION = [
    (
        "tutorial/settings.py",
        """\
CAPACITY = 10_000
""",
        """\
CAPACITY = 10_000
EXPIRY = 5 * 60  # seconds that a message may wait there before it is thrown away
""",
    ),
    (
        "tutorial/settings.py",
        """\
                "capacity": CAPACITY,
""",
        """\
                "capacity": CAPACITY,
                "expiry": EXPIRY,
""",
    ),
    (
        "tutorial/settings.py",
        '            "CONFIG": {"capacity": CAPACITY},\n',
        '            "CONFIG": {"capacity": CAPACITY, "expiry": EXPIRY},\n',
    ),
]


def test_a_message_waits_five_minutes_in_memory(layer):
    """In memory, a message may wait for 300 seconds."""
    expect(
        layer.expiry == 300,
        seen=f"Messages expire after {layer.expiry} s.",
        asked='"expiry": 300 in the CONFIG of the InMemoryChannelLayer.',
        file=FILE,
    )


def test_a_message_waits_five_minutes_on_redis(pytestconfig):
    """With REDIS_URL set, a message may wait for 300 seconds too."""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import tutorial.asgi\n"
            "from channels.layers import get_channel_layer\n"
            "layer = get_channel_layer()\n"
            "print(type(layer).__name__, layer.expiry)",
        ],
        cwd=pytestconfig.project,
        env={**os.environ, "REDIS_URL": "redis://localhost:6379"},
        capture_output=True,
        encoding="utf-8",
        timeout=30,
    )
    seen = run.stdout.strip() or (run.stderr.strip().splitlines() or ["nothing"])[-1]
    expect(
        seen == "RedisChannelLayer 300",
        seen=f"With REDIS_URL set, the layer and its expiry are: {seen}",
        asked='"expiry": 300 in the CONFIG of the RedisChannelLayer too, next to "hosts" and "capacity".',
        file=FILE,
    )
