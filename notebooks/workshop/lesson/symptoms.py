"""
What a classic mistake looks like from outside: the page notebooks/symptoms.md, made from the mistakes' own headers.

Four of them say it: `Terminal:` and `Browser:` what is seen there, `Cause:` and `Fix:` why and what to do. A mistake
that has no row in the page has none of the four. To write the page again, in the folder notebooks/:
`python -m workshop.lesson.symptoms`.
"""

from workshop.lesson.files import NOTEBOOKS
from workshop.lesson.mistakes import MISTAKES

PAGE = NOTEBOOKS / "symptoms.md"
HEADERS = ("Terminal", "Browser", "Cause", "Fix")
SECTIONS = {  # how the header Browser begins, which says how far the chat came: the heading for its rows
    "no server": "The server doesn't start",
    "no page": "The server starts, but the page doesn't come",
    "no socket": "The page comes, but its socket doesn't open",
    "open socket": "The socket opens, but the chat doesn't work",
}

BEGINNING = """\
# Symptom, cause, fix

Something goes wrong when you start the chat with `runserver` and open a room. Look for the words that you see in the
first two columns.

- **The terminal** is the one in which `runserver` runs. Often the words are the last line of a traceback.
- **The browser** says most of this in its console: press F12. Where a socket doesn't open, Chromium says
  `WebSocket connection to … failed`, and at the end the reason. Here you find only that reason, or the number that
  follows `Unexpected response code:`.
- **The mistake** has a name and a stage. In a notebook `make_mistake("comma-forgotten")` puts it into your own code,
  `check(2)` runs the tests that catch it, and `put_back()` takes it out again.

All of this was seen: each mistake was made in the chat of stage 5 (the mistake of stage 6 in that of stage 6), and the
room `lobby` was opened in two windows of Chromium. Other browsers use other words.
"""

END = """\
## Good to know

- **A missing `await` says nothing at all here.** Python warns that a coroutine "was never awaited", but daphne sends
  all warnings to where nobody sees them. `check()` shows the warning, with the line.
- **A 500 on a socket comes with a traceback in the terminal, a 403 never does.** The words above are in the
  traceback's last line.

This page is made from the [mistakes' own data](workshop/lesson/mistakes/): change it there, and then, in the folder
`notebooks/`, run `../.venv/bin/python -m workshop.lesson.symptoms`.
"""


def make_page():
    """Return the text of the page. Raises KeyError if a mistake has only some of the headers, or no section fits it."""
    sections = {kind: {} for kind in SECTIONS}  # for each a dict: what is seen -> the mistakes that look like that
    for mistake in MISTAKES:
        if not any(header in mistake.headers for header in HEADERS):
            continue
        kind, _, seen = mistake.headers["Browser"].partition(": ")
        sections[kind].setdefault((mistake.headers["Terminal"], seen), []).append(mistake)
    parts = [f"## {SECTIONS[kind]}\n\n{_table(symptoms)}" for kind, symptoms in sections.items()]
    return "\n".join([BEGINNING, *parts, END])


def _table(symptoms):
    rows = [("The terminal says", "The browser says", "Cause", "Fix", "Mistake"), ("---",) * 5]
    for seen, mistakes in symptoms.items():
        for mistake in mistakes:
            name = f"`{mistake.name}`, stage {mistake.stage}"
            rows.append((*seen, mistake.headers["Cause"], mistake.headers["Fix"], name))
            seen = ("as above", "as above")
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in rows)


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8", newline="\n")
