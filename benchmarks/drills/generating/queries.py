"""Generated GraphQL queries: from the schema, every field, argument and way to write them.

A query is drawn as a text with its variables: aliases, named and inline fragments, directives,
variables with and without defaults; arguments that stand in the books, that fit, or are nonsense;
and now and then a text that is broken. `everything` is one query of each root field with all that
can be asked below it, so that no field is left to chance.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_required_argument,
)
from hypothesis import strategies as st

MOST_DEPTH = 6
NAMES = ("a", "b", "node", "id", "__a", "data")
NONSENSE: tuple[Any, ...] = (
    None, "", 0, -1, 101, 2**31, 2**63, -(2**63) - 1, 10**40, 1.5, True, [], {}, [[1]], {"a": None},
    "\u0000", "\ud83d\ude00", "х" * 300, "2011-02-30", "0000-00-00", "9999-12-31", "٣", "-0", "1e3",
    "' OR 1=1 --", "%", "WyJ0cmFuc2FjdGlvbnMiLDBd", "=",
)  # fmt: skip
# What an argument is about, by the name of the argument, and of the root field for `id` and `no`.
FIELDS = {
    "merchantId": "merchant", "owner": "member_id", "buyerId": "buyer", "orderNo": "order_no",
    "transactionId": "transaction_id", "account": "account", "reference": "stream",
    "from": "date", "to": "date", "date": "date", "asOf": "date", "order.no": "order_no",
    "payment.no": "payment_no", "refund.no": "refund_no", "transaction.id": "transaction_id",
    "account.id": "account", "settlementBatch.id": "batch_id", "member.id": "member_id",
    "instruction.id": "instruction_id", "after": "after", "text": "text", "state": "state",
    "kind": "state", "codePrefix": "code", "channel": "channel",
}  # fmt: skip
WORDS: Mapping[str, Sequence[str]] = {
    "stream": ("payment-PM01", "refund-R01"),
    "text": ("坚果", "a", "_"),
    "state": ("paid", "created", "issued", "settled", "personal", "enterprise", "succeeded"),
    "code": ("2241", "2241.02", "1"),
    "channel": ("JD_PAY", "WECHAT_PAY", "BANK"),
    "after": ("",),
}


class Query(NamedTuple):
    """`by_url`: it is sent by GET."""

    text: str
    variables: dict[str, Any]
    by_url: bool = False


class Queries:
    """Queries of one schema. `known` are values of the books by field."""

    def __init__(self, schema: GraphQLSchema, known: Mapping[str, Sequence[str]]) -> None:
        self.schema = schema
        self.known: dict[str, Sequence[str]] = {**WORDS, **known}
        assert schema.query_type is not None
        self.root: GraphQLObjectType = schema.query_type

    def any(self) -> st.SearchStrategy[Query]:
        return st.builds(self._drawn, st.data(), st.integers(0, 19))

    def whole(self) -> st.SearchStrategy[Query]:
        """Queries that nobody has broken; their values may be nonsense."""
        return st.builds(lambda data: _Writer(self, data).query(), st.data())

    def _drawn(self, data: st.DataObject, luck: int) -> Query:
        query = _Writer(self, data).query()._replace(by_url=luck % 5 == 1)
        if luck:
            return query
        place = data.draw(st.integers(0, len(query.text)))
        more = data.draw(st.sampled_from(("", "{", "}", '"', "#", "...", "$", "\u0000", "é", "(")))
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
        name = FIELDS.get(f"{root}.{argument}") or FIELDS.get(argument)
        return self.known.get(name or "", ("x",))


class _Writer:
    """Writes one query; what is drawn is drawn from here."""

    def __init__(self, queries: Queries, data: st.DataObject) -> None:
        self._queries = queries
        self._data = data
        self._fragments: list[str] = []
        self._declared: list[str] = []
        self._variables: dict[str, Any] = {}

    def query(self) -> Query:
        selection = self._selection(self._queries.root, 1)
        declared = f"({', '.join(self._declared)})" if self._declared else ""
        head = "query Q" + declared if declared or self._chance(3) else ""
        text = "\n".join([f"{head} {selection}", *self._fragments])
        return Query(text, self._variables)

    def _chance(self, of: int) -> bool:
        return self._data.draw(st.integers(1, of)) == of

    def _pick(self, choices: Sequence[Any]) -> Any:
        return self._data.draw(st.sampled_from(list(choices)))

    def _selection(self, kind: GraphQLObjectType, depth: int) -> str:
        names = list(kind.fields)
        wanted = self._data.draw(
            st.lists(st.sampled_from(names), min_size=1, max_size=3 if depth < 3 else 4)
        )
        parts = [self._field(name, kind.fields[name], depth) for name in wanted]
        if self._chance(8):
            parts.append("__typename")
        inner = "{ " + " ".join(part for part in parts if part) + " }"
        if inner == "{  }":
            inner = "{ __typename }"
        if self._chance(8):
            return "{ ... on " + kind.name + " " + inner + " }"
        if self._chance(8):
            name = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {name} on {kind.name} {inner}")
            return "{ ..." + name + " }"
        return inner

    def _field(self, name: str, field: GraphQLField, depth: int) -> str:
        named = get_named_type(field.type)
        below = ""
        if isinstance(named, GraphQLObjectType):
            if depth >= MOST_DEPTH + 2:
                return ""
            below = " " + self._selection(named, depth + 1)
        arguments = self._arguments(name, field)
        # Two fields of one name must be asked alike, so whatever is asked specially has its own.
        alias = f"{name}{self._data.draw(st.integers(0, 10_000))}: " if arguments or below else ""
        if not alias and self._chance(10):
            alias = f"{self._pick(NAMES)}{name}: "
        directive = ""
        if self._chance(15):
            which = self._pick(("include", "skip"))
            directive = f" @{which}(if: {self._pick(('true', 'false'))})"
        return f"{alias}{name}{arguments}{directive}{below}"

    def _arguments(self, root: str, field: GraphQLField) -> str:
        said = []
        for name, argument in field.args.items():
            if not is_required_argument(argument) and not self._chance(3):
                continue
            value = self._value(root, name, argument.type)
            if self._chance(3):
                said.append(f"{name}: ${self._variable(argument.type, value)}")
            else:
                said.append(f"{name}: {_literal(value)}")
        return f"({', '.join(said)})" if said else ""

    def _variable(self, kind: GraphQLInputType, value: Any) -> str:
        name = f"v{len(self._declared)}"
        self._declared.append(f"${name}: {kind}")
        self._variables[name] = value
        return name

    def _value(self, root: str, name: str, kind: GraphQLInputType) -> Any:
        if self._chance(10):
            return self._pick(NONSENSE)
        inner = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
        assert not isinstance(inner, GraphQLList), "no argument is a list"
        if isinstance(inner, GraphQLEnumType):
            return self._pick(list(inner.values))
        match get_named_type(inner).name:
            case "Int":
                return self._data.draw(st.integers(1, 5))
            case "Boolean":
                return self._data.draw(st.booleans())
            case "BigInt":
                return str(self._data.draw(st.integers(0, 50)))
            case "Date":
                return self._pick(self._queries.known["date"])
            case _:
                if self._chance(4):
                    return self._data.draw(st.text(max_size=30))
                return self._pick(self._queries.sought(root, name))


def _literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_literal(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_literal(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)
