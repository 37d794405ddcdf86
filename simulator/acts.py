"""POST /simulate/…: what people and banks do by hand. Over loopback, unsigned.

pay, fail, pay-late, charge-again, take-back, return, finish: of an order, named by network, kind,
number; send-elsewhere: of an abnormal refund at WeChat Pay, as its merchant platform has it done.
account: opens one or sets it anew. holder: what a bank knows of its holder. clock: advances it.
maintenance: a network answers 503. transfer: money comes to the reserve account, or leaves it.
"""

import sqlite3
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from simulator import accounts, conduct, orders, reading
from simulator.accounts import Account
from simulator.agenda import Task
from simulator.clock import LATEST_US, SECOND
from simulator.faults import Draws, profile
from simulator.networks import FIELD_FEN, FIELD_NETWORKS
from simulator.orders import Order
from simulator.problems import Problem, invalid
from simulator.problems import reading as reading_bytes
from simulator.wire import Answer, answered, body_of
from simulator.world import Payer, World

Fen = Annotated[int, Meta(ge=1, le=10**13)]
Short = Annotated[str, Meta(max_length=64)]

# The act as it is written in the path, and the task it is.
ACTS = {
    "pay": "pay",
    "fail": "fail",
    "pay-late": "pay_late",
    "charge-again": "charge_again",
    "take-back": "take_back",
    "return": "return",
    "finish": "finish",
    "send-elsewhere": "send_elsewhere",
}


# What happens to a combined order happens to all of it.
WHOLE = frozenset(("pay", "fail", "pay_late", "charge_again"))


class Act(Struct, frozen=True, forbid_unknown_fields=True):
    """`amount`: what is really paid; `code`: why it fails; `state`: how a refund ends (finish)."""

    network: Short
    number: Short
    kind: Literal["payment", "refund", "payout", "whole"] = "payment"
    time: Short = ""
    merchant: Short | None = None
    amount: Fen | None = None
    code: Annotated[str, Meta(pattern="^[A-Z_]{1,40}$")] | None = None
    state: Short | None = None


