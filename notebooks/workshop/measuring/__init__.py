"""How fast the chat is, measured side by side with what stage 7 leaves."""

from workshop.measuring.profile import profile
from workshop.measuring.speed import burst, flood, measure

__all__ = ["burst", "flood", "measure", "profile"]
