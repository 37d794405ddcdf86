"""The ledger: one answer per request for ever, many requests in one commit, on both databases."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from eventsourcing.persistence import OperationalError
from msgspec import json
from msgspec.structs import replace

from domain.accounting.commands import HoldMoney, ReleaseHold
from domain.clearing.commands import CloseDay, CutOffDay
from domain.eventstore import codec
from domain.eventstore.answer import digest_of
from domain.eventstore.database import Database, parse_database_url
from domain.eventstore.ledger import Ledger
from domain.eventstore.recorder import Append, SnapshotRow
from domain.eventstore.states import fold_streams
from domain.kernel import DAY_US, Command, Request
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.refusals import Code, Refused
from domain.settlement.commands import ReviewBatch, SealBatch
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from migrations.run import migrate
from tests.eventstore.requests import FRIENDS, WALLET, open_wallets, opening, request, transfer
from tests.eventstore.test_postgres import DeafServer
from tests.examples import BUYER, FRIEND, MAKER, PAID_AT, PAY_DAY
from tests.servers import with_query

Opener = Callable[[], Ledger]


class Homeless(Command, frozen=True):
    """A command nobody registered."""

    word: str = "x"


@pytest.fixture
def open_ledger(migrated_url: str) -> Iterator[Opener]:
    """Opens the same ledger, each time as another process would."""
    ledgers: list[Ledger] = []

    def opener() -> Ledger:
        ledgers.append(Ledger.open(migrated_url, clock=lambda: PAID_AT))
        return ledgers[-1]

    yield opener
    for one in ledgers:
        one.close()


@pytest.fixture
def ledger(open_ledger: Opener) -> Ledger:
    """A ledger with a day open and 100.00 in the buyer's wallet."""
    opened = open_ledger()
    open_wallets(opened)
    return opened


def balance(ledger: Ledger, account: str) -> int:
    return int(ledger.state(f"account-{account}").balance_fen)


# Receipts.


def test_a_number_gets_the_same_answer_for_ever(ledger: Ledger, open_ledger: Opener) -> None:
    first = ledger.submit(transfer("X1", 700))
    assert (first.refused, first.replayed) == (None, False)
    assert first.position == ledger.head().position
    ledger.submit(transfer("X2", 1))
    for one in (ledger, open_ledger()):
        again = one.submit(transfer("X1", 700))
        assert again == replace(first, replayed=True)
    assert balance(ledger, FRIENDS) == 701


def test_a_refusal_is_kept_like_an_answer(ledger: Ledger, open_ledger: Opener) -> None:
    wanted = transfer("X1", 10_001)
    first = ledger.submit(wanted)
    assert first.refused is not None
    assert first.refused.code is Code.BALANCE_INSUFFICIENT
    ledger.submit(request(RegisterMember("NEW", "personal", "x")))
    ledger.submit(transfer("X2", 1))
    again = open_ledger().submit(wanted)
    assert (again.refused, again.replayed) == (first.refused, True)
    with pytest.raises(Refused):
        again.unwrap()


def test_another_body_under_a_number_is_a_conflict_that_shows_both(ledger: Ledger) -> None:
    first, other = transfer("X1", 700), transfer("X1", 701)
    ledger.submit(first)
    head = ledger.head()
    answer = ledger.submit(other)
    assert answer.refused is not None
    assert answer.refused.code is Code.REQUEST_CONFLICT
    for wanted in (first, other):
        assert digest_of(wanted.command).hex() in answer.refused.detail
    assert ledger.head() == head
    assert ledger.submit(first).refused is None


def test_the_same_body_of_another_command_is_another_body() -> None:
    assert digest_of(SealBatch("A")) != digest_of(ReviewBatch("A"))
    assert digest_of(SealBatch("A")) != digest_of(SealBatch("B"))
    assert digest_of(SealBatch("A")) == digest_of(SealBatch("A"))


def test_a_number_twice_in_one_batch_is_decided_once(ledger: Ledger) -> None:
    same, other = transfer("X1", 700), transfer("X1", 701)
    first, again, conflict = ledger.submit_all([same, same, other])
    assert (first.refused, first.replayed) == (None, False)
    assert again == replace(first, replayed=True)
    assert conflict.refused is not None
    assert conflict.refused.code is Code.REQUEST_CONFLICT
    assert balance(ledger, FRIENDS) == 700


