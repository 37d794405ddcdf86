"""The selection of an operation as one tree: fragments spread out, fields of one name merged.

Validation has shown that what is merged fits together, and that every fragment is of the type it
is spread in: the schema has no interfaces.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)
from msgspec import Struct

TYPENAME = "__typename"
_CONDITIONS = ("include", "skip")


class Unplanned(Exception):
    """This is for the stock executor. It says why, in words of the schema and of this package."""


class Selected(Struct):
    """One field of an object, under the name `key` of the answer. `within` is its object's type,
    `type` its own; `inner` what is selected of it, empty for a leaf."""

    key: str
    name: str
    node: FieldNode
    within: GraphQLObjectType
    type: GraphQLOutputType | None
    inner: list["Selected"]

    @property
    def of(self) -> str:
        """The name of the type of its values."""
        return get_named_type(self.type).name if self.type else "String"


def count_of(tree: Iterable[Selected]) -> int:
    """How many fields a tree has."""
    return sum(1 + count_of(one.inner) for one in tree)


def operation_of(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation that is chosen. Raises Unplanned without one."""
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode):
            named = node.name.value if node.name else None
            if name is None or named == name:
                return node
    raise Unplanned("no such operation")


def flags_of(document: DocumentNode) -> tuple[str, ...]:
    """The variables on which `@include` and `@skip` depend: with their values the tree changes."""
    finder = _Flags()
    visit(document, finder)
    return tuple(sorted(finder.found))


class _Flags(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_directive(self, node: DirectiveNode, *_rest: object) -> None:
        if node.name.value in _CONDITIONS:
            for argument in node.arguments or ():
                if isinstance(argument.value, VariableNode):
                    self.found.add(argument.value.name.value)


def selected(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    flags: Mapping[str, bool],
) -> list[Selected]:
    """The tree of an operation of a valid document, under these values of its flags."""
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    assert schema.query_type is not None
    return _Collector(fragments, flags).fields(schema.query_type, [operation.selection_set])


class _Collector:
    def __init__(
        self, fragments: Mapping[str, FragmentDefinitionNode], flags: Mapping[str, bool]
    ) -> None:
        self._fragments = fragments
        self._flags = flags

    def fields(self, within: GraphQLObjectType, sets: list[SelectionSetNode]) -> list[Selected]:
        """The fields of one object, in the order of their first mention."""
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for one in sets:
            for node in self._spread(one, seen):
                found.setdefault((node.alias or node.name).value, []).append(node)
        return [self._field(key, nodes, within) for key, nodes in found.items()]

    def _field(self, key: str, nodes: list[FieldNode], within: GraphQLObjectType) -> Selected:
        name = nodes[0].name.value
        if name == TYPENAME:
            return Selected(key, name, nodes[0], within, None, [])
        if name.startswith("__"):
            raise Unplanned("the schema about itself")
        type_ = within.fields[name].type
        inner_type: Any = get_named_type(type_)
        sets = [node.selection_set for node in nodes if node.selection_set is not None]
        inner = self.fields(inner_type, sets) if sets else []
        return Selected(key, name, nodes[0], within, type_, inner)

    def _spread(self, selections: SelectionSetNode, seen: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections:
            if not self._wanted(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from self._spread(node.selection_set, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                yield from self._spread(self._fragments[node.name.value].selection_set, seen)

    def _wanted(self, directives: Any) -> bool:
        # `@skip` is looked at first, as the stock executor does: a flag that is null shows there.
        for directive in sorted(directives, key=lambda one: one.name.value != "skip"):
            name = directive.name.value
            if name not in _CONDITIONS:
                raise Unplanned(f"the directive @{name}")
            value = directive.arguments[0].value
            if isinstance(value, VariableNode):
                flag = value.name.value
                if flag not in self._flags:  # Null, which is an error where the field is asked for.
                    raise Unplanned("a flag is null")
                holds = self._flags[flag]
            else:
                holds = value.value
            if holds is not (name == "include"):
                return False
        return True
