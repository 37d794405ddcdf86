"""The signed-JSON networks: UnionPay, NetsUnion, JD Pay, Cloud QuickPass, transfers by banks.

POST /{network}/orders · GET /{network}/orders/{number} · POST /{network}/orders/{number}/close
"""

import hashlib
import re
import sqlite3
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from simulator import accounts, conduct, orders
from simulator.clock import MINUTE, SECOND, iso, parse_compact, parse_iso
from simulator.orders import Order
from simulator.problems import Problem, invalid, reading
from simulator.sandbox import is_silent
from simulator.shapes import order_told
from simulator.wire import Answer, answered, body_of, carry_out, path_of, send, spoken
from simulator.world import World

Kind = Literal["payment", "refund", "payout"]
Text = Annotated[str, Meta(min_length=1, max_length=128)]
Short = Annotated[str, Meta(max_length=64)]
Fen = Annotated[int, Meta(ge=1, le=10**13)]

TIMED = "unionpay"
NARROW = ("unionpay", "quickpass")  # New orders' numbers are letters and digits there.
NUMBER = re.compile(r"[0-9A-Za-z_\-]{6,32}")
UNIONPAY_NUMBER = re.compile(r"[0-9A-Za-z]{8,32}")
# Their files have twelve digits for an amount; by fault more is taken than was asked.
FIELD_NETWORKS, FIELD_FEN = ("unionpay", "quickpass"), 9 * 10**11
URL = re.compile(r"https?://[!-~]{1,250}")


class Party(Struct, frozen=True):
    kind: Literal["card", "account", "user"]
    id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
    name: Short | None = None


class Placing(Struct, frozen=True):
    """The body of POST /{network}/orders."""

    merchant: Short
    number: Short
    kind: Kind
    amount: Fen
    currency: Literal["CNY"]
    party: Party
    subject: Text
    notify_url: Annotated[str, Meta(max_length=255)]
    time: Short | None = None
    original: Short | None = None
    original_amount: Fen | None = None
    expires: Short | None = None


class Closing(Struct, frozen=True):
    """The body of a close."""

    merchant: Short
    kind: Literal["payment"]
    time: Short | None = None


class Named(Struct, frozen=True):
    """Which order is meant."""

    network: str
    merchant: str
    number: str
    kind: str
    time: str

    def key(self, what: str) -> str:
        return f"{self.network}/{self.kind}/{self.number}/{what}"


