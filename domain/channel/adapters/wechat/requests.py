"""Requests of WeChat Pay API v3: an order as method, path and body. Pure.

Four kinds of order: single or combined (合单), each as merchant or as partner; and refunds, which
name the order, or the one transaction of a combined order, that they are of.
"""

from typing import NamedTuple

import msgspec

from domain.channel.adapters.reading import iso
from domain.channel.adapters.wechat.settings import WeChatSettings
from domain.channel.network import Order, Part

DIRECT, PARTNER, COMBINED = (
    "/v3/pay/transactions",
    "/v3/pay/partner/transactions",
    "/v3/combine-transactions",
)
REFUNDS = "/v3/refund/domestic/refunds"
DESCRIPTION, REASON, ATTACH = 127, 80, 128
# Of a combined order, transactions at least and at most.
DIRECT_PARTS, PARTNER_PARTS = (2, 10), (2, 50)


class Asked(NamedTuple):
    method: str
    path: str
    body: bytes = b""


def refused_here(settings: WeChatSettings, order: Order) -> str:
    """Why an order cannot even be sent, or "": known before anything leaves."""
    if order.purpose == "payout":
        return "WeChat Pay carries no payouts"
    if order.parts:
        least, most = PARTNER_PARTS if settings.partner else DIRECT_PARTS
        if not least <= len(order.parts) <= most:
            return f"a combined order has {least} to {most} transactions, not {len(order.parts)}"
        if sum(part.amount_fen for part in order.parts) != order.amount_fen:
            return "the transactions of a combined order must add up to it"
    payees: tuple[Order | Part, ...] = order.parts or (order,)
    if settings.partner and not all(settings.sub(one) for one in payees):
        return "a merchant has no number at WeChat Pay (sub_mchid)"
    return ""


def send(settings: WeChatSettings, order: Order) -> Asked:
    """Place an order, or ask for a refund."""
    if order.purpose == "refund":
        return Asked("POST", REFUNDS, _json(_refund(settings, order)))
    if order.parts:
        return Asked("POST", f"{COMBINED}/native", _json(_combined(settings, order)))
    body: dict[str, object] = {
        **_payee(settings, order, app=True),
        "description": order.subject[:DESCRIPTION],
        "out_trade_no": order.number,
        "notify_url": settings.notify_url,
        "attach": order.instruction_id[:ATTACH],
        "amount": {"total": order.amount_fen, "currency": "CNY"},
        **_expiry(order),
    }
    return Asked("POST", f"{PARTNER if settings.partner else DIRECT}/native", _json(body))


def query(settings: WeChatSettings, order: Order) -> Asked:
    """Ask what became of an order, of one charge of it, or of a refund."""
    if order.purpose == "refund":
        sub = f"?sub_mchid={settings.sub(order)}" if settings.partner else ""
        return Asked("GET", f"{REFUNDS}/{order.number}{sub}")
    if order.parts:
        return Asked("GET", f"{COMBINED}/out-trade-no/{order.number}")
    names = "&".join(f"{name}={value}" for name, value in _payee(settings, order).items())
    base = PARTNER if settings.partner else DIRECT
    which = f"id/{order.serial}" if order.serial else f"out-trade-no/{order.number}"
    return Asked("GET", f"{base}/{which}?{names}")


def close(settings: WeChatSettings, order: Order) -> Asked:
    """Close an order. A combined one is closed whole: every transaction named as when placed."""
    if order.parts:
        body: dict[str, object] = {
            "combine_appid": settings.appid,
            "sub_orders": [
                {**_part_payee(settings, part), "out_trade_no": part.number} for part in order.parts
            ],
        }
        return Asked("POST", f"{COMBINED}/out-trade-no/{order.number}/close", _json(body))
    base = PARTNER if settings.partner else DIRECT
    path = f"{base}/out-trade-no/{order.number}/close"
    return Asked("POST", path, _json(dict(_payee(settings, order))))


def _combined(settings: WeChatSettings, order: Order) -> dict[str, object]:
    return {
        "combine_appid": settings.appid,
        "combine_mchid": settings.mchid,
        "combine_out_trade_no": order.number,
        "notify_url": settings.notify_url,
        "sub_orders": [
            {
                **_part_payee(settings, part),
                "attach": order.instruction_id[:ATTACH],
                "amount": {"total_amount": part.amount_fen, "currency": "CNY"},
                "out_trade_no": part.number,
                "description": part.subject[:DESCRIPTION],
            }
            for part in order.parts
        ],
        **_expiry(order),
    }


def _refund(settings: WeChatSettings, order: Order) -> dict[str, object]:
    of = ("transaction_id", order.serial) if order.serial else ("out_trade_no", order.original)
    body: dict[str, object] = {
        of[0]: of[1],
        "out_refund_no": order.number,
        "reason": order.subject[:REASON],
        "notify_url": settings.notify_url,
        "amount": {
            "refund": order.amount_fen,
            "total": order.original_fen,
            "currency": "CNY",
        },
    }
    if settings.partner:
        body["sub_mchid"] = settings.sub(order)
    return body


def _payee(settings: WeChatSettings, order: Order, *, app: bool = False) -> dict[str, str]:
    if settings.partner:
        sub = settings.sub(order)
        names = {"sp_mchid": settings.mchid, "sub_mchid": sub}
        return {"sp_appid": settings.appid, **names} if app else names
    return {"appid": settings.appid, "mchid": settings.mchid} if app else {"mchid": settings.mchid}


def _part_payee(settings: WeChatSettings, part: Part) -> dict[str, str]:
    sub = settings.sub(part)
    return {"mchid": settings.mchid, **({"sub_mchid": sub} if sub else {})}


def _expiry(order: Order) -> dict[str, str]:
    return {} if order.expires_us is None else {"time_expire": iso(order.expires_us)}


def _json(body: dict[str, object]) -> bytes:
    return msgspec.json.encode(body)
