"""Settlement terms (结算条款): the cycle, which says how long after its clearing date money is due.

`T+n` counts working days and `D+n` calendar days. A member's terms keep the cycle as text, checked
here; `domain/settlement/cycle.py` turns it into a due date.
"""

import re
from typing import Literal

from msgspec import Struct

from domain.refusals import Code, Refused
from domain.texts import quoted

LONGEST_DAYS = 90  # Longer than any agreed term; a typing slip must not lock money up for years.
# [0-9] and not \d, which takes other scripts' digits; no leading zero, so a cycle has one spelling.
_CYCLE = re.compile(r"([TD])\+(0|[1-9][0-9]?)")


class Cycle(Struct, frozen=True):
    """A cycle as `parse_cycle` makes it: 0..90 `days`, working days (T) or calendar days (D)."""

    kind: Literal["T", "D"]
    days: int

    def __str__(self) -> str:
        return f"{self.kind}+{self.days}"


def parse_cycle(text: str, field: str) -> Cycle:
    """The cycle from exactly `T+n` or `D+n`, n a plain number 0..90, so that str() gives it back.

    Raises Refused(TERMS_INVALID) naming the field.
    """
    match = _CYCLE.fullmatch(text) if isinstance(text, str) else None
    if match is None or int(match[2]) > LONGEST_DAYS:
        shown = quoted(str(text)[:40])
        detail = f"{shown} is not a cycle: T+n or D+n with n from 0 to {LONGEST_DAYS}"
        raise Refused(Code.TERMS_INVALID, field, detail)
    return Cycle(kind="T" if match[1] == "T" else "D", days=int(match[2]))
