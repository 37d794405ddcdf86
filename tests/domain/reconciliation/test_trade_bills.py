"""Trade bills of every format: what was written is what is read; what is off is said, and where."""

from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.reconciliation.bills import wechat_trade
from domain.reconciliation.bills.fault import FaultCode
from domain.reconciliation.bills.line import Line, totals_of
from tests.domain.reconciliation.reading import lines, read, refused, sales
from tests.domain.reconciliation.rendering import (
    BACK,
    ONE,
    TWO,
    USUAL,
    WECHAT_ALL,
    WECHAT_OLD,
    WECHAT_REFUND,
    WECHAT_SUCCESS,
    Sale,
    alipay_csv,
    jd_bill,
    wechat_bill,
    yuan,
    yuan5,
    zm_bill,
    zm_line,
)

NUMBERS = st.text("0123456789ABCabc", min_size=6, max_size=21)
AMOUNTS = st.integers(1, 10**11)


def _sales(fee_of: int, number: st.SearchStrategy[str] = NUMBERS) -> st.SearchStrategy[list[Sale]]:
    """Payments and refunds; fees are whole multiples of so many milli-fen, below the amount."""

    def make(number: str, fen: int, part: int, refund: str, serial: str, seconds: int) -> Sale:
        fee = fen * 10 // fee_of * fee_of * part // 100
        fee = fee // fee_of * fee_of
        return Sale(number, fen, -fee if refund else fee, refund, serial, seconds)

    refunds = st.one_of(st.just(""), number)
    one = st.builds(
        make, number, AMOUNTS, st.integers(0, 100), refunds, NUMBERS, st.integers(0, 40_000)
    )
    return st.lists(one, max_size=8)


FORMATS: list[tuple[str, Callable[[list[Sale]], bytes], int]] = [
    ("wechat_trade", wechat_bill, 1),
    ("unionpay_zm", zm_bill, 1_000),
    ("jd_pay", lambda sold: jd_bill(sold[::-1]), 1_000),
    ("alipay_trade", alipay_csv, 1_000),
]


@pytest.mark.parametrize(("name", "render", "fee_of"), FORMATS)
def test_what_was_written_is_what_is_read(
    name: str, render: Callable[[list[Sale]], bytes], fee_of: int
) -> None:
    @settings(max_examples=60, deadline=None)
    @given(_sales(fee_of), st.integers(1, 4_000))
    def check(sold: list[Sale], size: int) -> None:
        raw = render(sold)
        assert sales(name, raw, size) == sold

    check()


@pytest.mark.parametrize("columns", [WECHAT_ALL, WECHAT_OLD, WECHAT_REFUND, WECHAT_ALL[::-1]])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", [True, False])
@pytest.mark.parametrize("ticked", [True, False])
def test_wechat_bills_of_any_version_and_dress(
    columns: list[str], end: str, bom: bool, ticked: bool
) -> None:
    if columns[0] != "交易时间":
        columns = ["交易时间", *(one for one in columns if one != "交易时间")]
    raw = wechat_bill(USUAL, columns, bom=bom, ticked_headers=ticked, end=end)
    for size in (1, 7, 1 << 20):
        assert sales("wechat_trade", raw, size) == list(USUAL)


def test_rows_may_stand_in_any_order_and_a_row_too_many_is_seen_by_the_totals() -> None:
    assert sales("wechat_trade", wechat_bill(USUAL[::-1])) == list(USUAL[::-1])
    rows = wechat_bill(USUAL).split(b"\r\n")
    for wrong in ([*rows[:2], *rows[1:]], [rows[0], *rows[2:]], [*rows[:3], rows[1], *rows[4:]]):
        refused("wechat_trade", b"\r\n".join(wrong), FaultCode.TOTAL_WRONG)
    twice = wechat_bill([ONE, ONE])  # The channel means it: a difference, not a fault.
    assert sales("wechat_trade", twice) == [ONE, ONE]


