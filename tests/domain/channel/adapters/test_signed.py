"""Signed JSON: what is sent, and what each answer means."""

import json

import pytest
from msgspec.structs import replace

from domain.channel.network import (
    AwaitingPayer,
    Charge,
    NotFound,
    Order,
    Processing,
    Returned,
    Said,
)
from domain.channel.numbers import NARROW
from domain.channel.port import Declined, Succeeded, Unknown
from tests.domain.channel.adapters.orders import (
    CARD,
    NETWORK_OF,
    NOTIFY,
    PAYMENT,
    PAYOUT,
    REFUND,
    adapter_of,
    ask,
    closes,
    queries,
    sends,
)
from tests.domain.channel.adapters.outside import Json, SignedSide
from tests.domain.channel.adapters.server import Reply

AT = "2026-11-28T10:00:00+08:00"
AT_US = 1_795_831_200_000_000
PARTY = {
    "UNIONPAY_CARD": "card",
    "NETSUNION_CARD": "card",
    "JD_PAY": "user",
    "CLOUD_QUICKPASS": "user",
    "BANK_TRANSFER": "account",
}


def told(order: Order = PAYMENT, **changed: object) -> Json:
    """An order as the network tells it."""
    return {
        "merchant": "M-1",
        "number": order.number,
        "kind": order.purpose,
        "state": "SUCCEEDED",
        "serial": "S-1",
        "amount": order.amount_fen,
        "paid_at": AT,
        "reason": None,
        "code": None,
        "pay_url": None,
        "serials": [{"serial": "S-1", "amount": order.amount_fen, "at": AT}],
    } | changed


NO_CHARGE: Json = {"serial": None, "amount": None, "paid_at": None, "serials": []}


@pytest.mark.parametrize("channel", NETWORK_OF)
def test_an_order_is_sent_as_its_network_reads_it(channel: str) -> None:
    order = replace(PAYMENT, channel=channel)
    answer, server = ask(SignedSide((200, told(order))), channel, sends(order))
    assert answer.said == Succeeded("S-1", 15_300)
    assert answer.charges == (Charge("S-1", 15_300, AT_US),)
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", f"/{NETWORK_OF[channel]}/orders")
    expected: Json = {
        "merchant": "M-1",
        "number": "pay-536365",
        "kind": "payment",
        "amount": 15_300,
        "currency": "CNY",
        "party": {"kind": PARTY[channel], "id": CARD},
        "subject": "Order 536365",
        "expires": "2026-11-28T18:15:00+08:00",
        "notify_url": f"{NOTIFY}/{channel}",
    }
    if channel == "UNIONPAY_CARD":
        expected["time"] = "20261128180000"
    assert json.loads(asked.body) == expected


def test_a_refund_names_the_payment_it_is_of_and_a_payout_nothing() -> None:
    _, server = ask(SignedSide((200, told(REFUND))), "JD_PAY", sends(REFUND))
    body = json.loads(server.asked[0].body)
    assert (body["original"], body["original_amount"], body["amount"]) == (
        "pay-536365",
        15_300,
        5_000,
    )
    assert "expires" not in body
    _, server = ask(SignedSide((200, told(PAYOUT))), "BANK_TRANSFER", sends(PAYOUT))
    assert not {"original", "expires", "time"} & json.loads(server.asked[0].body).keys()


def test_a_query_names_what_is_part_of_the_orders_key() -> None:
    _, server = ask(SignedSide((200, told())), "JD_PAY", queries(PAYMENT))
    assert server.asked[0].target == "/jdpay/orders/pay-536365?merchant=M-1&kind=payment"
    _, server = ask(SignedSide((200, told())), "UNIONPAY_CARD", queries(PAYMENT))
    assert server.asked[0].target == (
        "/unionpay/orders/pay-536365?merchant=M-1&kind=payment&time=20261128180000"
    )
    assert server.asked[0].body == b""


