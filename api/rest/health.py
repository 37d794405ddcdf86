"""GET /health, /ready, /metrics: is the process alive, can it serve, and in figures.

The first two are for load balancers, so without a key, and without anything that is a customer's.
Alive is whoever can answer and reach the database; ready, who can also do what is asked: every
table is there, no read model that operations rely on is paused, the worker is well. Both say what
is not.
The worker is `working`, `waiting` (somebody else runs the operations, or the books lie far back),
in `trouble` (the log says which) or `none here`. Of several processes of a server each tells of the
worker and the projections of the first, which are `away` while it does not answer.
"""

import asyncio
import logging
import time
from typing import Any

import anyio
import anyio.to_thread
import msgspec
from fastapi import APIRouter
from msgspec import Struct
from sqlalchemy import Connection, TextClause, select, text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import Response

from api.context import AppContext
from api.graphql.registered import DOCUMENTS
from api.http.access import refuse_reader
from api.http.bearer import authorization
from api.http.keys import API_KEYS
from api.http.metrics import CONTENT_TYPE, Metrics
from api.http.shared import AWAY, Place
from api.operations.desk import RELIED_ON
from api.rest.openapi import problems
from projections.engine.checkpoints import CHECKPOINTS, RUNNING
from projections.registry import READ_MODELS

_log = logging.getLogger("zhangfang.api")

TABLES_S = 1
UNREACHABLE = "database unreachable"
EVENT_STORE = ("events", "commit_log", "receipts", "snapshots")
_PROBES: dict[str, TextClause | Any] = {
    **{name: text(f"SELECT 1 FROM {name} LIMIT 1") for name in EVENT_STORE},  # noqa: S608
    **{
        table.name: select(table).limit(0)
        for table in (
            CHECKPOINTS,
            API_KEYS,
            DOCUMENTS,
            *(table for model in READ_MODELS.values() for table in model.tables),
        )
    },
}

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
    "wrong": [],
}


class Condition(Struct, frozen=True):
    """What was found: `health` is the answer of /health, `hindrances` are what /ready fails for."""

    alive: bool
    health: dict[str, Any]
    hindrances: tuple[str, ...]


def look(context: AppContext, tables: "Tables", place: Place) -> Condition:
    """Look at everything a server needs. Asks the database: not for the event loop."""
    try:
        position = context.ledger.head().position
        found = context.projector.status(context.clock())
        missing = tables.missing(context)
    except Exception:  # Whatever it is, the answer is the same: no commands now.
        _log.warning("the database does not answer", exc_info=True)
        return Condition(False, {"status": UNREACHABLE}, (UNREACHABLE,))
    paused = [one.name for one in found if one.state != RUNNING]
    worker = context.worker.status.state if context.worker else place.worker_elsewhere()
    hindrances = [f"table {name} cannot be read" for name in missing]
    hindrances += [f"read model {name} is paused" for name in paused if name in RELIED_ON]
    if worker == "trouble":
        hindrances.append("the worker is in trouble")
    if worker == AWAY:
        hindrances.append("the process with the worker and the projections does not answer")
    if context.projector.trouble is not None or place.trouble_elsewhere():
        hindrances.append("the projections are in trouble")
    noticed = [f"read model {name} is paused" for name in paused if name not in RELIED_ON]
    status = "ok"
    if paused:
        status = "read models paused"
    if hindrances and not paused:
        status = "trouble"
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
    health = {
        "status": status,
        "position": position,
        "projections": lags,
        "worker": worker,
        "wrong": hindrances + noticed,
    }
    return Condition(True, health, tuple(hindrances))


class Tables:
    """Whether the tables are there, looked up again a second after they all were."""

    def __init__(self) -> None:
        self._well_until_s = 0.0

    def missing(self, context: AppContext) -> list[str]:
        """The tables that cannot be read as they should be."""
        if time.monotonic() < self._well_until_s:
            return []
        until_s = time.monotonic() + TABLES_S
        with context.engine.connect() as connection:
            missing = [name for name in _PROBES if not _readable(connection, name)]
        self._well_until_s = 0.0 if missing else until_s
        return missing


