"""Refunds: facts in, rows out, however the facts fall into batches."""

import pytest
from sqlalchemy import Connection

from domain.kernel import Fact
from domain.payment.plan import Share
from domain.transaction.refund import Requested
from projections.models.refunds import (
    MODEL,
    Refund,
    Wanted,
    awaiting_approval,
    count_refunds,
    refund,
    refunds,
)
from tests.examples import BUYER, CHANNEL, EXAMPLES, MAKER, MERCHANT, PAID_AT, TRANSACTION_ID, log
from tests.projections.applied import apply

SOLD = f"transaction-{TRANSACTION_ID}"


def parts(amount_fen: int) -> tuple[Share, ...]:
    return (Share(0, "channel", CHANNEL, amount_fen),)


FACTS: list[tuple[str, Fact, int]] = [
    ("refund-R1001", EXAMPLES["refund.requested.2"], PAID_AT + 1),
    (SOLD, EXAMPLES["transaction.refund_accepted.1"], PAID_AT + 1),
    ("refund-R1002", Requested(TRANSACTION_ID, BUYER, 2_000, parts(2_000)), PAID_AT + 2),
    (SOLD, EXAMPLES["transaction.refund_cleared.1"], PAID_AT + 2),
    ("refund-R1001", EXAMPLES["refund.unknown.1"], PAID_AT + 3),
    ("refund-R1001", EXAMPLES["refund.succeeded.1"], PAID_AT + 4),
    ("refund-R1002", EXAMPLES["refund.failed.1"], PAID_AT + 5),
    ("refund-R1003", Requested("TEASHOP-9", BUYER, 7, parts(7)), PAID_AT + 6),
    ("refund-R1003", EXAMPLES["refund.unknown.1"], PAID_AT + 7),
]
OWN = (TRANSACTION_ID, MERCHANT, BUYER, CHANNEL)
FIRST = Refund(
    "R1001", *OWN, 1_000, PAID_AT + 1, "succeeded", "", PAID_AT + 4, last_position=6, leg=0
)
SECOND = Refund(
    "R1002",
    *OWN,
    2_000,
    PAID_AT + 2,
    "failed",
    "card closed",
    PAID_AT + 5,
    "released",
    12,
    1_500,
    300,
    188,
    7,
    leg=0,
)
THIRD = Refund(
    "R1003",
    "TEASHOP-9",
    "TEASHOP",
    BUYER,
    CHANNEL,
    7,
    PAID_AT + 6,
    "unknown",
    "no answer within 30 s",
    last_position=9,
    leg=0,
)


@pytest.mark.parametrize("size", [1, 2, 3, None])
def test_rows_say_what_became_of_refunds(books: Connection, size: int | None) -> None:
    apply(books, MODEL, log(*FACTS), size)
    found = [refund(books, name) for name in ("R1001", "R1002", "R1003", "R1")]
    assert found == [FIRST, SECOND, THIRD, None]


def test_lists_by_merchant_and_transaction(books: Connection) -> None:
    apply(books, MODEL, log(*FACTS))
    assert refunds(books, Wanted()).items == [FIRST, SECOND, THIRD]
    assert refunds(books, Wanted(MERCHANT), newest_first=True).items == [SECOND, FIRST]
    assert refunds(books, Wanted(transaction_id="TEASHOP-9")).items == [THIRD]
    assert refunds(books, Wanted("TEASHOP", TRANSACTION_ID)).items == []
    assert count_refunds(books, Wanted(MERCHANT)) == 2


def test_a_fact_of_a_refund_nobody_asked_for_is_an_error(books: Connection) -> None:
    with pytest.raises(LookupError, match="R1001"):
        apply(books, MODEL, log(*FACTS[4:5]))


ASKED = [
    ("refund-A", EXAMPLES["refund.approval_requested.1"], PAID_AT + 1),
    ("refund-B", EXAMPLES["refund.approval_requested.1"], PAID_AT + 2),
    ("refund-C", EXAMPLES["refund.approval_requested.1"], PAID_AT + 3),
    ("refund-B", EXAMPLES["refund.rejected.1"], PAID_AT + 4),
    ("refund-C", EXAMPLES["refund.approved.2"], PAID_AT + 5),
    ("refund-C", EXAMPLES["refund.succeeded.1"], PAID_AT + 6),
    ("refund-D", EXAMPLES["refund.approval_requested.1"], PAID_AT + 7),
]


@pytest.mark.parametrize("size", [1, 2, 3, None])
def test_what_needed_an_approval_keeps_why(books: Connection, size: int | None) -> None:
    apply(books, MODEL, log(*ASKED), size)
    found = refunds(books, Wanted()).items
    assert [(one.refund_no, one.state, one.reason, one.ended_at_us) for one in found] == [
        ("A", "requested", "", None),
        ("B", "rejected", "the goods never came back", PAID_AT + 4),
        ("C", "succeeded", "", PAID_AT + 6),
        ("D", "requested", "", None),
    ]
    assert {(one.stage, one.debt_fen, one.limit_fen, one.maker) for one in found} == {
        ("released", 50_988, 50_000, MAKER)
    }
    assert [one.refund_no for one in awaiting_approval(books, 9)] == ["A", "D"]
    assert [one.refund_no for one in awaiting_approval(books, 1)] == ["A"]
