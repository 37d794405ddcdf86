"""One object type at one place of a selection: its columns, and what is read beside its rows."""

from functools import partial
from typing import Any

from sqlalchemy import ARRAY, Text, bindparam, func, select
from sqlalchemy.sql.elements import ColumnElement

from api.graphql.plan.books import Books
from api.graphql.plan.coding import Code, object_of, shaped, shown_of
from api.graphql.plan.declared import (
    CHILDREN,
    GUARDS,
    INLINE,
    MERCHANT,
    NESTED,
    Arguments,
    Children,
    Given,
    Guard,
    Inline,
    Nested,
)
from api.graphql.plan.selecting import Selected, Unplanned
from api.graphql.scope import NOBODY, Scope
from api.http.keys import Role
from projections.tables.listing import Dialect, Rendered, rendered
from projections.tables.listing import given as parameter

KEYS = "keys"


class Level:
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
        self.pages: list[Nested] = []
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
            self.pages.append(NESTED[place].nested(one, self._role))
            return f"n{len(self.pages) - 1}"
        children = CHILDREN.get(place)
        if children is None:
            raise Unplanned(f"{self.of.name}.{one.name}")
        if children.institution and self._role == MERCHANT:
            return "None"
        below = _Below(children, one, self._role)
        name = f"k{len(self.below)}"
        parent = self.code.cell(children.parent)
        self.below.append(below)
        found = f"{name}.get({parent}, ())"
        if children.whole and self.code.whole:
            self.guarded = True
            return f"({found} if {self.code.whole} else None)"
        return found

    def _inline(self, inline: Inline, one: Selected) -> str:
        return _inlined(self.code, inline, one)

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

    def read_pages(self, books: Books, given: Given, parent: Arguments) -> tuple[list[Any], bool]:
        """What `n0`, `n1`, … are, for the object with these values; whether any has rows."""
        found = [page.read(books, given, parent) for page in self.pages]
        return [page for page, _ in found], any(rows for _, rows in found)

    @property
    def arguments(self) -> list[str]:
        kids = ["others"] if self.needs_guard else []
        kids += [f"k{number}" for number in range(len(self.below))]
        return kids + [f"n{number}" for number in range(len(self.pages))]

    @property
    def tables(self) -> set[str]:
        tables: set[str] = set().union(*(below.tables for below in self.below))
        if self.guard:
            tables.add(self.guard.table)
        return tables.union(*(page.tables for page in self.pages))

    @property
    def statements(self) -> int:
        own = sum(below.statements for below in self.below) + self.needs_guard
        return own + sum(page.statements for page in self.pages)


class _Below:
    """The children of a page of parents, in one statement; and theirs, in one more each."""

    def __init__(self, children: Children, one: Selected, role: Role) -> None:
        self.children = children
        self._role = role
        self._below: list[_Below] = []
        self._own = children.own if role == MERCHANT else ""
        code = Code()
        of = shaped(one)
        by = code.cell(children.by)
        body = ["found = {}"]
        if children.grouped:
            body += self._grouped(code, one)
        else:
            item = object_of(code, of, one.inner, partial(self._more, code))
            body += ["for r in rows:", f"    found.setdefault({by}, []).append({item})"]
        below = [f"k{number}" for number in range(len(self._below))]
        self._shown = code.function("children", ["rows", *below], [*body, "return found"])
        self._names = list(code.columns)
        columns = self._names
        if children.beside:  # SQLite looks into a subquery only if what it is ordered by is there.
            columns = [*columns, *(name for name in children.order if name not in columns)]
        self._columns = [children.table.c[name] for name in columns]
        self._statements: dict[Dialect, Rendered] = {}

    def _more(self, code: Code, one: Selected) -> str:
        children = CHILDREN.get((one.within.name, one.name))
        if children is None or children.whole:
            raise Unplanned(f"{one.within.name}.{one.name}")
        if children.institution and self._role == MERCHANT:
            return "None"
        self._below.append(_Below(children, one, self._role))
        return f"k{len(self._below) - 1}.get({code.cell(children.parent)}, ())"

    @property
    def tables(self) -> set[str]:
        return set(self.children.tables).union(*(below.tables for below in self._below))

    @property
    def statements(self) -> int:
        return 1 + sum(below.statements for below in self._below)

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
        own = books.rows(self._statement(books.dialect), values)
        below = [
            one.read(books, scope, self._names.index(one.children.parent), own)
            for one in self._below
        ]
        found = self._shown(own, *below)
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


def among(column: ColumnElement[Any], dialect: Dialect) -> ColumnElement[bool]:
    """That a column is one of the parameter `keys`, however many there are."""
    if dialect == "postgresql":
        return column == func.any(bindparam(KEYS, type_=ARRAY(Text)))
    listed = func.json_each(bindparam(KEYS, type_=Text)).table_valued("value")
    return column.in_(select(listed.c.value))


def _inlined(code: Code, inline: Inline, one: Selected) -> str:
    """The expression of what stands in a row's column; that may have columns of the same kind."""
    inner = Code(code.names, list(inline.columns))

    def more(field: Selected) -> str:
        known = INLINE.get((field.within.name, field.name))
        return _inlined(inner, known, field) if known else _nothing_more(field)

    item = object_of(inner, shaped(one), one.inner, more)
    cell = code.cell(inline.column)
    return f"[{item} for r in ({cell},)][0]" if inline.alone else f"[{item} for r in {cell}]"


def _nothing_more(one: Selected) -> str:
    raise Unplanned(f"{one.within.name}.{one.name}")
