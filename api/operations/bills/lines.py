"""Lines of bills in a table, so that matching can join them with instructions.

A line is no fact, and this is no read model: the table is a function of bytes that a fact names. It
is filled a few thousand lines at a time, each with its progress in one short transaction, so that
no writer waits for a million of them; stopped anywhere, the next call goes on. A bill counts once
it is whole, and its lines are those that its fact's digest is of. The newest version that is whole
is the one that is `live`. All of it may be dropped and filled again.
"""

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from itertools import islice

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Engine,
    Index,
    MetaData,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from api.operations.bills.reading import lines_of
from domain.channel.numbers import sought_by
from domain.eventstore.database import to_write
from domain.ledger.ledger import Ledger
from domain.reconciliation import bill
from domain.reconciliation.bill import Version
from domain.reconciliation.bills.line import BillKind, Line
from projections.engine.model import TEXT
from projections.models.bills import TABLE as BILLS
from projections.tables.bulk import insert_rows

METADATA = MetaData()
AT_ONCE = 5_000  # Lines of one transaction.
NONE = "none"  # No digest is spelled so: lines of no reading.
MANY = 1_000  # Lines of a bill from which plans must know of them, before the server looks itself.
FILLS = Table(
    "bill_fills",
    METADATA,
    Column("bill_id", TEXT, primary_key=True),
    Column("channel", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("bill_date", Date, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("written", BigInteger, nullable=False),
    Column("whole", BigInteger, nullable=False),
    Column("live", BigInteger, nullable=False),
    Index("bill_fills_day", "channel", "kind", "bill_date"),
)
LINES = Table(
    "bill_lines",
    METADATA,
    Column("bill_id", TEXT, primary_key=True),
    Column("line", BigInteger, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("number", TEXT, nullable=False),
    Column("sought", TEXT, nullable=False),
    Column("serial", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("fee_milli_fen", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("at_us", BigInteger),
    Column("original", TEXT, nullable=False),
    Column("reversal", BigInteger, nullable=False),
    Index("bill_lines_sought", "sought"),
    Index("bill_lines_serial", "serial"),
)


class OthersFill(Exception):
    """Another process fills the same bill: its progress moved under us."""


class Wanted(Struct, frozen=True):
    """Which version of which bill."""

    channel: str
    kind: BillKind
    day: date
    version: Version

    @property
    def bill_id(self) -> str:
        return f"{self.channel}.{self.kind}.{self.day}.{self.version.number}"

    @property
    def digest(self) -> str:
        """Of its lines, as its fact has it; "" where no trade was told."""
        return self.version.read.digest if self.version.read is not None else ""


def fill_newest(
    ledger: Ledger,
    engine: Engine,
    channel: str,
    kind: BillKind,
    day: date,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> str | None:
    """The id of the newest version of a bill, its lines in the table; None: there is no bill.
    `progress` is told lines that are there, of how many. Raises BillChanged, OthersFill."""
    newest = ledger.state(bill.stream(channel, kind, day)).newest
    if newest is None:
        return None
    wanted = Wanted(channel, kind, day, newest)
    fill(engine, wanted, progress=progress)
    return wanted.bill_id


def fill_all(
    ledger: Ledger,
    reads: Engine,
    writes: Engine,
    channel: str,
    progress: Callable[[date, int, int], None] | None = None,
) -> None:
    """The newest version of every trade bill of a channel that the read model `bills` knows.
    Raises as `fill_newest` does."""
    with reads.connect() as connection:
        wanted = _unfilled(connection, channel)
    for day in wanted:
        told = partial(progress, day) if progress is not None else None
        fill_newest(ledger, writes, channel, "trade", day, progress=told)


def fill(
    engine: Engine,
    wanted: Wanted,
    *,
    progress: Callable[[int, int], None] | None = None,
    at_once: int = AT_ONCE,
) -> None:
    """Write the lines of a version, or what is missing of them. Raises BillChanged, OthersFill."""
    read = wanted.version.read
    written, whole = _begun(engine, wanted)
    if whole:
        return
    lines: Iterator[tuple[object, ...]] = iter(())
    if read is not None:
        lines = _rows(wanted, lines_of(engine, read, wanted.day))
    for _ in islice(lines, written):
        pass  # Written before; read again, for the digest is of all.
    while rows := list(islice(lines, at_once)):
        with to_write(engine) as connection:
            insert_rows(connection, LINES, rows)
            _move(connection, wanted, written, written + len(rows))
        written += len(rows)
        if progress is not None and read is not None:
            progress(written, read.lines)
    with to_write(engine) as connection:
        _finish(connection, wanted, written)
    if written >= MANY and engine.dialect.name == "postgresql":
        with to_write(engine) as connection:
            connection.exec_driver_sql("ANALYZE bill_lines, bill_fills")


def counted(engine: Engine) -> tuple[int, int]:
    """Bills in force, and their lines."""
    query = select(func.count(), func.coalesce(func.sum(FILLS.c.written), 0))
    with engine.connect() as connection:
        bills, count = connection.execute(query.where(FILLS.c.live == 1)).one()
    return int(bills), int(count)


def forget(engine: Engine) -> None:
    """Drop all lines. They are filled again when they are needed."""
    with engine.connect() as connection:
        names = list(connection.execute(select(FILLS.c.bill_id)).scalars())
    for name in names:
        _drop(engine, name)


def _drop(engine: Engine, bill_id: str) -> None:
    """No line of a bill is there any more, nor that it was filled. Stopped anywhere, it is neither
    whole nor of any reading, so that whoever fills it next drops the rest."""
    there, lines = FILLS.c.bill_id == bill_id, LINES.c.bill_id == bill_id
    with to_write(engine) as connection:
        connection.execute(update(FILLS).where(there).values(digest=NONE, whole=0, live=0))
    last = select(func.max(LINES.c.line)).where(lines)
    while True:
        with to_write(engine) as connection:
            line = connection.execute(last).scalar()
            if line is None:
                connection.execute(delete(FILLS).where(there))
                return
            connection.execute(delete(LINES).where(lines, LINES.c.line > line - AT_ONCE))


def _unfilled(connection: Connection, channel: str) -> list[date]:
    """Days whose newest trade bill has no lines in the table yet."""
    mine = (BILLS.c.channel == channel, BILLS.c.kind == "trade")
    newest = (
        select(BILLS.c.bill_date, func.max(BILLS.c.version).label("version"))
        .where(*mine)
        .group_by(BILLS.c.bill_date)
    )
    there = select(FILLS.c.bill_date, FILLS.c.version).where(
        FILLS.c.channel == channel, FILLS.c.kind == "trade", FILLS.c.live == 1
    )
    live = {tuple(row) for row in connection.execute(there)}
    return sorted(row.bill_date for row in connection.execute(newest) if tuple(row) not in live)


def _begun(engine: Engine, wanted: Wanted) -> tuple[int, bool]:
    """How many lines are there, and whether that is all. Lines that were read by another reading
    than the fact's are dropped. Raises OthersFill."""
    there = FILLS.c.bill_id == wanted.bill_id
    with engine.connect() as connection:
        found = connection.execute(select(FILLS).where(there)).first()
    if found is not None and found.digest == wanted.digest:
        return found.written, bool(found.whole)
    if found is not None:
        _drop(engine, wanted.bill_id)
    named = (wanted.bill_id, wanted.channel, wanted.kind, wanted.day, wanted.version.number)
    try:
        with to_write(engine) as connection:
            connection.execute(insert(FILLS).values((*named, wanted.digest, 0, 0, 0)))
    except IntegrityError:
        raise OthersFill(wanted.bill_id) from None
    return 0, False


def _rows(wanted: Wanted, items: Iterator[object]) -> Iterator[tuple[object, ...]]:
    bill_id, channel = wanted.bill_id, wanted.channel
    for item in items:
        if isinstance(item, Line):
            yield (
                bill_id,
                item.line,
                item.kind,
                item.number,
                sought_by(channel, item.number),
                item.serial,
                item.amount_fen,
                item.fee_milli_fen,
                item.state,
                item.currency,
                item.at_us,
                item.original,
                int(item.reversal),
            )


def _move(connection: Connection, wanted: Wanted, before: int, after: int) -> None:
    """Raises OthersFill where somebody else has gone on, or drops the lines."""
    mine = (FILLS.c.bill_id == wanted.bill_id, FILLS.c.digest == wanted.digest)
    there = (*mine, FILLS.c.written == before, FILLS.c.whole == 0)
    moved = connection.execute(update(FILLS).where(*there).values(written=after))
    if moved.rowcount != 1:
        raise OthersFill(wanted.bill_id)


def _finish(connection: Connection, wanted: Wanted, written: int) -> None:
    """It is whole; it is the live one unless a newer version is."""
    _move(connection, wanted, written, written)
    mine = (FILLS.c.bill_id == wanted.bill_id,)
    same = (
        FILLS.c.channel == wanted.channel,
        FILLS.c.kind == wanted.kind,
        FILLS.c.bill_date == wanted.day,
    )
    connection.execute(update(FILLS).where(*mine).values(whole=1))
    whole = select(FILLS.c.bill_id).where(*same, FILLS.c.whole == 1)
    newest = connection.execute(whole.order_by(FILLS.c.version.desc()).limit(1)).scalar()
    connection.execute(update(FILLS).where(*same, FILLS.c.live == 1).values(live=0))
    connection.execute(update(FILLS).where(FILLS.c.bill_id == newest).values(live=1))