def test_only_replays_write_nothing(ledger: Ledger) -> None:
    ledger.submit(transfer("X1", 700))
    head = ledger.head()
    ledger.submit_all([transfer("X1", 700), transfer("X1", 701)])
    assert ledger.head() == head


# One commit, many requests.


def test_a_refused_command_leaves_no_trace_among_the_others(ledger: Ledger) -> None:
    head = ledger.head()
    answers = ledger.submit_all(
        [transfer("X1", 6_000), transfer("X2", 6_000), transfer("X3", 4_000), transfer("X4", 1)]
    )
    assert [answer.refused is None for answer in answers] == [True, False, True, False]
    assert (balance(ledger, WALLET), balance(ledger, FRIENDS)) == (0, 10_000)
    facts = ledger.facts(head.position, 100)
    assert {fact.stream for fact in facts} == {
        "transfer-X1",
        "transfer-X3",
        f"account-{WALLET}",
        f"account-{FRIENDS}",
    }
    assert ledger.head().number == head.number + 1
    assert {answer.position for answer in answers} == {ledger.head().position}


def test_postings_of_one_commit_to_one_account_are_one_fact(ledger: Ledger) -> None:
    head = ledger.head()
    ledger.submit_all([transfer(f"X{n}", n) for n in range(1, 51)])
    facts = ledger.facts(head.position, 1_000)
    posted = [fact for fact in facts if fact.name == "account.posted.1"]
    assert [fact.stream for fact in posted] == [f"account-{WALLET}", f"account-{FRIENDS}"]
    assert [(line.entry, line.debit_fen) for line in posted[0].fact.lines] == [
        (f"transfer-X{n}#1", n) for n in range(1, 51)
    ]
    assert [(fact.actor, fact.command, fact.cause) for fact in posted] == [("ledger", "", "")] * 2
    transfers = [fact for fact in facts if fact.name == "transfer.done.1"]
    assert [(fact.stream, fact.actor, fact.command) for fact in transfers] == [
        (f"transfer-X{n}", MAKER, f"n-X{n}") for n in range(1, 51)
    ]
    assert [fact.position for fact in facts] == list(
        range(head.position + 1, head.position + len(facts) + 1)
    )


def test_postings_around_a_hold_keep_their_order(ledger: Ledger) -> None:
    """What another fact of the account stands between does not merge over it."""
    head = ledger.head()
    ledger.submit_all(
        [transfer("X1", 1), request(HoldMoney(WALLET, "H1", 9_000, "x")), transfer("X2", 2)]
    )
    names = [f.name for f in ledger.facts(head.position, 100) if f.stream == f"account-{WALLET}"]
    assert names == ["account.posted.1", "account.held.1", "account.posted.1"]
    assert ledger.state(f"account-{WALLET}").available_fen == 997


def test_postings_of_two_dates_in_one_commit_stay_apart(ledger: Ledger) -> None:
    head = ledger.head()
    later = PAID_AT + DAY_US
    ledger.submit_all(
        [
            transfer("X1", 1),
            request(CloseDay(PAY_DAY)),
            request(TransferMoney("X2", BUYER, FRIEND, 2), at_us=later),
        ]
    )
    posted = [f for f in ledger.facts(head.position, 100) if f.stream == f"account-{WALLET}"]
    assert [(f.fact.date.day, f.fact.lines[0].debit_fen) for f in posted] == [(1, 1), (2, 2)]


def test_a_policys_facts_name_their_cause(ledger: Ledger) -> None:
    head = ledger.head()
    number = "outcome-1"
    ledger.submit(request(RechargeWallet("W2", BUYER, "JD_PAY", 5)))
    ledger.submit(request(RecordOutcome("pay-W2", succeeded="S"), number))
    told = [(f.name, f.cause, f.command) for f in ledger.facts(head.position, 100)][2:]
    assert told == [
        ("instruction.succeeded.1", "", number),
        ("payment.succeeded.1", "instruction-pay-W2#2", number),
        ("payment.wallet_recharged.1", "payment-W2#2", number),
        ("account.posted.1", "", ""),
        ("account.posted.1", "", ""),
    ]


# What is no request, and defects.


