"""The predictions: questions that answer back."""

import difflib

from workshop.drawing import Question
from workshop.errors import WorkshopError
from workshop.lesson.data import questions
from workshop.lesson.stages import stages
from workshop.verbs.join import report
from workshop.verbs.progress import note, read_progress

LETTERS = "abcdef"


def predict(name, answer=None):
    """
    Return a question of the lesson, or with an answer ("a", "b", …) what is right or wrong about that answer.

    Raises WorkshopError if there is no such question, or no such answer.
    """
    everything = {question["name"]: question for stage in stages() for question in questions(stage)}
    if name not in everything:
        near = difflib.get_close_matches(str(name), everything, n=1)
        raise WorkshopError(f"There is no question called {name!r}." + (f" There is {near[0]!r}." if near else ""))
    question = everything[name]
    letters = LETTERS[: len(question["answers"])]
    if answer is None:
        return Question(question, letters)
    chosen = str(answer).strip().lower()
    if len(chosen) != 1 or chosen not in letters:
        raise WorkshopError(f"{answer!r} is none of the answers. They are {', '.join(letters)}.")
    found = question["answers"][letters.index(chosen)]
    if read_progress()["predictions"].get(name) != "right":  # reading the other answers takes nothing away
        note("predictions", name, "right" if found["right"] else "wrong")
    report(question=name, answer=chosen)
    return Question(question, letters, chosen)
