"""A session is off, persons decide about it, and then it is off by more, by less, the other way, or
not at all: the reserve account is what the bank says, and of each channel is settled what its bill
says, whatever was decided and taken back."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.refusals import Code, Refused
from tests.api.operations.funding import Line, day_of, founded, kinds
from tests.api.operations.test_funds_decided import Decided

SESSION = "NETSUNION-20251110-1"
DUE_FEN = 29_942
HOW = {"session_over": ("to_wallet", "ANN"), "session_short": ("write_off", "")}
OPEN, ENDED = ("suspected", "confirmed"), ("approved", "resolved")


class Off(Decided):
    """One session, of two channels, and as many statements as make its differences certain."""

    def __init__(self, *made: object) -> None:
        super().__init__(*made)  # type: ignore[arg-type]
        self.sell("1", 10_000, "JD_PAY")
        self.sell("2", 20_000, "WECHAT_PAY")
        self.end_day()
        self.no_trade(day_of(0), "JD_PAY", "WECHAT_PAY")
        self.paid_fen: dict[str, int] = {}
        self.came_fen = [0] * 5
        self.bills(10_000, 20_000)
        for count in range(1, 5):
            self.statement(day_of(count))

    def bills(self, jd_fen: int, wechat_fen: int) -> None:
        self.paid_fen = {"JD_PAY": jd_fen, "WECHAT_PAY": wechat_fen}
        self.trade("JD_PAY", day_of(0), jd_fen, 0, 18)
        self.trade("WECHAT_PAY", day_of(0), wechat_fen, 0, 40)

    def came(self, amount_fen: int, count: int = 1) -> None:
        """A day's statement is issued again: so much of the session."""
        self.came_fen[count] = amount_fen
        lines = [Line(amount_fen, SESSION)] if amount_fen else []
        self.statement(day_of(count), *lines, opening_fen=sum(self.came_fen[:count]))

    def compare(self) -> list[tuple[str, str, int]]:
        """What stands of the session; what is posted of it is right."""
        told = self.reconcile(day_of(4))
        assert self.balance("1001.01") == sum(self.came_fen)
        settled = {name: -self.balance(f"1122.02.{name}") for name in self.paid_fen}
        if any(self.came_fen):
            assert settled == self.paid_fen
        else:
            assert sum(settled.values()) == sum(self.paid_fen.values()) - 58
        return [one for one in kinds(told) if one[1] in OPEN]

    def listed(self, *states: str) -> list[tuple[str, str]]:
        """Kind and id of its differences."""
        told = self.reconcile(day_of(4))["differences"]
        return [(one["type"], one["id"]) for one in told if one["state"] in states]

    def end(self, *, claimed: bool = False) -> str:
        """Persons end the one that is confirmed."""
        [(kind, named)] = self.listed("confirmed")
        self.resolve(named, *(("claim", "") if claimed else HOW[kind]))
        return named


@pytest.fixture
def books(migrated_url: str, tmp_path: Path) -> Iterator[Off]:
    with founded(Off, migrated_url, tmp_path) as made:
        yield made
        made.compare()
        made.right()
        made.once_more()


WAYS = pytest.mark.parametrize(("kind", "sign"), [("session_over", 1), ("session_short", -1)])


@WAYS
def test_off_by_more_than_was_ended(books: Off, kind: str, sign: int) -> None:
    books.came(DUE_FEN + sign * 500)
    assert books.compare() == [(kind, "confirmed", 500)]
    first = books.end()
    assert books.compare() == []
    books.came(DUE_FEN + sign * 800)
    assert books.compare() == [(kind, "confirmed", 300)]
    second = books.end()
    books.came(sign * 100, 3)  # A further line, of another day.
    assert books.compare() == [(kind, "confirmed", 100)]
    # What was ended first is taken up again, beside what stands and what was ended after it.
    books.undo(first)
    assert books.compare() == [(kind, "confirmed", 600)]
    books.undo(second)
    assert books.compare() == [(kind, "confirmed", 900)]
    assert books.end() == first
    assert books.compare() == []


@WAYS
def test_off_by_less_than_was_ended_and_by_as_much_again(books: Off, kind: str, sign: int) -> None:
    other = "session_short" if sign > 0 else "session_over"
    for off_fen in (500, 800):
        books.came(DUE_FEN + sign * off_fen)
        books.compare()
        books.end()
    books.came(DUE_FEN + sign * 200)
    assert books.compare() == [(other, "confirmed", 600)]
    books.end()
    books.came(DUE_FEN)
    assert books.compare() == [(other, "confirmed", 200)]
    books.came(DUE_FEN - sign * 50)  # The other way by now.
    assert books.compare() == [(other, "confirmed", 250)]
    books.came(DUE_FEN + sign * 900)
    assert books.compare() == [(kind, "confirmed", 700)]


