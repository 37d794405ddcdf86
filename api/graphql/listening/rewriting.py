"""A subscription as the query that answers it, for whatever has changed.

    subscription ($m: ID) { it: transactionChanged(merchantId: $m) { id state } }
    query ($m: ID, $…: ID!) { it: transaction(id: $…) { id state } }

So an event is made by what answers queries, by its plan or else by the stock executor, and has the
same bytes under the same rules. The query is kept with its document, and its plans with both.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    NameNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    VariableDefinitionNode,
    VariableNode,
)
from graphql.execution.values import get_argument_values, get_variable_values
from strawberry.utils.str_converters import to_snake_case

from api.graphql.access import check_arguments
from api.graphql.limits import Kept, Prepared
from api.graphql.listening.feeds import HEARD, Heard
from domain.refusals import Refused

NUMBER = "number of what changed"  # A variable that no document can name.

REWRITTEN_BYTES = 8_000  # About what the query takes beside its document, whose selections it has.


class Rewritten(NamedTuple):
    """An operation of a document: `key` is the name of its field in answers, `query` what answers
    it, None where the position itself is the answer."""

    key: str
    field: str
    node: FieldNode
    operation: OperationDefinitionNode
    query: Prepared | None

    @property
    def heard(self) -> Heard:
        return HEARD[self.field]


def chosen(prepared: Prepared, name: str | None) -> OperationDefinitionNode:
    """The operation of this name, or the only one; `refuse_choice` has said that there is one."""
    return next(
        node
        for node in prepared.document.definitions
        if isinstance(node, OperationDefinitionNode)
        and (name is None or (node.name is not None and node.name.value == name))
    )


def is_subscription(prepared: Prepared, name: str | None) -> bool:
    """Whether this operation listens."""
    return chosen(prepared, name).operation is OperationType.SUBSCRIPTION


def rewritten(prepared: Prepared, name: str | None) -> Rewritten:
    """A subscription of a valid document as a query."""
    kept = prepared.plans.rewritten
    found: Rewritten | None = kept.get(name)
    if found is None:
        found = kept[name] = _rewritten(prepared, name)
        prepared.plans.grew(REWRITTEN_BYTES)
    return found


def _rewritten(prepared: Prepared, name: str | None) -> Rewritten:
    operation = chosen(prepared, name)
    fragments = [
        node for node in prepared.document.definitions if isinstance(node, FragmentDefinitionNode)
    ]
    by_name = {node.name.value: node for node in fragments}
    # Validation has seen that there is one field, without conditions; where it is named again, what
    # is selected of it is merged.
    nodes = list(_roots(operation.selection_set, by_name))
    first = nodes[0]
    key, field = (first.alias or first.name).value, first.name.value
    feed = HEARD[field].feed
    if feed is None:
        return Rewritten(key, field, first, operation, None)
    number = VariableNode(name=NameNode(value=NUMBER))
    inner = [one for node in nodes if node.selection_set for one in node.selection_set.selections]
    asked = FieldNode(
        alias=NameNode(value=key),
        name=NameNode(value=feed.query),
        arguments=(ArgumentNode(name=NameNode(value=feed.argument), value=number),),
        directives=(),
        selection_set=SelectionSetNode(selections=tuple(inner)),
        loc=first.loc,
    )
    wanted = NonNullTypeNode(type=NamedTypeNode(name=NameNode(value="ID")))
    more = VariableDefinitionNode(variable=number, type=wanted, directives=())
    query = OperationDefinitionNode(
        operation=OperationType.QUERY,
        name=operation.name,
        variable_definitions=(*(operation.variable_definitions or ()), more),
        directives=(),
        selection_set=SelectionSetNode(selections=(asked,)),
    )
    document = DocumentNode(definitions=(query, *fragments), loc=prepared.document.loc)
    plans = Kept()
    plans.told = prepared.plans.grew
    made = Prepared(document, [], (operation.name.value if operation.name else "",), plans)
    return Rewritten(key, field, first, operation, made)


def _roots(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _roots(node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode):
            yield from _roots(fragments[node.name.value].selection_set, fragments)


def arguments_of(
    schema: GraphQLSchema, subscription: Rewritten, variables: Mapping[str, Any]
) -> dict[str, Any]:
    """The field's arguments under their names in Python, checked as those of queries are.

    Raises GraphQLError, Refused.
    """
    definitions = subscription.operation.variable_definitions or ()
    coerced = get_variable_values(schema, definitions, dict(variables))
    if isinstance(coerced, list):
        raise coerced[0]
    assert schema.subscription_type is not None
    field = schema.subscription_type.fields[subscription.field]
    found = get_argument_values(field, subscription.node, coerced)
    arguments = {to_snake_case(name): value for name, value in found.items()}
    check_arguments(arguments, {to_snake_case(name): name for name in field.args})
    return arguments


def error_at(subscription: Rewritten, refused: Refused) -> GraphQLError:
    """A refusal of the field, where it stands in the document and in the answer."""
    node, path = subscription.node, [subscription.key]
    return GraphQLError(str(refused), [node], path=path, original_error=refused)
