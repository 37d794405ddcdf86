"""Books that must add up afterwards: open items and accounts, what was promised, the identity."""

from collections.abc import Iterator
from typing import Any

import pytest

from domain.accounting.open_items import is_controlled
from domain.ledger.capacity import CapacityBook
from domain.ledger.controls import ItemBook
from domain.settlement.reserving import TakeDeposit
from tests.books import Books
from tests.days import right
from tests.domain.test_open_items import items_of, recorded
from tests.examples import MERCHANT


def adds_up(books: Books) -> None:
    """From the states, and from the facts alone."""
    right(books)
    items = items_of(books)
    findings: list[Any] = []
    proof = ItemBook(lambda *one: findings.append(one))
    promised = CapacityBook(lambda *one: findings.append(one), {})
    for one in recorded(books):
        proof.take(one, one.reference)
        promised.take(one)
    promised.end_commit(1, len(books.log))
    for name in books.states:
        leaf = name.removeprefix("account-")
        if leaf != name and is_controlled(leaf):
            proof.compare(leaf, books.balance(leaf), "here")
            assert books.balance(leaf) == items.get(leaf, 0), leaf
    assert findings == []


@pytest.fixture
def found(books: Books) -> Iterator[Books]:
    """For differences: there is money in the reserve, as a statement has shown."""
    books.do(TakeDeposit("D1", MERCHANT, 100_000, "statement", "agreed"))
    yield books
    adds_up(books)
