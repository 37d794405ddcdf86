"""Lines of the bank's statements, and what each of them is: kept beside the books, in the ledger's
database.

No facts, and no read model: they follow from the kept file and from what is on record, and whoever
compares a day again makes them again. A line that is several things (a payout and too much, a
transfer for a batch) has a row for each part. Of a statement only the version that was compared
last is kept.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Index,
    MetaData,
    Table,
    and_,
    case,
    delete,
    func,
    select,
)

from domain.reconciliation.session import Arrival
from projections.engine.model import TEXT
from projections.tables.bulk import insert_rows

_METADATA = MetaData()  # Created by migration 0028.

TABLE = Table(
    "bank_lines",
    _METADATA,
    Column("channel", TEXT, primary_key=True),
    Column("bill_date", Date, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("part", BigInteger, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("serial", TEXT, nullable=False),
    Column("at_us", BigInteger),
    Column("amount_fen", BigInteger, nullable=False),
    Column("what", TEXT, nullable=False),
    Column("about", TEXT, nullable=False),
    Column("of_channel", TEXT, nullable=False),
    Index("bank_lines_about", "about"),
    Index("bank_lines_serial", "serial"),
)
CHUNK = 400
_SIGNED_FEN = func.sum(case((TABLE.c.kind == "out", -TABLE.c.amount_fen), else_=TABLE.c.amount_fen))


class Row(Struct, frozen=True, gc=False):
    """A part of a line: `kind` in or out, other than its line's of a session that was set off
    against others; `what` as of `statement.What`, `about` what it is of: an instruction, a
    session's stream, a movement of own funds, a difference. `of_channel`: whose account it is
    booked against."""

    channel: str
    bill_date: date
    version: int
    line: int
    part: int
    kind: str
    number: str
    serial: str
    at_us: int | None
    amount_fen: int
    what: str
    about: str
    of_channel: str


class Statement(Struct, frozen=True, gc=False):
    """Whose statement of which day, in which version."""

    channel: str
    day: date
    version: int


def doubts(connection: Connection, channel: str, day: date) -> set[str]:
    """The differences that lines of a day were found to be, in any version that is kept."""
    wanted = and_(TABLE.c.channel == channel, TABLE.c.bill_date == day, TABLE.c.what == "in_doubt")
    return set(connection.execute(select(TABLE.c.about).where(wanted)).scalars())


def sessions(connection: Connection, channel: str, day: date) -> set[str]:
    """The sessions of which lines of a day are, in any version that is kept."""
    wanted = and_(TABLE.c.channel == channel, TABLE.c.bill_date == day, TABLE.c.what == "session")
    return set(connection.execute(select(TABLE.c.about).where(wanted)).scalars())


def shown_before(
    connection: Connection, statement: Statement, abouts: Sequence[str]
) -> dict[str, dict[str, int]]:
    """What earlier statements show of some instructions: fen by instruction and by what."""
    found: dict[str, dict[str, int]] = {}
    columns = (TABLE.c.about, TABLE.c.what, func.sum(TABLE.c.amount_fen))
    for start in range(0, len(abouts), CHUNK):
        query = (
            select(*columns)
            .where(TABLE.c.about.in_(abouts[start : start + CHUNK]))
            .where(TABLE.c.channel == statement.channel, TABLE.c.bill_date < statement.day)
            .group_by(TABLE.c.about, TABLE.c.what)
        )
        for about, what, amount_fen in connection.execute(query):
            found.setdefault(about, {})[what] = int(amount_fen)
    return found


def serials_before(
    connection: Connection, statement: Statement, serials: Sequence[str]
) -> set[str]:
    """Which of some serials stand in earlier statements."""
    found: set[str] = set()
    for start in range(0, len(serials), CHUNK):
        query = (
            select(TABLE.c.serial)
            .where(TABLE.c.serial.in_(serials[start : start + CHUNK]))
            .where(TABLE.c.channel == statement.channel, TABLE.c.bill_date < statement.day)
        )
        found.update(connection.execute(query).scalars())
    return found


def keep(connection: Connection, statement: Statement, rows: Iterable[Row]) -> None:
    """The lines of a statement as they are now; other versions of it go."""
    whose = and_(TABLE.c.channel == statement.channel, TABLE.c.bill_date == statement.day)
    connection.execute(delete(TABLE).where(whose))
    insert_rows(connection, TABLE, [astuple(row) for row in rows])


def arrivals(connection: Connection, channel: str, session: str) -> tuple[Arrival, ...]:
    """What the statements show of a session, by day."""
    query = (
        select(TABLE.c.bill_date, func.min(TABLE.c.line), func.count(), _SIGNED_FEN)
        .where(TABLE.c.about == session, TABLE.c.what == "session", TABLE.c.channel == channel)
        .group_by(TABLE.c.bill_date)
        .order_by(TABLE.c.bill_date)
    )
    return tuple(
        Arrival(day, line, lines, int(amount_fen))
        for day, line, lines, amount_fen in connection.execute(query)
    )


def left(connection: Connection, abouts: Sequence[str]) -> dict[str, tuple[int, date]]:
    """What the statements show of some instructions going out, in fen, and the last day of it."""
    found: dict[str, tuple[int, date]] = {}
    for start in range(0, len(abouts), CHUNK):
        query = (
            select(TABLE.c.about, func.sum(TABLE.c.amount_fen), func.max(TABLE.c.bill_date))
            .where(TABLE.c.about.in_(abouts[start : start + CHUNK]))
            .where(TABLE.c.what.in_(("payout", "refund")))
            .group_by(TABLE.c.about)
        )
        for about, amount_fen, until in connection.execute(query):
            found[about] = (int(amount_fen), until)
    return found


def came_back(connection: Connection, abouts: Sequence[str]) -> dict[str, int]:
    """What the statements alone show of some instructions (a few hundred) to come back, in fen."""
    query = (
        select(TABLE.c.about, func.sum(TABLE.c.amount_fen))
        .where(TABLE.c.about.in_(abouts), TABLE.c.what == "came_back")
        .group_by(TABLE.c.about)
    )
    return {about: int(amount_fen) for about, amount_fen in connection.execute(query)}


def lines_about(connection: Connection, about: str) -> list[Row]:
    """Every line that is of an instruction or a session, in order."""
    query = (
        select(*TABLE.columns)
        .where(TABLE.c.about == about)
        .order_by(TABLE.c.bill_date, TABLE.c.line, TABLE.c.part)
    )
    return [Row(*row) for row in connection.execute(query)]


def said_of(channel: str, day: date, line: object = "") -> str:
    """The reference under which an owner is told of a line: the statement, and the line in it, by
    its serial or its number. What all of a statement begin with, without `line`."""
    return f"{channel} {day} {line}"[:64]


def top_ups_shown(connection: Connection, channel: str) -> dict[tuple[str, str], int]:
    """What lines show of top-ups: fen, out below zero, by the references that one may have been
    booked with, the bank's own and what owners were told."""
    table = TABLE.c
    query = (
        select(table.bill_date, table.serial, table.line, _SIGNED_FEN)
        .where(table.channel == channel, table.what == "top_up")
        .group_by(table.bill_date, table.serial, table.line)
        .order_by(table.bill_date, table.line)
    )
    return {
        (serial, said_of(channel, day, serial or line)): int(fen)
        for day, serial, line, fen in connection.execute(query)
    }


