"""One exchange over the wire: the request within bounds, the faults of the wire, the answer.

A request is carried out inside one function of the book, together with the count of its attempt and
the record of its faults; the answer goes out when that is on the disk.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from simulator.deadline import within
from simulator.faults import OUTAGE_WINDOW, WIRE, next_attempt, record
from simulator.orders import Order
from simulator.problems import Problem
from simulator.sandbox import is_silent
from simulator.world import World

BODY_BYTES, BODY_SECONDS = 64 * 1024, 10


class Answer(Struct, frozen=True):
    """What is answered: `body` None is an empty one."""

    status: int
    body: Any = None

    def bytes(self) -> bytes:
        return b"" if self.body is None else msgspec.json.encode(self.body)


class Fate(Struct, frozen=True):
    """What the wire does with an answer that was carried out (or not)."""

    answer: Answer
    drop: bool = False
    delay_ms: int = 0
    signtest: bool = False


Carry = Callable[[sqlite3.Connection], Answer]
ERROR = {"code": "SYSTEM_ERROR", "message": "try again or ask"}


async def body_of(request: Request) -> bytes:
    """The request's body. Raises Problem 413, 408."""
    try:
        whole = await within(_read(request), BODY_SECONDS)
    except ClientDisconnect:
        raise Problem(400, "PARAM_INVALID", "the body ended early") from None
    if whole is None:
        raise Problem(408, "TOO_SLOW", "the body did not arrive in time")
    return whole


async def _read(request: Request) -> bytes:
    whole = bytearray()
    async for piece in request.stream():
        whole += piece
        if len(whole) > BODY_BYTES:
            raise Problem(413, "TOO_LARGE", f"a body is at most {BODY_BYTES} bytes")
    return bytes(whole)


def path_of(request: Request) -> str:
    """PATH[?QUERY] as it came."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    query: bytes = request.scope["query_string"]
    return (raw + b"?" + query if query else raw).decode("latin-1")


def answered(problem: Problem) -> Answer:
    return Answer(problem.status, {"code": problem.code, "message": problem.message})


async def carry_out(world: World, network: str, key: str, writes: bool, carry: Carry) -> Fate:
    """Carries a request out. `key`: whose order and what is asked, as faults are drawn by."""
    if network in world.maintenance:
        return Fate(Answer(503, ERROR))

    def work(db: sqlite3.Connection) -> Fate:
        return _fate(world, db, network, key, carry)

    draws = any(world.draws.permilles.get(fault) for fault in WIRE)
    return await (world.book.write(work) if writes or draws else world.book.read(work))


def _fate(world: World, db: sqlite3.Connection, network: str, key: str, carry: Carry) -> Fate:
    draws, now = world.draws, world.clock.now_us()
    if not any(draws.permilles.get(fault) for fault in WIRE):
        return Fate(_carried(db, carry))
    attempt = next_attempt(db, key)

    def strikes(fault: str) -> bool:
        if not draws.hits(fault, key, attempt):
            return False
        record(db, fault, key, attempt, now)
        return True

    window = (now - world.clock.epoch_us) // OUTAGE_WINDOW
    if draws.hits("outage", network, window):
        record(db, "outage", network, window, now)
        return Fate(Answer(503, ERROR))
    if strikes("lost_request"):
        return Fate(Answer(500, ERROR), drop=True)
    if strikes("error_before"):
        return Fate(Answer(500, ERROR))
    answer = _carried(db, carry)
    delay = draws.between(1, world.delay_ms, "delays", key, attempt) if strikes("delay") else 0
    if strikes("lost_answer"):
        return Fate(answer, drop=True, delay_ms=delay)
    if strikes("error_after"):
        return Fate(Answer(500 + 2 * (attempt % 2), ERROR), delay_ms=delay)
    signtest = network == "wechat" and strikes("signtest")
    return Fate(answer, delay_ms=delay, signtest=signtest)


def _carried(db: sqlite3.Connection, carry: Carry) -> Answer:
    """A refused request leaves nothing behind but the count of its attempt."""
    db.execute("SAVEPOINT carried")
    try:
        answer = carry(db)
    except Problem as problem:
        db.execute("ROLLBACK TO carried")
        answer = answered(problem)
    db.execute("RELEASE carried")
    return answer


def spoken(world: World, order: Order, answer: Answer) -> Answer:
    """The answer about an order; 5xx as long as the sandbox keeps its outcome unknown."""
    return Answer(500, ERROR) if is_silent(order, world.clock.now_us()) else answer


async def send(
    world: World, request: Request, fate: Fate, sign: Callable[[Answer, Fate], Mapping[str, str]]
) -> Response:
    """The answer, or a connection that drops."""
    if fate.delay_ms or world.latency_ms:
        await asyncio.sleep((fate.delay_ms + world.latency_ms) / 1_000)
    if fate.drop:
        drop = request.scope.get("simulator.drop")
        if drop is not None:
            drop()
            await asyncio.sleep(0.01)  # The server notices; nothing more is sent.
        return Response(status_code=500)
    headers = dict(sign(fate.answer, fate))
    if fate.answer.body is None:
        return Response(status_code=fate.answer.status, headers=headers)
    return Response(fate.answer.bytes(), fate.answer.status, headers, media_type="application/json")
