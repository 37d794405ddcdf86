"""Subscriptions over HTTP: the `graphql-sse` protocol, each over its own connection.

    POST, or GET for a browser's EventSource, with `Accept: text/event-stream`
        ◀── id: 4711 / event: next / data: {"data": {…}}        whenever something has changed
        ◀── event: complete                                     when no more can come

A query asked so is answered once, and complete. What is wrong with a document, its variables or
what they ask for is a `next` with `errors`, and complete: a browser tells its page nothing of an
answer that is no stream. What is wrong with the request around it is a problem document, as always.
"""

from typing import Any

import msgspec
from graphql import GraphQLError
from msgspec.structs import replace
from starlette.types import Message, Receive, Scope, Send

from api.graphql.access import LISTENED
from api.graphql.app import Answer, GraphQLReads, Ready
from api.graphql.asked import Asked
from api.graphql.errors import error_bodies, error_body, refusal_error
from api.graphql.listening.hub import Hub
from api.graphql.listening.listener import COMPLETE, Listener, event
from api.graphql.listening.rewriting import (
    NUMBER,
    Rewritten,
    arguments_of,
    error_at,
    is_subscription,
    rewritten,
)
from api.graphql.schema import graphql_schema
from api.graphql.scope import Scope as Sight
from api.http.keys import Caller
from domain.refusals import Code, Refused

RETRY_MS = 2_000  # After how long a browser comes back.
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # A proxy must not wait until it has more.
)
_LONGEST_ID = 19
MOST_POSITION = 2**63 - 1
_encode = msgspec.json.Encoder().encode


class Told:
    """An answer that is whole: as an event, and complete."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        body = b"" if scope["method"] == "HEAD" else event(self._body) + COMPLETE
        await send({"type": "http.response.body", "body": body})


class Stream:
    """A subscription's answer, until one of both sides ends it. The listener has joined."""

    def __init__(self, listener: Listener, *, by_url: bool) -> None:
        self._listener = listener
        self._by_url = by_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def put(data: bytes) -> None:
            await send({"type": "http.response.body", "body": data, "more_body": True})

        async def gone() -> None:
            message: Message = {"type": ""}
            while message["type"] != "http.disconnect":
                message = await receive()

        last, began = b"", False
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            if scope["method"] != "HEAD":
                await put(self._first())
                began = True
        finally:
            if not began:
                self._listener.leave()
        if began:
            last = await self._listener.run(gone, put)
        await send({"type": "http.response.body", "body": last})

    def _first(self) -> bytes:
        """Where it begins, so that nothing is missed when the first thing to fail is the
        connection. A page's EventSource keeps it as the id; the client library of the protocol
        takes nothing but events, so for a POST it is a comment."""
        position = self._listener.position
        if self._by_url:
            return b"retry: %d\nid: %d\n\n" % (RETRY_MS, position)
        return b": position %d\n\n" % position


