"""Which particulars can be real, and that a refusal shows none of them."""

from collections.abc import Callable

import pytest

from domain.member import particulars
from domain.refusals import Code, Refused

CARD, IDENTITY, CREDIT, PHONE = (
    "6222021234567894",
    "11010519491231002X",
    "91110000600037341L",
    "13812345678",
)


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (particulars.checked_card, CARD),
        (particulars.checked_card, "4111111111111111"),
        (particulars.checked_card, "501800000009"),
        (particulars.checked_account, "110001234567890123456789"),
        (particulars.checked_identity, IDENTITY),
        (particulars.checked_identity, "310101198703081232"),
        (particulars.checked_credit_code, CREDIT),
        (particulars.checked_phone, PHONE),
        (particulars.checked_code, "123456"),
        (particulars.checked_document, ""),
        (particulars.checked_document, "HK-2026-7"),
        (particulars.checked_name, "阿卜杜拉·买买提"),
    ],
)
def test_what_can_be_real_is_taken_as_it_is(check: Callable[[str], str], good: str) -> None:
    assert check(good) == good


@pytest.mark.parametrize("place", range(16))
def test_one_wrong_digit_of_a_card_is_noticed(place: int) -> None:
    for digit in "0123456789":
        if digit != CARD[place]:
            wrong = CARD[:place] + digit + CARD[place + 1 :]
            refused(particulars.checked_card, wrong)


@pytest.mark.parametrize("place", range(17))
def test_one_wrong_digit_of_an_identity_is_noticed(place: int) -> None:
    for digit in "0123456789":
        if digit != IDENTITY[place]:
            refused(particulars.checked_identity, IDENTITY[:place] + digit + IDENTITY[place + 1 :])


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        (particulars.checked_card, CARD[:11]),
        (particulars.checked_card, CARD + "0000"),
        (particulars.checked_card, " " + CARD),
        (particulars.checked_card, CARD + "\n"),
        (particulars.checked_card, "٦" + CARD[1:]),
        (particulars.checked_card, ";6222021234567894=2512"),
        (particulars.checked_account, "12345"),
        (particulars.checked_identity, IDENTITY.lower()),
        (particulars.checked_identity, IDENTITY[:-1]),
        (particulars.checked_credit_code, CREDIT[:-1] + "K"),
        (particulars.checked_credit_code, CREDIT.replace("L", "I")),
        (particulars.checked_phone, "12812345678"),
        (particulars.checked_phone, "+8613812345678"),
        (particulars.checked_code, "123"),
        (particulars.checked_document, IDENTITY),
        (particulars.checked_document, "138 1234 5678"),
        (particulars.checked_document, "A" * 65),
    ],
)
def test_what_cannot_be_is_refused(check: Callable[[str], str], wrong: str) -> None:
    refused(check, wrong)
    refused(check, None)  # type: ignore[arg-type]


def refused(check: Callable[[str], str], wrong: str) -> None:
    with pytest.raises(Refused) as no:
        check(wrong)
    assert no.value.code is Code.PARTICULARS_INVALID
    assert wrong is None or wrong not in str(no.value)


@pytest.mark.parametrize(
    "name",
    ["cvn2", "CVN2", "cvv", "Cvv-2", "card_pin", "PIN", "track 1", "expiry_date", "validThru"],
)
def test_secrets_of_a_card_are_known_by_their_names(name: str) -> None:
    for body in ({name: 1}, {"a": {name: None}}, {"a": [{"b": [{name: ""}]}]}):
        with pytest.raises(Refused) as no:
            particulars.refuse_secrets(body)
        assert no.value.code is Code.CARD_SECRET
        assert no.value.field.endswith(name)


def test_other_names_are_left_alone() -> None:
    for name in ("pinned", "expires_at", "tracking_no", "spin", "number"):
        particulars.refuse_secrets({name: 1})


def test_masks() -> None:
    assert particulars.masked_name("韩梅梅") == "韩**"
    assert particulars.masked_phone(PHONE) == "138****5678"
    assert particulars.masked_number("7894") == "**** 7894"
