"""What a read model's column holds: the few kinds of values that both databases keep alike."""

from typing import Any

from sqlalchemy import types

from domain.eventstore.arrays import Kind


def kind_of(type_: types.TypeEngine[Any]) -> Kind:
    """The kind of a column's values. Raises TypeError for a type that read models do not use."""
    match type_:
        case types.Enum():
            pass
        case types.String():
            return "text"
        case types.LargeBinary():
            return "bytes"
        case types.Boolean():
            return "bool"
        case types.Date():
            return "date"
        case types.BigInteger():
            return "int8"
        case types.SmallInteger():
            return "int2"
        case types.Integer():
            return "int4"
    raise TypeError(f"{type_!r}: a read model keeps text, bytes, booleans, dates and integers")
