"""What a root field of the schema reads: a list, or what has a key.

Each is declared once, beside the resolver of its field, and compiled for a selection: `compiled`
gives a function that reads from the books and returns what the field answers.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Protocol

from graphql import GraphQLError
from graphql.execution.values import get_argument_values
from sqlalchemy import ARRAY, Column, Select, Table, Text, bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement

from api.graphql.plan.books import Books
from api.graphql.plan.coding import Code, connection_of, object_of, selects, shaped, shown_of
from api.graphql.plan.selecting import Selected, Unplanned
from api.graphql.scope import NOBODY, Scope
from api.http.keys import Role
from domain.refusals import Refused
from projections.tables.listing import Dialect, Listing, Rendered, rendered
from projections.tables.listing import given as parameter
from projections.tables.paging import MOST_COUNTED, checked_first, cursor

Arguments = Mapping[str, Any]


class Given(NamedTuple):
    """A root field of one request: who asks, its arguments under their names in Python, and the
    variables, for the fields below it."""

    scope: Scope
    arguments: Arguments
    variables: Any


Read = Callable[[Books, Given], Any]
MOST_KEPT = 64  # Statements of one field of one plan: one for each set of arguments given.
KEYS = "keys"


class Compiled(NamedTuple):
    """A root field of a plan: `read` gives what it answers, `statements` says how many it runs at
    most, `tables` of which tables they are."""

    read: Read
    statements: int
    tables: frozenset[str]


class Root(Protocol):
    """What a root field reads."""

    def compiled(self, one: Selected, role: Role) -> Compiled:
        """For a selection. Raises Unplanned."""


class Children(NamedTuple):
    """A list in each object of a page: the rows of `table` whose `by` is the parent's column
    `parent`, after `prefix`, in `order`. Rows with the same `grouped` are one object, whose field
    `inner` has an object for each of them. `where` narrows them further; for a merchant so does
    `own`, the column of whose they are."""

    table: Table
    parent: str
    by: str
    order: tuple[str, ...]
    prefix: str = ""
    grouped: str = ""
    inner: str = ""
    where: Mapping[str, str] = {}
    own: str = ""


class Guard(NamedTuple):
    """Of which objects a merchant sees all: those whose rows of `table`, by the column `by` that is
    their own key too, name no other merchant."""

    table: Table
    by: str
    merchant: str


CHILDREN: dict[tuple[str, str], Children] = {}
GUARDS: dict[str, Guard] = {}
MERCHANT: Role = "merchant"


class Inline(NamedTuple):
    """A list in an object, whose column `column` has its rows, with these `columns`."""

    column: str
    columns: tuple[str, ...]


INLINE: dict[tuple[str, str], Inline] = {}


class _Level:
    """One object type at one place of a selection, under the name it has there or `also` under
    others, with what is read beside its own rows: children of all of them, and for an object that
    is `alone` the pages in it. `objects` are the expressions of the object under each."""

    def __init__(self, one: Selected, role: Role, *also: Selected, alone: bool = False) -> None:
        self.code = Code()
        self.of = shaped(one)
        self._role = role
        guard = GUARDS.get(self.of.name) if role == MERCHANT else None
        self.guard = _Guarded(guard) if guard else None
        inner = [field for named in (one, *also) for field in named.inner]
        self.guarded = any(field.source.whole for field in shown_of(self.of, inner))
        if guard:
            self.code.whole = f"{self.code.cell(guard.by)} not in others"
        self.below: list[_Below] = []
        self.pages: list[_Nested] = []
        self._alone = alone
        self.objects = [
            object_of(self.code, self.of, named.inner, self._more) for named in (one, *also)
        ]
        self.object = self.objects[0]

    def _more(self, one: Selected) -> str:
        place = (self.of.name, one.name)
        if place in INLINE:
            return self._inline(INLINE[place], one)
        if place in NESTED and self._alone:
            for name in NESTED[place].parent:
                self.code.cell(name)
            self.pages.append(_Nested(NESTED[place], one, self._role))
            return f"n{len(self.pages) - 1}"
        children = CHILDREN.get(place)
        if children is None:
            raise Unplanned(f"{self.of.name}.{one.name}")
        below = _Below(children, one, self._role)
        name = f"k{len(self.below)}"
        parent = self.code.cell(children.parent)
        self.below.append(below)
        return f"{name}.get({parent}, ())"

    def _inline(self, inline: Inline, one: Selected) -> str:
        code = Code(self.code.names, list(inline.columns))
        item = object_of(code, shaped(one), one.inner, _nothing_more)
        return f"[{item} for r in {self.code.cell(inline.column)}]"

    def kids(
        self, books: Books, scope: Scope, rows: list[Any], others: set[str] | None = None
    ) -> list[Any]:
        """What `others`, `k0`, `k1`, … are for these rows."""
        found: list[Any] = []
        if self.needs_guard:
            found.append(self.shared(books, scope, rows)[1] if others is None else others)
        for below in self.below:
            place = self.code.columns.index(below.children.parent)
            found.append(below.read(books, scope, place, rows))
        return found

    @property
    def needs_guard(self) -> bool:
        return self.guard is not None and self.guarded

    def shared(self, books: Books, scope: Scope, rows: list[Any]) -> tuple[set[str], set[str]]:
        """Which of the rows name the caller, and which name others; of a guarded type."""
        assert self.guard is not None
        return self.guard.read(books, scope, self.code.columns.index(self.guard.by), rows)

    def read_pages(self, books: Books, given: Given, parent: Arguments) -> list[Any]:
        """What `n0`, `n1`, … are, for the object with these values."""
        return [page.read(books, given, parent) for page in self.pages]

    @property
    def arguments(self) -> list[str]:
        kids = ["others"] if self.needs_guard else []
        kids += [f"k{number}" for number in range(len(self.below))]
        return kids + [f"n{number}" for number in range(len(self.pages))]

    @property
    def tables(self) -> set[str]:
        tables = {below.children.table.name for below in self.below}
        if self.guard:
            tables.add(self.guard.table)
        return tables.union(*(page.tables for page in self.pages))

    @property
    def statements(self) -> int:
        own = len(self.below) + self.needs_guard
        return own + sum(page.statements for page in self.pages)


class _Below:
    """The children of a page of parents, in one statement."""

    def __init__(self, children: Children, one: Selected, role: Role) -> None:
        self.children = children
        self._own = children.own if role == MERCHANT else ""
        code = Code()
        of = shaped(one)
        by = code.cell(children.by)
        body = ["found = {}"]
        if children.grouped:
            body += self._grouped(code, one)
        else:
            item = object_of(code, of, one.inner, _nothing_more)
            body += ["for r in rows:", f"    found.setdefault({by}, []).append({item})"]
        self._shown = code.function("children", ["rows"], [*body, "return found"])
        self._columns = [children.table.c[name] for name in code.columns]
        self._statements: dict[Dialect, Rendered] = {}

    def _grouped(self, code: Code, one: Selected) -> list[str]:
        lists: list[tuple[str, str]] = []

        def inner(field: Selected) -> str:
            if field.name != self.children.inner:
                raise Unplanned(f"{field.within.name}.{field.name}")
            name = f"l{len(lists)}"
            lists.append((name, object_of(code, shaped(field), field.inner, _nothing_more)))
            return name

        by, place = code.cell(self.children.by), code.cell(self.children.grouped)
        head = object_of(code, shaped(one), one.inner, inner)
        begun = [f"        {name} = []" for name, _ in lists]
        return [
            "last = None",
            "for r in rows:",
            f"    if {place} != last:",
            f"        last = {place}",
            *begun,
            f"        found.setdefault({by}, []).append({head})",
            *(f"    {name}.append({item})" for name, item in lists),
        ]

    def read(self, books: Books, scope: Scope, place: int, rows: list[Any]) -> dict[Any, Any]:
        if not rows:
            return {}
        prefix = self.children.prefix
        values = books.keys(KEYS, [prefix + row[place] for row in rows])
        if self._own:
            values["member"] = scope.caller.member or NOBODY
        found = self._shown(books.rows(self._statement(books.dialect), values))
        if prefix:
            return {key[len(prefix) :]: items for key, items in found.items()}
        return dict(found)

    def _statement(self, dialect: Dialect) -> Rendered:
        known = self._statements.get(dialect)
        if known is None:
            table = self.children.table
            query = select(*self._columns).where(among(table.c[self.children.by], dialect))
            for name, value in self.children.where.items():
                query = query.where(table.c[name] == value)
            if self._own:
                own = table.c[self._own]
                query = query.where(own == parameter("member", own))
            order = [table.c[name] for name in self.children.order]
            known = self._statements[dialect] = rendered(query.order_by(*order), dialect)
        return known


class _Guarded:
    """A guard, with its statement."""

    def __init__(self, guard: Guard) -> None:
        self.by, self.table = guard.by, str(guard.table.name)
        self._key, self._merchant = guard.table.c[guard.by], guard.table.c[guard.merchant]
        self._statements: dict[Dialect, Rendered] = {}

    def read(
        self, books: Books, scope: Scope, place: int, rows: list[Any]
    ) -> tuple[set[str], set[str]]:
        """The keys of the rows that name the caller, and of those that name others."""
        if not rows:
            return set(), set()
        statement = self._statements.get(books.dialect)
        if statement is None:
            query = select(self._key, self._merchant).where(among(self._key, books.dialect))
            statement = self._statements[books.dialect] = rendered(query, books.dialect)
        named = books.rows(statement, books.keys(KEYS, [row[place] for row in rows]))
        member = scope.caller.member
        mine = {key for key, merchant in named if merchant == member}
        return mine, {key for key, merchant in named if merchant != member}


def among(column: Column[Any], dialect: Dialect) -> ColumnElement[bool]:
    """That a column is one of the parameter `keys`, however many there are."""
    if dialect == "postgresql":
        return column == func.any(bindparam(KEYS, type_=ARRAY(Text)))
    listed = func.json_each(bindparam(KEYS, type_=Text)).table_valued("value")
    return column.in_(select(listed.c.value))


def _nothing_more(one: Selected) -> str:
    raise Unplanned(f"{one.within.name}.{one.name}")


Filters = Callable[[Scope, Arguments], dict[str, Any]]
Sees = tuple[
    tuple[str, ...], Callable[..., bool]
]  # Columns, and a method of Scope that takes them.


ONES_OWN: Sees = (("merchant",), Scope.may_see)


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


class _Page:
    """A list for one selection."""

    def __init__(self, listed: Listed, one: Selected, role: Role) -> None:
        self._listed = listed
        self._columns = {str(column.key): column for column in listed.listing.columns}
        nodes = [inner for edges in one.inner if edges.name == "edges" for inner in edges.inner]
        self._count = listed.counted and selects(one.inner, "totalCount")
        self._nodes = [node for node in nodes if node.name == "node"]
        self._level = _Level(self._nodes[0], role, *self._nodes[1:]) if self._nodes else None
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


class Keyed(NamedTuple):
    """One object by its key: the row whose column `key` is the argument `named`, if the caller
    `sees` it. With the argument `unless` it is another question, answered by `other`."""

    key: Column[Any]
    named: str
    sees: Sees | None = None
    unless: str = ""
    other: "Whole | None" = None

    def compiled(self, one: Selected, role: Role) -> Compiled:
        level = _Level(one, role, alone=True)
        code, columns = level.code, self.key.table.c
        sees = self.sees
        places = []
        for name in sees[0] if sees else ():
            code.cell(name)
            places.append(code.columns.index(name))
        shown = code.function("one", ["r", *level.arguments], [f"return {level.object}"])
        selected = [columns[name] for name in code.columns] or [self.key]
        query = select(*selected).where(self.key == parameter(self.named, self.key))
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
            pages = level.read_pages(books, given, parent)
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
        level = _Level(one, role)
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
    it; None: there is no such object. `statements` says how many of them it runs for some."""

    row: Callable[[Books, Scope, Arguments, tuple[str, ...]], Mapping[str, Any] | None]
    statements: Callable[[tuple[str, ...]], int]
    tables: frozenset[str]

    def compiled(self, one: Selected, role: Role) -> Compiled:
        level = _Level(one, role, alone=True)
        shown = level.code.function("one", ["r", *level.arguments], [f"return {level.object}"])
        columns = tuple(level.code.columns)

        def read(books: Books, given: Given) -> Any:
            values = self.row(books, given.scope, given.arguments, columns)
            if values is None:
                return None
            pages = level.read_pages(books, given, values)
            return shown(tuple(values[name] for name in columns), *pages)

        if level.below:
            raise Unplanned(one.name)
        tables = self.tables | level.tables
        return Compiled(read, self.statements(columns) + level.statements, tables)


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


NESTED: dict[tuple[str, str], Listed] = {}
ROOTS: dict[str, Root] = {}
