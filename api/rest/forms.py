"""Which members of a request go together, as JSON Schema: one of several forms, by the command."""

from collections.abc import Mapping

from api.rest.shapes import MEMBER, METHODS, NUMBER, TEXT, Shape, amount


def _exactly_one(given: Mapping[str, Shape], absent: Mapping[str, Shape]) -> list[Shape]:
    """One of these fields is given; the others are missing, or say that they are not."""
    return [
        {
            "required": [name],
            "properties": {
                other: given[other] if other == name else absent[other] for other in given
            },
        }
        for name in given
    ]


def _movement(kind: str, payee: Shape) -> Shape:
    """One movement out of a wallet, of this kind."""
    fields = {"number": NUMBER, "payee": payee, "amount_fen": amount(1)}
    return {"required": list(fields), "properties": {"kind": {"const": kind}, **fields}}


_EMPTY: Shape = {"const": ""}
_OUTCOMES = ("succeeded", "declined", "unknown")
ONE_OF: Mapping[str, list[Shape]] = {
    "RecordOutcome": _exactly_one(
        dict.fromkeys(_OUTCOMES, TEXT), {name: {"type": "null"} for name in _OUTCOMES}
    ),
    "PaymentWanted": _exactly_one(
        {"method": METHODS, "legs": {"minItems": 1}},
        {"method": _EMPTY, "legs": {"maxItems": 0}},
    ),
    "OpenSession": [
        {
            "required": ["order_no"],
            "properties": {
                "order_no": NUMBER,
                "member_id": _EMPTY,
                "amount_fen": {"type": "null"},
            },
        },
        {
            "required": ["member_id"],
            "properties": {"member_id": MEMBER, "order_no": _EMPTY},
        },
    ],
    "CodeWanted": [
        _movement("payment", NUMBER),
        _movement("transfer", MEMBER),
        {
            "properties": {
                "kind": {"const": "reset"},
                "number": _EMPTY,
                "payee": _EMPTY,
                "amount_fen": {"const": 0},
            }
        },
    ],
    "ProofWanted": [_movement("payment", NUMBER), _movement("transfer", MEMBER)],
}
