"""Registered documents for operators: add one, look at them, retire one. No commands: nothing of
this is history, and a document's id is made of its text, so that adding it again changes nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.graphql import registered
from api.graphql.limits import MAX_LENGTH
from api.graphql.registered import Document, Registered, check_document, checked_id, id_of
from api.graphql.schema import graphql_schema
from api.http.bodies import media_type, read_body
from api.http.errors import Problem
from api.rest.body import parse_json
from api.rest.openapi import every_problem
from api.rest.routes import admit, operation_id
from domain.kernel import iso_time
from domain.refusals import Code, Refused

PATH = "/v1/documents"
ONE = f"{PATH}/{{document_id}}"
GRAPHQL = "application/graphql"
TEXT = "{ trialBalance { balanced } }"
EXAMPLE = {
    "id": id_of(TEXT),
    "document": TEXT,
    "created_at": "2026-11-23T12:00:00+08:00",
    "created_by": "operator:k3v9x0a1b2c4",
}
SHORT = {name: value for name, value in EXAMPLE.items() if name != "document"}
OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {  # What each does, and answers.
    f"POST {PATH}": ("Register a GraphQL document", EXAMPLE),
    f"GET {PATH}": ("The registered documents, without their texts", {"documents": [SHORT]}),
    f"GET {ONE}": ("A registered document", EXAMPLE),
    f"DELETE {ONE}": (
        "Retire a registered document",
        {"id": EXAMPLE["id"], "retired": True},
    ),
}
Answering = Callable[[Request], Awaitable[Any]]


def router(context: AppContext, known: Registered, most_cost: int) -> APIRouter:
    """The routes of this page; `known` is what this process remembers of documents."""

    async def add(request: Request) -> Any:
        caller = await admit(context, f"POST {PATH}", request)
        text = await _text(request)

        def work() -> Document:
            check_document(graphql_schema(), text, most_cost)
            return registered.add_document(context.writes, text, caller.actor, context.clock)

        made = await anyio.to_thread.run_sync(work)
        known.forget(made.id)
        return said(made)

    async def list_all(request: Request) -> Any:
        await admit(context, f"GET {PATH}", request)
        found = await anyio.to_thread.run_sync(registered.list_documents, context.engine)
        return {"documents": [said(one, text=False) for one in found]}

    async def get(request: Request) -> Any:
        await admit(context, f"GET {ONE}", request)
        sought = checked_id(request.path_params["document_id"], "document_id")
        found = await anyio.to_thread.run_sync(registered.find_document, context.engine, sought)
        if found is None:
            raise _unknown()
        return said(found)

    async def retire(request: Request) -> Any:
        await admit(context, f"DELETE {ONE}", request)
        sought = checked_id(request.path_params["document_id"], "document_id")
        if not await anyio.to_thread.run_sync(registered.retire_document, context.writes, sought):
            raise _unknown()
        known.forget(sought)
        return {"id": sought, "retired": True}

    routes = APIRouter()
    for name, serve in (
        (f"POST {PATH}", add),
        (f"GET {PATH}", list_all),
        (f"GET {ONE}", get),
        (f"DELETE {ONE}", retire),
    ):
        _add_route(routes, name, serve)
    return routes


def _add_route(routes: APIRouter, name: str, serve: Answering) -> None:
    method, path = name.split(" ")
    summary, example = OPERATIONS[name]
    routes.add_api_route(
        path,
        _answering(serve),
        methods=[method],
        summary=summary,
        operation_id=operation_id(name),
        tags=["documents"],
        openapi_extra=_described(name, example),
        response_class=Response,
    )


def said(one: Document, *, text: bool = True) -> dict[str, Any]:
    """A document as it is shown."""
    return {
        "id": one.id,
        **({"document": one.document} if text else {}),
        "created_at": iso_time(one.created_at_us),
        "created_by": one.created_by,
    }


def _answering(serve: Answering) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        body = msgspec.json.encode(await serve(request))
        return Response(body, media_type="application/json")

    return answer


def _unknown() -> Refused:
    return Refused(Code.DOCUMENT_UNKNOWN, "document_id", "it is not in the ledger's table")


async def _text(request: Request) -> str:
    """The document of a body: the text itself, or `{"document": …}`.

    Raises Problem: 413, 415; Refused(REQUEST_INVALID).
    """
    kind, raw = media_type(request), await read_body(request)
    if kind == GRAPHQL:
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            detail = f"byte {error.start} is not UTF-8"
            raise Refused(Code.REQUEST_INVALID, "body", detail) from None
    if kind != "application/json":
        detail = f"application/json or {GRAPHQL} is needed"
        raise Problem(Refused(Code.REQUEST_INVALID, "Content-Type", detail), status=415)
    given = parse_json(raw)
    if not isinstance(given, dict) or set(given) != {"document"}:
        detail = "a JSON object with `document`, and nothing else, is needed"
        raise Refused(Code.REQUEST_INVALID, "body", detail)
    if not isinstance(given["document"], str):
        raise Refused(Code.REQUEST_INVALID, "document", "a text is needed")
    return given["document"]


def _described(name: str, example: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "parameters": [],
        "responses": {
            "200": {
                "description": "Done",
                "content": {"application/json": {"schema": _schema(example), "example": example}},
            },
            **every_problem(),
        },
        "security": [{"bearer": []}],
    }
    if ONE in name:
        shape = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
        found["parameters"] = [
            {
                "name": "document_id",
                "in": "path",
                "required": True,
                "schema": shape,
                "example": EXAMPLE["id"],
            }
        ]
    if name.startswith("POST"):
        body = {"document": TEXT}
        text = {"type": "string", "maxLength": MAX_LENGTH, "description": "a GraphQL document"}
        asked = {**_schema(body), "properties": {"document": text}}
        found["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {"schema": asked, "example": body},
                GRAPHQL: {"schema": text, "example": TEXT},
            },
        }
    return found


def _schema(example: Any) -> dict[str, Any]:
    """Closed, of what the example has."""
    if isinstance(example, dict):
        return {
            "type": "object",
            "properties": {name: _schema(value) for name, value in example.items()},
            "required": list(example),
            "additionalProperties": False,
        }
    if isinstance(example, list):
        return {"type": "array", "items": _schema(example[0])}
    return {"type": "boolean" if isinstance(example, bool) else "string"}
