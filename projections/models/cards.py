"""Cards (银行卡) of members: every signing with a bank, one row each, and each member's default.

Rows hold tokens and the last four digits; who may see more is decided where they are shown, from
the vault. `due_us` says when the bank is to be asked next, for whoever asks it.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Index, Integer, Table, func, select, text

from domain.kernel import Recorded
from domain.member import card as facts
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.bulk import upsert_rows
from projections.tables.drafts import Change, Drafts
from projections.tables.paging import sought_text

CardState = Literal[
    "requested", "code_sent", "confirming", "bound", "ending", "refused", "replaced", "ended"
]
_DUE = text("due_us IS NOT NULL")
MOST = 100  # Of a member, the newest.

TABLE = Table(
    "card_bindings",
    METADATA,
    Column("binding_id", TEXT, primary_key=True),
    Column("member_id", TEXT, nullable=False),
    Column("binding", BigInteger, nullable=False),
    Column("owner", TEXT, nullable=False),
    Column("card", TEXT, nullable=False),
    Column("particulars", TEXT, nullable=False),
    Column("tail", TEXT, nullable=False),
    Column("relation", TEXT, nullable=False),
    Column("document", TEXT, nullable=False),
    Column("requested_at_us", BigInteger, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("bank", TEXT, nullable=False),
    Column("card_kind", TEXT, nullable=False),
    Column("agreement", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("codes", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("tries_left", Integer),
    Column("expires_us", BigInteger),
    Column("due_us", BigInteger),
    Column("bound_at_us", BigInteger),
    Column("ended_at_us", BigInteger),
    Column("reason", TEXT, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Index("card_bindings_member", "member_id", "binding"),
    Index("card_bindings_due", "due_us", sqlite_where=_DUE, postgresql_where=_DUE),
)
DEFAULTS = Table(
    "card_defaults",
    METADATA,
    Column("member_id", TEXT, primary_key=True),
    Column("card", TEXT, nullable=False),
)
FIXED = 11  # So many columns of a binding never change.


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    binding_id: str
    member_id: str
    binding: int
    owner: str
    card: str
    particulars: str
    tail: str
    relation: str
    document: str
    requested_at_us: int
    position: int
    state: str = "requested"
    bank: str = ""
    card_kind: str = ""
    agreement: str = ""
    code: str = ""
    codes: int = 0
    attempts: int = 0
    tries_left: int | None = None
    expires_us: int | None = None
    due_us: int | None = 0
    bound_at_us: int | None = None
    ended_at_us: int | None = None
    reason: str = ""
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class Card(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """One signing, its `state` a `CardState`; `due_us`: when the bank is asked next, None: it is
    not. UTC µs."""


class Delta(Struct):
    """Bindings, and the default of each member that has a new one."""

    bindings: Drafts
    defaults: dict[str, str]


def _id_of(stream: str, binding: int) -> str:
    return f"{facts.member_of(stream)}-{binding}"


def _requested(delta: Delta, recorded: Recorded) -> None:
    fact: facts.BindingRequested = recorded.fact
    named = _id_of(recorded.stream, fact.binding)
    delta.bindings.created[named] = Draft(
        named,
        facts.member_of(recorded.stream),
        fact.binding,
        fact.owner,
        fact.card,
        fact.particulars,
        fact.tail,
        fact.relation,
        fact.document,
        recorded.at_us,
        recorded.position,
        last_position=recorded.position,
    )


def _changed(delta: Delta, recorded: Recorded) -> None:
    delta.bindings.happened(_id_of(recorded.stream, recorded.fact.binding), recorded)


def _bound(delta: Delta, recorded: Recorded) -> None:
    _changed(delta, recorded)
    fact: facts.Bound = recorded.fact
    if fact.replaces:
        delta.bindings.happened(_id_of(recorded.stream, fact.replaces), recorded)


def _default_set(delta: Delta, recorded: Recorded) -> None:
    delta.defaults[facts.member_of(recorded.stream)] = recorded.fact.card


def _attempted(row: Draft, recorded: Recorded) -> None:
    row.attempts, row.due_us = recorded.fact.attempt, recorded.fact.due_us


def _unanswered(row: Draft, recorded: Recorded) -> None:
    row.due_us = recorded.fact.due_us


def _code_sent(row: Draft, recorded: Recorded) -> None:
    fact: facts.CodeSent = recorded.fact
    row.state, row.bank, row.card_kind = "code_sent", fact.bank, fact.card_kind
    row.expires_us = row.due_us = fact.expires_us  # What is late is given up then.


def _code_given(row: Draft, recorded: Recorded) -> None:
    row.state, row.due_us = "confirming", 0
    row.code, row.codes = recorded.fact.code, recorded.fact.count


def _code_wrong(row: Draft, recorded: Recorded) -> None:
    row.state, row.tries_left, row.due_us = "code_sent", recorded.fact.tries_left, row.expires_us


def _signed(row: Draft, recorded: Recorded) -> None:
    fact: facts.Bound = recorded.fact
    if fact.binding != row.binding:  # It is the one that was replaced.
        row.state, row.due_us, row.ended_at_us = "replaced", None, recorded.at_us
        return
    row.state, row.due_us, row.agreement = "bound", None, fact.agreement
    row.bound_at_us = recorded.at_us


def _refused(row: Draft, recorded: Recorded) -> None:
    row.state, row.due_us, row.reason = "refused", None, recorded.fact.reason
    row.ended_at_us = recorded.at_us


def _unbound(row: Draft, recorded: Recorded) -> None:
    row.state, row.due_us, row.reason = "ending", 0, recorded.fact.reason


def _ended(row: Draft, recorded: Recorded) -> None:
    row.state, row.due_us, row.ended_at_us = "ended", None, recorded.at_us


_CHANGES: dict[type, Change] = {
    facts.Attempted: _attempted,
    facts.Unanswered: _unanswered,
    facts.CodeSent: _code_sent,
    facts.CodeGiven: _code_given,
    facts.CodeWrong: _code_wrong,
    facts.Bound: _signed,
    facts.BindingRefused: _refused,
    facts.Unbound: _unbound,
    facts.Ended: _ended,
}


def _new_delta() -> Delta:
    return Delta(Drafts({}, {}, _CHANGES), {})


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    yield from delta.bindings.write(connection, tables[TABLE.name], Draft, FIXED)
    rows = list(delta.defaults.items())
    upsert_rows(connection, tables[DEFAULTS.name], rows, ("member_id",), ("card",))


MODEL = ReadModel(
    name="cards",
    tables=(TABLE, DEFAULTS),
    folds={
        facts.BindingRequested: _requested,
        **dict.fromkeys(_CHANGES, _changed),
        facts.Bound: _bound,
        facts.DefaultSet: _default_set,
    },
    new_delta=_new_delta,
    write=_write,
)


def cards(connection: Connection, member_id: str) -> tuple[Sequence[Card], str]:
    """A member's signings, the newest first, and the token of its default card ("": none)."""
    whose = sought_text(member_id, "memberId")
    query = select(*TABLE.columns).where(TABLE.c.member_id == whose)
    rows = connection.execute(query.order_by(TABLE.c.binding.desc()).limit(MOST))
    default = connection.execute(select(DEFAULTS.c.card).where(DEFAULTS.c.member_id == whose))
    return [Card(*row) for row in rows], default.scalar() or ""


def was_bound(connection: Connection, member_id: str, particulars: str) -> bool:
    """Whether these particulars were ever signed by the bank."""
    found = select(TABLE.c.binding).where(
        TABLE.c.member_id == member_id,
        TABLE.c.particulars == particulars,
        TABLE.c.bound_at_us.is_not(None),
    )
    return connection.execute(found.limit(1)).first() is not None


def due(connection: Connection, at_us: int, limit: int) -> list[Card]:
    """What the bank is to be asked about now, the oldest first."""
    query = select(*TABLE.columns).where(TABLE.c.due_us.is_not(None), TABLE.c.due_us <= at_us)
    ordered = query.order_by(TABLE.c.due_us, TABLE.c.position).limit(limit)
    return [Card(*row) for row in connection.execute(ordered)]


def next_due_us(connection: Connection) -> int | None:
    """When the next one is due, UTC µs."""
    query = select(func.min(TABLE.c.due_us)).where(TABLE.c.due_us.is_not(None))
    found: int | None = connection.execute(query).scalar()
    return found