def test_a_surplus_that_was_given_away_and_nothing_came_at_all(books: Off) -> None:
    books.came(DUE_FEN + 500)
    books.compare()
    books.end()
    books.came(0)
    assert books.compare() == [("session_short", "confirmed", DUE_FEN + 500)]
    books.came(DUE_FEN + 500)
    assert books.compare() == []


def test_all_was_written_off_and_another_bill_makes_less_due(books: Off) -> None:
    assert books.compare() == [("session_short", "confirmed", DUE_FEN)]
    books.end()
    books.bills(9_000, 20_000)
    assert books.compare() == [("session_over", "confirmed", 1_000)]
    books.came(DUE_FEN - 1_000)
    assert books.compare() == [("session_over", "confirmed", DUE_FEN)]


def test_another_bill_makes_more_due_than_was_written_off(books: Off) -> None:
    books.came(DUE_FEN - 500)
    books.compare()
    books.end()
    books.bills(11_000, 20_000)
    assert books.compare() == [("session_short", "confirmed", 1_000)]
    books.end()
    books.bills(9_000, 20_000)
    assert books.compare() == [("session_over", "confirmed", 2_000)]


@pytest.mark.parametrize("claimed", [False, True])
def test_what_was_decided_stays_on_its_channel_though_another_leads(
    books: Off, claimed: bool
) -> None:
    books.came(DUE_FEN - 500)
    books.compare()
    named = books.end(claimed=claimed)
    books.bills(20_000, 10_000)
    assert books.compare() == []
    books.undo(named)
    assert books.compare() == [("session_short", "confirmed", 500)]
    assert books.balance("1122.04.JD_PAY") == 500


def test_claims_come_in_parts(books: Off) -> None:
    books.came(DUE_FEN - 500)
    books.compare()
    first = books.end(claimed=True)
    books.came(DUE_FEN - 800)
    assert books.compare() == [("session_short", "confirmed", 300)]
    second = books.end(claimed=True)
    assert [one for _, one in books.listed("approved")] == [first, second]
    books.came(100, 2)  # Of the second claim: the first is still whole.
    assert books.compare() == [("session_short", "confirmed", 200)]
    assert [one for _, one in books.listed("approved")] == [first]
    books.came(450, 2)
    assert books.compare() == [("session_short", "confirmed", 350)]
    assert books.listed("approved") == []
    books.came(800, 2)
    assert books.compare() == []
    assert books.balance("1122.04.WECHAT_PAY") == 0


def test_a_claim_stays_while_what_was_written_off_before_is_taken_up(books: Off) -> None:
    books.came(DUE_FEN - 500)
    books.compare()
    first = books.end()
    books.came(DUE_FEN - 800)
    books.compare()
    second = books.end(claimed=True)
    books.undo(first)
    assert books.compare() == [("session_short", "confirmed", 500)]
    assert [one for _, one in books.listed("approved")] == [second]


@pytest.mark.parametrize("seed", [1, 7, 47, 50])
def test_whatever_is_decided_and_billed_anew(books: Off, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(14):
        step = chance.choice(["came", "came", "bills", "decide", "decide", "undo"])
        if step == "came":
            off_fen = chance.choice([-800, -500, 0, 500, 800])
            books.came(chance.choice([0, DUE_FEN + off_fen, DUE_FEN + off_fen, 12_000]))
            books.came(chance.choice([0, 0, 300, -300]), chance.choice([2, 3]))
        elif step == "bills":
            books.bills(*chance.choice([(10_000, 20_000), (20_000, 10_000), (9_500, 20_000)]))
        else:
            wanted = ("confirmed",) if step == "decide" else ENDED
            for kind, named in books.listed(*wanted):
                if step == "undo" and chance.random() < 0.5:
                    _taken_back(books, named)
                elif step == "decide":
                    claimed = kind == "session_short" and chance.random() < 0.5
                    books.resolve(named, *(("claim", "") if claimed else HOW[kind]))
        books.compare()


def _taken_back(books: Off, named: str) -> None:
    try:
        books.undo(named)
    except Refused as no:
        assert no.code is Code.RESOLUTION_FINAL  # What was claimed has come.
