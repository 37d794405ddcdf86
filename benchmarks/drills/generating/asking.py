"""Asks /graphql in this process twice, with plans and without, and compares the bytes."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

from starlette.types import ASGIApp

from api.context import AppContext
from api.graphql.app import FAILED, GraphQLReads
from api.graphql.endpoint import graphql_app
from benchmarks.drills.generating.writing import Query

PATIENCE_S = 20
_INCIDENT = re.compile(rb'"incident":"[0-9a-f]+"')


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


class Compared(NamedTuple):
    """Both answers to a query, and why the stock executor gave the first, if it did ("": a plan
    gave it, None: no executor came to it)."""

    planned: Answer
    stock: Answer
    why: str | None

    @property
    def fault(self) -> str:
        """What is wrong, if anything: "" is nothing."""
        if b'"incident"' in self.stock.body or self.stock.status >= 500:
            return "a defect"
        if b'"incident"' in self.planned.body or self.planned.status >= 500:
            return "a defect of the plan"
        if self.why and self.why.startswith(FAILED):
            return f"a plan {self.why}"
        if self.planned == self.stock or (self.why and _one_of_several(self.planned, self.stock)):
            return ""
        return "the answers differ"

    @property
    def clean(self) -> bool:
        """Whether it is an answer without errors."""
        return self.stock.status == 200 and b'"errors":' not in self.stock.body


def _one_of_several(one: Answer, other: Answer) -> bool:
    """Whether two answers of one executor differ only in which of several failing fields is told.

    Fields run at once. When two of them leave the whole answer null, the first that fails ends the
    other, so that time alone decides. (The specification leaves this open: section 6.4.4.)
    """
    if one.status != other.status:
        return False
    first, second = json.loads(one.body), json.loads(other.body)
    return (
        first.keys() == second.keys() == {"data", "errors"}
        and first["data"] is second["data"] is None
        and len(first["errors"]) == len(second["errors"]) == 1
        and first["errors"][0]["path"] != second["errors"][0]["path"]
    )


class Asking:
    """The endpoint of one ledger, which waits for no position."""

    def __init__(self, context: AppContext, keys: Mapping[str, str]) -> None:
        self.reads = GraphQLReads(context, wait_ms=0)
        self._app = graphql_app(context, self.reads)
        self._keys = keys
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        self.reads.close()
        self._loop.close()

    def compared(self, query: Query, who: str) -> Compared:
        """Both answers to a query as this caller."""
        sent: dict[str, Any] = {"query": query.text, "variables": query.variables}
        if query.operation_name is not None:
            sent["operationName"] = query.operation_name
        body = json.dumps(sent).encode()
        before, reasons = self.reads.planned, Counter(self.reads.stock)
        planned = self._ask(body, who)
        why = next(iter(self.reads.stock - reasons), None)
        if self.reads.planned > before:
            why = ""
        self.reads.planning = False
        try:
            stock = self._ask(body, who)
        finally:
            self.reads.planning = True
        return Compared(planned, stock, why)

    def _ask(self, body: bytes, who: str) -> Answer:
        sending = asyncio.wait_for(_sent(self._app, body, self._keys[who]), PATIENCE_S)
        try:
            status, found = self._loop.run_until_complete(sending)
        except TimeoutError:
            return Answer(504, b"no answer")
        return Answer(status, _INCIDENT.sub(b'"incident":""', found))


async def _sent(app: ASGIApp, body: bytes, key: str) -> tuple[int, bytes]:
    """A POST to an ASGI application: the status and the body of its answer."""
    headers = [
        (b"content-type", b"application/json"),
        (b"authorization", f"Bearer {key}".encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "headers": headers,
        "state": {},
    }
    status, parts = 0, []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts)
