"""Bills against layouts written by hand: from the published columns, not from what wrote them."""

import json
from typing import Any

from tests.simulator.bill_days import DAY, Day
from tests.simulator.outside import Member

ALL = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
SUCCESS = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注"
)
REFUND = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,退款申请时间,退款成功时间,微信退款单号,商户退款单号,"
    "退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,"
    "费率备注"
)
SUMMARY = (
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
)


def sold(day: Day) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Two sales and a refund at WeChat Pay, as the book has them."""
    day.merchant.place("pay-536365", 2_970, attach="shop 7")
    day.merchant.place("pay-536366", 12_345)
    day.settle()
    day.merchant.refund("pay-536365", "refund-R000001", 970, total=2_970)
    day.settle()
    entry = day.outside.entry
    return entry("pay-536365"), entry("pay-536366"), entry("refund-R000001")


def cells(row: str) -> list[str]:
    assert row.startswith("`")
    return row[1:].split(",`")


def local(at: str) -> str:
    return at[:19].replace("T", " ")


def test_a_trade_bill_is_laid_out_as_published(day: Any) -> None:
    shop = day()
    one, _, back = sold(shop)
    shop.advance(22)
    content = shop.wechat()
    text = content.removeprefix(b"\xef\xbb\xbf").decode()
    header, first, second, third, summary, totals, rest = text.split("\r\n")
    assert header.replace("`", "") == ALL and summary.replace("`", "") == SUMMARY and rest == ""
    keys, detail = shop.outside.keys["wechat"], one["charges"][0]
    openid = one["party"]["id"]
    assert first == (
        f"`{local(detail['at'])},`{keys['appid']},`{keys['mchid']},`0,`,`{detail['serial']},"
        f"`pay-536365,`{openid},`NATIVE,`SUCCESS,`OTHERS,`CNY,`29.70,`0.00,`0,`0,`0.00,`0.00,"
        "`,`,`nuts,`shop 7,`0.06000,`0.20%,`29.70,`0.00,`"
    )
    assert cells(second)[6] == "pay-536366" and cells(second)[22] == "0.25000"  # 24.69 fen.
    refund_id = back["charges"][0]["serial"]
    assert third == (
        f"`{local(back['created_at'])},`{keys['appid']},`{keys['mchid']},`0,`,`{detail['serial']},"
        f"`pay-536365,`{openid},`NATIVE,`REFUND,`OTHERS,`CNY,`0.00,`0.00,`{refund_id},"
        "`refund-R000001,`9.70,`0.00,`ORIGINAL,`SUCCESS,`nuts,`shop 7,`-0.02000,`0.20%,`0.00,"
        "`9.70,`"
    )
    assert totals == "`3,`153.15,`9.70,`0.00,`0.29000,`153.15,`9.70"
    assert shop.wechat(tar_type="GZIP") == content == shop.wechat(), "published is published"


def test_types_have_columns_and_rows_of_their_own(day: Any) -> None:
    shop = day()
    sold(shop)
    shop.advance(22)
    paid = shop.wechat(kind="SUCCESS").decode("utf-8-sig").split("\r\n")
    assert paid[0].replace("`", "") == SUCCESS and len(paid) == 6
    assert paid[4].startswith("`2,`153.15,`0.00,")
    back = shop.wechat(kind="REFUND").decode("utf-8-sig").split("\r\n")
    assert back[0].replace("`", "") == REFUND and len(back) == 5
    row = dict(zip(REFUND.split(","), cells(back[1]), strict=True))
    assert row["退款申请时间"] >= row["交易时间"] and row["退款成功时间"] >= row["退款申请时间"]


def test_a_bill_is_there_at_ten_and_never_on_a_day_without_trade(day: Any) -> None:
    shop = day()
    sold(shop)
    assert shop.refused() == (400, "PARAM_ERROR"), "not today"
    shop.advance(21)
    assert shop.refused() == (400, "STATEMENT_CREATING")
    shop.advance(1)
    assert shop.refused("2026-11-24") == (400, "NO_STATEMENT_EXIST")
    assert len(shop.wechat()) > 1_000
    for wrong in ("2026-11-26", "2027-01-01", "2026-08-01", "2026-02-30", "yesterday", ""):
        assert shop.refused(wrong) == (400, "PARAM_ERROR"), wrong
    assert shop.refused(kind="BOTH") == (400, "PARAM_ERROR")


def test_files_differ_as_real_ones_do_by_seed_and_never_for_one_seed(day: Any) -> None:
    seen = set()
    for seed in range(12):
        shop = day("--seed", str(seed))
        shop.merchant.place("pay-536365", 2_970)
        shop.settle()
        shop.advance(22)
        content = shop.wechat()
        mark = content.startswith(b"\xef\xbb\xbf")
        seen.add((mark, content.removeprefix(b"\xef\xbb\xbf").startswith(b"`")))
        shop.outside.kill()
    assert len(seen) == 4, "with a mark or without, with back-ticks before titles or without"


def test_an_address_lives_for_whoever_signs_and_has_it(day: Any) -> None:
    shop = day()
    sold(shop)
    shop.advance(22)
    told = json.loads(shop.merchant.client.trade_bill(DAY)[1])
    path = told["download_url"].removeprefix(shop.outside.base_url)
    assert shop.outside.raw("GET", path)[0] == 401, "not signed"
    for wrong in (path[:-1], path + "0", path.split("token=")[0] + "token=1", "?token=%E9"):
        url = shop.outside.base_url + "/v3/billdownload/file" + wrong[wrong.index("?") :]
        assert shop.merchant.client.download_bill(url)[0] == 400, wrong


def test_a_killed_simulator_publishes_the_same_bytes(day: Any) -> None:
    shop = day("--seed", "5", "--faults", "bill_wrong_amount=300,bill_double_line=300")
    for place in range(30):
        shop.merchant.place(f"pay-{place:06d}", 1_000 + place)
    shop.settle()
    shop.advance(22)
    content = shop.wechat()
    shop.outside.kill()
    for file in (shop.outside.directory / "bills").iterdir():
        file.unlink()
    shop.outside.start("--faults", "none")
    shop.advance(22)  # Its clock was set anew by the epoch.
    assert shop.wechat() == content, "a day's faults are those of when it was asked for first"


def test_a_member_of_another_network_is_not_answered(day: Any) -> None:
    shop = day()
    member = Member(shop.outside, "jdpay")
    path = f"/v3/bill/tradebill?bill_date={DAY}&bill_type=ALL"
    assert shop.outside.raw("GET", path, headers=member.sign("GET", path, b""))[0] == 401