def test_two_versions_in_one_file_are_refused() -> None:
    new, old = wechat_bill(USUAL).split(b"\r\n"), wechat_bill(USUAL, WECHAT_OLD).split(b"\r\n")
    refused("wechat_trade", b"\r\n".join([*new[:4], *old[4:]]), FaultCode.TOTAL_WRONG)
    refused("wechat_trade", b"\r\n".join([*new[:2], *old[2:]]), FaultCode.CELLS_WRONG, 3)
    refused("wechat_trade", b"\r\n".join([new[0], *old[1:]]), FaultCode.CELLS_WRONG, 2)


def test_a_wechat_success_bill_has_no_columns_for_refunds() -> None:
    assert sales("wechat_trade", wechat_bill([ONE, TWO], WECHAT_SUCCESS)) == [ONE, TWO]
    refused("wechat_trade", wechat_bill([ONE, BACK], WECHAT_SUCCESS), FaultCode.KIND_UNKNOWN, 3)


@pytest.mark.parametrize(
    ("name", "raw"),
    [("wechat_trade", wechat_bill([])), ("jd_pay", jd_bill([])), ("alipay_trade", alipay_csv([])),
     ("unionpay_zm", b"")],
)  # fmt: skip
def test_an_empty_bill_is_a_bill(name: str, raw: bytes) -> None:
    assert read(name, raw) == []


@pytest.mark.parametrize("state", ["succeeded", "processing", "failed"])
def test_what_became_of_a_wechat_refund_is_told(state: str) -> None:
    back = Sale("R1", 100, -200, "P1", "5", 0, state)
    assert sales("wechat_trade", wechat_bill([back])) == [back]
    (line,) = lines("wechat_trade", wechat_bill([back]))
    assert line.counts is (state != "failed")


def test_wechat_fees_rounded_to_fen_and_a_total_with_fewer_decimals() -> None:
    sold = [Sale("P1", 2_000, 4_000)]
    assert b"`0.04000" in wechat_bill(sold)
    assert sales("wechat_trade", wechat_bill(sold, totals={"手续费总金额": "0.04"})) == sold
    raw = wechat_bill([ONE], totals={"手续费总金额": "0.06", "总交易单数": "1.0"})
    assert sales("wechat_trade", raw) == [ONE]  # 0.05940 in two decimals.
    raw = wechat_bill([ONE], totals={"手续费总金额": "0.05"})
    refused("wechat_trade", raw, FaultCode.TOTAL_WRONG, 4)


@pytest.mark.parametrize(
    "total", ["总交易单数", "应结订单总金额", "退款总金额", "充值券退款总金额", "手续费总金额",
              "订单总金额", "申请退款总金额"],
)  # fmt: skip
def test_a_wrong_total_of_wechat_refuses_the_bill(total: str) -> None:
    raw = wechat_bill(USUAL, totals={total: "777"})
    assert total in refused("wechat_trade", raw, FaultCode.TOTAL_WRONG, 6).detail


