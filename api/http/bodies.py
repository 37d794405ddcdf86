"""The bytes of a request's body: so many of one, and so many of all that arrive at once."""

from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from api.http.errors import Problem
from domain.refusals import Code, Refused

JSON = "application/json"
MAX_BODY = 1024 * 1024
MAX_TOGETHER = 32 * MAX_BODY
LARGER = "zhangfang.larger"  # What a connection lets a door ask for (`connections.py`).


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
    _refuse_long(length, MAX_BODY)
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
                raise _too_large(MAX_BODY)
            if _arriving.size > MAX_TOGETHER:
                raise Problem(Refused(Code.BUSY, "body", "too many large bodies are arriving"))
            chunks.append(chunk)
    finally:
        _arriving.size -= size
    return b"".join(chunks)


def let_in(request: Request, most: int, seconds: int) -> None:
    """Take a body of so many bytes, which may take so long to arrive, of a caller who is known:
    whoever is not gets no more than a connection gives to all. Raises Problem: 413."""
    _refuse_long(request.headers.get("content-length", ""), most)
    extensions = request.scope.get("extensions", {})
    ask = extensions.get(LARGER)
    if ask is not None:
        ask(extensions, most, seconds)


async def body_in_pieces(request: Request, most: int) -> AsyncIterator[bytes]:
    """A body of at most `most` bytes, none of which is held here. Raises Problem: 413;
    ClientDisconnect."""
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > most:
            raise _too_large(most)
        yield piece


def media_type(request: Request) -> str:
    """`application/json` of `Application/JSON; charset=utf-8`."""
    return _type_of(request.headers.get("content-type", ""))


def _type_of(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def refuse_other_types(request: Request, needed: str = JSON) -> None:
    """Raises Problem 415 unless a body says it is JSON, or what else is needed."""
    refuse_other_type(request.headers.get("content-type", ""), needed)


def refuse_other_type(header: str, needed: str = JSON) -> None:
    """Raises Problem 415 unless a Content-Type header says JSON, or what else is needed."""
    if _type_of(header) != needed:
        refused = Refused(Code.REQUEST_INVALID, "Content-Type", f"{needed} is needed")
        raise Problem(refused, status=415)


def _refuse_long(length: str, most: int) -> None:
    """`length` is what a header says of a body. Raises Problem 413."""
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise _too_large(most)


def _too_large(most: int) -> Problem:
    refused = Refused(Code.REQUEST_INVALID, "body", f"above {most} bytes")
    return Problem(refused, status=413)
