"""Business days (营业日): one row per accounting date, when it was opened, cut off and closed.

Accounting dates grow with positions, one day being open at a time: so a row also says which part
of the log belongs to its date.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Table, func, select

from domain.clearing import day as facts
from domain.kernel import Recorded
from projections.engine.model import METADATA, ReadModel, Tables
from projections.tables.bulk import insert_rows, update_rows
from projections.tables.paging import columns_of

TABLE = Table(
    "business_days",
    METADATA,
    Column("accounting_date", Date, primary_key=True),
    Column("opened_at_us", BigInteger, nullable=False),
    Column("opened_position", BigInteger, nullable=False),
    Column("cut_off_at_us", BigInteger),
    Column("cut_off_position", BigInteger),
    Column("closed_at_us", BigInteger),
    Column("closed_position", BigInteger),
)

Steps = dict[type, list[tuple[date, int, int]]]  # By fact: (date, UTC µs, position).


def _new_delta() -> Steps:
    return {facts.Opened: [], facts.CutOff: [], facts.Closed: []}


def _stepped(delta: Steps, recorded: Recorded) -> None:
    fact = recorded.fact
    delta[type(fact)].append((fact.date, recorded.at_us, recorded.position))


def _write(connection: Connection, tables: Tables, delta: Steps) -> None:
    table = tables[TABLE.name]
    insert_rows(connection, table, [(*step, *(None,) * 4) for step in delta[facts.Opened]])
    for fact, name in ((facts.CutOff, "cut_off"), (facts.Closed, "closed")):
        update = (f"{name}_at_us", f"{name}_position")
        update_rows(connection, table, delta[fact], ("accounting_date",), update)


_FOLD: Callable[[Any, Recorded], None] = _stepped

MODEL = ReadModel(
    name="business_days",
    tables=(TABLE,),
    folds=dict.fromkeys((facts.Opened, facts.CutOff, facts.Closed), _FOLD),
    new_delta=_new_delta,
    write=_write,
)


class BusinessDay(Struct, frozen=True):
    """One day: times in UTC µs, positions of the log; None: it did not come to that yet."""

    accounting_date: date
    opened_at_us: int
    opened_position: int
    cut_off_at_us: int | None
    cut_off_position: int | None
    closed_at_us: int | None
    closed_position: int | None


_COLUMNS = columns_of(TABLE, BusinessDay)


def latest_day(connection: Connection) -> BusinessDay | None:
    """The open day; None when the books were not opened yet."""
    newest_first = select(*_COLUMNS).order_by(TABLE.c.accounting_date.desc())
    row = connection.execute(newest_first.limit(1)).first()
    return BusinessDay(*row) if row else None


def first_day(connection: Connection) -> date | None:
    """The day the books were opened on; None when they were not."""
    return connection.execute(select(func.min(TABLE.c.accounting_date))).scalar()


def days(
    connection: Connection, from_: date | None = None, to: date | None = None
) -> list[BusinessDay]:
    """The days from_ <= date < to, in order."""
    query = select(*_COLUMNS).order_by(TABLE.c.accounting_date)
    if from_ is not None:
        query = query.where(TABLE.c.accounting_date >= from_)
    if to is not None:
        query = query.where(TABLE.c.accounting_date < to)
    return [BusinessDay(*row) for row in connection.execute(query)]