WECHAT = wechat_bill(USUAL).decode()
WECHAT_FAULTS: list[tuple[str, bytes, FaultCode, int]] = [
    ("the last row is lost", "\r\n".join(WECHAT.split("\r\n")[:-2]).encode(),
     FaultCode.TOTAL_MISSING, 5),
    ("cut in the middle of a row", WECHAT.encode()[:900], FaultCode.CELLS_WRONG, 3),
    ("cut in the middle of a character", WECHAT.encode()[:8], FaultCode.ENCODING_INVALID, 1),
    ("no header", "\r\n".join(WECHAT.split("\r\n")[1:]).encode(), FaultCode.HEADER_MISSING, 1),
    ("empty", b"", FaultCode.HEADER_MISSING, 1),
    ("half a row", WECHAT.replace("\r\n`", "\r\n`2011-01-10 12:00:00,`\r\n`", 1).encode(),
     FaultCode.CELLS_WRONG, 2),
    ("in GBK", WECHAT.encode("gbk"), FaultCode.ENCODING_INVALID, 1),
    ("in UTF-16", WECHAT.encode("utf-16"), FaultCode.ENCODING_INVALID, 1),
    ("twice in one file", (WECHAT + WECHAT).encode(), FaultCode.UNEXPECTED_LINE, 7),
    ("a column is lost", WECHAT.replace(",货币种类", ",货币", 1).encode(),
     FaultCode.COLUMN_MISSING, 1),
    ("a column stands twice", WECHAT.replace(",费率备注", ",费率", 1).encode(),
     FaultCode.COLUMN_DOUBLED, 1),
    ("no currency", WECHAT.replace("`CNY", "`usd", 1).encode(),
     FaultCode.CURRENCY_UNKNOWN, 2),
    ("another state", WECHAT.replace("`SUCCESS,`OTHERS", "`NOTPAY,`OTHERS", 1).encode(),
     FaultCode.STATE_UNKNOWN, 2),
    ("a state of a refund", WECHAT.replace("`ORIGINAL,`SUCCESS", "`ORIGINAL,`OK", 1).encode(),
     FaultCode.STATE_UNKNOWN, 3),
    ("no number", WECHAT.replace("`pay-536365", "`", 1).encode(), FaultCode.NUMBER_INVALID, 2),
    ("a formula for a number", WECHAT.replace("`pay-536365", "`=1+1", 1).encode(),
     FaultCode.NUMBER_INVALID, 2),
    ("a time that is none", WECHAT.replace("2011-01-10 12:00:00", "2011-02-30 12:00:00", 1)
     .encode(), FaultCode.TIME_INVALID, 2),
    ("no amount", WECHAT.replace("`0.20%,`29.70", "`0.20%,`", 1).encode(),
     FaultCode.AMOUNT_INVALID, 2),
    ("less than nothing", WECHAT.replace("`0.20%,`29.70", "`0.20%,`-29.70", 1).encode(),
     FaultCode.AMOUNT_INVALID, 2),
    ("parts of a fen", WECHAT.replace("`0.20%,`29.70", "`0.20%,`29.701", 1).encode(),
     FaultCode.AMOUNT_INVALID, 2),
    ("digits of another script", WECHAT.replace("`0.20%,`29.70", "`0.20%,`２９.70", 1).encode(),
     FaultCode.AMOUNT_INVALID, 2),
    ("an exponent", WECHAT.replace("`0.20%,`29.70", "`0.20%,`3e1", 1).encode(),
     FaultCode.AMOUNT_INVALID, 2),
    ("not a number", WECHAT.replace("`0.20%,`29.70", "`0.20%,`NaN", 1).encode(),
     FaultCode.AMOUNT_INVALID, 2),
    ("more than any amount", WECHAT.replace("`0.20%,`29.70", "`0.20%,`99999999999.00", 1)
     .encode(), FaultCode.AMOUNT_TOO_LARGE, 2),
    ("a line without end", b"x" * 200_000, FaultCode.LINE_TOO_LONG, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "code", "line"),
    [one[1:] for one in WECHAT_FAULTS],
    ids=[one[0] for one in WECHAT_FAULTS],
)
def test_a_wechat_bill_is_refused(raw: bytes, code: FaultCode, line: int) -> None:
    refused("wechat_trade", raw, code, line)


