"""Entries on the channels' accounts in, positions per channel and date out."""

from datetime import date

import pytest
from sqlalchemy import Connection

from domain.accounting.entry import reversed_entry
from domain.accounting.reversal import Reversed
from domain.accounting.rules import refund as refund_rules
from domain.clearing.day import Closed, Position
from domain.transaction.refund import Succeeded
from projections.models.clearing_positions import MODEL, ClearingPosition, clearing_positions
from tests.examples import EXAMPLES, PAY_DAY, PURCHASE, SETTLE_DAY, log
from tests.projections.applied import apply

REFUNDED = refund_rules.refund_succeeded(PAY_DAY, "JD_PAY", 1_000)
FACTS = log(
    ("transaction-A-1", EXAMPLES["transaction.paid.1"]),
    ("transaction-B-1", EXAMPLES["transaction.paid.1"]),
    ("refund-R1001", Succeeded(REFUNDED)),
    ("payment-W1", EXAMPLES["payment.wallet_recharged.1"]),
    ("settlement-A-2010-12-08", EXAMPLES["settlement.payout_succeeded.1"]),
    (
        "day-books",
        Closed(
            PAY_DAY,
            (
                Position("JD_PAY", "NETSUNION", 20_000, 1_000, 19_000),
                Position("WECHAT_PAY", "NETSUNION", 5_000, 0, 5_000),
            ),
        ),
    ),
    ("reversal-1", Reversed("a#1", "wrong", reversed_entry(PURCHASE, SETTLE_DAY))),
    ("reversal-2", Reversed("b#1", "wrong", reversed_entry(REFUNDED, SETTLE_DAY))),
    (
        "reversal-3",
        Reversed("c#1", "wrong", reversed_entry(reversed_entry(REFUNDED, SETTLE_DAY), SETTLE_DAY)),
    ),
)
JD = ClearingPosition(
    PAY_DAY, "JD_PAY", "NETSUNION", 20_000, 2, 1_000, 1, 0, 0, 19_000, 20_000, 1_000, 19_000
)
WECHAT = ClearingPosition(
    PAY_DAY, "WECHAT_PAY", "NETSUNION", 5_000, 1, 0, 0, 0, 0, 5_000, 5_000, 0, 5_000
)
BANK = ClearingPosition(
    SETTLE_DAY, "BANK_TRANSFER", "NETSUNION", 0, 0, 0, 0, 9_000, 1, -9_000, None, None, None
)
# What a reversal takes back stands in neither figure; what undoes a reversal counts again.
JD_LATER = ClearingPosition(
    SETTLE_DAY, "JD_PAY", "NETSUNION", 0, 0, 1_000, 1, 0, 0, -1_000, None, None, None
)


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_each_channel_has_its_figures_of_a_date(books: Connection, size: int | None) -> None:
    apply(books, MODEL, FACTS, size)
    assert clearing_positions(books, PAY_DAY) == [JD, WECHAT]
    assert clearing_positions(books, SETTLE_DAY) == [BANK, JD_LATER]
    assert clearing_positions(books, PAY_DAY, "WECHAT_PAY") == [WECHAT]
    assert clearing_positions(books, date(2010, 12, 2)) == []
    assert (JD.closed, BANK.closed) == (True, False)
