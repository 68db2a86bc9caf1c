"""People in rooms, and a recording of what they, their consumers and the channel layer send to each other."""

from workshop.recording.recording import Recording
from workshop.recording.scene import Scene, alone
from workshop.recording.xray import Xray

__all__ = ["Recording", "Scene", "Xray", "alone"]
