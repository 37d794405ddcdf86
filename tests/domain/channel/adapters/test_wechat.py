"""WeChat Pay API v3: what is sent, and what each answer means."""

import json

import pytest
from msgspec.structs import replace

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
from tests.domain.channel.adapters.orders import (
    COMBINED,
    NOTIFY,
    PAYMENT,
    PAYOUT,
    REFUND,
    Do,
    adapter_of,
    ask,
    closes,
    queries,
    sends,
)
from tests.domain.channel.adapters.outside import Json, WeChatSide
from tests.domain.channel.adapters.server import Reply, Server

AT = "2026-11-28T10:00:00+08:00"
AT_US = 1_795_831_200_000_000
CODE = {"code_url": "weixin://wxpay/bizpayurl?pr=qX3w"}
BASE = "/v3/pay/transactions"
PARTNER: dict[str, object] = {"sub_mchids": {"SHOP22": "1900000022", "SHOP23": "1900000023"}}


def single(**changed: object) -> Json:
    return {
        "appid": "wx0123456789abcdef",
        "mchid": "1600000001",
        "out_trade_no": "pay-536365",
        "transaction_id": "4200002026112812345678901234",
        "trade_type": "NATIVE",
        "trade_state": "SUCCESS",
        "trade_state_desc": "paid",
        "success_time": AT,
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        # A coupon of 3.00 yuan: the payer gave less than the order was for.
        "amount": {"total": 15_300, "payer_total": 15_000, "currency": "CNY"},
    } | changed


def sub(number: str, serial: str, amount_fen: int, **changed: object) -> Json:
    return {
        "mchid": "1600000001",
        "out_trade_no": number,
        "transaction_id": serial,
        "trade_state": "SUCCESS",
        "success_time": AT,
        "amount": {"total_amount": amount_fen, "payer_amount": amount_fen, "currency": "CNY"},
    } | changed


def combined(*subs: Json, **changed: object) -> Json:
    both = (sub("part2-536365", "4200-2", 5_300), sub("part1-536365", "4200-1", 10_000))
    return {
        "combine_appid": "wx0123456789abcdef",
        "combine_mchid": "1600000001",
        "combine_out_trade_no": "pay-536365",
        "sub_orders": list(subs or both),
    } | changed


def refund(**changed: object) -> Json:
    return {
        "refund_id": "50000000382019052709732678859",
        "out_refund_no": "refund-R1-1",
        "transaction_id": "4200002026112812345678901234",
        "out_trade_no": "pay-536365",
        "user_received_account": "招商银行信用卡0403",
        "success_time": AT,
        "status": "SUCCESS",
        "amount": {"total": 15_300, "refund": 5_000, "payer_refund": 4_900, "currency": "CNY"},
    } | changed


def wechat(do: Do, *replies: object, **changed: object) -> tuple[Answer, Server]:
    return ask(WeChatSide(*replies), "WECHAT_PAY", do, **changed)


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


SERIAL = "4200002026112812345678901234"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, Succeeded(SERIAL, 15_300)),  # amount.total, not payer_total.
        ({"trade_state": "REFUND"}, Succeeded(SERIAL, 15_300)),
        ({"trade_state": "NOTPAY"}, AwaitingPayer("")),
        ({"trade_state": "USERPAYING"}, Processing()),
        ({"trade_state": "CLOSED", "trade_state_desc": "closed"}, Declined("CLOSED: closed")),
        ({"trade_state": "REVOKED", "trade_state_desc": None}, Declined("REVOKED")),
        ({"trade_state": "PAYERROR", "trade_state_desc": "?"}, Unknown("PAYERROR: ?")),
        ({"trade_state": "NEW", "trade_state_desc": "?"}, Unknown("NEW: ?")),
    ],
)
def test_every_state_of_an_order_has_its_meaning(changed: Json, said: Said) -> None:
    answer, _ = wechat(queries(PAYMENT), (200, single(**changed)))
    assert answer.said == said
    paid = isinstance(said, Succeeded)
    assert answer.charges == ((Charge(SERIAL, 15_300, AT_US),) if paid else ())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, Succeeded("50000000382019052709732678859", 5_000)),
        ({"status": "PROCESSING"}, Processing()),
        (
            {"status": "CLOSED"},
            Declined("refund closed by WeChat Pay: a new one needs a new number"),
        ),
        (
            {"status": "ABNORMAL"},
            Unknown("abnormal: the payer's account did not take the refund"),
        ),
    ],
)
def test_every_state_of_a_refund_has_its_meaning(changed: Json, said: Said) -> None:
    for do in (sends(REFUND), queries(REFUND)):
        answer, _ = wechat(do, (200, refund(**changed)))
        assert answer.said == said


