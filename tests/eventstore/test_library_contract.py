"""The event-sourcing library's own contract tests, passed by our recorders on our tables.

The library's cases are unittest classes, so each backend has classes of its own. All of its cases
for recorders of applications are here; those of its tracking and process recorders are not ours:
read models keep their positions themselves.
"""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from eventsourcing.tests import persistence as contract

from domain.eventstore.database import parse_database_url
from domain.eventstore.opening import open_recorder
from domain.eventstore.postgres import PostgresLedgerRecorder
from domain.eventstore.sqlite import SQLiteLedgerRecorder
from migrations.run import migrate

_numbers = itertools.count(1)


class TextIds:
    """Streams are named by texts; each test has a ledger of its own."""

    url: str
    recorders: list[Any]

    def new_originator_id(self) -> str:
        return f"contract-{next(_numbers)}"

    def create_recorder(self) -> Any:
        migrate(self.url)
        recorder = open_recorder(parse_database_url(self.url))
        self.recorders.append(recorder)
        return recorder


class OnSQLite(TextIds):
    @pytest.fixture(autouse=True)
    def _ledger(self, tmp_path: Path) -> Iterator[None]:
        self.url, self.recorders = f"sqlite:///{tmp_path / 'ledger.db'}", []
        yield
        for recorder in self.recorders:
            recorder.close()


class OnPostgreSQL(TextIds):
    @pytest.fixture(autouse=True)
    def _ledger(self, postgres_schema: str) -> Iterator[None]:
        self.url, self.recorders = postgres_schema, []
        yield
        for recorder in self.recorders:
            recorder.close()


class WithoutIds:
    """An aggregate recorder's insert_events gives no positions; ours is more, so leave them out."""

    def __init__(self, recorder: SQLiteLedgerRecorder | PostgresLedgerRecorder) -> None:
        self.select_events = recorder.select_events
        self._insert_events = recorder.insert_events

    def insert_events(self, stored_events: Any) -> None:
        self._insert_events(stored_events)


class TestApplicationRecorderSQLite(OnSQLite, contract.ApplicationRecorderTestCase[Any]):
    pass


class TestNonInterleavingSQLite(OnSQLite, contract.NonInterleavingNotificationIDsBaseCase):
    pass


class TestAggregateRecorderSQLite(OnSQLite, contract.AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return WithoutIds(super().create_recorder())


@pytest.mark.postgresql
class TestApplicationRecorderPostgreSQL(OnPostgreSQL, contract.ApplicationRecorderTestCase[Any]):
    def test_insert_subscribe(self) -> None:
        """Optional in the library, because SQLite has no subscriptions. Its subscription begins to
        listen in a thread, and waits for ever when it is notified before that: so once more."""
        over = threading.Event()
        reminder = threading.Thread(target=self._notify_until, args=(over,))
        reminder.start()
        try:
            self.optional_test_insert_subscribe()
        finally:
            over.set()
            reminder.join()

    def _notify_until(self, over: threading.Event) -> None:
        while not over.wait(0.5):
            for recorder in self.recorders:
                arguments = parse_database_url(self.url).connection_arguments
                with psycopg.connect(**arguments, autocommit=True) as admin:
                    admin.execute("SELECT pg_notify(%s, '')", (recorder.channel,))


@pytest.mark.postgresql
class TestNonInterleavingPostgreSQL(OnPostgreSQL, contract.NonInterleavingNotificationIDsBaseCase):
    pass


@pytest.mark.postgresql
class TestAggregateRecorderPostgreSQL(OnPostgreSQL, contract.AggregateRecorderTestCase):
    def create_recorder(self) -> Any:
        return WithoutIds(super().create_recorder())
