"""Facts of withdrawals in; rows out, with when each step was and what is due."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from domain.payment import withdrawal as facts
from projections.models import withdrawals as model
from projections.models.withdrawals import MODEL, Wanted
from tests.examples import BUYER, CARD, CHECKER, EXAMPLES, MAKER, PAID_AT, PAY_DAY, log
from tests.projections.applied import apply

ASKED: Any = EXAMPLES["withdrawal.requested.1"]
GIVEN_BACK: Any = EXAMPLES["withdrawal.turned_down.1"]
KEPT: Any = EXAMPLES["withdrawal.failed.1"]
PAID: Any = EXAMPLES["withdrawal.succeeded.1"]
LATE: Any = EXAMPLES["withdrawal.succeeded_late.1"]
RETURNED: Any = EXAMPLES["withdrawal.returned.1"]
AT_ONCE = replace(ASKED, unapproved=False, speed="T+0", due=PAY_DAY)
FACTS = log(
    ("withdrawal-A", ASKED, PAID_AT),
    ("withdrawal-B", AT_ONCE, PAID_AT + 1),
    ("withdrawal-B", facts.Instructed("withdraw-B"), PAID_AT + 1),
    ("withdrawal-C", replace(AT_ONCE, member_id="OTHER"), PAID_AT + 2),
    ("withdrawal-C", facts.Instructed("withdraw-C"), PAID_AT + 2),
    ("withdrawal-D", ASKED, PAID_AT + 3),
    ("withdrawal-E", ASKED, PAID_AT + 4),
    ("withdrawal-A", facts.Approved(CHECKER), PAID_AT + 5),
    ("withdrawal-B", PAID, PAID_AT + 6),
    ("withdrawal-C", KEPT, PAID_AT + 7),
    ("withdrawal-D", GIVEN_BACK, PAID_AT + 8),
    ("withdrawal-B", RETURNED, PAID_AT + 9),
    ("withdrawal-C", LATE, PAID_AT + 10),
)


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_every_withdrawal_is_a_row(books: Connection, size: int) -> None:
    apply(books, MODEL, FACTS, size)
    page = model.withdrawals(books, Wanted())
    assert [(one.withdrawal_no, one.state, one.earned_fen, one.reason) for one in page.items] == [
        ("A", "waiting", 0, ""),
        ("B", "returned", 0, "card closed"),
        ("C", "succeeded", 10, "card closed"),
        ("D", "turned_down", 0, "looks odd"),
        ("E", "unapproved", 0, ""),
    ]
    first, paid, late = (model.withdrawal(books, one) for one in "ABC")
    assert first is not None and paid is not None and late is not None
    assert (first.member_id, first.card, first.tail) == (BUYER, CARD, "7894")
    assert (first.maker, first.checker, first.approved_at_us) == (MAKER, CHECKER, PAID_AT + 5)
    assert (paid.instructed_at_us, paid.ended_at_us, paid.returned_at_us) == (
        PAID_AT + 1,
        PAID_AT + 6,
        PAID_AT + 9,
    )
    assert (late.late, late.suspense, paid.late) == (True, "", False)
    assert model.withdrawal(books, "X") is None


def test_they_are_found_by_member_state_and_date(books: Connection) -> None:
    apply(books, MODEL, FACTS, 100)

    def found(**wanted: Any) -> list[str]:
        page = model.withdrawals(books, Wanted(**wanted), newest_first=True)
        return [one.withdrawal_no for one in page.items]

    assert found(member_id="OTHER") == ["C"]
    assert found(state="unapproved") == ["E"]
    assert found(member_id=BUYER, state="returned") == ["B"]
    assert found(to=PAY_DAY) == []
    assert found(from_=PAY_DAY) == ["E", "D", "C", "B", "A"]
    assert model.count_withdrawals(books, Wanted(member_id=BUYER)) == 4


def test_what_is_due_is_what_waits_on_its_date(books: Connection) -> None:
    apply(books, MODEL, FACTS, 100)
    assert model.due(books, PAY_DAY, 10) == []
    (ready,) = model.due(books, date(2010, 12, 2), 10)
    assert ready.withdrawal_no == "A"
    assert model.due(books, date(2010, 12, 2), 10, ready.position) == []
