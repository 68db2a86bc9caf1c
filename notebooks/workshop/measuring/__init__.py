"""Measure how fast the chat is, in turns with the project that stage 7 leaves."""

from workshop.measuring.profile import profile
from workshop.measuring.speed import burst, flood, measure

__all__ = ["burst", "flood", "measure", "profile"]
