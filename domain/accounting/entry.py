"""Entries (分录): making balanced ones, proving them, turning them round.

`balanced` makes an entry and refuses one that does not balance; `imbalance_of` proves the same
again from the stored lines only, by separate code, just before a commit.
"""

from collections.abc import Iterable
from datetime import date

from domain.accounting.chart import RESERVE_IDENTITY, split_id
from domain.kernel import Entry, Line
from domain.money import CURRENCY
from domain.refusals import Code, Refused


def debit(account: str, amount_fen: int) -> Line:
    return Line(account, amount_fen, 0)


def credit(account: str, amount_fen: int) -> Line:
    return Line(account, 0, amount_fen)


def balanced(rule: str, on: date, *lines: Line) -> Entry:
    """An entry of the lines that are not zero. Raises Refused(ENTRY_UNBALANCED)."""
    kept = tuple(line for line in lines if line.debit_fen or line.credit_fen)
    difference = 0
    for line in kept:
        if line.debit_fen < 0 or line.credit_fen < 0 or (line.debit_fen and line.credit_fen):
            raise Refused(Code.ENTRY_UNBALANCED, "lines", f"{rule}: one positive side per line")
        difference += line.debit_fen - line.credit_fen
    if difference or not kept:
        raise Refused(Code.ENTRY_UNBALANCED, "lines", f"{rule}: off by {difference} fen")
    return Entry(rule, on, CURRENCY, kept)


def reversed_entry(entry: Entry, on: date) -> Entry:
    """The same lines with their sides swapped, for the accounting date `on` (冲正)."""
    lines = tuple(Line(line.account, line.credit_fen, line.debit_fen) for line in entry.lines)
    return Entry(f"reversal_of_{entry.rule}", on, entry.currency, lines)


def imbalance_of(entries: Iterable[Entry]) -> str:
    """What is wrong with a set of entries, or "" when nothing is.

    Per currency, each entry by itself and all together: debits equal credits, and the reserve
    identity's accounts sum to zero.
    """
    identity: dict[str, int] = {}
    for entry in entries:
        total = 0
        for line in entry.lines:
            side = line.debit_fen - line.credit_fen
            total += side
            if _code(line.account) in RESERVE_IDENTITY:
                identity[entry.currency] = identity.get(entry.currency, 0) + side
        if total:
            return f"entry {entry.rule} is off by {total} fen"
    for currency, sum_fen in identity.items():
        if sum_fen:
            return f"the reserve identity is off by {sum_fen} fen {currency}"
    return ""


_codes: dict[str, str] = {}


def _code(account: str) -> str:
    code = _codes.get(account)
    if code is None:
        if len(_codes) > 100_000:
            _codes.clear()
        code = _codes[account] = split_id(account)[0]
    return code
