"""A thousand connections come and go, in every way there is, and nothing of them is left."""

import asyncio

from stage import Person


async def test_nothing_is_left_of_a_thousand_connections(application, layer):
    """Most leave, some die of an error, some are ended by the server, some are refused, some leave mail behind."""
    witness = await Person("Alice", application, "/ws/chat/lobby/").join(asked="a room", file="chat/consumers.py")

    async def come_and_go(number):
        visitor = Person(f"Visitor {number}", application, f"/ws/chat/{'x' * 95 if number % 5 == 4 else 'lobby'}/")
        assert await visitor.connect() == (number % 5 != 4)
        if number % 5 != 4:
            await visitor.say(f"I am visitor {number}")
        if number % 5 == 1:  # a frame that kills any consumer: its type is no event of a WebSocket's
            await visitor.socket.send_input({"type": "no.such.event"})
            await asyncio.wait({visitor.socket.future})
            assert visitor.socket.future.exception()
        elif number % 5 == 2:
            visitor.socket.future.cancel()
            await visitor.socket.wait()
        else:
            await visitor.leave()

    for batch in range(0, 1000, 50):
        await asyncio.gather(*(come_and_go(number) for number in range(batch, batch + 50)))

    assert [len(members) for members in layer.groups.values()] == [1], "only Alice is still in the lobby"
    await witness.leave()
    assert layer.groups == {}
    assert layer.channels == {}
    assert asyncio.all_tasks() == {asyncio.current_task()}
