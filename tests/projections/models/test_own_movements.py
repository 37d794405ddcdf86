"""Facts of own funds and top-ups in; a row for each movement out, whatever the batch."""

import pytest
from sqlalchemy import Connection

from domain.accounting import own_funds, topup
from projections.models import own_movements, top_ups
from projections.models.own_movements import Wanted, count_movements, movements
from tests.examples import log
from tests.member_examples import PAID_AT
from tests.own_examples import BY, EXAMPLES, LINE
from tests.projections.applied import apply


def of(number: str) -> str:
    return own_funds.stream(number)


FACTS = log(
    (of("C1"), EXAMPLES["own.capital_paid_in.1"], PAID_AT),
    (of("S1"), EXAMPLES["own.sweep_instructed.1"], PAID_AT + 1),
    (of("S2"), EXAMPLES["own.sweep_instructed.1"], PAID_AT + 2),
    (of("B1"), EXAMPLES["own.buffer_put_in.1"], PAID_AT + 3),
    (of("S1"), EXAMPLES["own.swept.1"], PAID_AT + 4),
    (of("S2"), EXAMPLES["own.sweep_called_off.1"], PAID_AT + 5),
    (of("I1"), EXAMPLES["own.interest_credited.1"], PAID_AT + 6),
    (of("S3"), EXAMPLES["own.swept.1"], PAID_AT + 7),  # Nobody instructed it.
    (of("S4"), EXAMPLES["own.sweep_instructed.1"], PAID_AT + 8),
)


@pytest.mark.parametrize("size", [1, 2, 100])
def test_every_movement_is_a_row(books: Connection, size: int) -> None:
    apply(books, own_movements.MODEL, FACTS, size)
    rows = {one.movement_no: one for one in movements(books, Wanted()).items}
    assert list(rows) == ["C1", "S1", "S2", "B1", "I1", "S3", "S4"]
    capital, swept, off, waits = (rows[name] for name in ("C1", "S1", "S2", "S4"))
    assert (capital.kind, capital.amount_fen, capital.state) == ("capital", 10_000_000, "posted")
    assert (capital.asked_by, capital.ended_by, capital.statement) == (BY, BY, LINE)
    assert (capital.asked_at_us, capital.ended_at_us, capital.reason) == (PAID_AT, PAID_AT, "")
    assert (swept.kind, swept.state, swept.reason) == ("sweep", "posted", "fees of November")
    assert (swept.asked_at_us, swept.ended_at_us) == (PAID_AT + 1, PAID_AT + 4)
    assert (swept.position, swept.last_position, swept.statement) == (2, 5, LINE)
    assert (off.state, off.end_reason, off.statement) == ("called_off", "the bank was closed", "")
    assert (waits.state, waits.ended_by, waits.ended_at_us) == ("instructed", "", None)
    assert (rows["S3"].reason, rows["S3"].state, rows["S3"].position) == ("", "posted", 8)
    assert [rows[one].kind for one in ("B1", "I1")] == ["buffer", "interest"]


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(kind="sweep"), ["S1", "S2", "S3", "S4"]),
        (Wanted(state="posted"), ["C1", "S1", "B1", "I1", "S3"]),
        (Wanted("sweep", "instructed"), ["S4"]),
        (Wanted("capital", "called_off"), []),
    ],
)
def test_movements_are_found(books: Connection, wanted: Wanted, numbers: list[str]) -> None:
    apply(books, own_movements.MODEL, FACTS, 100)
    assert [one.movement_no for one in movements(books, wanted).items] == numbers
    assert count_movements(books, wanted) == len(numbers)


def test_top_ups_are_found_by_direction_and_state(books: Connection) -> None:
    arrived = EXAMPLES["topup.arrived.1"]
    facts = log(
        (topup.stream("a#1"), topup.Decided("in", 3_000), PAID_AT),
        (topup.stream("b#1"), topup.Decided("out", 200), PAID_AT + 1),
        (topup.stream("c#1"), topup.Decided("in", 10), PAID_AT + 2),
        (topup.stream("a#1"), arrived, PAID_AT + 3),
    )
    apply(books, top_ups.MODEL, facts, 2)
    for wanted, references in (
        (top_ups.Wanted(), ["a#1", "b#1", "c#1"]),
        (top_ups.Wanted(direction="in"), ["a#1", "c#1"]),
        (top_ups.Wanted(state="underway"), ["b#1", "c#1"]),
        (top_ups.Wanted(state="arrived"), ["a#1"]),
        (top_ups.Wanted("in", "underway"), ["c#1"]),
        (top_ups.Wanted("out", "arrived"), []),
    ):
        assert [one.reference for one in top_ups.listed(books, wanted).items] == references
        assert top_ups.count_listed(books, wanted) == len(references)
