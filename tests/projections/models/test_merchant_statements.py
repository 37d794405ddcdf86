"""Facts of money released, refunded, settled in; a merchant's statement out."""

from contextlib import nullcontext
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from domain.accounting.entry import reversed_entry
from domain.accounting.reversal import Reversed
from domain.accounting.rules import settlement, transfer
from domain.kernel import Entry
from domain.payment.asking import RecordAnswer
from domain.settlement.payouts import payout_number
from domain.transaction.commands import ConfirmReceipt
from projections.models.merchant_statements import MODEL
from projections.models.statements import Statement, StatementLine, lines, statement
from tests.books import TEA, Books
from tests.days import Days
from tests.examples import (
    BATCH_ID,
    BUYER,
    EXAMPLES,
    FRIEND,
    MERCHANT,
    PAID_AT,
    PAY_DAY,
    PAYOUT_CHANNEL,
    PURCHASE,
    RELEASE_DAY,
    SETTLE_DAY,
    TRANSACTION_ID,
    log,
)
from tests.projections.applied import apply

SOLD, BATCH = f"transaction-{TRANSACTION_ID}", f"settlement-{BATCH_ID}"
NEXT_DAY = date(2010, 12, 10)
FACTS = log(
    (f"member-{MERCHANT}", EXAMPLES["member.registered.1"]),
    (SOLD, EXAMPLES["transaction.paid.2"]),
    (SOLD, EXAMPLES["transaction.refund_accepted.1"]),
    (SOLD, EXAMPLES["transaction.cleared.1"]),
    (SOLD, EXAMPLES["transaction.refund_cleared.1"]),
    (BATCH, EXAMPLES["settlement.batch_matured.1"]),
    (BATCH, EXAMPLES["settlement.batch_instructed.1"]),
    (BATCH, EXAMPLES["settlement.payout_failed.1"]),
    (BATCH, EXAMPLES["settlement.payout_retried.1"]),
    (BATCH, EXAMPLES["settlement.payout_returned.1"]),
)


def line(
    seq: int, position: int, on: date, kind: str, reference: str, amount: int, balance: int
) -> StatementLine:
    return StatementLine(seq, position, PAID_AT, on, kind, reference, amount, balance)


LINES = [
    line(1, 4, RELEASE_DAY, "sales", f"{SOLD}#3", 10_000, 10_000),
    line(2, 4, RELEASE_DAY, "fees", f"{SOLD}#3", 60, 9_940),
    line(3, 5, RELEASE_DAY, "refunds", f"{SOLD}#4", 2_000, 7_940),
    line(4, 5, RELEASE_DAY, "fees", f"{SOLD}#4", -12, 7_952),
    line(5, 6, SETTLE_DAY, "recovered", f"{BATCH}#1", 940, 7_952),
    line(6, 7, SETTLE_DAY, "settled", f"{BATCH}#2", 9_000, -1_048),
    line(7, 8, SETTLE_DAY, "settled", f"{BATCH}#3", -9_000, 7_952),
    line(8, 9, SETTLE_DAY, "settled", f"{BATCH}#4", 9_000, -1_048),
    line(9, 10, SETTLE_DAY, "settled", f"{BATCH}#5", -9_000, 7_952),
]


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_each_line_has_a_number_and_the_balance_after_it(
    books: Connection, size: int | None
) -> None:
    apply(books, MODEL, FACTS, size)
    assert lines(books, MERCHANT).items == LINES


@pytest.mark.parametrize(
    ("from_", "to", "figures", "closing_fen"),
    [
        pytest.param(None, None, (0, 10_000, 2_000, 48, 0, 940, -1_000), 7_952, id="always"),
        pytest.param(None, PAY_DAY, (0, 0, 0, 0, 0, 0, 0), 0, id="before anything"),
        pytest.param(
            PAY_DAY, RELEASE_DAY, (0, 0, 0, 0, 0, 0, 9_000), 0, id="paid: the money is in escrow"
        ),
        pytest.param(
            RELEASE_DAY,
            SETTLE_DAY,
            (0, 10_000, 2_000, 48, 0, 0, -1_000),
            7_952,
            id="the day of the release, and not the next",
        ),
        pytest.param(
            SETTLE_DAY,
            NEXT_DAY,
            (7_952, 0, 0, 0, 0, 940, -1_000),
            7_952,
            id="it opens where the day before closed",
        ),
        pytest.param(
            SETTLE_DAY, SETTLE_DAY, (7_952, 0, 0, 0, 0, 0, -1_000), 7_952, id="no date at all"
        ),
        pytest.param(NEXT_DAY, None, (7_952, 0, 0, 0, 0, 0, -1_000), 7_952, id="after it all"),
    ],
)
def test_a_statement_is_the_sum_of_its_lines(
    books: Connection,
    from_: date | None,
    to: date | None,
    figures: tuple[int, ...],
    closing_fen: int,
) -> None:
    # The example facts release 100.00 although 10.00 of them were refunded: escrow ends below zero.
    apply(books, MODEL, FACTS)
    found = statement(books, MERCHANT, from_, to)
    assert found == Statement(MERCHANT, from_, to, *figures)
    assert found is not None and found.closing_fen == closing_fen


