"""A transaction's facts in, its row out; and what the timer asks for."""

from datetime import date

import pytest
from sqlalchemy import Connection

from domain.kernel import DAY_US, Fact
from domain.money import FeeRule
from domain.transaction.transaction import Completed, Created, Paid, RefundAccepted
from projections.models.transactions import (
    MODEL,
    Transaction,
    Wanted,
    awaiting_confirmation,
    transaction,
    transactions,
)
from tests.examples import (
    BATCH_ID,
    BUYER,
    CHANNEL,
    CONFIRM_BY,
    EXAMPLES,
    MERCHANT,
    ORDER_NO,
    PAID_AT,
    PAYMENT_NO,
    PURCHASE,
    RELEASE_DAY,
    SHARES,
    SUBJECT,
    TRANSACTION_ID,
    log,
)
from tests.projections.applied import apply

STREAM = f"transaction-{TRANSACTION_ID}"
CREATED = (STREAM, EXAMPLES["transaction.created.1"], PAID_AT)
PAID = (STREAM, EXAMPLES["transaction.paid.2"], PAID_AT + 5)
COMPLETED = (STREAM, EXAMPLES["transaction.completed.1"], CONFIRM_BY)
CLEARED = (STREAM, EXAMPLES["transaction.cleared.1"], CONFIRM_BY)
ESCROW_REFUND = (STREAM, EXAMPLES["transaction.refund_accepted.1"], PAID_AT + 9)
LATER_REFUND = (STREAM, RefundAccepted("R1002", 2_000, "released", None), CONFIRM_BY + 1)
REFUND_CLEARED = (STREAM, EXAMPLES["transaction.refund_cleared.1"], CONFIRM_BY + 1)
REST = (STREAM, RefundAccepted("R1003", 8_000, "released", None), CONFIRM_BY + 2)
ORDER = (ORDER_NO, MERCHANT, BUYER, SUBJECT, 2, "escrow", 10_000, 60, PAID_AT)
PAYMENT = (CHANNEL, PAYMENT_NO, PAID_AT + 5)

STAGES: list[tuple[str, list[tuple[str, Fact, int]], Transaction]] = [
    ("created", [CREATED], Transaction(TRANSACTION_ID, *ORDER, "created", last_position=1)),
    (
        "closed unpaid",
        [CREATED, (STREAM, EXAMPLES["transaction.closed.1"], PAID_AT)],
        Transaction(TRANSACTION_ID, *ORDER, "closed", last_position=2),
    ),
    (
        "paid, a part refunded out of escrow",
        [CREATED, PAID, ESCROW_REFUND],
        Transaction(
            TRANSACTION_ID, *ORDER, "paid", 1_000, 0, 0, *PAYMENT, None, CONFIRM_BY, last_position=3
        ),
    ),
    (
        "released, a part refunded since, a part of the fee given back",
        [CREATED, PAID, COMPLETED, CLEARED, LATER_REFUND, REFUND_CLEARED],
        Transaction(
            TRANSACTION_ID,
            *ORDER,
            "completed",
            2_000,
            8_000,
            48,
            *PAYMENT,
            CONFIRM_BY,
            CONFIRM_BY,
            RELEASE_DAY,
            BATCH_ID,
            6,
        ),
    ),
    (
        "refunded to the last fen",
        [CREATED, PAID, COMPLETED, CLEARED, LATER_REFUND, REFUND_CLEARED, REST],
        Transaction(
            TRANSACTION_ID,
            *ORDER,
            "refunded",
            10_000,
            8_000,
            48,
            *PAYMENT,
            CONFIRM_BY,
            CONFIRM_BY,
            RELEASE_DAY,
            BATCH_ID,
            7,
        ),
    ),
]


@pytest.mark.parametrize("size", [1, 2, 7, None])
@pytest.mark.parametrize(
    ("facts", "row"), [pytest.param(*stage[1:], id=stage[0]) for stage in STAGES]
)
def test_a_row_says_what_became_of_a_transaction(
    books: Connection, facts: list[tuple[str, Fact, int]], row: Transaction, size: int | None
) -> None:
    apply(books, MODEL, log(*facts), size)
    assert transaction(books, TRANSACTION_ID) == row
    assert transactions(books).items == [row]


