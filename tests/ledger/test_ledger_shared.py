"""One ledger open twice, as by two processes; long streams; the same bytes on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
from msgspec import json

from domain.accounting.commands import HoldMoney, ReleaseHold
from domain.clearing.commands import CloseDay, CutOffDay
from domain.eventstore.recorder import Append, SnapshotRow
from domain.kernel import Command
from domain.ledger import codec
from domain.ledger.ledger import Ledger
from domain.ledger.states import fold_streams
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome, TransferMoney
from domain.refusals import Code
from domain.settlement.commands import SealBatch
from domain.transaction.commands import RefundTransaction
from migrations.run import migrate
from tests.examples import BUYER, FRIEND, PAID_AT, PAY_DAY
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import FRIENDS, WALLET, balance, confirm, opening, request, transfer
from tests.shops import shop

# Two processes on one ledger.


def test_two_ledgers_see_each_others_writes(ledger: Ledger, open_ledger: LedgerOpener) -> None:
    other = open_ledger()
    for n in range(1, 11):
        one = ledger if n % 2 else other
        assert one.submit(transfer(f"X{n}", 1_000)).refused is None
    for one in (ledger, other):
        answer = one.submit(transfer(f"Y{id(one)}", 1))
        assert answer.refused is not None
        assert answer.refused.code is Code.BALANCE_INSUFFICIENT
    assert balance(ledger, FRIENDS) == 10_000


def test_a_day_closed_by_one_is_closed_for_the_other(
    ledger: Ledger, open_ledger: LedgerOpener
) -> None:
    other = open_ledger()
    other.submit(transfer("X1", 1)).unwrap()
    ledger.submit(request(CloseDay(PAY_DAY))).unwrap()
    other.submit(transfer("X2", 1)).unwrap()
    posted = [f.fact for f in ledger.history(f"account-{FRIENDS}") if f.name == "account.posted.1"]
    assert [fact.date.day for fact in posted] == [1, 2]


def test_the_same_number_on_both_ledgers_is_decided_once(
    ledger: Ledger, open_ledger: LedgerOpener
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


def test_no_update_of_a_hot_account_is_lost(ledger: Ledger, open_ledger: LedgerOpener) -> None:
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


def test_a_snapshot_of_another_shape_is_no_snapshot(
    ledger: Ledger, open_ledger: LedgerOpener
) -> None:
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


def test_the_words_about_a_state_are_no_part_of_its_shape() -> None:
    """Python 3.13 takes the indentation out of docstrings; a snapshot must serve both."""
    told = msgspec.defstruct("State", [("description", str)], namespace={"__doc__": "a\n    b"})
    bare = msgspec.defstruct("State", [("description", str)], namespace={"__doc__": "a\nb"})
    other = msgspec.defstruct("State", [("description", int)])
    shapes = [codec._shape(SimpleNamespace(State=state)) for state in (told, bare, other)]  # type: ignore[arg-type]
    assert shapes[0] == shapes[1] != shapes[2]


def test_states_and_facts_survive_their_bytes(ledger: Ledger) -> None:
    for fact in ledger.facts(0, 1_000):
        module = codec.aggregate_of(fact.stream)
        state = ledger.state(fact.stream)
        assert json.decode(json.encode(state), type=module.State) == state
        row = codec.encode_snapshot(fact.stream, fact.version, state)
        assert codec.decode_snapshot(row) == state


# The same on both databases.

STORY: list[Command] = [
    shop("SHOP", "三只松鼠", FeeRule(60, 1, 2, 900), "D+0", 4_000),
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
    open_ledger: LedgerOpener, tmp_path: Path
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
