"""The end of a business day in one call: confirm what is due, cut off, seal, settle, pay, close.

It is many commands with numbers of their own, so it needs no Idempotency-Key: calling it again
goes on where it stopped, and changes nothing when the day is over.
"""

from datetime import date

import anyio.to_thread
import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.operations import end_of_day as business_day
from api.operations.desk import operating
from api.rest.body import build, read_object
from api.rest.openapi import answers, path_parameters
from api.rest.routes import admit, operation_id, reply
from domain.clearing.commands import CloseDay
from domain.kernel import day_end_us

WAIT_MS = 5_000  # For a round of the worker, or another call of this, to end.
PATH = "/v1/business-days/{date}/settle"
NAME = f"POST {PATH}"
EXAMPLE = {
    "day": "2026-11-23",
    "confirmed": 0,
    "released": 0,
    "sealed": 1,
    "settled": 1,
    "payouts": 1,
    "closed": True,
    "open_date": "2026-11-24",
    "hindrances": [],
}


def router(context: AppContext) -> APIRouter:
    """The one route of this page."""

    def run(on: date) -> tuple[business_day.DayReport, int]:
        # Business time is now, but for a day of the past the last instant that belongs to it.
        at_us = min(context.clock(), day_end_us(on) - 1)
        with operating(context.desk, WAIT_MS):
            report = business_day.end_of_day(context.desk, on, at_us)
        return report, context.ledger.head().position

    async def end_of_day(request: Request) -> Response:
        await admit(context, NAME, request)
        on = build(CloseDay, await read_object(request), request.path_params).date
        report, position = await anyio.to_thread.run_sync(run, on)
        return reply(200, msgspec.to_builtins(report), position, replayed=False)

    routes = APIRouter()
    routes.add_api_route(
        PATH,
        end_of_day,
        methods=["POST"],
        summary="Run the end of a day: confirm, cut off, seal, review, settle, pay out, close",
        operation_id=operation_id(NAME),
        tags=["business-days"],
        openapi_extra={
            "parameters": path_parameters(PATH, {"date": "2026-11-23"}),
            "responses": answers(200, EXAMPLE),
            "security": [{"bearer": []}],
        },
        response_class=Response,
    )
    return routes
