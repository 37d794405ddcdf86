"""Ids, numbers, texts and times: what every door checks."""

from typing import Any

import pytest

from domain import fields
from domain.refusals import Code, Refused


def code_of(check: Any, *args: Any, **named: Any) -> Code:
    with pytest.raises(Refused) as no:
        check(*args, **named)
    return no.value.code


@pytest.mark.parametrize("value", ["A", "SHOP22", "x" * 32, "_"])
def test_a_member_id(value: str) -> None:
    assert fields.checked_member_id(value) == value


AWKWARD = ["", " ", "a b", "é", "１", "a.b", "a/b", "a#1", "a\n", "a\0", "\ud800", None, 7, True]


@pytest.mark.parametrize("value", [*AWKWARD, "a-b", "x" * 33])
def test_what_is_no_member_id(value: Any) -> None:
    assert code_of(fields.checked_member_id, value) is Code.IDENTIFIER_INVALID


@pytest.mark.parametrize("value", ["1", "A-1", "x" * 64, "a-", "_-"])
def test_a_number(value: str) -> None:
    assert fields.checked_number(value, "order_no") == value


@pytest.mark.parametrize("value", [*AWKWARD, "-a", "x" * 65])
def test_what_is_no_number(value: Any) -> None:
    assert code_of(fields.checked_number, value, "order_no") is Code.IDENTIFIER_INVALID


@pytest.mark.parametrize("value", ["", "x" * 201, "a\nb", "a\tb", "\0", "\ud800", "\u202e", None])
def test_what_is_no_text(value: Any) -> None:
    assert code_of(fields.checked_text, value, "name") is Code.TEXT_INVALID


def test_texts_may_be_chinese() -> None:
    assert fields.checked_text("三只松鼠旗舰店", "name") == "三只松鼠旗舰店"


@pytest.mark.parametrize(
    "value", [0, fields.EARLIEST_US - 1, fields.LATEST_US + 1, True, 1.0, float("nan"), "1", None]
)
def test_what_is_no_instant(value: Any) -> None:
    assert code_of(fields.checked_instant, value) is Code.DATE_INVALID
