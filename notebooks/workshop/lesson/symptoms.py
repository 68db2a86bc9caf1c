"""
What the classic mistakes look like: make the page notebooks/symptoms.md from the mistakes' own headers.

`Terminal:` and `Browser:` say what is seen there, `Cause:` why, and `Fix:` what to do. A mistake that is not on the
page has none of the four. After a change write the page again, in the folder notebooks/:
`python -m workshop.lesson.symptoms`.
"""

from workshop.lesson.files import NOTEBOOKS
from workshop.lesson.mistakes import MISTAKES

PAGE = NOTEBOOKS / "symptoms.md"
HEADERS = ("Terminal", "Browser", "Cause", "Fix")
SECTIONS = {  # how far the chat gets, which is how the header Browser begins: the heading of the section
    "no server": "The server doesn't start",
    "no page": "The server starts, but the page doesn't load",
    "no socket": "The page loads, but its socket doesn't open",
    "open socket": "The socket opens, but the chat doesn't work",
}

BEGINNING = """\
# Symptom, cause, fix

Did something go wrong when you started the chat with `runserver`, or with `deploy()`, and opened a room? Look for the
words that you see in the first two columns.

- **The terminal** is the one in which `runserver` runs. Often the words are the last line of a traceback. At stage 15,
  after `world = deploy()`, look at what the two servers have said: print `world.servers[0].log()` and
  `world.servers[1].log()`. For nginx's error log, print `world.log()`.
- **The browser** says most of this in its console: press F12. If a socket doesn't open, Chromium says
  `WebSocket connection to … failed` and then gives a reason. The tables show only that reason, or the number after
  `Unexpected response code:`.
- **The mistake** has a name and a stage. In a notebook, `make_mistake("comma-forgotten")` puts it into your own code,
  `check(2)` runs the tests that catch it, and `put_back()` takes it out again.

We saw all of this happen. We put each mistake up to stage 5 into the chat of stage 5, and each later one into the chat
of its own stage. Then we opened the room `lobby`, unless the row names another, in two windows of Chromium.

- From stage 10 on we ran `migrate` first.
- At stages 10, 13 and 14 we also made accounts for two people, and logged in where the row needs it. At stage 10 there
  was an admin, too. At 13 and 14 one of the two people had two windows.
- At stage 13 we announced notices with `manage.py announce` in a second terminal, and sent requests for reminders to
  `/notices/reminder/` from the page's console.
- At stage 15 we deployed the project with `deploy()`.

Other browsers use other words.
"""

END = """\
## Good to know

- **A missing `await` shows nothing at all here.** Python warns that a coroutine "was never awaited", but daphne hides
  all warnings. `check()` shows the warning, with the line.
- **`no such table`**, and a socket that closes with 1011 or doesn't open: the database lacks the project's tables.
  `python manage.py migrate` makes them. `runserver` says at its start that there are unapplied migrations. The chat
  needs the tables from stage 10 on.
- **`Origin checking failed`**, and a 403 for a form, behind a proxy: Django doesn't know that the page came by HTTPS.
  The proxy has to send `X-Forwarded-Proto`. And either the server has to believe it (`daphne --proxy-headers`), or
  Django (`SECURE_PROXY_SSL_HEADER`).
- **`its origin is '…'`**, and a 403 for the socket, behind a proxy too: the address in the browser isn't in
  `DJANGO_ALLOWED_HOSTS` of the servers.
- **`took too long to shut down and was killed`**: a client has gone, and ten seconds later a handler, or a view, was
  still at work. Long work belongs in a task of its own, and a call that waits for others needs a timeout.
- **404 for `/static/…`, and pages without styles**, behind nginx: `python manage.py collectstatic` was forgotten, or
  nginx looks in another folder.
- **`database is locked`**, with several processes on SQLite: a transaction has read, and then wants to write. With
  `"transaction_mode": "IMMEDIATE"` it waits for its turn from its beginning.
- **`Here:` lists somebody who isn't there**, or one window too many, after a server was killed: it couldn't delete its
  rows. They count for at most 60 more seconds, and a page learns within another 20 that they don't.
- **A 500 on a socket comes with a traceback in the terminal; with a 403 there is none.** The words above are from the
  last line of the traceback.

This page is made from the [mistakes' own data](workshop/lesson/mistakes/). To change it, edit them, and then run
`../.venv/bin/python -m workshop.lesson.symptoms` in the folder `notebooks/`.
"""


def make_page():
    """Return the text of the page. Raises KeyError if a mistake lacks some of the four headers or fits no section."""
    sections = {kind: {} for kind in SECTIONS}  # each a dict: what is seen -> the mistakes that look so
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
