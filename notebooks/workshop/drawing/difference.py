"""The difference between two versions of some files."""

import difflib
import html

from workshop.drawing.words import WHOLE_WORDS


class Difference:
    """What changed between two versions of some files, line by line: green was added, red was removed."""

    def __init__(self, before, after):
        self.lines = []
        for name in sorted({*before, *after}):
            old, new = (files.get(name, b"").decode("utf-8", "replace").splitlines() for files in (before, after))
            if old != new or (name in before) != (name in after):
                self.lines += list(difflib.unified_diff(old, new, name, name, lineterm="", n=2)) or [
                    f"{'+++' if name in after else '---'} {name} (empty)"
                ]

    def __str__(self):
        return "\n".join(self.lines) or "No difference."

    __repr__ = __str__

    def _repr_html_(self):
        colours = {"+": "#1a7f37", "-": "#cf222e", "@": "#8250df"}
        lines = []
        for line in self.lines:
            indent = 4 + len(line) - len(line[1:].lstrip())  # of what doesn't fit on a line and goes on below it
            lines.append(
                f'<div style="padding-left: {indent}ch; text-indent: -{indent}ch; '
                f'color: {colours.get(line[:1], "inherit")}">{html.escape(line)}</div>'
            )
        return f'<pre style="{WHOLE_WORDS}; margin: 0; padding: 0">{"".join(lines) or "No difference."}</pre>'
