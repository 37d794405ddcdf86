"""Open items (未达项): single items that wait on an account, each from its date to its date.

Whose they are, where they wait, and since when. A row is an item, or the part of one that was
closed apart, and stays when it is closed: so what waited at the end of any accounting date, and for
how long, is found by the two dates; what was closed on the date it was opened on never did, and has
no row. The sum of the open ones is each account's balance. Facts open and close them by the table
that `verify` proves them by (`domain/ledger/controls.py`). The items of 2241.06 are not here:
reserve and deposits have read models of their own.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BigInteger, Column, Connection, Date, Index, Select, Table, or_, select, text

from domain.accounting import deposit, reserve
from domain.accounting.chart import (
    CHANNEL_SHORTAGE,
    CHANNEL_SURPLUS,
    PAYMENT_IN_TRANSIT,
    PAYOUT_IN_TRANSIT,
    REFUND_IN_TRANSIT,
    split_id,
)
from domain.clearing import day
from domain.kernel import Recorded, category
from domain.ledger.controls import CHANGES, Change, Item
from domain.payment.plan import MAX_LEGS
from projections.engine.model import METADATA, TEXT, ReadModel, Tables, Writing
from projections.tables.bulk import Lookup, delete_rows, insert_rows, update_rows, upsert_rows
from projections.tables.listing import Listing, Names, Narrowed, between, given
from projections.tables.paging import Int, Page, columns_of, sought_text

# Suspense and transit: what somebody has to bring to an end.
WAITING = (
    CHANNEL_SURPLUS,
    CHANNEL_SHORTAGE,
    REFUND_IN_TRANSIT,
    PAYOUT_IN_TRANSIT,
    PAYMENT_IN_TRANSIT,
)
NAME = "open_items"
_OPEN = text("closed_on IS NULL")

TABLE = Table(
    NAME,
    METADATA,
    Column("position", BigInteger, primary_key=True),
    Column("place", BigInteger, primary_key=True),
    Column("item", TEXT, nullable=False),
    Column("account", TEXT, nullable=False),
    Column("code", TEXT, nullable=False),
    Column("owner", TEXT, nullable=False),
    Column("stream", TEXT, nullable=False),
    Column("system", TEXT, nullable=False),
    Column("amount_fen", BigInteger, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("opened_on", Date, nullable=False),
    Column("closed_on", Date),
    Index("open_items_item", "item", "position", "place"),
    Index("open_items_closed", "closed_on", "position", "place"),
    *(
        Index(
            f"open_items_{name}", *first, "since_us", "position", "place",
            sqlite_where=_OPEN, postgresql_where=_OPEN,
        )
        for name, first in (("since", ()), ("code", ("code",)), ("owner", ("owner",)))
    ),
)  # fmt: skip
OPEN_DAY = Table(
    "open_items_day",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("open_on", Date, nullable=False),
)
_BOOKS = "books"


class Step(NamedTuple):
    """What a fact changes; with `opens_day` it opens a business day instead."""

    recorded: Recorded
    change: Change
    opens_day: date | None = None


class Draft(Struct, gc=False):
    """A row being changed, in the order of the table's columns."""

    position: int
    place: int
    item: str
    account: str
    code: str
    owner: str
    stream: str
    system: str
    amount_fen: int
    since_us: int
    opened_on: date
    closed_on: date | None = None

    @property
    def waited(self) -> bool:
        """Whether it is open, or was when a date ended."""
        return self.closed_on != self.opened_on


# Msgspec lets a frozen struct extend one that is not; the checker thinks of dataclasses.
class OpenItem(Draft, frozen=True, gc=False):  # type: ignore[misc]
    """`item` as its aggregate names it; `owner`: the channel, "" for an account without; `system`:
    of which aggregate it is, and `stream` which. `since_us` and `opened_on`: since when it waits
    there, by the clock and by accounting date. Fen on the account's normal side, UTC µs."""


def _changed(delta: list[Step], recorded: Recorded) -> None:
    change = CHANGES[type(recorded.fact)](recorded.stream, recorded.fact)
    if change != Change():
        delta.append(Step(recorded, change))


def _day_opened(delta: list[Step], recorded: Recorded) -> None:
    delta.append(Step(recorded, Change(), recorded.fact.date))


def _write(connection: Connection, tables: Tables, delta: list[Step]) -> Writing:
    if not delta:
        return
    table, day_table = tables[TABLE.name], tables[OPEN_DAY.name]
    names = sorted({name for step in delta for name in _closed(step.change)})
    found, days = yield [
        Lookup(table, ("item",), [(name,) for name in names]),
        Lookup(day_table, ("name",), [(_BOOKS,)]),
    ]
    known = days[0][1] if days else date(1, 1, 1)
    items = _Items([Draft(*row) for row in found], known)
    for step in delta:
        items.take(step)
    insert_rows(connection, table, [astuple(one) for one in items.new if one.waited])
    gone = [(one.position, one.place) for one in items.changed if not one.waited]
    delete_rows(connection, table, ("position", "place"), gone)
    kept = [one for one in items.changed if one.waited]
    changed = [(one.position, one.place, one.amount_fen, one.closed_on) for one in kept]
    update_rows(connection, table, changed, ("position", "place"), ("amount_fen", "closed_on"))
    if items.on != known:
        upsert_rows(connection, day_table, [(_BOOKS, items.on)], ("name",), ("open_on",))