def net_by_day(connection: Connection, channel: str) -> dict[date, int]:
    """What the lines of each statement come to, as they were compared last: fen, out below zero."""
    query = select(TABLE.c.bill_date, _SIGNED_FEN).where(TABLE.c.channel == channel)
    found = connection.execute(query.group_by(TABLE.c.bill_date))
    return {day: int(fen) for day, fen in found}


class Sums(Struct, frozen=True, gc=False):
    """Lines that are known to be something: how many, and what came in and went out by them."""

    lines: int
    in_fen: int
    out_fen: int


def matched(connection: Connection, channel: str, day: date) -> Sums:
    """What of a statement is not in doubt; parts of a line that were set off count as the bank
    booked them, as one."""
    whole = (
        select(_SIGNED_FEN.label("fen"))
        .where(TABLE.c.channel == channel, TABLE.c.bill_date == day, TABLE.c.what != "in_doubt")
        .group_by(TABLE.c.line)
        .subquery()
    )
    came = func.sum(case((whole.c.fen > 0, whole.c.fen), else_=0))
    went = func.sum(case((whole.c.fen < 0, -whole.c.fen), else_=0))
    lines, in_fen, out_fen = connection.execute(select(func.count(), came, went)).one()
    return Sums(lines, int(in_fen or 0), int(out_fen or 0))