class SetAccount(Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["card", "account", "user"]
    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
    name: Short = ""
    state: Literal["open", "closed"] = "open"
    balance: Annotated[int, Meta(ge=0, le=10**15)] = accounts.OPENING_FEN


class SetHolder(Struct, frozen=True, forbid_unknown_fields=True):
    """What a bank knows of an account's holder from now on."""

    kind: Literal["card", "account"]
    id: Annotated[str, Meta(pattern="^[0-9]{6,32}$")]
    identity: Annotated[str, Meta(pattern="^[0-9A-Z]{18}$")]
    phone: Annotated[str, Meta(pattern="^1[0-9]{10}$")]


class Transfer(Struct, frozen=True, forbid_unknown_fields=True):
    """Money that comes to the reserve account (`amount` above zero, fen) or leaves it (below),
    by nobody's order here: a top-up, a sweep, interest, or what nobody knows."""

    amount: Annotated[int, Meta(ge=-(10**13), le=10**13)]
    reference: Annotated[str, Meta(max_length=35, pattern=r"^[!-~]*$")] = ""
    words: Short = "转账"


class Advance(Struct, frozen=True, forbid_unknown_fields=True):
    seconds: Annotated[int, Meta(ge=1, le=400 * 86_400)]


class Maintenance(Struct, frozen=True, forbid_unknown_fields=True):
    network: Short
    on: bool


class Conduct(Struct, frozen=True, forbid_unknown_fields=True):
    """How payers and the outside behave from now on; what is left out stays."""

    payer: Payer | None = None
    faults: Annotated[str, Meta(max_length=2000)] | None = None
    latency_ms: Annotated[int, Meta(ge=0, le=60_000)] | None = None
    certificates: bool | None = None
    callbacks_by: Literal["public_key", "certificate", "both"] | None = None


class Acts:
    """The endpoints. `tasks`: what may be done to an order, of the signed networks and WeChat."""

    def __init__(
        self, world: World, signed: Mapping[str, Task], wechat: Mapping[str, Task]
    ) -> None:
        self._world, self._signed, self._wechat = world, signed, wechat

    async def act(self, request: Request) -> Response:
        return await _answer(request, lambda body: self._act(request.path_params["act"], body))

    async def _act(self, act: str, body: bytes) -> Answer:
        with reading_bytes():
            wish = msgspec.json.decode(body, type=Act)
        if act not in ACTS:
            raise Problem(404, "NO_SUCH_ACT", f"it is one of {', '.join(ACTS)}")
        return await self._world.book.write(lambda db: self._done(db, ACTS[act], wish))

    def _done(self, db: sqlite3.Connection, task: str, wish: Act) -> Answer:
        order = self._found(db, wish)
        if order.network in FIELD_NETWORKS and (wish.amount or 0) > FIELD_FEN:
            raise invalid("amount", f"at most {FIELD_FEN} here")
        tasks = self._wechat if order.network == "wechat" else self._signed
        if task not in tasks:
            raise invalid("network", "nobody can do that there")
        if order.whole_id is not None and task in WHOLE:
            raise invalid("number", "a combined order is paid whole: its own number, kind whole")
        before = _seen(db, order)
        detail = {"amount": wish.amount, "code": wish.code, "state": wish.state}
        tasks[task](self._world, db, order, {k: v for k, v in detail.items() if v is not None})
        after = orders.load(db, order.id)
        if _seen(db, after) == before:
            raise Problem(409, "NOT_POSSIBLE", f"the order is {order.state}")
        return Answer(200, reading.entry(db, after))

    def _found(self, db: sqlite3.Connection, wish: Act) -> Order:
        row = db.execute(
            "SELECT * FROM orders WHERE network = ? AND kind = ? AND number = ? "
            "AND (? = '' OR time = ?) AND (? IS NULL OR merchant = ?) ORDER BY id DESC LIMIT 1",
            (wish.network, wish.kind, wish.number, wish.time, wish.time, *(2 * (wish.merchant,))),
        ).fetchone()
        if row is None:
            raise Problem(404, "NO_SUCH_ORDER", "there is no such order here")
        return Order(**row)

    async def account(self, request: Request) -> Response:
        async def run(body: bytes) -> Answer:
            with reading_bytes():
                wish = msgspec.json.decode(body, type=SetAccount)
            name = f"{wish.kind}:{wish.id}"
            bank = accounts.bank_of(name)
            account = Account(name, bank, wish.name, wish.state, wish.balance, wish.balance)

            def put(db: sqlite3.Connection) -> None:
                # What a used account had and has is kept in balance: its opening moves along.
                old = accounts.find(db, name)
                moved = old.balance - old.opening if old else 0
                accounts.put(db, msgspec.structs.replace(account, opening=wish.balance - moved))

            await self._world.book.write(put)
            return Answer(200, account)

        return await _answer(request, run)

    async def holder(self, request: Request) -> Response:
        async def run(body: bytes) -> Answer:
            with reading_bytes():
                wish = msgspec.json.decode(body, type=SetHolder)
            row = (f"{wish.kind}:{wish.id}", wish.identity, wish.phone)
            sql = "INSERT OR REPLACE INTO holders (account, identity, phone) VALUES (?, ?, ?)"
            await self._world.book.write(lambda db: db.execute(sql, row))
            return Answer(200, wish)

        return await _answer(request, run)

    async def transfer(self, request: Request) -> Response:
        async def run(body: bytes) -> Answer:
            with reading_bytes():
                wish = msgspec.json.decode(body, type=Transfer)
            if wish.amount == 0:
                raise invalid("amount", "nothing would move")
            row = (self._world.clock.now_us(), wish.amount, wish.reference, wish.words)
            sql = "INSERT INTO transfers (at_us, amount, reference, words) VALUES (?, ?, ?, ?)"
            await self._world.book.write(lambda db: db.execute(sql, row))
            return Answer(200, wish)

        return await _answer(request, run)

    async def clock(self, request: Request) -> Response:
        async def run(body: bytes) -> Answer:
            with reading_bytes():
                wish = msgspec.json.decode(body, type=Advance)
            world = self._world
            if world.clock.now_us() + wish.seconds * SECOND >= LATEST_US:
                raise invalid("seconds", "this clock ends in the year 9000")
            world.clock.offset_us += wish.seconds * SECOND
            await world.book.write(lambda db: world.remember(db))
            world.wake.set()
            world.ring.set()
            return Answer(200, reading.health(world))

        return await _answer(request, run)

    async def maintenance(self, request: Request) -> Response:
        async def run(body: bytes) -> Answer:
            with reading_bytes():
                wish = msgspec.json.decode(body, type=Maintenance)
            if wish.network not in (*self._world.signers, "wechat"):
                raise invalid("network", "it is none of the simulated networks")
            (self._world.maintenance.add if wish.on else self._world.maintenance.discard)(
                wish.network
            )
            return Answer(200, reading.health(self._world))

        return await _answer(request, run)

    async def conduct(self, request: Request) -> Response:
        async def run(body: bytes) -> Answer:
            with reading_bytes():
                wish = msgspec.json.decode(body, type=Conduct)
            world = self._world
            if wish.faults is not None:
                world.draws = Draws(world.draws.seed, profile(wish.faults))
            world.payer = wish.payer or world.payer
            if wish.latency_ms is not None:
                world.latency_ms = wish.latency_ms
            if wish.certificates is not None:
                world.certificates = wish.certificates
            world.callbacks_by = wish.callbacks_by or world.callbacks_by
            return Answer(200, reading.health(world))

        return await _answer(request, run)


def fail(world: World, db: sqlite3.Connection, order: Order, detail: dict[str, Any]) -> None:
    """An open order is declined by hand."""
    if order.state in conduct.OPEN:
        conduct.decline(world, db, order, detail.get("code", "PAYER_CANCELLED"))


def _seen(db: sqlite3.Connection, order: Order) -> tuple[object, ...]:
    """What an act may change."""
    moved = db.execute("SELECT max(id) FROM movements").fetchone()[0]
    return order.state, order.detail, moved


async def _answer(request: Request, run: Callable[[bytes], Any]) -> Response:
    try:
        answer: Answer = await run(await body_of(request))
    except Problem as problem:
        answer = answered(problem)
    return Response(answer.bytes(), answer.status, media_type="application/json")
