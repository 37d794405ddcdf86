"""What a query may cost: the values it can answer with, rows times fields, before it runs.

A connection answers with as many rows as `first` says; a list without one with as many as such a
list usually has. What is computed here is the most that is likely, not what there is.
"""

from collections.abc import Mapping
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    NamedTypeNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    get_named_type,
    visit,
)

from api.graphql.limits import Prepared
from api.graphql.paging import DEFAULT_FIRST
from domain.refusals import Code, Refused
from projections.tables.paging import MAX_FIRST

MOST_COST = 25_000
MOST_KEPT = 100  # Costs of one document.
LIST = 5  # Rows of a list that has no page size: the entries of a transaction, its lines.
LONG_LISTS = {"rows": 50, "clearingPositions": 100}
ROWS = frozenset({"edges", "nodes"})  # What a page size multiplies.
# The schema about itself: whole types, whatever is asked of them.
INTROSPECTION = {"__schema": 5_000, "__type": 500, "__typename": 1}


def refuse_costly(cost: int, most: int) -> None:
    """Raises Refused(REQUEST_INVALID, "query") above the budget."""
    if cost > most:
        detail = f"it may answer with {cost} values, above {most}: ask for fewer rows or fields"
        raise Refused(Code.REQUEST_INVALID, "query", detail)


def cost_of(
    schema: GraphQLSchema, prepared: Prepared, operation: str | None, variables: Mapping[str, Any]
) -> int:
    """How many values an operation of a valid document may answer with."""
    fragments = {}
    chosen: OperationDefinitionNode | None = None
    for node in prepared.document.definitions:
        if isinstance(node, FragmentDefinitionNode):
            fragments[node.name.value] = node
        elif isinstance(node, OperationDefinitionNode):
            name = node.name.value if node.name else None
            if operation is None or name == operation:
                chosen = node
    kind = schema.get_root_type(chosen.operation) if chosen else None
    if chosen is None or kind is None:
        return 0
    given = {
        one.variable.name.value: one.default_value.value
        for one in chosen.variable_definitions or ()
        if isinstance(one.default_value, IntValueNode)
    }
    given.update(variables)
    return _Costs(schema, fragments, given).of(chosen.selection_set, kind, 1)


def kept_cost(
    schema: GraphQLSchema, prepared: Prepared, operation: str | None, variables: Mapping[str, Any]
) -> int:
    """The same, remembered with the document: of the variables only page sizes change it."""
    kept = prepared.plans
    if kept.sizes is None:
        kept.sizes = _sizes_of(prepared.document)
    sizes = {name: page_size(variables[name]) for name in kept.sizes if name in variables}
    place = (operation, *(sizes.get(name) for name in kept.sizes))
    cost = kept.costs.get(place)
    if cost is None:
        if len(kept.costs) >= MOST_KEPT:
            kept.costs.clear()
        cost = kept.costs[place] = cost_of(schema, prepared, operation, sizes)
    return cost


def page_size(value: Any) -> int:
    """How many rows a page size may give; what is none is refused when the field is read."""
    try:
        return max(1, min(int(value), MAX_FIRST))
    except (TypeError, ValueError):
        return MAX_FIRST


def _sizes_of(document: DocumentNode) -> tuple[str, ...]:
    """The variables that stand for a page size."""
    finder = _Sizes()
    visit(document, finder)
    return tuple(sorted(finder.found))


class _Sizes(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_argument(self, node: ArgumentNode, *_rest: object) -> None:
        if node.name.value == "first" and isinstance(node.value, VariableNode):
            self.found.add(node.value.name.value)


class _Costs:
    """Each fragment is counted once per type and page size, however often it is spread."""

    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables
        self._known: dict[tuple[str, str, int], int] = {}

    def of(self, selections: SelectionSetNode, kind: Any, page: int) -> int:
        """The values of one object; `page` is how many rows its edges have."""
        total = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total += self._field(node, kind, page)
            elif isinstance(node, FragmentSpreadNode):
                total += self._fragment(node.name.value, kind, page)
            elif isinstance(node, InlineFragmentNode):
                total += self.of(
                    node.selection_set, self._narrowed(node.type_condition, kind), page
                )
        return total

    def _fragment(self, name: str, kind: Any, page: int) -> int:
        place = (name, str(kind), page)
        if place not in self._known:
            self._known[place] = 0
            node = self._fragments[name]
            inner = self._narrowed(node.type_condition, kind)
            self._known[place] = self.of(node.selection_set, inner, page)
        return self._known[place]

    def _narrowed(self, condition: NamedTypeNode | None, kind: Any) -> Any:
        return kind if condition is None else self._schema.get_type(condition.name.value)

    def _field(self, node: FieldNode, kind: Any, page: int) -> int:
        name = node.name.value
        if name in INTROSPECTION:
            return INTROSPECTION[name]
        known = isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        field: GraphQLField | None = kind.fields.get(name) if known else None
        if field is None:
            return 1
        rows = 1
        if _is_list(field.type):
            rows = page if name in ROWS else LONG_LISTS.get(name, LIST)
            if "first" in field.args:  # A list that is no connection.
                rows = self._first(node)
        if node.selection_set is None:
            return rows
        inner = self._first(node) if "first" in field.args else 1
        return rows * (1 + self.of(node.selection_set, get_named_type(field.type), inner))

    def _first(self, node: FieldNode) -> int:
        """The page size asked for; whatever is no size is refused when the field is read."""
        value: Any = DEFAULT_FIRST
        for argument in node.arguments or ():
            if argument.name.value == "first":
                value = getattr(argument.value, "value", MAX_FIRST)
                if isinstance(argument.value, VariableNode):
                    value = self._variables.get(argument.value.name.value, DEFAULT_FIRST)
        return page_size(value)


def _is_list(kind: Any) -> bool:
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)
