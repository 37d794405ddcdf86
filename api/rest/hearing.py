"""What can be read of events and of the endpoints that hear them: a member's own, by its keys; any
member's, by those of the institution. It changes nothing.

`GET /v1/events` gives the very events that webhooks send, in order: with it a receiver fills a gap,
which it sees by `sequence`.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import anyio.to_thread
import msgspec
from fastapi import APIRouter
from msgspec import Raw
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.http.access import READERS
from api.http.bearer import authorization
from api.http.keys import Caller
from api.http.parameters import parameters
from api.operations.webhooks import deliveries
from api.rest.openapi import every_problem, path_parameters
from api.rest.shapes import MEMBER
from domain.fields import checked_member_id, checked_number
from domain.kernel import iso_time
from domain.member.hooking import LONGEST_ID
from domain.member.webhook import KINDS, PING
from domain.refusals import Code, Refused
from projections.models import merchant_events, webhook_endpoints

EVENTS = "/v1/events"
HOOKS = "/v1/members/{member_id}/webhooks"
ATTEMPTS = f"{HOOKS}/{{endpoint_id}}/attempts"
MOST, USUAL = 500, 100
EXAMPLE_EVENT = {
    "id": "evt_42_SQUIRRELS",
    "type": "payment.succeeded",
    "timestamp": "2026-11-23T12:00:00+08:00",
    "position": 42,
    "sequence": 7,
    "member_id": "SQUIRRELS",
    "object": "transaction-SQUIRRELS-536365",
    "data": {
        "transaction_id": "SQUIRRELS-536365",
        "order_no": "536365",
        "payment_no": "P1",
        "amount_fen": 8_900,
        "state": "succeeded",
    },
}
EXAMPLE_HOOK = {
    "endpoint_id": "shop",
    "url": "https://squirrels.example/hooks",
    "kinds": ["payment.succeeded"],
    "state": "active",
    "why": "",
    "secret_number": 1,
    "position": 42,
    "newest": 42,
    "waiting": 0,
    "failing": 0,
}
EXAMPLE_ATTEMPT = {
    "at": "2026-11-23T12:00:01+08:00",
    "at_us": 1_795_406_401_000_000,
    "position": 42,
    "kind": "payment.succeeded",
    "attempt": 1,
    "took_ms": 87,
    "status": 204,
    "result": "delivered",
}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    f"GET {EVENTS}": {"events": [EXAMPLE_EVENT], "next_after": 42, "has_more": False},
    f"GET {HOOKS}": {"endpoints": [EXAMPLE_HOOK]},
    f"GET {ATTEMPTS}": {"attempts": [EXAMPLE_ATTEMPT]},
}

Read = Callable[[AppContext, str, Request], Any]


def router(context: AppContext) -> APIRouter:
    routes = APIRouter()
    for path, read, summary, described in (
        (EVENTS, _events, "A member's events in order, those that webhooks send", _of_events()),
        (HOOKS, _hooks, "A member's endpoints, and how far each is", _of_hooks()),
        (ATTEMPTS, _attempts, "The newest attempts to send to an endpoint", _of_attempts()),
    ):
        routes.add_api_route(
            path,
            _handler(context, read),
            methods=["GET"],
            summary=summary,
            operation_id="get_" + "_".join(path.replace("{", "").replace("}", "").split("/")[2:]),
            tags=["events"],
            openapi_extra=described,
            response_class=Response,
        )
    return routes


def _handler(context: AppContext, read: Read) -> Callable[[Request], Any]:
    async def handle(request: Request) -> Response:
        caller = await context.keys.caller(authorization(request))
        context.rates.charge(caller)
        member = _whose(caller, request)
        shown = await anyio.to_thread.run_sync(partial(read, context, member, request))
        return Response(msgspec.json.encode(shown), media_type="application/json")

    return handle


def _whose(caller: Caller, request: Request) -> str:
    """Whose events are meant: a member's own, for its keys. Raises NOT_ALLOWED, REQUEST_INVALID."""
    named = request.path_params.get("member_id") or parameters(request).get("member_id")
    if caller.member is not None:
        if named not in (None, caller.member):
            detail = f"only for what is {caller.member}'s own"
            raise Refused(Code.NOT_ALLOWED, "Authorization", detail)
        return caller.member
    if caller.capacity not in READERS:
        raise Refused(Code.NOT_ALLOWED, "Authorization", f"{caller.capacity} keys may not do this")
    if named is None:
        raise Refused(Code.REQUEST_INVALID, "member_id", "say whose events are meant")
    return checked_member_id(named)


