"""Reversal: an entry is turned round once, and only where nothing else stands on it."""

from contextlib import suppress

import pytest

from domain.accounting import reversal
from domain.accounting.entry import imbalance_of, reversed_entry
from domain.accounting.reversal import Reversed, State
from domain.kernel import Line
from domain.refusals import Code, Refused
from tests.domain.accounting.test_rules import TABLE
from tests.examples import PURCHASE, REFERENCE, SETTLE_DAY
from tests.scenario import Scenario

given = Scenario(reversal.evolve, State()).given
turned = reversed_entry(PURCHASE, SETTLE_DAY)
done = Reversed(REFERENCE, "paid twice", turned)


def test_an_entry_is_turned_round() -> None:
    given().when(reversal.reverse, REFERENCE, "paid twice", turned).then(done)


def test_an_entry_is_turned_round_only_once() -> None:
    given(done).when(reversal.reverse, REFERENCE, "again", turned).refused(
        Code.ENTRY_ALREADY_REVERSED
    )


def test_the_turned_entry_has_its_sides_swapped_on_the_open_date() -> None:
    assert turned.lines == tuple(Line(x.account, x.credit_fen, x.debit_fen) for x in PURCHASE.lines)
    assert (turned.date, turned.rule) == (SETTLE_DAY, "reversal_of_escrow_purchase.1")
    assert imbalance_of([turned]) == ""


def test_the_stream_is_named_after_what_is_reversed() -> None:
    assert reversal.stream("transfer-X1#1") == "reversal-transfer-X1#1"


def test_turning_round_twice_is_the_same_lines_again() -> None:
    assert reversed_entry(turned, SETTLE_DAY).lines == PURCHASE.lines


def reversible() -> set[str]:
    """The rules among all posting rules whose entries are taken, and how deep."""
    taken = set()
    for _, entry, _ in TABLE:
        for _ in range(4):
            with suppress(Refused):
                reversal.refuse_reversal(entry)
                taken.add(entry.rule)
            entry = reversed_entry(entry, SETTLE_DAY)
    return taken


def test_only_what_nothing_else_stands_on_is_turned_round_and_that_at_most_twice() -> None:
    assert reversible() == {
        "internal_transfer.1",
        "reversal_of_internal_transfer.1",
    }


def test_a_purchase_is_undone_by_a_refund_not_by_a_reversal() -> None:
    with pytest.raises(Refused) as no:
        reversal.refuse_reversal(PURCHASE)
    assert no.value.code is Code.ENTRY_NOT_REVERSIBLE
