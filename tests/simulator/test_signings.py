"""Cards at the simulator's bank by its protocol, with a client of the tests' own."""

import itertools
from typing import Any

import pytest

from tests.simulator.outside import Member, Outside

_numbers = itertools.count(1)


class Bank(Member):
    """The institution at network bank, and the holders' telephones."""

    def __init__(self, outside: Outside) -> None:
        super().__init__(outside, "bank")

    def say(self, path: str, **body: Any) -> tuple[int, Any]:
        return self.ask("POST", path, {"merchant": self.merchant, **body})

    def asks(self, account: str, /, **other: Any) -> tuple[str, int, Any]:
        number = other.pop("number", f"sign-ANN-{next(_numbers)}")
        body = {
            "number": number,
            "owner": "personal",
            "account": account,
            "name": "韩梅梅",
            "identity": "11010519491231002X",
            "phone": "13812345678",
            **other,
        }
        return (number, *self.say("/bank/signings", **body))

    def code(self, number: str, phone: str = "13812345678") -> str:
        messages = self.outside.get(f"/book/telephone?phone={phone}")["messages"]
        return next(str(one["code"]) for one in messages if one["number"] == number)

    def words(self, phone: str) -> list[str]:
        messages = self.outside.get(f"/book/telephone?phone={phone}")["messages"]
        return [str(one["words"]) for one in messages if "words" in one]

    def confirm(self, number: str, entry: int, code: str) -> tuple[int, Any]:
        return self.say(f"/bank/signings/{number}/confirm", entry=entry, code=code)


@pytest.fixture
def bank(outside: Outside) -> Bank:
    return Bank(outside)


def test_a_card_is_signed_with_the_code_of_the_telephone(bank: Bank) -> None:
    number, status, told = bank.asks("6222021234567894")
    assert (status, told["state"], told["card_kind"], told["tries_left"]) == (
        200,
        "CODE_SENT",
        "DEBIT",
        3,
    )
    again = bank.asks("6222021234567894", number=number)
    assert again[1:] == (200, told)
    assert bank.asks("6222021234567894", number=number, phone="13812345679")[1] == 409
    right = bank.code(number)
    wrong = "000000" if right != "000000" else "111111"
    assert bank.confirm(number, 1, wrong)[1]["tries_left"] == 2
    assert bank.confirm(number, 1, right)[1]["state"] == "CODE_SENT"  # That entry is over.
    status, signed = bank.confirm(number, 2, right)
    assert (status, signed["state"]) == (200, "SIGNED")
    assert signed["agreement"].startswith("A")
    assert bank.confirm(number, 2, right)[1] == signed
    assert bank.say(f"/bank/signings/{number}/end")[1]["state"] == "ENDED"
    assert bank.say("/bank/signings/sign-ANN-0/end")[0] == 404


def test_what_the_bank_refuses(bank: Bank, outside: Outside) -> None:
    def reason(**other: Any) -> str:
        _, _, told = bank.asks("6217001234567893", **other)
        return str(told["reason"] or told["state"])

    assert reason() == "CODE_SENT"
    assert reason(name="李雷") == "NAME_WRONG"
    assert reason(identity="110105200001010008") == "IDENTITY_WRONG"
    assert reason(phone="13987654321") == "PHONE_WRONG"
    holder = {"kind": "card", "id": "6217001234567893", "identity": "11010519491231002X"}
    outside.post("/simulate/holder", {**holder, "phone": "13987654321"})
    assert reason(phone="13987654321") == "CODE_SENT"
    closed = {"kind": "card", "id": "6217001234567893", "state": "closed"}
    outside.post("/simulate/account", closed)
    assert reason() == "ACCOUNT_CLOSED"
    number, _, _ = bank.asks("6225880123456783")
    right = bank.code(number)
    wrong = "000000" if right != "000000" else "111111"
    states = [bank.confirm(number, entry, wrong)[1] for entry in (1, 2, 3)]
    assert [one["state"] for one in states] == ["CODE_SENT", "CODE_SENT", "REFUSED"]
    assert states[-1]["reason"] == "CODE_WRONG"
    assert bank.confirm(number, 4, right)[1]["state"] == "REFUSED"


def test_an_account_is_signed_once_and_identities_are_known(bank: Bank) -> None:
    first, _, _ = bank.asks("6222000000000007")
    bank.confirm(first, 1, bank.code(first))
    second, _, _ = bank.asks("6222000000000007")
    bank.confirm(second, 1, bank.code(second))
    assert bank.confirm(first, 2, "123456")[1]["state"] == "ENDED"
    known = {"name": "李雷", "identity": "310101198703081232"}
    assert bank.say("/bank/identities", **known)[1]["match"] is True
    assert bank.say("/bank/identities", **known)[1]["match"] is True
    assert bank.say("/bank/identities", **{**known, "name": "王五"})[1]["match"] is False


def test_rubbish_is_answered_with_a_problem(bank: Bank) -> None:
    for other in ({"account": "12"}, {"phone": "x"}, {"identity": 7}, {"owner": "other"}):
        assert bank.asks("6222021234567894", **other)[1] == 400
    assert bank.ask("POST", "/bank/signings", {"merchant": "nobody"})[0] == 400
    assert bank.confirm("sign-ANN-1", 0, "123456")[0] == 400


def test_a_message_goes_to_a_telephone_once(bank: Bank) -> None:
    told = {"number": f"text-{next(_numbers)}-once", "phone": "13812340001", "words": "123456"}
    for _ in range(2):
        status, answer = bank.say("/bank/messages", **told)
        assert (status, answer["number"], answer["state"]) == (200, told["number"], "SENT")
    assert bank.words("13812340001") == ["123456"]
    assert bank.say("/bank/messages", **{**told, "words": "654321"})[0] == 409
    assert bank.say("/bank/messages", **{**told, "phone": "1"})[0] == 400
    assert bank.words("13812340001") == ["123456"]
