"""Record when coroutines run and when they wait. They need no line of code for it."""

import asyncio
import functools
import time
import types

from workshop.drawing.turns import turns


class Turns:
    """
    Who ran when: a recording of coroutines that ran side by side on one event loop.

    `turns` has a (name, start, end) for each time that one of them was given the loop, in seconds from the beginning,
    to a tenth: what differs between two runs is far less.
    """

    def __init__(self, names):
        self.names, self.turns = list(names), []
        self._begin = time.perf_counter()

    @classmethod
    async def of(cls, **coroutines):
        """Run these coroutines at once, and return the Turns: `await Turns.of(Alice=answer(…), Bob=answer(…))`."""
        recording = cls(coroutines)
        await asyncio.gather(*[recording._watch(name, coroutine) for name, coroutine in coroutines.items()])
        return recording

    async def _watch(self, name, coroutine):
        return await self._drive(name, coroutine)

    @types.coroutine
    def _drive(self, name, coroutine):
        """Do what `await coroutine` does, and note each turn: from where it goes on to where it waits again."""
        go_on = functools.partial(coroutine.send, None)
        while True:
            start = self._now()
            try:
                waits_for = go_on()
            except StopIteration as over:
                return over.value
            finally:
                self.turns.append((name, start, self._now()))
            try:
                go_on = functools.partial(coroutine.send, (yield waits_for))
            except BaseException as error:
                go_on = functools.partial(coroutine.throw, error)

    def _now(self):
        return round(time.perf_counter() - self._begin, 1)

    def text(self):
        """Return the recording as text, with one line for each turn."""
        return "\n".join(
            f"{start} s: {name} runs" + (f" until {end} s" if end > start else "") for name, start, end in self.turns
        )

    __repr__ = text

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/svg+xml": turns(self), "text/plain": self.text()}
