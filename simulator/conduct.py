"""What becomes of an order at a signed-JSON network: the payer's and the channel's conduct.

Card networks take the money by themselves; at JD Pay and Cloud QuickPass the payer must act. What
happens is drawn when the order is placed and done by the agenda, each step only if the order's
state still allows it. Every function here runs inside one function of the book.
"""

import sqlite3
from typing import Any

from simulator import accounts, orders, sandbox
from simulator.accounts import NoFunds
from simulator.callbacks import announce
from simulator.clock import DAY, HOUR, MINUTE, SECOND
from simulator.orders import Order
from simulator.world import World

WAITING_NETWORKS = ("jdpay", "quickpass")
OPEN = ("WAITING", "PROCESSING")
PAYERS_REASONS = ("PAYER_NO_FUNDS", "PAYER_CANCELLED", "PAYER_LIMIT")
CHANNELS_REASONS = ("CHANNEL_DOWN", "CHANNEL_LIMIT")


def placed(world: World, db: sqlite3.Connection, order: Order) -> None:
    """Draws what becomes of a new order; at once where nothing delays it."""
    if order.kind == "payment":
        _payment(world, db, order)
    elif order.kind == "refund":
        declined = world.fault(db, "refund_declined", order)
        code = "PAYEE_ACCOUNT_CLOSED" if declined else ""
        _soon(world, db, order, "end", 2 * SECOND, HOUR, code=code)
    else:
        code = _payee_refused(world, db, order)
        _soon(world, db, order, "end", 2 * SECOND, 30 * MINUTE, code=code)


def as_asked(world: World, db: sqlite3.Connection, order: Order, wanted: sandbox.Outcome) -> None:
    """What the sandbox was asked for happens by itself, when its time has come."""
    if order.state == "WAITING" and order.expires_us is not None:
        world.later(db, order, "expire", max(0, order.expires_us - world.clock.now_us()))
    if wanted.after is not None:
        world.later(db, order, "pay", wanted.after, code=wanted.code)


def _payment(world: World, db: sqlite3.Connection, order: Order) -> None:
    draws, wanted = world.draws, sandbox.marked(order)
    if world.fault(db, "decline_channel", order):
        code = CHANNELS_REASONS[draws.number("which", order.key) % len(CHANNELS_REASONS)]
        decline(world, db, order, wanted.code if wanted else code)
        return
    refused = world.fault(db, "decline_payer", order)
    code = PAYERS_REASONS[draws.number("which", order.key) % len(PAYERS_REASONS)] if refused else ""
    if wanted is not None:
        as_asked(world, db, order, wanted)
        return
    if order.network not in WAITING_NETWORKS:
        _soon(world, db, order, "pay", SECOND, 5 * MINUTE, code=code)
        return
    if order.expires_us is not None:
        world.later(db, order, "expire", max(0, order.expires_us - world.clock.now_us()))
    if world.payer == "manual":
        return
    if world.payer == "mixed" and draws.chance(80, "never_pays", order.key):
        return
    slow = world.payer == "mixed" and draws.chance(50, "pays_slowly", order.key)
    least, most = (20 * MINUTE, 2 * HOUR) if slow else (3 * SECOND, 10 * MINUTE)
    after = draws.between(least, most, "pays_after", order.key) if world.payer == "mixed" else 0
    world.later(db, order, "pay", after, code=code)


def _soon(
    world: World, db: sqlite3.Connection, order: Order, kind: str, least: int, most: int, code: str
) -> None:
    """A channel's own work: at once, or in mixed traffic half of the time later."""
    wanted = sandbox.marked(order)
    if wanted is not None and wanted.after is not None:
        world.later(db, order, kind, wanted.after, code=code)
    elif world.payer == "mixed" and world.draws.chance(500, "takes_time", order.key):
        after = world.draws.between(least, most, "ends_after", order.key)
        world.later(db, order, kind, after, code=code)
    else:
        TASKS[kind](world, db, order, {"code": code})


def _payee_refused(world: World, db: sqlite3.Connection, order: Order) -> str:
    """Why an account does not take a payout, "" if it does."""
    account = accounts.opened(db, order.party, order.party_name)
    if account.state == "closed" or world.fault(db, "payee_closed", order):
        return "PAYEE_ACCOUNT_CLOSED"
    other = account.name and order.party_name and account.name != order.party_name
    if other or world.fault(db, "payee_name_wrong", order):
        return "PAYEE_NAME_WRONG"
    return ""


def pay(world: World, db: sqlite3.Connection, order: Order, detail: dict[str, Any]) -> None:
    """The payer pays, or is declined with `code`; after its expiry nobody can."""
    now = detail.get("due_us", world.clock.now_us())
    if order.state not in OPEN or (order.expires_us is not None and now >= order.expires_us):
        return
    if detail.get("code"):
        decline(world, db, order, detail["code"])
        return
    amount = detail.get("amount") or _amount(world, db, order)
    try:
        succeed(world, db, order, amount)
    except NoFunds:
        decline(world, db, order, "PAYER_NO_FUNDS")


def _amount(world: World, db: sqlite3.Connection, order: Order) -> int:
    """What is really taken: sometimes 103 or 90 instead of 100."""
    if order.amount >= 10 and world.fault(db, "wrong_more", order):
        return order.amount + order.amount * 3 // 100 + (order.amount < 34)
    if order.amount >= 10 and world.fault(db, "wrong_less", order):
        return order.amount * 90 // 100
    return order.amount


