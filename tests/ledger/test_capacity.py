"""What is promised is one number of the ledger: for all requests of a commit, all processes, and
whoever opens it anew, on both databases; and `verify` finds what is not so."""

import pytest

from domain.eventstore.database import IMMEDIATE, parse_database_url, sqlalchemy_engine
from domain.ledger import capacity, promised
from domain.ledger.ledger import Ledger
from domain.ledger.proof import verify_log
from domain.ledger.trial import Trial
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.refusals import Code
from tests.examples import BUYER, FRIEND
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import open_wallets, request, transfer

OPENED_FEN = 20_000  # What opening the wallets promises: a recharge of 10,000.


def recharge(number: str, fen: int) -> RechargeWallet:
    return RechargeWallet(number, FRIEND, "JD_PAY", fen)


def counted(ledger: Ledger) -> int:
    """From the first fact on, whatever is kept."""
    head = ledger.head().position
    start = promised.Promised(0, 0, 1)  # As if something was known.
    return promised.read(ledger.recorder, head, start).fen


def test_hundreds_in_one_commit_see_each_other(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "DOOR_FEN", OPENED_FEN + 2 * 300 * 7 + 13)
    before = ledger.head().number
    answers = ledger.submit_all([request(recharge(f"R{n}", 7)) for n in range(400)])
    assert ledger.head().number == before + 1
    codes = [answer.refused.code if answer.refused else None for answer in answers]
    assert codes == [None] * 300 + [Code.LEDGER_FULL] * 100
    small = ledger.submit_all([request(recharge(f"S{n}", 1)) for n in range(10)])
    assert [one.refused is None for one in small] == [True] * 6 + [False] * 4
    outcomes = [request(RecordOutcome(f"pay-R{n}", succeeded="S")) for n in range(300)]
    outcomes += [request(RecordOutcome(f"pay-S{n}", succeeded="S")) for n in range(6)]
    assert all(answer.refused is None for answer in ledger.submit_all(outcomes))
    assert ledger.state(f"account-2241.01.{FRIEND}").balance_fen == 300 * 7 + 6
    assert verify_log(ledger.recorder) == []


def test_a_refusal_is_kept_and_the_same_number_hears_it_again(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capacity, "DOOR_FEN", OPENED_FEN)
    asked = request(recharge("R", 1))
    first = ledger.submit(asked)
    assert first.refused is not None and first.refused.code is Code.LEDGER_FULL
    monkeypatch.undo()
    again = ledger.submit(asked)
    assert again.refused == first.refused and again.replayed
    assert ledger.submit(request(recharge("R", 1))).refused is None


def test_two_processes_fill_one_ledger(
    open_ledger: LedgerOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = open_ledger(), open_ledger()
    open_wallets(mine)
    monkeypatch.setattr(capacity, "DOOR_FEN", OPENED_FEN + 200)
    for n in range(5):
        mine.submit(request(recharge(f"M{n}", 10))).unwrap()
        theirs.submit(request(recharge(f"T{n}", 10))).unwrap()
    for ledger in (mine, theirs, open_ledger()):
        refused = ledger.submit(request(recharge("X", 1))).refused
        assert refused is not None and refused.code is Code.LEDGER_FULL
    theirs.submit(request(RecordOutcome("pay-M3", declined="no"))).unwrap()
    mine.submit(request(recharge("Y", 10))).unwrap()
    assert counted(mine) == OPENED_FEN + 200


def test_it_is_kept_now_and_then_and_read_on_from_there(
    open_ledger: LedgerOpener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promised, "KEEP_EVERY", 20)
    monkeypatch.setattr(promised, "PAGE", 7)
    ledger = open_ledger()
    open_wallets(ledger)
    for n in range(20):
        ledger.submit(request(recharge(f"R{n}", 10))).unwrap()
        answer = {"declined": "no"} if n % 3 else {"succeeded": "S"}
        ledger.submit(request(RecordOutcome(f"pay-R{n}", **answer))).unwrap()
        ledger.submit(transfer(f"T{n}", 1)).unwrap()
    head = ledger.head().position
    kept = ledger.recorder.read_states([promised.STREAM])[0][0]
    assert head - 20 < kept.version <= head
    assert counted(ledger) == OPENED_FEN + 7 * 2 * 10 + 20
    read_from = []
    again = open_ledger()
    whole = again.recorder.read_log

    def reading(after: int, limit: int, until: int | None = None) -> object:
        read_from.append(after)
        return whole(after, limit, until)

    monkeypatch.setattr(again.recorder, "read_log", reading)
    assert promised.read(again.recorder, head).fen == counted(ledger)
    assert read_from[0] == kept.version
    trial = Trial(again.recorder)
    monkeypatch.setattr(capacity, "DOOR_FEN", counted(ledger) + 20)
    assert trial.accepts(request(recharge("A", 6)))
    assert not trial.accepts(request(recharge("B", 5)))
    assert trial.accepts(request(recharge("C", 4)))
    assert verify_log(again.recorder) == []


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        pytest.param(
            "INSERT INTO snapshots SELECT 'capacity-2', last_position, {seven} FROM commit_log"
            " WHERE number = 1",
            "7 fen are kept as promised",
            id="another figure",
        ),
        pytest.param(
            "INSERT INTO snapshots SELECT 'capacity-2', first_position, {seven} FROM commit_log"
            " WHERE number = 1",
            "is kept where no commit ends",
            id="inside a commit",
        ),
        pytest.param(
            "INSERT INTO snapshots VALUES ('capacity-2', 1, {junk})", "cannot be read", id="junk"
        ),
    ],
)
def test_a_figure_that_the_facts_do_not_give_is_found(
    ledger: Ledger, statement: str, said: str
) -> None:
    engine = sqlalchemy_engine(parse_database_url(ledger.database.url))
    hexed = "'\\x{}'::bytea" if engine.dialect.name == "postgresql" else "x'{}'"
    sql = statement.format(seven=hexed.format("37"), junk=hexed.format("7b"))
    with engine.connect().execution_options(**{IMMEDIATE: True}) as connection:
        connection.exec_driver_sql(sql)
        connection.commit()
    engine.dispose()
    found = verify_log(ledger.recorder)
    assert len(found) == 1 and said in found[0].detail, found


def test_more_posted_than_promised_is_found(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a start that promises nothing had been written."""
    for fact in (capacity.payment.Started, capacity.transfer.Transferred):
        monkeypatch.delitem(capacity.PROMISES, fact)
    ledger.submit(transfer("T", 1)).unwrap()
    found = verify_log(ledger.recorder)
    assert [one.check for one in found] == ["capacity"]
    assert found[0].detail == "10000 fen were posted, 0 promised at the door"


def test_wallets_between_the_doors(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer counts once, and the one that is refused for its money counts nothing."""
    monkeypatch.setattr(capacity, "DOOR_FEN", OPENED_FEN + 10_000)
    short = ledger.submit(transfer("A", 10_001)).refused
    assert short is not None and short.code is Code.LEDGER_FULL
    ledger.submit(transfer("B", 9_999)).unwrap()
    poor = ledger.submit(transfer("C", 1_000)).refused
    assert poor is not None and poor.code is Code.LEDGER_FULL
    ledger.submit(transfer("D", 1)).unwrap()
    assert ledger.state(f"account-2241.01.{BUYER}").balance_fen == 0
    assert counted(ledger) == capacity.DOOR_FEN
