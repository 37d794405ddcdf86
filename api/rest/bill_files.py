"""Bills of channels, statements of banks: taken in from the bytes that are sent, or fetched from
their channel.

A file comes as it is, and is written aside piece by piece; then it is read as at the terminal, and
answered alike. Neither door needs an Idempotency-Key: the bytes of the newest version, read the
same way, are that version.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from typing import Any, get_args

import anyio.to_thread
from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.http.bodies import body_in_pieces, let_in, refuse_other_types
from api.http.errors import LONGEST, Problem, cut
from api.http.parameters import parameters
from api.operations.bills.answers import fault_json
from api.operations.bills.fetching import fetch_bill
from api.operations.bills.files import Arriving, arriving
from api.operations.bills.importing import BillRefused, Importer, Wanted
from api.rest.bills import PATH, WHICH
from api.rest.blobs import BYTES
from api.rest.body import build, read_object
from api.rest.openapi import answers
from api.rest.routes import admit, operation_id, reply
from api.rest.shapes import SHAPES
from domain.channel.bills import BillSource
from domain.channel.channels import channel_named
from domain.ledger.ledger import utc_us
from domain.reconciliation.bills.formats import FORMATS, format_for
from domain.reconciliation.bills.line import BillKind
from domain.refusals import Code, Refused

IMPORT, FETCH = f"POST {PATH}", f"POST {PATH}/fetch"
MOST_BYTES = 256 << 20  # As it comes. A larger one is taken in packed, or at the terminal.
MOST_SECONDS = 600  # To arrive.
MOST_AT_ONCE = 4  # Of one process: each needs a thread, and room on the disk.
PIECE = 1 << 20  # What is written at once.


class Which(Struct, frozen=True):
    """Which bill it is."""

    channel: str
    date: date
    kind: BillKind = "trade"


class Sent(Which, frozen=True):
    """And what its file is written in; none: the channel's usual format."""

    format: str | None = None


class Door:
    """What the two routes of this page do, on an open ledger."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._under_way = 0

    async def take(self, request: Request) -> Response:
        caller = await admit(self._context, IMPORT, request)
        let_in(request, MOST_BYTES, MOST_SECONDS)
        refuse_other_types(request, BYTES)
        asked = build(Sent, parameters(request), {})
        channel_named(asked.channel)
        format_ = format_for(asked.channel, asked.kind, asked.format)
        wanted = Wanted(asked.channel, asked.date, asked.kind, format_)
        importer = self._importer(caller.actor)
        at_us = self._context.clock()
        await anyio.to_thread.run_sync(importer.refuse_unfit, asked.channel, asked.date, at_us)
        async with self._one_of_a_few():
            with arriving() as came:
                await _write(request, came)

                def work() -> dict[str, Any]:
                    return importer.import_whole(came.whole(), wanted, self._context.clock())

                return await self._answered(work)

    async def fetch(self, request: Request) -> Response:
        caller = await admit(self._context, FETCH, request)
        asked = build(Which, await read_object(request), {})
        channel_named(asked.channel)
        importer = self._importer(caller.actor)

        def work() -> dict[str, Any]:
            importer.refuse_unfit(asked.channel, asked.date, self._context.clock())
            source = self._source(asked.channel)
            format_ = format_for(asked.channel, asked.kind, None)
            wanted = Wanted(asked.channel, asked.date, asked.kind, format_)
            return fetch_bill(source, importer, wanted, utc_us, at_us=self._context.clock)

        async with self._one_of_a_few():
            return await self._answered(work)

    def _importer(self, actor: str) -> Importer:
        return Importer(self._context.ledger, self._context.writes, actor)

    def _source(self, channel: str) -> BillSource:
        """Raises Refused(BILL_SOURCE_MISSING)."""
        try:
            sources = self._context.bills() if self._context.bills is not None else {}
        except Refused as no:  # The settings file was fit when the server began.
            raise Refused(Code.BILL_SOURCE_MISSING, "channel", no.detail) from None
        found = sources.get(channel)
        if found is None:
            detail = f"this server does not know where those of {channel} are"
            raise Refused(Code.BILL_SOURCE_MISSING, "channel", detail)
        return found

    @asynccontextmanager
    async def _one_of_a_few(self) -> AsyncIterator[None]:
        """Raises Refused(BUSY)."""
        if self._under_way >= MOST_AT_ONCE:
            raise Refused(Code.BUSY, "bill", f"{MOST_AT_ONCE} others are taken in now")
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _answered(self, work: Callable[[], dict[str, Any]]) -> Response:
        """What the version holds, in the words of the terminal. Raises Problem: 422 with the first
        fault of a file that is no bill."""
        try:
            result = await anyio.to_thread.run_sync(work)
        except BillRefused as no:
            fault = fault_json(no.fault)
            said = {**fault, "detail": cut(fault["detail"], LONGEST)}
            refused = Refused(Code.BILL_INVALID, "body", str(no))
            raise Problem(refused, more={"sha256": no.sha256, "refused": [said]}) from None
        position = self._context.ledger.head().position
        return reply(200, {**result, "refused": []}, position, replayed=False)


async def _write(request: Request, came: Arriving) -> None:
    """The body into its place aside, written by threads. Raises as `body_in_pieces` does."""
    group = bytearray()
    async for piece in body_in_pieces(request, MOST_BYTES):
        group += piece
        if len(group) >= PIECE:
            await anyio.to_thread.run_sync(came.write, bytes(group))
            group.clear()
    await anyio.to_thread.run_sync(came.write, bytes(group))


EXAMPLE: dict[str, Any] = {
    **WHICH,
    "version": 1,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "lines": 3,
    "paid_fen": 12_970,
    "refunded_fen": 970,
    "fee_milli_fen": 24_000,
    "refused": [],
}


def router(context: AppContext) -> APIRouter:
    """The two routes of this page."""
    routes, door = APIRouter(), Door(context)
    for name, serve, summary, described in (
        (IMPORT, door.take, "Take in a bill: its file is the body, as it came", _of_import()),
        (FETCH, door.fetch, "Fetch a bill from its channel, and take it in", _of_fetch()),
    ):
        routes.add_api_route(
            name.partition(" ")[2],
            serve,
            methods=["POST"],
            summary=summary,
            operation_id=operation_id(name),
            tags=["bills"],
            openapi_extra={
                **described,
                "responses": answers(200, EXAMPLE),
                "security": [{"bearer": []}],
            },
            response_class=Response,
        )
    return routes


_KIND = {"type": "string", "enum": list(get_args(BillKind)), "default": "trade"}
_FORMAT = {
    "type": "string",
    "enum": list(FORMATS),
    "description": "of this kind of bill; left out: the channel's usual one, where it has one",
}
_SHAPES = {"channel": SHAPES["channel"], "date": SHAPES["date"], "kind": _KIND}


def _of_import() -> dict[str, Any]:
    asked = {**_SHAPES, "format": _FORMAT}
    shown = {**WHICH, "format": "wechat_trade"}
    file = {"type": "string", "format": "binary", "description": f"at most {MOST_BYTES} bytes"}
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": name in ("channel", "date"),
                "schema": schema,
                "example": shown[name],
            }
            for name, schema in asked.items()
        ],
        "requestBody": {"required": True, "content": {BYTES: {"schema": file}}},
    }


def _of_fetch() -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": _SHAPES,
        "required": ["channel", "date"],
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": schema, "example": WHICH}}
    return {"parameters": [], "requestBody": {"required": True, "content": content}}
