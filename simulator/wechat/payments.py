"""Native orders of a merchant, and of a partner for a merchant: place, query, close."""

import hashlib
import json
import sqlite3
from typing import Any

import msgspec
from msgspec import Struct

from simulator import orders
from simulator.orders import Order
from simulator.problems import Problem
from simulator.sandbox import is_silent
from simulator.wechat import conduct, shapes
from simulator.wechat.door import Asked, Door, Endpoint, Ready, missing
from simulator.wechat.wishes import Close, Native, PartnerClose, PartnerNative
from simulator.wire import Answer, spoken

SINGLE, PARTNER = "/v3/pay/transactions", "/v3/pay/partner/transactions"


def new_order(door: Door, number: str, merchant: str, amount: int, **given: Any) -> Order:
    """A NOTPAY order; its payer is drawn by its number."""
    openid = "o" + door.world.draws.digits(27, "openid", number)
    detail = {**given.pop("detail"), "openid": openid}
    return Order(
        network="wechat",
        merchant=merchant,
        number=number,
        time="",
        state="NOTPAY",
        amount=amount,
        party_kind="user",
        party_id=openid,
        party_name="",
        created_us=door.world.clock.now_us(),
        detail=json.dumps(detail),
        **given,
    )


def fingerprint(wish: Struct) -> str:
    return hashlib.sha256(msgspec.json.encode(wish)).hexdigest()


def refuse_repeated(found: Order, wish: Struct) -> None:
    """Whether a number that is in use may be placed again: the same wish, still unpaid."""
    if found.fingerprint != fingerprint(wish):
        raise Problem(403, "OUT_TRADE_NO_USED", "the number stands for another order")
    if found.state in conduct.RECEIVED:
        raise Problem(400, "ORDERPAID", "the order is paid")
    if found.state == "CLOSED":
        raise Problem(400, "ORDER_CLOSED", "the order is closed: take another number")


def code_url(door: Door, order: Order) -> Answer:
    sign = door.world.draws.digits(16, "code_url", order.key)
    told = Answer(200, {"code_url": f"weixin://wxpay/bizpayurl?pr={sign}zz"})
    return spoken(door.world, order, told)


