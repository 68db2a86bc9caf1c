"""How fast the chat is, measured side by side with what stage 7 leaves."""

from workshop.measuring.speed import burst, flood, measure
from workshop.measuring.profile import profile

__all__ = ["burst", "flood", "measure", "profile"]
