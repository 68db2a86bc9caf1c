"""Async, in one picture: welcome.py, which welcomes everyone who comes, all of them at once and in one process."""

import pytest
from stage import StoodStill, Unmet, expect, shorten
from stage.guests import WELCOME, Party, told

ASKS = 'welcome() waits for the name with `await person.hear()`, and then says f"Hello, {name}!".'
TRIES = "try_to_welcome() awaits welcome(person) inside `try`, and returns the name."
LEFT = "If awaiting welcome() raises ConnectionError, try_to_welcome() returns None."
AT_ONCE = "welcome_all() makes a coroutine for each person, and runs all of them at once: `await asyncio.gather(…)`."


@pytest.fixture
def party(pytestconfig):
    """The student's file, and the guests who come."""
    return Party(pytestconfig.project)


@told
async def test_a_person_is_asked_and_greeted_by_name(party):
    """Alice is asked for her name. When she has said it, she is greeted by it."""
    [alice] = party.guests("Alice")
    task = party.start("welcome", alice)
    await party.turns()
    early = [*alice.heard]
    over = task.done()
    alice.answer()
    name = await party.result(task, "welcome")
    expect(early, seen="Alice came, and was asked nothing.", asked=ASKS, file=WELCOME)
    expect(
        len(early) == 1 and not over,
        seen="welcome() went on before Alice had said a word: "
        + (f"it was over, and returned {shorten(name)}." if over else f"she heard {shorten((early or [None])[-1])}."),
        asked=ASKS,
        file=WELCOME,
    )
    expect(
        alice.heard[1:] == ["Hello, Alice!"],
        seen=f'Alice said "Alice", and then she heard {", ".join(map(shorten, alice.heard[1:])) or "nothing"}.',
        asked=ASKS,
        file=WELCOME,
    )


@told
async def test_the_name_comes_back(party):
    """What welcome() returns is the name: whoever awaits it gets it."""
    [alice] = party.guests("Alice")
    task = party.start("welcome", alice)
    alice.answer()
    name = await party.result(task, "welcome")
    expect(
        name == "Alice",
        seen=f'Alice said "Alice", and `await welcome(alice)` gave {shorten(name)}.',
        asked="welcome() ends with `return name`.",
        file=WELCOME,
    )


@told
async def test_somebody_who_leaves_gives_none(party):
    """try_to_welcome() gives the name of somebody who stays, and None for somebody who leaves."""
    alice, bob = party.guests("Alice", "Bob")
    task = party.start("try_to_welcome", alice)
    alice.answer()
    name = await party.result(task, "try_to_welcome")
    expect(
        name == "Alice",
        seen=f'Alice said "Alice", and try_to_welcome() returned {shorten(name)}.',
        asked=TRIES,
        file=WELCOME,
    )
    task = party.start("try_to_welcome", bob)
    bob.leave()
    try:
        name = await party.result(task, "try_to_welcome")
    except ConnectionError:
        raise Unmet("Bob left, and his ConnectionError came out of try_to_welcome().", LEFT, WELCOME) from None
    expect(name is None, seen=f"Bob left, and try_to_welcome() returned {shorten(name)}.", asked=LEFT, file=WELCOME)


@told
async def test_no_other_error_is_hidden(party):
    """try_to_welcome() catches nothing else: a mistake in the code is still heard of."""
    [alice] = party.guests("Alice")
    task = party.start("try_to_welcome", alice)
    alice.leave(ZeroDivisionError("a mistake in the code"))
    try:
        name = await party.result(task, "try_to_welcome")
    except ZeroDivisionError:
        return
    expect(alice.heard, seen="try_to_welcome() asked nobody for a name.", asked=TRIES, file=WELCOME)
    raise Unmet(
        f"The code divided by zero, and try_to_welcome() returned {shorten(name)}: nobody will ever hear of it.",
        "`except ConnectionError:`, the one error that means that somebody has left.",
        WELCOME,
    )


@told
async def test_everyone_is_asked_at_once(party):
    """Everyone is asked at once: Bob need not wait until Alice has answered."""
    alice, bob = party.guests("Alice", "Bob")
    task = party.start("welcome_all", [alice, bob])
    both = await party.until(lambda: alice.heard and bob.heard, task)
    if task.done():
        await party.result(task, "welcome_all")  # an error, or a promise in place of the names, says more
        raise Unmet("welcome_all() was over before Alice and Bob had answered: it waited for nobody.", AT_ONCE, WELCOME)
    expect(
        both,
        seen="Alice thinks about her answer, and Bob isn't even asked: he has to wait for hers.",
        asked=AT_ONCE,
        file=WELCOME,
    )


@told
async def test_the_names_come_in_the_order_of_the_people(party):
    """The names come back in the order of the people, whoever answers first."""
    people = party.guests("Alice", "Bob", "Carol")
    task = party.start("welcome_all", people)
    for person in reversed(people):
        person.answer()
        await party.until(lambda person=person: len(person.heard) > 1, task)
    names = await party.result(task, "welcome_all")
    expect(
        names == ["Alice", "Bob", "Carol"],
        seen=f"Carol answered first, then Bob, then Alice, and welcome_all() returned {shorten(names)}.",
        asked="A list of what try_to_welcome() returns for each, in the order of the people, as gather() gives it.",
        file=WELCOME,
    )


@told
async def test_one_who_leaves_ends_nobody_elses_welcome(party):
    """If Bob leaves, Alice and Carol are welcomed all the same."""
    alice, bob, carol = party.guests("Alice", "Bob", "Carol")
    task = party.start("welcome_all", [alice, bob, carol])
    alice.answer()
    bob.leave()
    carol.answer()
    asked = "welcome_all() runs try_to_welcome(person), which gives None for somebody who has left."
    try:
        names = await party.result(task, "welcome_all")
    except Exception as error:
        causes = getattr(error, "exceptions", [error])  # a TaskGroup raises a group of errors
        if not any(isinstance(cause, ConnectionError) for cause in causes):
            raise
        names = error
    expect(
        not isinstance(names, Exception),
        seen="Bob left, and his ConnectionError came out of welcome_all(): the names of the others are lost.",
        asked=asked,
        file=WELCOME,
    )
    expect(
        names == ["Alice", None, "Carol"],
        seen=f"Alice and Carol answered, Bob left, and welcome_all() returned {shorten(names, 90)}.",
        asked=asked,
        file=WELCOME,
    )


@told
async def test_nothing_makes_everybody_wait(party):
    """While one person is welcomed, the others go on: nothing blocks the event loop that they share."""
    alice, bob = party.guests("Alice", "Bob")
    task = party.start("welcome_all", [alice, bob])
    for person in (alice, bob):
        person.answer()
    await party.result(task, "welcome_all")
    if party.slept:
        raise StoodStill(
            f"time.sleep() makes everybody wait, and not only one person.{party.place(party.slept[0])}",
            "A coroutine waits with `await asyncio.sleep(…)`, or doesn't wait at all.",
            WELCOME,
        )
    expect(
        [person.heard[1:] for person in (alice, bob)] == [["Hello, Alice!"], ["Hello, Bob!"]],
        seen=f"Alice and Bob answered, and heard {shorten(alice.heard[1:])} and {shorten(bob.heard[1:])}.",
        asked=AT_ONCE,
        file=WELCOME,
    )