def _events(context: AppContext, member: str, request: Request) -> Any:
    asked = _asked(request, {"after", "limit", "kinds", "member_id"})
    after = _number(asked, "after", 0, 2**53, 0)
    limit = _number(asked, "limit", 1, MOST, USUAL)
    kinds = [one for one in asked.get("kinds", "").split(",") if one]
    if wrong := set(kinds) - {*KINDS, PING}:
        raise Refused(Code.REQUEST_INVALID, "kinds", f"no such kind: {min(wrong)[:40]}")
    with context.engine.connect() as connection:
        found = merchant_events.events(connection, member, after, limit + 1, kinds)
    page = found[:limit]
    return {
        "events": [Raw(one.body.encode()) for one in page],
        "next_after": page[-1].position if page else after,
        "has_more": len(found) > limit,
    }


def _hooks(context: AppContext, member: str, request: Request) -> Any:
    _asked(request, set())
    with context.engine.connect() as connection:
        found = webhook_endpoints.endpoints(connection, member)
        progress = [deliveries.progress(connection, one.name) for one in found]
    return {
        "endpoints": [
            {
                "endpoint_id": one.endpoint_id,
                "url": one.url,
                "kinds": Raw(one.kinds.encode()),
                "state": "paused" if one.paused else "active",
                "why": one.why,
                "secret_number": one.secret,
                "position": at.position,
                "newest": at.newest,
                "waiting": at.waiting,
                "failing": at.failing,
            }
            for one, at in zip(found, progress, strict=True)
        ]
    }


def _attempts(context: AppContext, member: str, request: Request) -> Any:
    asked = _asked(request, {"before", "limit"})
    before = _number(asked, "before", 1, 2**53, 2**53)
    limit = _number(asked, "limit", 1, MOST, USUAL)
    given = request.path_params["endpoint_id"]
    endpoint_id = checked_number(given, "endpoint_id", longest=LONGEST_ID)
    with context.engine.connect() as connection:
        found = deliveries.attempts(connection, (member, endpoint_id), before, limit)
    return {
        "attempts": [{"at": iso_time(one.at_us), **msgspec.structs.asdict(one)} for one in found]
    }


def _asked(request: Request, known: set[str]) -> dict[str, str]:
    """The parameters of the address. Raises REQUEST_INVALID for one that is not known."""
    asked = parameters(request)
    if unknown := set(asked) - known:
        told = ", ".join(sorted(known)) or "no parameter"
        raise Refused(Code.REQUEST_INVALID, ascii(min(unknown))[1:-1][:40], f"{told} may be given")
    return asked


def _number(asked: Mapping[str, str], name: str, least: int, most: int, usual: int) -> int:
    text = asked.get(name)
    if text is None:
        return usual
    digits = text.isascii() and text.isdigit() and len(text) <= 16
    if not digits or not least <= int(text) <= most:
        raise Refused(Code.REQUEST_INVALID, name, f"a number from {least} to {most} is needed")
    return int(text)


# OpenAPI.


def _described(parameters: list[Any], example: Mapping[str, Any], what: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}, "example": example}}
    return {
        "parameters": parameters,
        "responses": {"200": {"description": what, "content": content}, **every_problem()},
        "security": [{"bearer": []}],
    }


def _parameter(name: str, schema: Mapping[str, Any], example: Any) -> dict[str, Any]:
    where = {"name": name, "in": "query", "required": False}
    return {**where, "schema": schema, "example": example}


def _whole(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def _of_events() -> dict[str, Any]:
    given = [
        _parameter("after", _whole(0, 2**53), 0),
        _parameter("limit", _whole(1, MOST), USUAL),
        _parameter("kinds", {"type": "string", "enum": [*KINDS, PING]}, "payment.succeeded"),
        {
            **_parameter("member_id", MEMBER, "SQUIRRELS"),
            "required": True,
            "description": "whose events; a merchant's key may leave it out, they are its own",
        },
    ]
    return _described(given, EXAMPLES[f"GET {EVENTS}"], "The events, in order of their positions")


def _of_hooks() -> dict[str, Any]:
    given = path_parameters(HOOKS, {"member_id": "SQUIRRELS"})
    return _described(given, EXAMPLES[f"GET {HOOKS}"], "The endpoints")


def _of_attempts() -> dict[str, Any]:
    sample = {"member_id": "SQUIRRELS", "endpoint_id": "shop"}
    given = [
        *path_parameters(ATTEMPTS, sample),
        _parameter("before", _whole(1, 2**53), 1_795_406_401_000_000),
        _parameter("limit", _whole(1, MOST), USUAL),
    ]
    return _described(given, EXAMPLES[f"GET {ATTEMPTS}"], "The attempts, the newest first")