class Networks:
    """The endpoints. Whoever signs is looked at first, then what was said."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def place(self, request: Request) -> Response:
        def read(network: str, body: bytes) -> tuple[Named, Callable[[sqlite3.Connection], Answer]]:
            with reading():
                wish = msgspec.json.decode(body, type=Placing)
            named = self._named(network, wish.merchant, wish.number, wish.kind, wish.time)
            if network in NARROW and not UNIONPAY_NUMBER.fullmatch(wish.number):
                raise invalid("number", f"it is {UNIONPAY_NUMBER.pattern}")
            return named, lambda db: self._place(db, named, wish)

        return await self._exchange(request, "place", read)

    async def query(self, request: Request) -> Response:
        def read(network: str, _: bytes) -> tuple[Named, Callable[[sqlite3.Connection], Answer]]:
            said = request.query_params
            named = self._named(
                network,
                said.get("merchant", ""),
                request.path_params["number"],
                said.get("kind", ""),
                said.get("time"),
            )
            return named, lambda db: self._told(db, self._found(db, named))

        return await self._exchange(request, "query", read)

    async def close(self, request: Request) -> Response:
        def read(network: str, body: bytes) -> tuple[Named, Callable[[sqlite3.Connection], Answer]]:
            with reading():
                wish = msgspec.json.decode(body, type=Closing)
            number = request.path_params["number"]
            named = self._named(network, wish.merchant, number, wish.kind, wish.time)
            return named, lambda db: self._close(db, named)

        return await self._exchange(request, "close", read)

    async def _exchange(
        self,
        request: Request,
        what: str,
        read: Callable[[str, bytes], tuple[Named, Callable[[sqlite3.Connection], Answer]]],
    ) -> Response:
        network = request.path_params["network"]
        signer, nonce = self._world.signers.get(network), ""
        try:
            if signer is None:
                raise Problem(404, "NO_SUCH_NETWORK", "it is none of the simulated networks")
            body, path = await body_of(request), path_of(request)
            nonce = signer.verify(request.method, path, body, request.headers, self._world.nonces)
            named, carry = read(network, body)
        except Problem as problem:
            answer = answered(problem)
            signed = signer.sign("ANSWER", nonce, answer.bytes()) if signer else {}
            return Response(answer.bytes(), answer.status, signed, "application/json")
        known = signer
        fate = await carry_out(self._world, network, named.key(what), what != "query", carry)
        return await send(
            self._world,
            request,
            fate,
            lambda answer, _: known.sign("ANSWER", nonce, answer.bytes()),
        )

    def _named(
        self, network: str, merchant: str, number: str, kind: str, time: str | None
    ) -> Named:
        """Checks who, which and when. Raises Problem 400."""
        if merchant != self._world.keys.networks[network].merchant:
            raise invalid("merchant", "it is not a member of this network")
        timed = network == TIMED
        if not (UNIONPAY_NUMBER if timed else NUMBER).fullmatch(number):
            grammar = UNIONPAY_NUMBER.pattern if timed else NUMBER.pattern
            raise invalid("number", f"it is {grammar}")
        if kind not in ("payment", "refund", "payout"):
            raise invalid("kind", "it is payment, refund or payout")
        if timed and (time is None or parse_compact(time) is None):
            raise invalid("time", "UnionPay knows an order by its number and yyyyMMddHHmmss")
        if not timed and time is not None:
            raise invalid("time", "only UnionPay has it")
        return Named(network, merchant, number, kind, time or "")

    def _found(self, db: sqlite3.Connection, named: Named) -> Order:
        found = orders.find(db, named.network, named.kind, named.merchant, named.number, named.time)
        if found is None:
            raise Problem(404, "NO_SUCH_ORDER", "there is no such order here")
        return found

    def _told(self, db: sqlite3.Connection, order: Order) -> Answer:
        told = Answer(200, order_told(db, order, self._world.keys.base_url))
        return spoken(self._world, order, told)

    def _close(self, db: sqlite3.Connection, named: Named) -> Answer:
        order = self._found(db, named)
        if order.state in ("SUCCEEDED", "RETURNED"):
            raise Problem(409, "ORDER_PAID", "it is paid: query it")
        if order.state in conduct.OPEN and not is_silent(order, self._world.clock.now_us()):
            conduct.close(self._world, db, order)
        return self._told(db, order)

    def _place(self, db: sqlite3.Connection, named: Named, wish: Placing) -> Answer:
        fingerprint = hashlib.sha256(msgspec.json.encode(wish)).hexdigest()
        key = (named.network, named.kind, named.merchant, named.number, named.time)
        found = orders.find(db, *key)
        if found is not None:
            if found.fingerprint != fingerprint:
                raise Problem(409, "NUMBER_REUSED", "the number stands for another order")
            return self._told(db, found)
        order = self._checked(db, named, wish, fingerprint)
        self._world.ask_for(order)
        orders.insert(db, order)
        conduct.placed(self._world, db, order)
        return self._told(db, orders.load(db, order.id))

    def _checked(
        self, db: sqlite3.Connection, named: Named, wish: Placing, fingerprint: str
    ) -> Order:
        """A new order, checked. Raises Problem 400, 409."""
        now = self._world.clock.now_us()
        if named.network == TIMED:
            away = abs((parse_compact(named.time) or 0) - now)
            # A fast clock must not shut out whoever takes half a second to send.
            if away > max(5 * MINUTE, 30 * SECOND * self._world.clock.factor):
                raise Problem(400, "TIME_INVALID", f"time is not within 5 minutes of {iso(now)}")
        if (named.network == "bank") != (wish.kind == "payout"):
            raise invalid("kind", "payouts, and only they, go to network bank")
        if named.network in FIELD_NETWORKS and wish.amount > FIELD_FEN:
            raise invalid("amount", f"at most {FIELD_FEN} here")
        if not URL.fullmatch(wish.notify_url):
            raise invalid("notify_url", "it is an http or https address")
        expires = parse_iso(wish.expires) if wish.expires is not None else None
        if wish.expires is not None and (expires is None or wish.kind != "payment"):
            raise invalid("expires", "of a payment, like 2026-11-25T20:00:00+08:00")
        waits = wish.kind == "payment" and named.network in conduct.WAITING_NETWORKS
        return Order(
            network=named.network,
            merchant=named.merchant,
            number=named.number,
            time=named.time,
            kind=named.kind,
            state="WAITING" if waits else "PROCESSING",
            amount=wish.amount,
            party_kind=wish.party.kind,
            party_id=wish.party.id,
            party_name=wish.party.name or "",
            subject=wish.subject,
            notify_url=wish.notify_url,
            fingerprint=fingerprint,
            created_us=now,
            expires_us=expires,
            original_id=self._original(db, named, wish),
        )

    def _original(self, db: sqlite3.Connection, named: Named, wish: Placing) -> int | None:
        """The payment that a refund is of, if it has the money. Raises Problem."""
        if wish.kind != "refund":
            if wish.original is not None or wish.original_amount is not None:
                raise invalid("original", "only a refund has one")
            return None
        if wish.original is None:
            raise invalid("original", "a refund names the number of its payment")
        candidates = orders.payments_numbered(db, named.network, named.merchant, wish.original)
        if not candidates:
            raise Problem(404, "NO_SUCH_ORDER", "original: there is no such payment here")
        paid = [order for order in candidates if accounts.charges(db, order.id)]
        if not paid:
            raise Problem(409, "ORDER_UNPAID", "original: it is not paid")
        came = accounts.charges(db, paid[0].id)[0].amount  # Another than asked, by a fault.
        if wish.original_amount not in (None, paid[0].amount, came):
            raise invalid("original_amount", f"the payment is of {paid[0].amount}")
        if conduct.left_fen(db, paid[0].id) < wish.amount:
            raise Problem(409, "AMOUNT_TOO_LARGE", "more than is left of the payment")
        return paid[0].id
