"""Measure what polling costs beside one socket, and how fast the chat is beside the one that stage 7 leaves."""

from workshop.measuring.comparison import compare
from workshop.measuring.polling import SCHEDULE, measure_polling, measure_socket
from workshop.measuring.profile import profile
from workshop.measuring.speed import burst, flood, measure

__all__ = ["SCHEDULE", "burst", "compare", "flood", "measure", "measure_polling", "measure_socket", "profile"]
