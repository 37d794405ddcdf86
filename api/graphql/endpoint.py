"""The GraphQL endpoint: queries by POST as JSON or by GET, and GraphiQL for a browser's GET. Who
takes `text/event-stream` may listen (`listening/answering.py`).

A GET has an entity tag (`tags.py`): whoever asks again under a tag that is still right is answered
304, before anything is read.

What is wrong with the request around the document (method, key, type, size, JSON) is answered as a
problem document, as REST does; what is wrong with the document or happens while it runs, as
GraphQL's `errors`.

Starlette's objects for requests and answers take longer than reading an account does. A POST is
taken from the ASGI messages as they are, and so is every answer put into them.
"""

from collections.abc import Sequence

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from api.context import AppContext
from api.graphql.app import Answer, GraphQLReads
from api.graphql.asked import (
    EVENT_STREAM,
    GRAPHQL_JSON,
    HTML,
    JSON,
    Asked,
    asked_by_url,
    checked_asked,
    takes_events,
    wanted_type,
)
from api.graphql.listening.answering import Listening
from api.graphql.listening.hub import Hub
from api.graphql.listening.rewriting import is_subscription
from api.graphql.tags import matches
from api.http.bearer import only_authorization
from api.http.bodies import arriving_body, refuse_other_type
from api.http.errors import handler_of
from api.http.nesting import refuse_deep_json
from api.web.pages import page
from domain.refusals import Code, Refused

_decoder = msgspec.json.Decoder(Asked)
Headers = Sequence[tuple[bytes, bytes]]
_NOT_KEPT: Headers = ((b"cache-control", b"no-store"),)
_TYPES = {name: (b"content-type", name.encode()) for name in (JSON, GRAPHQL_JSON)}


class _Given:
    """The headers that are looked at here, read in one go."""

    __slots__ = (
        "accept",
        "authorization",
        "content_length",
        "content_type",
        "if_none_match",
        "last_event_id",
    )

    def __init__(self, headers: Headers) -> None:
        self.authorization: list[str] = []
        self.if_none_match: list[str] = []
        self.content_type = self.content_length = self.accept = self.last_event_id = ""
        for name, value in reversed(headers):  # Of several, the first counts.
            match name:
                case b"authorization":
                    self.authorization.append(value.decode("latin-1"))
                case b"content-type":
                    self.content_type = value.decode("latin-1")
                case b"content-length":
                    self.content_length = value.decode("latin-1")
                case b"accept":
                    self.accept = value.decode("latin-1")
                case b"last-event-id":
                    self.last_event_id = value.decode("latin-1")
                case b"if-none-match":
                    self.if_none_match.append(value.decode("latin-1"))


class _Sent:
    """An answer, as the two messages that it is."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self._status = status
        self._headers = headers
        self._body = body

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self._status, "headers": self._headers}
        await send(start)
        await send({"type": "http.response.body", "body": self._body})


def graphql_app(context: AppContext, reads: GraphQLReads, hub: Hub | None = None) -> ASGIApp:
    """The ASGI application behind /graphql; `hub` knows who listens."""
    listening = Listening(reads, hub or Hub(context, reads.readers))

    async def respond(scope: Scope, receive: Receive) -> ASGIApp:
        method, given = scope["method"], _Given(scope["headers"])
        if method == "POST":
            wanted = wanted_type(given.accept, page=False) if given.accept else JSON
        elif method in ("GET", "HEAD"):
            request = Request(scope)
            asks = "query" in request.query_params or "documentId" in request.query_params
            wanted = wanted_type(given.accept, page=not asks)
            if wanted == HTML:
                return page("graphiql.html")
        else:
            raise HTTPException(405, headers={"Allow": "GET, HEAD, POST"})
        caller = await context.keys.caller(only_authorization(given.authorization))
        context.rates.charge(caller)
        by_url = method != "POST"
        asked = asked_by_url(request) if by_url else await _asked(given, receive)
        if wanted == EVENT_STREAM:
            return await listening.told(caller, asked, given.last_event_id, by_url=by_url)
        listens = takes_events(given.accept)
        ready = await reads.ready(caller, asked, listens=listens)
        media_type = JSON if wanted == HTML else wanted
        tag = None
        if isinstance(ready, Answer):
            answer = ready
        elif listens and is_subscription(ready.prepared, asked.operation_name or None):
            return await listening.answer(caller, ready, given.last_event_id, by_url=by_url)
        else:
            if by_url:  # Before anything is read: an answer is never older than its tag.
                tag = await reads.tag(caller, ready, media_type)
            if tag is not None and matches(given.if_none_match, tag):
                return _Sent(304, _revalidated(tag))
            answer = await reads.read(caller, ready)
        return _sent(answer, media_type, tag)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await respond(scope, receive)
        except Exception as error:
            response = await handler_of(error)(Request(scope, receive), error)
        await response(scope, receive, send)

    return app


def _sent(answer: Answer, media_type: str, tag: str | None) -> _Sent:
    headers = _revalidated(tag) if tag is not None and answer.whole else _NOT_KEPT
    # Of this type alone a client can tell by the status that there is no data.
    none = media_type == GRAPHQL_JSON and not answer.body.startswith(b'{"data":')
    length = (b"content-length", b"%d" % len(answer.body))
    return _Sent(400 if none else 200, (*headers, length, _TYPES[media_type]), answer.body)


def _revalidated(tag: str) -> Headers:
    """Kept by the caller alone, who asks each time whether it is still right."""
    return (
        (b"etag", tag.encode("latin-1")),
        (b"cache-control", b"private, no-cache"),
        (b"vary", b"Authorization, Accept"),
    )


async def _asked(given: _Given, receive: Receive) -> Asked:
    """Raises Problem 415 or 413, Refused(REQUEST_INVALID)."""
    refuse_other_type(given.content_type)
    raw = await arriving_body(receive, given.content_length)
    try:
        refuse_deep_json(raw.decode())
        return checked_asked(_decoder.decode(raw), "body")
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        detail = f"one JSON object with `query` is needed: {error}"
        raise Refused(Code.REQUEST_INVALID, "body", detail) from None
