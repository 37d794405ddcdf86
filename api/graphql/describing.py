"""Types and fields of the schema whose docstrings are their descriptions, written once."""

from collections.abc import Callable
from typing import Any, TypeVar, dataclass_transform

import strawberry

ClassT = TypeVar("ClassT")


@dataclass_transform(kw_only_default=True, field_specifiers=(strawberry.field,))
def object_type(cls: type[ClassT]) -> type[ClassT]:
    """Make a class a type of the schema, described by its docstring."""
    return strawberry.type(cls, description=description_of(cls))


def resolved(resolver: Callable[..., Any]) -> Any:
    """Make a method a field of its type that is looked up when it is asked for."""
    return strawberry.field(resolver=resolver, description=description_of(resolver))


def description_of(described: object) -> str:
    """A docstring as one paragraph."""
    return " ".join((described.__doc__ or "").split())
