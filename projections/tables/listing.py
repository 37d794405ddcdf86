"""Lists declared once: what orders them, and how each filter narrows them.

A statement depends on which filters are given and never on their values, which are bind
parameters under the filters' names. So it is made once, and kept: `page` runs it through
SQLAlchemy, `rendered` turns it into the text that a driver takes without one.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Select,
    bindparam,
    case,
    func,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite import dialect as SQLiteDialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import ColumnElement

from projections.tables.paging import (
    MOST_COUNTED,
    Page,
    after_key,
    checked_first,
    day_start_us,
    page_of,
    sought_text,
)

Dialect = Literal["sqlite", "postgresql"]
Names = frozenset[str]
Values = Mapping[str, Any]
T = TypeVar("T")

LIMIT = "limit"
_AFTER = "after_{}"
KEPT = 1_024  # Statements of each kind, of all lists: some 2 kB each as a text.


class Narrowed(NamedTuple):
    """The columns that order a list, and the conditions of the filters given. Of a list in one
    direction by one number, `above` is what that number must be above, if anything."""

    order: tuple[Column[Any], ...]
    conditions: list[ColumnElement[bool]]
    above: ColumnElement[Any] | None = None


def given(name: str, column: ColumnElement[Any]) -> Any:
    """The value of a filter, as a bind parameter of a column's type."""
    return bindparam(name, type_=column.type)


def between(
    time: ColumnElement[Any], names: Names, from_: str = "from_", to: str = "to"
) -> list[ColumnElement[bool]]:
    """The conditions from_ <= time < to, of which either may not be given."""
    conditions: list[ColumnElement[bool]] = []
    if from_ in names:
        conditions.append(time >= given(from_, time))
    if to in names:
        conditions.append(time < given(to, time))
    return conditions


def values_of(wanted: Struct, *, instants: bool) -> dict[str, Any]:
    """The filters that are given in a struct of texts and dates, under its fields' names.

    `instants`: dates stand for 00:00 in Shanghai, UTC µs. Raises Refused(IDENTIFIER_INVALID).
    """
    values: dict[str, Any] = {}
    for name in wanted.__struct_fields__:
        value = getattr(wanted, name)
        if isinstance(value, date):
            values[name] = day_start_us(value) if instants else value
        elif value is not None:
            values[name] = sought_text(value, name)
    return values


class Listing(Struct, Generic[T], frozen=True, eq=False):
    """A list. `name` is that of its cursors, which hold values of the types `key`, those of the
    columns that order it; `narrowed` says what a set of filters does. A row has the `columns`, of
    which `make` builds an item with fields of their names. `dated`: the first that orders it is the
    time that `from_` and `to` are about."""

    name: str
    key: tuple[Any, ...]
    narrowed: Callable[[Names], Narrowed]
    columns: Sequence[ColumnElement[Any]]
    make: Callable[..., T]
    dated: bool = True

    def statement(
        self,
        columns: tuple[ColumnElement[Any], ...],
        names: Names,
        *,
        descending: bool = False,
        after: bool = False,
    ) -> Select[Any]:
        """The rows of a page, with the bind parameters of `values`."""
        return _statement(self, columns, names, descending, after)

    def asked(
        self, values: Values, after: str | None, first: int, *, descending: bool = False
    ) -> tuple[Names, dict[str, Any]]:
        """The filters of a page and its bind parameters.

        A cursor within the dates asked for takes the place of the bound it is beyond: of two
        bounds on one side SQLite finds one by the index, and goes through all that lies between
        them. Raises Refused(REQUEST_INVALID, "after" | "first").
        """
        found = dict(values)
        if after is not None:
            keys = after_key(self.name, after, *self.key)
            bound = "to" if descending else "from_"
            if self.dated and bound in found:
                beyond = keys[0] < found[bound] if descending else keys[0] >= found[bound]
                if beyond:
                    del found[bound]
            names = frozenset(found)
            found |= {_AFTER.format(number): value for number, value in enumerate(keys)}
        else:
            names = frozenset(found)
        found[LIMIT] = checked_first(first) + 1
        return names, found

    def text(
        self,
        columns: tuple[ColumnElement[Any], ...],
        names: Names,
        dialect: Dialect,
        *,
        descending: bool = False,
        after: bool = False,
    ) -> "Rendered":
        """The statement of a page as a driver takes it."""
        return _text(self, columns, names, dialect, descending, after)

    def count_text(self, names: Names, dialect: Dialect) -> "Rendered":
        """The statement that counts what filters leave, up to one more than anybody counts."""
        return _count_text(self, names, dialect)

    def order(self, names: Names) -> tuple[str, ...]:
        """The names of the columns that order the list under these filters."""
        return _order(self, names)

    def page(
        self,
        connection: Connection,
        values: Values,
        *,
        after: str | None = None,
        first: int = 100,
        newest_first: bool = False,
    ) -> Page[T]:
        """A page of the rows that the filters `values` leave, after a cursor."""
        names, asked = self.asked(values, after, first, descending=newest_first)
        statement = self.statement(
            tuple(self.columns), names, descending=newest_first, after=after is not None
        )
        rows = connection.execute(statement, asked).all()
        key = operator.attrgetter(*(str(column.key) for column in self.narrowed(names).order))
        if len(self.key) == 1:
            return page_of(self.name, rows, first, self.make, lambda item: (key(item),))
        return page_of(self.name, rows, first, self.make, key)

    def counted(self, connection: Connection, values: Values) -> int | None:
        """How many rows the filters leave; None for more than are counted on the fly."""
        query = _counting(self, frozenset(values))
        counted: int = connection.execute(query, dict(values)).scalar_one()
        return counted if counted <= MOST_COUNTED else None


