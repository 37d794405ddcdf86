"""UnionPay's detail file (全渠道 ZM): 42 fields of fixed width, 607 bytes a line, GBK.

Widths are bytes, so a line is cut before it is decoded. There is no header and no total: an empty
file is an empty bill. Times have no year: it is the one nearest to the bill's day. Which way a fee
went follows from the amount that is settled, which is the amount less the fee: on a purchase the
channel keeps it, on a refund it gives it back.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import cast

from domain.kernel import SHANGHAI, to_us
from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.line import MILLI, Item, Kind, Line
from domain.reconciliation.bills.text import SHOWN, above_zero, lines_of, one_of, reference
from domain.texts import quoted

NAME, VERSION = "unionpay_zm", 1

WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
    15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
)  # fmt: skip
STARTS = tuple(sum(WIDTHS[:place]) + place for place in range(len(WIDTHS)))
LENGTH = sum(WIDTHS) + len(WIDTHS) - 1
SEPARATORS = b" |,;\t"
CODE, TIME, AMOUNT, QUERY_ID, ORDER_ID, FEE, SETTLED, ORIGINAL = 0, 4, 6, 9, 11, 15, 16, 40
KINDS = {"S22": "payment", "S30": "refund"}


def read(chunks: Iterable[bytes], day: date) -> Iterator[Item]:
    """The lines, in the file's order. Raises Fault with the first thing that is wrong."""
    separator: int | None = None
    for number, raw in lines_of(chunks):
        if not raw.strip(b" \x1a"):
            continue
        if len(raw) != LENGTH:
            detail = f"{len(raw)} bytes where {LENGTH} are needed"
            raise Fault(number, FaultCode.LENGTH_WRONG, detail)
        if separator is None:
            separator = raw[WIDTHS[0]]
        if separator not in SEPARATORS or any(raw[at - 1] != separator for at in STARTS[1:]):
            detail = "between two fields there is another byte than between others"
            raise Fault(number, FaultCode.CELLS_WRONG, detail)
        try:
            raw.decode("gbk")
        except UnicodeDecodeError as error:
            detail = f"byte {error.start + 1} of the line is not gbk"
            raise Fault(number, FaultCode.ENCODING_INVALID, detail) from None
        yield _line(number, raw, day)


def _field(number: int, raw: bytes, place: int, what: str) -> str:
    start = STARTS[place]
    text = raw[start : start + WIDTHS[place]].strip(b" ")
    if not text.isascii():
        shown = quoted(text.decode("gbk", "replace")[:SHOWN])
        raise Fault(number, FaultCode.NUMBER_INVALID, f"{what}: {shown} is not ASCII")
    return text.decode("ascii")


def _line(number: int, raw: bytes, day: date) -> Line:
    code = _field(number, raw, CODE, "交易代码")
    kind = cast(Kind, one_of(number, code, "交易代码", KINDS, FaultCode.KIND_UNKNOWN))
    amount = above_zero(
        number, _digits(number, _field(number, raw, AMOUNT, "交易金额"), "交易金额"), "交易金额"
    )
    original = ""
    if kind == "refund":
        text = _field(number, raw, ORIGINAL, "原始交易订单号")
        original = reference(number, text, "原始交易订单号", needed=False)
    return Line(
        number,
        kind,
        reference(number, _field(number, raw, ORDER_ID, "商户订单号"), "商户订单号"),
        reference(number, _field(number, raw, QUERY_ID, "查询流水号"), "查询流水号"),
        amount,
        _fee_fen(number, raw, kind, amount) * MILLI,
        at_us=_moment(number, _field(number, raw, TIME, "交易传输时间"), day),
        original=original,
    )


def _fee_fen(number: int, raw: bytes, kind: Kind, amount_fen: int) -> int:
    """What the channel keeps; below zero: gives back. Raises AMOUNT_INVALID."""
    fee = _signed(number, _field(number, raw, FEE, "商户手续费"), "商户手续费")
    settled = _signed(number, _field(number, raw, SETTLED, "结算金额"), "结算金额")
    less = settled == amount_fen - fee
    if not less and settled != amount_fen + fee:
        detail = f"结算金额: {settled} fen is not {amount_fen} less or plus the fee, {fee}"
        raise Fault(number, FaultCode.AMOUNT_INVALID, detail)
    return fee if less == (kind == "payment") else -fee


def _signed(number: int, text: str, what: str) -> int:
    """Fen without the C or D before it."""
    if text[:1] not in ("C", "D"):
        raise Fault(
            number, FaultCode.AMOUNT_INVALID, f"{what}: {quoted(text[:SHOWN])} has no C or D"
        )
    return _digits(number, text[1:], what)


def _digits(number: int, text: str, what: str) -> int:
    if len(text) != 12 or not text.isdigit():
        shown = quoted(text[:SHOWN])
        raise Fault(number, FaultCode.AMOUNT_INVALID, f"{what}: {shown} is not 12 digits")
    return int(text)


def _moment(number: int, text: str, day: date) -> int:
    """MMDDhhmmss in the year that brings it nearest to the bill's day. Raises TIME_INVALID."""
    if len(text) == 10 and text.isdigit():
        parts = [int(text[at : at + 2]) for at in range(0, 10, 2)]
        found: list[datetime] = []
        for year in (day.year - 1, day.year, day.year + 1):
            try:
                found.append(datetime(year, *parts, tzinfo=SHANGHAI))  # type: ignore[misc,arg-type]
            except ValueError:
                continue  # The 29th of February, in the other years.
        if found:
            return to_us(min(found, key=lambda at: abs((at.date() - day).days)))
    shown = quoted(text[:SHOWN])
    raise Fault(number, FaultCode.TIME_INVALID, f"交易传输时间: {shown} is no time MMDDhhmmss")
