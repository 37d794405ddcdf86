"""Mappings: what one may say, what is refused of one, and bills read by them."""

import hashlib
from datetime import date

import pytest

from domain.reconciliation.bills.fault import Fault, FaultCode
from domain.reconciliation.bills.formats import SHIPPED, mapped_format, shipped
from domain.reconciliation.bills.line import Balance, Item, Line, totals_of
from domain.reconciliation.bills.mapping import MOST_BYTES, read_mapping
from domain.refusals import Code, Refused
from tests.domain.reconciliation.rendering import DAY

CSV = """
name = "bank_csv"
version = 3
kind = "bank"
layout = "csv"
encoding = "utf-8"
separator = ";"
grouping = ","
header_within = 3
amount_sign = "direction"
time_format = "DD.MM.YYYY"
[columns]
number = "reference"
amount = "amount"
time = "day"
balance = "balance"
currency = "currency"
"""
FIXED = """
name = "network_fixed"
version = 1
kind = "trade"
layout = "fixed"
encoding = "gbk"
width = 40
preamble = 1
amounts = "fen"
fee_sign = "charged_negative"
amount_sign = "by_kind"
[columns]
kind = { at = 1, width = 1 }
number = { at = 2, width = 10 }
amount = { at = 12, width = 12 }
fee = { at = 24, width = 8 }
state = { at = 32, width = 2 }
[kinds]
P = "payment"
R = "refund"
[states]
OK = "succeeded"
NO = "failed"
[[totals]]
starting = "T"
text = "T{lines}"
[totals.figures]
lines = { of = "lines" }
"""


def read(mapping: str, text: str, encoding: str = "utf-8") -> list[Item]:
    raw = text.encode(encoding)
    format_ = mapped_format(mapping.encode())
    return list(format_.read((raw[at : at + 13] for at in range(0, len(raw), 13)), DAY))


def test_a_statement_in_csv_by_a_mapping() -> None:
    text = (
        "statement of 10.01.2011\n"
        "day;reference;amount;balance;currency\n"
        '10.01.2011;"A;1";"1,234.50";2,234.50;CNY\n'
        "10.01.2011;A2;-34.50;2,200.00;CNY\n"
    )
    items = read(CSV, text)
    first, second = (one for one in items if isinstance(one, Line))
    assert (first.kind, first.amount_fen, first.number) == ("in", 123_450, "")
    assert (second.kind, second.amount_fen, second.number) == ("out", 3_450, "A2")
    ends = {one.which: one.amount_fen for one in items if isinstance(one, Balance)}
    assert ends == {"opening": 100_000, "closing": 220_000}
    with pytest.raises(Fault) as no:
        read(CSV, text.replace("2,200.00", "2,200.01"))
    assert (no.value.code, no.value.line) == (FaultCode.BALANCE_BROKEN, 4)
    with pytest.raises(Fault) as no:
        read(CSV, text.replace("1,234.50", "12,34.50", 1))
    assert (no.value.code, no.value.line) == (FaultCode.AMOUNT_INVALID, 3)


def fixed(kind: str, number: str, fen: int, fee: int, state: str = "OK") -> str:
    return f"{kind}{number:<10}{fen:012d}{fee:08d}{state}".ljust(40)


