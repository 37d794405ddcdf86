"""Refunds: of a transaction, at most 50, a minute apart, within 365 days; one number, one refund.

Accepted, the money is taken from the merchant. CLOSED is final and needs a new number; ABNORMAL is
not final: the merchant has the money sent to another card, or back to itself.
"""

import json
import sqlite3
from typing import Any

from simulator import orders
from simulator.accounts import Movement
from simulator.clock import DAY, MINUTE
from simulator.orders import Order
from simulator.problems import Problem
from simulator.wechat import conduct, shapes
from simulator.wechat.door import Asked, Door, Endpoint, Ready, missing
from simulator.wechat.payments import by_transaction, fingerprint
from simulator.wechat.wishes import Abnormal, Refund
from simulator.wire import Answer, spoken

ROOT = "/v3/refund/domestic/refunds"
MOST, APART, LATEST = 50, MINUTE, 365 * DAY


class Refunds:
    """The endpoints."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def table(self) -> list[tuple[str, str, Endpoint]]:
        ends = self._door.endpoint
        return [
            ("POST", ROOT, ends(self._place)),
            ("GET", ROOT + "/{number}", ends(self._query)),
            ("POST", ROOT + "/{refund_id}/apply-abnormal-refund", ends(self._apply)),
        ]

    def _place(self, asked: Asked) -> Ready:
        wish = asked.read(Refund)
        if (wish.transaction_id is None) == (wish.out_trade_no is None):
            raise Problem(400, "PARAM_ERROR", "name transaction_id or out_trade_no")
        merchant = wish.sub_mchid or self._door.member.mchid

        def carry(db: sqlite3.Connection) -> Answer:
            found = orders.find(db, "wechat", "refund", merchant, wish.out_refund_no)
            if found is None:
                found = self._placed(db, wish, merchant)
            elif found.fingerprint != fingerprint(wish):
                raise Problem(400, "INVALID_REQUEST", "out_refund_no stands for another refund")
            return spoken(self._door.world, found, Answer(200, shapes.refund(db, found)))

        return Ready(f"wechat/refund/{wish.out_refund_no}/place", carry)

    def _placed(self, db: sqlite3.Connection, wish: Refund, merchant: str) -> Order:
        world = self._door.world
        paid, charge = self._original(db, wish, merchant)
        self._refuse(db, wish, paid, charge)
        detail: dict[str, Any] = {
            "transaction_id": charge.serial,
            "out_trade_no": paid.number,
            "total": charge.amount,
            "channel": "ORIGINAL",
            "received": "支付用户零钱",
            "sp_mchid": paid.details().get("sp_mchid"),
        }
        order = Order(
            network="wechat",
            merchant=merchant,
            number=wish.out_refund_no,
            time="",
            kind="refund",
            state="PROCESSING",
            amount=wish.amount.refund,
            party_kind=paid.party_kind,
            party_id=paid.party_id,
            party_name="",
            subject=wish.reason or "",
            notify_url=wish.notify_url or "",
            fingerprint=fingerprint(wish),
            created_us=world.clock.now_us(),
            original_id=paid.id,
        )
        detail["refund_id"] = "5030" + world.draws.digits(25, "refund_id", order.key)
        order.detail = json.dumps(detail)
        world.ask_for(order)
        orders.insert(db, order)
        paid.state = "REFUND"
        orders.save(db, paid)
        conduct.refund_placed(world, db, order)
        return order

    def _original(
        self, db: sqlite3.Connection, wish: Refund, merchant: str
    ) -> tuple[Order, Movement]:
        """The payment, and which of its transactions. Raises Problem."""
        serial = wish.transaction_id or ""
        if serial:
            found = by_transaction(db, serial)
        else:
            number = wish.out_trade_no or ""
            found = orders.find(db, "wechat", "payment", merchant, number)
        if found is None or found.merchant != merchant:
            raise missing("RESOURCE_NOT_EXISTS")
        charge = shapes.paid_by(db, found, serial)
        if charge is None:
            raise Problem(400, "INVALID_REQUEST", "the order is not paid")
        return found, charge

    def _refuse(self, db: sqlite3.Connection, wish: Refund, paid: Order, charge: Movement) -> None:
        """The rules of refunds. Raises Problem."""
        now, before = self._door.world.clock.now_us(), orders.refunds_of(db, paid.id)
        if wish.amount.total != charge.amount:
            raise Problem(400, "INVALID_REQUEST", "amount.total is not that of the order")
        if now - charge.at_us > LATEST:
            raise Problem(400, "INVALID_REQUEST", "the order is older than 365 days")
        if len(before) >= MOST:
            raise Problem(400, "INVALID_REQUEST", f"an order has at most {MOST} refunds")
        left = conduct.left_fen(db, paid, charge.serial, charge.amount)
        if wish.amount.refund > left:
            raise Problem(400, "INVALID_REQUEST", "amount.refund is more than is left")
        if before and now - max(one.created_us for one in before) < APART:
            raise Problem(429, "FREQUENCY_LIMITED", "refunds of one order are a minute apart")

    def _query(self, asked: Asked) -> Ready:
        number = asked.path["number"]
        merchant = asked.query.get("sub_mchid") or self._door.member.mchid

        def carry(db: sqlite3.Connection) -> Answer:
            found = orders.find(db, "wechat", "refund", merchant, number)
            if found is None:
                raise missing("RESOURCE_NOT_EXISTS")
            return spoken(self._door.world, found, Answer(200, shapes.refund(db, found)))

        return Ready(f"wechat/refund/{number}/query", carry, writes=False)

    def _apply(self, asked: Asked) -> Ready:
        wish, refund_id = asked.read(Abnormal), asked.path["refund_id"]
        merchant = wish.sub_mchid or self._door.member.mchid
        target, channel, received = self._elsewhere(wish, merchant, asked.serial)

        def carry(db: sqlite3.Connection) -> Answer:
            found = orders.find(db, "wechat", "refund", merchant, wish.out_refund_no)
            if found is None or found.details()["refund_id"] != refund_id:
                raise missing("RESOURCE_NOT_EXISTS")
            if found.state == "ABNORMAL":
                world = self._door.world
                conduct.apply_abnormal(world, db, found, target, channel, received)
            elif found.details().get("target") != target:
                raise Problem(400, "INVALID_REQUEST", "the refund is not abnormal")
            return Answer(200, shapes.refund(db, found))

        return Ready(f"wechat/refund/{wish.out_refund_no}/apply", carry)

    def _elsewhere(self, wish: Abnormal, merchant: str, serial: str) -> tuple[str, str, str]:
        """Where an abnormal refund goes: account, channel, and how that is told."""
        if wish.type == "MERCHANT_BANK_CARD":
            return f"account:merchant-{merchant}", "OTHER_BANKCARD", "商户结算银行账户"
        if not (wish.bank_type and wish.bank_account and wish.real_name):
            raise Problem(400, "PARAM_ERROR", "bank_type, bank_account and real_name are needed")
        card = self._door.seal.decrypted(serial, wish.bank_account)
        self._door.seal.decrypted(serial, wish.real_name)
        if not (card.isascii() and card.isdigit() and 12 <= len(card) <= 19):
            raise Problem(400, "PARAM_ERROR", "bank_account is the number of a card")
        return f"card:{card}", "OTHER_BANKCARD", f"银行卡{card[-4:]}"
