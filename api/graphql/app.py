"""The GraphQL endpoint: queries by POST as JSON, and GraphiQL for a browser's GET.

What is wrong with the request around the document (method, key, type, size, JSON) is answered as a
problem document, as REST does; what is wrong with the document or happens while it runs, as
GraphQL's `errors`.
"""

from typing import Any

import anyio
import msgspec
from graphql import GraphQLError
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.types.graphql import OperationType

from api.context import AppContext
from api.graphql.errors import error_body, refusal_error
from api.graphql.limits import Documents
from api.graphql.reads import THREADS, WAIT_MS, Reads
from api.graphql.schema import SCHEMA, graphql_schema
from api.http.errors import HANDLERS, Problem
from api.http.keys import Caller
from api.http.nesting import refuse_deep_json
from api.web.pages import page
from domain.refusals import Code, Refused

MAX_BODY = 1024 * 1024
_HEADERS = {"Cache-Control": "no-store"}


class Asked(Struct, frozen=True):
    """A request's JSON body. `extensions` may be sent, and nothing is done with it."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    extensions: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(Asked)
_encoder = msgspec.json.Encoder()


class GraphQLReads:
    """Answers queries from the read models of one ledger."""

    def __init__(self, context: AppContext, wait_ms: int = WAIT_MS) -> None:
        self.documents = Documents(graphql_schema())
        self._engine = context.engine
        self._wait_ms = wait_ms
        self._limiter = anyio.CapacityLimiter(THREADS)

    async def answer(self, caller: Caller, asked: Asked) -> dict[str, Any]:
        """The GraphQL response: `data`, `errors` or both.

        Raises Refused(REQUEST_INVALID, "operationName") when no operation is chosen.
        """
        try:
            prepared = self.documents.prepared(asked.query)
        except GraphQLError as error:
            return {"errors": [error_body(error)]}
        except Refused as refused:
            return {"errors": [error_body(refusal_error(refused))]}
        document = prepared.document
        if prepared.errors:
            return {"errors": [error_body(error, document) for error in prepared.errors]}
        prepared.refuse_choice(asked.operation_name)
        reads = Reads(caller, self._engine, self._limiter, document, self._wait_ms)
        try:
            result = await SCHEMA.execute(
                asked.query,
                variable_values=asked.variables,
                context_value=reads,
                operation_name=asked.operation_name or None,
                # The schema has nothing else, so validation has refused other operations already.
                allowed_operation_types=(OperationType.QUERY,),
            )
        finally:
            await reads.close()
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [error_body(error, document) for error in result.errors]
        return body


def graphql_app(context: AppContext) -> ASGIApp:
    """The ASGI application behind /graphql."""
    reads = GraphQLReads(context)

    async def respond(request: Request) -> Response:
        if request.method in ("GET", "HEAD"):
            return page("graphiql.html")
        if request.method != "POST":
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        caller = await context.keys.caller(request.headers.get("authorization"))
        body = await reads.answer(caller, await _asked(request))
        return Response(_encoder.encode(body), 200, _HEADERS, media_type="application/json")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await respond(request)
        except (Refused, Problem, HTTPException, ClientDisconnect) as error:
            response = await HANDLERS[_handled(error)](request, error)
        except Exception as error:
            response = await HANDLERS[Exception](request, error)
        await response(scope, receive, send)

    return app


def _handled(error: Exception) -> type[Exception]:
    return next(kind for kind in HANDLERS if isinstance(error, kind))


async def _asked(request: Request) -> Asked:
    """Raises Problem 415 or 413, Refused(REQUEST_INVALID)."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        refused = Refused(Code.REQUEST_INVALID, "Content-Type", "application/json is needed")
        raise Problem(refused, status=415)
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BODY:
            refused = Refused(Code.REQUEST_INVALID, "body", f"above {MAX_BODY} bytes")
            raise Problem(refused, status=413)
    try:
        refuse_deep_json(raw.decode())
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        detail = f"one JSON object with `query` is needed: {error}"
        raise Refused(Code.REQUEST_INVALID, "body", detail) from None
