"""Files of the signed networks, the fund bill and the statement, cut apart by the layouts as they
are published: by byte and by column, not by what wrote them."""

import re
import xml.etree.ElementTree as ET
from typing import Any

from tests.simulator.bill_days import DAY, NEXT, Day

ZM = [3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21,
      15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98]  # fmt: skip
JD = "交易时间,商户订单号,商户退款单号,交易类型,交易状态,金额(元),手续费(元),平台流水号"
FUND = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),"
    "资金变更提交申请人,备注,业务凭证号"
)
FUND_SUMMARY = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
BANK_ACCOUNT = {"kind": "account", "id": "110060149013123456", "name": "三只松鼠"}


def zm_fields(raw: bytes) -> list[str]:
    assert len(raw) == 607
    found, at = [], 0
    for width in ZM:
        found.append(raw[at : at + width].decode("gbk").rstrip())
        assert raw[at + width : at + width + 1] in (b" ", b"")
        at += width + 1
    return found


def short(at: str) -> str:
    return re.sub(r"\D", "", at[5:19])


def sold(day: Day, network: str, **other: Any) -> dict[str, Any]:
    """A sale and a refund of a part of it. The payment, as the book has it."""
    member = day.member(network)
    member.place("pay536365", amount=12_345, subject="坚果 礼盒", **other)
    day.settle()
    wish = {"kind": "refund", "original": "pay536365", "amount": 970, **other}
    member.place("refundR000001", **wish)
    day.settle()
    return day.outside.entry("pay536365")


def test_the_detail_file_of_unionpay_has_42_fields_and_607_bytes(day: Any) -> None:
    shop = day()
    one = sold(shop, "quickpass")
    back = shop.outside.entry("refundR000001")
    shop.advance(22)
    told, content = shop.fetch("quickpass")
    assert told["name"] == f"INN26112588ZM_{told['merchant']}" and told["version"] == 1
    first, second, rest = content.split(b"\r\n")
    assert rest == b""
    fields, charge = zm_fields(first), one["charges"][0]
    assert fields[0] == "S22" and fields[4] == short(charge["at"])
    assert fields[5] == "622202******2233" and fields[6] == "000000012345"
    assert fields[9] == charge["serial"] and fields[11] == "pay536365"
    assert fields[15] == "D000000000028", "0.23 % of 123.45 is 0.283935 yuan"
    assert fields[16] == fields[32] == "C000000012317"
    assert fields[27] == told["merchant"] and fields[30] == "坚果 礼盒" and fields[40] == ""
    fields = zm_fields(second)
    assert fields[0] == "S30" and fields[6] == "000000000970"
    assert fields[9] == back["charges"][0]["serial"] and fields[11] == "refundR000001"
    assert fields[15] == "C000000000002" and fields[16] == "D000000000968"
    assert fields[26] == charge["serial"] and fields[40] == "pay536365"
    assert fields[14] == short(charge["at"])


def test_unionpay_knows_a_card_and_the_same_layout(day: Any) -> None:
    shop = day()
    at = re.sub(r"\D", "", shop.outside.get("/health")["now"][:19])
    sold(shop, "unionpay", time=at)
    shop.advance(22)
    first, second, _ = shop.fetch("unionpay")[1].split(b"\r\n")
    assert [zm_fields(first)[11], zm_fields(second)[11]] == ["pay536365", "refundR000001"]
    assert zm_fields(first)[15] == "D000000000037", "0.30 %"


