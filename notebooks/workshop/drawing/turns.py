"""A lane for each coroutine, as SVG: when it ran, and when it waited."""

from workshop.drawing.svg import SMALL, card, line, text, width

WIDE = 560  # pixels for the whole time
LANE = 58  # pixels from one lane to the next
TURN = 8  # pixels: how wide the shortest turn is, or nobody would see it


def turns(recording):
    """Return the lanes of a recording of turns, as the text of an SVG picture."""
    end = max([end for _, _, end in recording.turns] + [0.1])
    left = 16 + max(width(name) for name in recording.names) + 16
    low = 40 + LANE * len(recording.names)

    def x(seconds):
        return left + WIDE * seconds / end

    parts = []
    for tenth in range(round(end * 10) + 1):
        parts.append(line(x(tenth / 10), 24, x(tenth / 10), low, dash="1 6", thick=1))
        parts.append(text(x(tenth / 10), low + 18, f"{tenth / 10} s", size=SMALL))
    for number, name in enumerate(recording.names):
        y = 56 + LANE * number
        parts.append(text(16, y + 5, name, anchor="start", weight="bold"))
        at, waits = 0, "waits for a turn"
        for _, start, stop in (turn for turn in recording.turns if turn[0] == name):
            if start > at:
                parts.append(line(x(at) + TURN, y, x(start), y, dash="6 4"))
                parts.append(text((x(at) + x(start)) / 2, y - 8, waits, size=SMALL))
            long = max(x(stop) - x(start), TURN)
            parts.append(f'<rect x="{x(start):.0f}" y="{y - 11}" width="{long:.0f}" height="22" fill="black"/>')
            if stop > start:
                parts.append(text(x(start) + long / 2, y - 17, "runs", size=SMALL, weight="bold"))
            at, waits = stop, "waits"
    return card(left + WIDE + 40, low + 32, "Who runs when", recording.text(), parts)