def test_a_bill_of_fixed_width_by_a_mapping() -> None:
    rows = [fixed("P", "pay1", 10_000, -23), fixed("R", "ref1", -5_000, 11)]
    text = "\n".join(("TITLE", *rows, fixed("P", "pay2", 700, 0, "NO"), "T3", ""))
    totals = totals_of(read(FIXED, text, "gbk"))
    assert (totals.lines, totals.paid_fen, totals.refunded_fen) == (3, 10_000, 5_000)
    assert totals.fee_milli_fen == 12_000
    for wrong, code, line in (
        (text.replace("T3", "T4"), FaultCode.TOTAL_WRONG, 5),
        (text.replace("T3", ""), FaultCode.TOTAL_MISSING, 0),
        (text.replace("-00000005000", "000000005000"), FaultCode.AMOUNT_INVALID, 3),
        (text.replace("OK", "O", 1), FaultCode.LENGTH_WRONG, 2),
        (text.replace("NO", "??"), FaultCode.STATE_UNKNOWN, 4),
    ):
        with pytest.raises(Fault) as no:
            read(FIXED, wrong, "gbk")
        assert (no.value.code, no.value.line) == (code, line), wrong


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ("", "name"),
        ("name = ", "neither TOML nor JSON"),
        ('{"name": 1}', "$.name"),
        (CSV + "colour = 1", "colour"),
        (CSV.replace('"utf-8"', '"rot13"'), "$.encoding"),
        (CSV.replace('"bank_csv"', '"Bank CSV"'), "$.name"),
        (CSV.replace('kind = "bank"', 'kind = "trade"'), "columns.balance"),
        (CSV.replace('separator = ";"', "separator = '\"'"), "separator"),
        (CSV.replace('amount = "amount"', ""), "either amount"),
        (CSV.replace('amount = "amount"', 'amount = "amount"\nmoney_in = "in"'), "either amount"),
        (CSV.replace('amount_sign = "direction"', ""), "amount_sign"),
        (CSV.replace("DD.MM.YYYY", "DD.MM"), "time_format"),
        (CSV.replace("DD.MM.YYYY", "DD.MM.YYYY DD"), "time_format"),
        (CSV.replace('time = "day"', "time = { at = 1, width = 2 }"), "columns.time"),
        (CSV + '[kinds]\nA = "in"', "columns.kind"),
        (FIXED.replace("width = 40", ""), "width"),
        (FIXED.replace("at = 32, width = 2", "at = 40, width = 2"), "columns.state"),
        (FIXED.replace("at = 32", "at = 0"), "$.columns.state"),
        (FIXED.replace('R = "refund"', 'R = "out"'), "kinds"),
        (FIXED.replace('OK = "succeeded"\nNO = "failed"', ""), "states"),
        (FIXED.replace("T{lines}", "T{line}"), "totals"),
        (FIXED.replace('of = "lines" }', 'of = "lines", column = "fee" }'), "totals"),
        ("x" * (MOST_BYTES + 1), "larger"),
        ("\ud800", "UTF-8"),
        ("[" * 60_000, "neither"),
        (f"version = {'9' * 5_000}", "neither"),
        (CSV.replace('grouping = ","', 'grouping = "."'), "grouping"),
        (CSV.replace('grouping = ","', 'grouping = "5"'), "grouping"),
        (CSV.replace('grouping = ","', 'grouping = "-"'), "grouping"),
        (CSV.replace('separator = ";"', 'separator = "0"'), "separator"),
        (CSV.replace('separator = ";"', 'separator = "."'), "separator"),
        (CSV.replace('separator = ";"', 'quote = "1"'), "quote"),
        (CSV.replace('separator = ";"', 'quote = "\\n"'), "quote"),
        (FIXED.replace("{lines}", "{a b}").replace("lines =", '"a b" ='), "totals"),
        (FIXED.replace("{lines}", "{}").replace("lines =", '"" ='), "totals"),
        (FIXED.replace("{lines}", "{lines}.{x}") + "x = {}", "between two figures"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_refused(mapping: str, said: str) -> None:
    with pytest.raises(Refused) as no:
        read_mapping(mapping.encode("utf-8", "surrogatepass"))
    assert no.value.code is Code.BILL_MAP_INVALID
    assert said in no.value.detail


# A mapping that ships is never changed under its version: bills were read by it.
KEPT = {
    ("jd_pay", 1): "990696b0135f7f0d",
    ("alipay_trade", 1): "e17145c47bbe9d44",
    ("alipay_fund", 1): "6451c1686326bbb1",
}


def test_mappings_that_ship_are_kept_under_their_version() -> None:
    found = {}
    for name in SHIPPED:
        mapping = read_mapping(shipped(name))
        assert mapping.name == name
        found[name, mapping.version] = hashlib.sha256(shipped(name)).hexdigest()[:16]
    assert found == KEPT


def test_a_bill_of_alipays_funds() -> None:
    text = (
        "#支付宝账务明细查询\n#----账务明细列表----\n"
        "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,"
        "账户余额（元）,交易渠道,业务类型,备注\n"
        "F1\t,B1\t,pay-1\t,nuts,2011-01-10 12:00:00,a,30.00,0.00,130.00,x,交易,\n"
        "F2\t,B2\t,pay-1\t,nuts,2011-01-10 12:00:00,a,0.00,-0.06,129.94,x,收费,\n"
        "#----账务明细列表结束----\n"
    )
    format_ = mapped_format(shipped("alipay_fund"), given=False)
    totals = totals_of(format_.read([text.encode("gbk")], date(2011, 1, 10)))
    assert (totals.paid_fen, totals.refunded_fen) == (3_000, 6)
    assert (totals.opening_fen, totals.closing_fen) == (10_000, 12_994)


def test_a_mark_between_thousands_stands_before_the_point_only() -> None:
    """1.234,50 is one thousand and more elsewhere: it is no fee of 1.2345 here."""
    mapping = CSV.replace('balance = "balance"', 'fee = "balance"')
    for wrong in ("1.234,50", "1,234.5,0", "0.1,2"):
        with pytest.raises(Fault) as no:
            read(
                mapping, f"day;reference;amount;balance;currency\n10.01.2011;A1;1.00;{wrong};CNY\n"
            )
        assert (no.value.code, no.value.line) == (FaultCode.AMOUNT_INVALID, 2)


def test_a_row_that_has_the_words_of_the_end_is_a_row() -> None:
    mapping = CSV.replace("separator", 'end = "THE END"\nseparator').replace(
        'balance = "balance"', ""
    )
    text = "day;reference;amount;currency\n10.01.2011;THE END;1.00;CNY\n"
    (line,) = read(mapping, f"{text}--- THE END ---\n")
    assert isinstance(line, Line) and line.amount_fen == 100
    with pytest.raises(Fault) as no:
        read(mapping, text)
    assert no.value.code is FaultCode.TOTAL_MISSING


PAIR = (
    CSV.replace('balance = "balance"', "")
    .replace('amount = "amount"', 'money_in = "in"\nmoney_out = "out"\nkind = "kind"')
    .replace("[columns]", '[kinds]\nF = "fee"\nI = "in"\nO = "out"\n[columns]')
)


def test_a_fee_that_came_was_given_back() -> None:
    text = "day;reference;in;out;kind;currency\n10.01.2011;A1;{};CNY\n"
    for cells, fee_milli_fen in ((";0.60;F", 60_000), ("0.60;;F", -60_000)):
        (line,) = read(PAIR, text.format(cells))
        assert isinstance(line, Line) and line.amount_fen == 60
        assert (line.kind, line.fee_milli_fen) == ("fee", fee_milli_fen)
    chained = PAIR.replace("[columns]", '[columns]\nbalance = "balance"')
    rows = "10.01.2011;A1;1.00;;I;2.00;CNY\n10.01.2011;A2;0.60;;F;2.60;CNY\n"
    items = read(chained, f"day;reference;in;out;kind;balance;currency\n{rows}")
    assert items[-1] == Balance(3, "closing", 260)


@pytest.mark.parametrize("cells", ["1.00;;O", ";1.00;I"])
def test_a_kind_that_says_otherwise_than_its_column_is_refused(cells: str) -> None:
    with pytest.raises(Fault) as no:
        read(PAIR, f"day;reference;in;out;kind;currency\n10.01.2011;A1;{cells};CNY\n")
    assert (no.value.code, no.value.line) == (FaultCode.AMOUNT_INVALID, 2)


def test_columns_without_a_title_are_columns() -> None:
    text = "day;reference;amount;balance;currency;;\n10.01.2011;A1;1.00;2.00;CNY;;\n"
    assert isinstance(read(CSV, text)[0], Line)
