"""Ledgers in memory for the domain's tests."""

import pytest

from tests.books import Books


@pytest.fixture
def books() -> Books:
    """Books open on 1 December 2010, with two buyers and two merchants."""
    return Books().open()
