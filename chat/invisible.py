"""
Which characters of a text can be seen. Unicode has many that can't.
"""

import re
import unicodedata

FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2065\u2800\u3164\uffa0"  # marks, letters and a symbol that show nothing
SIGNS = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u0890\u0891\u08e2\U000110bd\U000110cd"  # in Cf, and yet they show
SELECTOR = re.compile("[\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # chooses the look of the character before
EMOJI_STYLES = "\ufe0e\ufe0f"  # two selectors: show a symbol as text, or as a picture
KEYCAP = "\u20e3"
ZWNJ, ZWJ = "\u200c", "\u200d"  # keeps two letters apart; joins two letters or symbols
FLAG = re.compile("🏴[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f")  # the flag of England, say


def is_blank(text):
    """Tell whether a text is nothing but spaces and characters that show nothing."""
    return all(character.isspace() or shows_nothing(character) for character in text)


def has_stray(text):
    """
    Tell whether a text has an invisible character that does nothing where it is: the text could pass for another one.

    Such are control characters, half characters and line separators (their general categories are Cc, Cs, Zl and Zp,
    https://www.unicode.org/reports/tr44/), and characters that show nothing and don't shape their neighbours.
    """
    text = FLAG.sub("🏴", text)
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            return True
        if shows_nothing(character) and not shapes(before, character, after):
            return True
    return False


def shows_nothing(character):
    if unicodedata.category(character) == "Cf":
        return character not in SIGNS
    return character in FILLERS or SELECTOR.match(character) is not None


def shapes(before, character, after):
    """Tell whether this character, which shows nothing, changes how its neighbours look: in emoji, Persian, Hindi…"""
    if character in (ZWNJ, ZWJ) and 9 in (unicodedata.combining(before), unicodedata.combining(after)):
        return True  # after a virama, as in domain names (RFC 5892, appendices A.1 and A.2); in Bengali before one
    if character == ZWNJ:
        return unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL"
    if character == ZWJ:
        return unicodedata.bidirectional(before) == "AL" or (is_symbol(before) and is_symbol(after))
    if character in EMOJI_STYLES:
        has_two_looks = unicodedata.category(before) in ("So", "Sm", "Po", "Pd", "Cn") and not before.isascii()
        return after == KEYCAP or before == "ℹ" or has_two_looks
    return SELECTOR.match(character) is not None and unicodedata.category(before) in ("Lo", "Sm")


def is_symbol(character):
    """Tell whether this is, or ends, an emoji. Cn: one that is newer than this Python."""
    return unicodedata.category(character) in ("So", "Sk", "Cn") or character in EMOJI_STYLES
