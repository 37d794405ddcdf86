"""What the objects of the schema show, declared once: each field, its type, its columns.

A class decorated with `shape` is a type of the schema, described by its docstring. A plain field is
made from a column of its name (`amount: Money` from `amount_fen`, `paid_at: Instant` from
`paid_at_us`); where it is not, `of` says from which. Both executors work from this: the stock one
takes `Shape.node`, the plans (`plan/`) take the expressions that write a field's JSON.
"""

import types
import typing
from collections.abc import Callable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, Generic, NamedTuple, TypeVar, dataclass_transform

import strawberry
from strawberry import ID
from strawberry.utils.str_converters import to_camel_case

from api.graphql.describing import description_of
from api.graphql.money import Money, money
from api.graphql.scalars import BigInt, Date, Instant
from domain.kernel import EPOCH
from domain.money import CURRENCY

ClassT = TypeVar("ClassT", bound=type)
NodeT = TypeVar("NodeT")
_SOURCE = "source"


class Kind(NamedTuple):
    """How values of a type are kept and shown: what a column's name has after the field's, what
    the stock executor is given, and the expression of the JSON value of `{}`."""

    name: str
    suffix: str
    given: Callable[[Any], Any]
    json: str


def _same(value: Any) -> Any:
    return value


_KINDS: Mapping[object, Kind] = {
    str: Kind("text", "", _same, "{}"),
    ID: Kind("text", "", _same, "{}"),
    int: Kind("number", "", _same, "{}"),
    bool: Kind("flag", "", bool, "bool({})"),
    BigInt: Kind("number", "", _same, "str({})"),
    # SQLite keeps a date as its text; the encoder writes one as that text, and an instant as the
    # scalar does.
    Date: Kind("date", "", _same, "{}"),
    Instant: Kind("instant", "_us", _same, "epoch + delta(0, 0, {})"),
    Money: Kind("money", "_fen", _same, ""),
}
NAMESPACE: Mapping[str, Any] = {"epoch": EPOCH, "delta": timedelta}


class Source(NamedTuple):
    """From which columns a field comes, and what is made of them; `empty`: "" is null. A field of
    the `whole` is null for a merchant where the object is about others too."""

    columns: tuple[str, ...] = ()
    make: Callable[..., Any] | None = None
    empty: bool = False
    whole: bool = False


class Shown(NamedTuple):
    """A field of a shape."""

    name: str
    python_name: str
    kind: Kind
    source: Source
    nullable: bool
    currency: str | None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it is made from."""
        own = self.source.columns
        return (*own, self.currency) if self.currency else own

    def value(self, row: Any) -> Any:
        """What the stock executor gets for a row with the columns as attributes."""
        columns, make, empty, _ = self.source
        values = [getattr(row, column) for column in columns]
        value = make(*values) if make else values[0]
        if value is None or (empty and not value):
            return None
        if self.kind.name == "money":
            return money(value, getattr(row, self.currency) if self.currency else CURRENCY)
        return self.kind.given(value)


def of(
    *columns: str,
    make: Callable[..., Any] | None = None,
    empty: bool = False,
    whole: bool = False,
    name: str | None = None,
    description: str | None = None,
    deprecated: str | None = None,
) -> Any:
    """A field from other columns than the one of its name. `make` makes its value from theirs;
    with `empty` the empty text is null. `whole`: see Source. `deprecated`: what to ask for instead.
    """
    source = Source(columns, make, empty, whole)
    return strawberry.field(
        name=name,
        description=description,
        deprecation_reason=deprecated,
        metadata={_SOURCE: source},
    )


def from_one(place: int | None) -> int | None:
    """The number of a place that the books count from 0."""
    return None if place is None else place + 1


class Shape(Generic[NodeT]):
    """The fields of a type that come from columns, by their names in the schema.

    `currency` is the column that names the currency of its amounts, if there is one.
    """

    def __init__(self, cls: type[NodeT], currency: str | None) -> None:
        self.cls = cls
        self.fields: dict[str, Shown] = {}
        hints = typing.get_type_hints(cls)
        definition: Any = cls.__strawberry_definition__  # type: ignore[attr-defined]
        self.name: str = definition.name
        for field in definition.fields:
            if field.base_resolver is not None:
                continue
            kind, nullable = _kind(hints[field.python_name])
            if kind is None:
                continue
            source = field.metadata.get(_SOURCE, Source())
            if not source.columns:
                source = source._replace(columns=(field.python_name + kind.suffix,))
            name = field.graphql_name or to_camel_case(field.python_name)
            of_currency = currency if kind.name == "money" else None
            self.fields[name] = Shown(name, field.python_name, kind, source, nullable, of_currency)

    def node(self, row: Any, *, whole: bool = True, **more: Any) -> NodeT:
        """An object of the type from a row, for the stock executor; `more` are the fields that do
        not come from columns. `whole`: the caller sees all that it is about."""
        shown = {
            field.python_name: field.value(row) if whole or not field.source.whole else None
            for field in self.fields.values()
        }
        return self.cls(**shown, **more)


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field, of))
def shape(currency: str | None = None) -> Callable[[type[NodeT]], type[NodeT]]:
    """Make a class a type of the schema whose fields come from columns."""

    def decorate(cls: type[NodeT]) -> type[NodeT]:
        made = strawberry.type(cls, description=description_of(cls))
        shaped: Shape[NodeT] = Shape(made, currency)
        SHAPES[shaped.name] = shaped
        _BY_CLASS[made] = shaped
        return made

    return decorate


SHAPES: dict[str, Shape[Any]] = {}
_BY_CLASS: dict[type, Shape[Any]] = {}


def shape_of(cls: type[NodeT]) -> Shape[NodeT]:
    """The shape that a decorated class has."""
    return _BY_CLASS[cls]


def _kind(annotation: Any) -> tuple[Kind | None, bool]:
    """The kind of a field's type, if it is no other object, and whether it may be null."""
    nullable = False
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        (annotation,) = [one for one in annotation.__args__ if one is not types.NoneType]
        nullable = True
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Kind("enum", "", annotation, "{}"), nullable
    return _KINDS.get(annotation), nullable
