"""What is declared of the schema's fields beside their resolvers: how plans read them.

A root field is in `ROOTS`. A list below an object is among its `CHILDREN` (read for all objects of
a page at once), `NESTED` (a page of its own, in an object that is alone) or `INLINE` (in its row).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from sqlalchemy import FromClause, Table

from api.graphql.plan.books import Books
from api.graphql.plan.selecting import Selected
from api.graphql.scope import Scope
from api.http.keys import Role

Arguments = Mapping[str, Any]


class Given(NamedTuple):
    """A root field of one request: who asks, its arguments under their names in Python, and the
    variables, for the fields below it."""

    scope: Scope
    arguments: Arguments
    variables: Any


Read = Callable[[Books, Given], Any]


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
    `own`, the column of whose they are. A merchant gets null where the object is about others too
    (`whole`), or always (`institution`). `beside`: the tables that a subquery reads."""

    table: FromClause
    parent: str
    by: str
    order: tuple[str, ...]
    prefix: str = ""
    grouped: str = ""
    inner: str = ""
    where: Mapping[str, str] = {}
    own: str = ""
    whole: bool = False
    institution: bool = False
    beside: frozenset[str] = frozenset()

    @property
    def tables(self) -> frozenset[str]:
        """The names of the tables it reads."""
        return self.beside or frozenset({str(getattr(self.table, "name", ""))})


class Guard(NamedTuple):
    """Of which objects a merchant sees all: those whose rows of `table`, by the column `by` that is
    their own key too, name no other merchant."""

    table: Table
    by: str
    merchant: str


class Inline(NamedTuple):
    """A list in an object, whose column `column` has its rows, with these `columns`; `alone`: one
    object, whose row the column is."""

    column: str
    columns: tuple[str, ...]
    alone: bool = False


Filters = Callable[[Scope, Arguments], dict[str, Any]]
Sees = tuple[
    tuple[str, ...], Callable[..., bool]
]  # Columns, and a method of Scope that takes them.


ONES_OWN: Sees = (("merchant",), Scope.may_see)


class Nested(Protocol):
    """A page in an object that is alone, for a selection."""

    tables: set[str]
    statements: int

    def read(self, books: Books, given: Given, parent: Arguments) -> tuple[Any, bool]:
        """The page, and whether it has rows; `parent` are the object's columns. Raises
        Unplanned."""


class Nesting(Protocol):
    """What makes such pages; `parent` are the columns that it takes of the object."""

    @property
    def parent(self) -> tuple[str, ...]: ...

    def nested(self, one: Selected, role: Role) -> Nested:
        """For a selection. Raises Unplanned."""


ROOTS: dict[str, Root] = {}
CHILDREN: dict[tuple[str, str], Children] = {}
NESTED: dict[tuple[str, str], Nesting] = {}
INLINE: dict[tuple[str, str], Inline] = {}
GUARDS: dict[str, Guard] = {}
MERCHANT: Role = "merchant"
