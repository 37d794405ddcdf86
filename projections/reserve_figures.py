"""What a certificate of the reserve says, from read models: totals by code, and what waits.

No read model of its own: what every code had come to when a date ended is the trial balance, what
waited as items is in `open_items`, what waits as a balance is found from the accounts' dates.
"""

from collections.abc import Callable
from datetime import date, timedelta

from sqlalchemy import Connection, select

from domain.accounting.chart import (
    CHANNEL_PAYABLE,
    CHANNEL_RECEIVABLE,
    CHANNEL_RECONCILED,
    CHART,
    split_id,
)
from domain.clearing.certificate import Section, Total, Waiting, left_of, section_of, totals_of
from projections.models import account_days, open_items, trial_balance

UNMATCHED = (CHANNEL_RECEIVABLE, CHANNEL_RECONCILED, CHANNEL_PAYABLE)
LONGEST = 366  # So many days back a balance is followed.

# Reads what waits at the end of an accounting date.
Source = Callable[[Connection, date], list[Waiting]]


def totals_at(connection: Connection, on: date) -> tuple[Total, ...]:
    """What every code had come to when an accounting date ended; on the open one, until now."""
    values = {"as_of": on}
    nets = connection.execute(trial_balance.nets_query(frozenset(values)), values)
    return totals_of({row.code: row[1] for row in nets})


def sections_at(connection: Connection, on: date) -> tuple[Section, ...]:
    """What is unmatched, and what is in suspense, by age."""
    return tuple(section_of(name, on, source(connection, on)) for name, source in SECTIONS)


def unmatched(connection: Connection, on: date) -> list[Waiting]:
    """Balances of channels: what came last is there still."""
    return [one for code in UNMATCHED for one in _balances_of(connection, code, on)]


def suspense(connection: Connection, on: date) -> list[Waiting]:
    """Open items: transits, suspense, top-ups that the statement has not shown."""
    return [
        Waiting(split_id(item.account)[0], item.opened_on, item.amount_fen, 1)
        for item in open_items.waiting_at(connection, on)
    ]


# A certificate's sections, in order. What reconciliation knows better replaces its source here.
SECTIONS: tuple[tuple[str, Source], ...] = (("unmatched", unmatched), ("suspense", suspense))


def _balances_of(connection: Connection, code: str, on: date) -> list[Waiting]:
    days, oldest = account_days.DAYS, on - timedelta(days=LONGEST)
    named = days.c.account
    query = (
        select(named, days.c.accounting_date, days.c.debit_fen, days.c.credit_fen)
        .where(named > f"{code}.", named < f"{code}/", days.c.accounting_date <= on)
        .order_by(named, days.c.accounting_date)
    )
    ends: dict[str, list[tuple[date, int, int]]] = {}
    for leaf, day, *sums in connection.execute(query):
        ends.setdefault(leaf, []).append((day, *sums))
    found = []
    for rows in ends.values():
        moves = _moves(code, rows)
        balance_fen = sum(came - went for _, came, went in moves)
        recent = (one for one in reversed(moves) if one[0] >= oldest)
        found += left_of(code, balance_fen, recent, oldest)
    return found


def _moves(code: str, ends: list[tuple[date, int, int]]) -> list[tuple[date, int, int]]:
    """What came and went on the normal side, by date, from what dates ended with."""
    moves, before = [], (0, 0)
    for day, *sums in ends:
        debit_fen, credit_fen = sums[0] - before[0], sums[1] - before[1]
        sides = (debit_fen, credit_fen) if CHART[code].debit_normal else (credit_fen, debit_fen)
        moves.append((day, *sides))
        before = (sums[0], sums[1])
    return moves
