"""The arrows that each stage adds to the same scenario."""

import json
import tempfile

from workshop.errors import WorkshopError
from workshop.lesson.files import write_files
from workshop.lesson.stages import BUILDS_ON, find_notebook, replay
from workshop.processes.fresh import run_fresh
from workshop.recording import Recording

# Alice and Bob join, Alice says hello, and Bob sends a bad message. A stage that can't do all of this does what it can.
SCENARIO = """
import asyncio, json
from contextlib import suppress

import chat.routing
from workshop.recording import Scene

steps = []
with suppress(Exception):
    consumer = None
    if not chat.routing.websocket_urlpatterns:
        from chat.consumers import ChatConsumer as consumer
    scene = Scene("Alice", "Bob", consumer=consumer)
    steps = scene.recording.steps
    alice, bob = await scene.join("Alice"), await scene.join("Bob")
    await alice.say("hello")
    await alice.hear()
    await bob.hear()
    before = len(steps)
    await bob.send("hello?")
    while not any(step["source"] == "Bob's consumer" for step in steps[before:]):
        await asyncio.sleep(0.01)
print(json.dumps(steps))
"""


def arrows(stage):
    """
    Return the Recording of a scenario in the project that a stage leaves. The arrows that the stage adds are marked.

    Alice and Bob join, Alice says hello, and Bob sends a bad message. The code is the lesson's, not the student's.
    Raises WorkshopError if there is no such stage, or if nobody can join a room after it.
    """
    find_notebook(stage)
    if stage in BUILDS_ON:
        raise WorkshopError("arrows() draws what the finished chat is made of, so the stages up to 8.")
    states = {0: {}, **dict(replay(stage))}
    after = record(states.get(stage, {}))
    if not after.steps:
        raise WorkshopError(f"After stage {stage} nobody can join a room yet: the first arrows come with stage 3.")
    return after.since(record(states[stage - 1]))


def record(files):
    """Play the scenario in a project made of these files, in a fresh process. Return its Recording."""
    recording = Recording()
    with tempfile.TemporaryDirectory(prefix="stage-", ignore_cleanup_errors=True) as folder:
        write_files(files, folder)
        run = run_fresh("workshop.processes.cell", folder, source=SCENARIO, errors=False)
    lines = run.stdout.strip().splitlines()
    if lines and lines[-1].startswith("["):
        recording.steps = json.loads(lines[-1])
    return recording
