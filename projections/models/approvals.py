"""Approvals (审批): what one person has proposed and another one decides, one row each."""

from typing import Literal, get_args

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Index, Table, select, text

from domain.approval import approval as facts
from domain.kernel import Recorded, key
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import Int, Page, columns_of

ApprovalState = Literal["proposed", "approved", "refused", "withdrawn", "expired"]
STATES: tuple[ApprovalState, ...] = get_args(ApprovalState)
_OPEN = text("state = 'proposed'")

TABLE = Table(
    "approvals",
    METADATA,
    Column("approval_id", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("amount_fen", BigInteger),
    Column("maker", TEXT, nullable=False),
    Column("member", TEXT, nullable=False),
    Column("proposed_at_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("checker", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("ended_at_us", BigInteger),
    Column("last_position", BigInteger, nullable=False),
    Index("approvals_order", "position"),
    Index("approvals_state", "state", "position"),
    Index("approvals_member", "member", "position"),
    Index("approvals_expire", "expires_us", sqlite_where=_OPEN, postgresql_where=_OPEN),
)
FIXED = 10  # So many columns of an approval never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    approval_id: str
    kind: str
    subject: str
    body: str
    amount_fen: int | None
    maker: str
    member: str
    proposed_at_us: int
    expires_us: int
    position: int
    state: str
    checker: str = ""
    reason: str = ""
    ended_at_us: int | None = None
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Approval(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One approval: `body` is the command as it was wished, in JSON; `member` the merchant that
    proposes ("": the institution). `checker` is who approved or refused it. Fen, UTC µs."""


def _proposed(delta: Drafts, recorded: Recorded) -> None:
    fact: facts.Proposed = recorded.fact
    approval_id = key(recorded.stream)
    delta.created[approval_id] = Draft(
        approval_id,
        fact.kind,
        fact.subject,
        fact.body,
        fact.amount_fen,
        fact.maker,
        fact.member,
        recorded.at_us,
        fact.expires_us,
        recorded.position,
        "proposed",
        last_position=recorded.position,
    )


def _changed(delta: Drafts, recorded: Recorded) -> None:
    delta.happened(key(recorded.stream), recorded)


def _approved(row: Draft, recorded: Recorded) -> None:
    row.state, row.checker, row.ended_at_us = "approved", recorded.fact.checker, recorded.at_us


def _refused(row: Draft, recorded: Recorded) -> None:
    fact: facts.TurnedDown = recorded.fact
    row.state, row.checker, row.ended_at_us = "refused", fact.checker, recorded.at_us
    row.reason = fact.reason


def _withdrawn(row: Draft, recorded: Recorded) -> None:
    row.state, row.ended_at_us = "withdrawn", recorded.at_us


def _expired(row: Draft, recorded: Recorded) -> None:
    row.state, row.ended_at_us = "expired", recorded.at_us


_CHANGES: dict[type, Change] = {
    facts.Approved: _approved,
    facts.TurnedDown: _refused,
    facts.Withdrawn: _withdrawn,
    facts.Expired: _expired,
}


def _new_delta() -> Drafts:
    return Drafts({}, {}, _CHANGES)


def _write(connection: Connection, tables: Tables, delta: Drafts) -> Writing:
    yield from delta.write(connection, tables[TABLE.name], Draft, FIXED)


MODEL = ReadModel(
    name="approvals",
    tables=(TABLE,),
    folds={facts.Proposed: _proposed, **dict.fromkeys(_CHANGES, _changed)},
    new_delta=_new_delta,
    write=_write,
)
_COLUMNS = columns_of(TABLE, Approval)


class Wanted(Struct, frozen=True):
    """Which approvals: of a merchant, in a state."""

    member: str | None = None
    state: str | None = None


def approval(connection: Connection, approval_id: str) -> Approval | None:
    """One approval; None when there is none of this id."""
    row = connection.execute(select(*_COLUMNS).where(TABLE.c.approval_id == approval_id)).first()
    return Approval(*row) if row else None


def approvals(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[Approval]:
    """Approvals in the order they were proposed."""
    values = values_of(wanted, instants=True)
    return LISTING.page(connection, values, after=after, first=first, newest_first=newest_first)


def count_approvals(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=True))


def _narrowed(names: Names) -> Narrowed:
    sought = [name for name in ("member", "state") if name in names]
    conditions = [TABLE.c[name] == given(name, TABLE.c[name]) for name in sought]
    return Narrowed((TABLE.c.position,), conditions)


LISTING = Listing("approvals", (Int,), _narrowed, _COLUMNS, Approval)


def waiting(connection: Connection, limit: int) -> list[Approval]:
    """Those that nobody has decided, the oldest first."""
    query = select(*_COLUMNS).where(TABLE.c.state == "proposed").order_by(TABLE.c.position)
    return [Approval(*row) for row in connection.execute(query.limit(limit))]


def overdue(connection: Connection, now_us: int, limit: int) -> list[str]:
    """Ids of those whose time is over and that nobody has decided, the longest over first."""
    query = select(TABLE.c.approval_id).where(_OPEN, TABLE.c.expires_us <= now_us)
    rows = connection.execute(query.order_by(TABLE.c.expires_us).limit(limit))
    return [approval_id for (approval_id,) in rows]
