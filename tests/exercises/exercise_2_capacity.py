"""
Let a mailbox in the channel layer hold 500 messages. It holds 100 now.
"""

from channels.exceptions import ChannelFull
from stage import expect

FILE = "tutorial/settings.py"
STAGE = 2
SOLUTION = [
    (
        "tutorial/settings.py",
        """\
    "default": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
""",
        """\
    "default": {
        "BACKEND": "channels.layers.InMemoryChannelLayer",
        "CONFIG": {"capacity": 500},
    },
""",
    ),
]


async def test_a_mailbox_holds_500_messages(layer):
    """A mailbox that nobody reads holds 500 messages, and no more."""
    mailbox = await layer.new_channel()
    held = 0
    try:
        while held <= 500:
            await layer.send(mailbox, {"type": "chat_msg", "message": str(held)})
            held += 1
    except ChannelFull:
        pass
    expect(
        held == 500,
        seen=f"The mailbox was full after {held} messages." if held < 500 else "The mailbox held more than 500.",
        asked='CHANNEL_LAYERS["default"]["CONFIG"]["capacity"] is 500.',
        file=FILE,
    )
