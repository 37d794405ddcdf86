"""The HTTP application: REST commands, GraphQL reads, health, and the pages that document them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from api.callbacks import routes as callbacks
from api.context import AppContext
from api.graphql.app import GraphQLReads
from api.graphql.endpoint import graphql_app
from api.graphql.listening.hub import Hub
from api.graphql.registered import read_folder
from api.graphql.schema import graphql_schema
from api.graphql.tags import release
from api.http.connections import Crowd
from api.http.cors import Cors
from api.http.doors import Doors
from api.http.errors import HANDLERS, REFUSALS_PAGE, Handler, refusals_page
from api.http.metrics import Metrics
from api.http.passing import Deciding, PassedOn
from api.http.rates import Rates
from api.http.shared import Place
from api.http.straight import Handle, Straight
from api.rest import (
    bill_files,
    blobs,
    documents,
    end_of_day,
    factors,
    health,
    hearing,
    quotas,
    reconciliations,
    routes,
    withdrawals,
)
from api.rest.endpoint import Endpoint
from api.rest.openapi import document
from api.settings import Settings
from api.web import cashier, pages
from api.web.live import Lives
from domain.approval.kinds import HOUR_US, Limits

TELL_S = 0.5


async def _nowhere(_request: Request) -> Response:
    raise HTTPException(404)


class _Reads:
    """Takes what is asked of /graphql to its own application, and all else to the routes: looking
    through those for it takes longer than most queries."""

    route = Route("/graphql", _nowhere)

    def __init__(self, graphql: ASGIApp, routes: ASGIApp) -> None:
        self._graphql = graphql
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/graphql":
            scope["route"] = self.route  # For the log.
            await self._graphql(scope, receive, send)
        else:
            await self._routes(scope, receive, send)


class _Application(FastAPI):
    origins: tuple[str, ...] = ()
    graphql: ASGIApp
    known: Sequence[tuple[str, str, Handle]] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As Starlette does it. FastAPI would look for telemetry first, which nobody here uses and
        which takes as long as reading an account."""
        scope["app"] = self
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """The guard stands outside of everything, so that also what fails is answered with it."""
        routes = Straight(self.known, super().build_middleware_stack())
        whole: ASGIApp = _Reads(self.graphql, routes)
        return Doors(Cors(whole, self.origins) if self.origins else whole)


SHOWN = (
    end_of_day.router,
    blobs.router,
    withdrawals.router,
    factors.router,
    hearing.router,
    bill_files.router,
    reconciliations.router,
    quotas.router,
)


def create_app(
    context: AppContext,
    settings: Settings | None = None,
    crowd: Crowd | None = None,
    place: Place | None = None,
) -> FastAPI:
    """The application on an open ledger. The context's runners live as long as the server, and the
    ledger is closed with it. `crowd` are the connections, for the figures; `place` is this process
    among others of the server, if there are any.

    Raises Refused(REQUEST_INVALID, "ZHANGFANG_DOCUMENTS") for a folder with a bad document."""
    settings, place = settings or Settings(), place or Place()
    context = _configured(context, settings, place)
    metrics = Metrics(context, place, crowd)
    reads = _reads(context, settings)
    hub, lives = _listening(context, reads, settings, metrics)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        context.start()
        try:
            async with nullcontext() if place.alone else _among_others(context, metrics):
                yield
        finally:
            await _end(context, reads, hub, lives)

    app = _Application(
        title="Zhangfang",
        version=release(),
        lifespan=lifespan,
        docs_url=None,  # Its page would load from elsewhere; ours is at the same place.
        redoc_url=None,
        redirect_slashes=False,
        exception_handlers=dict[int | type[Exception], Handler](HANDLERS.items()),
    )
    app.state.graphql, app.state.hub, app.state.lives = reads, hub, lives
    metrics.queries = reads.counts
    app.origins = settings.cors_origins
    app.graphql = graphql_app(context, reads, hub)
    registered = documents.router(context, reads.registered, settings.query_cost)
    commands = routes.handlers(context)
    routers = (routes.router(commands), *(make(context) for make in SHOWN), registered)
    for router in (*routers, health.router(context, metrics)):
        app.include_router(router)
    called = callbacks.routes(context, context.callbacks)
    app.router.routes += [*_pages(), *cashier.routes(context, lives), *called]
    app.known = _known(called, commands)
    app.openapi = _described(app)  # type: ignore[method-assign]
    return app


