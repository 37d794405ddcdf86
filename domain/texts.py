"""Which characters a text may have: a table of ours, the same on every Python.

`str.isprintable` follows the Unicode version of the interpreter, so a name taken on one machine
would be refused on another. This table does not. What it refuses is refused because:

- a control character or a line end breaks a row of a file, a line of a log or of a terminal;
- a direction mark makes a text look like another one;
- what cannot be seen makes two texts look alike that are not. Joiners are among them, also where
  a script or an emoji would use them: no text was ever taken with one;
- half of a surrogate pair, a non-character and private use mean nothing to who reads it later.

All else is taken, spaces of every width too: people write U+3000 and U+00A0. A code point that
Unicode has not given yet is taken where letters, Han characters and emoji will come (planes 0 to
3), for a newer Python knows some of them already. Rows are only ever taken out of the table: what
was taken once is in histories that must be replayable.
"""

import re
from collections.abc import Iterable

CONTROL = "a control character"
END = "an end of a line"
DIRECTION = "a mark of writing direction"
UNSEEN = "a character that is not seen"
FORMAT = "a mark around other characters"
HALF = "half of a surrogate pair"
PRIVATE = "a character for private use"
NONE = "no character"

# First and last code point, and what they are; in order.
REFUSED: tuple[tuple[int, int, str], ...] = (
    (0x0000, 0x0009, CONTROL),
    (0x000A, 0x000A, END),
    (0x000B, 0x000C, CONTROL),
    (0x000D, 0x000D, END),
    (0x000E, 0x001F, CONTROL),
    (0x007F, 0x009F, CONTROL),
    (0x00AD, 0x00AD, UNSEEN),  # The soft hyphen.
    (0x0600, 0x0605, FORMAT),  # Arabic, Syriac and Kaithi signs around a number.
    (0x061C, 0x061C, DIRECTION),
    (0x06DD, 0x06DD, FORMAT),
    (0x070F, 0x070F, FORMAT),
    (0x0890, 0x0891, FORMAT),
    (0x08E2, 0x08E2, FORMAT),
    (0x180E, 0x180E, UNSEEN),
    (0x200B, 0x200D, UNSEEN),  # The zero-width space and the joiners.
    (0x200E, 0x200F, DIRECTION),
    (0x2028, 0x2029, END),
    (0x202A, 0x202E, DIRECTION),
    (0x2060, 0x2065, UNSEEN),
    (0x2066, 0x2069, DIRECTION),
    (0x206A, 0x206F, UNSEEN),
    (0xD800, 0xDFFF, HALF),
    (0xE000, 0xF8FF, PRIVATE),
    (0xFDD0, 0xFDEF, NONE),
    (0xFEFF, 0xFEFF, UNSEEN),  # The byte order mark.
    (0xFFF0, 0xFFF8, UNSEEN),  # Kept free by Unicode for characters that are not seen.
    (0xFFF9, 0xFFFB, FORMAT),
    (0xFFFE, 0xFFFF, NONE),
    (0x110BD, 0x110BD, FORMAT),
    (0x110CD, 0x110CD, FORMAT),
    (0x13430, 0x1343F, FORMAT),  # Joiners of hieroglyphs.
    (0x1BCA0, 0x1BCA3, FORMAT),  # Of shorthand.
    (0x1D173, 0x1D17A, FORMAT),  # Of musical notes.
    (0x1FFFE, 0x1FFFF, NONE),
    (0x2FFFE, 0x2FFFF, NONE),
    (0x3FFFE, 0xDFFFF, NONE),  # Planes that nothing is planned for.
    (0xE0000, 0xE00FF, UNSEEN),  # Tags: a whole hidden text can be written in them.
    (0xE01F0, 0xE0FFF, UNSEEN),  # Between them: which form of a Han character is meant.
    (0xE1000, 0xEFFFF, NONE),
    (0xF0000, 0xFFFFD, PRIVATE),
    (0xFFFFE, 0xFFFFF, NONE),
    (0x100000, 0x10FFFD, PRIVATE),
    (0x10FFFE, 0x10FFFF, NONE),
)
# Taken, but escaped where a text is quoted: they look like the space that they are not.
SPACES = ((0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F))
WIDE_SPACE = (0x3000, 0x3000)


def _one_of(ranges: Iterable[tuple[int, int]]) -> re.Pattern[str]:
    spans = "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)
    return re.compile(f"[{spans}]")


_REFUSED = tuple((first, last) for first, last, _ in REFUSED)
_refused = _one_of(_REFUSED)
_escaped = _one_of((*_REFUSED, *SPACES, WIDE_SPACE))


def fault(text: str) -> str:
    """The first character that no text may have, its place counted from 1; "" if there is none.

    For example `character 3 is U+200B, a character that is not seen`.
    """
    if text.isascii() and text.isprintable():
        return ""  # Ten times as fast as the table, and beyond dispute: U+0020 to U+007E.
    found = _refused.search(text)
    if found is None:
        return ""
    point = ord(found[0])
    what = next(what for first, last, what in REFUSED if first <= point <= last)
    return f"character {found.start() + 1} is U+{point:04X}, {what}"


def without_faults(text: str) -> str:
    """The text with a space for each character that no text may have."""
    return _refused.sub(" ", text)


def quoted(text: str) -> str:
    """A text as a sentence quotes it: like `repr`, with escapes chosen by this table."""
    mark = '"' if "'" in text and '"' not in text else "'"
    inner = text.replace("\\", "\\\\")
    if mark == "'":
        inner = inner.replace("'", "\\'")
    return mark + _escaped.sub(lambda found: ascii(found[0])[1:-1], inner) + mark