def test_the_bill_of_jd_pay_is_newest_first_with_a_total(day: Any) -> None:
    shop = day()
    one = sold(shop, "jdpay")
    back = shop.outside.entry("refundR000001")
    shop.advance(22)
    told, content = shop.fetch("jdpay")
    lines = content.decode("gbk").split("\r\n")
    assert lines[1] == f"商户号：{told['merchant']}" and lines[2] == f"账单日期：{DAY}"
    assert lines[4] == JD and len(lines) == 9 and lines[8] == ""
    paid, given = one["charges"][0], back["charges"][0]
    assert lines[5] == (
        f"{given['at'][:19].replace('T', ' ')},pay536365,refundR000001,退款,成功,9.70,-0.02,"
        f"{given['serial']}"
    )
    assert lines[6] == (
        f"{paid['at'][:19].replace('T', ' ')},pay536365,,支付,成功,123.45,0.22,{paid['serial']}"
    )
    assert lines[7] == "合计,2,,,,113.75,0.20,"


def test_a_bill_is_not_ready_or_there_was_no_trade(day: Any) -> None:
    shop = day()
    sold(shop, "jdpay")
    assert shop.ask("jdpay")[1]["code"] == "PARAM_INVALID", "not today"
    shop.advance(13)
    status, told = shop.ask("jdpay")
    assert (status, told["code"]) == (409, "BILL_NOT_READY")
    shop.advance(9)
    assert shop.ask("jdpay")[0] == 200
    status, told = shop.ask("jdpay", "2026-11-24")
    assert (status, told["code"]) == (404, "NO_TRADE")
    status, told = shop.ask("quickpass")
    assert (status, told["code"]) == (404, "NO_TRADE")
    assert shop.ask("bank")[1]["code"] == "NO_SUCH_BILL"
    for wrong in ("2026-13-01", "today", "2026-11-27", "20261125", "%E4%BB%8A"):
        assert shop.ask("jdpay", wrong)[1]["code"] == "PARAM_INVALID", wrong
    member = shop.member("jdpay")
    path = f"/jdpay/bills/{DAY}?merchant={member.merchant}"
    assert member.ask("GET", f"{path}&kind=fund")[1]["code"] == "PARAM_INVALID"
    assert member.ask("GET", f"/jdpay/bills/{DAY}?merchant=1")[1]["code"] == "PARAM_INVALID"
    assert shop.outside.raw("GET", path)[1]["code"] == "SIGN_INVALID"
    assert shop.outside.raw("GET", path.replace("jdpay", "alipay"))[1]["code"] == "NO_SUCH_NETWORK"
    there = shop.ask("jdpay")[1]["path"]
    assert shop.outside.raw("GET", there)[1]["code"] == "SIGN_INVALID"
    assert member.ask("GET", there[:-1] + "x")[1]["code"] == "NO_SUCH_FILE"
    assert member.ask("GET", "/jdpay/files/1.0.99999999999")[1]["code"] == "NO_SUCH_FILE"


def test_what_was_taken_back_on_its_day_is_in_no_bill_and_later_is_a_refund(day: Any) -> None:
    shop = day()
    member = shop.member("jdpay")
    for number in ("pay-000001", "pay-000002"):
        member.place(number)
    shop.settle()
    said = {"network": "jdpay", "number": "pay-000001"}
    assert shop.outside.post("/simulate/take-back", said)[0] == 200
    shop.advance(22)
    said["number"] = "pay-000002"
    assert shop.outside.post("/simulate/take-back", said)[0] == 200
    rows = shop.fetch("jdpay")[1].decode("gbk").split("\r\n")[5:]
    assert "pay-000002" in rows[0] and rows[1] == "合计,1,,,,100.00,0.18,"
    shop.advance(24)
    rows = shop.fetch("jdpay", NEXT)[1].decode("gbk").split("\r\n")[5:]
    serial = shop.outside.entry("pay-000002")["reversals"][0]["serial"]
    assert f",pay-000002,{serial},退款,成功,100.00,-0.18,{serial}" in rows[0]
    assert rows[1] == "合计,1,,,,-100.00,-0.18,"


def fund_rows(content: bytes) -> list[list[str]]:
    text = content.decode("utf-8-sig").split("\r\n")
    assert text[0].replace("`", "") == FUND and text[-3].replace("`", "") == FUND_SUMMARY
    assert text[-1] == ""
    return [row[1:].split(",`") for row in (*text[1:-3], text[-2])]


