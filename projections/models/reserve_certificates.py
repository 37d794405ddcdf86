"""Certificates of the reserve (备付金证明): one row for each business day that was certified."""

from datetime import date
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Select, Table, select

from domain.clearing import certificate as facts
from domain.clearing.certificate import Section, Total
from domain.kernel import Recorded
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import Row, insert_rows
from projections.tables.listing import Names, given

TABLE = Table(
    "reserve_certificates",
    METADATA,
    Column("accounting_date", Date, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("head_hash", TEXT, nullable=False),
    Column("totals", TEXT, nullable=False),  # As in the fact: JSON.
    Column("sections", TEXT, nullable=False),
    Column("certified_at_us", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
)


def _certified(delta: list[Row], recorded: Recorded) -> None:
    fact: facts.Certified = recorded.fact
    delta.append(
        (
            facts.date_of(recorded.stream),
            fact.position,
            fact.head_hash,
            msgspec.json.encode(fact.totals).decode(),
            msgspec.json.encode(fact.sections).decode(),
            recorded.at_us,
            recorded.position,
        )
    )


def _write(connection: Connection, tables: Tables, delta: list[Row]) -> None:
    insert_rows(connection, tables[TABLE.name], delta)


MODEL = ReadModel(
    name="reserve_certificates",
    tables=(TABLE,),
    folds={facts.Certified: _certified},
    new_delta=list,
    write=_write,
)


class Certificate(Struct, frozen=True):
    """What was certified of a day; fen, UTC µs."""

    date: date
    position: int
    head_hash: str
    totals: tuple[Total, ...]
    sections: tuple[Section, ...]
    certified_at_us: int


def certificate(connection: Connection, on: date) -> Certificate | None:
    """That of an accounting date."""
    row = connection.execute(query(frozenset({"date"})), {"date": on}).first()
    return None if row is None else certificate_of(row)


def query(_names: Names) -> Select[Any]:
    """The row of `date`, a bind parameter."""
    columns = list(TABLE.columns)[:-1]
    return select(*columns).where(TABLE.c.accounting_date == given("date", TABLE.c.accounting_date))


def certificate_of(row: Any) -> Certificate:
    """A certificate from a row of `query`."""
    on, position, head_hash, totals, sections, at_us = row
    return Certificate(
        on if isinstance(on, date) else date.fromisoformat(on),
        position,
        head_hash,
        msgspec.json.decode(totals, type=tuple[Total, ...]),
        msgspec.json.decode(sections, type=tuple[Section, ...]),
        at_us,
    )
