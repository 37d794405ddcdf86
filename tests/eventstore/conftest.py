"""Ledgers for the recorders' tests."""

import itertools
import os
from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from domain.eventstore.recorder import LedgerRecorder
from tests import servers

_numbers = itertools.count(1)

Opener = Callable[..., LedgerRecorder]


@pytest.fixture
def postgres_schema(postgres_url: str) -> Iterator[str]:
    """The URL of a schema that does not exist yet; for tests of PostgreSQL alone."""
    schema = f"r_{os.getpid()}_{next(_numbers)}"
    yield servers.with_query(postgres_url, schema=schema)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning; SET lock_timeout = '20s'")
        connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))


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
