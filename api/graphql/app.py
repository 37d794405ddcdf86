"""What answers queries: by a plan where there is one, else by the stock executor.

A query is a text, or the id of a registered one (`registered.py`). `endpoint.py` is how it is asked
over HTTP. What is wrong with a document or happens while it runs is answered as GraphQL's `errors`.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import anyio
import msgspec
from graphql import DocumentNode, GraphQLError
from strawberry.types.graphql import OperationType

from api.context import AppContext
from api.graphql.asked import Asked
from api.graphql.cost import MOST_COST, kept_cost, refuse_costly
from api.graphql.errors import error_bodies, error_body, refusal_error
from api.graphql.lanes import Lanes
from api.graphql.limits import Documents, Prepared, mark_of
from api.graphql.listening.rewriting import is_subscription
from api.graphql.plan.books import Readers
from api.graphql.plan.plans import Plans
from api.graphql.plan.selecting import Unplanned
from api.graphql.reads import THREADS, WAIT_MS, Reads
from api.graphql.registered import Registered, checked_id
from api.graphql.schema import SCHEMA, graphql_schema
from api.graphql.tags import Tags
from api.http.keys import Caller
from api.operations.watching import Watch
from domain.refusals import Code, Refused

SMALL = 1_000  # Values that are answered in some ten milliseconds.
LARGE_AT_ONCE = 2  # Plans that answer with more, so that those of small ones never wait for them.
REQUEST_COST = 1_000  # So many values count as one more request.
FAILED = "failed: "  # What the reason begins with when a plan has failed.
REGISTERED_BYTES = 32 * 1024 * 1024  # Of registered documents, parsed: no stranger's takes that.

_log = logging.getLogger("zhangfang.api")
_encoder = msgspec.json.Encoder()


class Answer(NamedTuple):
    """A GraphQL response as JSON; `whole`: it has no errors."""

    body: bytes
    whole: bool


class Ready(NamedTuple):
    """A query that may run: its text, the digest of that, what it is parsed, what it may cost."""

    asked: Asked
    query: str
    mark: bytes
    prepared: Prepared
    cost: int


class GraphQLReads:
    """Answers queries from the read models of one ledger. `close` it with the server."""

    def __init__(
        self,
        context: AppContext,
        wait_ms: int = WAIT_MS,
        most_cost: int = MOST_COST,
        folder: Mapping[str, str] | None = None,
        *,
        only_registered: bool = False,
    ) -> None:
        """`folder` are documents that are registered here, by id. With `only_registered` a
        merchant's key may ask for registered ones alone."""
        self.documents = Documents(graphql_schema())
        self.registered = Registered(context.engine, folder)
        self.most_cost = most_cost
        self.planning = True  # Off: the stock executor answers everything.
        self.planned = 0  # Answers of plans; those of the stock executor, by why.
        self.stock: Counter[str] = Counter()
        self._context = context
        self._wait_ms = wait_ms
        self._only_registered = only_registered
        self._registered_documents = Documents(graphql_schema(), REGISTERED_BYTES)
        self._tags = Tags(context)
        self._limiter = anyio.CapacityLimiter(THREADS)
        self._lanes = Lanes()
        self.readers = Readers(context.ledger.database)
        self._large_readers = Readers(context.ledger.database, LARGE_AT_ONCE)
        self._plans = Plans(graphql_schema(), context.watch)

    def close(self) -> None:
        self.readers.close()
        self._large_readers.close()
        self._lanes.close()

    @property
    def watch(self) -> Watch:
        """How channels are doing."""
        return self._context.watch

    def charge(self, caller: Caller) -> None:
        """One request of a caller. Raises Problem 429."""
        self._context.rates.charge(caller)

    def counts(self) -> dict[str, int]:
        """How many answers came of plans and of the stock executor, since the server began."""
        return {"plan": self.planned, "stock": self.stock.total()}

    async def answer(self, caller: Caller, asked: Asked) -> dict[str, Any]:
        """The GraphQL response: `data`, `errors` or both. Raises as `answer_bytes` does."""
        answer: dict[str, Any] = msgspec.json.decode(await self.answer_bytes(caller, asked))
        return answer

    async def answer_bytes(self, caller: Caller, asked: Asked) -> bytes:
        """The GraphQL response as JSON. Raises as `ready` and `read` do."""
        ready = await self.ready(caller, asked)
        return (ready if isinstance(ready, Answer) else await self.read(caller, ready)).body

    async def ready(self, caller: Caller, asked: Asked, *, listens: bool = False) -> Ready | Answer:
        """What is asked, made ready to run; an answer with errors when it cannot be, as when a
        subscription is asked by a caller who cannot listen.

        Raises Refused(REQUEST_INVALID, "operationName") when no operation is chosen, and
        Refused(BUSY) when a document cannot be looked up.
        """
        try:
            query, mark, documents = await self._query(caller, asked)
            prepared = await documents.prepared(query, mark)
            if prepared.errors:
                errors = error_bodies(prepared.errors, prepared.document)
                return Answer(_encoded({"errors": errors}), whole=False)
            prepared.refuse_choice(asked.operation_name)
            named = asked.operation_name or None
            cost = kept_cost(graphql_schema(), prepared, named, asked.variables or {})
            refuse_costly(cost, self.most_cost)
            if not listens and is_subscription(prepared, named):
                detail = "a subscription needs `Accept: text/event-stream`"
                raise Refused(Code.REQUEST_INVALID, "query", detail)
        except GraphQLError as error:
            return Answer(_encoded({"errors": [error_body(error)]}), whole=False)
        except Refused as refused:
            if refused.field not in ("query", "documentId"):
                raise
            errors = [error_body(refusal_error(refused))]
            return Answer(_encoded({"errors": errors}), whole=False)
        return Ready(asked, query, mark, prepared, cost)

    async def _query(self, caller: Caller, asked: Asked) -> tuple[str, bytes, Documents]:
        """The text that is asked for, its digest, and where it is remembered.

        Raises Refused on "query" or "documentId", and Refused(BUSY)."""
        if asked.document_id is not None:
            mark = bytes.fromhex(checked_id(asked.document_id).partition(":")[2])
            return await self.registered.text(asked.document_id), mark, self._registered_documents
        query = asked.query or ""
        mark = mark_of(query)
        if self._only_registered and caller.role == "merchant":
            if not await self.registered.holds(query):
                detail = "merchants' keys may ask for registered documents alone"
                raise Refused(Code.NOT_ALLOWED, "query", detail)
            return query, mark, self._registered_documents
        return query, mark, self.documents

    async def tag(self, caller: Caller, ready: Ready, media_type: str) -> str | None:
        """The entity tag of an answer that is yet to be read; None: it has none."""
        return await self._tags.tag(caller, ready.prepared, ready.mark, ready.asked, media_type)

    async def read(self, caller: Caller, ready: Ready) -> Answer:
        """The answer of a query.

        Raises Refused(BUSY) when too many large queries wait, and Problem 429 when it costs more
        than the key may.
        """
        self._context.rates.charge(caller, ready.cost // REQUEST_COST)
        small, wait_ms = ready.cost <= SMALL, self._wait_ms
        try:
            body = await self._planned(caller, ready, small=small)
            self.planned += 1
            return Answer(body, whole=True)
        except Unplanned as why:
            self.stock[str(why)] += 1
        except Refused:  # It has waited for `atLeast` as long as anybody waits.
            self.stock["refused"] += 1
            wait_ms = 0
        except Exception as error:
            self.stock[f"{FAILED}{type(error).__name__}"] += 1
            _log.warning("not answered by its plan: %r", error)
        run = partial(self._run, caller, ready, wait_ms)
        return await (run(self._limiter) if small else self._lanes.run(run))

    async def _planned(self, caller: Caller, ready: Ready, *, small: bool) -> bytes:
        """The answer of a plan. Raises Unplanned when it is for the stock executor to answer, or to
        say why not; Refused(BUSY, "atLeast"); and what the databases raise."""
        if not self.planning:
            raise Unplanned("plans are off")
        asked, prepared = ready.asked, ready.prepared

        async def wait(position: int, names: Sequence[str]) -> None:
            reads = self._reads(caller, prepared.document, self._wait_ms, self._limiter)
            try:
                await reads.wait_for(position, names)
            finally:
                await reads.close()

        named, variables = asked.operation_name or None, asked.variables or {}
        readers = self.readers if small else self._large_readers
        return await self._plans.answer(caller, prepared, named, variables, wait, readers)

    def _reads(
        self,
        caller: Caller,
        document: DocumentNode,
        wait_ms: int,
        limiter: anyio.CapacityLimiter,
    ) -> Reads:
        context = self._context
        arrivals, watch = context.arrivals, context.watch
        return Reads(
            caller, context.engine, limiter, document, arrivals, wait_ms, watch, context.personal
        )

    async def _run(
        self,
        caller: Caller,
        ready: Ready,
        wait_ms: int,
        limiter: anyio.CapacityLimiter,
    ) -> Answer:
        asked, document = ready.asked, ready.prepared.document
        reads = self._reads(caller, document, wait_ms, limiter)
        try:
            result = await SCHEMA.execute(
                ready.query,
                variable_values=asked.variables,
                context_value=reads,
                operation_name=asked.operation_name or None,
                # Validation refuses mutations; a subscription's query is run, not itself.
                allowed_operation_types=(OperationType.QUERY,),
            )
        finally:
            await reads.close()
        body: dict[str, Any] = {"data": result.data}
        if result.data is None and not any(error.path for error in result.errors or ()):
            body = {}  # Nothing ran, as GraphQL over HTTP says: a variable could not be taken.
        if result.errors:
            body["errors"] = error_bodies(result.errors, document)
        return Answer(_encoded(body), whole=not result.errors)


def _encoded(body: dict[str, Any]) -> bytes:
    return _encoder.encode(body)
