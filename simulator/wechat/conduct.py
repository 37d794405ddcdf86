"""What payers and banks do at WeChat Pay. Every function runs inside one function of the book.

    order    NOTPAY ──▶ SUCCESS ──▶ REFUND, NOTPAY ──▶ CLOSED (by fault CLOSED ──▶ SUCCESS)
    refund   PROCESSING ──▶ SUCCESS | CLOSED | ABNORMAL,  ABNORMAL ──apply──▶ PROCESSING

`time_expire` ends paying; it closes nothing. A combined order is paid whole, by one payer.
"""

import json
import sqlite3
from typing import Any

from simulator import accounts, orders, sandbox
from simulator.accounts import Movement, NoFunds
from simulator.callbacks import announce
from simulator.clock import DAY, HOUR, MINUTE, SECOND
from simulator.orders import Order
from simulator.wechat import shapes
from simulator.world import World

CODE_URL_LIVES = 2 * HOUR
RECEIVED = {"SUCCESS", "REFUND"}


def placed(world: World, db: sqlite3.Connection, order: Order) -> None:
    """Draws what the payer does with a new order, single or combined."""
    draws, key = world.draws, order.key
    failed, wanted = world.fault(db, "decline_payer", order), sandbox.marked(order)
    if wanted is not None:
        as_asked(world, db, order, wanted)
        return
    if world.payer == "manual" or (world.payer == "mixed" and draws.chance(80, "never_pays", key)):
        return
    if failed:  # A failed try leaves NOTPAY; half of the payers try again.
        world.later(db, order, "fail", 0)
        if draws.chance(500, "gives_up", key):
            return
    slow = world.payer == "mixed" and draws.chance(50, "pays_slowly", key)
    least, most = (20 * MINUTE, 3 * HOUR) if slow else (3 * SECOND, 10 * MINUTE)
    after = draws.between(least, most, "pays_after", key) if world.payer == "mixed" else 0
    world.later(db, order, "pay", after)


def as_asked(world: World, db: sqlite3.Connection, order: Order, wanted: sandbox.Outcome) -> None:
    """What the sandbox was asked for happens by itself, when its time has come."""
    if wanted.after is not None:
        world.later(db, order, "fail" if wanted.code else "pay", wanted.after)


def pay(world: World, db: sqlite3.Connection, order: Order, detail: dict[str, Any]) -> None:
    """The payer pays, unless the order is closed or its time is over."""
    now = detail.get("due_us", world.clock.now_us())
    ends = min(order.expires_us or now + 1, order.created_us + CODE_URL_LIVES)
    if order.state == "NOTPAY" and now < ends:
        _paid(world, db, order, detail.get("amount"))


def _paid(world: World, db: sqlite3.Connection, order: Order, amount: int | None) -> None:
    parts = orders.parts_of(db, order.id) if order.kind == "whole" else [order]
    funds = accounts.opened(db, order.party).balance
    wanted = [amount or _amount(world, db, part) for part in parts]
    if sum(wanted) > funds:  # All of it or nothing.
        fail(world, db, order, {})
        return
    for part, taken in zip(parts, wanted, strict=True):
        world.charge(db, part, taken, world.serial(db, part, "4200", 24))
        _ended(world, db, part, "SUCCESS")
    if order.kind == "whole":
        _ended(world, db, order, "SUCCESS")
        announce(world, db, order, "TRANSACTION.SUCCESS", shapes.combined(db, order))
        return
    announce(world, db, order, "TRANSACTION.SUCCESS", shapes.transaction(db, order))
    if world.fault(db, "second_charge", order):
        after = world.wait(order, SECOND, 10 * MINUTE, "second_after")
        world.later(db, order, "charge_again", after)


def _amount(world: World, db: sqlite3.Connection, order: Order) -> int:
    """What is really taken: sometimes 103 or 90 instead of 100."""
    if order.amount >= 10 and world.fault(db, "wrong_more", order):
        return order.amount + order.amount * 3 // 100 + (order.amount < 34)
    if order.amount >= 10 and world.fault(db, "wrong_less", order):
        return order.amount * 90 // 100
    return order.amount


def _ended(world: World, db: sqlite3.Connection, order: Order, state: str) -> None:
    order.state, order.ended_us = state, world.clock.now_us()
    orders.save(db, order)


def fail(_: World, db: sqlite3.Connection, order: Order, __: dict[str, Any]) -> None:
    """A try that fails: counted, and the order is as it was."""
    if order.state == "NOTPAY":
        detail = order.details()
        order.detail = json.dumps({**detail, "failed_tries": detail.get("failed_tries", 0) + 1})
        orders.save(db, order)