class Listening:
    """Answers subscriptions."""

    def __init__(self, reads: GraphQLReads, hub: Hub) -> None:
        self._reads = reads
        self.hub = hub

    async def told(
        self, caller: Caller, asked: Asked, last_event_id: str | None, *, by_url: bool
    ) -> Told | Stream:
        """Whatever is asked, as a stream of events: a query is answered by one. Raises as `answer`
        and as reading does."""
        try:
            ready = await self._reads.ready(caller, asked, listens=True)
        except Refused as refused:
            if refused.field != "operationName":
                raise
            return refused_answer(refused)
        if isinstance(ready, Answer):
            return Told(ready.body)
        if is_subscription(ready.prepared, asked.operation_name or None):
            return await self.answer(caller, ready, last_event_id, by_url=by_url)
        return Told((await self._reads.read(caller, ready)).body)

    async def answer(
        self, caller: Caller, ready: Ready, last_event_id: str | None, *, by_url: bool
    ) -> Told | Stream:
        """A subscription's. Raises Problem 503 and 429 when too many listen already."""
        named = ready.asked.operation_name or None
        document = ready.prepared.document
        try:
            subscription = rewritten(ready.prepared, named)
            try:
                name, after = self._heard(caller, subscription, ready)
            except Refused as refused:
                raise error_at(subscription, refused) from None
            given = position_of(last_event_id)
        except GraphQLError as error:
            return Told(_encode({"errors": error_bodies([error], document)}))
        except Refused as refused:
            return refused_answer(refused)
        topic = self.hub.topics[subscription.field]
        answers = _Answers(self._reads, self.hub, caller, ready, subscription)
        listener = Listener(self.hub, caller, topic, name, answers)
        await listener.join(after if given is None else given)
        return Stream(listener, by_url=by_url)

    def _heard(
        self, caller: Caller, subscription: Rewritten, ready: Ready
    ) -> tuple[str, int | None]:
        """What is listened to. Raises GraphQLError, Refused."""
        field = subscription.field
        if caller.capacity not in LISTENED[field].roles:
            raise Refused(Code.NOT_ALLOWED, field, f"a {caller.capacity} may not hear {field}")
        arguments = arguments_of(graphql_schema(), subscription, ready.asked.variables or {})
        return subscription.heard.to(Sight(caller, self._reads.watch), arguments)


class _Answers:
    """What a listener is told: its query, asked for whatever has changed. What others of the same
    rights are told at the same moment by the same query is read once."""

    def __init__(
        self, reads: GraphQLReads, hub: Hub, caller: Caller, ready: Ready, listens: Rewritten
    ) -> None:
        self._reads = reads
        self._hub = hub
        self._caller = caller
        self._ready = ready
        self._listens = listens
        self._nothing = _encode({"data": {listens.key: None}})
        asked = ready.asked
        rights = (caller.role, caller.member, caller.capacity)
        variables = _encode(asked.variables or {})
        self._same = (ready.mark, asked.operation_name, variables, *rights)

    async def __call__(self, number: str, position: int) -> bytes | None:
        """Raises Problem 429, Refused(BUSY)."""
        if self._listens.query is None:
            return _encode({"data": {self._listens.key: str(position)}})
        answer: bytes | None = await self._hub.shared(
            (*self._same, number, position), lambda: self._read(number)
        )
        return answer

    async def _read(self, number: str) -> bytes | None:
        ready, query = self._ready, self._listens.query
        assert query is not None
        self._reads.charge(self._caller)  # An event counts as a request.
        asked = replace(ready.asked, variables={**(ready.asked.variables or {}), NUMBER: number})
        answer = await self._reads.read(
            self._caller, Ready(asked, ready.query, ready.mark, query, ready.cost)
        )
        if not answer.whole:
            _refuse_busy(answer)
        return None if answer.body == self._nothing else answer.body


def _refuse_busy(answer: Answer) -> None:
    """Raises Refused(BUSY) for an answer that was not read: it is to be asked for again."""
    body: dict[str, Any] = msgspec.json.decode(answer.body)
    for error in body["errors"]:
        if error["extensions"]["code"] == Code.BUSY:
            raise Refused(Code.BUSY, error["extensions"]["field"], error["extensions"]["detail"])


def refused_answer(refused: Refused) -> Told:
    """A refusal of the request as a whole, as an event."""
    return Told(_encode({"errors": [error_body(refusal_error(refused))]}))


def position_of(last_event_id: str | None) -> int | None:
    """What `Last-Event-ID` says. Raises Refused(REQUEST_INVALID)."""
    if not last_event_id:
        return None
    digits = last_event_id.isascii() and last_event_id.isdigit()
    if not digits or len(last_event_id) > _LONGEST_ID or int(last_event_id) > MOST_POSITION:
        raise Refused(Code.REQUEST_INVALID, "Last-Event-ID", "the id of an event is needed")
    return int(last_event_id)
