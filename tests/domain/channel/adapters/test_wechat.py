"""WeChat Pay API v3: what each answer means."""

import pytest

from domain.channel.network import (
    Adapter,
    Answer,
    AwaitingPayer,
    Charge,
    NotFound,
    PaidPart,
    Processing,
    Said,
)
from domain.channel.port import Declined, Succeeded, Unknown
from tests.domain.channel.adapters.orders import (
    COMBINED,
    PAYMENT,
    REFUND,
    Do,
    ask,
    closes,
    queries,
    sends,
)
from tests.domain.channel.adapters.outside import NOW_US, Json, WeChatSide
from tests.domain.channel.adapters.wechat_words import (
    AT_US,
    SERIAL,
    OtherKey,
    Platform,
    Probe,
    Skewed,
    UnknownKey,
    WrongPair,
    combined,
    error,
    refund,
    single,
    sub,
    wechat,
)


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


def test_an_answer_that_was_given_before_is_unknown() -> None:
    class Replayed(WeChatSide):
        nonce = "5c2f00ad36f8d6e5b3a3c7a1f0e98d11"

    async def twice(adapter: Adapter) -> Answer:
        assert (await adapter.query(PAYMENT, NOW_US)).said == Succeeded(SERIAL, 15_300)
        return await adapter.query(PAYMENT, NOW_US)

    answer, _ = ask(Replayed((200, single()), (200, single())), "WECHAT_PAY", twice)
    assert answer.said == Unknown("HTTP 200: its nonce was seen before")


def test_an_answer_may_be_signed_by_the_platform_certificate() -> None:
    answer, _ = ask(Platform((200, single())), "WECHAT_PAY", queries(PAYMENT))
    assert answer.said == Succeeded(SERIAL, 15_300)


@pytest.mark.parametrize("code", ["ORDERNOTEXIST", "ORDER_NOT_EXIST", "RESOURCE_NOT_EXISTS"])
def test_no_such_order_is_never_taken_for_declined(code: str) -> None:
    for do in (sends(REFUND), queries(PAYMENT), queries(REFUND), closes(COMBINED)):
        answer, _ = wechat(do, (404, error(code)))
        assert answer.said == NotFound(f"HTTP 404: {code}: told")


PAID_OR_CLOSED = ("ORDERPAID", "ORDER_PAID", "ORDERCLOSED", "ORDER_CLOSED")


@pytest.mark.parametrize("code", [*PAID_OR_CLOSED, "OUT_TRADE_NO_USED"])
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
