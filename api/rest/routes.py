"""REST commands: every row of the endpoint tables as a route, all through one handler.

In this order: who is calling, may its role do this, is the body a command, is it about the
caller's own, under what number; does it need a second person: then it is proposed, and the answer
is 202; then the ledger decides. A handler knows no business.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import anyio.to_thread
import msgspec
from fastapi import APIRouter
from msgspec import Struct
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from api.context import AppContext
from api.http.access import (
    NOT_TO_BE_NAMED,
    UNNAMEABLE,
    refuse_foreign,
    refuse_not_given,
    refuse_role,
    refuse_unfit,
)
from api.http.bearer import authorization
from api.http.errors import Problem
from api.http.keys import Caller
from api.http.straight import Handle
from api.operations.screening import leaves
from api.rest import (
    accounts,
    approvals,
    authorities,
    bills,
    cards,
    cashier,
    certificates,
    channels,
    chargebacks,
    days,
    differences,
    matches,
    members,
    orders,
    own,
    quotas,
    reserves,
    settlement,
    transactions,
    wallets,
    webhooks,
    withdrawals,
)
from api.rest.body import build, check_text, read_object
from api.rest.endpoint import Endpoint
from api.rest.openapi import operation
from domain.approval import commands as approving
from domain.approval.kinds import KINDS
from domain.fields import checked_member_id, checked_number
from domain.kernel import Command, Request
from domain.ledger.answer import Answer, digest_of
from domain.refusals import MEANING, NUMBER_TAKEN, Code, Refused

ENDPOINTS: tuple[Endpoint, ...] = (
    *members.ENDPOINTS,
    *cards.ENDPOINTS,
    *certificates.ENDPOINTS,
    *orders.ENDPOINTS,
    *cashier.ENDPOINTS,
    *transactions.ENDPOINTS,
    *wallets.ENDPOINTS,
    *withdrawals.ENDPOINTS,
    *accounts.ENDPOINTS,
    *authorities.ENDPOINTS,
    *matches.ENDPOINTS,
    *days.ENDPOINTS,
    *settlement.ENDPOINTS,
    *reserves.ENDPOINTS,
    *own.ENDPOINTS,
    *quotas.ENDPOINTS,
    *channels.ENDPOINTS,
    *bills.ENDPOINTS,
    *differences.ENDPOINTS,
    *chargebacks.ENDPOINTS,
    *approvals.ENDPOINTS,
    *webhooks.ENDPOINTS,
)

REPLAYED = "Idempotent-Replayed"
PROPOSED = 202
_KEY = re.compile(r"[\x21-\x7e]{1,100}", re.ASCII)


def router(commands: Sequence[tuple[Endpoint, Handle]]) -> APIRouter:
    """The endpoints with their handlers, as `handlers` makes them."""
    routes = APIRouter()
    for endpoint, handle in commands:
        routes.add_api_route(
            endpoint.path,
            handle,
            methods=[endpoint.method],
            status_code=endpoint.status,
            summary=endpoint.summary,
            operation_id=operation_id(endpoint.name),
            tags=[endpoint.path.split("/")[2]],
            openapi_extra=operation(endpoint),
            response_class=Response,
        )
    return routes


def handlers(context: AppContext) -> list[tuple[Endpoint, Handle]]:
    """Every endpoint with its handler, on one open ledger."""
    return [(endpoint, _handler(context, endpoint)) for endpoint in ENDPOINTS]


def operation_id(name: str) -> str:
    """`POST /v1/orders/{order_no}/close` -> `post_orders_order_no_close`."""
    return re.sub(r"[^a-z]+", "_", name.lower().replace("/v1", "")).strip("_")


def _handler(context: AppContext, endpoint: Endpoint) -> Handle:
    async def command(request: HttpRequest) -> Response:
        caller = await admit(context, endpoint.name, request)
        body = await read_object(request)
        for name, value in request.path_params.items():
            check_text(value, name)
        asked = build(endpoint.asked, body, request.path_params, **endpoint.defaults)
        at_us, state = context.clock(), context.ledger.state
        if caller.role == "merchant":  # May read the ledger, so not on the event loop.
            refuse_not_given(endpoint.command, caller, at_us)
            await anyio.to_thread.run_sync(refuse_foreign, endpoint.name, caller, asked, state)
        if isinstance(asked, approvals.DECIDING):
            await anyio.to_thread.run_sync(refuse_unfit, asked, caller, state)
        number = request_number(request, caller, endpoint, asked)
        made = asked
        if endpoint.beforehand is not None:
            await anyio.to_thread.run_sync(endpoint.beforehand, context, asked)
        if endpoint.tokenised is not None:
            made = await endpoint.tokenised(context.personal, asked)
        if endpoint.settled is not None:
            made = endpoint.settled(context.limits, asked)
        assert isinstance(made, Command)
        if leaves(made) and context.desk.screening is not None:  # May read the ledger.
            await anyio.to_thread.run_sync(context.desk.screening.before, made, at_us)
        wished = approving.wish(number, made, context.limits, caller.member or "")
        wanted = Request(number, at_us, caller.actor, wished)
        answer = await context.submit(wanted)
        shown = None
        if endpoint.afterwards is not None:
            shown = await anyio.to_thread.run_sync(endpoint.afterwards, context, wanted, answer)
        return respond(endpoint.status, answer, made, caller, shown)

    return command


async def admit(context: AppContext, name: str, request: HttpRequest) -> Caller:
    """The caller, if its role may call. Raises NOT_AUTHENTICATED, NOT_ALLOWED, BUSY (429: by its
    key it asks too often)."""
    caller = await context.keys.caller(authorization(request))
    context.rates.charge(caller)
    refuse_role(name, caller)
    return caller


def request_number(
    request: HttpRequest, caller: Caller, endpoint: Endpoint, command: Struct
) -> str:
    """What makes the request idempotent: the caller's Idempotency-Key, or a number of its own.

    Both carry a merchant's id, after a word that no other number begins with. So two merchants
    never share a request, whatever their ids are. Raises REQUEST_INVALID when there is neither,
    IDENTIFIER_INVALID when the own number is malformed.
    """
    given = request.headers.getlist("idempotency-key")
    if given:
        if len(given) > 1 or not _KEY.fullmatch(given[0]):
            detail = "1 to 100 visible ASCII characters are needed, once"
            raise Refused(Code.REQUEST_INVALID, "Idempotency-Key", detail)
        whose = caller.member or f":{caller.key_id}"
        return f"key:{whose}:{given[0]}"
    if endpoint.number is None:
        detail = "this request has no number of its own: the header is needed"
        raise Refused(Code.REQUEST_INVALID, "Idempotency-Key", detail)
    prefix, field = endpoint.number
    value = getattr(command, field)
    own = checked_member_id(value, field) if field == "member_id" else checked_number(value, field)
    return f"by:{caller.member}:{prefix}:{own}" if caller.member else f"{prefix}:{own}"


def respond(
    status: int,
    answer: Answer,
    command: Command,
    caller: Caller,
    shown: Mapping[str, Any] | None = None,
) -> Response:
    """The ledger's answer as HTTP, and what is `shown` beside it. Raises Problem for a refusal."""
    headers = {REPLAYED: "true"} if answer.replayed else {}
    if answer.refused is not None:
        raise _problem(answer, command, caller, headers)
    if type(command) in KINDS and answer.result and "approval_id" in answer.result:
        status = PROPOSED
    result = {**(answer.result or {}), **shown} if shown else answer.result
    return reply(status, result, answer.position, replayed=answer.replayed)


def reply(status: int, result: Any, position: int, *, replayed: bool) -> Response:
    """`{result, position, replayed}`: reading `after: position` shows what the command did."""
    headers = {REPLAYED: "true"} if replayed else {}
    body = {"result": result, "position": position, "replayed": replayed}
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")


def _problem(answer: Answer, command: Command, caller: Caller, headers: dict[str, str]) -> Problem:
    assert answer.refused is not None
    code, field, detail = answer.refused.code, answer.refused.field, answer.refused.detail
    more: dict[str, Any] = {"position": answer.position, "replayed": answer.replayed}
    if code is Code.REQUEST_CONFLICT:
        more |= {
            "digest": digest_of(command).hex(),
            "recorded_digest": answer.recorded_digest,
        }
    elif caller.role == "merchant" and code in NUMBER_TAKEN:
        detail = MEANING[code]
    elif caller.role == "merchant" and code in UNNAMEABLE:
        code, detail = Code.MEMBER_NOT_FOUND, NOT_TO_BE_NAMED
    return Problem(Refused(code, field, detail), headers=headers, more=more)
