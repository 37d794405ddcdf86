"""Ledgers as processes open them, and one with money in it."""

from collections.abc import Callable, Iterator

import pytest

from domain.ledger import committer
from domain.ledger.ledger import Ledger
from tests.eventstore.conftest import opened, postgres_schema, recorder
from tests.examples import PAID_AT
from tests.ledger.requests import open_wallets

LedgerOpener = Callable[[], Ledger]
__all__ = ["opened", "postgres_schema", "recorder"]  # Fixtures of the recorders' tests, here too.


@pytest.fixture(autouse=True)
def _soon_trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger trusts new numbers from its second commit on, and again two after a repetition."""
    monkeypatch.setattr(committer, "WARY", 1)


@pytest.fixture
def open_ledger(migrated_url: str) -> Iterator[LedgerOpener]:
    """Opens the same ledger, each time as another process would."""
    ledgers: list[Ledger] = []

    def opener() -> Ledger:
        ledgers.append(Ledger.open(migrated_url, clock=lambda: PAID_AT))
        return ledgers[-1]

    yield opener
    for one in ledgers:
        one.close()


@pytest.fixture
def ledger(open_ledger: LedgerOpener) -> Ledger:
    """A ledger with a day open and 100.00 in the buyer's wallet."""
    opened = open_ledger()
    open_wallets(opened)
    return opened
