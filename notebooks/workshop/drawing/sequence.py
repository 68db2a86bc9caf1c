"""A sequence diagram of a recording, as SVG."""

import json

from workshop.drawing.svg import SIZE, SMALL, card, cross, dot, head, line, text, width

LINE = 46  # pixels from one arrow to the next
LONGEST = 34  # characters of a label: a longer one can't be read on a projector


def label(step):
    """Return the two parts of a step's label: what happens, and what is sent ("" if nothing is)."""
    payload = step.get("payload", "")
    if isinstance(payload, dict):  # an event: its type names its handler
        payload = dict(payload)
        return f"{step['what']} {payload.pop('type', '')}".strip(), json.dumps(payload, ensure_ascii=False)
    return step["what"], payload


def shorten(text):
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def participants(recording):
    """Return the participants from left to right: the first person, their consumer, the rooms, then the others."""
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
    """Return the sequence diagram of a recording, as the text of an SVG picture."""
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
    """Return {participant: x}, in pixels: so far apart that every label fits between its two lines."""
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
