"""
Which characters of a text can be seen. Unicode has many that can't.
"""

import re
import unicodedata

FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"  # marks, letters and a symbol that show nothing
SELECTOR = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # chooses the look of the character before
EMOJI_STYLES = "\ufe0e\ufe0f"  # two selectors: show a symbol as text, or as a picture
KEYCAP = "\u20e3"
JOINERS = "\u200c\u200d"
TAG = re.compile("[\U000e0020-\U000e007f]")  # behind a black flag they spell whose it is: England's, say


def is_blank(text):
    """Tell whether nothing of a text can be seen."""
    return all(character.isspace() or shows_nothing(character) for character in text)


def has_stray(text):
    """
    Tell whether a text holds what can't be seen and has no use where it stands: then it looks like another text.

    That is a control, half of a character, a separator of lines (Cc, Cs, Zl and Zp are their general categories,
    https://www.unicode.org/reports/tr44/), or a character that shows nothing and doesn't shape its neighbours.
    """
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            return True
        if shows_nothing(character) and not shapes(before, character, after):
            return True
    return False


def shows_nothing(character):
    return unicodedata.category(character) == "Cf" or character in FILLERS or SELECTOR.match(character) is not None


def shapes(before, character, after):
    """Tell whether this character, which shows nothing, changes how its neighbours look: in emoji, Persian, Hindi…"""
    if character in JOINERS:  # as in domain names (RFC 5892, appendices A.1 and A.2), and in emoji
        virama = 9 in (unicodedata.combining(before), unicodedata.combining(after))
        return virama or unicodedata.bidirectional(before) == "AL" or (is_symbol(before) and is_symbol(after))
    if character in EMOJI_STYLES:
        return after == KEYCAP or not (before.isalnum() or before.isspace())
    if SELECTOR.match(character):
        return unicodedata.category(before) in ("Lo", "Sm")
    return TAG.match(character) is not None and (before == "🏴" or TAG.match(before) is not None)


def is_symbol(character):
    """Tell whether this is, or ends, an emoji. Cn: one that is newer than this Python."""
    return unicodedata.category(character) in ("So", "Sk", "Cn") or character in EMOJI_STYLES
