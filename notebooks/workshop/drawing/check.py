"""Show what a check found: each test is a sentence, green or red."""

import html

from workshop.drawing.words import WHOLE_WORDS

MARKS = {True: ("✔", "#1a7f37"), False: ("✘", "#cf222e"), None: ("?", "#9a6700")}  # each with its colour


class Check:
    """
    What the tests of a stage or an exercise found. `green` is true if all of them passed.

    `first` is a sentence about the project that is to be read before the tests, or "". With brief=True it tells what
    was seen, and not what is asked.
    """

    def __init__(self, title, found, output, first="", brief=False):
        self.title, self.output, self.first, self.brief = title, output, first, brief
        self.green = bool(found) and all(test["green"] for test in found)
        # A test with many cases is one sentence. It is green if all cases are; if not, its first red case is shown.
        self.sentences = {}
        for test in found:
            cases = self.sentences.setdefault(test["sentence"], [])
            cases.append(test)

    def headline(self):
        greens = [green for green, _, _ in self.rows()]
        untested = greens.count(None)
        headline = f"{self.title}: {greens.count(True)} of {len(greens)} green"
        return f"{headline}, {untested} can't be tested here" if untested else headline

    def advice(self):
        """Return a sentence about where to begin, if there is more than one reason why something is red."""
        reasons = {case["seen"] for cases in self.sentences.values() for case in cases if not case["green"]}
        return "Begin with the first red one: others may be red because of it." if len(reasons) > 1 else ""

    def rows(self):
        """
        Yield (green, sentence, why) for each sentence. `why` is a list of lines, empty if it is green.

        `green` is None if nobody knows: the test couldn't be made here, and `why` says why.
        """
        explained, last = {}, None  # reason: the first sentence that was red for it; and the last reason shown
        told = []  # the slips that a sentence before has shown
        sure = page = False  # whether a sentence before has shown a fault, or that a page's script does one thing wrong
        for sentence, cases in self.sentences.items():
            red = [case for case in cases if not case["green"]]
            if len(cases) > 1:
                sentence += f" ({len(cases) - len(red)} of {len(cases)} cases)"
            why = []
            if red and red[0]["seen"] in explained:
                first = explained[red[0]["seen"]]
                why = ["For the same reason." if red[0]["seen"] == last else f"For the same reason as: {first}"]
                last = red[0]["seen"]
            elif red:
                last = red[0]["seen"]
                explained[last] = red[0]["sentence"]
                slips = [slip for slip in red[0].get("slips", []) if slip not in told]
                told += slips
                # What may come of a fault that is shown already asks for nothing besides.
                follows = sure or (page and red[0].get("page"))
                why = _explain(red[0], slips)
                if self.brief or (follows and not slips and not red[0].get("sure")):
                    why = _see(red[0])
                sure = sure or bool(slips) or red[0].get("sure", False)
                page = page or red[0].get("page", False)
            unsure = [case["skipped"] for case in cases if case.get("skipped")]
            if unsure and not red:
                yield None, sentence, [f"Not tested: {unsure[0]}"]
            else:
                yield not red, sentence, why

    def __str__(self):
        if not self.sentences:
            return f"The tests did not run. pytest says:\n{self.output.strip()}"
        lines = [self.headline(), *filter(None, [self.first, self.advice()])]
        for green, sentence, why in self.rows():
            lines += [f"{MARKS[green][0]} {sentence}", *(f"    {line}" for line in why)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self):
        if not self.sentences:
            return f'<pre style="{WHOLE_WORDS}">{html.escape(str(self))}</pre>'
        rows = [f"<p>{html.escape(text)}</p>" for text in (self.first, self.advice()) if text]
        for green, sentence, why in self.rows():
            mark = '<b style="color: {1}">{0}</b>'.format(*MARKS[green])
            # "Seen:  " and the like are 7 characters wide. What doesn't fit on a line goes on below what follows them.
            lines = "".join(
                f'<div style="padding-left: 7ch; text-indent: -7ch">{html.escape(line)}</div>'
                for line in "\n".join(why).splitlines()
            )
            reason = f'<pre style="{WHOLE_WORDS}; margin: 0 0 0.5em 1.5em">{lines}</pre>' if why else ""
            rows.append(f'<div style="text-align: left">{mark} {html.escape(sentence)}{reason}</div>')
        return f"<b>{html.escape(self.headline())}</b>{''.join(rows)}"


def _see(test):
    return [f"Seen:  {test['seen']}"]


def _explain(test, slips):
    """Return the lines that say why a test is red. A slip in the student's files comes first, to be fixed first."""
    seen, asked, file = test["seen"], test["asked"], test["file"]
    if not file:
        return _see(test)
    if slips:
        seen = "\n       ".join([*(slip[0] for slip in slips), seen])
        file = slips[0][2]
        asked = "\n       ".join(dict.fromkeys(slip[1] for slip in slips if slip[2] == file))
    lines = [f"Seen:  {seen}"]
    if asked != test["sentence"]:
        lines.append(f"Asked: {asked}")
    return [*lines, f"Open:  {file}"]
