"""Pages of a list: keyset cursors, so that page one thousand costs what page one does.

A cursor is base64url of the JSON `[list, key values…]` of a row: opaque to callers, good for ever,
good for that list only. Every query of a read model takes its page and its texts through here, so
nothing a caller sends can reach the database in a form that it cannot take.
"""

import binascii
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from types import GenericAlias
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Column, ColumnElement, Connection, FromClause, Select, func, select, tuple_

from domain.kernel import EPOCH, SHANGHAI
from domain.refusals import Code, Refused
from domain.texts import fault

MAX_FIRST = 100
MAX_TEXT = 200
MAX_CURSOR = 1_000
MOST_SEARCHED = 2_000  # Rows that a search no index helps with goes through for one page.
MOST_COUNTED = 1_000  # Rows of an index that a count goes through before it gives up.

# The values a key may have: what both databases can compare with a column.
Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Key = tuple[Any, ...]
T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """Some rows of a list, the cursor of each, and whether more follow the last. `end` is where to
    go on after, where that is not after the last of the rows."""

    items: list[T]
    cursors: list[str]
    has_next: bool
    end: str | None = None


def every(page_after: Callable[[str | None], Page[T]]) -> list[T]:
    """All rows of a list, page by page. `page_after` gives the page after a cursor."""
    found: list[T] = []
    after = None
    while True:
        page = page_after(after)
        found += page.items
        if not page.has_next:
            return found
        after = page.cursors[-1]


def checked_first(first: int) -> int:
    """How many rows a page may have: 1 to 100. Raises Refused(REQUEST_INVALID, "first")."""
    if not isinstance(first, int) or isinstance(first, bool) or not 1 <= first <= MAX_FIRST:
        raise Refused(Code.REQUEST_INVALID, "first", f"1 to {MAX_FIRST} is needed")
    return first


def sought_text(value: str, field: str) -> str:
    """A text to look for. Raises Refused(IDENTIFIER_INVALID): above 200 long, or with a character
    that no text has."""
    detail = f"up to {MAX_TEXT} printable characters"
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Refused(Code.IDENTIFIER_INVALID, field, detail)
    if wrong := fault(value):
        raise Refused(Code.IDENTIFIER_INVALID, field, f"{detail}: {wrong}")
    return value


_encode = msgspec.json.Encoder().encode
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def cursor(name: str, key: Key) -> str:
    """The cursor of a row of the list `name`, from its key values (text, int or date)."""
    return b2a_base64(_encode((name, *key)), newline=False).translate(_URL_SAFE, b"=").decode()


def after_key(name: str, after: str, *types: Any) -> Key:
    """The key values of a cursor of the list `name`, of these types, in their order.

    Raises Refused(REQUEST_INVALID, "after") for whatever `cursor` did not make.
    """
    refused = Refused(Code.REQUEST_INVALID, "after", "this is not a cursor of this list")
    if not isinstance(after, str) or len(after) > MAX_CURSOR or not after.isascii():
        raise refused
    try:
        raw = urlsafe_b64decode(after + "=" * (-len(after) % 4))
        key: Key = msgspec.json.decode(raw, type=GenericAlias(tuple, (str, *types)))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise refused from None
    texts = [value for value in key if isinstance(value, str)]
    if key[0] != name or cursor(name, key[1:]) != after or any(map(fault, texts)):
        raise refused
    return key[1:]


def page_of(
    name: str,
    rows: Sequence[Sequence[Any]],
    first: int,
    make: Callable[..., T],
    key: Callable[[T], Key],
) -> Page[T]:
    """The page of the rows of a query with LIMIT first + 1; `make` builds an item from a row."""
    items = [make(*row) for row in rows[:first]]
    return Page(items, [cursor(name, key(item)) for item in items], len(rows) > first)


def columns_of(table: FromClause, struct: type[Struct]) -> list[Column[Any]]:
    """The table's columns that a struct's fields are named after, in the order of the fields."""
    columns: Any = table.c  # Those of a subquery are called otherwise, and work alike.
    return [columns[name] for name in struct.__struct_fields__]


