"""A sequence diagram of a recording, as SVG."""

import json

from workshop.drawing.svg import SMALL, WIDEST, card, cross, dot, head, line, text, width, wrap

LINE = 46  # pixels from one arrow to the next, if each has one line of words above it and one below
LIMITS = range(280, 105, -5)  # pixels: how wide a label may be. The first with which the picture isn't too wide is used
LINES = 3  # of a label's words, or of what is sent
NEXT = 16  # pixels from one line of a label to the next
GAP = 14  # pixels between the boxes of two participants, at least
LOST = 24  # pixels from the cross of a message that is lost to whom it doesn't reach
ENDS_IN_A_CROSS = ("lost", "lost frame", "connection lost")


def label(step):
    """Return the two parts of a step's label: what happens, and what is sent ("" if nothing is)."""
    payload = step.get("payload", "")
    if isinstance(payload, dict):  # an event: its type names its handler
        payload = dict(payload)
        words = f"{step['what']} {payload.pop('type', '')}".strip()
        return words, json.dumps(payload, ensure_ascii=False) if payload else ""
    return step["what"], payload


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
    for limit in LIMITS:
        boxes = {name: wrap(name, limit * 0.6, 2) for name in names}
        labels = [lay_out(step, recording.is_new(step), limit) for step in steps]
        x, wide = place(boxes, steps, labels)
        if wide <= WIDEST:
            break
    lowest = 28 + NEXT * max((len(lines) for lines in boxes.values()), default=1)  # the lower edge of the boxes
    heights, y = [], lowest + 20.0 - LINE / 2
    for above, below in labels:
        y += LINE + NEXT * (len(above) - 1)
        heights.append(y)
        y += NEXT * (max(len(below), 1) - 1)
    high = y + LINE * 1.1
    consumers = {name for name in names if name.endswith("'s consumer")}
    people = set(recording.people()) | {"outside"}
    parts = []
    for name in names:
        parts.append(line(x[name], lowest, x[name], high - 12, dash="3 5", thick=1))
        shape = 'rx="14"' if name in people else 'stroke-dasharray="6 3"' if name not in consumers else ""
        across = box_width(boxes[name])
        parts.append(
            f'<rect x="{x[name] - across / 2:.0f}" y="14" width="{across:.0f}" height="{lowest - 14}" fill="white" '
            f'stroke="black" stroke-width="1.5" {shape}/>'
        )
        first = (14 + lowest - NEXT * (len(boxes[name]) - 1)) / 2 + 5
        parts += [text(x[name], first + NEXT * n, words, weight="bold") for n, words in enumerate(boxes[name])]
    for y, step, (above, below) in zip(heights, steps, labels, strict=True):
        start, end = x[step["source"]], x[step["target"]]
        if start == end:
            mark = cross if step["what"] == "raises" else dot
            parts.append(mark(start, y - 4) + text(start + 16, y + 1, above[0], anchor="start", weight="bold"))
            continue
        direction = 1 if end > start else -1
        lost = step["what"] in ENDS_IN_A_CROSS
        stop = end - direction * LOST if lost else end
        from_layer = step["what"] in ("event", "lost")
        new = recording.is_new(step)
        parts.append(line(start, y, stop, y, dash="7 4" if from_layer else "", thick=4 if new else 1.5))
        weight = "bold" if new or lost else "normal"
        middle = (start + stop) / 2
        parts += [text(middle, y - 7 - NEXT * n, words, weight=weight) for n, words in enumerate(reversed(above))]
        parts += [text(middle, y + 15 + NEXT * n, words, size=SMALL) for n, words in enumerate(below)]
        parts.append(cross(stop, y, 10) if lost else head(end, y, direction, 1.6 if new else 1))
    return card(wide, high, "Who sends what to whom", recording.text(), parts)


def lay_out(step, new, limit):
    """Return the lines of a step's label that stand above its arrow, and those below. None is wider than the limit."""
    words, payload = label(step)
    if step["source"] == step["target"]:  # it stands beside a mark, with room to its right
        return wrap(f"{words} {payload}".strip(), LIMITS[0], 1), []
    below = wrap(payload, limit, LINES, SMALL) if payload else []
    return wrap(f"{words} (new)" if new else words, limit, LINES), below


def box_width(lines):
    return 1.1 * max(map(width, lines)) + 18  # the letters are bold


def place(boxes, steps, labels):
    """
    Return {participant: x} and the picture's width, in pixels.

    The participants are so far apart that no two boxes touch, and that every label fits between its two lines.
    """
    x, edge, widest = {}, 12.0 - GAP, 200.0
    for name, lines in boxes.items():
        x[name] = edge + GAP + box_width(lines) / 2
        for step, (above, below) in zip(steps, labels, strict=True):
            other = next((end for end in (step["source"], step["target"]) if end != name), None)
            if name in (step["source"], step["target"]) and other in x:
                needed = max([width(words) for words in above] + [width(words, SMALL) for words in below])
                needed += LOST if step["what"] in ENDS_IN_A_CROSS else 0
                x[name] = max(x[name], x[other] + needed + 18)
        edge = x[name] + box_width(lines) / 2
        widest = max(widest, edge + 12)
    for step, (above, _) in zip(steps, labels, strict=True):
        if step["source"] == step["target"]:
            widest = max(widest, x[step["source"]] + 16 + width(above[0]) + 12)
    return x, widest
