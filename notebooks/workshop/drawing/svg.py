"""
The parts of the pictures, as SVG.

Everything is black on a white card, and shapes, not colours, make the difference: so it can be read on a projector, in
black and white, and on a dark page. The same steps always give the same picture, byte for byte.
"""

from html import escape
from unicodedata import east_asian_width

SIZE = 14  # pixels: the height of the text
SMALL = 12  # pixels: the height of the text below an arrow
SMALLEST = 11  # pixels: smaller text can't be read on a projector
SPACE = 800  # pixels: JupyterLab has a little more on a projector, 1280 wide, when its list of files is open
WIDEST = SPACE * SMALL / SMALLEST  # pixels: a picture as wide as this can be made smaller to fit, and still be read


def width(text, size=SIZE):
    """Return about how wide a text is, in pixels. Rather too wide than too narrow, since the font isn't known."""
    return sum(1.0 if east_asian_width(character) in "WF" else 0.58 for character in text) * size


def wrap(text, limit, lines, size=SIZE):
    """
    Return a text as a list of at most so many lines, each at most `limit` pixels wide.

    Lines break at spaces, and only a word that is too long for a line breaks in the middle. A text that is too long for
    the lines ends in an ellipsis.
    """
    wrapped = []
    while width(text, size) > limit:
        last = len(wrapped) == lines - 1
        end = 1
        while width(text[: end + 1] + "…" * last, size) <= limit:
            end += 1
        if last:
            return [*wrapped, f"{text[:end].rstrip()}…"]
        space = text.rfind(" ", 1, end + 1)
        wrapped.append(text[:space] if space > 0 else text[:end])
        text = text[len(wrapped[-1]) :].lstrip(" ")
    return [*wrapped, text]


def card(wide, high, title, description, parts):
    """
    Return a whole SVG: a white card, with a text alternative for people who can't see it.

    JupyterLab shows an SVG as wide as it says it is. So one that is too wide says less, as long as it can be read.
    """
    scale = max(min(1, SPACE / wide), SMALLEST / SMALL)
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" role="img" font-family="sans-serif" '
            f'width="{scale * wide:.0f}" height="{scale * high:.0f}" viewBox="0 0 {wide:.0f} {high:.0f}" '
            f'font-size="{SIZE}">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(description)}</desc>",
            f'<rect width="{wide:.0f}" height="{high:.0f}" fill="white"/>',
            *parts,
            "</svg>",
        ]
    )


def text(x, y, words, anchor="middle", weight="normal", size=SIZE):
    """Return a text with a white edge, so that no line crosses it out."""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="black" '
        f'stroke="white" stroke-width="4" paint-order="stroke">{escape(words)}</text>'
    )


def line(x1, y1, x2, y2, dash="", thick=1.5, colour="black"):
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="{colour}" '
        f'stroke-width="{thick}"{dashes}/>'
    )


def head(x, y, direction, size=1):
    """Return the head of an arrow that points right (1) or left (-1)."""
    return f'<path d="M{x:.0f} {y:.0f} l{-9 * direction * size:.0f} {-5 * size:.0f} v{10 * size:.0f} z" fill="black"/>'


def cross(x, y, size=7):
    """Return a cross with a white edge, which is seen on an arrow too."""
    strokes = [((x - size, y - size), (x + size, y + size)), ((x - size, y + size), (x + size, y - size))]
    return "".join(
        line(*start, *end, thick=thick, colour=colour)
        for thick, colour in ((size / 2 + 4, "white"), (size / 2, "black"))
        for start, end in strokes
    )


def dot(x, y):
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="6" fill="black"/>'
