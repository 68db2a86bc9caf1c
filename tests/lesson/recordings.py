"""
The main scenarios and their recordings: recordings/NAME.txt, one line for each step, to be read and reviewed.

    python tests/lesson/recordings.py     write all of them again
"""

import asyncio
import os
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).with_name("recordings")
sys.path.insert(0, str(REPOSITORY / "notebooks"))


async def hello():
    """Alice and Bob join, Alice speaks, both hear it, both leave."""
    from workshop.recording import Scene

    scene = Scene("Alice", "Bob")
    alice, bob = await scene.join("Alice"), await scene.join("Bob")
    await alice.say("hello")
    await alice.hear()
    await bob.hear()
    await bob.leave()
    await alice.leave()
    return scene


async def rooms_apart():
    """Carol is in a room of her own, with a name that no layer takes as it is."""
    from workshop.recording import Scene

    scene = Scene("Alice", "Carol")
    alice, carol = await scene.join("Alice", "lobby"), await scene.join("Carol", "聊天室")
    await alice.say("hello")
    await alice.hear()
    await carol.say("你好")
    await carol.hear()
    return scene


async def bad_frame():
    """Alice sends a frame that isn't a message, and gets an answer. Bob notices nothing."""
    from workshop.recording import Scene

    scene = Scene("Alice", "Bob")
    alice, bob = await scene.join("Alice"), await scene.join("Bob")
    await alice.send("hello?")
    await alice.hear()
    await bob.say("Alice?")
    await bob.hear()
    await alice.hear()
    return scene


async def refused_room():
    """No room has 95 letters: the socket is refused, and there is no group."""
    from workshop.recording import Scene

    scene = Scene("Alice")
    alice = await scene.join("Alice", "x" * 95)
    assert await alice.end() is None
    return scene


async def dying_consumer():
    """An event without a handler kills Alice's consumer, which leaves its room all the same."""
    from workshop.recording import Scene

    scene = Scene("Alice")
    alice = await scene.join("Alice")
    await scene.recording.layer.group_send("chat_lobby", {"type": "no_such_handler"})
    assert await alice.end() == "ValueError"
    return scene


async def stopped_before_accept():
    """Bob is in the group but not yet accepted: what is said in between waits for him."""
    from workshop.recording import Scene

    scene = Scene("Alice", "Bob")
    alice = await scene.join("Alice")
    scene.recording.pause_after("group_add", "Bob")
    bob = await scene.join("Bob", accepted=False)
    await scene.recording.paused()
    await alice.say("Bob, are you there?")
    await alice.hear()
    scene.recording.resume()
    assert await bob.hear() == "websocket.accept"
    assert await bob.hear() == {"message": "Bob, are you there?"}
    return scene


async def full_mailbox(layer=None):
    """Bob's consumer stops, and his mailbox holds two messages: the third is lost, and nobody is told."""
    from channels.layers import InMemoryChannelLayer
    from workshop.recording import Scene

    scene = Scene("Alice", "Bob", layer=layer or InMemoryChannelLayer(capacity=2))
    alice, _ = await scene.join("Alice"), await scene.join("Bob")
    scene.recording.pause_after("frame", "Bob")
    for word in ("one", "two", "three", "four"):
        await alice.say(word)
        while await alice.hear() != {"message": word}:
            pass
    return scene


async def lost_connection():
    """Alice's connection is lost while her consumer stops. Neither hears the other any more, until she joins again."""
    from workshop.recording import Scene

    scene = Scene("Alice", "Bob")
    alice, bob = await scene.join("Alice"), await scene.join("Bob")
    scene.recording.pause_after("group_send", "Alice")
    await alice.say("hello")
    await scene.recording.paused()
    await bob.hear()
    await alice.lose()
    await alice.say("Can you hear me?")
    scene.recording.resume()
    assert await alice.end() is None
    alice = await scene.join("Alice")
    await bob.say("Again, please")
    await alice.hear()
    await bob.hear()
    return scene


SCENARIOS = [
    hello,
    rooms_apart,
    bad_frame,
    refused_room,
    dying_consumer,
    stopped_before_accept,
    full_mailbox,
    lost_connection,
]


def path(scenario):
    return FOLDER / f"{scenario.__name__}.txt"


async def record(scenario):
    """Return a scenario's recording as text, taken before the loop ends and the consumers with it."""
    return (await scenario()).recording.text() + "\n"


def main():
    sys.path.insert(0, str(REPOSITORY))
    os.environ["DJANGO_SETTINGS_MODULE"] = "tutorial.settings"
    os.environ.pop("REDIS_URL", None)
    import django

    django.setup()
    FOLDER.mkdir(exist_ok=True)
    for scenario in SCENARIOS:
        path(scenario).write_text(asyncio.run(record(scenario)), encoding="utf-8", newline="\n")
        print(path(scenario))


if __name__ == "__main__":
    main()
