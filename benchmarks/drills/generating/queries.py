"""Generated GraphQL queries: from the schema, every field, argument and way to write them.

A query is drawn as a text with its variables (`writing.py`): arguments that stand in the books,
that fit, or are nonsense; and now and then a text that is broken. `everything` is one query of each
root field with all that can be asked below it, so that no field is left to chance.
"""

import json
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_required_argument,
)
from hypothesis import strategies as st

from benchmarks.drills.generating.writing import Manner, Query, Writer

MOST_DEPTH = 6
ANY = Manner()
PLANNED = Manner(nonsense=60, unknown=12, unreached=6)
NONSENSE: tuple[Any, ...] = (
    None, "", 0, -1, 101, 2**31, 2**63, -(2**63) - 1, 10**40, 1.5, True, [], {}, [[1]], {"a": None},
    "\u0000", "\ud83d\ude00", "х" * 300, "2011-02-30", "0000-00-00", "9999-12-31", "٣", "-0", "1e3",
    "\u0001", 'a\n"b"\t\\', "\u2028", "' OR 1=1 --", "%", "WyJ0cmFuc2FjdGlvbnMiLDBd", "=",
)  # fmt: skip
# What an argument is about, by the name of the argument, and of the root field for `id` and `no`.
FIELDS = {
    "merchantId": "merchant", "owner": "member_id", "buyerId": "buyer", "orderNo": "order_no",
    "transactionId": "transaction_id", "account": "account", "reference": "stream",
    "from": "date", "to": "date", "date": "date", "asOf": "date", "order.no": "order_no",
    "payment.no": "payment_no", "refund.no": "refund_no", "transaction.id": "transaction_id",
    "account.id": "account", "settlementBatch.id": "batch_id", "member.id": "member_id",
    "instruction.id": "instruction_id", "after": "after", "text": "text", "state": "state",
    "kind": "state", "codePrefix": "code", "channel": "channel", "memberId": "member_id",
    "withdrawal.no": "withdrawal_no", "deposit.no": "deposit_no", "on": "date",
    "differences.type": "difference_type", "age": "age", "suspense.code": "code",
    "ownMovements.kind": "own_kind", "ownMovements.state": "own_state",
    "topUps.direction": "direction", "topUps.state": "top_up_state",
}  # fmt: skip
WORDS: Mapping[str, Sequence[str]] = {
    "stream": ("payment-PM01", "refund-R01"),
    "text": ("坚果", "a", "_"),
    "state": (
        *("paid", "created", "issued", "settled", "personal", "enterprise", "succeeded"),
        *(
            "confirmed",
            "evidence_due",
            "held",
            "released",
            "in_force",
            "active",
            "open",
            "proposed",
            "approved",
            "instructed",
        ),
    ),
    "code": ("2241", "2241.02", "1"),
    "channel": ("JD_PAY", "WECHAT_PAY", "BANK"),
    "difference_type": ("missing_here", "fee", "session_short"),
    "age": ("0-1", "8-30", ">30"),
    "own_kind": ("sweep", "capital", "buffer"),
    "own_state": ("instructed", "posted", "called_off"),
    "direction": ("in", "out"),
    "top_up_state": ("underway", "arrived"),
    "after": ("",),
}


NOTHING = ("x",)  # Of what nothing stands in the books.


class Queries:
    """Queries of one schema. `known` are values of the books by field."""

    def __init__(self, schema: GraphQLSchema, known: Mapping[str, Sequence[str]]) -> None:
        self.schema = schema
        self.known: dict[str, Sequence[str]] = {**WORDS, **known}
        assert schema.query_type is not None
        self.root: GraphQLObjectType = schema.query_type

    def any(self) -> st.SearchStrategy[Query]:
        return st.builds(self._drawn, st.randoms(), st.integers(0, 19))

    def whole(self, manner: Manner = ANY) -> st.SearchStrategy[Query]:
        """Queries that nobody has broken; their values may be nonsense."""
        return st.builds(lambda random: self.written(random, manner), st.randoms())

    def written(self, random: Random, manner: Manner = ANY) -> Query:
        """The query that these random numbers write."""
        return Writer(self.root, self.sought, NONSENSE, manner, random).query()

    def _drawn(self, random: Random, luck: int) -> Query:
        query = self.written(random)._replace(by_url=luck % 5 == 1)
        if luck:
            return query
        place = random.randint(0, len(query.text))
        more = random.choice(("", "{", "}", '"', "#", "...", "$", "\u0000", "é", "("))
        broken = query.text[:place] + more + query.text[place + 1 :]
        return query._replace(text=broken)

    def everything(self) -> list[tuple[str, str]]:
        """For each root field a query of all below it, on names that stand in the books."""
        return [
            (name, f"{{ {name}{self._sure(name, field)} {self._all_of(field.type, 1)} }}")
            for name, field in self.root.fields.items()
        ]

    def _all_of(self, kind: GraphQLOutputType, depth: int) -> str:
        named = get_named_type(kind)
        if not isinstance(named, GraphQLObjectType) or depth > MOST_DEPTH:
            return ""
        parts = []
        for name, field in named.fields.items():
            below = self._all_of(field.type, depth + 1)
            if below or not is_composite_type(get_named_type(field.type)):
                few = "(first: 2)" if "first" in field.args else ""
                parts.append(f"{name}{few} {below}")
        return "{ __typename " + " ".join(parts) + " }"

    def _sure(self, root: str, field: GraphQLField) -> str:
        given = {
            name: json.dumps(self.sought(root, name)[0], ensure_ascii=False)
            for name, argument in field.args.items()
            if is_required_argument(argument)
        }
        if "first" in field.args:
            given["first"] = "3"
        said = ", ".join(f"{name}: {value}" for name, value in given.items())
        return f"({said})" if said else ""

    def sought(self, root: str, argument: str) -> Sequence[str]:
        """Values of an argument of a field that stand in the books, or did when it was opened."""
        if argument == "after" and f"after.{root}" in self.known:
            return self.known[f"after.{root}"]
        name = FIELDS.get(f"{root}.{argument}") or FIELDS.get(argument)
        return self.known.get(name or "", NOTHING)
