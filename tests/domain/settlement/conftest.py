"""Books of a merchant of whose money a tenth is kept."""

import pytest

from tests.books import Books
from tests.keeping import TENTH


@pytest.fixture
def tenth(books: Books) -> Books:
    """A tenth of what the nuts bring is withheld for 30 days."""
    books.do(TENTH)
    return books
