"""`zhangfang own` and `reserve proof` at the terminal, on the story's books."""

from contextlib import closing

import pytest

from domain.accounting import account
from domain.accounting.owning import InstructSweep, PostSweep
from domain.kernel import Request
from domain.ledger.ledger import Ledger, utc_us
from domain.transaction.commands import RefundTransaction
from tests.api.cli.terminal import Terminal

WHO = ("--operator", "lin", "--json")


def balances(url: str) -> list[int]:
    ledger = Ledger.open(url)
    try:
        return [
            ledger.state(account.stream(one)).balance_fen
            for one in ("4001", "2202.09", "1122.05", "1001.02")
        ]
    finally:
        ledger.close()


def test_what_a_statement_shows_is_booked(books: Terminal) -> None:
    capital, inside, mirror, own = balances(books.url)
    assert capital == 0 and inside == mirror > 20
    ledger = Ledger.open(books.url)
    with closing(ledger):
        asked = InstructSweep("S1", 20, "fees")
        ledger.submit(Request("instruct", utc_us(), "staff:lin", asked)).unwrap()
    shown = ("own", "post-sweep", "S1", "--amount-fen", "20", "--statement", "L9")
    assert books(*shown, *WHO).json()["status"] == "posted"
    assert books(*shown, *WHO).json()["status"] == "posted"
    assert balances(books.url) == [0, inside - 20, mirror - 20, own + 20]
    again = books("own", "call-off-sweep", "S1", "--reason", "no", *WHO).refused()
    assert (again["code"], again["field"]) == ("own_movement_state_wrong", "movement_no")
    assert "S1: posted." in books(*shown, "--operator", "lin").out
    assert books("verify", "--json").json()["clean"]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        pytest.param(("post-sweep", "C 1", "--amount-fen", "1", "--statement", "L"), "movement_no"),
        pytest.param(("post-sweep", "C1", "--amount-fen", "0", "--statement", "L"), "amount_fen"),
        pytest.param(("post-sweep", "S1", "--amount-fen", "1", "--statement", ""), "statement"),
        pytest.param(("top-up", "nobody#1", "--statement", "L"), "reference"),
    ],
    ids=lambda one: one if isinstance(one, str) else one[0],
)
def test_what_is_wrong_is_named(lone_books: Terminal, words: tuple[str, ...], field: str) -> None:
    assert lone_books("own", *words, *WHO).refused()["field"] == field


def test_a_top_up_is_booked_by_the_name_that_its_account_is_explained_by(books: Terminal) -> None:
    ledger = Ledger.open(books.url)
    with closing(ledger):
        free = ledger.state(account.stream("2202.09")).available_fen
        for number, wanted in enumerate(
            (InstructSweep("S8", free, "fees"), PostSweep("S8", free, "L8"))
        ):
            ledger.submit(Request(f"s8-{number}", utc_us(), "staff:lin", wanted)).unwrap()
        [sold, *_] = [
            one.stream.partition("-")[2]
            for one in ledger.facts(0, 100_000)
            if one.name == "transaction.completed.1"
        ]
        refund = RefundTransaction("R8", sold, 50)  # Its fee is not in the reserve any more.
        ledger.submit(Request("r8", utc_us(), "staff:lin", refund)).unwrap()
    [explained] = books("funds", "explain", "--account", "1122.06", "--json").json()
    assert explained["items"]
    for item in explained["items"]:
        assert not item["name"].startswith("topup-") and "own top-up" in item["why"]
        shown = books("own", "top-up", item["name"], "--statement", "L9", *WHO).json()
        assert shown["status"] == "arrived"
    assert books("funds", "explain", "--account", "1122.06", "--json").json()[0]["items"] == []
    assert books("verify", "--json").json()["clean"]


def test_every_day_of_the_story_is_certified_and_agrees(books: Terminal) -> None:
    """The story's last days were ended as every day is."""
    said = books("reserve", "proof", "--date", "2025-11-11", "--json").json()
    assert said["certified"] and said["agrees"] and said["differences"] == []
    assert said["there_fen"] == said["owed_fen"] > 0
    assert [one["code"] for one in said["totals"] if one["code"] == "1122.05"] == ["1122.05"]
    wrong = books("reserve", "proof", "--date", "2025-13-11", "--json").refused()
    assert (wrong["code"], wrong["field"]) == ("date_invalid", "date")
