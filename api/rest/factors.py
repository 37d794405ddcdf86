"""How payers prove themselves, over REST: passwords, codes, proofs. No commands: nothing of a
secret is history. Certificates are commands (`certificates.py`).
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import anyio.to_thread
import msgspec
from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.operations import factors
from api.operations.personal import Personal
from api.operations.wishes import (
    CodeWanted,
    PasswordChanged,
    PasswordForgotten,
    PasswordWanted,
    ProofWanted,
)
from api.rest.body import build, check_text, read_object
from api.rest.openapi import described
from api.rest.routes import admit, operation_id

MEMBER = {"member_id": "xiaoming"}


class Operation(NamedTuple):
    """What a route is: what it reads, what it does, and how it shows in OpenAPI."""

    wish: type[Struct]
    act: Callable[[Personal, Any, int], Awaitable[dict[str, object]]]
    summary: str
    body: dict[str, Any]
    answer: dict[str, Any]


def _in_a_thread(
    act: Callable[[Personal, Any, int], dict[str, object]],
) -> Callable[[Personal, Any, int], Awaitable[dict[str, object]]]:
    async def run(personal: Personal, wish: Any, now_us: int) -> dict[str, object]:
        return await anyio.to_thread.run_sync(act, personal, wish, now_us)

    return run


_MOVEMENT = {"kind": "payment", "number": "P1001", "payee": "JD1001", "amount_fen": 6_000}
_UNTIL = "2026-11-23T12:05:00+08:00"
_PATH = "POST /v1/members/{member_id}"
OPERATIONS: dict[str, Operation] = {
    f"{_PATH}/payment-password": Operation(
        PasswordWanted,
        _in_a_thread(factors.set_password),
        "Set a person's first payment password, six digits",
        {"payment_password": "271828"},
        {**MEMBER, "payment_password": "set"},
    ),
    f"{_PATH}/payment-password/change": Operation(
        PasswordChanged,
        _in_a_thread(factors.change_password),
        "Change a payment password, by the one there is",
        {"payment_password": "271828", "new_payment_password": "314159"},
        {**MEMBER, "payment_password": "changed"},
    ),
    f"{_PATH}/payment-password/reset": Operation(
        PasswordForgotten,
        _in_a_thread(factors.reset_password),
        "Set a new payment password, by the certified identity and a code of kind reset",
        {
            "name": "韩梅梅",
            "identity": "11010519491231002X",
            "code": "246810",
            "new_payment_password": "161803",
        },
        {**MEMBER, "payment_password": "reset"},
    ),
    f"{_PATH}/codes": Operation(
        CodeWanted,
        factors.send_code,
        "Send a one-time code for one movement out of the wallet, or a reset, to the telephone",
        _MOVEMENT,
        {**MEMBER, "sent_to": "138****5678", "expires_at": _UNTIL},
    ),
    f"{_PATH}/proofs": Operation(
        ProofWanted,
        _in_a_thread(factors.prove),
        "Verify a person's factors, for a proof that one movement out of the wallet carries",
        {**_MOVEMENT, "payment_password": "271828", "code": "246810"},
        {
            **MEMBER,
            "proof": "WyJwYXltZW50IiwiUDEwMDEiXQ.5f2b0c9e7d1a4f3386c0e7b1d2a49f55",
            "factors": ["password", "code"],
            "band": "two",
            "expires_at": _UNTIL,
        },
    ),
}


def router(context: AppContext) -> APIRouter:
    """The routes of `OPERATIONS`. Each answers what it did; nothing of them is in the ledger."""
    routes = APIRouter()
    for name, operation in OPERATIONS.items():
        method, path = name.split(" ")
        routes.add_api_route(
            path,
            _serving(context, name, operation),
            methods=[method],
            summary=operation.summary,
            operation_id=operation_id(name),
            tags=["members"],
            openapi_extra=described(operation.wish, path, MEMBER, operation.body, operation.answer),
            response_class=Response,
        )
    return routes


def _serving(
    context: AppContext, name: str, operation: Operation
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        await admit(context, name, request)
        body = await read_object(request)
        for field, value in request.path_params.items():
            check_text(value, field)
        wish = build(operation.wish, body, request.path_params)
        said = await operation.act(context.personal, wish, context.clock())
        return Response(msgspec.json.encode(said), media_type="application/json")

    return answer
