"""Errors as GraphQL answers them: `extensions` has `code`, `field` and `detail`, as REST does.

A refusal shows itself. What GraphQL itself refuses (syntax, unknown fields, values that do not
fit) is `request_invalid`, with the argument or variable it is about. Anything else is a defect: it
is logged whole under an incident number, and the answer shows the number alone.
"""

import logging
import secrets
from collections.abc import Iterable
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    VariableDefinitionNode,
    Visitor,
    visit,
)

from api.http.errors import INTERNAL_ERROR, INTERNAL_MEANING, LONGEST_FIELD, cut
from domain.refusals import Code, Refused

LONGEST = 500  # Characters of a message: GraphQL quotes what it was given.
MOST = 100  # Errors of one answer.
_log = logging.getLogger("zhangfang.api")


def error_bodies(
    errors: Iterable[GraphQLError], document: DocumentNode | None = None
) -> list[dict[str, Any]]:
    """`errors` of an answer, as many as anybody reads; defects are logged whatever their number."""
    return [error_body(error, document) for error in errors][:MOST]


def error_body(error: GraphQLError, document: DocumentNode | None = None) -> dict[str, Any]:
    """One member of `errors` for an error of this document (None: it could not be parsed)."""
    cause = _cause(error)
    if isinstance(cause, Refused):
        field = cause.field or _about(error, document)
        extensions = {"code": cause.code, "field": field, "detail": _text(cause.detail)}
        return _body(error, f"{field}: {cause.detail}" if field else cause.detail, extensions)
    if cause is None:
        extensions = {
            "code": Code.REQUEST_INVALID,
            "field": _about(error, document),
            "detail": _text(error.message),
        }
        return _body(error, error.message, extensions)
    incident = secrets.token_hex(8)
    _log.error("incident %s: graphql %s", incident, error.path, exc_info=cause)
    extensions = {"code": INTERNAL_ERROR, "field": "", "detail": INTERNAL_MEANING}
    return _body(error, INTERNAL_ERROR, {**extensions, "incident": incident})


def refusal_error(refused: Refused) -> GraphQLError:
    """A refusal of the request as a whole."""
    return GraphQLError(str(refused), original_error=refused)


def _cause(error: GraphQLError) -> Exception | None:
    """What was raised in a resolver or a scalar, under however many layers of GraphQL."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _body(error: GraphQLError, message: str, extensions: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {"message": _text(message)}
    if error.locations:
        body["locations"] = [
            {"line": location.line, "column": location.column} for location in error.locations
        ]
    if error.path is not None:
        body["path"] = [
            cut(step, LONGEST_FIELD) if isinstance(step, str) else step for step in error.path
        ]
    body["extensions"] = extensions | {"field": cut(extensions["field"], LONGEST_FIELD)}
    return body


def _text(text: str) -> str:
    return cut(text, LONGEST)


def _about(error: GraphQLError, document: DocumentNode | None) -> str:
    """The argument, variable or field that an error of a document is about; "" when unknown."""
    nodes = error.nodes or []
    if not nodes or document is None:
        return "" if nodes or error.source is None else "query"
    node = nodes[0]
    if isinstance(node, VariableDefinitionNode):
        return node.variable.name.value
    if isinstance(node, FieldNode):
        return node.name.value
    finder = _Finder(node)
    visit(document, finder)
    return finder.found


class _Finder(Visitor):
    """Finds the argument that a node stands in."""

    def __init__(self, wanted: object) -> None:
        super().__init__()
        self.found = ""
        self._wanted = wanted
        self._argument = ""

    def enter(self, node: object, *_rest: object) -> None:
        if isinstance(node, ArgumentNode):
            self._argument = node.name.value
        if node is self._wanted:
            self.found = self._argument

    def leave(self, node: object, *_rest: object) -> None:
        if isinstance(node, ArgumentNode):
            self._argument = ""
