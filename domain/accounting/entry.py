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
    difference = zeros = 0
    for line in lines:
        debit_fen, credit_fen = line.debit_fen, line.credit_fen
        if debit_fen < 0 or credit_fen < 0 or (debit_fen and credit_fen):
            raise Refused(Code.ENTRY_UNBALANCED, "lines", f"{rule}: one positive side per line")
        zeros += not (debit_fen or credit_fen)
        difference += debit_fen - credit_fen
    kept = lines
    if zeros:
        kept = tuple(line for line in lines if line.debit_fen or line.credit_fen)
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
    known = _inside.get
    for entry in entries:
        total = reserve = 0
        for line in entry.lines:
            side = line.debit_fen - line.credit_fen
            total += side
            inside = known(line.account)
            if _in_identity(line.account) if inside is None else inside:
                reserve += side
        if total:
            return f"entry {entry.rule} is off by {total} fen"
        if reserve:
            identity[entry.currency] = identity.get(entry.currency, 0) + reserve
    for currency, sum_fen in identity.items():
        if sum_fen:
            return f"the reserve identity is off by {sum_fen} fen {currency}"
    return ""


_inside: dict[str, bool] = {}  # Accounts met before: whether the reserve identity has them.


def _in_identity(account: str) -> bool:
    if len(_inside) > 100_000:
        _inside.clear()
    inside = _inside[account] = split_id(account)[0] in RESERVE_IDENTITY
    return inside
