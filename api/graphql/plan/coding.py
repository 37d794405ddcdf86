"""One function out of a selection: it turns rows into what the answer's JSON is made from.

The function is Python source, because a display such as `{"id": r[0], "subject": r[1]}` is the
fastest way there is to make fifty objects. Nothing of a request's text comes into it but names of
fields and aliases, which the grammar of GraphQL lets have letters, digits and `_` alone.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from graphql import GraphQLObjectType, get_named_type

from api.graphql.plan.selecting import TYPENAME, Selected, Unplanned
from api.graphql.shapes import NAMESPACE, SHAPES, Shape, Shown
from domain.money import CURRENCY, decimal_text

Inner = Callable[[Selected], str]


class Code:
    """Source that is being written, with the columns it needs of one level's rows, which it calls
    `r`, and the values that it names."""

    def __init__(
        self, names: dict[str, Any] | None = None, columns: list[str] | None = None
    ) -> None:
        self.columns = [] if columns is None else columns
        self.names = {"decimal": decimal_text, **NAMESPACE} if names is None else names
        self.whole = ""  # The condition that the caller sees all of the object; "": it does.
        self._locals = 0

    def cell(self, column: str) -> str:
        """The expression of a column of a row."""
        if column not in self.columns:
            self.columns.append(column)
        return f"r[{self.columns.index(column)}]"

    def named(self, value: Any) -> str:
        """A name for a value that source cannot spell."""
        name = f"v{len(self.names)}"  # Nothing is ever taken out.
        self.names[name] = value
        return name

    def local(self) -> str:
        """A local variable that nothing else uses."""
        self._locals += 1
        return f"t{self._locals}"

    def function(self, name: str, arguments: Iterable[str], body: Iterable[str]) -> Any:
        """The function with this body, compiled."""
        lines = "".join(f"    {line}\n" for line in body)
        source = f"def {name}({', '.join(arguments)}):\n{lines}"
        space = dict(self.names)
        exec(compile(source, f"<plan {name}>", "exec"), space)
        return space[name]


def display(pairs: Iterable[tuple[str, str]]) -> str:
    """The expression of an object from keys and the expressions of its values."""
    return "{" + ", ".join(f"{key!r}: {value}" for key, value in pairs) + "}"


def object_of(code: Code, of: GraphQLObjectType, inner: Iterable[Selected], more: Inner) -> str:
    """The expression of one object of a shaped type; `more` writes what is no column of it."""
    shape = SHAPES.get(of.name)
    return display((one.key, _field(code, shape, one, more)) for one in inner)


def _field(code: Code, shape: Shape[Any] | None, one: Selected, more: Inner) -> str:
    if one.name == TYPENAME:
        return repr(one.within.name)
    shown = shape.fields.get(one.name) if shape else None
    if shown is None:
        return more(one)
    value = _shown(code, shown, one)
    return f"({value} if {code.whole} else None)" if shown.source.whole and code.whole else value


def _shown(code: Code, shown: Shown, one: Selected) -> str:
    columns, make, empty, _ = shown.source
    cells = [code.cell(column) for column in columns]
    value = f"{code.named(make)}({', '.join(cells)})" if make else cells[0]
    known = value
    if make and (shown.nullable or shown.kind.name == "money"):
        known = code.local()
        value = f"({known} := {value})"
    if shown.kind.name != "money":
        json = shown.kind.json.format(known if shown.nullable else value)
        if not shown.nullable:
            return json
        if empty and json == known:
            return f"({value} or None)"
        absent = f"not {value}" if empty else f"{value} is None"
        return f"(None if {absent} else {json})"
    money = _money(code, shown, one, known)
    if shown.nullable:
        return f"(None if {value} is None else {money})"
    return f"({value}, {money})[1]" if known != value else money


def _money(code: Code, shown: Shown, one: Selected, amount: str) -> str:
    def part(name: str) -> str:
        match name:
            case "minor":
                return f"str({amount})"
            case "decimal":
                return f"decimal({amount})"
            case "currency":
                return code.cell(shown.currency) if shown.currency else repr(CURRENCY)
            case _:
                return repr("Money")

    return display((inner.key, part(inner.name)) for inner in one.inner)


def connection_of(code: Code, one: Selected, node: Inner, cursor: str) -> str:
    """The expression of a page: `rows` of it, whether there is `more`, the `after` that was asked
    for, and `count`. `cursor` is the expression of a row's cursor."""

    def edge(field: Selected) -> str:
        if field.name == TYPENAME:
            return repr(field.within.name)
        return cursor if field.name == "cursor" else node(field)

    def part(field: Selected) -> str:
        match field.name:
            case "edges":
                return f"[{display((f.key, edge(f)) for f in field.inner)} for r in rows]"
            case "pageInfo":
                return display((f.key, _page_info(f, cursor)) for f in field.inner)
            case "totalCount":
                return "count"
            case _:
                return repr(field.within.name)

    return display((field.key, part(field)) for field in one.inner)


def _page_info(field: Selected, cursor: str) -> str:
    match field.name:
        case "hasNextPage":
            return "more"
        case "hasPreviousPage":
            return "after is not None"
        case "startCursor":
            return f"next(({cursor} for r in rows[:1]), None)"
        case "endCursor":
            return f"next(({cursor} for r in rows[-1:]), None)"
        case _:
            return repr(field.within.name)


def shaped(one: Selected) -> GraphQLObjectType:
    """The type of an object field. Raises Unplanned when it has no shape."""
    of = get_named_type(one.type) if one.type else None
    if not isinstance(of, GraphQLObjectType) or of.name not in SHAPES:
        raise Unplanned(f"{one.name} has no shape")
    return of


def shown_of(of: GraphQLObjectType, inner: Iterable[Selected]) -> Iterator[Shown]:
    """The fields from columns that are selected of a type."""
    fields = SHAPES[of.name].fields
    return (fields[one.name] for one in inner if one.name in fields)


def selects(inner: Iterable[Selected], *names: str) -> bool:
    """Whether any of these fields is selected here or below."""
    return any(one.name in names or selects(one.inner, *names) for one in inner)
