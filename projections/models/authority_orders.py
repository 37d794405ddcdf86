"""Orders of authorities (司法冻结) and deductions (司法扣划), one row each.

What of an order's money is there is a question of its account: the queue of those in force, and the
account's row in `balances`. An order's place in the queue is where it was attached.
"""

from collections.abc import Sequence
from datetime import date
from typing import Literal

from msgspec import Struct
from sqlalchemy import BigInteger, Column, Connection, Date, Index, Table, select, text

from domain.accounting.attachment import WHOLE_FEN, filled_fen, share_fen
from domain.accounting.open_items import suspense_of
from domain.authority import deduction as deductions_of
from domain.authority import order as facts
from domain.kernel import Recorded
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.models import balances
from projections.tables.drafts import Change, Drafts
from projections.tables.listing import Listing, Names, Narrowed, given, values_of
from projections.tables.paging import Int, Page, columns_of, sought_text, sought_texts

OrderState = Literal["in_force", "lifted", "ended", "executed"]
DeductionState = Literal["instructed", "succeeded", "failed", "returned"]
_STANDS = text("state = 'in_force'")

TABLE = Table(
    "authority_orders",
    METADATA,
    Column("order_no", TEXT, primary_key=True),
    Column("authority", TEXT, nullable=False),
    Column("document", TEXT, nullable=False),
    Column("account", TEXT, nullable=False),
    Column("member_id", TEXT, nullable=False),
    Column("amount_fen", BigInteger),
    Column("begins", Date, nullable=False),
    Column("placed_at_us", BigInteger, nullable=False),
    Column("placed_by", TEXT, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("ends", Date),
    Column("left_fen", BigInteger),
    Column("on_its_way_fen", BigInteger, nullable=False),
    Column("paid_fen", BigInteger, nullable=False),
    Column("last_document", TEXT, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("ended_at_us", BigInteger),
    Column("last_position", BigInteger, nullable=False),
    Index("authority_orders_position", "position"),
    Index("authority_orders_member", "member_id", "position"),
    Index("authority_orders_state", "state", "position"),
    Index("authority_orders_queue", "account", "state", "place"),
    Index("authority_orders_ends", "ends", sqlite_where=_STANDS, postgresql_where=_STANDS),
)
FIXED = 10  # So many columns of an order never change.

DEDUCTIONS = Table(
    "deductions",
    METADATA,
    Column("deduction_no", TEXT, primary_key=True),
    Column("order_no", TEXT, nullable=False),
    Column("document", TEXT, nullable=False),
    Column("account", TEXT, nullable=False),
    Column("member_id", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("tail", TEXT, nullable=False),
    Column("asked_at_us", BigInteger, nullable=False),
    Column("asked_by", TEXT, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("suspense", TEXT, nullable=False),
    Column("ended_at_us", BigInteger),
    Column("last_position", BigInteger, nullable=False),
    Index("deductions_order", "order_no", "position"),
    Index("deductions_state", "state", "position"),
)
DEDUCTION_FIXED = 10


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    order_no: str
    authority: str
    document: str
    account: str
    member_id: str
    amount_fen: int | None
    begins: date
    placed_at_us: int
    placed_by: str
    position: int
    state: str
    ends: date | None
    left_fen: int | None
    on_its_way_fen: int = 0
    paid_fen: int = 0
    last_document: str = ""
    place: int = 0
    ended_at_us: int | None = None
    last_position: int = 0


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class AuthorityOrder(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """`amount_fen` and `left_fen` None: all there is. `place`: where it stands in its queue."""


class DeductionDraft(Struct, gc=False):
    """Likewise, of a deduction."""

    deduction_no: str
    order_no: str
    document: str
    account: str
    member_id: str
    amount_fen: int
    tail: str
    asked_at_us: int
    asked_by: str
    position: int
    state: str = "instructed"
    reason: str = ""
    suspense: str = ""
    ended_at_us: int | None = None
    last_position: int = 0


class Deduction(DeductionDraft, frozen=True, gc=False):  # type: ignore[misc]
    """`suspense`: where the money is kept when the account is closed. Fen, UTC µs."""


class Delta(Struct):
    """Both kinds of rows."""

    orders: Drafts
    deductions: Drafts


def _placed(delta: Delta, recorded: Recorded) -> None:
    number, terms = facts.number_of(recorded.stream), recorded.fact.terms
    delta.orders.created[number] = Draft(
        number,
        terms.authority,
        terms.document,
        terms.account,
        terms.member_id,
        terms.amount_fen,
        terms.begins,
        recorded.at_us,
        recorded.actor,
        recorded.position,
        "in_force",
        terms.ends,
        terms.amount_fen,
        place=recorded.position,
        last_position=recorded.position,
    )


def _order_changed(delta: Delta, recorded: Recorded) -> None:
    delta.orders.happened(facts.number_of(recorded.stream), recorded)


def _extended(row: Draft, recorded: Recorded) -> None:
    row.ends, row.last_document = recorded.fact.ends, recorded.fact.document


def _lifted(row: Draft, recorded: Recorded) -> None:
    row.state, row.last_document = "lifted", recorded.fact.document
    row.ended_at_us = recorded.at_us


def _ended(row: Draft, recorded: Recorded) -> None:
    row.state, row.ended_at_us = "ended", recorded.at_us


def _asked_of(row: Draft, recorded: Recorded) -> None:
    row.on_its_way_fen += recorded.fact.amount_fen
    _left(row, -recorded.fact.amount_fen)


def _asked_late(row: Draft, recorded: Recorded) -> None:
    row.on_its_way_fen += recorded.fact.amount_fen
    _left(row, -recorded.fact.stopped_fen)


def _paid(row: Draft, recorded: Recorded) -> None:
    fact: facts.Paid = recorded.fact
    row.on_its_way_fen -= fact.amount_fen
    row.paid_fen += fact.amount_fen
    if fact.executed:
        row.state, row.ended_at_us = "executed", recorded.at_us


def _came_back(row: Draft, recorded: Recorded) -> None:
    fact: facts.CameBack = recorded.fact
    _left(row, fact.amount_fen)
    if not fact.was_paid:
        row.on_its_way_fen -= fact.amount_fen
        return
    row.paid_fen -= fact.amount_fen
    if row.state == "executed":  # It stands again, behind those that came meanwhile.
        row.state, row.ended_at_us, row.place = "in_force", None, recorded.position


def _left(row: Draft, by_fen: int) -> None:
    if row.left_fen is not None:
        row.left_fen += by_fen


_CHANGES: dict[type, Change] = {
    facts.Extended: _extended,
    facts.Lifted: _lifted,
    facts.Ended: _ended,
    facts.Asked: _asked_of,
    facts.AskedLate: _asked_late,
    facts.Paid: _paid,
    facts.CameBack: _came_back,
}


def _asked(delta: Delta, recorded: Recorded) -> None:
    fact: deductions_of.Asked = recorded.fact
    number = deductions_of.number_of(recorded.stream)
    delta.deductions.created[number] = DeductionDraft(
        number,
        fact.order_no,
        fact.document,
        fact.account,
        fact.member_id,
        fact.amount_fen,
        fact.to.tail,
        recorded.at_us,
        fact.maker,
        recorded.position,
        last_position=recorded.position,
    )


def _deduction_changed(delta: Delta, recorded: Recorded) -> None:
    delta.deductions.happened(deductions_of.number_of(recorded.stream), recorded)


def _succeeded(row: DeductionDraft, recorded: Recorded) -> None:
    row.state, row.suspense, row.ended_at_us = "succeeded", "", recorded.at_us


def _failed(row: DeductionDraft, recorded: Recorded) -> None:
    fact: deductions_of.Failed = recorded.fact
    row.state, row.reason, row.ended_at_us = "failed", fact.reason, recorded.at_us
    row.suspense = suspense_of(fact.entry)


def _returned(row: DeductionDraft, recorded: Recorded) -> None:
    fact: deductions_of.Returned = recorded.fact
    row.state, row.reason, row.ended_at_us = "returned", fact.reason, recorded.at_us
    row.suspense = suspense_of(fact.entry)


_DEDUCTION_CHANGES: dict[type, Change] = {
    deductions_of.Succeeded: _succeeded,
    deductions_of.SucceededLate: _succeeded,
    deductions_of.Failed: _failed,
    deductions_of.Returned: _returned,
}


def _new_delta() -> Delta:
    return Delta(Drafts({}, {}, _CHANGES), Drafts({}, {}, _DEDUCTION_CHANGES))


def _write(connection: Connection, tables: Tables, delta: Delta) -> Writing:
    orders, taken = tables[TABLE.name], tables[DEDUCTIONS.name]
    there, deducted = yield [delta.orders.wanted(orders), delta.deductions.wanted(taken)]
    delta.orders.store(connection, orders, Draft, FIXED, there)
    delta.deductions.store(connection, taken, DeductionDraft, DEDUCTION_FIXED, deducted)


MODEL = ReadModel(
    name="authority_orders",
    tables=(TABLE, DEDUCTIONS),
    folds={
        facts.Placed: _placed,
        **dict.fromkeys(_CHANGES, _order_changed),
        deductions_of.Asked: _asked,
        **dict.fromkeys(_DEDUCTION_CHANGES, _deduction_changed),
    },
    new_delta=_new_delta,
    write=_write,
)

_IN_FORCE = TABLE.c.state == "in_force"
_COLUMNS = columns_of(TABLE, AuthorityOrder)
_OF_DEDUCTIONS = columns_of(DEDUCTIONS, Deduction)


class Wanted(Struct, frozen=True):
    """Which orders: of one member, in one state."""

    member_id: str | None = None
    state: str | None = None


def authority_orders(
    connection: Connection,
    wanted: Wanted,
    *,
    newest_first: bool = False,
    after: str | None = None,
    first: int = 100,
) -> Page[AuthorityOrder]:
    """Orders in the order they were placed."""
    values = values_of(wanted, instants=True)
    return LISTING.page(connection, values, after=after, first=first, newest_first=newest_first)


def count_orders(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted, instants=True))


def authority_order(connection: Connection, order_no: str) -> AuthorityOrder | None:
    """One order by its number."""
    wanted = TABLE.c.order_no == sought_text(order_no, "order_no")
    row = connection.execute(select(*_COLUMNS).where(wanted)).first()
    return AuthorityOrder(*row) if row else None


def shares(connection: Connection, orders: Sequence[str]) -> dict[str, list[int]]:
    """What is there and stopped for each of some orders (a page of them), in fen; [] for those
    that are over. Lists stop all there is, and stand in no queue of authorities."""
    wanted = TABLE.c.order_no.in_(sought_texts(orders, "order_no"))
    named = select(TABLE.c.account).where(wanted, _IN_FORCE).distinct()
    held = {one.account: one for one in balances.chosen(connection, named)}
    standing = select(*_COLUMNS).where(TABLE.c.account.in_(held), _IN_FORCE).order_by(TABLE.c.place)
    waiting: dict[str, list[tuple[str, int]]] = {leaf: [] for leaf in held}
    for row in connection.execute(standing):
        one = AuthorityOrder(*row)
        fen = WHOLE_FEN if one.left_fen is None else one.left_fen
        waiting[one.account].append((one.order_no, fen))
    found = {}
    for leaf, account in held.items():
        queue = tuple(waiting[leaf])
        for number, _ in queue:
            there_fen = account.balance_fen - account.held_fen
            found[number] = [share_fen(queue, number, filled_fen(queue, there_fen))]
    return {number: found.get(number, []) for number in orders}


def deductions_by(connection: Connection, orders: Sequence[str]) -> dict[str, list[Deduction]]:
    """The deductions of some orders (a page of them), in the order they were asked for."""
    wanted = DEDUCTIONS.c.order_no.in_(sought_texts(orders, "order_no"))
    query = select(*_OF_DEDUCTIONS).where(wanted).order_by(DEDUCTIONS.c.position)
    found: dict[str, list[Deduction]] = {}
    for row in connection.execute(query):
        one = Deduction(*row)
        found.setdefault(one.order_no, []).append(one)
    return found


def came_back(connection: Connection, limit: int) -> list[Deduction]:
    """Deductions that were not paid or came back, of orders in force: they are to be asked for
    anew, or the order to be lifted. The oldest first."""
    stands = TABLE.c.order_no == DEDUCTIONS.c.order_no
    back = DEDUCTIONS.c.state.in_(("failed", "returned")) & (TABLE.c.left_fen > 0)
    query = select(*_OF_DEDUCTIONS).join(TABLE, stands).where(back, _IN_FORCE)
    rows = connection.execute(query.order_by(DEDUCTIONS.c.position).limit(limit))
    return [Deduction(*row) for row in rows]


def over(connection: Connection, today: date, limit: int) -> list[str]:
    """The numbers of orders in force whose last date is over on a Shanghai date."""
    query = select(TABLE.c.order_no).where(_STANDS, TABLE.c.ends < today)
    return list(connection.execute(query.order_by(TABLE.c.ends).limit(limit)).scalars())


def ending(connection: Connection, until: date, limit: int) -> list[AuthorityOrder]:
    """Orders in force whose last date comes by a date: they are extended in time, or end."""
    query = select(*_COLUMNS).where(_STANDS, TABLE.c.ends <= until).order_by(TABLE.c.ends)
    return [AuthorityOrder(*row) for row in connection.execute(query.limit(limit))]


def _narrowed(names: Names) -> Narrowed:
    conditions = []
    for name in ("member_id", "state"):
        if name in names:
            conditions.append(TABLE.c[name] == given(name, TABLE.c[name]))
    return Narrowed((TABLE.c.position,), conditions)


LISTING = Listing("authorityOrders", (Int,), _narrowed, _COLUMNS, AuthorityOrder)