def confirm(transaction_id: str) -> Command:
    return ConfirmReceipt(transaction_id, "buyer")


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
    broken = request(RegisterMember("NEW", "enterprise", "x", fee_rule=7))  # type: ignore[arg-type]
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
    assert ledger.head().number == head.number + 1
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


# Two processes on one ledger.


def test_two_ledgers_see_each_others_writes(ledger: Ledger, open_ledger: Opener) -> None:
    other = open_ledger()
    for n in range(1, 11):
        one = ledger if n % 2 else other
        assert one.submit(transfer(f"X{n}", 1_000)).refused is None
    for one in (ledger, other):
        answer = one.submit(transfer(f"Y{id(one)}", 1))
        assert answer.refused is not None
        assert answer.refused.code is Code.BALANCE_INSUFFICIENT
    assert balance(ledger, FRIENDS) == 10_000


def test_a_day_closed_by_one_is_closed_for_the_other(ledger: Ledger, open_ledger: Opener) -> None:
    other = open_ledger()
    other.submit(transfer("X1", 1)).unwrap()
    ledger.submit(request(CloseDay(PAY_DAY))).unwrap()
    other.submit(transfer("X2", 1)).unwrap()
    posted = [f.fact for f in ledger.history(f"account-{FRIENDS}") if f.name == "account.posted.1"]
    assert [fact.date.day for fact in posted] == [1, 2]


def test_the_same_number_on_both_ledgers_is_decided_once(
    ledger: Ledger, open_ledger: Opener
) -> None:
    other = open_ledger()
    barrier = threading.Barrier(2)

    def ask(one: Ledger) -> list[Any]:
        barrier.wait(30)
        return [one.submit(transfer(f"X{n}", 1)) for n in range(50)]

    with ThreadPoolExecutor(2) as pool:
        mine, theirs = pool.map(ask, [ledger, other])
    assert [a.result for a in mine] == [a.result for a in theirs]
    assert [a.replayed for a in mine] == [not b.replayed for b in theirs]
    assert [a.position for a in mine] == [b.position for b in theirs]
    assert balance(ledger, FRIENDS) == 50


def test_no_update_of_a_hot_account_is_lost(ledger: Ledger, open_ledger: Opener) -> None:
    other = open_ledger()
    callers, each = 8, 25

    def pay(caller: int) -> None:
        one = ledger if caller % 2 else other
        for n in range(each):
            one.submit(transfer(f"X{caller}-{n}", 1)).unwrap()

    with ThreadPoolExecutor(callers) as pool:
        list(pool.map(pay, range(callers)))
    done = callers * each
    assert (balance(ledger, WALLET), balance(ledger, FRIENDS)) == (10_000 - done, done)
    lines = [x for f in ledger.history(f"account-{FRIENDS}") for x in getattr(f.fact, "lines", ())]
    assert len({line.entry for line in lines}) == len(lines) == done
    commits = ledger.recorder.read_commits(0, 10_000)
    assert [row.number for row in commits] == list(range(1, len(commits) + 1))
    ends = [row.last_position + 1 for row in commits]
    assert [row.first_position for row in commits] == [1, *ends[:-1]]


# Long streams.


def test_a_long_stream_is_loaded_from_its_snapshot(ledger: Ledger) -> None:
    stream = f"account-{WALLET}"
    for n in range(7):
        pairs = ((HoldMoney(WALLET, f"H{n}", 1, "x"), ReleaseHold(WALLET, f"H{n}"))) * 75
        ledger.submit_all([request(command) for command in pairs])
    for n in range(20):
        ledger.submit(transfer(f"X{n}", 1)).unwrap()
    version = ledger.version(stream)
    [snapshot], facts = ledger.recorder.read_states([stream])
    assert version > 1_000
    assert len(facts) == version - snapshot.version < 100
    assert len(list(ledger.history(stream))) == version
    assert balance(ledger, WALLET) == 10_000 - 20


def test_a_snapshot_of_another_shape_is_no_snapshot(ledger: Ledger, open_ledger: Opener) -> None:
    stream = f"account-{WALLET}"
    ledger.submit(transfer("X1", 1))
    expected = (ledger.version(stream), ledger.state(stream))
    row = codec.encode_snapshot(stream, expected[0], ledger.state(f"account-{FRIENDS}"))
    foreign = row.state.replace(b'"shape":"', b'"shape":"0')
    with ledger.recorder.writing() as session:
        session.append(Append((), (), [SnapshotRow(stream, expected[0], foreign)], PAID_AT))
    assert [s.state for s in ledger.recorder.read_states([stream])[0]] == [foreign]
    assert fold_streams(ledger.recorder, [stream])[stream] == expected
    assert open_ledger().submit(transfer("X2", 1)).refused is None