async def _end(context: AppContext, reads: GraphQLReads, hub: Hub, lives: Lives) -> None:
    hub.close()
    lives.close()
    await context.personal.bank.aclose()
    await anyio.to_thread.run_sync(reads.close)
    await anyio.to_thread.run_sync(context.close)


def _known(
    called: list[Route], commands: list[tuple[Endpoint, Handle]]
) -> list[tuple[str, str, Handle]]:
    """What is asked for often, and so is not looked for among all routes."""
    return [
        *(("POST", route.path, route.endpoint) for route in called),
        *((one.method, one.path, handle) for one, handle in commands),
    ]


def _configured(context: AppContext, settings: Settings, place: Place) -> AppContext:
    """What the settings say, and whether another process of the server decides commands."""
    passed_on = None if place.first else PassedOn(context.ledger, place, place.ends[0])
    open_us = settings.approval_hours * HOUR_US
    limits = Limits(settings.refund_alone, open_us, settings.fee_notice_days)
    rates = Rates(settings.rate, place.counted)
    return replace(
        context, rates=rates, limits=limits, passed_on=passed_on, hooks_to=settings.webhooks
    )


def _pages() -> list[BaseRoute]:
    return [
        Route(REFUSALS_PAGE, _refusals, include_in_schema=False),
        Route("/", _home, include_in_schema=False),
        Route("/docs", _docs, include_in_schema=False),
        pages.assets(),
    ]


def _described(app: FastAPI) -> Callable[[], dict[str, Any]]:
    found: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not found:
            found.update(document(app, routes.ENDPOINTS))
        return found

    return openapi


def _reads(context: AppContext, settings: Settings) -> GraphQLReads:
    most_cost, folder = settings.query_cost, {}
    if settings.documents:
        folder = read_folder(graphql_schema(), settings.documents, most_cost)
    return GraphQLReads(
        context,
        most_cost=most_cost,
        folder=folder,
        only_registered=settings.only_registered,
    )


def _listening(
    context: AppContext, reads: GraphQLReads, settings: Settings, metrics: Metrics
) -> tuple[Hub, Lives]:
    """Who listens may take most connections, and leaves some for who asks."""
    crowd, most = metrics.crowd, settings.listeners
    if crowd is not None:
        most = max(1, min(most, crowd.limits.connections * 3 // 4))
    hub = Hub(context, reads.readers, most, settings.listeners_per_key)
    if crowd is not None:
        crowd.on_ending(hub.close)
    metrics.listeners = lambda: hub.count + hub.beside()
    return hub, Lives(context, hub, crowd)


@asynccontextmanager
async def _among_others(context: AppContext, metrics: Metrics) -> AsyncIterator[None]:
    """What a process does for and with the others of its server."""
    place = metrics.place
    commands = context.passed_on or Deciding(context.ledger, place, place.ends)
    await commands.start()
    telling = asyncio.create_task(_tell(metrics))
    try:
        yield
    finally:
        telling.cancel()
        await commands.close()


async def _tell(metrics: Metrics) -> None:
    """Tell the server's other processes how things stand here, and that this one answers."""
    while True:
        metrics.publish()
        await asyncio.sleep(TELL_S)


async def _home(_request: Request) -> Response:
    return RedirectResponse("/docs")


async def _docs(_request: Request) -> Response:
    return pages.page("docs.html")


async def _refusals(_request: Request) -> Response:
    return PlainTextResponse(refusals_page(), media_type="text/markdown")
