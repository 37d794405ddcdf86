"""Quotas (圈存) of clearing networks on the reserve account: one is mapped, all are told."""

import anyio.to_thread
import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.http.access import refuse_reader
from api.http.bearer import authorization
from api.http.parameters import parameters
from api.operations.bills.answers import quota_json
from api.rest.endpoint import Endpoint
from api.rest.openapi import every_problem
from domain.reconciliation.funding import MapQuota
from domain.refusals import Code, Refused
from projections.models import quotas as model

PATH = "/v1/reserve-quotas"
NAME = f"GET {PATH}"
_MAPPED = {"clearing": "NETSUNION", "mapped_fen": 500_000_000, "on": "2026-11-23"}
EXAMPLE = {
    "quotas": [
        {
            **_MAPPED,
            "came_fen": 12_970,
            "went_fen": 970,
            "mapped_by": "operator:k3v9x0a1b2c4",
            "reason": "New Year",
            "available_fen": 500_012_000,
        }
    ]
}
ENDPOINTS = (
    Endpoint(
        method="POST",
        path=f"{PATH}/{{clearing}}",
        command=MapQuota,
        summary="Record how much of the reserve account a clearing network may move from today on",
        sample={"clearing": "NETSUNION"},
        body={"amount_fen": 500_000_000, "reason": "New Year"},
        result=_MAPPED,
    ),
)


def router(context: AppContext) -> APIRouter:
    """The route that tells them; it changes nothing."""

    def read() -> list[dict[str, object]]:
        with context.engine.connect() as connection:
            return [quota_json(one) for one in model.quotas(connection)]

    async def told(request: Request) -> Response:
        caller = await context.keys.caller(authorization(request))
        context.rates.charge(caller)
        refuse_reader(caller)
        if unknown := parameters(request):
            name = ascii(min(unknown))[1:-1][:40]
            raise Refused(Code.REQUEST_INVALID, name, "no parameter may be given")
        found = await anyio.to_thread.run_sync(read)
        body = msgspec.json.encode({"quotas": found})
        return Response(body, media_type="application/json")

    content = {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE}}
    routes = APIRouter()
    routes.add_api_route(
        PATH,
        told,
        methods=["GET"],
        summary="What each clearing network may move of the reserve account, and what is left",
        operation_id="get_reserve_quotas",
        tags=["reserve-quotas"],
        openapi_extra={
            "parameters": [],
            "responses": {
                "200": {"description": "The quotas, by network", "content": content},
                **every_problem(),
            },
            "security": [{"bearer": []}],
        },
        response_class=Response,
    )
    return routes
