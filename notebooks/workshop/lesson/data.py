"""
What the lesson asks and hints at: predictions/stage_N.json and hints/stage_N.json, with hints/exercises.json.

gaps.json has the SHA-256 of each file with gaps, as the lesson gives it: a notebook that a student has saved holds
theirs.
"""

import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent
GIVEN = HERE / "gaps.json"


def questions(stage):
    """Return a stage's questions: each a dict with its name, question and answers, of which one is right."""
    return _read(HERE / "predictions" / f"stage_{stage}.json", [])


def gap_hints(stage):
    """Return {number of a gap: its hints}, each hint a bit closer to the solution."""
    return {int(number): hints for number, hints in _read(HERE / "hints" / f"stage_{stage}.json", {}).items()}


def exercise_hints():
    """Return {name of an exercise: its hints}."""
    return _read(HERE / "hints" / "exercises.json", {})


def given_digests():
    """Return the digest() of each file with gaps, as the lesson gives it."""
    return set(_read(GIVEN, []))


def digest(content):
    return hashlib.sha256(content).hexdigest()


def _read(path, nothing):
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else nothing
