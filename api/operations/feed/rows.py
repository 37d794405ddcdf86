"""The rows of a feed, typed, and the checks a row can be put to on its own.

Each `parse_…` takes the fields in the order of the columns, checks them in that order, and raises
`Refused` naming the first wrong column. Whether a merchant or an order exists is asked elsewhere.
Structs are packed as arrays: they are sorted on disk.
"""

import re
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from domain.fields import checked_instant, checked_member_id, checked_number, checked_text
from domain.kernel import to_us
from domain.member.terms import parse_cycle
from domain.money import BASIS, parse_fen
from domain.order.order import MAX_ITEMS
from domain.payment.protocol import PRODUCTS, payment_code
from domain.refusals import Code, Refused
from domain.texts import quoted

_PRODUCT = PRODUCTS["RECHARGE"]  # Any channel, and not the wallet.

MERCHANT_COLUMNS = ("merchant", "name", "fee_bps", "settlement_cycle")
ORDER_COLUMNS = (
    "order_no",
    "placed_at",
    "buyer",
    "merchant",
    "amount",
    "items",
    "subject",
    "method",
)
REFUND_COLUMNS = ("refund_no", "requested_at", "order_no", "merchant", "amount")

# One spelling of ISO 8601: `fromisoformat` alone takes week dates, any separator, and from Python
# 3.14 on also 24:00.
_HOUR, _SIXTY = r"([01]\d|2[0-3])", r"[0-5]\d"
_TIME = re.compile(
    rf"\d{{4}}-\d\d-\d\dT{_HOUR}:{_SIXTY}:{_SIXTY}(\.\d{{1,6}})?(Z|[+-]{_HOUR}:{_SIXTY})",
    re.ASCII,
)


class MerchantRow(Struct, frozen=True, gc=False):
    """A merchant and its terms: `fee_bps` 0..10000, `settlement_cycle` `T+n` or `D+n`."""

    merchant: str
    name: str
    fee_bps: int
    settlement_cycle: str


class OrderRow(Struct, frozen=True, gc=False, array_like=True):
    """One merchant's part of a checkout; `placed_at_us` in UTC µs, `line` where the row begins, its
    exact `text`."""

    line: int
    order_no: str
    placed_at_us: int
    buyer: str
    merchant: str
    amount_fen: int
    items: int
    subject: str
    method: str
    text: str = ""


class RefundRow(Struct, frozen=True, gc=False, array_like=True):
    """A refund asked for; `requested_at_us` in UTC µs, `file` and `line` where the row begins, its
    exact `text`."""

    file: str
    line: int
    refund_no: str
    requested_at_us: int
    order_no: str
    merchant: str
    amount_fen: int
    text: str = ""


class FeedOrder(Struct, frozen=True, gc=False, array_like=True):
    """Rows of one order number: 1 to 100 lines, one per merchant, paid together by one payment."""

    order_no: str
    placed_at_us: int
    buyer: str
    method: str
    lines: tuple[OrderRow, ...]


@lru_cache(maxsize=1024)  # Rows of one checkout share their time.
def parse_time(value: str, field: str) -> int:
    """UTC µs from `YYYY-MM-DDThh:mm:ss[.ffffff]` with an offset. Raises Refused(DATE_INVALID)."""
    if not _TIME.fullmatch(value):
        detail = f"{quoted(value[:40])} is not a time like 2010-12-01T08:26:00+08:00"
        raise Refused(Code.DATE_INVALID, field, detail)
    try:
        moment = datetime.fromisoformat(value)
        return checked_instant(to_us(moment), field)
    except ValueError:
        raise Refused(Code.DATE_INVALID, field, f"{value[:40]!r}: there is no such day") from None


def parse_merchant(fields: list[str]) -> MerchantRow:
    merchant, name, fee_bps, cycle = fields
    checked_member_id(merchant, "merchant")
    checked_text(name, "name")
    if not (
        fee_bps.isascii() and fee_bps.isdigit() and len(fee_bps) <= 5 and int(fee_bps) <= BASIS
    ):
        detail = f"{quoted(fee_bps[:40])} is not a whole number of basis points from 0 to {BASIS}"
        raise Refused(Code.TERMS_INVALID, "fee_bps", detail)
    parse_cycle(cycle, "settlement_cycle")
    return MerchantRow(merchant, name, int(fee_bps), cycle)


def parse_order(line: int, fields: list[str], text: str) -> OrderRow:
    order_no, placed_at, buyer, merchant, amount, items, subject, method = fields
    return OrderRow(
        line,
        checked_number(order_no, "order_no"),
        parse_time(placed_at, "placed_at"),
        checked_member_id(buyer, "buyer"),
        checked_member_id(merchant, "merchant"),
        parse_fen(amount, "amount"),
        _count(items),
        checked_text(subject, "subject"),
        payment_code(_PRODUCT, checked_text(method, "method", longest=64)).code,
        text,
    )


def parse_refund(file: str, line: int, fields: list[str], text: str) -> RefundRow:
    refund_no, requested_at, order_no, merchant, amount = fields
    return RefundRow(
        file,
        line,
        checked_number(refund_no, "refund_no"),
        parse_time(requested_at, "requested_at"),
        checked_number(order_no, "order_no"),
        checked_member_id(merchant, "merchant"),
        parse_fen(amount, "amount"),
        text,
    )


def _count(items: str) -> int:
    """A whole number of items, as many as an order takes."""
    digits = items.isascii() and items.isdigit() and len(items) <= 10
    if not (digits and 1 <= int(items) <= MAX_ITEMS):
        detail = f"{quoted(items[:40])} is not a whole number of items from 1 to {MAX_ITEMS}"
        raise Refused(Code.AMOUNT_INVALID, "items", detail)
    return int(items)