def test_the_fund_bill_of_wechat_is_a_chain_from_day_to_day(day: Any) -> None:
    shop = day()
    shop.merchant.place("pay-536365", 12_345)
    shop.settle()
    shop.merchant.refund("pay-536365", "refund-R000001", 970, total=12_345)
    shop.settle()
    paid = shop.outside.entry("pay-536365")["charges"][0]
    shop.advance(22)
    rows = fund_rows(shop.wechat(fund=True))
    told = [(row[1], row[4], row[5], row[6], row[7], row[10]) for row in rows[:-1]]
    back = shop.outside.entry("refund-R000001")["charges"][0]
    assert told == [
        (paid["serial"], "交易", "收入", "123.45", "123.45", "pay-536365"),
        (paid["serial"], "扣除交易手续费", "支出", "0.25", "123.20", "pay-536365"),
        (back["serial"], "退款", "支出", "9.70", "113.50", "refund-R000001"),
        (back["serial"], "退还交易手续费", "收入", "0.02", "113.52", "refund-R000001"),
    ]
    assert rows[-1] == ["4", "2", "123.47", "2", "9.95"]
    assert len({row[2] for row in rows[:-1]}) == 4, "each movement has a number of its own"
    shop.advance(24)
    rows = fund_rows(shop.wechat(NEXT, fund=True))
    assert rows[0][:2] == [f"{NEXT} 10:00:00", "NETSUNION-20261125-1"]
    assert rows[0][4:8] == ["提现", "支出", "113.52", "0.00"]


def statement(content: bytes) -> tuple[dict[str, int], list[tuple[str, int, str, str]]]:
    """Balances by code, and entries: reference, signed fen, the bank's reference, its words."""
    root = ET.fromstring(content)
    name = r"\{urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.0([28])\}Document"
    found = re.fullmatch(name, root.tag)
    assert found is not None
    space = {"c": root.tag[1:].partition("}")[0]}

    def text(at: ET.Element, path: str) -> str:
        return at.findtext(path, namespaces=space) or ""

    def signed(at: ET.Element) -> int:
        fen = int(text(at, "c:Amt").replace(".", ""))
        return fen if text(at, "c:CdtDbtInd") == "CRDT" else -fen

    balances = {
        text(one, "c:Tp/c:CdOrPrtry/c:Cd"): signed(one)
        for one in root.iterfind(".//c:Stmt/c:Bal", space)
    }
    status = "c:Sts" if found[1] == "2" else "c:Sts/c:Cd"
    entries = []
    for one in root.iterfind(".//c:Stmt/c:Ntry", space):
        assert text(one, status) == "BOOK" and one.find("c:Amt", space).get("Ccy") == "CNY"  # type: ignore[union-attr]
        refs = "c:NtryDtls/c:TxDtls/c:Refs/c:EndToEndId"
        entries.append(
            (text(one, refs), signed(one), text(one, "c:AcctSvcrRef"), text(one, ".//c:Ustrd"))
        )
    count = text(root, ".//c:TxsSummry/c:TtlNtries/c:NbOfNtries")
    assert int(count) == len(entries)
    return balances, entries


