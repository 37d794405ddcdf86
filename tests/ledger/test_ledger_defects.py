"""What is no request, what fails and who goes away: nobody else is hurt, on both databases."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import OperationalError

from domain.eventstore.database import Database, parse_database_url
from domain.kernel import Command, Request
from domain.ledger.ledger import Ledger
from domain.payment.commands import TransferMoney
from domain.refusals import Code, Refused
from domain.transaction.commands import ConfirmReceipt
from migrations.run import migrate
from tests.eventstore.test_postgres import DeafServer
from tests.examples import BUYER, FRIEND, MAKER, PAID_AT
from tests.ledger.requests import FRIENDS, balance, confirm, open_wallets, request, transfer
from tests.servers import with_query
from tests.shops import shop


class Homeless(Command, frozen=True):
    """A command nobody registered."""

    word: str = "x"


# What is no request, and defects.


POISON = [
    pytest.param(request(Homeless()), "command", id="a command nobody handles"),
    pytest.param(request(confirm("\ud800")), "command", id="half a surrogate pair"),
    pytest.param(request(confirm("A\0B")), "command", id="a NUL"),
    pytest.param(Request("a\0b", PAID_AT, MAKER, confirm("A")), "number", id="a NUL in the number"),
    pytest.param(Request("", PAID_AT, MAKER, confirm("A")), "number", id="no number"),
    pytest.param(Request("x" * 9_000, PAID_AT, MAKER, confirm("A")), "number", id="a long number"),
    pytest.param(Request("n", PAID_AT, "\udcff", confirm("A")), "actor", id="an actor of no text"),
]


@pytest.mark.parametrize(("poison", "field"), POISON)
def test_what_is_no_request_is_refused_and_hurts_no_other(
    ledger: Ledger, poison: Request, field: str
) -> None:
    before, no, after = ledger.submit_all([transfer("X1", 5), poison, transfer("X2", 6)])
    assert no.refused is not None
    assert (no.refused.code, no.refused.field) == (Code.REQUEST_INVALID, field)
    assert (before.refused, after.refused) == (None, None)
    assert balance(ledger, FRIENDS) == 11


def test_a_backslash_before_u0000_is_just_text(ledger: Ledger) -> None:
    answer = ledger.submit(request(ConfirmReceipt("A\\u0000", "buyer")))
    assert answer.refused is not None
    assert answer.refused.code is Code.TRANSACTION_NOT_FOUND


def test_a_defect_in_a_handler_is_its_own_callers_alone(ledger: Ledger) -> None:
    """A field of another type than declared stands in for a defect: only code can do that."""
    broken = request(shop("NEW", "x", fee_rule=7))  # type: ignore[arg-type]
    with ThreadPoolExecutor(3) as pool:
        good = [pool.submit(ledger.submit, transfer(f"X{n}", n)) for n in (1, 2)]
        bad = pool.submit(ledger.submit, broken)
        assert all(one.result(30).refused is None for one in good)
        with pytest.raises(AttributeError):
            bad.result(30)
    assert ledger.version("member-NEW") == 0
    assert balance(ledger, FRIENDS) == 3
    assert ledger.submit(transfer("X3", 3)).refused is None


@pytest.mark.parametrize("at_us", [0, -1, 2**62])
def test_a_time_outside_the_ledgers_range_is_refused(ledger: Ledger, at_us: int) -> None:
    answer = ledger.submit(request(TransferMoney("X1", BUYER, FRIEND, 1), at_us=at_us))
    assert answer.refused is not None
    assert answer.refused.code is Code.DATE_INVALID


def test_a_listener_that_fails_keeps_nobody_waiting(ledger: Ledger) -> None:
    heard: list[int] = []

    def broken(_position: int) -> None:
        raise ZeroDivisionError

    ledger.on_commit(broken)
    ledger.on_commit(heard.append)
    answers = [ledger.submit(transfer(f"X{n}", 1)) for n in (1, 2)]
    assert heard == [answer.position for answer in answers]


# Coroutines and closing.


def test_coroutines_of_one_turn_share_a_commit(ledger: Ledger) -> None:
    head = ledger.head()

    async def many() -> list[Any]:
        wanted = [transfer(f"X{n}", 1) for n in range(200)]
        return await asyncio.gather(*(ledger.submit_async(one) for one in wanted))

    answers = asyncio.run(many())
    assert all(answer.refused is None for answer in answers)
    # A hundred of them are one job; the committer may take the first before the second is there.
    assert ledger.head().number <= head.number + 2
    assert balance(ledger, FRIENDS) == 200


def test_a_coroutine_that_went_away_stops_nobody(ledger: Ledger) -> None:
    async def impatient() -> Any:
        gone = asyncio.create_task(ledger.submit_async(transfer("X1", 1)))
        await asyncio.sleep(0)
        gone.cancel()
        return await ledger.submit_async(transfer("X2", 2))

    assert asyncio.run(impatient()).refused is None
    assert ledger.submit(transfer("X1", 1)).result == {"transfer_no": "X1"}
    assert balance(ledger, FRIENDS) == 3


def test_a_closed_ledger_is_busy_for_every_caller(ledger: Ledger) -> None:
    ledger.close()
    ledger.close()
    with pytest.raises(Refused) as no:
        ledger.submit(transfer("X1", 1))
    assert no.value.code is Code.BUSY

    async def late() -> Any:
        return await asyncio.wait_for(ledger.submit_async(transfer("X1", 1)), 10)

    with pytest.raises(Refused) as no:
        asyncio.run(late())
    assert no.value.code is Code.BUSY


# The connection breaks.


class ThenHeard(threading.Event):
    """Of a server that was deaf: from when this is set it is heard again."""

    def __init__(self, deaf: threading.Event) -> None:
        super().__init__()
        self._deaf = deaf

    def set(self) -> None:
        self._deaf.clear()
        super().set()


@pytest.mark.postgresql
def test_a_commit_whose_answer_was_lost_is_answered_from_its_receipts(
    postgres_schema: str, postgres_url: str
) -> None:
    migrate(postgres_schema)
    database = parse_database_url(postgres_schema)
    with closing(DeafServer(database)) as server:
        server.swallowed = ThenHeard(server.deaf)
        url = f"postgresql://{database.user}@127.0.0.1:{server.port}/{database.name}"
        ledger = Ledger.open(with_query(url, schema=database.schema))
        with closing(ledger):
            open_wallets(ledger)
            before = ledger.head()
            server.deaf.set()
            answers = ledger.submit_all([transfer("X1", 5), transfer("X2", 20_000)])
            assert server.swallowed.is_set()
            assert [answer.refused is None for answer in answers] == [True, False]
            assert ledger.head().number == before.number + 1
            assert answers[0].position == ledger.head().position
            assert ledger.submit(transfer("X3", 7)).refused is None
            assert balance(ledger, FRIENDS) == 12


@pytest.mark.postgresql
@pytest.mark.parametrize("locked", [False, True])
def test_a_commit_that_was_killed_is_decided_anew(postgres_schema: str, locked: bool) -> None:
    """The clock is asked just before the facts are sent: there the server ends the connection,
    which holds the lock already where other processes write too."""
    migrate(postgres_schema)
    database = parse_database_url(postgres_schema)
    killed: list[bool] = []

    def clock() -> int:
        if len(killed) == 1:  # Armed by the test.
            killed.append(True)
            assert end_connections(database) == locked
        return PAID_AT

    with closing(Ledger.open(postgres_schema, clock=clock)) as ledger:
        open_wallets(ledger)
        killed.append(False)
        ledger._committer._contended = locked
        try:
            ledger.submit(transfer("X1", 5)).unwrap()
        except OperationalError:  # Nothing was recorded: the caller may ask again.
            assert ledger.recorder.read_receipts(["n-X1"]) == []
            ledger.submit(transfer("X1", 5)).unwrap()
        assert killed == [False, True]
        ledger.submit(transfer("X2", 7)).unwrap()
        assert balance(ledger, FRIENDS) == 12


def end_connections(database: Database) -> int:
    """End every connection of this ledger; how many of them held its lock."""
    ours = (f"zhangfang {database.schema}",)
    with psycopg.connect(**database.connection_arguments, autocommit=True) as admin:
        holders = admin.execute(
            "SELECT l.pid FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = %s",
            ours,
        ).fetchall()
        ended = admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE application_name = %s",
            ours,
        ).fetchall()
    assert ended and all(gone for (gone,) in ended)
    return len(holders)
