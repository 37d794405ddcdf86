"""WeChat Pay's trade bill (交易账单), v3 and the older one: types ALL, SUCCESS and REFUND.

Columns are found by name: their order differs by type, and older merchants have 总金额 where others
have 订单金额. What is compared is 订单金额 and 申请退款金额, which the payer and we agreed on; what
the channel settles (应结) is less when it paid a coupon. A refund stands here once, on the day it
was accepted, and is never updated: one in processing has been taken out of our money already.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Literal, cast

from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.line import MILLI, Item, Kind, Line, State
from domain.reconciliation.bills.text import (
    above_zero,
    currency,
    decoded,
    lines_of,
    moment,
    one_of,
    reference,
)
from domain.reconciliation.bills.wechat_cells import Row, Sums, header, rows, same_count, same_sum

NAME, VERSION = "wechat_trade", 1

NEEDED = ("交易时间", "微信订单号", "商户订单号", "交易状态", "货币种类", "手续费")
REFUND_COLUMNS = ("微信退款单号", "商户退款单号", "退款金额", "退款状态")
END = "总交易单数"
# What the summary calls the sum of a column; a version has the ones it has columns for.
TOTALS = {
    "订单总金额": "订单金额",
    "应结订单总金额": "应结订单金额",
    "退款总金额": "退款金额",
    "充值券退款总金额": "充值券退款金额",
    "申请退款总金额": "申请退款金额",
    "手续费总金额": "手续费",
    "总交易额": "总金额",
    "总退款金额": "退款金额",
    "总企业红包退款金额": "企业红包退款金额",
}
STATES = {"SUCCESS": "payment", "REFUND": "refund", "REVOKED": "refund"}
REFUND_STATES = {
    "SUCCESS": "succeeded",
    "PROCESSING": "processing",
    "FAIL": "failed",
    "CHANGE": "processing",  # It waits to be sent another way; the money is taken.
}
Amount = Literal["订单金额", "总金额"]


def read(chunks: Iterable[bytes], _day: date) -> Iterator[Item]:
    """The lines, in the file's order; at the end the file's own totals are compared.

    Raises Fault with the first thing that is wrong; only then are lines that were given void.
    """
    lines = decoded(lines_of(chunks))
    places = header(lines, NEEDED[0], NEEDED)
    amount = _amount_column(places)
    refunds = "退款金额" in places
    for column in REFUND_COLUMNS if refunds else ():
        if column not in places:
            raise Fault(1, FaultCode.COLUMN_MISSING, f"{column!r} is not there")
    sums = Sums([column for column in TOTALS.values() if column in places])

    def check(number: int, said: dict[str, str]) -> None:
        same_count(number, said, END, sums.rows)
        for name, column in TOTALS.items():
            if name in said:
                same_sum(number, said, name, sums.milli.get(column, 0))
        needed = [amount, "手续费", *(["退款金额"] if refunds else [])]
        for column in needed:
            names = [name for name, of in TOTALS.items() if of == column]
            if not any(name in said for name in names):
                detail = f"{names[0]} is not in the summary"
                raise Fault(number, FaultCode.TOTAL_MISSING, detail)

    for row in rows(lines, places, END, check):
        sums.add(row)
        yield _line(row, amount, refunds=refunds)


def _amount_column(places: dict[str, int]) -> Amount:
    columns: tuple[Amount, ...] = ("订单金额", "总金额")
    for column in columns:
        if column in places:
            return column
    raise Fault(1, FaultCode.COLUMN_MISSING, "neither 订单金额 nor 总金额 is there")


def _line(row: Row, amount: Amount, *, refunds: bool) -> Line:
    number = row.number
    kind = cast(Kind, one_of(number, row.text("交易状态"), "交易状态", STATES, _STATE))
    money = currency(number, row.text("货币种类"), "货币种类")
    order = reference(number, row.text("商户订单号"), "商户订单号")
    at_us = moment(number, row.text("交易时间"), "交易时间")
    fee = row.milli("手续费")
    if kind == "payment":
        serial = reference(number, row.text("微信订单号"), "微信订单号")
        fen = _fen(row, amount)
        return Line(number, kind, order, serial, fen, fee, "succeeded", money, at_us)
    if not refunds:
        detail = "a refund stands in a bill that has no columns for refunds"
        raise Fault(number, FaultCode.KIND_UNKNOWN, detail)
    state = row.text("退款状态")
    known = cast(State, one_of(number, state, "退款状态", REFUND_STATES, _STATE))
    ours = reference(number, row.text("商户退款单号"), "商户退款单号")
    serial = reference(number, row.text("微信退款单号"), "微信退款单号")
    if asked := row.text("退款申请时间"):
        at_us = moment(number, asked, "退款申请时间")
    fen = _fen(row, "申请退款金额" if row.text("申请退款金额") else "退款金额")
    return Line(number, kind, ours, serial, fen, fee, known, money, at_us, order)


_STATE = FaultCode.STATE_UNKNOWN


def _fen(row: Row, column: str) -> int:
    milli = row.milli(column)
    if milli % MILLI:
        raise Fault(row.number, FaultCode.AMOUNT_INVALID, f"{column} has parts of a fen")
    return above_zero(row.number, milli // MILLI, column)
