"""The doors of the simulator, in one table."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulator import reading
from simulator.acts import Acts
from simulator.agenda import Task
from simulator.bills.desk import Desk
from simulator.bills.doors import SignedBills
from simulator.networks import Networks
from simulator.pages import Pages
from simulator.problems import Problem, invalid
from simulator.signings import Signings, telephone
from simulator.wire import answered
from simulator.world import World

Endpoint = Callable[[Request], Awaitable[Response]]


def application(
    world: World,
    desk: Desk,
    signed: Mapping[str, Task],
    wechat: Mapping[str, Task],
    more: list[tuple[str, str, Endpoint]],
) -> Starlette:
    """The whole application. `more`: method, path and endpoint of WeChat Pay's API."""
    networks, acts = Networks(world), Acts(world, signed, wechat)
    signings, bills = Signings(world), SignedBills(world, desk)
    table: list[tuple[str, str, Endpoint]] = [
        ("GET", "/health", _health(world)),
        ("GET", "/book", _book(world)),
        ("GET", "/book/totals", _totals(world)),
        ("GET", "/book/accounts", _accounts(world)),
        ("GET", "/book/telephone", _telephone(world)),
        ("GET", "/faults", _faults(world)),
        ("POST", "/simulate/account", acts.account),
        ("POST", "/simulate/holder", acts.holder),
        ("POST", "/simulate/clock", acts.clock),
        ("POST", "/simulate/conduct", acts.conduct),
        ("POST", "/simulate/maintenance", acts.maintenance),
        ("POST", "/simulate/transfer", acts.transfer),
        ("POST", "/simulate/{act}", acts.act),
        *(_sandbox(Pages(world, signed, wechat)) if world.sandbox else []),
        *more,
        ("POST", "/bank/signings", signings.place),
        ("POST", "/bank/signings/{number}/confirm", signings.confirm),
        ("POST", "/bank/signings/{number}/end", signings.end),
        ("POST", "/bank/identities", signings.identity),
        ("POST", "/bank/messages", signings.message),
        ("GET", "/bank/statements/{date}", bills.statement),
        ("GET", "/bank/sessions/{date}", bills.sessions),
        ("GET", "/{network}/bills/{date}", bills.bill),
        ("GET", "/{network}/files/{token}", bills.file),
        ("POST", "/{network}/orders", networks.place),
        ("GET", "/{network}/orders/{number}", networks.query),
        ("POST", "/{network}/orders/{number}/close", networks.close),
    ]
    return Starlette(
        routes=[Route(path, endpoint, methods=[method]) for method, path, endpoint in table],
        exception_handlers={HTTPException: _no_such_door},
    )


def _sandbox(pages: Pages) -> list[tuple[str, str, Endpoint]]:
    return [
        ("GET", "/pay/{id}", pages.order),
        ("POST", "/pay/{id}", pages.chosen),
        ("GET", "/sandbox", pages.listed),
        ("GET", "/sandbox/outcomes", pages.outcomes),
        ("GET", "/sandbox/plain.css", pages.style),
    ]


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _whole(request: Request, name: str, least: int, most: int, default: int) -> int:
    said = request.query_params.get(name)
    if said is None:
        return default
    if not (said.isascii() and said.isdigit() and len(said) <= 19 and least <= int(said) <= most):
        raise invalid(name, f"a whole number from {least} to {most}")
    return int(said)


def _checked(read: Endpoint) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            return await read(request)
        except Problem as problem:
            answer = answered(problem)
            return Response(answer.bytes(), answer.status, media_type="application/json")

    return endpoint


def _health(world: World) -> Endpoint:
    async def read(_: Request) -> Response:
        return _json(reading.health(world))

    return read


def _book(world: World) -> Endpoint:
    async def read(request: Request) -> Response:
        after = _whole(request, "after", 0, reading.END, 0)
        limit = _whole(request, "limit", 1, 1_000, reading.PAGE)
        return _json(await world.book.read(lambda db: reading.page(db, after, limit)))

    return _checked(read)


def _totals(world: World) -> Endpoint:
    async def read(_: Request) -> Response:
        return _json(await world.book.read(reading.totals))

    return read


def _accounts(world: World) -> Endpoint:
    async def read(request: Request) -> Response:
        after = request.query_params.get("after", "")
        limit = _whole(request, "limit", 1, 1_000, reading.PAGE)
        return _json(await world.book.read(lambda db: reading.account_page(db, after, limit)))

    return _checked(read)


def _telephone(world: World) -> Endpoint:
    async def read(request: Request) -> Response:
        phone = request.query_params.get("phone", "")
        return _json({"messages": await world.book.read(lambda db: telephone(db, phone))})

    return _checked(read)


def _faults(world: World) -> Endpoint:
    async def read(request: Request) -> Response:
        after = _whole(request, "after", 0, reading.END, 0)
        limit = _whole(request, "limit", 1, 1_000, reading.PAGE)
        return _json(await world.book.read(lambda db: reading.fault_page(db, after, limit)))

    return _checked(read)


async def _no_such_door(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(status, "PARAM_INVALID")
    body = msgspec.json.encode({"code": code, "message": "there is no such door"})
    return Response(body, status, media_type="application/json")
