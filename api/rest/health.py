"""GET /health: is the process alive, does the database answer, how far are read models and worker?

For load balancers, so without a key, and without anything that is a customer's. The worker is
`working`, `waiting` (somebody else runs the operations, or the books lie far back), in `trouble`
(the log says which) or `none here`.
"""

import logging
from typing import Any

import anyio.to_thread
import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from projections.engine.checkpoints import RUNNING

_log = logging.getLogger("zhangfang.api")

EXAMPLE = {
    "status": "ok",
    "position": 42,
    "projections": [
        {
            "name": "balances",
            "position": 42,
            "lag_events": 0,
            "lag_seconds": 0,
            "state": "running",
        }
    ],
    "worker": "working",
}


def _look(context: AppContext) -> tuple[int, dict[str, Any]]:
    try:
        position = context.ledger.head().position
        found = context.projector.status(context.clock())
    except Exception:  # Whatever it is, the answer is the same: no commands now.
        _log.warning("the database does not answer", exc_info=True)
        return 503, {"status": "database unreachable"}
    lags = [
        {
            "name": one.name,
            "position": one.position,
            "lag_events": one.lag_events,
            "lag_seconds": one.lag_seconds,
            "state": one.state,
        }
        for one in found
    ]
    well = all(one.state == RUNNING for one in found)
    status = "ok" if well else "read models paused"
    worker = context.worker.status.state if context.worker else "none here"
    answer = {"status": status, "position": position, "projections": lags, "worker": worker}
    return 200, answer


def router(context: AppContext) -> APIRouter:
    """The one route of this page."""

    async def health(_request: Request) -> Response:
        status, found = await anyio.to_thread.run_sync(_look, context)
        return Response(msgspec.json.encode(found), status, media_type="application/json")

    routes = APIRouter()
    routes.add_api_route(
        "/health",
        health,
        methods=["GET"],
        summary="Alive, database reachable, read models up to date",
        operation_id="health",
        tags=["health"],
        openapi_extra={
            "responses": {
                "200": {
                    "description": "Alive",
                    "content": {
                        "application/json": {"schema": {"type": "object"}, "example": EXAMPLE}
                    },
                },
                "503": {"description": "The database does not answer"},
            }
        },
        response_class=Response,
    )
    return routes
