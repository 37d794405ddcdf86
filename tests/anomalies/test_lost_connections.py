"""The server ends every connection of the ledger, again and again, while threads submit."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from eventsourcing.persistence import PersistenceError

from domain.eventstore.database import Database
from domain.eventstore.recorder import CommitUnknown
from domain.kernel import Request
from domain.refusals import Refused
from tests.anomalies.market import assert_sound, count, kept, opened, transfer
from tests.servers import wait_until

pytestmark = [pytest.mark.postgresql, pytest.mark.timeout(120)]

THREADS, TIMES, CUTS = 8, 120, 12


@contextmanager
def administrator(database: Database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(**database.connection_arguments, autocommit=True) as connection:
        yield connection


def cut(admin: psycopg.Connection, database: Database) -> int:
    """End every connection of the ledger at once; how many there were."""
    found = admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
        (f"zhangfang {database.schema}",),
    )
    return len(found.fetchall())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_every_caller_gets_an_answer_or_an_error_and_the_ledger_goes_on(market: str) -> None:
    answered: dict[str, dict[str, object]] = {}
    errors: list[Exception] = []
    everything = [[transfer(f"t{t}", index) for index in range(TIMES)] for t in range(THREADS)]

    with opened(market) as ledger:

        def call(mine: list[Request]) -> None:
            for one in mine:
                try:
                    answered[one.number] = ledger.submit(one).unwrap()
                except (Refused, PersistenceError, CommitUnknown) as error:
                    errors.append(error)

        threads = [threading.Thread(target=call, args=(mine,)) for mine in everything]
        with administrator(ledger.database) as admin:
            for thread in threads:
                thread.start()
            ended, total = 0, THREADS * TIMES
            for number in range(1, CUTS + 1):
                due = total * number // (CUTS + 2)
                assert wait_until(lambda d=due: len(answered) + len(errors) >= d, 60)  # type: ignore[misc]
                ended += cut(admin, ledger.database)
            for thread in threads:
                thread.join(60)
                assert not thread.is_alive(), "a caller was never answered"
        assert ended >= CUTS
        assert len(answered) + len(errors) == total
        assert len(answered) > total // 2, errors[:3]

        flat = [one for mine in everything for one in mine]
        acknowledged = [one for one in flat if one.number in answered]
        for request, answer in zip(acknowledged, kept(ledger, acknowledged), strict=True):
            assert answer.result == answered[request.number]
        assert all(answer.refused is None for answer in ledger.submit_all(flat))
        assert count(ledger, "transfer.done.1") == total
        assert_sound(ledger)
