"""Entries on the channels' accounts in, positions per channel and date out."""

from datetime import date

import msgspec
import pytest
from sqlalchemy import Connection

from domain.accounting.chart import CHANNEL_PAYABLE, CHANNEL_RECEIVABLE, split_id
from domain.accounting.entry import reversed_entry
from domain.accounting.reversal import Reversed
from domain.accounting.rules import refund as refund_rules
from domain.clearing.day import Closed, Position
from domain.kernel import Entry
from domain.reconciliation.session import Settled
from domain.reconciliation.statement import Matched
from domain.reconciliation.verdict import Reached
from domain.settlement.batch import PayoutReturned
from domain.transaction.refund import Succeeded
from projections.models.clearing_positions import (
    COUNTED,
    MODEL,
    ClearingPosition,
    clearing_positions,
)
from tests.examples import EXAMPLES, PAY_DAY, PURCHASE, SETTLE_DAY, log
from tests.projections.applied import apply

REFUNDED = refund_rules.refund_succeeded(PAY_DAY, "JD_PAY", 1_000)
FACTS = log(
    ("transaction-A-1", EXAMPLES["transaction.paid.2"]),
    ("transaction-B-1", EXAMPLES["transaction.paid.2"]),
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


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_each_channel_has_its_figures_of_a_date(books: Connection, size: int | None) -> None:
    apply(books, MODEL, FACTS, size)
    assert clearing_positions(books, PAY_DAY) == [JD, WECHAT]
    # JD_PAY has no row: a reversal, and what undoes one, moves our books and no channel's money.
    # It used to count a reversed reversal again, as if the channel had paid a second time.
    assert clearing_positions(books, SETTLE_DAY) == [BANK]
    assert clearing_positions(books, PAY_DAY, "WECHAT_PAY") == [WECHAT]
    assert clearing_positions(books, date(2010, 12, 2)) == []
    assert (JD.closed, BANK.closed) == (True, False)


def test_every_fact_that_a_channel_moved_money_for_is_counted() -> None:
    """A fact of a new name whose entry stands on a channel's account has to be given its side."""
    moving = {
        type(fact)
        for fact in EXAMPLES.values()
        if isinstance(entry := getattr(fact, "entry", None), Entry)
        for line in entry.lines
        if split_id(line.account)[0] in (CHANNEL_RECEIVABLE, CHANNEL_PAYABLE)
    }
    told = {PayoutReturned}  # By the channel, as it may be; the example is of a bank statement.
    found = {
        Reached,
        Matched,
        Settled,
    }  # Counted when it happened; bills and statements have it too.
    assert (moving - {Reversed} - found) | told == COUNTED.keys()


def test_a_rules_name_decides_nothing(books: Connection) -> None:
    """The same facts under rule names of another time make the same figures."""
    renamed = [
        msgspec.structs.replace(
            recorded,
            fact=msgspec.structs.replace(
                recorded.fact,
                entry=msgspec.structs.replace(recorded.fact.entry, rule="renamed.2"),
            ),
        )
        if hasattr(recorded.fact, "entry")
        else recorded
        for recorded in FACTS
    ]
    apply(books, MODEL, renamed, None)
    assert clearing_positions(books, PAY_DAY) == [JD, WECHAT]
    assert clearing_positions(books, SETTLE_DAY) == [BANK]