def _readable(connection: Connection, name: str) -> bool:
    try:
        connection.execute(_PROBES[name]).close()
    except SQLAlchemyError:
        connection.rollback()
        return False
    return True


class _Looking:
    """Looks once for all who ask while another look is under way: however many ask, the database
    answers one of them at a time, and everybody learns what was true after they asked."""

    def __init__(self, context: AppContext, place: Place) -> None:
        self._context = context
        self._place = place
        self._limiter = anyio.CapacityLimiter(1)
        self._tables = Tables()
        self._running: asyncio.Task[Condition] | None = None
        self._next: asyncio.Task[Condition] | None = None

    async def __call__(self) -> Condition:
        if self._next is None or self._next.done():
            self._next = asyncio.create_task(self._look(self._running))
        return await asyncio.shield(self._next)

    async def _look(self, before: "asyncio.Task[Condition] | None") -> Condition:
        if before is not None and not before.done():
            await asyncio.wait([before])
        self._running, self._next = self._next, None
        return await anyio.to_thread.run_sync(
            look, self._context, self._tables, self._place, limiter=self._limiter
        )


def router(context: AppContext, metrics: Metrics) -> APIRouter:
    """The routes of this page."""
    looking = _Looking(context, metrics.place)
    scraping = anyio.CapacityLimiter(1)

    async def health(_request: Request) -> Response:
        found = await looking()
        return _json(200 if found.alive else 503, found.health)

    async def ready(_request: Request) -> Response:
        found = await looking()
        well = not found.hindrances
        return _json(200 if well else 503, {"ready": well, "hindrances": found.hindrances})

    async def figures(request: Request) -> Response:
        refuse_reader(await context.keys.caller(authorization(request)))
        said = await anyio.to_thread.run_sync(metrics.text, limiter=scraping)
        return Response(said, media_type=CONTENT_TYPE)

    routes = APIRouter()
    for path, serve, summary, extra in (
        (
            "/health",
            health,
            "Alive, database reachable, what is wrong",
            _answers(EXAMPLE, _HEALTH, {"type": "object", "required": ["status"]}),
        ),
        (
            "/ready",
            ready,
            "Whether commands and queries can be served now; if not, why",
            _answers({"ready": True, "hindrances": []}, _READY, _READY),
        ),
        ("/metrics", figures, "Figures for Prometheus", _FIGURES),
    ):
        routes.add_api_route(
            path,
            serve,
            methods=["GET"],
            summary=summary,
            operation_id=path[1:],
            tags=["operation"],
            openapi_extra=extra,
            response_class=Response,
        )
    return routes


def _json(status: int, body: object) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _answers(example: dict[str, Any], yes: dict[str, Any], no: dict[str, Any]) -> dict[str, Any]:
    return {
        "responses": {
            "200": {
                "description": "Yes",
                "content": {"application/json": {"schema": yes, "example": example}},
            },
            "503": {
                "description": "No; what hinders it is named",
                "content": {"application/json": {"schema": no}},
            },
        }
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_TEXT, _COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
_TEXTS = {"type": "array", "items": _TEXT}
_LAG = _object(name=_TEXT, position=_COUNT, lag_events=_COUNT, lag_seconds=_COUNT, state=_TEXT)
_HEALTH = _object(
    status=_TEXT,
    position=_COUNT,
    projections={"type": "array", "items": _LAG},
    worker=_TEXT,
    wrong=_TEXTS,
)
_READY = _object(ready={"type": "boolean"}, hindrances=_TEXTS)
_FIGURES: dict[str, Any] = {
    "responses": {
        "200": {
            "description": "Prometheus text",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems("401", "403", "429", "500", "503"),
    },
    "security": [{"bearer": []}],
}
