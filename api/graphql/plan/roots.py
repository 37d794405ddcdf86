"""Root fields that are no connection: one object by its key, a list without pages, an object that
is no row of a table. Each gives, for a selection, a function that reads what it answers."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Column, Select, Table, select

from api.graphql.plan.books import Books
from api.graphql.plan.declared import Arguments, Compiled, Filters, Given, Sees
from api.graphql.plan.levels import Level
from api.graphql.plan.selecting import Selected, Unplanned
from api.graphql.scope import Scope
from api.http.keys import Role
from projections.tables.listing import Dialect, Rendered, rendered
from projections.tables.listing import given as parameter


class Keyed(NamedTuple):
    """One object by its key: the row whose column `key` is the argument `named`, if the caller
    `sees` it. With the argument `unless` it is another question, answered by `other`. `where`:
    what else columns of the row are, where the key names several."""

    key: Column[Any]
    named: str
    sees: Sees | None = None
    unless: str = ""
    other: "Whole | None" = None
    where: tuple[tuple[str, str], ...] = ()

    def compiled(self, one: Selected, role: Role) -> Compiled:
        level = Level(one, role, alone=True)
        code, columns = level.code, self.key.table.c
        sees = self.sees
        places = []
        for name in sees[0] if sees else ():
            code.cell(name)
            places.append(code.columns.index(name))
        shown = code.function("one", ["r", *level.arguments], [f"return {level.object}"])
        selected = [columns[name] for name in code.columns] or [self.key]
        query = select(*selected).where(self.key == parameter(self.named, self.key))
        for name, value in self.where:
            query = query.where(columns[name] == value)
        statements: dict[Dialect, Rendered] = {}
        other = self.other.compiled(one, role) if self.other else None

        def read(books: Books, given: Given) -> Any:
            arguments = given.arguments
            if other and arguments[self.unless] is not None:
                return other.read(books, given)
            statement = statements.get(books.dialect)
            if statement is None:
                statement = statements[books.dialect] = rendered(query, books.dialect)
            rows = books.rows(statement, arguments)
            if not rows:
                return None
            if sees and not sees[1](given.scope, *(rows[0][place] for place in places)):
                return None
            mine, others = level.shared(books, given.scope, rows) if level.guard else (None, None)
            if level.guard and not mine:
                return None
            parent = dict(zip(code.columns, rows[0], strict=True)) if level.pages else {}
            pages, _ = level.read_pages(books, given, parent)
            return shown(rows[0], *level.kids(books, given.scope, rows, others), *pages)

        tables = frozenset({str(self.key.table.name), *level.tables})
        guarded = 1 if level.guard else 0
        return Compiled(
            read, 1 + guarded + level.statements, tables | (other.tables if other else set())
        )


class Plain(NamedTuple):
    """A list without pages: `query` selects columns for a set of `filters`."""

    table: Table
    query: Callable[[tuple[Column[Any], ...], frozenset[str]], Select[Any]]
    filters: Filters

    def compiled(self, one: Selected, role: Role) -> Compiled:
        level = Level(one, role)
        if level.below:
            raise Unplanned(one.name)
        body = [f"return [{level.object} for r in rows]"]
        shown = level.code.function("items", ["rows"], body)
        named = level.code.columns or [str(self.table.columns[0].key)]
        columns = tuple(self.table.c[name] for name in named)
        statements: dict[Any, Rendered] = {}

        def read(books: Books, given: Given) -> Any:
            values = self.filters(given.scope, given.arguments)
            place = (books.dialect, frozenset(values))
            if place not in statements:
                statements[place] = rendered(self.query(columns, place[1]), books.dialect)
            return shown(books.rows(statements[place], values))

        return Compiled(read, 1, frozenset({str(self.table.name)}))


class Whole(NamedTuple):
    """An object that is no row of a table. `row` reads values for the columns that are selected of
    it; None: there is no such object. `statements` says how many of them it runs for some.
    `exists` is asked where `row` did not look: rows in one of its pages are answer enough."""

    row: Callable[[Books, Scope, Arguments, tuple[str, ...]], Mapping[str, Any] | None]
    statements: Callable[[tuple[str, ...]], int]
    tables: frozenset[str]
    exists: Callable[[Books, Mapping[str, Any], tuple[str, ...]], bool] | None = None

    def compiled(self, one: Selected, role: Role) -> Compiled:
        level = Level(one, role, alone=True)
        shown = level.code.function("one", ["r", *level.arguments], [f"return {level.object}"])
        columns = tuple(level.code.columns)

        def read(books: Books, given: Given) -> Any:
            values = self.row(books, given.scope, given.arguments, columns)
            if values is None:
                return None
            pages, rows = level.read_pages(books, given, values)
            if not rows and self.exists and not self.exists(books, values, columns):
                return None
            return shown(tuple(values[name] for name in columns), *pages)

        if level.below:
            raise Unplanned(one.name)
        tables = self.tables | level.tables
        return Compiled(read, self.statements(columns) + level.statements, tables)
