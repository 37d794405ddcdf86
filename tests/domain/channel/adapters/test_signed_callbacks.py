"""Callbacks in signed JSON: only the channel's own, fresh, once, and readable."""

import pytest

from domain.channel.network import CallbackInvalid, Heard
from domain.channel.port import Succeeded
from tests.domain.channel.adapters.orders import PAYOUT, adapter_of
from tests.domain.channel.adapters.outside import NOW_US, Json, SignedSide
from tests.domain.channel.adapters.test_signed import OtherKey, OtherKeyId, Skewed, told

TARGET = "/callbacks/JD_PAY"


def event(order: Json | None = None) -> Json:
    return {"id": "EV-1", "event": "ORDER", "order": told() if order is None else order}


def hear(side: SignedSide, body: Json, target: str = TARGET, method: str = "POST") -> Heard:
    headers, content = side.callback(TARGET, body)
    return adapter_of("JD_PAY").heard(method, target, _texts(headers), content, NOW_US)


def _texts(headers: Json) -> dict[str, str]:
    return {name: str(value) for name, value in headers.items()}


def test_a_callback_says_what_a_query_would() -> None:
    heard = hear(SignedSide(), event())
    assert (heard.event_id, heard.number, heard.purpose) == ("EV-1", "pay-536365", "payment")
    assert heard.answer.said == Succeeded("S-1", 15_300)
    kept = heard.answer.exchange
    assert kept is not None
    assert (kept.method, kept.url, kept.sent) == ("POST", TARGET, b"")
    assert b'"S-1"' in kept.received


def test_it_says_its_purpose() -> None:
    assert hear(SignedSide(), event(told(PAYOUT))).purpose == "payout"


@pytest.mark.parametrize(
    ("side", "reason"),
    [
        (Skewed, "timestamp is 300 seconds"),
        (OtherKey, "signature is wrong"),
        (OtherKeyId, "not signed by the channel's key"),
    ],
)
def test_forged_and_stale_ones_are_refused(side: type[SignedSide], reason: str) -> None:
    with pytest.raises(CallbackInvalid, match=reason):
        hear(side(), event())


def test_the_path_and_the_method_are_signed() -> None:
    with pytest.raises(CallbackInvalid, match="signature is wrong"):
        hear(SignedSide(), event(), target="/callbacks/BANK_TRANSFER")
    with pytest.raises(CallbackInvalid, match="signature is wrong"):
        hear(SignedSide(), event(), method="PUT")


def test_a_replay_is_refused_and_a_repetition_is_not() -> None:
    adapter, side = adapter_of("JD_PAY"), SignedSide()
    headers, body = side.callback(TARGET, event())
    first = adapter.heard("POST", TARGET, _texts(headers), body, NOW_US)
    with pytest.raises(CallbackInvalid, match="seen before"):
        adapter.heard("POST", TARGET, _texts(headers), body, NOW_US)
    headers, body = side.callback(TARGET, event(), nonce="d" * 32)
    again = adapter.heard("POST", TARGET, _texts(headers), body, NOW_US)
    assert again == first


def test_what_is_forged_does_not_use_up_a_nonce() -> None:
    adapter = adapter_of("JD_PAY")
    headers, body = OtherKey().callback(TARGET, event())
    with pytest.raises(CallbackInvalid, match="signature is wrong"):
        adapter.heard("POST", TARGET, _texts(headers), body, NOW_US)
    headers, body = SignedSide().callback(TARGET, event())
    assert adapter.heard("POST", TARGET, _texts(headers), body, NOW_US).event_id == "EV-1"


@pytest.mark.parametrize("missing", ["X-Key-Id", "X-Timestamp", "X-Nonce", "X-Signature"])
def test_every_header_is_needed_in_any_spelling(missing: str) -> None:
    headers, body = SignedSide().callback(TARGET, event())
    small = {name.lower(): str(value) for name, value in headers.items()}
    assert adapter_of("JD_PAY").heard("POST", TARGET, small, body, NOW_US).event_id == "EV-1"
    del headers[missing]
    with pytest.raises(CallbackInvalid):
        adapter_of("JD_PAY").heard("POST", TARGET, _texts(headers), body, NOW_US)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"id": "EV-1", "event": "BILL", "order": told()}, "event: BILL instead of ORDER"),
        ({"id": "", "event": "ORDER", "order": told()}, "id: a text"),
        ({"id": "EV-1", "event": "ORDER"}, "order: an object"),
        (event(told(kind="gift")), "order.kind: none of the protocol"),
        (event(told(merchant="M-2")), "order.merchant: M-2 instead of M-1"),
        (event(told(amount=-1)), "order.amount: not from 1"),
        (event(told(amount=1.5)), "order.amount: a whole number"),
        (event(told(state="PERHAPS")), "state: PERHAPS"),
    ],
)
def test_what_cannot_be_read_is_refused(body: Json, reason: str) -> None:
    with pytest.raises(CallbackInvalid) as refused:
        hear(SignedSide(), body)
    assert str(refused.value).startswith(reason)


def test_a_callback_that_is_too_large_is_not_even_verified() -> None:
    with pytest.raises(CallbackInvalid, match="above 262144 bytes"):
        adapter_of("JD_PAY").heard("POST", TARGET, {}, b"x" * 262_145, NOW_US)


def test_what_was_not_taken_is_sent_again() -> None:
    adapter = adapter_of("JD_PAY")
    assert adapter.acknowledgement(taken=True) == (204, b"")
    assert adapter.acknowledgement(taken=False)[0] == 503
