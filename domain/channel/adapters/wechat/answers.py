"""Answers and callbacks of WeChat Pay API v3: what they say of an order. Pure.

A payer's failed try leaves an order unpaid (NOTPAY), so "declined" exists only after a close. What
counts is `amount.total`, what the order was for, and not `payer_total`, what the payer gave after
coupons. Codes are spelled with and without underscores: they are compared without.
"""

from domain.channel.adapters.reading import Fields, Wrong, safe
from domain.channel.adapters.wechat.settings import WeChatSettings
from domain.channel.network import (
    Answer,
    AwaitingPayer,
    Charge,
    NotFound,
    Order,
    PaidPart,
    Part,
    Processing,
    Said,
)
from domain.channel.port import Declined, Succeeded, Unknown

PAID = frozenset(("SUCCESS", "REFUND"))  # REFUND: it was paid, and something went back later.
ENDED = frozenset(("CLOSED", "REVOKED"))
UNDER_WAY = frozenset(("USERPAYING", "ACCEPT"))
PARTS = 50
URL = 2048

# What an error's code means, without underscores. All that is not here: nothing is known.
NOT_FOUND = frozenset(("ORDERNOTEXIST", "RESOURCENOTEXISTS"))
# To a close, or to a repeated order: then a query tells.
ASK = frozenset(("ORDERPAID", "ORDERCLOSED", "ORDERREVERSED", "OUTTRADENOUSED"))
# This request made no order. Whether an earlier one did, a query tells.
REFUSED = frozenset(
    (
        "PARAMERROR",
        "INVALIDREQUEST",
        "APPIDMCHIDNOTMATCH",
        "MCHNOTEXISTS",
        "NOAUTH",
        "RULELIMIT",
        "RULELIMITED",
        "ACCOUNTERROR",
        "USERACCOUNTABNORMAL",
    )
)


def code_of(body: Fields) -> str:
    """The code of an error, as it is compared."""
    return body.text("code").replace("_", "").upper()


def error(status: int, body: Fields) -> Said:
    """What an error says: that there is no such order, or nothing."""
    reason = safe(f"HTTP {status}: {body.text('code')}: {body.reason('message')}")
    return NotFound(reason) if code_of(body) in NOT_FOUND else Unknown(reason)


def placed(body: Fields) -> Answer:
    """An order that was placed: the payer scans the code."""
    return Answer(AwaitingPayer(body.text("code_url", URL)))


def single(settings: WeChatSettings, order: Fields) -> Answer:
    """A single order, by a query or a callback. Raises Wrong."""
    _ours(settings, order)
    state = order.text("trade_state")
    if state not in PAID:
        return Answer(_unpaid(state, order.reason("trade_state_desc")))
    serial, total_fen = order.text("transaction_id"), _total(order, "total")
    charge = Charge(serial, total_fen, order.instant("success_time"))
    return Answer(Succeeded(serial, total_fen), (charge,))


def combined(settings: WeChatSettings, order: Fields, placed: tuple[Part, ...]) -> Answer:
    """A combined order, with `placed` its transactions as we placed them (none: not known here, as
    for a callback). What was paid for each is told as it is. Raises Wrong."""
    order.must_be("combine_mchid", settings.mchid)
    subs = list(order.each("sub_orders", PARTS))
    states = {sub.text("out_trade_no"): sub.text("trade_state") for sub in subs}
    if not subs or len(states) != len(subs):
        raise Wrong("sub_orders: each transaction once is needed")
    if placed and states.keys() != {part.number for part in placed}:
        raise Wrong("sub_orders: other transactions than were placed")
    for sub in subs:
        sub.must_be("mchid", settings.mchid)
    if any(state not in PAID for state in states.values()):
        return Answer(_not_whole(list(states.values())))
    parts = tuple(
        PaidPart(sub.text("out_trade_no"), sub.text("transaction_id"), _total(sub, "total_amount"))
        for sub in subs
    )
    serial = min(part.serial for part in parts)  # Whatever order they are told in.
    return Answer(Succeeded(serial, sum(part.amount_fen for part in parts)), parts=parts)


def refund(settings: WeChatSettings, body: Fields, status_field: str) -> Answer:
    """A refund. CLOSED: WeChat Pay gave it up, and a new one needs a new number. ABNORMAL: the
    payer's account did not take it; it is not over, so nothing is known. Raises Wrong."""
    status = body.text(status_field)
    if status == "PROCESSING":
        return Answer(Processing())
    if status == "CLOSED":
        return Answer(Declined("refund closed by WeChat Pay: a new one needs a new number"))
    if status == "ABNORMAL":
        return Answer(Unknown("abnormal: the payer's account did not take the refund"))
    if status != "SUCCESS":
        raise Wrong(f"{status_field}: {safe(status)} is none of the protocol")
    serial, amount_fen = body.text("refund_id"), body.inside("amount").fen("refund")
    charge = Charge(serial, amount_fen, body.instant("success_time"))
    return Answer(Succeeded(serial, amount_fen), (charge,))


def check_refund(order: Order, body: Fields) -> None:
    """A refund's answer is of the refund that was asked. Raises Wrong."""
    body.must_be("out_refund_no", order.number)
    body.must_be("out_trade_no", order.original)
    if order.serial:
        body.must_be("transaction_id", order.serial)


def _ours(settings: WeChatSettings, order: Fields) -> None:
    if not settings.partner:
        order.must_be("mchid", settings.mchid)
        return
    order.must_be("sp_mchid", settings.mchid)
    if not settings.known(order.text("sub_mchid")):
        raise Wrong("sub_mchid: none of our merchants")


def _unpaid(state: str, description: str) -> Said:
    if state == "NOTPAY":
        return AwaitingPayer("")
    if state in ENDED:
        return Declined(safe(f"{state}: {description}".removesuffix(": ")))
    if state in UNDER_WAY:
        return Processing()
    return Unknown(safe(f"{state}: {description}".removesuffix(": ")))


def _not_whole(states: list[str]) -> Said:
    """A combined order of which not every transaction is paid: all or none is what WeChat Pay
    promises, so a part of it says nothing."""
    if any(state in PAID for state in states):
        return Unknown(safe(f"a combined order that is paid in part: {' '.join(sorted(states))}"))
    if all(state in ENDED for state in states):
        return Declined("CLOSED")
    if all(state in ENDED or state == "NOTPAY" for state in states):
        return AwaitingPayer("")
    if all(state in ENDED | UNDER_WAY or state == "NOTPAY" for state in states):
        return Processing()
    return Unknown(safe(f"states of a combined order: {' '.join(sorted(states))}"))


def _total(order: Fields, name: str) -> int:
    amount = order.inside("amount")
    amount.must_be("currency", "CNY")
    return amount.fen(name)
