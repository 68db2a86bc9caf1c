"""A thousand connections come and go in every possible way, and leave nothing behind."""

import asyncio

from stage import Person


async def test_a_thousand_connections_leave_nothing_behind(application, layer):
    """Most leave, some die of an error, some are closed or refused by the server, and some leave events unread."""
    witness = await Person("Alice", application, "/ws/chat/lobby/").join(asked="a room", file="chat/consumers.py")

    async def come_and_go(number):
        visitor = Person(f"Visitor {number}", application, f"/ws/chat/{'x' * 95 if number % 5 == 4 else 'lobby'}/")
        assert await visitor.connect() == (number % 5 != 4)
        if number % 5 != 4:
            await visitor.say(f"I am visitor {number}")
        if number % 5 == 1:  # an event that kills any consumer, since WebSocket has no such type
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
