"""Callbacks: what happened to an order, told to its notify_url at least once, signed.

One that is not taken (200 or 204 within five seconds of the wall) is repeated on the schedule, in
virtual time. By fault an event is never sent, sent twice, or so late that others overtake it.
"""

import asyncio
import sqlite3
import ssl
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpcore2
import httpx2
import msgspec
from msgspec import Struct

from simulator.clock import HOUR, MINUTE, SECOND
from simulator.deadline import within
from simulator.faults import record
from simulator.orders import Order, load
from simulator.shapes import order_told
from simulator.world import World

_SECONDS = (15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600)
SCHEDULE = (*(span * SECOND for span in _SECONDS), *(hours * HOUR for hours in (3, 3, 3, 6, 6)))
ANSWER_SECONDS, AT_ONCE = 5, 64
LAST_PORT = 65_535
IDLE_SECONDS = 5  # A connection that was idle longer is opened anew.
NOT_TAKEN = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ConnectionNotAvailable,
    AttributeError,  # The library's, of a socket that was closed while it connected.
)

# How a callback is written: its order, its event and attempt -> headers and body.
Writer = Callable[["World", "Due"], tuple[dict[str, str], bytes]]


class Due(Struct, frozen=True):
    """A callback to be sent now. `attempt`: 1 for the first."""

    id: int
    event: str
    type: str
    body: str
    attempt: int
    order: Order
    signtest: bool = False


def announce(
    world: World, db: sqlite3.Connection, order: Order, type_: str = "ORDER", body: Any = None
) -> None:
    """Puts an event of an order, as it stands now, on the list of callbacks."""
    if not order.notify_url:
        return
    draws, now = world.draws, world.clock.now_us()
    count = db.execute(
        "SELECT count(DISTINCT event) FROM callbacks WHERE order_id = ?", (order.id,)
    ).fetchone()[0]
    event = f"{draws.number('event', f'{order.key}/{order.time}', count):016x}{order.id:016x}"
    told = body if body is not None else order_told(db, order, world.keys.base_url)
    text = msgspec.json.encode(told).decode()
    dues: list[int | None] = [now]
    if world.fault(db, "callback_never", order, count):
        dues = [None]
    elif world.fault(db, "callback_late", order, count):
        dues = [now + draws.between(10 * SECOND, 20 * MINUTE, "calls_after", order.key, count)]
    if dues != [None] and world.fault(db, "callback_duplicate", order, count):
        dues.append(now + world.wait(order, 0, MINUTE, "calls_again", count))
    db.executemany(
        "INSERT INTO callbacks (order_id, event, type, body, due_us, leased, attempts) "
        "VALUES (?, ?, ?, ?, ?, 0, 0)",
        [(order.id, event, type_, text, due) for due in dues],
    )
    world.ring.set()


