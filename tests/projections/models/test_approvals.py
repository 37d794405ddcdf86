"""Approvals in, the queue out; and who has which office, what a merchant has been given."""

from datetime import date

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from domain.approval import approval as facts
from domain.member import api_access, staff
from projections.models import approvals, permissions
from projections.models.approvals import Approval, Wanted
from projections.models.permissions import Given, Operator
from tests.examples import DAY_US, EXAMPLES, MERCHANT, PAID_AT, PAYOUT_NO, RELEASE_DAY, log
from tests.projections.applied import apply

PROPOSED = EXAMPLES["approval.proposed.1"]
assert isinstance(PROPOSED, facts.Proposed)
UNTIL = PROPOSED.expires_us
THEIRS = replace(PROPOSED, maker=f"merchant:{MERCHANT}", member=MERCHANT, amount_fen=700)
HISTORY = log(
    ("approval-A1", PROPOSED),
    ("approval-A2", THEIRS),
    ("approval-A3", replace(PROPOSED, expires_us=UNTIL - DAY_US)),
    ("approval-A4", PROPOSED),
    ("approval-A1", EXAMPLES["approval.approved.1"]),
    ("approval-A5", PROPOSED),
    ("approval-A4", EXAMPLES["approval.refused.1"]),
    ("approval-A5", EXAMPLES["approval.withdrawn.1"]),
)


@pytest.mark.parametrize("size", [1, 2, 3, None])
def test_what_waits_is_the_queue_in_order(books: Connection, size: int | None) -> None:
    apply(books, approvals.MODEL, HISTORY, size)
    assert [one.approval_id for one in approvals.waiting(books, 10)] == ["A2", "A3"]
    assert [one.approval_id for one in approvals.waiting(books, 1)] == ["A2"]
    of_merchant = approvals.approvals(books, Wanted(MERCHANT), first=10).items
    assert [(one.approval_id, one.amount_fen) for one in of_merchant] == [("A2", 700)]
    told = {
        state: [one.approval_id for one in approvals.approvals(books, Wanted(state=state)).items]
        for state in approvals.STATES
    }
    ended = {"approved": ["A1"], "refused": ["A4"], "withdrawn": ["A5"], "expired": []}
    assert told == {"proposed": ["A2", "A3"], **ended}
    assert approvals.count_approvals(books, Wanted()) == 5


@pytest.mark.parametrize("size", [1, None])
def test_a_row_says_who_wished_what_and_who_decided(books: Connection, size: int | None) -> None:
    apply(books, approvals.MODEL, HISTORY, size)
    times = (PAID_AT, UNTIL, 4)
    refused = ("refused", "staff:zhao", "the account is not verified", PAID_AT, 7)
    wished = ("payout_retry", PAYOUT_NO, PROPOSED.body, None, "staff:lin", "")
    assert approvals.approval(books, "A4") == Approval("A4", *wished, *times, *refused)
    assert approvals.approval(books, "A9") is None


def test_what_is_over_in_time_is_found_and_ended(books: Connection) -> None:
    apply(books, approvals.MODEL, HISTORY, None)
    assert approvals.overdue(books, UNTIL - DAY_US - 1, 10) == []
    assert approvals.overdue(books, UNTIL - DAY_US, 10) == ["A3"]
    assert approvals.overdue(books, UNTIL, 10) == ["A3", "A2"]


@pytest.mark.parametrize("size", [1, 2, None])
def test_an_operator_has_one_office_and_a_merchant_what_it_was_given(
    books: Connection, size: int | None
) -> None:
    later = date(2099, 1, 1)
    stream = f"access-{MERCHANT}"
    history = log(
        ("staff-institution", staff.Appointed("lin", "cashier")),
        ("staff-institution", staff.Appointed("zhao", "reviewer")),
        (stream, api_access.CommandsGiven(RELEASE_DAY, ("order.pay",))),
        ("staff-institution", staff.Appointed("lin", "risk")),
        ("staff-institution", staff.Dismissed("zhao")),
        (stream, api_access.CommandsGiven(later, None)),
        (stream, api_access.CommandsGiven(RELEASE_DAY, ("order.checkout", "order.pay"))),
    )
    apply(books, permissions.MODEL, history, size)
    assert permissions.operators(books) == [Operator("lin", "risk", 4)]
    assert permissions.given_to(books, MERCHANT) == [
        Given(RELEASE_DAY, ("order.checkout", "order.pay")),
        Given(later, None),
    ]
    assert permissions.given_to(books, "TEA") == []
