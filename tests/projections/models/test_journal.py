"""Facts that carry entries in, journal lines out."""

from datetime import date

import pytest
from sqlalchemy import Connection

from domain.transaction.transaction import RefundAccepted
from projections.models.journal import MODEL, JournalLine, entries_of, entries_of_all, journal
from tests.examples import EXAMPLES, MAKER, PAID_AT, TRANSACTION_ID, log
from tests.projections.applied import apply

STREAM = f"transaction-{TRANSACTION_ID}"
BATCH = "settlement-SQUIRRELS-2010-12-08"
FACTS = log(
    (STREAM, EXAMPLES["transaction.created.1"]),
    (STREAM, EXAMPLES["transaction.paid.2"]),
    (STREAM, EXAMPLES["transaction.cleared.1"]),
    (STREAM, RefundAccepted("R2", 50, "released", None)),
    (STREAM, EXAMPLES["transaction.refund_cleared.1"]),
    (BATCH, EXAMPLES["settlement.batch_matured.1"]),
    ("reversal-x#1", EXAMPLES["entry.reversed.1"]),
)


def line(position: int, line_no: int, account: str, debit: int, credit: int) -> JournalLine:
    on, rule, version, fact = {
        2: (date(2010, 12, 1), "escrow_purchase.1", 2, "transaction.paid.2"),
        3: (date(2010, 12, 8), "release.1", 3, "transaction.cleared.1"),
    }[position]
    reference = f"{STREAM}#{version}"
    return JournalLine(
        position,
        line_no,
        account,
        on,
        debit,
        credit,
        "CNY",
        rule,
        reference,
        STREAM,
        fact,
        PAID_AT,
        MAKER,
        f"request-{position}",
    )


PAID = [
    line(2, 1, "1122.01.JD_PAY", 10_000, 0),
    line(2, 2, "2241.04.SQUIRRELS", 0, 10_000),
]
CLEARED = [
    line(3, 1, "2241.04.SQUIRRELS", 10_000, 0),
    line(3, 2, "2241.02.SQUIRRELS", 0, 9_940),
    line(3, 3, "2202.09", 0, 60),
]


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_every_line_of_an_entry_is_one_row(books: Connection, size: int | None) -> None:
    apply(books, MODEL, FACTS, size)
    assert entries_of(books, STREAM)[:5] == PAID + CLEARED
    by_stream = entries_of_all(books, [STREAM, BATCH, "order-none", STREAM])
    assert {stream: len(lines) for stream, lines in by_stream.items()} == {STREAM: 12, BATCH: 5}
    assert entries_of_all(books, []) == {}


@pytest.mark.parametrize(
    ("from_", "to", "found"),
    [
        pytest.param(None, None, [PAID[1], CLEARED[0]], id="always"),
        pytest.param(date(2010, 12, 1), date(2010, 12, 8), [PAID[1]], id="the end is left out"),
        pytest.param(date(2010, 12, 8), date(2010, 12, 9), [CLEARED[0]], id="the start is in"),
        pytest.param(date(2010, 12, 2), date(2010, 12, 8), [], id="nothing between"),
    ],
)
def test_an_accounts_lines_lie_in_a_half_open_interval(
    books: Connection, from_: date | None, to: date | None, found: list[JournalLine]
) -> None:
    apply(books, MODEL, FACTS[:-1])
    assert journal(books, "2241.04.SQUIRRELS", from_, to).items == found
