"""
The classic mistakes: small changes to a stage's right code, mistakes that people really make.

Those of stage 3, for example, are in stage_3.diff. change.py explains the format.
"""

from pathlib import Path

from workshop.lesson.mistakes.change import read_changes

MISTAKES = [
    mistake
    for path in sorted(Path(__file__).parent.glob("stage_*.diff"))
    for mistake in read_changes(path, stage=int(path.stem.removeprefix("stage_")))
]
