"""The numbers channels know instructions by: readable where they fit, and never two alike."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.channel.numbers import narrow_number, part_number, wide_number
from domain.fields import checked_number

HASHED = re.compile(r"z[0-9a-v]{31}")
NO = "536365"

# Few characters, and words that look like the beginnings of ids, so that two come close often.
_nos = st.one_of(
    st.text("out1a_-", min_size=1, max_size=9),
    st.text("0123456789ABCxyz_-", min_size=1, max_size=64),
).filter(lambda text: text[0] != "-")
_counts = st.integers(1, 60)
_ids = st.one_of(
    st.builds("pay-{}".format, _nos),
    st.builds("pay-{}-{}".format, _nos, _counts),
    st.builds("pay{}-{}".format, st.sampled_from(["b", "c", "2", "b2", "c1"]), _nos),
    st.builds("back-{}".format, _nos),
    st.builds("refund-{}".format, _nos),
    st.builds("refund-{}-{}".format, _nos, _counts),
    st.builds("payout-{}-{}".format, _nos, _counts),
)


@pytest.mark.parametrize(
    ("instruction_id", "wide", "narrow"),
    [
        ("pay-536365", "pay-536365", "pay536365"),
        ("back-536365", "back-536365", "back536365"),
        ("refund-C536379", "refund-C536379", "refundC536379"),
        ("payout-77", "payout-77", "payout77"),
        ("pay-out77", "pay-out77", None),  # payout77 reads as payout-77.
        ("pay-536365-2", "pay-536365-2", None),
        ("payb-536365", "payb-536365", None),  # payb536365 reads as pay-b536365.
        ("payb2-536365", "payb2-536365", None),
        ("pay-a_1", "pay-a_1", None),
        ("pay-1", None, None),  # Too short for either.
        ("pay-1234", "pay-1234", None),
        ("pay-12345", "pay-12345", "pay12345"),
        ("pay-" + "1" * 28, "pay-" + "1" * 28, "pay" + "1" * 28),
        ("pay-" + "1" * 29, None, "pay" + "1" * 29),
        ("pay-" + "1" * 30, None, None),
        ("z" + "0" * 31, None, None),  # What looks like a hash is hashed.
        ("part2-536365", None, None),  # What looks like a part is hashed.
        ("recharge-536365", "recharge-536365", None),  # Not a kind that UnionPay's rule reads.
    ],
)
def test_an_id_is_its_number_where_that_fits_and_reads_as_one_id(
    instruction_id: str, wide: str | None, narrow: str | None
) -> None:
    for number, expected in (
        (wide_number(instruction_id), wide),
        (narrow_number(instruction_id), narrow),
    ):
        if expected is None:
            assert HASHED.fullmatch(number)
            assert number != instruction_id
        else:
            assert number == expected


def test_the_two_alphabets_give_one_id_the_same_hash() -> None:
    assert wide_number("pay-1") == narrow_number("pay-1") == "z1mhhej2438rcg31ept5gjv3vkgee2bn"


@given(st.lists(_ids, min_size=2, max_size=40, unique=True))
def test_no_two_instructions_have_one_number(ids: list[str]) -> None:
    for instruction_id in ids:
        checked_number(instruction_id.partition("-")[2], "no", longest=80)
    assert len({wide_number(i) for i in ids}) == len(ids)
    assert len({narrow_number(i) for i in ids}) == len(ids)


@given(st.lists(st.tuples(_ids, _counts), min_size=1, max_size=40, unique=True))
def test_the_parts_of_combined_orders_are_told_apart_and_from_whole_ones(
    parts: list[tuple[str, int]],
) -> None:
    wholes = {instruction_id for instruction_id, _ in parts}
    numbers = [part_number(*part) for part in parts] + [wide_number(i) for i in wholes]
    assert len(set(numbers)) == len(numbers)
    assert all(re.fullmatch(r"[0-9A-Za-z_\-]{6,32}", number) for number in numbers)


@given(_ids)
def test_a_number_is_of_its_channels_alphabet_and_length(instruction_id: str) -> None:
    assert re.fullmatch(r"[0-9A-Za-z_\-]{6,32}", wide_number(instruction_id))
    assert re.fullmatch(r"[0-9A-Za-z]{8,32}", narrow_number(instruction_id))


def test_parts_are_read_by_people_too() -> None:
    assert part_number("pay-536365", 2) == "part2-536365"
    assert part_number("pay-536365-1", 12) == "part12-536365-1"
    assert HASHED.fullmatch(part_number("pay-" + "1" * 30, 1))


@pytest.mark.parametrize(
    "naive",
    [
        lambda i: i.replace("-", ""),
        lambda i: i[:32],
        lambda i: i.replace("-", "_"),
    ],
)
def test_simpler_rules_are_not_injective(naive: Callable[[str], str]) -> None:
    """So the property above is worth something: these ids are of its shapes."""
    ids = ["pay-out1", "payout-1", "pay-" + "1" * 40, "pay-" + "1" * 41, "pay-1_2", "pay-1-2"]
    assert len({naive(i) for i in ids}) < len(ids)
