"""The doors of WeChat Pay's API v3: who asks, what went wrong, and the table of them."""

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from simulator.clock import parse_iso
from simulator.keys import WeChat
from simulator.problems import Problem, reading
from simulator.wechat.signing import Seal, serial_of
from simulator.wire import Answer, answered, body_of, carry_out, path_of, send
from simulator.world import World

Carry = Callable[[sqlite3.Connection], Answer]
Endpoint = Callable[[Request], Awaitable[Response]]
W = TypeVar("W", bound=Struct)


class Asked(Struct, frozen=True):
    """A request whose signature was right."""

    body: bytes
    serial: str
    path: dict[str, str]
    query: dict[str, str]

    def read(self, type_: type[W]) -> W:
        """The body. Raises Problem(400, PARAM_ERROR)."""
        with reading("PARAM_ERROR"):
            return msgspec.json.decode(self.body, type=type_)


class Ready(Struct, frozen=True):
    """A checked request: what faults are drawn by, and how it is carried out."""

    key: str
    carry: Carry
    writes: bool = True


Read = Callable[[Asked], Ready | Awaitable[Ready]]


class Door:
    """What every endpoint shares."""

    def __init__(self, world: World, seal: Seal) -> None:
        self.world, self.seal = world, seal

    @property
    def member(self) -> WeChat:
        return self.world.keys.wechat

    def endpoint(self, read: Read) -> Endpoint:
        """An endpoint of a function that checks a request and says how to carry it out."""

        async def answer(request: Request) -> Response:
            serial, ready = await self._opened(request, read)
            if isinstance(ready, Problem):
                return self._refused(serial, ready)
            fate = await carry_out(self.world, "wechat", ready.key, ready.writes, ready.carry)
            return await send(
                self.world,
                request,
                fate,
                lambda made, fate: self.seal.sign(serial, made.bytes(), signtest=fate.signtest),
            )

        return answer

    async def refused(self, request: Request, read: Read) -> Response | None:
        """The answer to a request that is refused; None if there is nothing wrong with it."""
        serial, ready = await self._opened(request, read)
        return self._refused(serial, ready) if isinstance(ready, Problem) else None

    async def _opened(self, request: Request, read: Read) -> tuple[str, Ready | Problem]:
        """Whose key the answer is signed by, and the request as it was read."""
        serial = serial_of(request.headers, self.member, self.world.certificates)
        try:
            if not self.seal.knows(serial):
                serial = self.member.public_key_id
                raise Problem(400, "PARAM_ERROR", "Wechatpay-Serial is none of our keys")
            body = await body_of(request)
            authorization = request.headers.get("authorization", "")
            self.seal.verify(request.method, path_of(request), body, authorization)
            query = dict(request.query_params)
            ready = read(Asked(body, serial, dict(request.path_params), query))
            return serial, ready if isinstance(ready, Ready) else await ready
        except Problem as problem:
            return serial, problem

    def _refused(self, serial: str, problem: Problem) -> Response:
        refused = answered(problem)
        signed = self.seal.sign(serial, refused.bytes())
        return Response(refused.bytes(), refused.status, signed, "application/json")

    def expiry(self, text: str | None) -> int | None:
        """UTC µs of `time_expire`, which must be to come. Raises Problem."""
        if text is None:
            return None
        at_us = parse_iso(text)
        if at_us is None:
            raise Problem(400, "PARAM_ERROR", "time_expire is like 2026-11-25T20:00:00+08:00")
        if at_us <= self.world.clock.now_us():
            raise Problem(400, "PARAM_ERROR", "time_expire is over")
        return at_us

    def ours(self, mchid: str, appid: str | None = None) -> None:
        """Raises Problem unless it is the merchant that signed, with its own appid."""
        if mchid != self.member.mchid:
            raise Problem(403, "NO_AUTH", "mchid is not the merchant that signed")
        if appid is not None and appid != self.member.appid:
            raise Problem(400, "APPID_MCHID_NOT_MATCH", "appid does not belong to mchid")

    def certificates(self, asked: Asked) -> Ready:
        """GET /v3/certificates: a new merchant has none."""

        def carry(_: sqlite3.Connection) -> Answer:
            if not self.world.certificates:
                raise Problem(404, "RESOURCE_NOT_EXISTS", "there is no platform certificate")
            return Answer(200, {"data": [self._certificate()]})

        return Ready("wechat/certificates", carry, writes=False)

    def _certificate(self) -> dict[str, Any]:
        member = self.member
        return {
            "serial_no": member.platform_serial,
            "effective_time": "2026-01-01T00:00:00+08:00",
            "expire_time": "2031-01-01T00:00:00+08:00",
            "encrypt_certificate": self.seal.encrypted(
                member.platform_certificate_pem.encode(), "certificate"
            ),
        }


def missing(name: str = "ORDER_NOT_EXIST") -> Problem:
    return Problem(404, name, "there is no such order")