def test_what_the_channels_owe_arrives_in_one_sum_for_each_session(day: Any) -> None:
    shop = day()
    sold(shop, "quickpass")  # 123.45 - 0.28 - 9.70 + 0.02
    shop.member("jdpay").place("pay-536367", amount=10_000)  # 100.00 - 0.18
    shop.merchant.place("pay-536368", 5_000)  # 50.00 - 0.10
    netsunion = shop.member("netsunion")
    netsunion.place("pay-536369", amount=20_000)  # Settled whole.
    netsunion.place("refund-R000009", kind="refund", original="pay-536369", amount=500)
    bank = shop.member("bank")
    bank.place("payout-S000001", amount=3_000, party=BANK_ACCOUNT)
    shop.settle()
    shop.advance(22)
    bank.place("payout-S000002", amount=1_000, party=BANK_ACCOUNT)
    shop.settle()
    said = {"network": "bank", "number": "payout-S000001", "kind": "payout"}
    assert shop.outside.post("/simulate/return", said)[0] == 200
    top_up = {"amount": 700, "reference": "TOPUP-1", "words": "自有资金 & 补足"}
    assert shop.outside.post("/simulate/transfer", top_up)[0] == 200

    entry = shop.outside.entry
    assert statement(shop.fetch("bank", DAY, "statements")[1]) == (
        {"OPBD": 0, "CLBD": -3_500},
        [
            ("refund-R000009", -500, entry("refund-R000009")["charges"][0]["serial"], "退款"),
            ("payout-S000001", -3_000, entry("payout-S000001")["charges"][0]["serial"], "付款"),
        ],
    )
    assert shop.ask("bank", NEXT, "statements")[0] == 400, "the day is not over"
    shop.advance(24)
    balances, entries = statement(shop.fetch("bank", NEXT, "statements")[1])
    came = {"NETSUNION-20261125-1": 9_982 + 4_990 + 20_000, "UNIONPAY-20261125-1": 11_349}
    assert {one[0]: one[1] for one in entries} == {
        **came,
        "payout-S000001": 3_000,
        "payout-S000002": -1_000,
        "TOPUP-1": 700,
    }
    returned = next(one for one in entries if one[0] == "payout-S000001")
    assert returned[2:] == (entry("payout-S000001")["returns"][0]["serial"], "退汇")
    assert balances == {"OPBD": -3_500, "CLBD": -3_500 + sum(one[1] for one in entries)}
    status, told = shop.ask("bank", DAY, "sessions")
    assert status == 200
    assert {one["id"]: (one["due"], one["amount"]) for one in told["sessions"]} == {
        name: (fen, fen) for name, fen in came.items()
    }
    shop.advance(24)
    balances, entries = statement(shop.fetch("bank", "2026-11-27", "statements")[1])
    assert entries == [] and balances["OPBD"] == balances["CLBD"] == 45_521


def test_a_refund_that_wechat_gives_up_later_comes_back_with_its_fee(day: Any) -> None:
    shop = day("--faults", "refund_declined=1000", epoch="2026-11-25T23:58:00+08:00")
    shop.merchant.place("pay-536365", 100_000)
    shop.settle()
    shop.outside.post("/simulate/conduct", {"payer": "mixed"})  # Ends minutes after, not at once.
    shop.merchant.refund("pay-536365", "refund-R000003", 50_000, total=100_000)
    assert shop.outside.entry("refund-R000003")["state"] == "PROCESSING"
    shop.advance(1)
    shop.settle()
    order = shop.outside.entry("refund-R000003")
    assert order["state"] == "CLOSED" and order["ended_at"].startswith(NEXT)
    shop.advance(10)
    trade = shop.wechat().decode("utf-8-sig").split("\r\n")
    assert "`PROCESSING," in trade[2] and trade[4].startswith("`2,`1000.00,`500.00,`0.00,`1.00000")
    assert [row[4] for row in fund_rows(shop.wechat(fund=True))[:-1]] == [
        "交易", "扣除交易手续费", "退款", "退还交易手续费",
    ]  # fmt: skip
    shop.advance(24)
    assert shop.refused(NEXT) == (400, "NO_STATEMENT_EXIST"), "its row is never written again"
    rows = fund_rows(shop.wechat(NEXT, fund=True))[:-1]
    assert [(row[4], row[5], row[6], row[7]) for row in rows] == [
        ("退款退回", "收入", "500.00", "999.00"),
        ("扣除交易手续费", "支出", "1.00", "998.00"),
        ("提现", "支出", "499.00", "499.00"),
    ]
    sessions = shop.ask("bank", NEXT, "sessions")[1]["sessions"]
    assert [one["due"] for one in sessions] == [49_900]
