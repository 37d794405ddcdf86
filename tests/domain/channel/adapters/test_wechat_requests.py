"""WeChat Pay API v3: what is sent, as merchant and as partner, and what is kept of it."""

import json

import pytest
from msgspec.structs import replace

from domain.channel.network import (
    AwaitingPayer,
    Charge,
    Order,
    Part,
)
from domain.channel.port import Declined, Succeeded, Unknown
from tests.domain.channel.adapters.orders import (
    COMBINED,
    NOTIFY,
    PAYMENT,
    PAYOUT,
    REFUND,
    Do,
    adapter_of,
    closes,
    queries,
    sends,
)
from tests.domain.channel.adapters.outside import Json
from tests.domain.channel.adapters.server import Reply
from tests.domain.channel.adapters.wechat_words import (
    AT_US,
    BASE,
    CODE,
    PARTNER,
    SERIAL,
    refund,
    single,
    wechat,
)


def test_a_native_order_gives_a_code_to_scan() -> None:
    answer, server = wechat(sends(PAYMENT), (200, CODE))
    assert answer.said == AwaitingPayer("weixin://wxpay/bizpayurl?pr=qX3w")
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", f"{BASE}/native")
    assert json.loads(asked.body) == {
        "appid": "wx0123456789abcdef",
        "mchid": "1600000001",
        "description": "Order 536365",
        "out_trade_no": "pay-536365",
        "time_expire": "2026-11-28T18:15:00+08:00",
        "notify_url": f"{NOTIFY}/WECHAT_PAY",
        "attach": "pay-536365",
        "amount": {"total": 15_300, "currency": "CNY"},
    }


def test_a_combined_order_has_a_number_for_the_whole_and_one_for_each_transaction() -> None:
    answer, server = wechat(sends(COMBINED), (200, CODE))
    assert answer.said == AwaitingPayer("weixin://wxpay/bizpayurl?pr=qX3w")
    (asked,) = server.asked
    assert asked.target == "/v3/combine-transactions/native"
    body = json.loads(asked.body)
    assert body["combine_out_trade_no"] == "pay-536365"
    assert body["combine_mchid"] == "1600000001"
    assert body["sub_orders"] == [
        {
            "mchid": "1600000001",
            "attach": "pay-536365",
            "amount": {"total_amount": amount_fen, "currency": "CNY"},
            "out_trade_no": number,
            "description": description,
        }
        for number, amount_fen, description in (
            ("part1-536365", 10_000, "Tea"),
            ("part2-536365", 5_300, "Cups"),
        )
    ]


def test_a_refund_is_of_an_order_or_of_one_transaction_of_a_combined_one() -> None:
    answer, server = wechat(sends(REFUND), (200, refund()))
    assert answer.said == Succeeded("50000000382019052709732678859", 5_000)
    assert server.asked[0].target == "/v3/refund/domestic/refunds"
    assert json.loads(server.asked[0].body) == {
        "out_trade_no": "pay-536365",
        "out_refund_no": "refund-R1-1",
        "reason": "Order 536365",
        "notify_url": f"{NOTIFY}/WECHAT_PAY",
        "amount": {"refund": 5_000, "total": 15_300, "currency": "CNY"},
    }
    of_part = replace(REFUND, original="part1-536365", original_fen=10_000)
    reply = (200, refund(out_trade_no="part1-536365"))
    _, server = wechat(sends(of_part), reply)
    assert json.loads(server.asked[0].body)["amount"]["total"] == 10_000


@pytest.mark.parametrize(
    ("do", "method", "target", "body"),
    [
        (queries(PAYMENT), "GET", f"{BASE}/out-trade-no/pay-536365?mchid=1600000001", None),
        (queries(COMBINED), "GET", "/v3/combine-transactions/out-trade-no/pay-536365", None),
        (queries(REFUND), "GET", "/v3/refund/domestic/refunds/refund-R1-1", None),
        (
            closes(PAYMENT),
            "POST",
            f"{BASE}/out-trade-no/pay-536365/close",
            {"mchid": "1600000001"},
        ),
        (
            closes(COMBINED),
            "POST",
            "/v3/combine-transactions/out-trade-no/pay-536365/close",
            {
                "combine_appid": "wx0123456789abcdef",
                "sub_orders": [
                    {"mchid": "1600000001", "out_trade_no": "part1-536365"},
                    {"mchid": "1600000001", "out_trade_no": "part2-536365"},
                ],
            },
        ),
    ],
)
def test_queries_and_closes(do: Do, method: str, target: str, body: Json | None) -> None:
    _, server = wechat(do, Reply(500))
    (asked,) = server.asked
    assert (asked.method, asked.target) == (method, target)
    assert (json.loads(asked.body) if asked.body else None) == body


SUB22 = "sp_mchid=1600000001&sub_mchid=1900000022"


@pytest.mark.parametrize(
    ("do", "target", "part"),
    [
        (
            sends(PAYMENT),
            "/v3/pay/partner/transactions/native",
            {
                "sp_appid": "wx0123456789abcdef",
                "sp_mchid": "1600000001",
                "sub_mchid": "1900000022",
            },
        ),
        (queries(PAYMENT), f"/v3/pay/partner/transactions/out-trade-no/pay-536365?{SUB22}", {}),
        (
            closes(PAYMENT),
            "/v3/pay/partner/transactions/out-trade-no/pay-536365/close",
            {"sp_mchid": "1600000001", "sub_mchid": "1900000022"},
        ),
        (sends(REFUND), "/v3/refund/domestic/refunds", {"sub_mchid": "1900000022"}),
        (queries(REFUND), "/v3/refund/domestic/refunds/refund-R1-1?sub_mchid=1900000022", {}),
        (
            closes(COMBINED),
            "/v3/combine-transactions/out-trade-no/pay-536365/close",
            {
                "sub_orders": [
                    {
                        "mchid": "1600000001",
                        "sub_mchid": f"19000000{shop}",
                        "out_trade_no": f"part{part}-536365",
                    }
                    for part, shop in ((1, 22), (2, 23))
                ]
            },
        ),
    ],
)
def test_a_partner_names_the_merchant_it_acts_for(do: Do, target: str, part: Json) -> None:
    _, server = wechat(do, Reply(500), **PARTNER)
    (asked,) = server.asked
    assert asked.target == target
    body = json.loads(asked.body or b"{}")
    assert "mchid" not in body
    assert {name: body[name] for name in part} == part


