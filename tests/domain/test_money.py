"""Money: what counts as an amount, the one rounding, and what fees promise for every amount."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import (
    MAX_FEN,
    FeeRule,
    decimal_text,
    fee_fen,
    fen,
    parse_fen,
    round_half_up,
)
from domain.refusals import Code, Refused

amounts = st.one_of(st.integers(0, 300), st.integers(0, MAX_FEN))


@st.composite
def rules(draw: st.DrawFn) -> FeeRule:
    """Any rule that a merchant may have: the cap is not below the minimum."""
    smallest = draw(st.one_of(st.integers(0, 50), st.integers(0, MAX_FEN)))
    cap = draw(st.one_of(st.none(), st.integers(smallest, MAX_FEN)))
    fixed = draw(st.one_of(st.just(0), st.integers(0, 50), st.integers(0, MAX_FEN)))
    return FeeRule(draw(st.integers(0, 10_000)), fixed, smallest, cap)


@pytest.mark.parametrize("value", [1, 100, MAX_FEN])
def test_a_whole_positive_number_of_fen_is_an_amount(value: int) -> None:
    assert fen(value, "amount_fen") == value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(0, Code.AMOUNT_INVALID, id="nothing"),
        pytest.param(-1, Code.AMOUNT_INVALID, id="less than nothing"),
        pytest.param(True, Code.AMOUNT_INVALID, id="a boolean"),
        pytest.param(1.0, Code.AMOUNT_INVALID, id="a float that is whole"),
        pytest.param(float("nan"), Code.AMOUNT_INVALID, id="not a number"),
        pytest.param(float("inf"), Code.AMOUNT_INVALID, id="infinite"),
        pytest.param("100", Code.AMOUNT_INVALID, id="text"),
        pytest.param(None, Code.AMOUNT_INVALID, id="none"),
        pytest.param(MAX_FEN + 1, Code.AMOUNT_TOO_LARGE, id="one fen too many"),
        pytest.param(2**64, Code.AMOUNT_TOO_LARGE, id="beyond every column"),
    ],
)
def test_what_is_not_an_amount_is_refused_by_name(value: object, code: Code) -> None:
    with pytest.raises(Refused) as no:
        fen(value, "amount_fen")
    assert (no.value.code, no.value.field) == (code, "amount_fen")


def test_zero_is_an_amount_where_the_door_says_so() -> None:
    assert fen(0, "amount_fen", minimum=0) == 0
    assert parse_fen("-5", "amount_fen", minimum=-10) == -5


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("007", 7), ("1000000000000", 10**12)])
def test_ascii_digits_are_read_as_fen(text: str, value: int) -> None:
    assert parse_fen(text, "amount_fen") == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.AMOUNT_INVALID),
        ("-", Code.AMOUNT_INVALID),
        ("--1", Code.AMOUNT_INVALID),
        ("+1", Code.AMOUNT_INVALID),
        (" 1", Code.AMOUNT_INVALID),
        ("1\n", Code.AMOUNT_INVALID),
        ("1.5", Code.AMOUNT_INVALID),
        ("1.0", Code.AMOUNT_INVALID),
        ("1e3", Code.AMOUNT_INVALID),
        ("1_000", Code.AMOUNT_INVALID),
        ("1,000", Code.AMOUNT_INVALID),
        ("0x10", Code.AMOUNT_INVALID),
        ("NaN", Code.AMOUNT_INVALID),
        ("inf", Code.AMOUNT_INVALID),
        ("１２", Code.AMOUNT_INVALID),
        ("٣", Code.AMOUNT_INVALID),
        ("²", Code.AMOUNT_INVALID),
        ("0", Code.AMOUNT_INVALID),
        ("-5", Code.AMOUNT_INVALID),
        ("1000000000001", Code.AMOUNT_TOO_LARGE),
        ("9" * 31, Code.AMOUNT_TOO_LARGE),
        ("9" * 100_000, Code.AMOUNT_TOO_LARGE),
    ],
)
def test_text_that_is_not_an_amount_is_refused(text: str, code: Code) -> None:
    with pytest.raises(Refused) as no:
        parse_fen(text, "amount_fen")
    assert no.value.code is code


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_a_typed_refusal(text: str) -> None:
    try:
        value = parse_fen(text, "amount_fen")
    except Refused as no:
        assert no.code in (Code.AMOUNT_INVALID, Code.AMOUNT_TOO_LARGE)
    else:
        assert text.isascii()
        assert 1 <= value <= MAX_FEN


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(0, 1, 0), (1, 2, 1), (49, 100, 0), (50, 100, 1), (149, 100, 1), (150, 100, 2), (3, 3, 1)],
)
def test_halves_are_rounded_up(numerator: int, denominator: int, rounded: int) -> None:
    assert round_half_up(numerator, denominator) == rounded


@given(st.integers(0, 10**30), st.integers(1, 10**15))
def test_rounding_is_never_off_by_more_than_a_half(numerator: int, denominator: int) -> None:
    distance = round_half_up(numerator, denominator) * denominator - numerator
    assert -denominator < 2 * distance <= denominator


@pytest.mark.parametrize(
    ("rule", "amount", "fee"),
    [
        pytest.param(FeeRule(60), 10_000, 60, id="the 0.60 on a 100.00 sale"),
        pytest.param(FeeRule(60), 83, 0, id="0.498 fen is none"),
        pytest.param(FeeRule(60), 84, 1, id="0.504 fen is one"),
        pytest.param(FeeRule(50), 100, 1, id="a half goes up"),
        pytest.param(FeeRule(60, 30), 10_000, 90, id="a fixed part on top"),
        pytest.param(FeeRule(60, min_fen=100), 10_000, 100, id="at least the minimum"),
        pytest.param(FeeRule(60, cap_fen=50), 10_000, 50, id="at most the cap"),
        pytest.param(FeeRule(0, min_fen=100), 40, 40, id="never above the amount"),
        pytest.param(FeeRule(60, 30, 10), 0, 0, id="nothing on nothing"),
        pytest.param(FeeRule(60, 30, 10), -100, 0, id="nothing on less than nothing"),
        pytest.param(FeeRule(10_000), MAX_FEN, MAX_FEN, id="all of the largest amount"),
    ],
)
def test_the_fee_of_a_rule(rule: FeeRule, amount: int, fee: int) -> None:
    assert fee_fen(rule, amount) == fee


@given(rules(), amounts)
def test_a_fee_is_never_negative_nor_above_the_amount(rule: FeeRule, amount: int) -> None:
    assert 0 <= fee_fen(rule, amount) <= amount


@given(rules(), amounts, st.one_of(st.integers(0, 50), amounts))
def test_a_refund_returns_no_more_fee_than_the_refund(
    rule: FeeRule, amount: int, refund: int
) -> None:
    """Monotone and never steeper than one: so what a refund gives back lies within 0..refund."""
    refund = min(refund, amount)
    assert 0 <= fee_fen(rule, amount) - fee_fen(rule, amount - refund) <= refund


@given(rules(), amounts, st.lists(st.integers(1, 10**6), max_size=6))
def test_refunds_in_any_parts_return_the_same_fee_in_the_end(
    rule: FeeRule, amount: int, parts: list[int]
) -> None:
    left, returned = amount, 0
    for part in parts:
        taken = min(part, left)
        returned += fee_fen(rule, left) - fee_fen(rule, left - taken)
        left -= taken
    assert returned == fee_fen(rule, amount) - fee_fen(rule, left)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (-1530, "-15.30"), (10**15, "10000000000000.00")],
)
def test_yuan_are_written_with_two_decimals(amount: int, text: str) -> None:
    assert decimal_text(amount) == text
