"""
Be patient, but not for ever. Give `try_to_welcome` a second parameter, `patience=60`: a person who has not said their
name within so many seconds hears "Come back later.", and `try_to_welcome` returns None.
"""

import asyncio

import pytest
from stage import Unmet, expect, shorten
from stage.guests import WELCOME, Party, told

STAGE = "2b"
SOLUTION = [
    (
        "welcome.py",
        '''\
async def try_to_welcome(person):
    """Welcome a person. Return their name, or None if they leave before they have said it."""
    try:
        return await welcome(person)
    except ConnectionError:
        return None
''',
        '''\
async def try_to_welcome(person, patience=60):
    """Welcome a person. Return their name, or None if they leave, or say nothing for so many seconds."""
    try:
        return await asyncio.wait_for(welcome(person), patience)
    except asyncio.TimeoutError:
        await person.say("Come back later.")
        return None
    except ConnectionError:
        return None
''',
    ),
]

LIMIT = "try_to_welcome() awaits `asyncio.wait_for(welcome(person), patience)`, and catches asyncio.TimeoutError."
LATER = 'After the timeout, `await person.say("Come back later.")`, and then None is returned.'


@pytest.fixture
def party(pytestconfig):
    return Party(pytestconfig.project)


@told
async def test_whoever_says_nothing_is_not_waited_for_for_ever(party):
    """Alice says nothing. After a hundredth of a second, which is all the patience here, she hears that it is over."""
    [alice] = party.guests("Alice")
    task = party.start("try_to_welcome", alice, patience=0.01)
    await party.until(task.done)
    expect(
        task.done(),
        seen="Alice said nothing, the time was over, and try_to_welcome() still waits for her.",
        asked=LIMIT,
        file=WELCOME,
    )
    try:
        name = await party.result(task, "try_to_welcome")
    except asyncio.TimeoutError as error:
        raise Unmet("The time was over, and TimeoutError came out of try_to_welcome().", LIMIT, WELCOME) from error
    expect(
        alice.heard[1:] == ["Come back later."],
        seen=f"The time was over, and Alice heard {', '.join(map(shorten, alice.heard[1:])) or 'nothing of it'}.",
        asked=LATER,
        file=WELCOME,
    )
    expect(
        name is None,
        seen=f"The time was over, and try_to_welcome() returned {shorten(name)}.",
        asked=LATER,
        file=WELCOME,
    )


@told
async def test_whoever_answers_in_time_is_welcomed(party):
    """Bob answers in time, and is welcomed as before."""
    [bob] = party.guests("Bob")
    task = party.start("try_to_welcome", bob, patience=60)
    await party.turns()
    bob.answer()
    name = await party.result(task, "try_to_welcome")
    expect(
        name == "Bob" and bob.heard[1:] == ["Hello, Bob!"],
        seen=f"Bob answered in time. He heard {shorten(bob.heard[1:])}, and try_to_welcome() returned {shorten(name)}.",
        asked="For whoever answers in time, all stays as it was: the greeting, and the name that is returned.",
        file=WELCOME,
    )


@told
async def test_whoever_leaves_still_gives_none(party):
    """Carol leaves, and try_to_welcome() returns None, as before."""
    [carol] = party.guests("Carol")
    task = party.start("try_to_welcome", carol, patience=60)
    carol.leave()
    try:
        name = await party.result(task, "try_to_welcome")
    except ConnectionError:
        name = "her ConnectionError"
    expect(
        name is None and len(carol.heard) < 2,
        seen=f"Carol left. She heard {shorten(carol.heard[1:])}, and out of try_to_welcome() came {shorten(name)}.",
        asked="`except ConnectionError:` stays, and returns None.",
        file=WELCOME,
    )
