"""Outgoings (出款): what banks were asked to pay, by the number they know it by, and of what of it
the statement is to have a line: what has left, and what has come back.

Sums are those of the entries: what stands on 2202.01 for it, on 1122.01 since the bank told that it
came back, and what a statement alone has brought back.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Index, Table, select

from domain.accounting.chart import CHANNEL_PAYABLE, CHANNEL_RECEIVABLE, RESERVE, split_id
from domain.authority import deduction
from domain.channel.channels import PAYOUT_CHANNEL
from domain.channel.numbers import wide_number
from domain.kernel import Entry, Recorded, key, shanghai_date
from domain.payment import suspense, withdrawal
from domain.settlement import batch
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.paging import columns_of, sought_texts

TABLE = Table(
    "outgoings",
    METADATA,
    Column("instruction_id", TEXT, primary_key=True),
    Column("number", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("asked_on", Date, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("paid_on", Date),
    Column("owed_fen", BigInteger, nullable=False),
    Column("back_fen", BigInteger, nullable=False),
    Column("came_fen", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Index("outgoings_number", "number"),
    Index("outgoings_paid_on", "paid_on", "position"),
    Index("outgoings_reference", "reference", "position"),
)
FIXED = 8


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    instruction_id: str
    number: str
    kind: str
    reference: str
    channel: str
    amount_fen: int
    asked_on: date
    position: int
    state: str = "asked"
    paid_on: date | None = None
    owed_fen: int = 0
    back_fen: int = 0
    came_fen: int = 0
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Outgoing(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One payout, withdrawal or deduction: asked, paid, failed or returned. `owed_fen`: what the
    bank has taken for it, as the books have it; `back_fen`: what it told came back; `came_fen`:
    what a statement alone has shown to come back. Fen, dates in Shanghai."""

    @property
    def leaves_fen(self) -> int:
        """What the statement is to show going out: all of it while its outcome is not known."""
        return self.amount_fen if self.state == "asked" else self.owed_fen


def _instructed(delta: Drafts, recorded: Recorded) -> None:
    fact: batch.Instructed = recorded.fact
    for one in fact.payouts:
        _asked(delta, recorded, "payout", one.payout_no, one.amount_fen)


def _retried(delta: Drafts, recorded: Recorded) -> None:
    fact: batch.PayoutRetried = recorded.fact
    _asked(delta, recorded, "payout", fact.new_payout_no, fact.amount_fen)


def _withdrawn(delta: Drafts, recorded: Recorded) -> None:
    fact: withdrawal.Requested = recorded.fact
    _asked(delta, recorded, "withdrawal", _withdrawal_of(recorded), fact.amount_fen)


def _deducted(delta: Drafts, recorded: Recorded) -> None:
    fact: deduction.Asked = recorded.fact
    _asked(delta, recorded, "deduction", _deduction_of(recorded), fact.amount_fen)


def _asked(delta: Drafts, recorded: Recorded, kind: str, one: str, amount_fen: int) -> None:
    delta.created[one] = Draft(
        one,
        wide_number(one),
        kind,
        recorded.stream,
        PAYOUT_CHANNEL,
        amount_fen,
        shanghai_date(recorded.at_us),
        recorded.position,
        last_position=recorded.position,
    )


def _payout_of(recorded: Recorded) -> str:
    named: str = recorded.fact.payout_no
    return named


def _withdrawal_of(recorded: Recorded) -> str:
    return withdrawal.instruction_id(key(recorded.stream))


def _deduction_of(recorded: Recorded) -> str:
    return deduction.instruction_id(key(recorded.stream))


def _suspense_of(recorded: Recorded) -> str:
    opened: suspense.Opened = recorded.fact
    return opened.instruction_id


def _happened(name: Callable[[Recorded], str]) -> Callable[[Drafts, Recorded], None]:
    return lambda delta, recorded: delta.happened(name(recorded), recorded)


def _moved(row: Draft, recorded: Recorded) -> None:
    """By the entry on the fact, whatever the fact is."""
    entry: Entry | None = recorded.fact.entry
    for line in entry.lines if entry is not None else ():
        debit_fen, code = line.debit_fen - line.credit_fen, split_id(line.account)[0]
        if code == CHANNEL_PAYABLE:
            row.owed_fen -= debit_fen
        elif code == CHANNEL_RECEIVABLE:
            row.back_fen += debit_fen
        elif line.account == RESERVE and debit_fen > 0 and row.state == "returned":
            row.came_fen += row.amount_fen
    if row.owed_fen and row.paid_on is None:
        row.paid_on = shanghai_date(recorded.at_us)


