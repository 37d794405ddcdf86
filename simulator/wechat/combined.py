"""Combined orders (合单): several merchants' orders, one QR code, one payer. Placed, queried and
closed whole; refunded per sub-order only (`refunds.py`)."""

import json
import sqlite3
from typing import Any

from simulator import orders
from simulator.orders import Order
from simulator.problems import Problem
from simulator.sandbox import is_silent, mark, marked
from simulator.wechat import conduct, shapes
from simulator.wechat.door import Asked, Door, Endpoint, Ready, missing
from simulator.wechat.payments import code_url, fingerprint, new_order, refuse_repeated
from simulator.wechat.wishes import Combined, CombinedClose, SubClose, SubOrder
from simulator.wire import Answer, spoken

ROOT = "/v3/combine-transactions"
MOST = 10  # Sub-orders of a direct merchant, and at least two; a partner's: 1 to 50.


def owner(part: SubOrder | SubClose) -> str:
    """Whose sub-order it is: the merchant's own, or that of a partner's merchant."""
    return part.sub_mchid or part.mchid


class CombinedPayments:
    """The endpoints."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def table(self) -> list[tuple[str, str, Endpoint]]:
        ends = self._door.endpoint
        return [
            ("POST", f"{ROOT}/native", ends(self._place)),
            ("GET", ROOT + "/out-trade-no/{number}", ends(self._query)),
            ("POST", ROOT + "/out-trade-no/{number}/close", ends(self._close)),
        ]

    def _place(self, asked: Asked) -> Ready:
        wish = asked.read(Combined)
        self._door.ours(wish.combine_mchid, wish.combine_appid)
        partner = all(part.sub_mchid for part in wish.sub_orders)
        if not partner and not 2 <= len(wish.sub_orders) <= MOST:
            raise Problem(400, "PARAM_ERROR", f"sub_orders: 2 to {MOST}")
        names = {(owner(part), part.out_trade_no) for part in wish.sub_orders}
        if len(names) != len(wish.sub_orders):
            raise Problem(400, "PARAM_ERROR", "sub_orders: a number stands there twice")
        number = wish.combine_out_trade_no

        def carry(db: sqlite3.Connection) -> Answer:
            found = orders.find(db, "wechat", "whole", wish.combine_mchid, number)
            if found is not None:
                refuse_repeated(found, wish)
                return code_url(self._door, found)
            return self._placed(db, wish)

        return Ready(f"wechat/whole/{number}/place", carry)

    def _placed(self, db: sqlite3.Connection, wish: Combined) -> Answer:
        door, print_ = self._door, fingerprint(wish)
        shared: dict[str, Any] = {
            "notify_url": wish.notify_url,
            "fingerprint": print_,
            "expires_us": door.expiry(wish.time_expire),
        }
        whole = new_order(
            door,
            wish.combine_out_trade_no,
            wish.combine_mchid,
            sum(part.amount.total_amount for part in wish.sub_orders),
            kind="whole",
            subject=wish.sub_orders[0].description,
            detail={"appid": wish.combine_appid},
            **shared,
        )
        door.world.ask_for(whole)
        orders.insert(db, whole)
        for part in wish.sub_orders:
            if orders.find(db, "wechat", "payment", owner(part), part.out_trade_no) is not None:
                raise Problem(403, "OUT_TRADE_NO_USED", f"{part.out_trade_no} is in use")
            orders.insert(db, self._sub_order(whole, wish, part, shared))
        conduct.placed(door.world, db, whole)
        return code_url(door, whole)

    def _sub_order(
        self, whole: Order, wish: Combined, part: SubOrder, shared: dict[str, Any]
    ) -> Order:
        partner = {"sp_mchid": part.mchid, "sub_mchid": part.sub_mchid} if part.sub_mchid else {}
        made = new_order(
            self._door,
            part.out_trade_no,
            owner(part),
            part.amount.total_amount,
            kind="payment",
            subject=part.description,
            whole_id=whole.id,
            detail={
                "appid": wish.combine_appid,
                "mchid": part.mchid,
                "attach": part.attach,
                **partner,
            },
            **shared,
        )
        made.party_id = whole.party_id  # One payer pays them all.
        made.detail = json.dumps({**made.details(), "openid": whole.party_id})
        if (wanted := marked(whole)) is not None:  # What is asked for is asked of all its parts.
            mark(made, wanted, whole.created_us)
        return made

    def _found(self, db: sqlite3.Connection, number: str) -> Order:
        found = orders.find(db, "wechat", "whole", self._door.member.mchid, number)
        if found is None:
            raise missing("ORDERNOTEXIST")  # Spelled so by this API.
        return found

    def _query(self, asked: Asked) -> Ready:
        number = asked.path["number"]

        def carry(db: sqlite3.Connection) -> Answer:
            found = self._found(db, number)
            return spoken(self._door.world, found, Answer(200, shapes.combined(db, found)))

        return Ready(f"wechat/whole/{number}/query", carry, writes=False)

    def _close(self, asked: Asked) -> Ready:
        wish, number = asked.read(CombinedClose), asked.path["number"]
        self._door.ours(self._door.member.mchid, wish.combine_appid)

        def carry(db: sqlite3.Connection) -> Answer:
            whole = self._found(db, number)
            placed = {(part.merchant, part.number) for part in orders.parts_of(db, whole.id)}
            named = {(owner(part), part.out_trade_no) for part in wish.sub_orders}
            if named != placed or len(wish.sub_orders) != len(placed):
                raise Problem(400, "PARAM_ERROR", "sub_orders: name all, as they were placed")
            if whole.state in conduct.RECEIVED:
                raise Problem(400, "ORDERPAID", "the order is paid: query it")
            if is_silent(whole, self._door.world.clock.now_us()):
                return spoken(self._door.world, whole, Answer(204))
            if whole.state == "NOTPAY":
                conduct.close(self._door.world, db, whole)
            return Answer(204)

        return Ready(f"wechat/whole/{number}/close", carry)
