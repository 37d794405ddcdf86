"""Journal (明细账, 分录流水): one row per entry line of every fact that moves money.

`reference` is `<stream>#<version>` of that fact; account.posted facts name it, too.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Date,
    Index,
    SmallInteger,
    Table,
    select,
    tuple_,
    union_all,
)

from domain.accounting import deposit, mirror, own_funds, reserve, topup
from domain.accounting.reversal import Reversed
from domain.authority import deduction
from domain.kernel import Recorded
from domain.payment import payment, suspense, withdrawal
from domain.payment.transfer import Transferred
from domain.reconciliation import chargeback, difference, session, statement, verdict
from domain.settlement import batch
from domain.transaction import refund, transaction
from projections.engine.model import METADATA, TEXT, ReadModel, Tables
from projections.tables.bulk import insert_rows
from projections.tables.listing import Listing, Names, Narrowed, between, given, values_of
from projections.tables.paging import (
    Int,
    Page,
    columns_of,
    sought_texts,
)

TABLE = Table(
    "journal",
    METADATA,
    Column("position", BigInteger, primary_key=True),
    Column("line_no", SmallInteger, primary_key=True),
    Column("account", TEXT, nullable=False),
    Column("accounting_date", Date, nullable=False),
    Column("debit_fen", BigInteger, nullable=False),
    Column("credit_fen", BigInteger, nullable=False),
    Column("currency", TEXT, nullable=False),
    Column("rule", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("stream", TEXT, nullable=False),
    Column("fact", TEXT, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", TEXT, nullable=False),
    Column("command", TEXT, nullable=False),
    # Positions and accounting dates grow together, so one index serves both orders.
    Index("journal_account", "account", "accounting_date", "position", "line_no"),
    Index("journal_stream", "stream"),
)

Lines = list[tuple[Any, ...]]


def _entered(delta: Lines, recorded: Recorded) -> None:
    entry = recorded.fact.entry
    if entry is None:  # A refund after release: its entry is on RefundCleared.
        return
    position, stream = recorded.position, recorded.stream
    after_lines = (
        entry.currency,
        entry.rule,
        f"{stream}#{recorded.version}",
        stream,
        recorded.name,
        recorded.at_us,
        recorded.actor,
        recorded.command,
    )
    for line_no, line in enumerate(entry.lines, 1):
        delta.append(
            (
                position,
                line_no,
                line.account,
                entry.date,
                line.debit_fen,
                line.credit_fen,
                *after_lines,
            )
        )


def _write(connection: Connection, tables: Tables, delta: Lines) -> None:
    insert_rows(connection, tables[TABLE.name], delta)


MODEL = ReadModel(
    name="journal",
    tables=(TABLE,),
    folds=dict.fromkeys(
        (
            transaction.Paid,
            transaction.Cleared,
            transaction.RefundAccepted,
            transaction.RefundCleared,
            refund.Succeeded,
            refund.Failed,
            refund.PartSucceeded,
            refund.PartFailed,
            payment.LegSucceeded,
            difference.Confirmed,
            difference.Cleared,
            difference.Approved,
            difference.Resolved,
            difference.Undone,
            verdict.Reached,
            session.Settled,
            statement.Matched,
            mirror.Opened,
            own_funds.CapitalPaidIn,
            own_funds.BufferPutIn,
            own_funds.InterestCredited,
            own_funds.Swept,
            topup.Arrived,
            suspense.Opened,
            suspense.SendBackStarted,
            suspense.SentBack,
            suspense.SendBackFailed,
            suspense.Placed,
            payment.WalletRecharged,
            payment.SendBackStarted,
            payment.SentBack,
            payment.SendBackFailed,
            Transferred,
            chargeback.Received,
            chargeback.Won,
            chargeback.Met,
            chargeback.Unmet,
            withdrawal.Requested,
            withdrawal.TurnedDown,
            withdrawal.Succeeded,
            withdrawal.Failed,
            withdrawal.SucceededLate,
            withdrawal.Returned,
            deduction.Asked,
            deduction.Succeeded,
            deduction.Failed,
            deduction.SucceededLate,
            deduction.Returned,
            reserve.Released,
            deposit.Taken,
            deposit.Returned,
            batch.Matured,
            batch.Instructed,
            batch.PayoutSucceeded,
            batch.PayoutFailed,
            batch.PayoutReturned,
            batch.PayoutRetried,
            verdict.Reached,
            difference.Confirmed,
            difference.Cleared,
            difference.Approved,
            difference.Resolved,
            difference.Undone,
            Reversed,
        ),
        _entered,
    ),
    new_delta=list,
    write=_write,
)


class JournalLine(Struct, frozen=True):
    """One line of an entry, in fen; `line_no` counts from 1 within the entry."""

    position: int
    line_no: int
    account: str
    accounting_date: date
    debit_fen: int
    credit_fen: int
    currency: str
    rule: str
    reference: str
    stream: str
    fact: str
    at_us: int
    actor: str
    command: str


_COLUMNS = columns_of(TABLE, JournalLine)
_ORDER = (TABLE.c.accounting_date, TABLE.c.position, TABLE.c.line_no)


class Wanted(Struct, frozen=True):
    """The lines of an account, of the accounting dates from_ <= date < to."""

    account: str
    from_: date | None = None
    to: date | None = None


def journal(
    connection: Connection,
    account: str,
    from_: date | None = None,
    to: date | None = None,
    *,
    after: str | None = None,
    first: int = 100,
) -> Page[JournalLine]:
    """An account's lines of the accounting dates from_ <= date < to, in the order they happened."""
    values = values_of(Wanted(account, from_, to), instants=False)
    return LISTING.page(connection, values, after=after, first=first)


