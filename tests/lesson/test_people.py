"""The people of the stage tests: what an application sends is heard, whenever it ends."""

import asyncio
from types import SimpleNamespace

from stage import next_event


async def hear_last_words(delay):
    """Return what next_event() returns of an application that sends one event after so many seconds, and ends."""
    queue = asyncio.Queue()

    async def application():
        await asyncio.sleep(delay)
        await queue.put({"type": "websocket.close"})

    future = asyncio.ensure_future(application())
    return await next_event(SimpleNamespace(output_queue=queue, future=future), timeout=0.5)


async def test_what_an_application_sends_last_is_heard_though_it_ends_at_the_end_of_a_turn():
    delays = [0.0099 + number * 1e-7 for number in range(2000)]  # around a turn of 10 ms
    heard = await asyncio.gather(*map(hear_last_words, delays))
    assert heard == [{"type": "websocket.close"}] * len(delays)
