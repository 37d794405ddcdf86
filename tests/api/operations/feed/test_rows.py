"""Every wrong row is refused alone, with its line, code and column; the rows around it count."""

from pathlib import Path

import pytest

from api.operations.feed.rows import parse_time
from domain.refusals import Refused
from tests.api.operations.feed.feeds import (
    BACK,
    MERCHANTS,
    NUTS,
    TEA,
    orders,
    read,
    reasons,
    refunds,
    rejected,
    write,
)

GOOD = {
    "order_no": "A9",
    "placed_at": "2011-01-04T10:30:00+08:00",
    "buyer": "C1",
    "merchant": "SHOP1",
    "amount": "1530",
    "items": "1",
    "subject": "NUTS",
    "method": "WECHAT_PAY",
}
BAD_AMOUNTS = {
    "-1": "amount_invalid",
    "-0": "amount_invalid",
    "0": "amount_invalid",
    "1.5": "amount_invalid",
    "1e3": "amount_invalid",
    "NaN": "amount_invalid",
    "nan": "amount_invalid",
    "Infinity": "amount_invalid",
    "١٢": "amount_invalid",
    "１２": "amount_invalid",
    "²": "amount_invalid",
    " 12": "amount_invalid",
    "12 ": "amount_invalid",
    "": "amount_invalid",
    "+12": "amount_invalid",
    "1_000": "amount_invalid",
    "0x10": "amount_invalid",
    "True": "amount_invalid",
    "1000000000001": "amount_too_large",
    "9" * 5000: "amount_too_large",
}
BAD_ITEMS = ["0", "-1", "1.0", "", " 1", "１", "NaN", "99999999999"]
BAD_TIMES = [
    "",
    "2011-01-04",
    "2011-01-04T10:30:00",
    "2011-01-04 10:30:00+08:00",
    "2011-01-04T10:30+08:00",
    "2011-W01-2T10:30:00+08:00",
    "20110104T103000+0800",
    "2011-02-29T10:30:00+08:00",
    "2011-01-04T24:00:00+08:00",
    "2011-01-04T10:30:60+08:00",
    "2011-01-04T10:60:00+08:00",
    "2011-01-04T10:30:00+08:60",
    "2011-00-04T10:30:00+08:00",
    "0000-01-04T10:30:00+08:00",
    "2011-01-04T10:30:00+24:00",
    "2011-01-04T10:30:00.1234567+08:00",
    "２０11-01-04T10:30:00+08:00",
    "1999-12-31T23:59:59+08:00",
    "2100-01-01T00:00:00+08:00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "NaT",
]
BAD_IDS = ["", "A B", "a\u00e9", "-A", "A/B", "A" * 65, "１", "=1+1"]
BAD_MEMBERS = ["", "C-1", "C 1", "C" * 33, "丙"]
BAD_TEXTS = ["", "x" * 201, "a\tb", "a\x7fb", "a\u2028b"]

CASES = (
    [("amount", text, code) for text, code in BAD_AMOUNTS.items()]
    + [("items", text, "amount_invalid") for text in BAD_ITEMS]
    + [("placed_at", text, "date_invalid") for text in BAD_TIMES]
    + [("order_no", text, "identifier_invalid") for text in BAD_IDS]
    + [("buyer", text, "identifier_invalid") for text in BAD_MEMBERS]
    + [("merchant", text, "identifier_invalid") for text in BAD_MEMBERS]
    + [("merchant", "SHOP9", "member_not_found")]
    + [("subject", text, "text_invalid") for text in BAD_TEXTS]
    + [("method", text, "text_invalid") for text in ["", "x" * 65]]
)


@pytest.mark.parametrize(("field", "text", "code"), CASES)
def test_a_wrong_field_of_an_order_refuses_its_row_only(
    tmp_path: Path, field: str, text: str, code: str
) -> None:
    row = ",".join((GOOD | {field: text}).values())
    feed, actions = read(write(tmp_path, orders=orders(NUTS, row, TEA)))
    assert reasons(feed) == [("orders.csv", 3, code, field)]
    assert rejected(feed)[0].row_text == row
    assert [action.order_no for action in actions] == ["A1", "A2"]