class Caller:
    """Sends what is due, many at once."""

    def __init__(self, world: World, wechat: Writer | None = None) -> None:
        self._world, self._wechat = world, wechat or _signed
        self._free = asyncio.Semaphore(AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._idle: list[httpcore2.AsyncHTTPConnection] = []  # The one used last is used next.
        self._trusted = ssl.create_default_context()

    def start(self, db: sqlite3.Connection) -> None:
        """What was under way when the process before this one died is sent again."""
        db.execute(
            "UPDATE callbacks SET leased = 0, due_us = min(due_us, ?) WHERE leased = 1",
            (self._world.clock.now_us(),),
        )

    async def run(self) -> None:
        world = self._world
        while True:
            world.ring.clear()
            await self._free.acquire()
            self._free.release()
            due, wait = await world.book.write(self._claim)
            for one in due:
                task = asyncio.create_task(self._call(one))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            if not due:
                await _rings(world.ring, wait)

    async def _connection(self, to: httpcore2.Origin) -> httpcore2.AsyncHTTPConnection:
        """One that nobody has closed yet, else a new one: it connects when it is used."""
        while self._idle:
            kept = self._idle.pop()
            if kept.can_handle_request(to) and kept.is_available() and not kept.has_expired():
                return kept
            await kept.aclose()
        return httpcore2.AsyncHTTPConnection(to, self._trusted, keepalive_expiry=IDLE_SECONDS)

    def _claim(self, db: sqlite3.Connection) -> tuple[list[Due], float]:
        """What is due, leased to us; and how long the wall waits for what comes next."""
        now = self._world.clock.now_us()
        rows = db.execute(
            "SELECT id, order_id, event, type, body, attempts FROM callbacks "
            "WHERE due_us <= ? AND leased = 0 ORDER BY due_us, id LIMIT ?",
            (now, AT_ONCE),
        ).fetchall()
        db.executemany("UPDATE callbacks SET leased = 1 WHERE id = ?", [(row[0],) for row in rows])
        due = [self._due(db, row) for row in rows]
        after = db.execute(
            "SELECT min(due_us) FROM callbacks WHERE due_us > ? AND leased = 0", (now,)
        ).fetchone()[0]
        return due, self._world.clock.wall_seconds(after - now) if after else 60

    def _due(self, db: sqlite3.Connection, row: sqlite3.Row) -> Due:
        order, attempt = load(db, row["order_id"]), row["attempts"] + 1
        probe = order.network == "wechat" and _probes(self._world, db, order, row["event"], attempt)
        return Due(row["id"], row["event"], row["type"], row["body"], attempt, order, probe)

    async def _call(self, due: Due) -> None:
        async with self._free:
            writer = self._wechat if due.order.network == "wechat" else _signed
            headers, body = writer(self._world, due)
            status = await self._posted(due.order.notify_url, headers, body)
        await self._world.book.write(lambda db: self._called(db, due, status))
        self._world.ring.set()

    def _called(self, db: sqlite3.Connection, due: Due, status: int) -> None:
        now, next_us, ended = self._world.clock.now_us(), None, None
        if status in (200, 204):
            ended = now
        elif due.attempt <= len(SCHEDULE):
            next_us = now + SCHEDULE[due.attempt - 1]
        db.execute(
            "UPDATE callbacks SET leased = 0, attempts = ?, status = ?, due_us = ?, ended_us = ? "
            "WHERE id = ?",
            (due.attempt, status, next_us, ended, due.id),
        )

    async def _posted(self, to: str, headers: dict[str, str], body: bytes) -> int:
        """The status of the answer; 0: nobody is there, or answers in time, or it is no address."""
        try:
            address = _address(to)
        except (httpx2.InvalidURL, ValueError):
            return 0
        named = {**headers, "Host": address.host, "Content-Length": str(len(body))}
        sent = [(name.encode(), value.encode()) for name, value in named.items()]
        request = httpcore2.Request("POST", address.url, headers=sent, content=body)
        try:
            connection = await self._connection(address.url.origin)
            try:
                return await within(_status(connection, request), ANSWER_SECONDS) or 0
            finally:
                if connection.is_idle():
                    self._idle.append(connection)
                else:
                    await connection.aclose()
        except (*NOT_TAKEN, OSError, ValueError):  # The last: of a name that is no host's.
            return 0


class Address(NamedTuple):
    """Of a callback, and the header that names its host."""

    url: httpcore2.URL
    host: str


@lru_cache(maxsize=1_000)
def _address(to: str) -> Address:
    """Raises httpx2.InvalidURL, or ValueError for what is not http or https, or no port."""
    url = httpx2.URL(to)
    if url.scheme not in ("http", "https") or (url.port or 0) > LAST_PORT:
        raise ValueError(to)
    known = httpcore2.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
    return Address(known, url.netloc.decode())


async def _status(connection: httpcore2.AsyncHTTPConnection, request: httpcore2.Request) -> int:
    response = await connection.handle_async_request(request)
    try:
        await response.aread()
    finally:
        await response.aclose()
    return response.status


def _signed(world: World, due: Due) -> tuple[dict[str, str], bytes]:
    """A callback of a signed-JSON network."""
    body = f'{{"id":"{due.event}","event":"{due.type}","order":{due.body}}}'.encode()
    signed = world.signers[due.order.network].sign("POST", path_of(due.order.notify_url), body)
    return {**signed, "Content-Type": "application/json"}, body


def path_of(url: str) -> str:
    """PATH[?QUERY] of an address, as it goes over the wire."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _probes(world: World, db: sqlite3.Connection, order: Order, event: str, attempt: int) -> bool:
    """Whether this attempt carries a signature that must be refused (WeChat Pay's SIGNTEST)."""
    key = f"{order.key}/callback/{event[:16]}"
    if not world.draws.hits("signtest", key, attempt):
        return False
    record(db, "signtest", key, attempt, world.clock.now_us())
    return True


async def _rings(event: asyncio.Event, seconds: float) -> None:
    """Waits for an event, at most so long."""
    try:
        await asyncio.wait_for(event.wait(), max(0.001, min(seconds, 60)))
    except TimeoutError:
        return