def test_states_and_facts_survive_their_bytes(ledger: Ledger) -> None:
    for fact in ledger.facts(0, 1_000):
        module = codec.aggregate_of(fact.stream)
        state = ledger.state(fact.stream)
        assert json.decode(json.encode(state), type=module.State) == state
        row = codec.encode_snapshot(fact.stream, fact.version, state)
        assert codec.decode_snapshot(row) == state


# The same on both databases.

STORY: list[Command] = [
    RegisterMember("SHOP", "enterprise", "三只松鼠", FeeRule(60, 1, 2, 900), "D+0", 4_000),
    Checkout("O1", BUYER, (OrderLine("SHOP", 10_000, "每日坚果"),)),
    PayOrder("P1", "O1", "JD_PAY"),
    RecordOutcome("pay-P1", unknown="timeout"),
    RecordOutcome("pay-P1", succeeded="S1"),
    RefundTransaction("R1", "SHOP-O1", 500),
    confirm("SHOP-O1"),
    RefundTransaction("R2", "SHOP-O1", 700),
    RecordOutcome("refund-R1", succeeded="S2"),
    RecordOutcome("refund-R2", declined="card closed"),
    TransferMoney("X1", BUYER, FRIEND, 60_000),
    HoldMoney(WALLET, "H1", 70, "争议"),
    CutOffDay(PAY_DAY),
    SealBatch(f"SHOP-{PAY_DAY}"),
    CloseDay(PAY_DAY),
]


def test_the_same_commands_are_the_same_bytes_on_both_databases(
    open_ledger: Opener, tmp_path: Path
) -> None:
    """Everything that is stored and hashed equals what a SQLite file of its own holds."""
    url = f"sqlite:///{tmp_path / 'other.db'}"
    migrate(url)
    stored = []
    for ledger in (open_ledger(), Ledger.open(url, clock=lambda: PAID_AT)):
        ledger.submit_all(opening())
        for n in range(0, len(STORY), 4):
            wanted = enumerate(STORY[n : n + 4], n)
            ledger.submit_all([request(command, f"story-{number}") for number, command in wanted])
        recorder = ledger.recorder
        commits = recorder.read_commits(0, 100)
        receipts = [recorder.receipts_of_commit(row.number) for row in commits]
        stored.append((recorder.read_log(0, 1_000), commits, receipts, recorder.head()))
        ledger.close()
    assert stored[0] == stored[1]
    assert len(stored[0][0]) > 60


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
def test_a_commit_that_was_killed_is_decided_anew(postgres_schema: str) -> None:
    """The clock is asked just before the facts are sent: there the server ends the connection."""
    migrate(postgres_schema)
    database = parse_database_url(postgres_schema)
    killed: list[bool] = []

    def clock() -> int:
        if len(killed) == 1:  # Armed by the test.
            killed.append(True)
            end_writer(database)
        return PAID_AT

    with closing(Ledger.open(postgres_schema, clock=clock)) as ledger:
        open_wallets(ledger)
        killed.append(False)
        try:
            ledger.submit(transfer("X1", 5)).unwrap()
        except OperationalError:  # Nothing was recorded: the caller may ask again.
            assert ledger.recorder.read_receipts(["n-X1"]) == []
            ledger.submit(transfer("X1", 5)).unwrap()
        assert killed == [False, True]
        ledger.submit(transfer("X2", 7)).unwrap()
        assert balance(ledger, FRIENDS) == 12


def end_writer(database: Database) -> None:
    """End the backend that holds this ledger's lock, and wait until it is gone."""
    with psycopg.connect(**database.connection_arguments, autocommit=True) as admin:
        ended = admin.execute(
            "SELECT pg_terminate_backend(l.pid, 10000) FROM pg_locks l"
            " JOIN pg_stat_activity a ON a.pid = l.pid"
            " WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = %s",
            (f"zhangfang {database.schema}",),
        ).fetchall()
    assert ended == [(True,)]