def test_only_enterprises_have_statements(books: Connection) -> None:
    apply(books, MODEL, FACTS[:1])
    assert statement(books, MERCHANT) == Statement(MERCHANT, None, None, 0, 0, 0, 0, 0, 0, 0)
    assert statement(books, "NOBODY") is None
    assert lines(books, "NOBODY").items == []


@pytest.mark.parametrize("name", ["payout_failed", "payout_returned"])
def test_what_came_back_to_a_closed_account_is_not_the_merchants_again(
    books: Connection, name: str
) -> None:
    fact: Any = EXAMPLES[f"settlement.{name}.1"]
    to_suspense = getattr(settlement, f"{name}_to_suspense")
    late = replace(fact, entry=to_suspense(SETTLE_DAY, PAYOUT_CHANNEL, fact.amount_fen))
    facts = [(one.stream, one.fact) for one in FACTS[:7]]
    apply(books, MODEL, log(*facts, (BATCH, late)))
    assert lines(books, MERCHANT).items == LINES[:6]


def test_what_was_declined_and_paid_after_all_is_settled(books: Connection) -> None:
    """A command tells it; the statement closes where the merchant's accounts do."""
    told = Books().open()
    told.sell("O1", (TEA, 1_000))
    told.do(ConfirmReceipt(f"{TEA}-O1", "buyer"))
    Days(told).end(lambda _: None)
    payout = payout_number(f"{TEA}-{PAY_DAY}", 1)
    for said, settled_fen in (("declined", 0), ("succeeded", 985)):
        told.do(RecordAnswer(payout, said, serial="B1", reason="name differs"))
        with books.begin_nested() as savepoint:
            apply(books, MODEL, log(*told.log))
            found = statement(books, TEA)
            savepoint.rollback()
        assert found is not None
        own = sum(told.balance(f"{code}.{TEA}") for code in ("2241.02", "2241.03"))
        assert (found.settled_fen, found.closing_fen) == (settled_fen, own)


@pytest.mark.parametrize(
    ("entry", "stops"),
    [
        pytest.param(transfer.internal_transfer(SETTLE_DAY, BUYER, FRIEND, 5), False, id="wallets"),
        pytest.param(settlement.payout_failed(SETTLE_DAY, MERCHANT, 5), True, id="a merchant's"),
        pytest.param(PURCHASE, True, id="escrow"),
    ],
)
def test_a_reversal_of_a_statements_entry_is_never_passed_over(
    books: Connection, entry: Entry, stops: bool
) -> None:
    """No command makes one (ADR 0009): the read model stops, and its figures stay right."""
    turned = Reversed("a#1", "wrong", reversed_entry(entry, SETTLE_DAY))
    with pytest.raises(ValueError, match="a#1: ") if stops else nullcontext():
        apply(books, MODEL, log(("reversal-a#1", turned)))


def test_a_date_that_has_been_before_is_never_passed_over(books: Connection) -> None:
    """No command posts to a day before the open one: the sums of later dates would be wrong."""
    apply(books, MODEL, FACTS)
    late = log((SOLD, EXAMPLES["transaction.cleared.1"]))
    with pytest.raises(ValueError, match="came after"):
        apply(books, MODEL, late)


def test_the_lines_of_some_dates_are_numbers_in_a_row(books: Connection) -> None:
    apply(books, MODEL, FACTS, 2)
    assert lines(books, MERCHANT, SETTLE_DAY).items == LINES[4:]
    assert lines(books, MERCHANT, None, SETTLE_DAY).items == LINES[:4]
    assert lines(books, MERCHANT, SETTLE_DAY, NEXT_DAY, first=2).items == LINES[4:6]
    early = lines(books, MERCHANT, first=1).cursors[0]
    late = lines(books, MERCHANT, SETTLE_DAY, first=1).cursors[0]
    assert lines(books, MERCHANT, SETTLE_DAY, after=early).items == LINES[4:]
    assert lines(books, MERCHANT, SETTLE_DAY, after=late).items == LINES[5:]
    assert lines(books, MERCHANT, NEXT_DAY).items == []
    assert lines(books, MERCHANT, SETTLE_DAY, SETTLE_DAY).items == []
