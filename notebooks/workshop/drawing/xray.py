"""An X-ray of a channel layer, as SVG."""

from workshop.drawing.svg import card, cross, text, width, wrap

NAME = 240  # pixels that a reader's name may take, at most


def xray(picture):
    """Return the X-ray of a layer as an SVG picture: each room's mailboxes, how full they are, and what has changed."""
    rows = list(picture.rows())
    parts, y = [], 16.0
    readers = {reader: wrap(reader, NAME, 1)[0] for _, reader, _, _ in rows}
    names = max([*map(width, readers.values()), 80])
    bar, wide = 220, names + 220 + 330
    room_now = None
    for room, reader, waiting, change in rows:
        if room != room_now:
            y += 10
            parts.append(text(16, y + 14, wrap(f"room {room}", wide - 40, 1)[0], anchor="start", weight="bold"))
            y += 28
            room_now = room
        left = 28 + names + 12
        gone = change == "left"
        parts.append(text(28, y + 15, readers[reader], anchor="start"))
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
        parts.append(text(16, y + 14, "Nobody is in any room.", anchor="start"))
        y += 28
    lost = picture.lost - (picture.before.lost if picture.before else 0)
    if lost:
        parts.append(cross(26, y + 14) + text(44, y + 19, f"{lost} lost", anchor="start", weight="bold"))
        y += 32
    return card(wide, y + 12, "What is in the channel layer", picture.text(), parts)