ZM_FAULTS: list[tuple[str, bytes, FaultCode, int]] = [
    ("a line is short", zm_bill([ONE])[:-10] + b"\r\n" + zm_bill([TWO]), FaultCode.LENGTH_WRONG, 1),
    ("cut off", zm_bill(USUAL)[:1_500], FaultCode.LENGTH_WRONG, 3),
    ("in UTF-8", zm_bill(USUAL).decode("gbk").encode(), FaultCode.LENGTH_WRONG, 1),
    ("a field moved by a byte", zm_line(ONE).replace(b" ", b"", 1) + b" ",
     FaultCode.CELLS_WRONG, 1),
    ("another code", zm_line(ONE, {1: "S99"}), FaultCode.KIND_UNKNOWN, 1),
    ("letters in the amount", zm_line(ONE, {7: "00000000297O"}), FaultCode.AMOUNT_INVALID, 1),
    ("nothing paid", zm_line(ONE, {7: "0" * 12}), FaultCode.AMOUNT_INVALID, 1),
    ("no sign", zm_line(ONE, {16: " 000000000005"}), FaultCode.AMOUNT_INVALID, 1),
    ("settled is not less the fee", zm_line(ONE, {17: "C000000002970"}),
     FaultCode.AMOUNT_INVALID, 1),
    ("no order", zm_line(ONE, {12: ""}), FaultCode.NUMBER_INVALID, 1),
    ("an order in Han", zm_line(ONE, {12: "订单"}), FaultCode.NUMBER_INVALID, 1),
    ("the 30th of February", zm_line(ONE, {5: "0230120000"}), FaultCode.TIME_INVALID, 1),
    ("half a character", zm_line(ONE)[:-1] + b"\xb0", FaultCode.ENCODING_INVALID, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "code", "line"), [one[1:] for one in ZM_FAULTS], ids=[one[0] for one in ZM_FAULTS]
)
def test_a_zm_file_is_refused(raw: bytes, code: FaultCode, line: int) -> None:
    refused("unionpay_zm", raw, code, line)


def test_a_zm_line_has_607_bytes_and_its_year_is_the_nearest() -> None:
    raw = zm_line(ONE, {5: "1231235959"})
    assert len(raw) == 607
    for day, year in (
        (date(2011, 1, 1), 2010),
        (date(2010, 12, 31), 2010),
        (date(2011, 9, 1), 2011),
    ):
        (line,) = read("unionpay_zm", raw, day=day)
        assert line.at_us == 1_293_811_199_000_000 + (year - 2010) * 365 * 86_400_000_000  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "total",
    ["合计,3,,,,119.99,0.24,", "合计,3,129.70,9.70,0.24", "合计,,,,,139.40,,",
     "合计,支付2笔,129.70元,退款1笔,9.70元", "合计,2,129.70,1,9.70,119.76"],
)  # fmt: skip
def test_the_total_of_jd_pay_may_name_any_sum_and_only_sums(total: str) -> None:
    sold = [Sale("P1", 2_970, 5_000), Sale("R1", 970, -1_000, "P1"), Sale("P2", 10_000, 20_000)]
    if total in ("合计,3,,,,119.99,0.24,",):
        refused("jd_pay", jd_bill(sold, total), FaultCode.TOTAL_WRONG, 9)
    else:
        assert sales("jd_pay", jd_bill(sold, total)) == sold[::-1]


