"""Gaps of the lesson that nobody has filled yet."""

import re

from stage.slips.slip import Slip

GAP = re.compile(r"^(\s*)(?:#|//|<!--) Gap (\d+): (.*?)(?: -->)?$")
MORE = re.compile(r"^\s*(?:#|//|    ) ?(\S.*?)(?: -->)?$")


def find_open_gap(code, file=None, functions=None):
    """
    Return a slip for the first gap below whose comment nothing is written, in this file or in any; or None.

    `functions` are the names of those in which it can be, unless it is outside of all functions.
    """
    folder = code.project / "chat" / "templates"
    templates = [path.relative_to(code.project).as_posix() for path in sorted(folder.rglob("*.html"))]
    files = [*code.files, *templates] if file is None else [file]
    found = sorted(gap for each in files for gap in _open_gaps(code, each))
    if functions is not None:
        around = [{function.name for function in code.around(file, line)} for _, file, line, _ in found]
        found = [gap for gap, names in zip(found, around, strict=True) if not names or names & functions]
    if not found:
        return None
    number, file, line, purpose = found[0]
    return Slip(
        file,
        line,
        f"Gap {number} is open: its comment stands there, and nothing below it.",
        purpose[:1].upper() + purpose[1:],
    )


def _open_gaps(code, file):
    lines = code.text(file).splitlines()
    for at, line in enumerate(lines):
        gap = GAP.match(line)
        if not gap:
            continue
        words, end = gap[3], at + 1  # the comment goes on until it ends with a full stop
        while end < len(lines) and not words.endswith(".") and MORE.match(lines[end]):
            words, end = f"{words} {MORE.match(lines[end])[1]}", end + 1
        below = lines[end] if end < len(lines) else ""
        indent = len(below) - len(below.lstrip())
        nothing = not below.strip() or below.strip() == "..." or GAP.match(below) or indent < len(gap[1])
        if nothing or below.strip()[0] in "])}":
            yield int(gap[2]), file, at + 1, words
