"""
The pictures, as SVG: a sequence diagram of a recording, an X-ray of a layer.

Everything is black on a white card, told apart by shape and never by colour alone: so it can be read on a
projector, in black and white, and on a dark page. The same steps give the same picture, to the byte.
"""

import json
from html import escape
from unicodedata import east_asian_width

SIZE = 14  # pixels, of the text
SMALL = 12  # pixels, of what an arrow carries
LINE = 46  # pixels from one arrow to the next
LONGEST = 34  # characters of a label; more than that a projector can't show


def width(text):
    """Return about how many pixels wide a text is. The font isn't known here, so this is on the safe side."""
    return sum(1.0 if east_asian_width(character) in "WF" else 0.58 for character in text) * SIZE


def label(step):
    """Return what a step's arrow says, in two parts: what happens, and with what ("" where there is nothing)."""
    payload = step.get("payload", "")
    if isinstance(payload, dict):  # an event: its type says which handler gets it
        payload = dict(payload)
        return f"{step['what']} {payload.pop('type', '')}".strip(), json.dumps(payload, ensure_ascii=False)
    return step["what"], payload


def shorten(text):
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def card(wide, high, title, description, parts):
    """Return a whole SVG: a white card with a text alternative for who can't see it."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{wide:.0f}" height="{high:.0f}" '
            f'viewBox="0 0 {wide:.0f} {high:.0f}" font-family="sans-serif" font-size="{SIZE}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            f'<rect width="{wide:.0f}" height="{high:.0f}" fill="white"/>',
            *parts,
            "</svg>",
        ]
    )


def text(x, y, words, anchor="middle", weight="normal", size=SIZE):
    """A text with a white edge, so that a line behind it doesn't strike it through."""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="black" '
        f'stroke="white" stroke-width="4" paint-order="stroke">{escape(words)}</text>'
    )


def line(x1, y1, x2, y2, dash="", thick=1.5):
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="black" stroke-width="{thick}"{dashes}/>'
    )


def head(x, y, direction, size=1):
    """An arrow's head, pointing right (1) or left (-1)."""
    return f'<path d="M{x:.0f} {y:.0f} l{-9 * direction * size:.0f} {-5 * size:.0f} v{10 * size:.0f} z" fill="black"/>'


def cross(x, y):
    return line(x - 6, y - 6, x + 6, y + 6, thick=3) + line(x - 6, y + 6, x + 6, y - 6, thick=3)


def dot(x, y):
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="6" fill="black"/>'


def participants(recording):
    """Return everybody in a recording, left to right: the first person, their consumer, the rooms, then the others."""
    steps = recording.ordered()
    ends = list(dict.fromkeys(end for step in steps for end in (step["source"], step["target"])))
    people = recording.people()
    sides = {name for person in people for name in (person, f"{person}'s consumer")}
    rooms = [end for end in ends if end not in sides and end != "outside"]
    first, others = people[:1], people[1:]
    columns = [name for person in first for name in (person, f"{person}'s consumer")]
    columns += rooms
    columns += [name for person in others for name in (f"{person}'s consumer", person)]
    return [name for name in [*columns, "outside"] if name in ends]


