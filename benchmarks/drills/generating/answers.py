"""Whether a GraphQL answer is what the schema and the query say: every name, type and null."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)

from domain.refusals import Code

_LEAVES: Mapping[str, Any] = {
    "BigInt": lambda one: isinstance(one, str) and re.fullmatch(r"-?\d{1,19}", one),
    "Boolean": lambda one: isinstance(one, bool),
    "Date": lambda one: isinstance(one, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", one),
    "DateTime": lambda one: isinstance(one, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", one),
    "ID": lambda one: isinstance(one, str),
    "Int": lambda one: isinstance(one, int) and not isinstance(one, bool) and abs(one) < 2**31,
    "String": lambda one: isinstance(one, str),
}


def wrong_envelope(answer: Any) -> str | None:
    """What is wrong with the answer around the data; None: nothing."""
    if not isinstance(answer, dict) or not answer or not answer.keys() <= {"data", "errors"}:
        return "is no answer: data, errors or both"
    errors = answer.get("errors", [])
    if not isinstance(errors, list) or ("errors" in answer and not errors):
        return "errors is no list, or empty"
    for one in errors:
        said = one.get("extensions", {})
        if (
            not isinstance(one.get("message"), str)
            or not {"code", "field", "detail"} <= said.keys()
        ):
            return "an error lacks its message, code, field or detail"
        if said["code"] not in set(Code):
            return f"an error has the code {said['code']}"
    if not errors and answer.get("data") is None:
        return "neither data nor errors"
    return None


# A selection, and whether no directive can leave it out.
Below = tuple[SelectionSetNode, bool]


class Shapes:
    """Compares the data of an answer with a document that the schema takes, and the operation that
    was chosen of it, if there are several."""

    def __init__(
        self, schema: GraphQLSchema, document: DocumentNode, operation: str | None = None
    ) -> None:
        self._schema = schema
        self._fragments = {
            one.name.value: one
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        operations = [
            one for one in document.definitions if isinstance(one, OperationDefinitionNode)
        ]
        named = [one for one in operations if one.name and one.name.value == operation]
        self._operation = (named or operations)[0]
        self.asked: set[str] = set()

    def wrong(self, data: Any) -> Iterator[str]:
        """Where the data is not what was asked for."""
        assert self._schema.query_type is not None
        yield from self._object(
            self._schema.query_type, [(self._operation.selection_set, True)], data, "data"
        )

    def _object(
        self, kind: GraphQLObjectType, selections: list[Below], value: Any, at: str
    ) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{at}: not an object"
            return
        found: dict[str, list[tuple[FieldNode, bool]]] = {}
        sure: set[str] = set()  # Those that no directive can leave out.
        for selection, certain in selections:
            self._collect(selection, found, sure, certain)
        for key in value.keys() - found.keys():
            yield f"{at}.{key}: was not asked for"
        for key, nodes in found.items():
            name = nodes[0][0].name.value
            self.asked.add(f"{kind.name}.{name}")
            if key not in value:
                if key in sure:
                    yield f"{kind.name}.{name}: is missing"
            elif name == "__typename":
                if value[key] != kind.name:
                    yield f"{kind.name}.__typename: {value[key]}"
            elif not name.startswith("__"):
                # It is there; of several that are merged, one may have been left out.
                below = [
                    (node.selection_set, here or len(nodes) == 1)
                    for node, here in nodes
                    if node.selection_set
                ]
                where = f"{kind.name}.{name}"
                yield from self._value(kind.fields[name].type, below, value[key], where)

    def _value(
        self, kind: GraphQLOutputType, below: list[Below], value: Any, at: str
    ) -> Iterator[str]:
        if isinstance(kind, GraphQLNonNull):
            if value is None:
                yield f"{at}: null where the schema says there is none"
                return
            kind = kind.of_type
        if value is None:
            return
        if isinstance(kind, GraphQLList):
            if not isinstance(value, list):
                yield f"{at}: not a list"
                return
            for one in value:
                yield from self._value(kind.of_type, below, one, at)
            return
        named = get_named_type(kind)
        if isinstance(named, GraphQLObjectType):
            yield from self._object(named, below, value, at)
        elif isinstance(named, GraphQLEnumType):
            if value not in named.values:
                yield f"{at}: {value!r} is no {named.name}"
        elif not _LEAVES[named.name](value):
            yield f"{at}: {value!r} is no {named.name}"

    def _collect(
        self,
        selection: SelectionSetNode,
        found: dict[str, list[tuple[FieldNode, bool]]],
        sure: set[str],
        certain: bool,
    ) -> None:
        for node in selection.selections:
            here = certain and not node.directives
            if isinstance(node, FieldNode):
                key = (node.alias or node.name).value
                found.setdefault(key, []).append((node, here))
                if here:
                    sure.add(key)
                continue
            name = getattr(node, "name", None)
            inner = self._fragments[name.value] if name else node
            self._collect(inner.selection_set, found, sure, here)  # type: ignore[union-attr]
