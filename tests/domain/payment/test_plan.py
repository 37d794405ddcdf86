"""The arithmetic of plans: shares of transactions, parts of refunds, ids of legs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.payment.plan import (
    MAX_LEGS,
    WALLET_CODE,
    Leg,
    carrier,
    numbered,
    place_of,
    shares,
    take,
)
from domain.payment.protocol import COMBINES, PAYMENT_CODES, PRODUCTS, payment_code
from domain.refusals import Code, Refused

CHANNELS = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "UNIONPAY_CARD")


@st.composite
def plans(draw: st.DrawFn) -> tuple[tuple[Leg, ...], list[int]]:
    """Legs of any number and order, and transactions that come to the same."""
    amounts = draw(st.lists(st.integers(1, 10**12), min_size=1, max_size=12))
    total = sum(amounts)
    names = draw(st.permutations((*CHANNELS, "")))[: draw(st.integers(1, MAX_LEGS))]
    names = names[:total]
    cuts = sorted(draw(st.sets(st.integers(1, max(total - 1, 1)), max_size=len(names) - 1)))
    cuts = [cut for cut in cuts if cut < total]
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)]
    legs = tuple(
        Leg("channel", name, name, fen) if name else Leg("wallet", WALLET_CODE, "", fen)
        for name, fen in zip(names, parts, strict=False)
    )
    return legs, amounts


@given(plans())
def test_every_fen_of_a_leg_pays_one_transaction(plan: tuple[tuple[Leg, ...], list[int]]) -> None:
    legs, amounts = plan
    found = shares(legs, amounts)
    assert [sum(one.amount_fen for one in parts) for parts in found] == amounts
    for place, leg in enumerate(legs):
        mine = [one for parts in found for one in parts if one.leg == place]
        assert sum(one.amount_fen for one in mine) == leg.amount_fen
        assert {(one.kind, one.channel) for one in mine} == {(leg.kind, leg.channel)}
    for parts in found:
        assert all(one.amount_fen > 0 for one in parts)
        assert [one.kind for one in parts] == sorted(one.kind for one in parts), "wallet last"


@given(plans(), st.data())
def test_refunds_take_channels_first_and_never_more_than_a_leg_paid(
    plan: tuple[tuple[Leg, ...], list[int]], data: st.DataObject
) -> None:
    legs, amounts = plan
    for whole, paid in zip(amounts, shares(legs, amounts), strict=True):
        left, gone = paid, {one.leg: 0 for one in paid}
        while left:
            rest = sum(one.amount_fen for one in left)
            # At least a tenth each time: a fen each time would be a million draws.
            wanted = data.draw(st.integers(rest // 10 + 1, rest))
            parts, left = take(left, wanted)
            assert sum(one.amount_fen for one in parts) == wanted
            if any(one.kind == "wallet" for one in parts):
                assert not any(one.kind == "channel" for one in left)
            for one in parts:
                gone[one.leg] += one.amount_fen
        assert {one.leg: one.amount_fen for one in paid} == gone
        assert sum(gone.values()) == whole


def test_more_than_there_is_is_never_taken() -> None:
    (paid,) = shares((Leg("channel", "JD_PAY", "JD_PAY", 5),), [5])
    assert sum(one.amount_fen for one in take(paid, 6).parts) == 5
    assert take((), 1) == ((), ())


def test_legs_that_are_not_the_amount_are_no_plan() -> None:
    with pytest.raises(Refused) as no:
        shares((Leg("channel", "JD_PAY", "JD_PAY", 5),), [6])
    assert no.value.code is Code.LEGS_INVALID


@given(
    st.text("AZaz09_-", min_size=1, max_size=12),
    st.text("AZaz09_-", min_size=1, max_size=12),
    st.integers(0, MAX_LEGS - 1),
    st.integers(0, MAX_LEGS - 1),
    st.tuples(st.integers(1, MAX_LEGS), st.integers(1, MAX_LEGS)),
    st.tuples(st.integers(0, 14), st.integers(0, 14)),
)
def test_no_two_legs_share_an_id(
    one: str, other: str, place: int, place2: int, legs: tuple[int, int], again: tuple[int, int]
) -> None:
    """Nor do two instructions of one leg, that different channels are asked by."""
    place, place2 = place % legs[0], place2 % legs[1]
    first, second = (
        numbered("pay", one, place, legs[0], again=again[0]),
        numbered("pay", other, place2, legs[1], again=again[1]),
    )
    assert place_of(first) == place
    if (one, place, again[0]) != (other, place2, again[1]):
        assert first != second
    assert numbered("pay", one, 0, 1) == f"pay-{one}"


def test_who_carries_a_plan_in_a_word() -> None:
    wallet, jd = Leg("wallet", WALLET_CODE, "", 1), Leg("channel", "JD_PAY", "JD_PAY", 1)
    assert carrier((wallet, jd)) == "JD_PAY"
    assert carrier((wallet,)) == WALLET_CODE


def test_the_protocol_names_what_there_is() -> None:
    for product in PRODUCTS.values():
        assert product.least_fen >= 1
        assert product.most_fen is None or product.least_fen <= product.most_fen
        assert 1 <= product.most_legs <= MAX_LEGS
        for code in product.codes:
            if code != "BANK_TRANSFER":
                assert payment_code(product, code) is PAYMENT_CODES[code]
    assert all(2 <= least <= most for least, most in COMBINES.values())


@pytest.mark.parametrize("method", ["", "NOTHING", "UNIONPAY_CARD", None, 5])
def test_a_method_that_funds_nothing_is_refused(method: object) -> None:
    with pytest.raises(Refused) as no:
        payment_code(PRODUCTS["ESCROW_PURCHASE"], method)
    assert (no.value.code, no.value.field) == (Code.METHOD_UNKNOWN, "method")


def test_a_wallet_is_not_recharged_from_a_wallet() -> None:
    with pytest.raises(Refused):
        payment_code(PRODUCTS["RECHARGE"], WALLET_CODE)
