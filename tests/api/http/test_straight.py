"""The table of paths answers as the framework's routes would, and leaves the rest to them."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from api.http.straight import Handle, Straight
from domain.refusals import Code, Refused


def says(name: str) -> Handle:
    async def handle(request: Request) -> Response:
        return JSONResponse([name, request.path_params, (await request.body()).decode()])

    return handle


PATHS = [
    ("POST", "/v1/members", says("members")),
    ("POST", "/v1/members/{member_id}", says("member")),
    ("POST", "/v1/members/none", says("never: the one before takes it")),
    ("POST", "/v1/{anything}/close", says("close of anything")),
    ("POST", "/v1/orders/{order_no}", says("order")),
    ("PUT", "/v1/members/{member_id}", says("put")),
    ("POST", "/v1/members/{member_id}/cards/{card_id}", says("card")),
]


async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("elsewhere", 404)(scope, receive, send)


def asked(app: Any, method: str, path: str) -> tuple[int, bytes]:
    """As a server would ask: the path is decoded already."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"body", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [],
    }
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:])


@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "post"])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/members",
        "/v1/members/",
        "/v1/members/A",
        "/v1/members/none",
        "/v1/members/close",
        "/v1/orders/close",
        "/v1/orders/a b%",
        "/v1/members/坚果",
        "/v1/members//cards/1",
        "/v1/members/A/cards/1",
        "/v1/members/A/cards/",
        "/v1//close",
        "//v1/members",
        "/v1/members/{member_id}",
        "/",
        "",
        "v1/members",
    ],
)
def test_it_finds_what_the_routes_would(method: str, path: str) -> None:
    routes = Starlette(
        routes=[Route(path, handle, methods=[verb]) for verb, path, handle in PATHS],
    )
    routes.router.redirect_slashes = False
    status, body = asked(routes, method, path)
    if status != 200:  # An unknown path, or another method: the routes say which.
        assert asked(Straight(PATHS, elsewhere), method, path) == (404, b"elsewhere")
    else:
        assert asked(Straight(PATHS, elsewhere), method, path) == (200, body)


def test_what_a_handler_raises_is_answered_as_everywhere() -> None:
    async def refuses(_request: Request) -> Response:
        raise Refused(Code.MEMBER_NOT_FOUND, "member_id", "A")

    async def fails(_request: Request) -> Response:
        raise KeyError("a defect")

    app = Straight([("POST", "/no", refuses), ("POST", "/defect", fails)], elsewhere)
    status, body = asked(app, "POST", "/no")
    assert (status, b'"code":"member_not_found"' in body) == (404, True)
    status, body = asked(app, "POST", "/defect")
    assert (status, b"a defect" in body, b'"incident"' in body) == (500, False, True)


def test_other_messages_go_on() -> None:
    heard: list[str] = []

    async def lifespan(scope: Scope, _receive: Receive, _send: Send) -> None:
        heard.append(scope["type"])

    asyncio.run(Straight(PATHS, lifespan)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert heard == ["lifespan"]