def test_a_combined_order_is_paid_whole_whatever_the_order_it_is_told_in() -> None:
    for subs in (combined()["sub_orders"], list(reversed(combined()["sub_orders"]))):  # type: ignore[call-overload]
        answer, _ = wechat(queries(COMBINED), (200, combined(sub_orders=subs)))
        assert answer.said == Succeeded("4200-1", 15_300)
        assert answer.charges == ()
        assert set(answer.parts) == {
            PaidPart("part1-536365", "4200-1", 10_000),
            PaidPart("part2-536365", "4200-2", 5_300),
        }


def test_what_was_really_paid_for_each_transaction_is_told() -> None:
    subs = (sub("part1-536365", "4200-1", 10_300), sub("part2-536365", "4200-2", 5_300))
    answer, _ = wechat(queries(COMBINED), (200, combined(*subs)))
    assert answer.said == Succeeded("4200-1", 15_600)
    assert answer.parts[0] == PaidPart("part1-536365", "4200-1", 10_300)


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


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("NOTPAY", "NOTPAY"), AwaitingPayer("")),
        (("CLOSED", "NOTPAY"), AwaitingPayer("")),
        (("CLOSED", "CLOSED"), Declined("CLOSED")),
        (("USERPAYING", "NOTPAY"), Processing()),
        (("SUCCESS", "NOTPAY"), Unknown("a combined order that is paid in part: NOTPAY SUCCESS")),
        (("NEW", "CLOSED"), Unknown("states of a combined order: CLOSED NEW")),
        (("SUCCESS", "REFUND"), Succeeded("4200-1", 15_300)),
    ],
)
def test_a_combined_order_is_paid_when_every_transaction_is(
    states: tuple[str, str], said: Said
) -> None:
    subs = (
        sub("part1-536365", "4200-1", 10_000, trade_state=states[0]),
        sub("part2-536365", "4200-2", 5_300, trade_state=states[1]),
    )
    answer, _ = wechat(queries(COMBINED), (200, combined(*subs)))
    assert answer.said == said


@pytest.mark.parametrize(
    ("do", "body", "reason"),
    [
        (sends(PAYMENT), {}, "code_url: a text"),
        (sends(PAYMENT), {"code_url": "x" * 2049}, "code_url: a text"),
        (queries(PAYMENT), single(out_trade_no="pay-1"), "out_trade_no: pay-1 instead of"),
        (queries(PAYMENT), single(mchid="1600000002"), "mchid: 1600000002 instead of"),
        (queries(PAYMENT), single(transaction_id=None), "transaction_id: a text"),
        (queries(PAYMENT), single(success_time=None), "success_time: a text"),
        (queries(PAYMENT), single(amount=15_300), "amount: an object"),
        (queries(PAYMENT), single(amount={"total": 153.0, "currency": "CNY"}), "amount.total: a"),
        (queries(PAYMENT), single(amount={"total": -1, "currency": "CNY"}), "amount.total: not"),
        (queries(PAYMENT), single(amount={"total": 1, "currency": "USD"}), "amount.currency: USD"),
        (queries(COMBINED), combined(combine_mchid="x"), "combine_mchid: x instead of"),
        (queries(COMBINED), combined(combine_out_trade_no="x"), "combine_out_trade_no: x"),
        (queries(COMBINED), combined(sub_orders=[]), "sub_orders: each transaction once"),
        (queries(COMBINED), combined(sub("part1-536365", "s", 10_000)), "sub_orders: other"),
        (
            queries(COMBINED),
            combined(sub("part1-536365", "s", 10_000), sub("part1-536365", "s", 10_000)),
            "sub_orders: each transaction once",
        ),
        (sends(REFUND), refund(out_refund_no="refund-R2"), "out_refund_no: refund-R2 instead"),
        (queries(REFUND), refund(out_trade_no="pay-9"), "out_trade_no: pay-9 instead of"),
        (queries(REFUND), refund(status="DONE"), "status: DONE is none of the protocol"),
        (queries(REFUND), refund(amount={"refund": 1.5}), "amount.refund: a whole number"),
    ],
)
def test_an_answer_that_is_not_as_it_must_be_is_unknown(do: Do, body: Json, reason: str) -> None:
    answer, _ = wechat(do, (200, body))
    assert isinstance(answer.said, Unknown)
    assert answer.said.reason.startswith(f"HTTP 200: {reason}")