def test_unionpay_is_sent_once_and_all_others_may_be_sent_again() -> None:
    for channel in NETWORK_OF:
        adapter = adapter_of(channel)
        assert bool(adapter.repeatable) == (channel != "UNIONPAY_CARD")
        expected = "pay536365" if channel in NARROW else "pay-536365"
        assert adapter.number("pay-536365") == expected


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"state": "PROCESSING"} | NO_CHARGE, Processing()),
        (
            {"state": "WAITING", "pay_url": "https://jd.example/p/1"} | NO_CHARGE,
            AwaitingPayer("https://jd.example/p/1"),
        ),
        ({"state": "WAITING"} | NO_CHARGE, AwaitingPayer("")),
        ({"amount": None}, Succeeded("S-1", None)),
        ({"amount": 15_400}, Succeeded("S-1", 15_400)),
        (
            {"state": "DECLINED", "code": "PAYER_NO_FUNDS", "reason": "no money"} | NO_CHARGE,
            Declined("PAYER_NO_FUNDS: no money"),
        ),
        (
            {"state": "DECLINED", "code": "CHANNEL_DOWN"} | NO_CHARGE,
            Declined("CHANNEL_DOWN", by_channel=True),
        ),
        (
            {"state": "DECLINED", "code": "PAYEE_NAME_WRONG", "reason": "a\x00b\n" + "x" * 900}
            | NO_CHARGE,
            Declined(("PAYEE_NAME_WRONG: a b " + "x" * 900)[:200]),
        ),
        ({"state": "DECLINED"} | NO_CHARGE, Declined("DECLINED")),
        (
            {"state": "DECLINED", "code": "PAYER_LIMIT", "reason": f"card {CARD}"} | NO_CHARGE,
            Declined("PAYER_LIMIT: card ***"),
        ),
        ({"state": "CLOSED"} | NO_CHARGE, Declined("CLOSED")),
        (
            {"state": "RETURNED", "return_serial": "RT-9", "returned_at": AT, "reason": "closed"},
            Returned("RT-9", "closed"),
        ),
        ({"state": "RETURNED", "return_serial": "RT-9"}, Returned("RT-9", "returned by the bank")),
    ],
)
def test_every_state_has_its_meaning(changed: Json, said: Said) -> None:
    answer, _ = ask(SignedSide((200, told(**changed))), "JD_PAY", queries(PAYMENT))
    assert answer.said == said


def test_a_second_charge_is_told() -> None:
    charges = [{"serial": f"S-{n}", "amount": 15_300, "at": AT} for n in (1, 2)]
    answer, _ = ask(SignedSide((200, told(serials=charges))), "JD_PAY", queries(PAYMENT))
    assert answer.said == Succeeded("S-1", 15_300)
    assert answer.charges == (Charge("S-1", 15_300, AT_US), Charge("S-2", 15_300, AT_US))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"number": "pay-536366"}, "number: pay-536366 instead of pay-536365"),
        ({"merchant": "M-2"}, "merchant: M-2 instead of M-1"),
        ({"kind": "refund"}, "kind: refund instead of payment"),
        ({"state": "PAID"}, "state: PAID is none of the protocol"),
        ({"state": None}, "state: a text"),
        ({"state": ["SUCCEEDED"]}, "state: a text"),
        ({"serial": None}, "serial: a text"),
        ({"serial": 17}, "serial: a text"),
        ({"serial": "S\n1"}, "serial: character 2"),
        ({"amount": 15_300.0}, "amount: a whole number of fen is needed"),
        ({"amount": True}, "amount: a whole number of fen is needed"),
        ({"amount": "15300"}, "amount: a whole number of fen is needed"),
        ({"amount": -15_300}, "amount: not from 1"),
        ({"amount": 0}, "amount: not from 1"),
        ({"amount": 10**12 + 1}, "amount: not from 1"),
        ({"serials": "none"}, "serials: a list of at most 100"),
        ({"serials": [{}] * 101}, "serials: a list of at most 100"),
        ({"serials": [1]}, "serials[0]: an object is needed"),
        ({"serials": [{"serial": "S", "amount": 1.5, "at": AT}]}, "serials[0].amount: a whole"),
        ({"serials": [{"serial": "S", "amount": 1, "at": "yesterday"}]}, "at: a time like"),
        ({"state": "RETURNED"}, "return_serial: a text"),
        ({"state": "WAITING", "pay_url": "x" * 2049}, "pay_url: a text of 1 to 2048"),
    ],
)
def test_an_answer_that_is_not_as_it_must_be_is_unknown(changed: Json, reason: str) -> None:
    answer, _ = ask(SignedSide((200, told(**changed))), "JD_PAY", sends(PAYMENT))
    assert isinstance(answer.said, Unknown)
    assert answer.said.reason.startswith(f"HTTP 200: {reason}")
    assert answer.charges == ()


class Skewed(SignedSide):
    skew_s = -300


class OtherKeyId(SignedSide):
    key_id = "net-2"


class OtherKey(SignedSide):
    key = SignedSide.ours


class OtherRequest(SignedSide):
    answers_nonce = "0" * 32


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        (Skewed, "its timestamp is 300 seconds or more away"),
        (OtherKeyId, "it is not signed by the channel's key"),
        (OtherKey, "its signature is wrong"),
        (OtherRequest, "its signature is wrong"),
    ],
)
def test_an_answer_that_is_not_the_channels_is_unknown(side: type[SignedSide], reason: str) -> None:
    for status in (200, 404):
        reply = (status, told(code="NO_SUCH_ORDER"))
        answer, _ = ask(side(reply), "JD_PAY", sends(PAYMENT))
        assert answer.said == Unknown(f"HTTP {status}: {reason}")


def test_a_body_that_was_changed_on_the_way_is_unknown() -> None:
    class Tampered(SignedSide):
        async def __call__(self, asked):  # type: ignore[no-untyped-def]
            reply = await super().__call__(asked)
            return replace(reply, body=reply.body.replace(b"15300", b"15301"))

    answer, _ = ask(Tampered((200, told())), "JD_PAY", sends(PAYMENT))
    assert answer.said == Unknown("HTTP 200: its signature is wrong")


