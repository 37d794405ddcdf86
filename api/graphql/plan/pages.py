"""Pages of lists: a connection for a selection, as a root field or in an object that is alone."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from graphql import GraphQLError
from graphql.execution.values import get_argument_values
from sqlalchemy import func, select

from api.graphql.plan.books import Books
from api.graphql.plan.coding import Code, connection_of, selects
from api.graphql.plan.declared import Arguments, Compiled, Filters, Given, Nested, Sees
from api.graphql.plan.levels import Level
from api.graphql.plan.selecting import Selected, Unplanned
from api.graphql.scope import Scope
from api.http.keys import Role
from domain.refusals import Refused
from projections.tables.listing import Dialect, Listing, Rendered, rendered
from projections.tables.paging import MOST_COUNTED, checked_first, cursor

MOST_KEPT = 64  # Statements of one field of one plan: one for each set of arguments given.


class Listed(NamedTuple):
    """A connection over a list. `filters` are its arguments as the list's values, narrowed to what
    the caller may see; `sees` is what a row must pass beyond that; `counted`: it has a count;
    `beside` are tables that its filters look at, `parent` the columns that they take of the object
    that the list stands in."""

    listing: Listing[Any]
    filters: Filters
    sees: Sees | None = None
    counted: bool = True
    beside: frozenset[str] = frozenset()
    parent: tuple[str, ...] = ()

    def compiled(self, one: Selected, role: Role) -> Compiled:
        page = _Page(self, one, role)

        def read(books: Books, given: Given) -> Any:
            return page.read(books, given.scope, given.arguments)

        return Compiled(read, page.statements, frozenset(page.tables))

    def nested(self, one: Selected, role: Role) -> Nested:
        """The same in an object, whose columns the filters take as `parent`."""
        return _Nested(self, one, role)


class _Page:
    """A list for one selection."""

    def __init__(self, listed: Listed, one: Selected, role: Role) -> None:
        self._listed = listed
        self._columns = {str(column.key): column for column in listed.listing.columns}
        nodes = [inner for edges in one.inner if edges.name == "edges" for inner in edges.inner]
        self._count = listed.counted and selects(one.inner, "totalCount")
        self._nodes = [node for node in nodes if node.name == "node"]
        self._level = Level(self._nodes[0], role, *self._nodes[1:]) if self._nodes else None
        self._code = self._level.code if self._level else Code()
        self._statements: dict[Any, tuple[Rendered, Any]] = {}
        self._counts: dict[Any, Rendered] = {}
        self._one = one
        self._sees = [self._code.cell(name) for name in listed.sees[0]] if listed.sees else []
        self._turns = selects(one.inner, "cursor", "startCursor", "endCursor")
        self._shown: dict[tuple[str, ...], Any] = {}

    @property
    def tables(self) -> set[str]:
        tables = {str(column.table.name) for column in self._columns.values()}
        return tables | self._listed.beside | (self._level.tables if self._level else set())

    @property
    def statements(self) -> int:
        return 1 + self._count + (self._level.statements if self._level else 0)

    def read(self, books: Books, scope: Scope, arguments: Arguments) -> Any:
        listed, after, first = self._listed, arguments["after"], arguments["first"]
        filters = listed.filters(scope, arguments)
        turned = bool(arguments.get("newest_first", False))
        given_, values = listed.listing.asked(filters, after, first, descending=turned)
        statement, shown = self._prepared(books.dialect, given_, turned, after is not None)
        rows = books.rows(statement, values)
        more = len(rows) > first
        if more:
            del rows[first:]
        if listed.sees:
            places, may = (
                [self._code.columns.index(name) for name in listed.sees[0]],
                listed.sees[1],
            )
            rows = [row for row in rows if may(scope, *(row[place] for place in places))]
        count = self._counted(books, filters) if self._count else None
        kids = self._level.kids(books, scope, rows) if self._level else []
        return shown(rows, more, after, count, *kids)

    def _prepared(self, dialect: Dialect, names: frozenset[str], turned: bool, after: bool) -> Any:
        place = (dialect, names, turned, after)
        known = self._statements.get(place)
        if known is None:
            order = self._listed.listing.narrowed(names).order
            if len(self._statements) >= MOST_KEPT:
                self._statements.clear()
            shown = self._function(tuple(str(column.key) for column in order))
            columns = tuple(self._columns[name] for name in self._code.columns)
            query = self._listed.listing.statement(
                columns or (order[-1],), names, descending=turned, after=after
            )
            known = self._statements[place] = (rendered(query, dialect), shown)
        return known

    def _function(self, order: tuple[str, ...]) -> Any:
        if order not in self._shown:
            self._shown[order] = self._written(order)
        return self._shown[order]

    def _written(self, order: tuple[str, ...]) -> Any:
        code, level = self._code, self._level
        place = ""
        if self._turns:
            of = code.named(partial(_cursor, self._listed.listing.name))
            place = f"{of}({', '.join(code.cell(name) for name in order)})"
        objects = level.objects if level else []
        written = dict(zip(map(id, self._nodes), objects, strict=True))
        page = connection_of(code, self._one, lambda field: written[id(field)], place)
        below = level.arguments if level else []
        return code.function("page", ["rows", "more", "after", "count", *below], [f"return {page}"])

    def _counted(self, books: Books, filters: Mapping[str, Any]) -> Any:
        names = frozenset(filters)
        place = (books.dialect, names)
        known = self._counts.get(place)
        if known is None:
            order, conditions, _ = self._listed.listing.narrowed(names)
            some = select(order[-1]).where(*conditions).limit(MOST_COUNTED + 1).subquery()
            query = select(func.count()).select_from(some)
            known = self._counts[place] = rendered(query, books.dialect)
        counted = books.rows(known, filters)[0][0]
        return str(counted) if counted <= MOST_COUNTED else None


def _cursor(name: str, *key: Any) -> str:
    return cursor(name, key)


class _Nested:
    """A page in an object that is alone: the filters take the object's columns as `parent`."""

    def __init__(self, listed: Listed, one: Selected, role: Role) -> None:
        self._page = _Page(listed, one, role)
        self._field = one.within.fields[one.name]
        self._node = one.node
        self.tables, self.statements = self._page.tables, self._page.statements

    def read(self, books: Books, given: Given, parent: Arguments) -> Any:
        try:
            arguments = get_argument_values(self._field, self._node, given.variables)
            checked_first(arguments["first"])
        except (GraphQLError, Refused) as error:
            raise Unplanned("arguments") from error
        return self._page.read(books, given.scope, {**arguments, "parent": parent})
