"""How names and numbers are written for comparison: one spelling for what people take for the same.

Full and half width, upper and lower case, blanks and marks between make no difference; simplified
and traditional characters do, as do homophones: who needs those lists both spellings. Pure.
"""

import unicodedata

_KEPT = ("L", "M", "N")  # Letters and characters, their marks, digits: by Unicode category.


def normalised(text: str) -> str:
    """`Ｏ’Ｎｅｉｌｌ  Ann` -> `oneillann`, `阿卜杜·热合曼` -> `阿卜杜热合曼`."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = unicodedata.normalize("NFKC", folded)
    return "".join(one for one in folded if unicodedata.category(one)[0] in _KEPT)
