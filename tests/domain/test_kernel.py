"""Ids, numbers, texts and times: what every door checks, and how times and dates meet."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import kernel
from domain.refusals import Code, Refused
from tests.examples import PAID_AT, PAY_DAY


def code_of(check: Any, *args: Any, **named: Any) -> Code:
    with pytest.raises(Refused) as no:
        check(*args, **named)
    return no.value.code


@pytest.mark.parametrize("value", ["A", "SHOP22", "x" * 32, "_"])
def test_a_member_id(value: str) -> None:
    assert kernel.member_id(value) == value


AWKWARD = ["", " ", "a b", "é", "１", "a.b", "a/b", "a#1", "a\n", "a\0", "\ud800", None, 7, True]


@pytest.mark.parametrize("value", [*AWKWARD, "a-b", "x" * 33])
def test_what_is_no_member_id(value: Any) -> None:
    assert code_of(kernel.member_id, value) is Code.IDENTIFIER_INVALID


@pytest.mark.parametrize("value", ["1", "A-1", "x" * 64, "a-", "_-"])
def test_a_number(value: str) -> None:
    assert kernel.number(value, "order_no") == value


@pytest.mark.parametrize("value", [*AWKWARD, "-a", "x" * 65])
def test_what_is_no_number(value: Any) -> None:
    assert code_of(kernel.number, value, "order_no") is Code.IDENTIFIER_INVALID


@pytest.mark.parametrize("value", ["", "x" * 201, "a\nb", "a\tb", "\0", "\ud800", "\u202e", None])
def test_what_is_no_text(value: Any) -> None:
    assert code_of(kernel.text, value, "name") is Code.TEXT_INVALID


def test_texts_may_be_chinese() -> None:
    assert kernel.text("三只松鼠旗舰店", "name") == "三只松鼠旗舰店"


@pytest.mark.parametrize(
    "value", [0, kernel.EARLIEST_US - 1, kernel.LATEST_US + 1, True, 1.0, float("nan"), "1", None]
)
def test_what_is_no_instant(value: Any) -> None:
    assert code_of(kernel.instant, value) is Code.DATE_INVALID


def test_the_day_begins_at_midnight_in_shanghai() -> None:
    assert kernel.shanghai_date(PAID_AT) == PAY_DAY
    end = kernel.day_end_us(PAY_DAY)
    assert [kernel.shanghai_date(end + n) - PAY_DAY for n in (-1, 0)] == [
        timedelta(0),
        timedelta(days=1),
    ]
    assert kernel.iso_time(PAID_AT) == "2010-12-01T10:00:00+08:00"
    assert kernel.to_us(datetime(2010, 12, 1, 2, tzinfo=UTC)) == PAID_AT


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_a_date_ends_where_the_next_one_begins(day: date) -> None:
    assert kernel.shanghai_date(kernel.day_end_us(day) - 1) == day
    assert kernel.shanghai_date(kernel.day_end_us(day)) == day + timedelta(days=1)


def test_a_stream_is_a_category_and_a_key() -> None:
    assert kernel.category("transaction-SHOP22-1") == "transaction"
    assert kernel.key("transaction-SHOP22-1") == "SHOP22-1"
