"""A class in one room: the chat for everyone in the network, the wall that shows what happens inside, and the board."""
