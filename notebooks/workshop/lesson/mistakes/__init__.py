"""
The classic mistakes: small changes to a stage's right code, each one that people really make.

stage_3.diff holds those of stage 3, say; change.py says how to read it.
"""

from pathlib import Path

from workshop.lesson.mistakes.change import read_changes

MISTAKES = [
    mistake
    for path in sorted(Path(__file__).parent.glob("stage_*.diff"))
    for mistake in read_changes(path, stage=int(path.stem.removeprefix("stage_")))
]
