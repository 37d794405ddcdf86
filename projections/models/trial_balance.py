"""Trial balance (试算平衡表): movements per accounting date and chart code.

Σ debit_fen = Σ credit_fen over the rows of every date: each entry balances and has one date.
"""

from datetime import date

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Table, cast, func, select

from domain.accounting.account import Posted
from domain.accounting.chart import CHART, split_id
from domain.kernel import Recorded, key
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import add_rows

TABLE = Table(
    "trial_movements",
    METADATA,
    Column("accounting_date", Date, primary_key=True),
    Column("code", TEXT, primary_key=True),
    Column("debit_fen", BigInteger, nullable=False),
    Column("credit_fen", BigInteger, nullable=False),
)

Movements = dict[tuple[date, str], list[int]]  # (accounting date, account stream) -> debit, credit


def _posted(delta: Movements, recorded: Recorded) -> None:
    fact = recorded.fact
    sums = delta.setdefault((fact.date, recorded.stream), [0, 0])
    for line in fact.lines:
        sums[0] += line.debit_fen
        sums[1] += line.credit_fen


def _write(connection: Connection, tables: Tables, delta: Movements) -> None:
    by_code: dict[tuple[date, str], list[int]] = {}
    for (day, stream), (debit_fen, credit_fen) in delta.items():
        sums = by_code.setdefault((day, split_id(key(stream))[0]), [0, 0])
        sums[0] += debit_fen
        sums[1] += credit_fen
    rows = [(day, code, debit, credit) for (day, code), (debit, credit) in by_code.items()]
    sums_of = ("debit_fen", "credit_fen")
    add_rows(connection, tables[TABLE.name], rows, ("accounting_date", "code"), sums_of)


MODEL = ReadModel(
    name="trial_balance",
    tables=(TABLE,),
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
    net = cast(func.sum(TABLE.c.debit_fen - TABLE.c.credit_fen), BigInteger)
    query = select(TABLE.c.code, net).group_by(TABLE.c.code).order_by(TABLE.c.code)
    if as_of is not None:
        query = query.where(TABLE.c.accounting_date <= as_of)
    rows = []
    for code, net_fen in connection.execute(query):
        line = CHART[code]
        rows.append(TrialRow(code, line.title, line.type, max(net_fen, 0), max(-net_fen, 0)))
    debits_fen = sum(row.debit_fen for row in rows)
    return TrialBalance(as_of, rows, debits_fen, sum(row.credit_fen for row in rows))