@pytest.mark.parametrize(
    ("field", "row", "code"),
    [
        ("refund_no", ",2011-01-04T12:30:00+08:00,A1,SHOP1,1", "identifier_invalid"),
        ("requested_at", "R2,yesterday,A1,SHOP1,1", "date_invalid"),
        ("order_no", "R2,2011-01-04T12:30:00+08:00,A 1,SHOP1,1", "identifier_invalid"),
        ("merchant", "R2,2011-01-04T12:30:00+08:00,A1,SHOP-1,1", "identifier_invalid"),
        ("amount", "R2,2011-01-04T12:30:00+08:00,A1,SHOP1,-5", "amount_invalid"),
        ("", "R2,2011-01-04T12:30:00+08:00,A1,SHOP1", "request_invalid"),
        ("", "R2,2011-01-04T12:30:00+08:00,A1,SHOP1,1,", "request_invalid"),
    ],
)
def test_a_wrong_refund_refuses_its_row_only(
    tmp_path: Path, field: str, row: str, code: str
) -> None:
    later = BACK.replace("R1", "R3").replace("12:00", "13:00")
    feed, actions = read(write(tmp_path, refunds=refunds(BACK, row, later)))
    assert reasons(feed) == [("refunds.csv", 3, code, field)]
    assert [action.refund_no for action in actions] == ["R1", "R3"]


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ("SHOP-3,Shop,60,T+1", "identifier_invalid", "merchant"),
        ("SHOP3,,60,T+1", "text_invalid", "name"),
        ("SHOP3,Shop,10001,T+1", "terms_invalid", "fee_bps"),
        ("SHOP3,Shop,-1,T+1", "terms_invalid", "fee_bps"),
        ("SHOP3,Shop,0.6,T+1", "terms_invalid", "fee_bps"),
        ("SHOP3,Shop,,T+1", "terms_invalid", "fee_bps"),
        ("SHOP3,Shop,６０,T+1", "terms_invalid", "fee_bps"),
        ("SHOP3,Shop,60,X+1", "terms_invalid", "settlement_cycle"),
        ("SHOP3,Shop,60,T+-1", "terms_invalid", "settlement_cycle"),
        ("SHOP3,Shop,60", "request_invalid", ""),
        ("SHOP1,Shop 1,61,T+1", "request_conflict", "merchant"),
    ],
)
def test_a_wrong_merchant_is_refused_before_anything_else(
    tmp_path: Path, row: str, code: str, field: str
) -> None:
    feed, _ = read(write(tmp_path, merchants=MERCHANTS + row + "\n"))
    assert reasons(feed) == [("merchants.csv", 4, code, field)]
    assert [merchant.merchant for merchant in feed.merchants] == ["SHOP1", "SHOP2"]


def test_a_merchant_repeated_with_the_same_terms_is_the_same_merchant(tmp_path: Path) -> None:
    feed, _ = read(write(tmp_path, merchants=MERCHANTS + "SHOP1,Shop 1,60,T+1\n"))
    assert (len(feed.merchants), rejected(feed)) == (2, [])


@pytest.mark.parametrize("fee_bps", ["0", "10000"])
def test_the_ends_of_the_fee_range_are_taken(tmp_path: Path, fee_bps: str) -> None:
    row = f"SHOP3,Shop 3,{fee_bps},T+0\n"
    feed, _ = read(write(tmp_path, merchants=MERCHANTS + row))
    assert feed.merchants[2].fee_bps == int(fee_bps)


@pytest.mark.parametrize(
    ("text", "at_us"),
    [
        ("2011-01-04T10:30:00+08:00", 1_294_108_200_000_000),
        ("2011-01-04T02:30:00Z", 1_294_108_200_000_000),
        ("2011-01-03T21:30:00.5-05:00", 1_294_108_200_500_000),
        ("2011-01-04T02:30:00.000001Z", 1_294_108_200_000_001),
        ("2000-01-01T00:00:00+08:00", 946_656_000_000_000),
        ("2099-12-31T23:59:59+08:00", 4_102_415_999_000_000),
    ],
)
def test_times_are_read_to_the_microsecond(text: str, at_us: int) -> None:
    assert parse_time(text, "at") == at_us


def test_the_first_wrong_column_is_named() -> None:
    with pytest.raises(Refused) as refused:
        parse_time("2011-13-01T00:00:00Z", "placed_at")
    assert refused.value.field == "placed_at"
