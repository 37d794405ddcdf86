"""The GraphQL endpoint: queries by POST as JSON or by GET, and GraphiQL for a browser's GET.

What is wrong with the request around the document (method, key, type, size, JSON) is answered as a
problem document, as REST does; what is wrong with the document or happens while it runs, as
GraphQL's `errors`.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import anyio
import msgspec
from graphql import DocumentNode, GraphQLError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.types.graphql import OperationType

from api.context import AppContext
from api.graphql.asked import GRAPHQL_JSON, HTML, JSON, Asked, asked_by_url, wanted_type
from api.graphql.cost import MOST_COST, kept_cost, refuse_costly
from api.graphql.errors import error_bodies, error_body, refusal_error
from api.graphql.lanes import Lanes
from api.graphql.limits import Documents, Prepared
from api.graphql.plan.books import Readers
from api.graphql.plan.plans import Plans
from api.graphql.plan.selecting import Unplanned
from api.graphql.reads import THREADS, WAIT_MS, Reads
from api.graphql.schema import SCHEMA, graphql_schema
from api.http.bearer import authorization
from api.http.bodies import read_body, refuse_other_types
from api.http.errors import HANDLERS, Problem
from api.http.keys import Caller
from api.http.nesting import refuse_deep_json
from api.web.pages import page
from domain.refusals import Code, Refused

SMALL = 1_000  # Values that are answered in some ten milliseconds.
LARGE_AT_ONCE = 2  # Plans that answer with more, so that those of small ones never wait for them.
REQUEST_COST = 1_000  # So many values count as one more request.
FAILED = "failed: "  # What the reason begins with when a plan has failed.
_HEADERS = {"Cache-Control": "no-store"}


_log = logging.getLogger("zhangfang.api")
_decoder = msgspec.json.Decoder(Asked)
_encoder = msgspec.json.Encoder()


class GraphQLReads:
    """Answers queries from the read models of one ledger. `close` it with the server."""

    def __init__(
        self, context: AppContext, wait_ms: int = WAIT_MS, most_cost: int = MOST_COST
    ) -> None:
        self.documents = Documents(graphql_schema())
        self.planning = True  # Off: the stock executor answers everything.
        self.planned = 0  # Answers of plans; those of the stock executor, by why.
        self.stock: Counter[str] = Counter()
        self._context = context
        self._wait_ms = wait_ms
        self._most_cost = most_cost
        self._limiter = anyio.CapacityLimiter(THREADS)
        self._lanes = Lanes()
        self._readers = Readers(context.ledger.database)
        self._large_readers = Readers(context.ledger.database, LARGE_AT_ONCE)
        self._plans = Plans(graphql_schema())

    def close(self) -> None:
        self._readers.close()
        self._large_readers.close()
        self._lanes.close()

    async def answer(self, caller: Caller, asked: Asked) -> dict[str, Any]:
        """The GraphQL response: `data`, `errors` or both. Raises as `answer_bytes` does."""
        answer: dict[str, Any] = msgspec.json.decode(await self.answer_bytes(caller, asked))
        return answer

    async def answer_bytes(self, caller: Caller, asked: Asked) -> bytes:
        """The GraphQL response as JSON.

        Raises Refused(REQUEST_INVALID, "operationName") when no operation is chosen, Refused(BUSY)
        when too many large queries wait, and Problem 429 when it costs more than the key may.
        """
        try:
            prepared = await self.documents.prepared(asked.query)
            if prepared.errors:
                return _encoded({"errors": error_bodies(prepared.errors, prepared.document)})
            prepared.refuse_choice(asked.operation_name)
            named = asked.operation_name or None
            cost = kept_cost(graphql_schema(), prepared, named, asked.variables or {})
            refuse_costly(cost, self._most_cost)
        except GraphQLError as error:
            return _encoded({"errors": [error_body(error)]})
        except Refused as refused:
            if refused.field != "query":
                raise
            return _encoded({"errors": [error_body(refusal_error(refused))]})
        self._context.rates.charge(caller, cost // REQUEST_COST)
        small, wait_ms = cost <= SMALL, self._wait_ms
        try:
            body = await self._planned(caller, asked, prepared, small=small)
            self.planned += 1
            return body
        except Unplanned as why:
            self.stock[str(why)] += 1
        except Refused:  # It has waited for `atLeast` as long as anybody waits.
            self.stock["refused"] += 1
            wait_ms = 0
        except Exception as error:
            self.stock[f"{FAILED}{type(error).__name__}"] += 1
            _log.warning("not answered by its plan: %r", error)
        run = partial(self._run, caller, asked, prepared.document, wait_ms)
        return await (run(self._limiter) if small else self._lanes.run(run))

    async def _planned(
        self, caller: Caller, asked: Asked, prepared: Prepared, *, small: bool
    ) -> bytes:
        """The answer of a plan. Raises Unplanned when it is for the stock executor to answer, or to
        say why not; Refused(BUSY, "atLeast"); and what the databases raise."""
        if not self.planning:
            raise Unplanned("plans are off")

        async def wait(position: int, names: Sequence[str]) -> None:
            reads = self._reads(caller, prepared.document, self._wait_ms, self._limiter)
            try:
                await reads.wait_for(position, names)
            finally:
                await reads.close()

        named, variables = asked.operation_name or None, asked.variables or {}
        readers = self._readers if small else self._large_readers
        return await self._plans.answer(caller, prepared, named, variables, wait, readers)

    def _reads(
        self,
        caller: Caller,
        document: DocumentNode,
        wait_ms: int,
        limiter: anyio.CapacityLimiter,
    ) -> Reads:
        context = self._context
        return Reads(caller, context.engine, limiter, document, context.arrivals, wait_ms)

    async def _run(
        self,
        caller: Caller,
        asked: Asked,
        document: DocumentNode,
        wait_ms: int,
        limiter: anyio.CapacityLimiter,
    ) -> bytes:
        reads = self._reads(caller, document, wait_ms, limiter)
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
            body["errors"] = error_bodies(result.errors, document)
        return _encoded(body)


def _encoded(body: dict[str, Any]) -> bytes:
    return _encoder.encode(body)


def graphql_app(context: AppContext, reads: GraphQLReads) -> ASGIApp:
    """The ASGI application behind /graphql."""

    async def respond(request: Request) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        by_url = request.method != "POST"
        asks = "query" in request.query_params
        wanted = wanted_type(request.headers.get("accept"), page=not asks)
        if by_url and wanted == HTML:
            return page("graphiql.html")
        caller = await context.keys.caller(authorization(request))
        context.rates.charge(caller)
        asked = asked_by_url(request) if by_url else await _asked(request)
        body = await reads.answer_bytes(caller, asked)
        # Of this type alone a client can tell by the status that there is no data.
        none = wanted == GRAPHQL_JSON and not body.startswith(b'{"data":')
        media_type = JSON if wanted == HTML else wanted
        return Response(body, 400 if none else 200, _HEADERS, media_type=media_type)

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
    refuse_other_types(request)
    raw = await read_body(request)
    try:
        refuse_deep_json(raw.decode())
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        detail = f"one JSON object with `query` is needed: {error}"
        raise Refused(Code.REQUEST_INVALID, "body", detail) from None
