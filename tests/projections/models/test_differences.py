"""Differences found, ended by persons, undone, and found to be none: a row each."""

import pytest
from sqlalchemy import Connection, select

from domain.reconciliation.difference import Undone
from projections.models.differences import MODEL, TABLE, Difference
from tests.difference_examples import ABOUT, EXAMPLES, FEE, FULL, SURPLUS
from tests.examples import PAID_AT, log
from tests.projections.applied import apply

ONE, TWO, THREE = "difference-aaaa", "difference-bbbb", "difference-cccc"
FACTS = log(
    (ONE, EXAMPLES["difference.suspected.1"]),
    (ONE, EXAMPLES["difference.confirmed.1"], PAID_AT + 1),
    (TWO, FULL["difference.confirmed.1"]),
    (ONE, EXAMPLES["difference.proposed.1"], PAID_AT + 2),
    (ONE, EXAMPLES["difference.turned_down.1"], PAID_AT + 3),
    (ONE, EXAMPLES["difference.proposed.1"], PAID_AT + 4),
    (ONE, EXAMPLES["difference.approved.1"], PAID_AT + 5),
    (ONE, EXAMPLES["difference.resolved.1"], PAID_AT + 6),
    (ONE, EXAMPLES["difference.undone.1"], PAID_AT + 7),
    (THREE, EXAMPLES["difference.confirmed.1"]),
    (THREE, EXAMPLES["difference.cleared.1"], PAID_AT + 8),
)


def row(books: Connection, difference: str) -> Difference:
    found = books.execute(select(*TABLE.columns).where(TABLE.c.difference_id == difference)).one()
    return Difference(*found)


@pytest.mark.parametrize("size", [1, 2, 5, None])
def test_each_difference_is_where_it_has_come_to(books: Connection, size: int | None) -> None:
    apply(books, MODEL, FACTS, size)
    one, two, three = (row(books, name) for name in ("aaaa", "bbbb", "cccc"))
    undone = EXAMPLES["difference.undone.1"]
    assert isinstance(undone, Undone)
    assert (one.state, one.account, one.reason) == ("confirmed", SURPLUS, undone.reason)
    assert (one.kind, one.number, one.on_date) == (ABOUT.kind, ABOUT.number, ABOUT.on)
    assert (one.since_us, one.changed_us) == (PAID_AT, PAID_AT + 7)
    assert (one.position, one.last_position) == (1, 9)
    assert (one.proposed_by, one.approved_by, one.resolution, one.awaits) == ("", "", "", "")
    assert (two.state, two.account, two.bill_fen) == ("confirmed", "", FEE.bill_fen)
    assert (three.state, three.account, three.changed_us) == ("reversed", "", PAID_AT + 8)


def test_what_was_proposed_and_approved_is_told(books: Connection) -> None:
    apply(books, MODEL, FACTS[:7])
    one = row(books, "aaaa")
    assert (one.state, one.resolution, one.to_whom) == ("approved", "to_wallet", "B1")
    assert (one.proposed_by, one.approved_by) == ("alice", "bob")
    assert (one.account, one.awaits) == ("2241.07", "diff-d1-1")
