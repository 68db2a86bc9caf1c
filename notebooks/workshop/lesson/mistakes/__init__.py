"""
The classic mistakes: small changes to a stage's right code, mistakes that people really make.

Those of stage 3, for example, are in stage_3.diff. change.py explains the format.
"""

from pathlib import Path

from workshop.lesson.mistakes.change import read_changes

MISTAKES = read_changes(Path(__file__).parent)
