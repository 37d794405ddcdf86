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


@pytest.mark.parametrize(
    "value", ["三只松鼠旗舰店", "老字号\u3000点心铺", "2\u00a0kg", " ", "x" * 200]
)
def test_texts_are_kept_to_the_letter(value: str) -> None:
    assert fields.checked_text(value, "name") == value


@pytest.mark.parametrize(
    "value",
    [
        "asked by 13812345678",
        "tel 138-1234-5678",
        "电话13812345678。",
        "8613812345678",
        "card 6222021234567890128",
        "6222 0212 3456 7890 128",
        "１３８１２３４５６７８",
        "identity 11010519491231002X, lost",
        "11010519491231002x",
        "4111-1111-1111-1111",
    ],
)
def test_a_reason_holds_nothing_of_a_person(value: str) -> None:
    assert code_of(fields.checked_reason, value) is Code.TEXT_INVALID


@pytest.mark.parametrize(
    "value",
    [
        "the court's letter 2026-118",
        "order JD20261123000145, 300.00 back",
        "4111111111111112",
        "11 23 2026 12:00",
        "serial Z13812345678",
        "12812345678",
        "2026-11-29 10:15:00",
    ],
)
def test_a_reason_with_other_numbers_is_taken(value: str) -> None:
    assert fields.checked_reason(value) == value


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("", "1 to 64 printable characters are needed"),
        ("x" * 64 + "\0", "1 to 64 printable characters are needed"),
        (
            "老字号\u200b点心铺",
            "1 to 64 printable characters are needed: "
            "character 4 is U+200B, a character that is not seen",
        ),
        (
            "nuts\r\n",
            "1 to 64 printable characters are needed: character 5 is U+000D, an end of a line",
        ),
    ],
)
def test_the_refusal_of_a_text_says_what_and_where(value: str, detail: str) -> None:
    with pytest.raises(Refused) as no:
        fields.checked_text(value, "subject", longest=64)
    assert (no.value.code, no.value.field, no.value.detail) == (
        Code.TEXT_INVALID,
        "subject",
        detail,
    )


@pytest.mark.parametrize(
    ("value", "shown"), [("a\u00a0b", r"'a\xa0b'"), ("丙\U0002ebf0", "'丙\U0002ebf0'")]
)
def test_an_id_is_shown_the_same_on_every_python(value: str, shown: str) -> None:
    with pytest.raises(Refused) as no:
        fields.checked_member_id(value)
    assert no.value.detail == f"{shown}: 1-32 of A-Z a-z 0-9 _"


@pytest.mark.parametrize(
    "value", [0, fields.EARLIEST_US - 1, fields.LATEST_US + 1, True, 1.0, float("nan"), "1", None]
)
def test_what_is_no_instant(value: Any) -> None:
    assert code_of(fields.checked_instant, value) is Code.DATE_INVALID
