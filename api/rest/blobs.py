"""Blobs for operators and auditors: what went over a wire, and bills, by the SHA-256 that a fact
names."""

import re
from collections.abc import Iterator
from functools import partial

import anyio.to_thread
from fastapi import APIRouter
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.context import AppContext
from api.http.access import refuse_reader
from api.http.bearer import authorization
from api.rest.openapi import every_problem
from api.rest.routes import operation_id
from domain.eventstore import blobs
from domain.refusals import Code, Refused

BYTES = "application/octet-stream"
NAME = "GET /v1/blobs/{sha256}"
EXAMPLE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_is_sha256 = re.compile(r"[0-9a-f]{64}", re.ASCII).fullmatch


def router(context: AppContext) -> APIRouter:
    """The one route; merchants have no right to it."""

    async def blob(request: Request) -> Response:
        caller = await context.keys.caller(authorization(request))
        context.rates.charge(caller)
        refuse_reader(caller)
        name = request.path_params["sha256"]
        if not _is_sha256(name):
            raise Refused(Code.IDENTIFIER_INVALID, "sha256", "64 of 0-9 a-f are needed")
        content = await anyio.to_thread.run_sync(partial(_read, context.engine, name))
        # Never as a page: it holds what others wrote.
        if content is not None:
            return Response(content, media_type=BYTES)
        first = await anyio.to_thread.run_sync(partial(_piece, context.engine, name, 0))
        if first is None:
            raise Refused(Code.BLOB_NOT_FOUND, "sha256")
        return StreamingResponse(_pieces(context.engine, name, first), media_type=BYTES)

    routes = APIRouter()
    routes.add_api_route(
        "/v1/blobs/{sha256}",
        blob,
        methods=["GET"],
        summary="What went over a wire, masked, or a bill, by the SHA-256 that a fact names",
        operation_id=operation_id(NAME),
        tags=["blobs"],
        openapi_extra=_described(),
        response_class=Response,
    )
    return routes


def _read(engine: Engine, name: str) -> bytes | None:
    with engine.connect() as view:
        return blobs.read(view, name)


def _piece(engine: Engine, name: str, number: int) -> bytes | None:
    with engine.connect() as view:
        return blobs.piece_of(view, name, number)


def _pieces(engine: Engine, name: str, first: bytes) -> Iterator[bytes]:
    """A large blob, a piece at a time; a connection is held for one piece only."""
    yield first
    number = 1
    while (piece := _piece(engine, name, number)) is not None:
        yield piece
        number += 1


def _described() -> dict[str, object]:
    whole = {"schema": {"type": "string", "format": "binary"}}
    content = {BYTES: whole}
    return {
        "parameters": [
            {
                "name": "sha256",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                "example": EXAMPLE,
            }
        ],
        "responses": {"200": {"description": "Its bytes", "content": content}, **every_problem()},
        "security": [{"bearer": []}],
    }
