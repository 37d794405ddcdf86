"""Trial balance (试算平衡表): what every chart code had come to when an accounting date ended.

A date on which anything moved has a row for each code that has moved by then, so the balance as of
any date is the rows of one date, however long the history (ADR 0021). Σ debit_fen = Σ credit_fen
over the rows of every date: each entry balances and has one date.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from operator import add
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Select, Table, func, select

from domain.accounting.account import Posted
from domain.accounting.chart import CHART, split_id
from domain.kernel import Recorded, key
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.bulk import Since, upsert_rows
from projections.tables.listing import Names, given

DAYS = Table(
    "trial_days",
    METADATA,
    Column("accounting_date", Date, primary_key=True),
    Column("code", TEXT, primary_key=True),
    Column("debit_fen", BigInteger, nullable=False),
    Column("credit_fen", BigInteger, nullable=False),
)

Totals = dict[str, list[int]]  # Chart code -> debit, credit
Movements = dict[tuple[date, str], list[int]]  # (accounting date, account stream) -> debit, credit


def _posted(delta: Movements, recorded: Recorded) -> None:
    fact = recorded.fact
    sums = delta.setdefault((fact.date, recorded.stream), [0, 0])
    for line in fact.lines:
        sums[0] += line.debit_fen
        sums[1] += line.credit_fen


def _write(connection: Connection, tables: Tables, delta: Movements) -> Writing:
    moved: dict[date, Totals] = {}
    for (day, stream), sums in delta.items():
        _add(moved.setdefault(day, {}), split_id(key(stream))[0], sums)
    if not moved:
        return
    table = tables[DAYS.name]
    known: dict[date, Totals] = {}
    # The last date up to the first that moved; those after it there should not be.
    (found,) = yield [Since(table, "accounting_date", min(moved))]
    for on, code, *totals in found:
        known.setdefault(on, {})[code] = totals
    # Dates come in their order. One that did not would be right as well: what it moved counts on
    # every later date.
    before: Totals = {}
    added: Totals = {}
    rows: list[tuple[Any, ...]] = []
    for day in sorted(known.keys() | moved.keys()):
        for code, sums in moved.get(day, {}).items():
            _add(added, code, sums)
        before = known.get(day, before)
        changed = added if day in known else before | added
        for code in changed:
            earlier = before.get(code, (0, 0))
            rows.append((day, code, *map(add, earlier, added.get(code, (0, 0)))))
    sums_of = ("debit_fen", "credit_fen")
    upsert_rows(connection, table, rows, ("accounting_date", "code"), sums_of)


def _add(totals: Totals, code: str, sums: Sequence[int]) -> None:
    kept = totals.setdefault(code, [0, 0])
    kept[0] += sums[0]
    kept[1] += sums[1]


MODEL = ReadModel(
    name="trial_balance",
    tables=(DAYS,),
    folds={Posted: _posted},
    new_delta=dict,
    write=_write,
)


class TrialRow(Struct, frozen=True):
    """A chart code's net balance, on the one side where it stands, in fen."""

    code: str
    title: str
    type: str
    debit_fen: int
    credit_fen: int


class TrialBalance(Struct, frozen=True):
    """The codes that have moved, by code, and both columns' totals in fen."""

    as_of: date | None
    rows: list[TrialRow]
    debits_fen: int
    credits_fen: int

    @property
    def balanced(self) -> bool:
        return self.debits_fen == self.credits_fen


def trial_balance(connection: Connection, as_of: date | None = None) -> TrialBalance:
    """The trial balance at the end of an accounting date, or of all that is posted."""
    values = {} if as_of is None else {"as_of": as_of}
    nets = connection.execute(nets_query(frozenset(values)), values)
    return balance_of(((code, net_fen) for code, net_fen in nets), as_of)


def nets_query(names: Names) -> Select[Any]:
    """Code and net debit, by code, at the end of `as_of`, a bind parameter, or now."""
    on = DAYS.c.accounting_date
    last = select(func.max(on))
    if "as_of" in names:
        last = last.where(on <= given("as_of", on))
    net = DAYS.c.debit_fen - DAYS.c.credit_fen
    query = select(DAYS.c.code, net).where(on == last.correlate(None).scalar_subquery())
    return query.order_by(DAYS.c.code)


def balance_of(nets: Iterable[tuple[str, int]], as_of: date | None) -> TrialBalance:
    """The trial balance of codes and what they net to, in fen."""
    rows = []
    for code, net_fen in nets:
        line = CHART[code]
        rows.append(TrialRow(code, line.title, line.type, max(net_fen, 0), max(-net_fen, 0)))
    debits_fen = sum(row.debit_fen for row in rows)
    return TrialBalance(as_of, rows, debits_fen, sum(row.credit_fen for row in rows))
