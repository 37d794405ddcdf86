"""What is asked of the endpoint, in a body or in a URL, and in what form the answer is wanted.

After the GraphQL-over-HTTP specification: by GET `query`, `operationName`, and as JSON `variables`
and `extensions` are parameters of the URL; `Accept` chooses between the media types.
"""

from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import Request

from api.http.parameters import parameters
from domain.refusals import Code, Refused

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
HTML = "text/html"
EVENT_STREAM = "text/event-stream"
PARAMETERS = ("query", "documentId", "variables", "operationName", "extensions")


class Asked(Struct, frozen=True):
    """A request's JSON body: a `query`, or the id of a registered document (`registered.py`).
    `extensions` may be sent, and nothing is done with it."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation_name: str | None = msgspec.field(default=None, name="operationName")
    extensions: dict[str, Any] | None = None
    document_id: str | None = msgspec.field(default=None, name="documentId")


def checked_asked(asked: Asked, missing: str) -> Asked:
    """Asked for in one way. Raises Refused(REQUEST_INVALID): `missing` is where neither stands."""
    if asked.query is not None and asked.document_id is not None:
        detail = "either `documentId` or `query` is needed, not both"
        raise Refused(Code.REQUEST_INVALID, "documentId", detail)
    if asked.query is None and asked.document_id is None:
        raise Refused(Code.REQUEST_INVALID, missing, "`query` or `documentId` is needed")
    return asked


def asked_by_url(request: Request) -> Asked:
    """Raises Refused(REQUEST_INVALID) naming the parameter."""
    given = parameters(request)
    found: dict[str, Any] = {name: given[name] for name in PARAMETERS if name in given}
    for name in ("variables", "extensions"):
        if name in found:
            found[name] = _object(found[name], name)
    return checked_asked(msgspec.convert(found, Asked), "query")


def _object(text: str, name: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(text.encode(), type=dict[str, Any] | None)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise Refused(Code.REQUEST_INVALID, name, "a JSON object is needed") from None


def wanted_type(accept: str | None, *, page: bool) -> str:
    """The media type of the answer: the one that is wanted most, of the four there are.

    `page` says whether a person is there when nothing is said: a browser without a query.
    """
    best, wanted = 0, HTML if page else JSON
    for one in (accept or "").split(","):
        name, *parameters = [part.strip().lower() for part in one.split(";")]
        if name not in (JSON, GRAPHQL_JSON, HTML, EVENT_STREAM):
            continue
        thousandths = _weight(parameters)
        if thousandths > best:
            best, wanted = thousandths, name
    return wanted


def takes_events(accept: str) -> bool:
    """Whether a caller takes a stream of events at all, whatever it wants most: clients that ask
    all kinds of operations say so."""
    for one in accept.split(","):
        name, *parameters = [part.strip().lower() for part in one.split(";")]
        if name == EVENT_STREAM and _weight(parameters):
            return True
    return False


def _weight(parameters: list[str]) -> int:
    return _thousandths(next((part[2:] for part in parameters if part.startswith("q=")), "1"))


def _thousandths(weight: str) -> int:
    """`0.8` -> 800; 0 for what is no weight."""
    whole, _, part = weight.partition(".")
    if whole not in ("0", "1") or not (part == "" or (part.isascii() and part.isdigit())):
        return 0
    return min(1_000, int(whole) * 1_000 + int(part[:3].ljust(3, "0")))
