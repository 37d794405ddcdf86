"""Withdrawals: asked for at the fee that was shown, approved or turned down, recorded as returned.

The fee is shown beforehand: `GET /v1/members/{member_id}/withdrawal-quote`, for the institution,
which speaks for the person.
"""

from functools import partial
from typing import Any, get_args

import anyio.to_thread
import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.http.access import refuse_reader
from api.http.bearer import authorization
from api.http.parameters import parameters
from api.rest.endpoint import Endpoint
from api.rest.openapi import every_problem, path_parameters
from api.rest.shapes import amount
from domain.kernel import shanghai_date
from domain.money import parse_fen
from domain.payment.withdrawal_terms import Speed
from domain.refusals import Code, Refused
from domain.settlement.withdrawing import (
    ApproveWithdrawal,
    Quote,
    RequestWithdrawal,
    TurnDownWithdrawal,
    quoted,
)
from domain.settlement.withdrawn import ReturnWithdrawal

SHOWN = {
    "withdrawal_no": "W7001",
    "state": "instructed",
    "amount_fen": 20_000,
    "fee_fen": 0,
    "arrives_on": "2026-11-23",
    "card_tail": "7894",
}
LARGE = {**SHOWN, "withdrawal_no": "W7002", "amount_fen": 2_500_000}

ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/withdrawals",
        command=RequestWithdrawal,
        summary="Withdraw from a personal member's wallet to a card of its own, at the fee shown",
        sample={},
        body={
            "withdrawal_no": "W7001",
            "member_id": "xiaoming",
            "amount_fen": 20_000,
            "fee_fen": 0,
            "speed": "T+0",
        },
        result=SHOWN,
        number=("withdrawal", "withdrawal_no"),
        created=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/withdrawals/{withdrawal_no}/approve",
        command=ApproveWithdrawal,
        summary="Let a large withdrawal leave: another operator than the one who asked for it",
        sample={"withdrawal_no": "W7002"},
        body={},
        result=LARGE,
    ),
    Endpoint(
        method="POST",
        path="/v1/withdrawals/{withdrawal_no}/turn-down",
        command=TurnDownWithdrawal,
        summary="Give a large withdrawal back to its wallet, likewise",
        sample={"withdrawal_no": "W7003"},
        body={"reason": "asked for by nobody"},
        result={**LARGE, "withdrawal_no": "W7003", "state": "turned_down"},
    ),
    Endpoint(
        method="POST",
        path="/v1/withdrawals/{withdrawal_no}/return",
        command=ReturnWithdrawal,
        summary="Record that the statement shows a withdrawal that the bank returned",
        sample={"withdrawal_no": "W7001"},
        body={"reason": "the card is closed"},
        result={"withdrawal_no": "W7001", "state": "returned"},
    ),
)

QUOTE = "/v1/members/{member_id}/withdrawal-quote"
NAME = f"GET {QUOTE}"
SPEEDS: tuple[Speed, ...] = get_args(Speed)
EXAMPLE = {
    "amount_fen": 20_000,
    "fee_fen": 20,
    "speed": "T+0",
    "arrives_on": "2026-11-23",
    "free": False,
    "fee_back": True,
    "approval": False,
}


def router(context: AppContext) -> APIRouter:
    """The route that shows a fee; it changes nothing."""

    async def quote(request: Request) -> Response:
        caller = await context.keys.caller(authorization(request))
        context.rates.charge(caller)
        refuse_reader(caller)
        member_id = request.path_params["member_id"]
        asked = parameters(request)
        shown = await anyio.to_thread.run_sync(partial(_quote, context, member_id, asked))
        return Response(msgspec.json.encode(shown), media_type="application/json")

    routes = APIRouter()
    routes.add_api_route(
        QUOTE,
        quote,
        methods=["GET"],
        summary="What a withdrawal would cost, and when it would arrive",
        operation_id="get_members_member_id_withdrawal_quote",
        tags=["withdrawals"],
        openapi_extra=_described(),
        response_class=Response,
    )
    return routes


def _quote(context: AppContext, member_id: str, asked: dict[str, str]) -> Quote:
    """Raises Refused: AMOUNT_*, REQUEST_INVALID, and what `quoted` raises."""
    if unknown := set(asked) - {"amount_fen", "speed"}:
        raise Refused(Code.REQUEST_INVALID, min(unknown)[:40], "amount_fen and speed are known")
    amount_fen = parse_fen(asked.get("amount_fen", ""), "amount_fen")
    given = asked.get("speed", "T+0").replace(" ", "+")  # In an address a plus is a space.
    speed = next((one for one in SPEEDS if one == given), None)
    if speed is None:
        raise Refused(Code.REQUEST_INVALID, "speed", f"one of {', '.join(SPEEDS)}")
    today = shanghai_date(context.clock())
    return quoted(context.ledger.state, member_id, amount_fen, speed, today)


def _described() -> dict[str, Any]:
    def given(name: str, schema: dict[str, Any], example: object) -> dict[str, Any]:
        whole = {"name": name, "in": "query", "required": name != "speed", "schema": schema}
        return {**whole, "example": example}

    content = {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE}}
    return {
        "parameters": [
            *path_parameters(QUOTE, {"member_id": "xiaoming"}),
            given("amount_fen", amount(1), 20_000),
            given("speed", {"type": "string", "enum": list(SPEEDS), "default": "T+0"}, "T+0"),
        ],
        "responses": {"200": {"description": "The quote", "content": content}, **every_problem()},
        "security": [{"bearer": []}],
    }
