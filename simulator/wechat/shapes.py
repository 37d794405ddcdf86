"""How WeChat Pay tells an order, a combined order and a refund: in answers and in callbacks.

States of a native order: NOTPAY ──▶ SUCCESS ──▶ REFUND, NOTPAY ──▶ CLOSED. A failed try leaves
NOTPAY. `amount.total` is what was asked until it is paid, then what was really paid.
"""

import sqlite3
from typing import Any

from simulator import accounts, orders
from simulator.accounts import Movement
from simulator.clock import iso_seconds
from simulator.orders import Order

DESCRIBED = {
    "SUCCESS": "支付成功",
    "REFUND": "转入退款",
    "NOTPAY": "订单未支付",
    "CLOSED": "订单已关闭",
}


def paid_by(db: sqlite3.Connection, order: Order, transaction_id: str = "") -> Movement | None:
    """The charge of a transaction id, or the first one."""
    for charge in accounts.charges(db, order.id):
        if transaction_id in ("", charge.serial):
            return charge
    return None


def _who(order: Order) -> dict[str, Any]:
    """Whose order: a merchant's own, or one that a partner placed for a merchant."""
    detail = order.details()
    if "sp_mchid" not in detail:
        return {"appid": detail["appid"], "mchid": order.merchant}
    who = {"sp_appid": detail["appid"], "sp_mchid": detail["sp_mchid"], "sub_mchid": order.merchant}
    return who | ({"sub_appid": detail["sub_appid"]} if detail.get("sub_appid") else {})


def transaction(db: sqlite3.Connection, order: Order, transaction_id: str = "") -> dict[str, Any]:
    """A single order."""
    detail = order.details()
    charge = paid_by(db, order, transaction_id)
    told: dict[str, Any] = {
        **_who(order),
        "out_trade_no": order.number,
        "trade_state": order.state,
        "trade_state_desc": DESCRIBED[order.state],
        "promotion_detail": [],
        "amount": {"total": order.amount, "currency": "CNY"},
    }
    if charge is None:
        return told
    openid = detail["openid"]
    partner = "sp_mchid" in detail
    return told | {
        "transaction_id": charge.serial,
        "trade_type": "NATIVE",
        "bank_type": "OTHERS",
        "attach": detail.get("attach") or "",
        "success_time": iso_seconds(charge.at_us),
        "payer": {"sp_openid" if partner else "openid": openid},
        "amount": {
            "total": charge.amount,
            "payer_total": charge.amount,
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    }


def combined(db: sqlite3.Connection, whole: Order) -> dict[str, Any]:
    """A combined order: a state per sub-order."""
    detail = whole.details()
    told: dict[str, Any] = {
        "combine_appid": detail["appid"],
        "combine_mchid": whole.merchant,
        "combine_out_trade_no": whole.number,
        "sub_orders": [_part(db, part) for part in orders.parts_of(db, whole.id)],
    }
    if whole.state == "SUCCESS":
        told["combine_payer_info"] = {"openid": detail["openid"]}
    return told


def _part(db: sqlite3.Connection, part: Order) -> dict[str, Any]:
    detail, charge = part.details(), paid_by(db, part)
    told: dict[str, Any] = {
        "mchid": detail["mchid"],
        "out_trade_no": part.number,
        "attach": detail["attach"],
        "trade_state": part.state,
        "amount": {"total_amount": part.amount, "currency": "CNY"},
    }
    if detail.get("sub_mchid"):
        told["sub_mchid"] = detail["sub_mchid"]
    if charge is None:
        return told
    return told | {
        "trade_type": "NATIVE",
        "bank_type": "OTHERS",
        "transaction_id": charge.serial,
        "success_time": iso_seconds(charge.at_us),
        "amount": {
            "total_amount": charge.amount,
            "payer_amount": charge.amount,
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    }


def refund(db: sqlite3.Connection, order: Order) -> dict[str, Any]:
    """A refund, as its API answers."""
    detail = order.details()
    told: dict[str, Any] = {
        "refund_id": detail["refund_id"],
        "out_refund_no": order.number,
        "transaction_id": detail["transaction_id"],
        "out_trade_no": detail["out_trade_no"],
        "channel": detail["channel"],
        "user_received_account": detail["received"],
        "create_time": iso_seconds(order.created_us),
        "status": order.state,
        "funds_account": "UNSETTLED",
        "promotion_detail": [],
        "amount": {
            **_refund_amount(order, detail),
            "from": [],
            "settlement_total": detail["total"],
            "settlement_refund": order.amount,
            "discount_refund": 0,
            "currency": "CNY",
            "refund_fee": 0,
        },
    }
    if order.state == "SUCCESS" and order.ended_us is not None:
        told["success_time"] = iso_seconds(order.ended_us)
    return told


def refund_event(order: Order) -> dict[str, Any]:
    """A refund, as its callback tells it: `refund_status` there, not `status`."""
    detail = order.details()
    partner = detail.get("sp_mchid")
    who = {"sp_mchid": partner, "sub_mchid": order.merchant} if partner else None
    told: dict[str, Any] = {
        **(who or {"mchid": order.merchant}),
        "out_trade_no": detail["out_trade_no"],
        "transaction_id": detail["transaction_id"],
        "out_refund_no": order.number,
        "refund_id": detail["refund_id"],
        "refund_status": order.state,
        "user_received_account": detail["received"],
        "amount": _refund_amount(order, detail),
    }
    if order.state == "SUCCESS" and order.ended_us is not None:
        told["success_time"] = iso_seconds(order.ended_us)
    return told


def _refund_amount(order: Order, detail: dict[str, Any]) -> dict[str, int]:
    return {
        "total": detail["total"],
        "refund": order.amount,
        "payer_total": detail["total"],
        "payer_refund": order.amount,
    }