class Skewed(WeChatSide):
    skew_s = 300


class OtherKey(WeChatSide):
    key = "somebody"


class UnknownKey(WeChatSide):
    serial = "PUB_KEY_ID_99"


class Probe(WeChatSide):
    probe = True


class Platform(WeChatSide):
    key, serial = "platform", "5F001234ABCD"


class WrongPair(WeChatSide):
    key, serial = "platform", WeChatSide.serial


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        (Skewed, "its timestamp is 300 seconds or more away"),
        (OtherKey, "its signature is wrong"),
        (WrongPair, "its signature is wrong"),
        (UnknownKey, "it is signed by a key that we do not know"),
        (Probe, "a probe of WeChat Pay, whose signature is wrong on purpose"),
    ],
)
def test_an_answer_that_is_not_wechat_pays_is_unknown(side: type[WeChatSide], reason: str) -> None:
    for do, reply in ((queries(PAYMENT), (200, single())), (closes(PAYMENT), (204, None))):
        answer, _ = ask(side(reply), "WECHAT_PAY", do)
        assert answer.said == Unknown(f"HTTP {reply[0]}: {reason}")


def test_an_answer_may_be_signed_by_the_platform_certificate() -> None:
    answer, _ = ask(Platform((200, single())), "WECHAT_PAY", queries(PAYMENT))
    assert answer.said == Succeeded(SERIAL, 15_300)


def error(code: str) -> Json:
    return {"code": code, "message": "told"}


@pytest.mark.parametrize("code", ["ORDERNOTEXIST", "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS"])
def test_no_such_order_is_never_taken_for_declined(code: str) -> None:
    for do in (sends(REFUND), queries(PAYMENT), queries(REFUND), closes(COMBINED)):
        answer, _ = wechat(do, (404, error(code)))
        assert answer.said == NotFound(f"HTTP 404: {code}: told")


@pytest.mark.parametrize("code", ["ORDERPAID", "ORDER_PAID", "ORDERCLOSED", "ORDER_CLOSED"])
@pytest.mark.parametrize("do", [closes(PAYMENT), sends(PAYMENT)], ids=["close", "send"])
def test_paid_or_closed_to_a_close_or_a_repeated_order_means_query(do: Do, code: str) -> None:
    answer, server = wechat(do, (400, error(code)), (200, single()))
    assert answer.said == Succeeded(SERIAL, 15_300)
    assert [asked.method for asked in server.asked] == ["POST", "GET"]
    assert [kept.status for kept in answer.earlier] == [400]


def test_a_close_ends_an_order() -> None:
    for order in (PAYMENT, COMBINED):
        answer, _ = wechat(closes(order), (204, None))
        assert answer.said == Declined("closed")
    answer, server = wechat(closes(REFUND))
    assert (answer.said, server.asked) == (Unknown("only a payment can be closed"), [])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "SIGN_ERROR"),
        (403, "NOT_ENOUGH"),  # The same refund is asked again when there is money.
        (403, "OUT_TRADE_NO_USED"),
        (400, "USER_PAYING"),
        (400, "SOMETHING_NEW"),
    ],
)
def test_an_error_that_settles_nothing_is_unknown(status: int, code: str) -> None:
    answer, server = wechat(sends(REFUND), (status, error(code)))
    assert answer.said == Unknown(f"HTTP {status}: {code}: told")
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", ["PARAM_ERROR", "INVALID_REQUEST", "NO_AUTH", "NOAUTH"])
def test_a_refused_request_is_declined_when_there_is_no_order_of_an_earlier_one(code: str) -> None:
    gone = (404, error("ORDER_NOT_EXIST"))
    answer, _ = wechat(sends(PAYMENT), (400, error(code)), gone)
    assert answer.said == Declined(f"HTTP 400: {code}: told", by_channel=True)
    closed = (200, single(trade_state="CLOSED"))
    answer, _ = wechat(sends(PAYMENT), (400, error(code)), closed)
    assert answer.said == Declined(f"HTTP 400: {code}: told", by_channel=True)
    answer, _ = wechat(sends(PAYMENT), (400, error(code)), (200, single(trade_state="NOTPAY")))
    assert answer.said == AwaitingPayer("")


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
