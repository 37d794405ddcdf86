"""An order that is being paid through a channel, and books that must add up afterwards."""

from collections.abc import Iterator
from typing import Any

import pytest

from domain.ledger.capacity import CapacityBook
from domain.ledger.position_book import PositionBook
from domain.order.commands import PayOrder
from tests.books import Books
from tests.domain.payment.contradicting import BACK, SHORTAGE, SURPLUS
from tests.domain.test_open_items import items_of, recorded
from tests.examples import MERCHANT


@pytest.fixture
def shop(books: Books) -> Iterator[Books]:
    """An order of 100.00 that is being paid; afterwards everything must add up."""
    books.place("O1", (MERCHANT, 10_000))
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    yield books
    items = items_of(books)
    for leaf in (BACK, SURPLUS, SHORTAGE, "2241.09", "2241.05"):
        if f"account-{leaf}" in books.states:
            assert books.balance(leaf) == items.get(leaf, 0), leaf
    books.next_day()
    findings: list[Any] = []
    positions = PositionBook(lambda *one: findings.append(one))
    promised = CapacityBook(lambda *one: findings.append(one), {})
    for one in recorded(books):
        positions.take(one, one.reference)
        promised.take(one)
    promised.end_commit(1, len(books.log))
    assert findings == []
