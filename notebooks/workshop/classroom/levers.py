"""
The wall's levers: how the teacher slows the chat down, or makes trouble.

Each has the question to ask the class before it is pulled, and what to look at on the wall after that. What they say is
true of the finished chat. A class's own chat may do something else, and then the wall shows what.
"""

LEVERS = [
    {
        "name": "stop",
        "value": "group_add",
        "title": "Stop after group_add",
        "ask": "You open the chat, and your consumer stops after group_add, before accept. We talk. Do you miss it?",
        "watch": "Open the chat in a new window, and talk. Its page can't connect yet, but it is in the group already: "
        "its consumer has taken the first message, the others wait in its mailbox. With On it gets them all.",
    },
    {
        "name": "stop",
        "value": "accept",
        "title": "Stop after accept",
        "ask": "Your page says “Connected”, but your consumer stops right there. You type a message. Who sees it?",
        "watch": "Open the chat in a new window and type. Nobody sees it: a consumer reads no frame before connect() "
        "has ended. What the others say waits in its mailbox, after the first. With On both arrive.",
    },
    {
        "name": "stop",
        "value": "delivery",
        "title": "Stop before a delivery",
        "ask": "Every consumer stops before it sends a message to its person. I say one word. Who reads it now?",
        "watch": "Say one word. It went through the group to everyone's consumer, and it is on nobody's page: not even "
        "the sender's, whose own word comes back the same way. Step lets it go on.",
    },
    {
        "name": "halted",
        "value": None,  # the page asks for the person
        "title": "Halt one consumer",
        "ask": "One person's consumer stops reading its mailbox. Do the others have to wait when they talk?",
        "watch": "Talk. Nobody waits, since each consumer has its own mailbox, and only this one fills. Pull the lever "
        "again: the consumer goes on, and its person reads everything, in order.",
    },
    {
        "name": "capacity",
        "value": 3,
        "title": "Mailboxes of 3",
        "ask": "Each mailbox holds 3 messages. One consumer is halted, we say six. Who misses what, and who is told?",
        "watch": "Halt a consumer and say six things. When its mailbox is full, each message is lost for that one "
        "person (the cross). Its sender reads how many it didn't reach, and has it back in the input.",
    },
    {
        "name": "flood",
        "value": True,
        "title": "A flooder",
        "ask": "One client sends without a break, as fast as it can. Can anyone else still get a word in?",
        "watch": "It is in the room next door. Say something in yours: it gets through. The server takes the flooder's "
        "next frame only when the last one is handled, and then it is the others' turn. Look at your room's delay.",
    },
    {
        "name": "deaf",
        "value": True,
        "title": "A client that never reads",
        "ask": "One client talks, and never reads what it gets back. Where does that pile up: in its mailbox?",
        "watch": "In the room next door. Its mailbox hardly fills: its consumer sends as always, and it all waits in "
        "the socket. When more than 3 MiB wait, the server drops this client, and nobody else notices.",
    },
]