def succeed(world: World, db: sqlite3.Connection, order: Order, amount: int) -> None:
    """Money moved. Raises NoFunds."""
    world.charge(db, order, amount, world.serial(db, order))
    order.state, order.ended_us, order.code, order.reason = (
        "SUCCEEDED",
        world.clock.now_us(),
        None,
        None,
    )
    orders.save(db, order)
    announce(world, db, order)
    if order.kind == "payment":
        if world.fault(db, "second_charge", order):
            after = world.wait(order, SECOND, 10 * MINUTE, "second_after")
            world.later(db, order, "charge_again", after)
        elif world.fault(db, "decline_after_success", order):
            world.later(db, order, "take_back", world.wait(order, MINUTE, DAY, "back_after"))
    elif order.kind == "payout" and world.fault(db, "payout_returned", order):
        world.later(db, order, "return", world.wait(order, DAY, 4 * DAY, "returns_after"))


def decline(world: World, db: sqlite3.Connection, order: Order, code: str) -> None:
    order.state, order.code, order.ended_us = "DECLINED", code, world.clock.now_us()
    order.reason = REASONS.get(code, code)
    orders.save(db, order)
    announce(world, db, order)


def close(world: World, db: sqlite3.Connection, order: Order) -> None:
    """An unpaid order is closed. Sometimes the payer was faster, and it shows later."""
    order.state, order.ended_us = "CLOSED", world.clock.now_us()
    orders.save(db, order)
    if world.fault(db, "late_success", order):
        after = world.wait(order, SECOND, 10 * MINUTE, "late_after")
        world.later(db, order, "pay_late", after)


def pay_late(world: World, db: sqlite3.Connection, order: Order, detail: dict[str, Any]) -> None:
    """The payment that was under way when the order was closed."""
    if order.state == "CLOSED":
        try:
            succeed(world, db, order, detail.get("amount") or order.amount)
        except NoFunds:
            return


def end(world: World, db: sqlite3.Connection, order: Order, detail: dict[str, Any]) -> None:
    """A refund or payout comes to its end."""
    if order.state != "PROCESSING":
        return
    if not detail.get("code"):
        succeed(world, db, order, order.amount)
        return
    decline(world, db, order, detail["code"])
    if world.fault(db, "late_end", order):
        after = world.wait(order, MINUTE, DAY, "late_after")
        world.later(db, order, "end_late", after)


def end_late(world: World, db: sqlite3.Connection, order: Order, _: dict[str, Any]) -> None:
    """A refund or payout that was declined succeeds after all, if there is still money for it."""
    if order.state != "DECLINED":
        return
    if order.original_id is not None and left_fen(db, order.original_id) < order.amount:
        return
    succeed(world, db, order, order.amount)


def charge_again(world: World, db: sqlite3.Connection, order: Order, _: dict[str, Any]) -> None:
    """A second serial on the same number."""
    if order.state != "SUCCEEDED":
        return
    try:
        world.charge(db, order, order.amount, world.serial(db, order))
    except NoFunds:
        return
    announce(world, db, order)


def take_back(world: World, db: sqlite3.Connection, order: Order, _: dict[str, Any]) -> None:
    """Declined though it had succeeded; not when something of it was refunded already."""
    if order.state != "SUCCEEDED" or orders.refunds_of(db, order.id):
        return
    for charge in accounts.charges(db, order.id):
        world.give_back(db, order, charge, "reversal", world.serial(db, order, "R"))
    decline(world, db, order, "CHANNEL_REVERSED")


def come_back(world: World, db: sqlite3.Connection, order: Order, _: dict[str, Any]) -> None:
    """A payout that had succeeded comes back (退汇), under a serial of its own."""
    if order.kind != "payout" or order.state != "SUCCEEDED":
        return
    serial = world.serial(db, order, "R")
    for charge in accounts.charges(db, order.id):
        world.give_back(db, order, charge, "return", serial)
    order.state, order.return_serial = "RETURNED", serial
    order.returned_us = world.clock.now_us()
    order.code, order.reason = "PAYEE_ACCOUNT_CLOSED", REASONS["PAYEE_ACCOUNT_CLOSED"]
    orders.save(db, order)
    announce(world, db, order)


def expire(world: World, db: sqlite3.Connection, order: Order, _: dict[str, Any]) -> None:
    if order.state == "WAITING":
        decline(world, db, order, "EXPIRED")


def left_fen(db: sqlite3.Connection, payment_id: int) -> int:
    """What of a payment may still be refunded: all its charges less refunds done or under way."""
    taken = sum(charge.amount for charge in accounts.charges(db, payment_id))
    gone = sum(
        refund.amount
        for refund in orders.refunds_of(db, payment_id)
        if refund.state in ("PROCESSING", "SUCCEEDED")
    )
    return taken - gone


REASONS = {
    "PAYER_NO_FUNDS": "the payer's account has not enough money",
    "PAYER_CANCELLED": "the payer cancelled",
    "PAYER_LIMIT": "above what the payer may pay in a day",
    "CHANNEL_DOWN": "the payer's bank is not to be reached",
    "CHANNEL_LIMIT": "above what the channel carries",
    "CHANNEL_REVERSED": "the payer's bank took the payment back",
    "EXPIRED": "not paid in time",
    "PAYEE_ACCOUNT_CLOSED": "the payee's account is closed",
    "PAYEE_NAME_WRONG": "the account belongs to another name",
}
TASKS = {
    "pay": pay,
    "pay_late": pay_late,
    "end": end,
    "end_late": end_late,
    "charge_again": charge_again,
    "take_back": take_back,
    "return": come_back,
    "expire": expire,
}
