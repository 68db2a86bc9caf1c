"""Show a question with its answers, or what is right or wrong about the one that was chosen."""

import html
import re
import textwrap


class Question:
    """A question of the lesson. `chosen` is the letter of the answer that was given, or None."""

    def __init__(self, question, letters, chosen=None):
        self.question, self.letters, self.chosen = question, letters, chosen

    def lines(self):
        """Return what is shown, as paragraphs."""
        answers = dict(zip(self.letters, self.question["answers"], strict=True))
        listed = [f"{letter}) {answer['text']}" for letter, answer in answers.items()]
        if self.chosen is None:
            below = f'Your answer, in a cell: predict("{self.question["name"]}", "a")'
        else:
            answer = answers[self.chosen]
            below = f"{self.chosen}: {'✔ Yes.' if answer['right'] else '✘ No.'} {answer['because']}"
        return [self.question["question"], *listed, below]

    def __str__(self):
        return "\n".join(textwrap.fill(line, 100, subsequent_indent="   ") for line in self.lines())

    __repr__ = __str__

    def _repr_html_(self):
        shown = [re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(line, quote=False)) for line in self.lines()]
        return "".join(f'<p style="margin: 0.3em 0; text-align: left">{line}</p>' for line in shown)