def _closed(change: Change) -> Iterator[str]:
    if change.closes:
        yield change.closes
    if change.closes_all:
        for place in range(MAX_LEGS):
            yield f"{change.closes_all}{place}"


class _Items:
    """Rows of earlier batches that this one may change, and its own."""

    def __init__(self, earlier: list[Draft], on: date) -> None:
        self.on = on
        self._earlier = {id(one) for one in earlier}
        self._open = {one.item: one for one in earlier if one.closed_on is None}
        self.new: list[Draft] = []
        self.changed: list[Draft] = []

    def take(self, step: Step) -> None:
        if step.opens_day is not None:
            self.on = step.opens_day
            return
        change, recorded = step.change, step.recorded
        now = (recorded.at_us, self.on)
        opens = [(item, now) for item in change.opens]
        for name in _closed(change):
            if change.closes_all and name not in self._open:
                continue  # Of so many legs as there are.
            opens += self._close(name, change, recorded)
        for place, (item, since) in enumerate(opens):
            row = _row(recorded, place, item, *since)
            self.new.append(row)
            self._open[item.name] = row

    def _close(
        self, name: str, change: Change, recorded: Recorded
    ) -> list[tuple[Item, tuple[int, date]]]:
        """Close it whole, or a part; what is left of it is open since it was, what is kept on
        another account since now."""
        row = self._open.pop(name, None)
        if row is None:
            raise LookupError(f"position {recorded.position}: {name} is closed, and was not open")
        part_fen = change.part_fen or row.amount_fen
        rest_fen, row.amount_fen, row.closed_on = row.amount_fen - part_fen, part_fen, self.on
        if id(row) in self._earlier:
            self.changed.append(row)
        left = []
        if rest_fen:
            left.append((Item(name, row.account, rest_fen), (row.since_us, row.opened_on)))
        if change.suspense:
            kept = f"{name}/{recorded.reference}" if rest_fen else name
            left.append((Item(kept, change.suspense, part_fen), (recorded.at_us, self.on)))
        return left


def _row(recorded: Recorded, place: int, item: Item, since_us: int, on: date) -> Draft:
    code, owner = split_id(item.account)
    stream = recorded.stream
    whose = (item.name, item.account, code, owner, stream, category(stream))
    return Draft(recorded.position, place, *whose, item.amount_fen, since_us, on)


_ELSEWHERE = (reserve, deposit)
_WANTED = [
    fact for fact in CHANGES if fact.__module__ not in [module.__name__ for module in _ELSEWHERE]
]

MODEL = ReadModel(
    name=NAME,
    tables=(TABLE, OPEN_DAY),
    folds={day.Opened: _day_opened, **dict.fromkeys(_WANTED, _changed)},
    new_delta=list,
    write=_write,
    looks_up=("open_items_item",),
)

_COLUMNS = columns_of(TABLE, OpenItem)


def waiting_at(connection: Connection, on: date) -> list[OpenItem]:
    """What waited when an accounting date ended, or waits now on the open one; oldest first."""
    there = or_(TABLE.c.closed_on.is_(None), TABLE.c.closed_on > on)
    query = select(*_COLUMNS).where(TABLE.c.opened_on <= on, there)
    return _items_of(connection, query)


def waiting_on(connection: Connection, account: str) -> list[OpenItem]:
    """What waits on an account now; oldest first."""
    mine = (TABLE.c.code == split_id(account)[0], TABLE.c.account == account)
    query = select(*_COLUMNS).where(TABLE.c.closed_on.is_(None), *mine)
    return _items_of(connection, query)


def _items_of(connection: Connection, query: Select[Any]) -> list[OpenItem]:
    rows = connection.execute(query.order_by(TABLE.c.position, TABLE.c.place))
    return [OpenItem(*row) for row in rows]


class Wanted(Struct, frozen=True):
    """Which of the items that are in suspense or in transit: on accounts of a code, of a channel,
    that wait since `from_` up to, not including, `to` (UTC µs)."""

    code: str | None = None
    owner: str | None = None
    from_: int | None = None
    to: int | None = None


def values_of(wanted: Wanted) -> dict[str, Any]:
    """The filters that are given. Raises Refused(IDENTIFIER_INVALID)."""
    texts = {name: getattr(wanted, name) for name in ("code", "owner")}
    values: dict[str, Any] = {
        name: sought_text(value, name) for name, value in texts.items() if value is not None
    }
    for name in ("from_", "to"):
        if (at_us := getattr(wanted, name)) is not None:
            values[name] = at_us
    return values


def open_items(
    connection: Connection, wanted: Wanted, *, after: str | None = None, first: int = 100
) -> Page[OpenItem]:
    """Items, those that wait longest first."""
    return LISTING.page(connection, values_of(wanted), after=after, first=first)


def count_open_items(connection: Connection, wanted: Wanted) -> int | None:
    """How many there are; None for more than are counted on the fly."""
    return LISTING.counted(connection, values_of(wanted))


def _narrowed(names: Names) -> Narrowed:
    conditions = [
        TABLE.c.closed_on.is_(None),
        TABLE.c.code.in_(WAITING),
        *between(TABLE.c.since_us, names),
    ]
    for name in ("code", "owner"):
        if name in names:
            conditions.append(TABLE.c[name] == given(name, TABLE.c[name]))
    return Narrowed((TABLE.c.since_us, TABLE.c.position, TABLE.c.place), conditions)


LISTING = Listing(NAME, (Int, Int, Int), _narrowed, _COLUMNS, OpenItem)
