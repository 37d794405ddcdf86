"""Reconciliation of a day in one call: its bills are matched with the books, and what differs is
recorded; and what came of it.

It is many commands with numbers of their own, so it needs no Idempotency-Key: calling it again goes
on where it stopped, and changes nothing when nothing has changed.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

import anyio.to_thread
from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.http.access import refuse_reader
from api.http.bearer import authorization
from api.operations.bills.funds import Funds, reconcile_funds, statement_answer
from api.operations.bills.lines import OthersFill
from api.operations.bills.reading import BillChanged
from api.operations.reconciling.answers import answer
from api.operations.reconciling.running import Books, Reconciler
from api.rest.body import build, read_object
from api.rest.openapi import answers
from api.rest.routes import admit, operation_id, reply
from api.rest.shapes import SHAPES
from domain.channel.channels import PAYOUT_CHANNEL
from domain.refusals import Code, Refused

PATH = "/v1/reconciliations"
NAME, READ = f"POST {PATH}", f"GET {PATH}"
FIELDS = ("date", "channel")
EXAMPLE: dict[str, Any] = {
    "reconciliations": [
        {
            "channel": "WECHAT_PAY",
            "date": "2026-11-23",
            "bill_version": 1,
            "lines": 3,
            "matched": {"count": 2, "paid_fen": 13_000, "refunded_fen": 0},
            "pool": 1,
            "differences": [
                {
                    "id": "b5b5e49ae435c3303a0c40fe",
                    "type": "missing_here",
                    "number": "pay-P1001",
                    "ours_fen": 0,
                    "bill_fen": 2_970,
                    "state": "suspected",
                    "cause": "answer_lost",
                    "since": "2026-11-24T10:00:00+08:00",
                }
            ],
        }
    ]
}


class Wanted(Struct, frozen=True):
    """Which day, and which channel; none: all that take payments."""

    date: date
    channel: str | None = None


class Door:
    """What the two routes of this page do, on an open ledger."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def reconcile(self, request: Request) -> Response:
        caller = await admit(self._context, NAME, request)
        wanted = build(Wanted, await read_object(request), {})
        return await self._answered(self._run, wanted, caller.actor)

    async def reconciled(self, request: Request) -> Response:
        caller = await self._context.keys.caller(authorization(request))
        self._context.rates.charge(caller)
        refuse_reader(caller)
        wanted = build(Wanted, dict(request.query_params), {})
        return await self._answered(self._told, wanted, caller.actor)

    async def _answered(
        self, work: Callable[[Wanted, str], list[dict[str, Any]]], wanted: Wanted, actor: str
    ) -> Response:
        found = await anyio.to_thread.run_sync(work, wanted, actor)
        position = self._context.ledger.head().position
        return reply(200, {"reconciliations": found}, position, replayed=False)

    def _runner(self, actor: str) -> Reconciler:
        return Reconciler(self._books(), actor, self._context.clock)

    def _books(self) -> Books:
        one = self._context
        return Books(one.ledger, one.engine, one.writes, one.projector)

    def _run(self, wanted: Wanted, actor: str) -> list[dict[str, Any]]:
        try:
            if wanted.channel != PAYOUT_CHANNEL:
                self._runner(actor).run(wanted.date, wanted.channel)
            if wanted.channel in (None, PAYOUT_CHANNEL):
                reconcile_funds(Funds(*self._books(), actor, self._context.clock()), wanted.date)
        except BillChanged as changed:
            raise Refused(Code.BILL_INVALID, "bill", str(changed)) from None
        except OthersFill as busy:
            raise Refused(Code.BUSY, "bill", f"{busy}: another process reads it") from None
        self._context.projector.catch_up()
        return self._told(wanted, actor)

    def _told(self, wanted: Wanted, actor: str) -> list[dict[str, Any]]:
        runner, bank = self._runner(actor), None
        channels = runner.channels(wanted.channel) if wanted.channel != PAYOUT_CHANNEL else []
        with self._context.engine.connect() as connection:
            found = answer(connection, wanted.date, channels)
            if wanted.channel in (None, PAYOUT_CHANNEL):
                bank = statement_answer(self._context.ledger, connection, wanted.date)
        return [*found, bank] if bank is not None else found


def router(context: AppContext) -> APIRouter:
    """The two routes of this page."""
    routes, door = APIRouter(), Door(context)
    said = {"responses": answers(200, EXAMPLE), "security": [{"bearer": []}]}
    body = {"required": True, "content": {"application/json": BODY}}
    shown = (
        (NAME, door.reconcile, "Match the bills of a day with the books, and record what differs",
         {"parameters": [], "requestBody": body, **said}),
        (READ, door.reconciled, "What came of matching the bills of a day",
         {"parameters": [_parameter(name) for name in FIELDS], **said}),
    )  # fmt: skip
    for name, serve, summary, described in shown:
        routes.add_api_route(
            PATH,
            serve,
            methods=[name.partition(" ")[0]],
            summary=summary,
            operation_id=operation_id(name),
            tags=["reconciliations"],
            openapi_extra=described,
            response_class=Response,
        )
    return routes


def _text(name: str) -> dict[str, Any]:
    return dict(SHAPES[name])


def _parameter(name: str) -> dict[str, Any]:
    asked = {"name": name, "in": "query", "required": name == "date", "schema": _text(name)}
    return {**asked, "example": EXAMPLE[name]}


EXAMPLE = {"date": "2026-11-23", "channel": "WECHAT_PAY"}
BODY = {
    "schema": {
        "type": "object",
        "properties": {name: _text(name) for name in FIELDS},
        "required": ["date"],
        "additionalProperties": False,
    },
    "example": EXAMPLE,
}