JD = (Sale("P1", 2_970, 5_000), Sale("R1", 970, -1_000, "P1"), Sale("P2", 10_000, 20_000))
TEXT = jd_bill(JD).decode("gbk")
JD_FAULTS: list[tuple[str, bytes, FaultCode, int]] = [
    ("in UTF-8", jd_bill(JD, encoding="utf-8"), FaultCode.ENCODING_INVALID, 1),
    ("without its total", TEXT.rpartition("合计")[0].encode("gbk"), FaultCode.TOTAL_MISSING, 0),
    ("a row is lost", jd_bill(JD[1:], TEXT.splitlines()[-1]), FaultCode.TOTAL_WRONG, 8),
    ("a row twice", jd_bill((*JD, JD[0]), TEXT.splitlines()[-1]), FaultCode.TOTAL_WRONG, 10),
    ("twice in one file", jd_bill(JD) * 2, FaultCode.UNEXPECTED_LINE, 10),
    ("a total of nothing", jd_bill(JD, "合计,0,,,,0.00,0.00,"), FaultCode.TOTAL_WRONG, 9),
    ("a number of lines as money", jd_bill(JD, "合计,3,,,,3.00,0.24,"), FaultCode.TOTAL_WRONG, 9),
    ("a total without figures", jd_bill(JD, "合计,,,"), FaultCode.TOTAL_MISSING, 9),
    ("another type", TEXT.replace("退款,成功", "撤销,成功").encode("gbk"),
     FaultCode.KIND_UNKNOWN, 7),
    ("another state", TEXT.replace("退款,成功", "退款,不明").encode("gbk"),
     FaultCode.STATE_UNKNOWN, 7),
    ("an amount below zero", TEXT.replace("成功,9.70", "成功,-9.70").encode("gbk"),
     FaultCode.AMOUNT_INVALID, 7),
    ("no refund number", TEXT.replace(",R1,", ",,").encode("gbk"), FaultCode.NUMBER_INVALID, 7),
    ("no header", TEXT.replace("平台流水号", "流水号").encode("gbk"),
     FaultCode.HEADER_MISSING, 1),
    ("an open quotation mark", TEXT.replace("P2", '"P2').encode("gbk"), FaultCode.TOTAL_WRONG, 9),
    ("a cell too many", TEXT.replace("P2,", "P2,,").encode("gbk"), FaultCode.CELLS_WRONG, 6),
    ("a NUL", TEXT.replace("P2", "P\0").encode("gbk"), FaultCode.CELLS_WRONG, 6),
]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "code", "line"), [one[1:] for one in JD_FAULTS], ids=[one[0] for one in JD_FAULTS]
)
def test_a_bill_of_jd_pay_is_refused(raw: bytes, code: FaultCode, line: int) -> None:
    refused("jd_pay", raw, code, line)


def test_alipay_signs_of_refunds_mean_nothing() -> None:
    assert sales("alipay_trade", alipay_csv(JD)) == list(JD)
    assert sales("alipay_trade", alipay_csv(JD, signed=False)) == list(JD)


ALIPAY = alipay_csv(JD).decode("gbk")
ALIPAY_FAULTS: list[tuple[str, str, FaultCode, int]] = [
    ("without its end", ALIPAY.replace("业务明细列表结束", ""), FaultCode.TOTAL_MISSING, 0),
    ("a wrong sum", ALIPAY.replace("商家实收共129.70", "商家实收共129.71"),
     FaultCode.TOTAL_WRONG, 10),
    ("a wrong count", ALIPAY.replace("退款合计：1笔", "退款合计：2笔"), FaultCode.TOTAL_WRONG, 11),
    ("a total that reads otherwise", ALIPAY.replace("商家实收共", "共"),
     FaultCode.TOTAL_MISSING, 10),
    ("without a total", ALIPAY.replace("#退款合计", "#合计"), FaultCode.TOTAL_MISSING, 0),
    ("a total twice", ALIPAY + ALIPAY.splitlines()[-2], FaultCode.UNEXPECTED_LINE, 13),
    ("a row after the end", ALIPAY + ALIPAY.splitlines()[5], FaultCode.UNEXPECTED_LINE, 13),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [one[1:] for one in ALIPAY_FAULTS],
    ids=[one[0] for one in ALIPAY_FAULTS],
)
def test_a_bill_of_alipay_is_refused(text: str, code: FaultCode, line: int) -> None:
    refused("alipay_trade", text.encode("gbk"), code, line)


def test_yuan_are_written_as_bills_write_them() -> None:
    assert (yuan(-970), yuan5(-1_940), yuan5(5_940)) == ("-9.70", "-0.01940", "0.05940")


def test_a_line_in_another_currency_is_read_and_not_counted() -> None:
    raw = WECHAT.replace("`CNY", "`USD", 1).encode()
    found = list(wechat_trade.read([raw], date(2011, 1, 10)))
    assert [one.currency for one in found if isinstance(one, Line)] == ["USD", "CNY", "CNY"]
    totals = totals_of(found)
    assert (totals.lines, totals.paid_fen, totals.refunded_fen) == (3, 10_000, 970)
