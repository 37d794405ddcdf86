"""Makes a query that shows something smaller, as long as it goes on to show it."""

from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    REMOVE,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    Node,
    OperationDefinitionNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

from benchmarks.drills.generating.writing import Query

# What may be left out of a document.
KINDS = frozenset(
    {"field", "inline_fragment", "fragment_spread", "directive", "argument", "operation_definition"}
)
MOST_TRIED = 400


def shrunk(query: Query, shows: Callable[[Query], bool]) -> Query:
    """A query with less in it for which `shows` holds, as it does for this one."""
    tried = 0
    try:
        small, document = query, parse(query.text)
    except GraphQLError:
        return query
    went_on = True
    while went_on and tried < MOST_TRIED:
        went_on = False
        for other in _smaller(document, small):
            tried += 1
            if tried >= MOST_TRIED:
                break
            if shows(other):
                small, document, went_on = other, parse(other.text), True
                break
    return small


def _smaller(document: DocumentNode, query: Query) -> Iterator[Query]:
    """The document without one of its nodes, the largest first."""
    nodes: list[Node] = []

    class Finder(Visitor):
        def enter(self, node: Node, *_rest: object) -> None:
            if node.kind in KINDS:
                nodes.append(node)

    visit(document, Finder())
    for node in sorted(nodes, key=lambda one: -len(print_ast(one))):
        less = _tidy(_without(document, {id(node)}))
        names = {
            variable.variable.name.value
            for one in less.definitions
            if isinstance(one, OperationDefinitionNode)
            for variable in one.variable_definitions or ()
        }
        variables = {key: value for key, value in query.variables.items() if key in names}
        yield query._replace(text=print_ast(less), variables=variables)


def _without(document: DocumentNode, gone: set[int]) -> DocumentNode:
    class Remover(Visitor):
        def enter(self, node: Node, *_rest: object) -> Any:
            return REMOVE if id(node) in gone else None

    found: DocumentNode = visit(document, Remover())
    return found


def _tidy(document: DocumentNode) -> DocumentNode:
    """Without the fragments and variables that nothing uses any more."""
    while True:
        gone: set[int] = set()
        spread = {name for one in document.definitions for name in _named(one, "fragment_spread")}
        for one in document.definitions:
            if isinstance(one, FragmentDefinitionNode) and one.name.value not in spread:
                gone.add(id(one))
        if not gone:
            break
        document = _without(document, gone)
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    gone = set()
    for one in document.definitions:
        if isinstance(one, OperationDefinitionNode):
            used = _used(one, fragments)
            for variable in one.variable_definitions or ():
                if variable.variable.name.value not in used:
                    gone.add(id(variable))
    return _without(document, gone)


def _used(one: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]) -> set[str]:
    """The variables that an operation uses, in its fragments too."""
    used = _named(one.selection_set, "variable") | _named_in(one.directives or (), "variable")
    seen: set[str] = set()
    open_ = _named(one, "fragment_spread")
    while open_:
        name = open_.pop()
        if name not in seen and name in fragments:
            seen.add(name)
            used |= _named(fragments[name], "variable")
            open_ |= _named(fragments[name], "fragment_spread")
    return used


def _named_in(nodes: Any, kind: str) -> set[str]:
    return {name for node in nodes for name in _named(node, kind)}


def _named(node: Node, kind: str) -> set[str]:
    """The names of the nodes of a kind within a node."""
    found: set[str] = set()

    class Finder(Visitor):
        def enter(self, inner: Any, *_rest: object) -> None:
            if inner.kind == kind:
                found.add(inner.name.value)

    visit(node, Finder())
    return found