def test_a_fact_of_an_unknown_transaction_is_an_error_not_a_row(books: Connection) -> None:
    with pytest.raises(LookupError, match=TRANSACTION_ID):
        apply(books, MODEL, log(PAID))


def sold(order_no: str, merchant: str, at_us: int, *later: Fact) -> list[tuple[str, Fact, int]]:
    created = Created(order_no, merchant, BUYER, 10_000, SUBJECT, 1, "escrow", FeeRule(60))
    stream = f"transaction-{merchant}-{order_no}"
    return [(stream, created, at_us), *((stream, fact, at_us) for fact in later)]


MIDNIGHT = PAID_AT + 14 * 3_600_000_000  # 2010-12-02T00:00 in Shanghai
MANY = log(
    *sold("O1", "SHOP", MIDNIGHT - 1, Paid("P1", MIDNIGHT + 7, SHARES, PURCHASE)),
    *sold("O2", "SHOP", MIDNIGHT, Paid("P2", MIDNIGHT + 6, SHARES, PURCHASE)),
    *sold("O3", "SHOP", MIDNIGHT),
    *sold("O4", "OTHER", MIDNIGHT, Paid("P4", MIDNIGHT + 6, SHARES, PURCHASE)),
    *sold("O5", "SHOP", MIDNIGHT + DAY_US, Paid("P5", 1, SHARES, PURCHASE), Completed("buyer")),
)
FIRST, SECOND, THIRD = date(2010, 12, 1), date(2010, 12, 2), date(2010, 12, 3)


@pytest.mark.parametrize(
    ("merchant", "from_", "to", "state", "found"),
    [
        pytest.param(None, None, None, None, ["O1", "O4", "O2", "O3", "O5"], id="all"),
        pytest.param("SHOP", None, None, None, ["O1", "O2", "O3", "O5"], id="a merchant's"),
        pytest.param("SHOP", FIRST, SECOND, None, ["O1"], id="until midnight in Shanghai"),
        pytest.param("SHOP", SECOND, THIRD, None, ["O2", "O3"], id="from midnight on"),
        pytest.param(None, None, None, "paid", ["O1", "O4", "O2"], id="in a state"),
        pytest.param("SHOP", THIRD, None, "completed", ["O5"], id="all conditions"),
        pytest.param("SHOP", SECOND, SECOND, None, [], id="an empty interval"),
    ],
)
def test_transactions_are_found_by_merchant_day_and_state(
    books: Connection,
    merchant: str | None,
    from_: date | None,
    to: date | None,
    state: str | None,
    found: list[str],
) -> None:
    apply(books, MODEL, MANY)
    wanted = Wanted(merchant, from_=from_, to=to, state=state)
    page = transactions(books, wanted)
    assert [item.order_no for item in page.items] == found


def test_the_timer_is_given_what_it_may_confirm_the_oldest_first(books: Connection) -> None:
    apply(books, MODEL, MANY)
    assert awaiting_confirmation(books, MIDNIGHT + 5) == []
    due = [item.transaction_id for item in awaiting_confirmation(books, MIDNIGHT + 6)]
    assert due == ["OTHER-O4", "SHOP-O2"]
    due = [item.transaction_id for item in awaiting_confirmation(books, MIDNIGHT + 7, limit=3)]
    assert due == ["OTHER-O4", "SHOP-O2", "SHOP-O1"]
    (oldest,) = awaiting_confirmation(books, MIDNIGHT + 7, limit=1)
    rest = [one.transaction_id for one in awaiting_confirmation(books, MIDNIGHT + 7, after=oldest)]
    assert [oldest.transaction_id, *rest] == due


def test_the_timer_has_nothing_to_do_when_all_is_confirmed(books: Connection) -> None:
    apply(books, MODEL, log(CREATED, PAID, COMPLETED))
    assert awaiting_confirmation(books, 2**62) == []