def sequence(recording):
    """Return the sequence diagram of a recording."""
    steps = recording.ordered()
    names = participants(recording)
    labels = [tuple(map(shorten, label(step))) for step in steps]
    labels = [
        (f"{words} (new)" if recording.is_new(step) else words, payload)
        for step, (words, payload) in zip(steps, labels, strict=True)
    ]
    x = place(names, steps, labels)
    top = 64
    high = top + LINE * (len(steps) + 0.6)
    consumers = {name for name in names if name.endswith("'s consumer")}
    people = set(recording.people()) | {"outside"}
    parts = []
    for name in names:
        parts.append(line(x[name], 44, x[name], high - 12, dash="3 5", thick=1))
        shape = 'rx="14"' if name in people else 'stroke-dasharray="6 3"' if name not in consumers else ""
        wide = width(name) + 20
        parts.append(
            f'<rect x="{x[name] - wide / 2:.0f}" y="14" width="{wide:.0f}" height="30" fill="white" '
            f'stroke="black" stroke-width="1.5" {shape}/>'
        )
        parts.append(text(x[name], 34, name, weight="bold"))
    for number, (step, (words, payload)) in enumerate(zip(steps, labels, strict=True)):
        y = top + LINE * (number + 0.5)
        start, end = x[step["source"]], x[step["target"]]
        if start == end:
            mark = cross if step["what"] == "raises" else dot
            parts.append(mark(start, y - 4) + text(start + 14, y, f"{words} {payload}", anchor="start", weight="bold"))
            continue
        direction = 1 if end > start else -1
        lost = step["what"] == "lost"
        stop = start + (end - start) * 0.6 if lost else end
        from_layer = step["what"] in ("event", "lost")
        new = recording.is_new(step)
        parts.append(line(start, y, stop, y, dash="7 4" if from_layer else "", thick=4 if new else 1.5))
        parts.append(cross(stop, y) if lost else head(end, y, direction, 1.6 if new else 1))
        parts.append(text((start + end) / 2, y - 7, words, weight="bold" if new else "normal"))
        if payload:
            parts.append(text((start + end) / 2, y + 15, payload, size=SMALL))
    return card(
        max(x.values()) + width(names[-1]) / 2 + 24 if names else 200,
        high,
        "Who sends what to whom",
        recording.text(),
        parts,
    )


def place(names, steps, labels):
    """Return where each participant's line stands: so far apart that every label fits between its two ends."""
    x, edge = {}, 12.0
    for number, name in enumerate(names):
        room = edge + width(name) / 2 + 10
        for step, words in zip(steps, labels, strict=True):
            ends = {step["source"], step["target"]}
            other = next((end for end in ends if end != name), None)
            if name in ends and other in x:
                room = max(room, x[other] + max(width(words[0]), width(words[1]) * SMALL / SIZE) + 26)
        if number:
            room = max(room, x[names[number - 1]] + 60)
        x[name] = room
        edge = room + width(name) / 2 + 10
    return x


def xray(picture):
    """Return the X-ray of a layer: a box a room, a row a mailbox with its fill, and what has changed."""
    rows = list(picture.rows())
    parts, y = [], 16.0
    names = max([width(reader) for _, reader, _, _ in rows] + [80])
    bar, wide = 220, names + 220 + 330
    room_now = None
    for room, reader, waiting, change in rows:
        if room != room_now:
            y += 10
            parts.append(text(16, y + 14, f"room {room}", anchor="start", weight="bold"))
            y += 28
            room_now = room
        left = 28 + names + 12
        gone = change == "left"
        parts.append(text(28, y + 15, reader, anchor="start"))
        dash = ' stroke-dasharray="4 4"' if gone else ""
        parts.append(f'<rect x="{left:.0f}" y="{y:.0f}" width="{bar}" height="20" fill="white" stroke="black"{dash}/>')
        fill = bar * min(1, waiting / picture.capacity)
        if waiting:
            parts.append(f'<rect x="{left:.0f}" y="{y:.0f}" width="{max(fill, 3):.0f}" height="20" fill="black"/>')
        words = "" if gone else f"{waiting} of {picture.capacity} waiting"
        parts.append(text(left + bar + 12, y + 15, words, anchor="start"))
        if change:
            mark = left + bar + 12 + (width(words) + 12 if words else 0)
            parts.append(text(mark, y + 15, f"◀ {change}", anchor="start", weight="bold"))
        y += 28
    if not rows:
        parts.append(text(16, y + 14, "Nobody is in a room.", anchor="start"))
        y += 28
    lost = picture.lost - (picture.before.lost if picture.before else 0)
    if lost:
        parts.append(cross(26, y + 14) + text(44, y + 19, f"{lost} lost", anchor="start", weight="bold"))
        y += 32
    return card(wide, y + 12, "What is in the channel layer", picture.text(), parts)