def test_unionpay_knows_an_order_by_its_time_too() -> None:
    reply = (200, told(time="20261128180001"))
    answer, _ = ask(SignedSide(reply), "UNIONPAY_CARD", queries(PAYMENT))
    assert answer.said == Unknown("HTTP 200: time: *** instead of 20261128180000")


def error(code: str) -> Json:
    return {"code": code, "message": "told"}


def test_no_such_order_is_never_taken_for_declined() -> None:
    for do in (sends(PAYMENT), queries(PAYMENT), closes(PAYMENT)):
        answer, _ = ask(SignedSide((404, error("NO_SUCH_ORDER"))), "JD_PAY", do)
        assert answer.said == NotFound("HTTP 404: NO_SUCH_ORDER: told")


@pytest.mark.parametrize(("status", "code"), [(401, "SIGN_INVALID"), (400, "SOMETHING_NEW")])
def test_an_error_that_settles_nothing_is_unknown(status: int, code: str) -> None:
    answer, server = ask(SignedSide((status, error(code))), "JD_PAY", sends(PAYMENT))
    assert answer.said == Unknown(f"HTTP {status}: {code}: told")
    assert len(server.asked) == 1


@pytest.mark.parametrize("code", ["PARAM_INVALID", "TIME_INVALID", "AMOUNT_TOO_LARGE"])
def test_a_refused_request_is_declined_when_there_is_no_order_of_an_earlier_one(code: str) -> None:
    side = SignedSide((400, error(code)), (404, error("NO_SUCH_ORDER")))
    answer, server = ask(side, "UNIONPAY_CARD", sends(PAYMENT))
    assert answer.said == Declined(f"HTTP 400: {code}: told", by_channel=True)
    assert [asked.method for asked in server.asked] == ["POST", "GET"]
    assert answer.exchange is not None
    assert [exchange.status for exchange in (*answer.earlier, answer.exchange)] == [400, 404]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param((200, told()), Succeeded("S-1", 15_300), id="it was paid"),
        pytest.param(Reply(500), Unknown("HTTP 500"), id="not known"),
    ],
)
def test_a_refused_request_may_have_been_made_before(asked: object, said: Said) -> None:
    answer, _ = ask(SignedSide((400, error("PARAM_INVALID")), asked), "JD_PAY", sends(PAYMENT))
    assert answer.said == said


@pytest.mark.parametrize(
    ("told_then", "said"),
    [
        pytest.param((200, told()), Succeeded("S-1", 15_300), id="the one we sent before"),
        pytest.param((404, error("NO_SUCH_ORDER")), NotFound("NO_SUCH_ORDER: told"), id="none"),
    ],
)
def test_a_number_that_is_in_use_means_query(told_then: object, said: Said) -> None:
    answer, server = ask(
        SignedSide((409, error("NUMBER_REUSED")), told_then), "JD_PAY", sends(PAYMENT)
    )
    assert [asked.method for asked in server.asked] == ["POST", "GET"]
    assert type(answer.said) is type(said)
    assert isinstance(said, NotFound) or answer.said == said


def test_a_close_ends_an_order_and_a_paid_one_is_asked_about() -> None:
    closed = told(state="CLOSED", **NO_CHARGE)
    answer, server = ask(SignedSide((200, closed)), "UNIONPAY_CARD", closes(PAYMENT))
    assert answer.said == Declined("CLOSED")
    assert server.asked[0].target == "/unionpay/orders/pay-536365/close"
    assert json.loads(server.asked[0].body) == {
        "merchant": "M-1",
        "kind": "payment",
        "time": "20261128180000",
    }
    side = SignedSide((409, error("ORDER_PAID")), (200, told()))
    answer, server = ask(side, "JD_PAY", closes(PAYMENT))
    assert answer.said == Succeeded("S-1", 15_300)
    assert len(answer.earlier) == 1


def test_only_a_payment_is_closed() -> None:
    answer, server = ask(SignedSide(), "JD_PAY", closes(REFUND))
    assert answer.said == Unknown("only a payment can be closed")
    assert (server.asked, answer.sent) == ([], False)


def test_what_is_kept_of_an_exchange_is_masked() -> None:
    reply = (200, told(state="DECLINED", code="PAYER_LIMIT", reason=f"card {CARD}", **NO_CHARGE))
    answer, server = ask(SignedSide(reply), "UNIONPAY_CARD", sends(PAYMENT))
    assert CARD.encode() in server.asked[0].body
    kept = answer.exchange
    assert kept is not None
    assert (kept.method, kept.url, kept.status) == ("POST", f"{server.url}/unionpay/orders", 200)
    assert json.loads(kept.sent)["party"] == {"kind": "card", "id": "***0123"}
    assert json.loads(kept.received)["reason"] == "card ***"
    everything = repr(kept)
    assert CARD not in everything
    assert server.asked[0].headers["x-signature"] not in everything