def _narrowed(names: Names) -> Narrowed:
    mine = TABLE.c.account == given("account", TABLE.c.account)
    return Narrowed(_ORDER, [mine, *between(TABLE.c.accounting_date, names)])


LISTING = Listing("journal", (date, Int, Int), _narrowed, _COLUMNS, JournalLine)


def _key(line: JournalLine) -> tuple[date, int, int]:
    return line.accounting_date, line.position, line.line_no


def entries_of(connection: Connection, stream: str) -> list[JournalLine]:
    """All entry lines of one stream's facts, in their order."""
    return entries_of_all(connection, [stream]).get(stream, [])


def entries_of_all(connection: Connection, streams: Sequence[str]) -> dict[str, list[JournalLine]]:
    """All entry lines of several streams' facts (at most a few hundred), by stream."""
    wanted = TABLE.c.stream.in_(sought_texts(streams, "stream"))
    query = select(*_COLUMNS).where(wanted).order_by(TABLE.c.position, TABLE.c.line_no)
    found: dict[str, list[JournalLine]] = {}
    for row in connection.execute(query):
        line = JournalLine(*row)
        found.setdefault(line.stream, []).append(line)
    return found


def newest_of(
    connection: Connection, accounts: Sequence[str], limit: int
) -> dict[str, list[JournalLine]]:
    """The newest lines of some accounts (at most a few hundred), of each as many as `limit`."""
    parts = []
    for account in sought_texts(accounts, "account"):
        query = select(*_COLUMNS).where(TABLE.c.account == account)
        newest_first = query.order_by(*(column.desc() for column in _ORDER))
        parts.append(select(newest_first.limit(limit).subquery()))
    found: dict[str, list[JournalLine]] = {account: [] for account in accounts}
    for row in connection.execute(union_all(*parts)) if parts else ():
        line = JournalLine(*row)
        found[line.account].append(line)
    for lines in found.values():
        lines.sort(key=_key, reverse=True)
    return found


def last_position(connection: Connection) -> int:
    """The position of the newest line; 0 when there is none."""
    newest = select(TABLE.c.position).order_by(TABLE.c.position.desc()).limit(1)
    return connection.execute(newest).scalar() or 0


def lines_between(
    connection: Connection, after: int, until: int, page: int = 2_000
) -> Iterator[JournalLine]:
    """Every line after a position, up to another, in the order of the log, read in pages."""
    place = (TABLE.c.position, TABLE.c.line_no)
    last = (after, 2**15 - 1)  # Beyond the last line of `after`.
    while True:
        query = select(*_COLUMNS).where(tuple_(*place) > tuple_(*last), place[0] <= until)
        rows = connection.execute(query.order_by(*place).limit(page)).all()
        yield from (JournalLine(*row) for row in rows)
        if len(rows) < page:
            return
        last = (rows[-1].position, rows[-1].line_no)