def close(world: World, db: sqlite3.Connection, order: Order) -> None:
    """Closed, with all its parts; sometimes the payer was faster, and it shows later."""
    for part in orders.parts_of(db, order.id):
        _ended(world, db, part, "CLOSED")
    _ended(world, db, order, "CLOSED")
    if world.fault(db, "late_success", order):
        after = world.wait(order, SECOND, 10 * MINUTE, "late_after")
        world.later(db, order, "pay_late", after)


def pay_late(world: World, db: sqlite3.Connection, order: Order, detail: dict[str, Any]) -> None:
    """The payment that was under way when the order was closed."""
    if order.state == "CLOSED":
        _paid(world, db, order, detail.get("amount"))


def charge_again(world: World, db: sqlite3.Connection, order: Order, _: dict[str, Any]) -> None:
    """A second transaction on the same number, told under its own id."""
    if order.kind != "payment" or order.state not in RECEIVED:
        return
    serial = world.serial(db, order, "4200", 24)
    try:
        world.charge(db, order, order.amount, serial)
    except NoFunds:
        return
    announce(world, db, order, "TRANSACTION.SUCCESS", shapes.transaction(db, order, serial))


# Refunds.


def refund_placed(world: World, db: sqlite3.Connection, order: Order) -> None:
    """Draws how a refund ends."""
    state = "SUCCESS"
    if world.fault(db, "refund_abnormal", order):
        state = "ABNORMAL"
    elif world.fault(db, "refund_declined", order):
        state = "CLOSED"
    wanted, after = sandbox.marked(order), 0
    if wanted is not None:
        after = wanted.after or 0
    elif world.payer == "mixed":
        slow = world.draws.chance(100, "ends_slowly", order.key)
        least, most = (HOUR, 2 * DAY) if slow else (2 * SECOND, 5 * MINUTE)
        after = world.draws.between(least, most, "ends_after", order.key)
    world.later(db, order, "finish", after, state=state)


def finish(world: World, db: sqlite3.Connection, order: Order, detail: dict[str, Any]) -> None:
    """A refund ends; SUCCESS moves the money."""
    state = detail.get("state", "SUCCESS")
    if order.kind != "refund" or order.state != "PROCESSING":
        return
    if state not in ("SUCCESS", "CLOSED", "ABNORMAL"):
        return
    if state == "SUCCESS":
        _give(world, db, order)
    _ended(world, db, order, state)
    announce(world, db, order, f"REFUND.{state}", shapes.refund_event(order))


def _give(world: World, db: sqlite3.Connection, order: Order) -> None:
    """To the payer, or where an abnormal refund was sent to."""
    inside = accounts.institution("wechat", order.merchant)
    target = order.details().get("target") or order.party
    serial, now = order.details()["refund_id"], world.clock.now_us()
    fee = -accounts.fee_fen("wechat", order.amount)
    accounts.move(
        db, Movement(0, order.id, "charge", serial, inside, target, order.amount, fee, now, None)
    )


def apply_abnormal(
    world: World, db: sqlite3.Connection, order: Order, target: str, channel: str, received: str
) -> None:
    """An abnormal refund is sent elsewhere: to another card of the payer, or back to us."""
    sent = {"target": target, "channel": channel, "received": received}
    order.detail = json.dumps({**order.details(), **sent})
    order.state, order.ended_us = "PROCESSING", None
    orders.save(db, order)
    after = world.draws.between(MINUTE, DAY, "abnormal_after", order.key)
    world.later(db, order, "finish", after if world.payer == "mixed" else 0, state="SUCCESS")


def send_elsewhere(world: World, db: sqlite3.Connection, order: Order, _: dict[str, Any]) -> None:
    """What a merchant has done by hand with an abnormal refund: to a card of the payer."""
    if order.state == "ABNORMAL":
        card = f"card:{order.party_id}"
        apply_abnormal(world, db, order, card, "OTHER_BANKCARD", "支付用户银行卡")


def left_fen(db: sqlite3.Connection, order: Order, transaction_id: str, paid: int) -> int:
    """What of a transaction may still be refunded: accepted is taken, closed is given back."""
    return paid - sum(
        refund.amount
        for refund in orders.refunds_of(db, order.id)
        if refund.state != "CLOSED" and refund.details()["transaction_id"] == transaction_id
    )


TASKS = {
    "pay": pay,
    "fail": fail,
    "pay_late": pay_late,
    "charge_again": charge_again,
    "finish": finish,
    "send_elsewhere": send_elsewhere,
}
