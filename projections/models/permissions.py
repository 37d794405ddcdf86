"""Permissions: the institution's operators with their offices, and what of the API merchants have.

Who may do what with an office is no fact: it stands in `api/http/access.py`.
"""

from datetime import date

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Table, select

from domain.kernel import Recorded, key
from domain.member import api_access, staff
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import delete_rows, upsert_rows
from projections.tables.paging import columns_of

STAFF = Table(
    "staff",
    METADATA,
    Column("operator_id", TEXT, primary_key=True),
    Column("office", TEXT, nullable=False),
    Column("since_position", BigInteger, nullable=False),
)
API_COMMANDS = Table(
    "api_commands",
    METADATA,
    Column("member", TEXT, primary_key=True),
    Column("effective_from", Date, primary_key=True),
    Column("commands", TEXT),  # JSON; null: all there are.
    Column("position", BigInteger, nullable=False),
)


class Delta(Struct, gc=False):
    """Offices by operator, with the position (None: dismissed); commands by member and date."""

    offices: dict[str, tuple[str, int] | None]
    given: dict[tuple[str, date], tuple[str | None, int]]


def _new_delta() -> Delta:
    return Delta({}, {})


def _appointed(delta: Delta, recorded: Recorded) -> None:
    fact: staff.Appointed = recorded.fact
    delta.offices[fact.operator_id] = (fact.office, recorded.position)


def _dismissed(delta: Delta, recorded: Recorded) -> None:
    delta.offices[recorded.fact.operator_id] = None


def _given(delta: Delta, recorded: Recorded) -> None:
    fact: api_access.CommandsGiven = recorded.fact
    commands = None if fact.commands is None else msgspec.json.encode(fact.commands).decode()
    delta.given[key(recorded.stream), fact.effective_from] = (commands, recorded.position)


def _write(connection: Connection, tables: Tables, delta: Delta) -> None:
    table, who = tables[STAFF.name], ("operator_id",)
    there = [(one, *office) for one, office in delta.offices.items() if office is not None]
    upsert_rows(connection, table, there, who, ("office", "since_position"))
    gone = [(one,) for one, office in delta.offices.items() if office is None]
    delete_rows(connection, table, who, gone)
    given = [(*at, *values) for at, values in delta.given.items()]
    at = ("member", "effective_from")
    upsert_rows(connection, tables[API_COMMANDS.name], given, at, ("commands", "position"))


MODEL = ReadModel(
    name="permissions",
    tables=(STAFF, API_COMMANDS),
    folds={
        staff.Appointed: _appointed,
        staff.Dismissed: _dismissed,
        api_access.CommandsGiven: _given,
    },
    new_delta=_new_delta,
    write=_write,
)


class Operator(Struct, frozen=True):
    """An operator of the institution, and the position of the appointment to the office."""

    operator_id: str
    office: str
    since_position: int


class Given(Struct, frozen=True):
    """The commands that a merchant has from a date on; None: all there are for merchants."""

    effective_from: date
    commands: tuple[str, ...] | None


def operators(connection: Connection) -> list[Operator]:
    """Everybody in office, by id."""
    query = select(*columns_of(STAFF, Operator)).order_by(STAFF.c.operator_id)
    return [Operator(*row) for row in connection.execute(query)]


def given_to(connection: Connection, member_id: str) -> list[Given]:
    """What a merchant has been given, by date."""
    columns = API_COMMANDS.c
    query = select(columns.effective_from, columns.commands).where(columns.member == member_id)
    return [
        Given(since, None if text is None else msgspec.json.decode(text, type=tuple[str, ...]))
        for since, text in connection.execute(query.order_by(columns.effective_from))
    ]
