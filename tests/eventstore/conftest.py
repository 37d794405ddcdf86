"""Ledgers for the recorders' tests."""

import itertools
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from domain.eventstore import committer
from domain.eventstore.database import parse_database_url
from domain.eventstore.ledger import Ledger
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import LedgerRecorder
from tests import servers
from tests.eventstore.requests import open_wallets
from tests.examples import PAID_AT

_numbers = itertools.count(1)

Opener = Callable[..., LedgerRecorder]
LedgerOpener = Callable[[], Ledger]


@pytest.fixture
def postgres_schema(postgres_url: str) -> Iterator[str]:
    """The URL of a schema that does not exist yet; for tests of PostgreSQL alone."""
    schema = f"r_{os.getpid()}_{next(_numbers)}"
    yield servers.with_query(postgres_url, schema=schema)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning; SET lock_timeout = '20s'")
        connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))


@pytest.fixture(autouse=True)
def _soon_trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger trusts new numbers from its second commit on, and again two after a repetition."""
    monkeypatch.setattr(committer, "WARY", 1)


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Opens recorders on a URL and closes them after the test."""
    recorders: list[LedgerRecorder] = []

    def opener(url: str, lock_timeout_ms: int = 20_000) -> LedgerRecorder:
        recorder = open_recorder(parse_database_url(url), lock_timeout_ms=lock_timeout_ms)
        recorders.append(recorder)
        return recorder

    yield opener
    for recorder in recorders:
        recorder.close()


@pytest.fixture
def recorder(migrated_url: str, opened: Opener) -> LedgerRecorder:
    """A recorder of an empty ledger, on each backend."""
    return opened(migrated_url)


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
