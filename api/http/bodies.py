"""The bytes of a request's body: so many of one, and so many of all that arrive at once."""

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from api.http.errors import Problem
from domain.refusals import Code, Refused

MAX_BODY = 1024 * 1024
MAX_TOGETHER = 32 * MAX_BODY


class _Arriving:
    """What a process holds of bodies that are not all there yet. Used by its event loop."""

    def __init__(self) -> None:
        self.size = 0


_arriving = _Arriving()


async def read_body(request: Request) -> bytes:
    """A request's body. Raises as `arriving_body` does."""
    return await arriving_body(request.receive, request.headers.get("content-length", ""))


async def arriving_body(receive: Receive, length: str) -> bytes:
    """A body of at most 1 MiB; `length` is what its header says of it, "" for nothing.

    Raises Problem: 413, and 503 when too much of others is arriving; ClientDisconnect.
    """
    if length.isascii() and length.isdigit() and int(length[:20]) > MAX_BODY:
        raise _too_large()
    chunks: list[bytes] = []
    size, more = 0, True
    try:
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk, more = message.get("body", b""), message.get("more_body", False)
            size += len(chunk)
            _arriving.size += len(chunk)
            if size > MAX_BODY:
                raise _too_large()
            if _arriving.size > MAX_TOGETHER:
                raise Problem(Refused(Code.BUSY, "body", "too many large bodies are arriving"))
            chunks.append(chunk)
    finally:
        _arriving.size -= size
    return b"".join(chunks)


def media_type(request: Request) -> str:
    """`application/json` of `Application/JSON; charset=utf-8`."""
    return _type_of(request.headers.get("content-type", ""))


def _type_of(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def refuse_other_types(request: Request) -> None:
    """Raises Problem 415 unless a body says it is JSON."""
    refuse_other_type(request.headers.get("content-type", ""))


def refuse_other_type(header: str) -> None:
    """Raises Problem 415 unless a Content-Type header says JSON."""
    if _type_of(header) != "application/json":
        refused = Refused(Code.REQUEST_INVALID, "Content-Type", "application/json is needed")
        raise Problem(refused, status=415)


def _too_large() -> Problem:
    refused = Refused(Code.REQUEST_INVALID, "body", f"above {MAX_BODY} bytes")
    return Problem(refused, status=413)
