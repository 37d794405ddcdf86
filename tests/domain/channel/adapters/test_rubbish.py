"""Whatever JSON the outside writes, rightly signed or not: it is read, or it is wrong. No third."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from domain.channel.adapters.loading import adapters_of
from domain.channel.adapters.masking import masked
from domain.channel.adapters.reading import Wrong, parsed
from domain.channel.adapters.signed import orders
from domain.channel.adapters.wechat import answers
from domain.channel.adapters.wechat.adapter import WeChatPay
from domain.channel.network import Answer, CallbackInvalid
from domain.channel.port import Succeeded
from domain.money import MAX_FEN
from domain.texts import fault
from tests.domain.channel.adapters.orders import COMBINED, adapter_of, settings
from tests.domain.channel.adapters.outside import NOW_US, Json, SignedSide, WeChatSide
from tests.domain.channel.adapters.test_signed import told
from tests.domain.channel.adapters.wechat_words import combined, refund, single

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["SUCCESS", "SUCCEEDED", "CLOSED", "NOTPAY", "RETURNED", "DECLINED", "CNY"]),
)
_values = st.recursive(
    _scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def _rubbish(good: Json) -> st.SearchStrategy[Json]:
    """A good answer with some of its fields replaced by anything, or gone."""
    return st.dictionaries(st.sampled_from(sorted(good)), _values, max_size=4).map(
        lambda changed: good | changed
    )


def _is_sound(answer: Answer) -> None:
    if isinstance(answer.said, Succeeded):
        amount_fen = answer.said.amount_fen
        assert amount_fen is None or (type(amount_fen) is int and 0 < amount_fen <= 50 * MAX_FEN)
        assert 1 <= len(answer.said.serial) <= 64
    for text in (getattr(answer.said, "reason", ""), getattr(answer.said, "serial", "")):
        assert len(text) <= 200
        assert not fault(text)
    for charge in answer.charges:
        assert type(charge.amount_fen) is int
        assert charge.amount_fen > 0


@given(_rubbish(told()))
def test_an_order_in_signed_json(body: Json) -> None:
    with contextlib.suppress(Wrong):
        _is_sound(orders.read_order(parsed(json.dumps(body).encode()), "M-1"))


_wechat = adapters_of(json.dumps(settings("WECHAT_PAY", "http://127.0.0.1:1")).encode())
_pay = _wechat["WECHAT_PAY"]
assert isinstance(_pay, WeChatPay)
OURS = _pay._settings


@given(_rubbish(single()), _rubbish(combined()), _rubbish(refund()), _rubbish(combined()))
def test_orders_and_refunds_of_wechat_pay(one: Json, many: Json, back: Json, sub: Json) -> None:
    many["sub_orders"] = [sub, *combined()["sub_orders"]]  # type: ignore[misc]
    read = [parsed(json.dumps(body).encode()) for body in (one, many, back)]
    with contextlib.suppress(Wrong):
        _is_sound(answers.single(OURS, read[0]))
    with contextlib.suppress(Wrong):
        _is_sound(answers.combined(OURS, read[1], COMBINED.parts))
    with contextlib.suppress(Wrong):
        _is_sound(answers.refund(OURS, read[2], "status"))


@given(_values)
def test_an_error_of_any_form(value: object) -> None:
    for body in (value, {"code": value, "message": value}, {"code": "X", "message": value}):
        with contextlib.suppress(Wrong):
            assert len(str(answers.error(400, parsed(json.dumps(body).encode())))) < 300
        with contextlib.suppress(Wrong):
            orders.read_error(400, parsed(json.dumps(body).encode()))


@given(_values, _rubbish(single()))
def test_a_callback_of_any_form_rightly_signed(value: object, resource: Json) -> None:
    headers, body = SignedSide().callback("/", {"id": "E", "event": "ORDER", "order": value})
    heard = {name: str(text) for name, text in headers.items()}
    with contextlib.suppress(CallbackInvalid):
        adapter_of("JD_PAY").heard("POST", "/", heard, body, NOW_US)
    headers, body = WeChatSide().callback("TRANSACTION.SUCCESS", resource)
    heard = {name: str(text) for name, text in headers.items()}
    with contextlib.suppress(CallbackInvalid):
        _is_sound(_pay.heard("POST", "/", heard, body, NOW_US).answer)


@given(_values)
def test_masking_keeps_json_json(value: object) -> None:
    json.loads(masked(json.dumps(value).encode()))


@given(st.binary(max_size=300))
def test_bytes_of_any_kind(body: bytes) -> None:
    masked(body)
    with contextlib.suppress(Wrong):
        parsed(body)