class Payments:
    """The endpoints."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def table(self) -> list[tuple[str, str, Endpoint]]:
        ends = self._door.endpoint
        numbered, known = "/out-trade-no/{number}", "/id/{transaction_id}"
        return [
            ("POST", f"{SINGLE}/native", ends(self._place)),
            ("GET", SINGLE + numbered, ends(self._query)),
            ("GET", SINGLE + known, ends(self._query_id)),
            ("POST", SINGLE + numbered + "/close", ends(self._close)),
            ("POST", f"{PARTNER}/native", ends(self._place_for)),
            ("GET", PARTNER + numbered, ends(self._query)),
            ("GET", PARTNER + known, ends(self._query_id)),
            ("POST", PARTNER + numbered + "/close", ends(self._close_for)),
        ]

    def _place(self, asked: Asked) -> Ready:
        wish = asked.read(Native)
        self._door.ours(wish.mchid, wish.appid)
        detail = {"appid": wish.appid, "attach": wish.attach}
        return self._ready(wish, wish.mchid, detail)

    def _place_for(self, asked: Asked) -> Ready:
        wish = asked.read(PartnerNative)
        self._door.ours(wish.sp_mchid, wish.sp_appid)
        detail = {
            "appid": wish.sp_appid,
            "sp_mchid": wish.sp_mchid,
            "sub_appid": wish.sub_appid,
            "attach": wish.attach,
        }
        return self._ready(wish, wish.sub_mchid, detail)

    def _ready(self, wish: Native | PartnerNative, merchant: str, detail: dict[str, Any]) -> Ready:
        number, door = wish.out_trade_no, self._door

        def carry(db: sqlite3.Connection) -> Answer:
            found = orders.find(db, "wechat", "payment", merchant, number)
            if found is not None:
                refuse_repeated(found, wish)
                return code_url(door, found)
            expires = door.expiry(wish.time_expire)
            order = new_order(
                door,
                number,
                merchant,
                wish.amount.total,
                kind="payment",
                subject=wish.description,
                notify_url=wish.notify_url,
                fingerprint=fingerprint(wish),
                expires_us=expires,
                detail=detail,
            )
            door.world.ask_for(order)
            if door.world.fault(db, "decline_channel", order):
                order.state, order.ended_us = "CLOSED", order.created_us
                order.code = "RULE_LIMIT"
                orders.insert(db, order)
                # Refused as a whole: the number is used up, and nobody can pay it.
                return Answer(
                    403, {"code": "RULE_LIMIT", "message": "above a limit of the channel"}
                )
            orders.insert(db, order)
            conduct.placed(door.world, db, order)
            return code_url(door, order)

        return Ready(f"wechat/payment/{number}/place", carry)

    def _merchant(self, asked: Asked) -> str:
        """Whose order is asked about: ?mchid=, or ?sp_mchid=&sub_mchid=."""
        if "sp_mchid" in asked.query:
            self._door.ours(asked.query["sp_mchid"])
            return asked.query.get("sub_mchid", "")
        self._door.ours(asked.query.get("mchid", ""))
        return asked.query["mchid"]

    def _query(self, asked: Asked) -> Ready:
        merchant, number = self._merchant(asked), asked.path["number"]

        def carry(db: sqlite3.Connection) -> Answer:
            found = orders.find(db, "wechat", "payment", merchant, number)
            if found is None:
                raise missing()
            return spoken(self._door.world, found, Answer(200, shapes.transaction(db, found)))

        return Ready(f"wechat/payment/{number}/query", carry, writes=False)

    def _query_id(self, asked: Asked) -> Ready:
        merchant, serial = self._merchant(asked), asked.path["transaction_id"]

        def carry(db: sqlite3.Connection) -> Answer:
            found = by_transaction(db, serial)
            if found is None or found.merchant != merchant:
                raise missing()
            told = Answer(200, shapes.transaction(db, found, serial))
            return spoken(self._door.world, found, told)

        return Ready(f"wechat/payment/{serial}/query", carry, writes=False)

    def _close(self, asked: Asked) -> Ready:
        wish = asked.read(Close)
        self._door.ours(wish.mchid)
        return self._closing(wish.mchid, asked.path["number"])

    def _close_for(self, asked: Asked) -> Ready:
        wish = asked.read(PartnerClose)
        self._door.ours(wish.sp_mchid)
        return self._closing(wish.sub_mchid, asked.path["number"])

    def _closing(self, merchant: str, number: str) -> Ready:
        def carry(db: sqlite3.Connection) -> Answer:
            found = orders.find(db, "wechat", "payment", merchant, number)
            if found is None:
                raise missing()
            if found.whole_id is not None:
                raise Problem(400, "INVALID_REQUEST", "a combined order is closed whole")
            if found.state in conduct.RECEIVED:
                raise Problem(400, "ORDER_PAID", "the order is paid: query it")
            if is_silent(found, self._door.world.clock.now_us()):
                return spoken(self._door.world, found, Answer(204))
            if found.state == "NOTPAY":
                conduct.close(self._door.world, db, found)
            return Answer(204)

        return Ready(f"wechat/payment/{number}/close", carry)


def by_transaction(db: sqlite3.Connection, serial: str) -> Order | None:
    """The payment of a transaction id."""
    row = db.execute(
        "SELECT orders.* FROM orders JOIN movements ON orders.id = order_id "
        "WHERE serial = ? AND network = 'wechat' AND orders.kind = 'payment' "
        "AND movements.kind = 'charge'",
        (serial,),
    ).fetchone()
    return Order(**row) if row else None