def day_start_us(day: date) -> int:
    """00:00 in Shanghai of any date, UTC µs."""
    return (datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) - EPOCH) // timedelta(
        microseconds=1
    )


def sought_texts(values: Iterable[str], field: str) -> list[str]:
    """Several texts to look for, each once, sorted. Raises what `sought_text` raises."""
    return sorted({sought_text(value, field) for value in values})


def start_us(day: date | None) -> int | None:
    """00:00 in Shanghai of a date, UTC µs; None for none."""
    return None if day is None else day_start_us(day)


class Span(NamedTuple):
    """A list by a time (UTC µs, or a date) and an id, from its beginning or from its end, of the
    times since <= time < until. The cursor of a row is the same in both directions."""

    name: str
    order: tuple[ColumnElement[Any], ...]
    descending: bool = False
    since: Any = None
    until: Any = None
    types: tuple[Any, ...] = (Int, str)  # Of the values of `order`.

    def within(self, *, lower: bool = True, upper: bool = True) -> list[ColumnElement[bool]]:
        """The condition that the time lies in the span."""
        conditions: list[ColumnElement[bool]] = []
        if lower and self.since is not None:
            conditions.append(self.order[0] >= self.since)
        if upper and self.until is not None:
            conditions.append(self.order[0] < self.until)
        return conditions

    def ordered(self, query: Select[Any], after: str | None) -> Select[Any]:
        """The query in the list's order, from the row after a cursor on.

        A cursor within the span takes the place of the bound it is beyond: of two bounds on one
        side SQLite finds one by the index, and goes through all that lies between them.
        """
        bounds = {"lower": True, "upper": True}
        if after is not None:
            keys = after_key(self.name, after, *self.types)
            order, known = tuple_(*self.order), tuple_(*keys)
            if self.descending and not (self.until is not None and keys[0] >= self.until):
                query, bounds["upper"] = query.where(order < known), False
            if not self.descending and not (self.since is not None and keys[0] < self.since):
                query, bounds["lower"] = query.where(order > known), False
        turned = [column.desc() for column in self.order]
        query = query.where(*self.within(**bounds))
        return query.order_by(*(turned if self.descending else self.order))

    def searched(
        self,
        connection: Connection,
        query: Select[Any],
        has: ColumnElement[bool],
        make: Callable[..., T],
        key: Callable[[T], Key],
        *,
        after: str | None,
        first: int,
    ) -> Page[T]:
        """The rows for which `has` is true among the next 2,000 of a query. When more follow those,
        the page goes on after the last that was looked at, however few it has itself."""
        checked_first(first)
        some = self.ordered(query, after).add_columns(has.label("has")).limit(MOST_SEARCHED)
        looked_at = some.subquery()
        keys = [looked_at.c[str(column.key)] for column in self.order]
        turned = [column.desc() for column in keys] if self.descending else keys
        # Only what is looked at is numbered: the limit is inside.
        number = func.row_number().over(order_by=turned).label("number")
        numbered = select(looked_at, number).subquery()
        last = numbered.c.number == MOST_SEARCHED
        found = select(numbered).where(numbered.c.has | last).order_by(numbered.c.number)
        rows = [tuple(row) for row in connection.execute(found.limit(first + 1))]
        page = page_of(self.name, [row[:-2] for row in rows if row[-2]], first, make, key)
        if page.has_next or not rows or rows[-1][-1] != MOST_SEARCHED:
            return page
        end = cursor(self.name, key(make(*rows[-1][:-2])))
        return Page(page.items, page.cursors, True, end)


def contains(
    connection: Connection, column: ColumnElement[Any], sought: str
) -> ColumnElement[bool]:
    """That a text stands in a column letter for letter: LIKE has signs of its own, and is not the
    same on both databases."""
    place = func.instr if connection.dialect.name == "sqlite" else func.strpos
    return place(column, sought) > 0