@lru_cache(maxsize=KEPT)
def _order(listing: Listing[Any], names: Names) -> tuple[str, ...]:
    return tuple(str(column.key) for column in listing.narrowed(names).order)


@lru_cache(maxsize=KEPT)
def _statement(
    listing: Listing[Any],
    columns: tuple[ColumnElement[Any], ...],
    names: Names,
    descending: bool,
    after: bool,
) -> Select[Any]:
    order, conditions, above = listing.narrowed(names)
    query = select(*columns).where(*conditions)
    place = _together(order)
    keys = _together([given(_AFTER.format(n), column) for n, column in enumerate(order)])
    if after and above is not None:  # One bound, for the same reason as in `asked`.
        above = case((keys > above, keys), else_=above)
    elif after:
        above = keys
    if above is not None:
        query = query.where(place < above if descending else place > above)
    turned = [column.desc() for column in order]
    return query.order_by(*(turned if descending else order)).limit(
        bindparam(LIMIT, type_=BigInteger)
    )


def _together(columns: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    return columns[0] if len(columns) == 1 else tuple_(*columns)


class Rendered(NamedTuple):
    """A statement as a driver takes it: its text, the names of its parameters in order, and the
    values of those that are always the same."""

    text: str
    names: tuple[str, ...]
    constants: Values

    def parameters(self, values: Values) -> tuple[Any, ...]:
        """What the driver takes with the text. Raises KeyError for a value that is not there."""
        constants = self.constants
        return tuple(values[name] if name in values else constants[name] for name in self.names)


_psycopg: Any = PGDialect_psycopg
_DIALECTS: dict[Dialect, Any] = {
    "sqlite": SQLiteDialect(paramstyle="qmark"),
    "postgresql": _psycopg(paramstyle="format"),
}


def rendered(statement: ClauseElement, dialect: Dialect) -> Rendered:
    """The text of a statement for `sqlite3` or `psycopg`. A list of constants in it becomes as many
    parameters."""
    compiled: Any = statement.compile(dialect=_DIALECTS[dialect])
    asked = {name for name, bind in compiled.binds.items() if bind.required}
    whole = compiled.construct_expanded_state(dict.fromkeys(asked))
    constants = {name: value for name, value in whole.parameters.items() if name not in asked}
    return Rendered(whole.statement, tuple(whole.positiontup or ()), constants)


@lru_cache(maxsize=KEPT)
def _text(
    listing: Listing[Any],
    columns: tuple[ColumnElement[Any], ...],
    names: Names,
    dialect: Dialect,
    descending: bool,
    after: bool,
) -> Rendered:
    made = _statement.__wrapped__(listing, columns, names, descending, after)
    return rendered(made, dialect)


@lru_cache(maxsize=KEPT)
def _counting(listing: Listing[Any], names: Names) -> Select[Any]:
    order, conditions, _ = listing.narrowed(names)
    some = select(order[-1]).where(*conditions).limit(MOST_COUNTED + 1).subquery()
    return select(func.count()).select_from(some)


@lru_cache(maxsize=KEPT)
def _count_text(listing: Listing[Any], names: Names, dialect: Dialect) -> Rendered:
    return rendered(_counting.__wrapped__(listing, names), dialect)