AGREED = "1900000077"


@pytest.mark.parametrize("settings", [PARTNER, {"partner": True}])
def test_the_number_an_agreement_says_comes_first(settings: dict[str, object]) -> None:
    order = replace(PAYMENT, sub_mchid=AGREED)
    back = replace(REFUND, sub_mchid=AGREED)
    parts = tuple(replace(one, sub_mchid=AGREED) for one in COMBINED.parts)
    for do, named in (
        (sends(order), lambda body: [body["sub_mchid"]]),
        (closes(order), lambda body: [body["sub_mchid"]]),
        (sends(back), lambda body: [body["sub_mchid"]]),
        (
            sends(replace(COMBINED, parts=parts)),
            lambda body: [one["sub_mchid"] for one in body["sub_orders"]],
        ),
    ):
        _, server = wechat(do, Reply(500), **settings)
        assert set(named(json.loads(server.asked[0].body))) == {AGREED}
    _, server = wechat(queries(order), Reply(500), **settings)
    assert f"sub_mchid={AGREED}" in server.asked[0].target


def test_a_merchant_of_its_own_names_no_number_whatever_is_agreed() -> None:
    _, server = wechat(sends(replace(PAYMENT, sub_mchid=AGREED)), Reply(500))
    body = json.loads(server.asked[0].body)
    assert ("sub_mchid" in body, body["mchid"]) == (False, "1600000001")


def test_an_answer_of_another_merchant_says_nothing() -> None:
    order, said = replace(PAYMENT, sub_mchid=AGREED), single(sp_mchid="1600000001")
    for sub_mchid, known in ((AGREED, True), ("1900000022", False)):
        reply = (200, {**said, "sub_mchid": sub_mchid})
        answer, _ = wechat(queries(order), reply, **PARTNER, partner=True)
        assert isinstance(answer.said, Unknown) is not known


@pytest.mark.parametrize(
    ("order", "changed", "reason"),
    [
        (PAYOUT, {}, "carries no payouts"),
        (replace(COMBINED, parts=COMBINED.parts[:1]), {}, "2 to 10 transactions, not 1"),
        (replace(COMBINED, parts=COMBINED.parts * 6), {}, "2 to 10 transactions, not 12"),
        (replace(COMBINED, amount_fen=15_301), {}, "must add up"),
        (replace(PAYMENT, merchant="SHOP99"), PARTNER, "no number at WeChat Pay"),
        (
            replace(COMBINED, parts=(COMBINED.parts[0], Part("p", "SHOP99", 5_300, "Cups"))),
            PARTNER,
            "no number at WeChat Pay",
        ),
    ],
)
def test_what_wechat_pay_could_never_take_is_not_sent(
    order: Order, changed: dict[str, object], reason: str
) -> None:
    answer, server = wechat(sends(order), **changed)
    assert isinstance(answer.said, Declined)
    assert reason in answer.said.reason
    assert (answer.said.by_channel, answer.sent, server.asked) == (True, False, [])


def test_one_charge_of_an_order_is_asked_about_and_given_back() -> None:
    second = "4200002026112812345678909999"
    reply = (200, single(transaction_id=second))
    answer, server = wechat(queries(replace(PAYMENT, serial=second)), reply)
    assert server.asked[0].target == f"{BASE}/id/{second}?mchid=1600000001"
    assert answer.charges == (Charge(second, 15_300, AT_US),)
    answer, _ = wechat(queries(replace(PAYMENT, serial="4200-x")), reply)
    assert isinstance(answer.said, Unknown)
    back = replace(REFUND, serial=second)
    answer, server = wechat(sends(back), (200, refund(transaction_id=second)))
    body = json.loads(server.asked[0].body)
    assert (body["transaction_id"], "out_trade_no" in body) == (second, False)
    assert isinstance(answer.said, Succeeded)
    answer, _ = wechat(sends(back), (200, refund()))
    assert isinstance(answer.said, Unknown), "of another charge"


def test_an_order_and_a_refund_may_be_sent_again_under_their_number() -> None:
    adapter = adapter_of("WECHAT_PAY")
    assert adapter.repeatable == {"payment", "refund"}
    assert adapter.number("pay-536365") == "pay-536365"


def test_what_is_kept_of_an_exchange_is_masked() -> None:
    answer, server = wechat(queries(PAYMENT), (200, single()))
    kept = answer.exchange
    assert kept is not None
    assert (kept.method, kept.status) == ("GET", 200)
    received = json.loads(kept.received)
    assert received["payer"] == {"openid": "***eS6o"}
    assert received["transaction_id"] == SERIAL
    authorization = server.asked[0].headers["authorization"]
    assert "WECHATPAY2" in authorization
    assert "WECHATPAY2" not in repr(kept)
    answer, _ = wechat(queries(REFUND), (200, refund()))
    assert "0403" not in repr(answer.exchange)
