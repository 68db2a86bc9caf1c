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
        lines = (  # what doesn't fit on a line goes on below, indented
            f'<div style="padding-left: 8ch; text-indent: -8ch; color: {colours.get(line[:1], "inherit")}">'
            f"{html.escape(line)}</div>"
            for line in self.lines
        )
        return f'<pre style="{WHOLE_WORDS}; margin: 0; padding: 0">{"".join(lines) or "No difference."}</pre>'
