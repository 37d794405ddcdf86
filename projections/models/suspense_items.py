"""Suspense items (挂账): money that channels moved otherwise than they were asked, one row each.

For operators: surplus that waits for somebody to have it, shortage that waits for reconciliation.
"""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Index, Table, select, text

from domain.accounting.chart import REFUND_IN_TRANSIT
from domain.accounting.open_items import suspense_of
from domain.kernel import Recorded, key
from domain.payment import suspense as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.paging import sought_texts

_WAITING = text("state = 'waiting'")

TABLE = Table(
    "suspense_items",
    METADATA,
    Column("item", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("instruction_id", TEXT, nullable=False),
    Column("reference", TEXT, nullable=False),
    Column("serial", TEXT, nullable=False),
    Column("channel", TEXT, nullable=False),
    Column("party", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("waits_fen", BigInteger, nullable=False),
    Column("opened_at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("account", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Index("suspense_items_reference", "reference", "position"),
    Index("suspense_items_waiting", "position", sqlite_where=_WAITING, postgresql_where=_WAITING),
)
FIXED = 11  # So many columns of an item never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    item: str
    kind: str
    instruction_id: str
    reference: str
    serial: str
    channel: str
    party: str
    amount_fen: int
    waits_fen: int
    opened_at_us: int
    position: int
    account: str
    state: str
    reason: str = ""
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class SuspenseItem(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One item: `kind` as of the contradiction, `waits_fen` of `amount_fen` wait on `account` ("":
    nothing waits any more). `reason` is the channel's, when it did not take it back. Fen, UTC µs.
    """


def _opened(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Opened = recorded.fact
    item = key(recorded.stream)
    delta.created[item] = Draft(
        item,
        fact.kind,
        fact.instruction_id,
        fact.reference,
        fact.serial,
        fact.channel,
        fact.party,
        fact.amount_fen,
        fact.waits_fen,
        recorded.at_us,
        recorded.position,
        fact.account,
        "waiting" if fact.account else "placed",
        last_position=recorded.position,
    )


def _changed(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(key(recorded.stream), recorded)


def _going_back(row: Draft, _recorded: Recorded) -> None:
    row.state, row.account = "sending_back", REFUND_IN_TRANSIT


def _sent_back(row: Draft, _recorded: Recorded) -> None:
    row.state, row.account = "sent_back", ""


def _kept(row: Draft, recorded: Recorded) -> None:
    fact: facts.SendBackFailed = recorded.fact
    row.account, row.reason = suspense_of(fact.entry), fact.reason
    row.state = "waiting" if row.account else "placed"


def _placed(row: Draft, _recorded: Recorded) -> None:
    row.state, row.account = "placed", ""


_CHANGES: dict[type, Change] = {
    facts.SendBackStarted: _going_back,
    facts.SentBack: _sent_back,
    facts.SendBackFailed: _kept,
    facts.Placed: _placed,
}


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="suspense_items",
    tables=(TABLE,),
    folds={facts.Opened: _opened, **dict.fromkeys(_CHANGES, _changed)},
    new_delta=_new_delta,
    write=_write,
)


def waiting(connection: Connection, limit: int) -> list[SuspenseItem]:
    """Those that wait, the oldest first."""
    query = select(*TABLE.columns).where(_WAITING).order_by(TABLE.c.position).limit(limit)
    return [SuspenseItem(*row) for row in connection.execute(query)]


def items_of(connection: Connection, references: Sequence[str]) -> dict[str, list[SuspenseItem]]:
    """What came of instructions for some streams (at most a few hundred), by stream, in order."""
    wanted = TABLE.c.reference.in_(sought_texts(references, "reference"))
    query = select(*TABLE.columns).where(wanted).order_by(TABLE.c.reference, TABLE.c.position)
    found: dict[str, list[SuspenseItem]] = {}
    for row in connection.execute(query):
        one = SuspenseItem(*row)
        found.setdefault(one.reference, []).append(one)
    return found