def _paid(row: Draft, recorded: Recorded) -> None:
    row.state = "paid"
    _moved(row, recorded)


def _failed(row: Draft, recorded: Recorded) -> None:
    row.state = "failed"
    _moved(row, recorded)


def _returned(row: Draft, recorded: Recorded) -> None:
    row.state = "returned"
    _moved(row, recorded)


_CHANGES: dict[type, Change] = {
    batch.PayoutSucceeded: _paid,
    batch.PayoutFailed: _failed,
    batch.PayoutReturned: _returned,
    withdrawal.Succeeded: _paid,
    withdrawal.Failed: _failed,
    withdrawal.TurnedDown: _failed,
    withdrawal.SucceededLate: _paid,
    withdrawal.Returned: _returned,
    deduction.Succeeded: _paid,
    deduction.Failed: _failed,
    deduction.SucceededLate: _paid,
    deduction.Returned: _returned,
    suspense.Opened: _moved,
}


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    """Suspense items are of all instructions: those of payments and refunds have no row."""
    table = tables[TABLE.name]
    (rows,) = yield [delta.wanted(table)]
    there = {row[0] for row in rows}
    earlier = {one: history for one, history in delta.earlier.items() if one in there}
    kept = Drafts(delta.created, earlier, delta.changes)
    kept.store(connection, table, Draft, FIXED, rows)


MODEL = ReadModel(
    name="outgoings",
    tables=(TABLE,),
    folds={
        batch.Instructed: _instructed,
        batch.PayoutRetried: _retried,
        withdrawal.Requested: _withdrawn,
        deduction.Asked: _deducted,
        **{
            fact: _happened(_payout_of)
            for fact in (batch.PayoutSucceeded, batch.PayoutFailed, batch.PayoutReturned)
        },
        **{
            fact: _happened(_withdrawal_of)
            for fact in (
                withdrawal.Succeeded,
                withdrawal.Failed,
                withdrawal.TurnedDown,
                withdrawal.SucceededLate,
                withdrawal.Returned,
            )
        },
        **{
            fact: _happened(_deduction_of)
            for fact in (
                deduction.Succeeded,
                deduction.Failed,
                deduction.SucceededLate,
                deduction.Returned,
            )
        },
        suspense.Opened: _happened(_suspense_of),
    },
    new_delta=_new_delta,
    write=_write,
)

COLUMNS = columns_of(TABLE, Outgoing)


def by_number(connection: Connection, numbers: Sequence[str]) -> dict[str, Outgoing]:
    """Outgoings by the numbers their bank knows them by (at most a few hundred)."""
    wanted = TABLE.c.number.in_(sought_texts(numbers, "number"))
    return {
        found.number: found
        for found in (Outgoing(*row) for row in connection.execute(select(*COLUMNS).where(wanted)))
    }


def of_reference(connection: Connection, references: Sequence[str]) -> list[Outgoing]:
    """What some streams (at most a few hundred) asked for, in order."""
    wanted = TABLE.c.reference.in_(sought_texts(references, "reference"))
    query = select(*COLUMNS).where(wanted).order_by(TABLE.c.position)
    return [Outgoing(*row) for row in connection.execute(query)]


def outgoings(connection: Connection, instruction_ids: Sequence[str]) -> list[Outgoing]:
    """Those of some ids (at most a few hundred), in order."""
    wanted = TABLE.c.instruction_id.in_(sought_texts(instruction_ids, "instruction_id"))
    query = select(*COLUMNS).where(wanted).order_by(TABLE.c.position)
    return [Outgoing(*row) for row in connection.execute(query)]


def paid_between(connection: Connection, first: date, last: date) -> list[Any]:
    """Instruction ids of what was paid on the days from `first` to `last`, in order."""
    wanted = TABLE.c.paid_on.between(first, last)
    query = select(TABLE.c.instruction_id).where(wanted).order_by(TABLE.c.position)
    return list(connection.execute(query).scalars())
