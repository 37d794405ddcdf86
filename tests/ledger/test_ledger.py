"""The ledger: one answer per request for ever, many requests in one commit, on both databases."""

import pytest
from msgspec.structs import replace

from domain.accounting.commands import HoldMoney
from domain.clearing.commands import CloseDay
from domain.kernel import DAY_US, Command
from domain.ledger.answer import digest_of
from domain.ledger.ledger import Ledger
from domain.member.commands import RegisterMember
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.refusals import MALFORMED, Code, Refused
from domain.settlement.commands import ReviewBatch, SealBatch
from tests.examples import BUYER, FRIEND, MAKER, PAID_AT, PAY_DAY
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import FRIENDS, WALLET, balance, request, transfer

# Receipts.


def test_a_number_gets_the_same_answer_for_ever(ledger: Ledger, open_ledger: LedgerOpener) -> None:
    first = ledger.submit(transfer("X1", 700))
    assert (first.refused, first.replayed) == (None, False)
    assert first.position == ledger.head().position
    ledger.submit(transfer("X2", 1))
    for one in (ledger, open_ledger()):
        again = one.submit(transfer("X1", 700))
        assert again == replace(first, replayed=True)
    assert balance(ledger, FRIENDS) == 701


def test_a_refusal_is_kept_like_an_answer(ledger: Ledger, open_ledger: LedgerOpener) -> None:
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


@pytest.mark.parametrize("trusting", [False, True])
@pytest.mark.parametrize(
    ("malformed", "sound"),
    [
        pytest.param(
            RechargeWallet("W9", BUYER, "BARTER", 5),
            RechargeWallet("W9", BUYER, "JD_PAY", 5),
            id="an unknown method",
        ),
        pytest.param(
            TransferMoney("X9", BUYER, FRIEND, 0), TransferMoney("X9", BUYER, FRIEND, 1), id="0 fen"
        ),
        pytest.param(
            TransferMoney("X9", BUYER, FRIEND, 10**16),
            TransferMoney("X9", BUYER, FRIEND, 1),
            id="too much",
        ),
        pytest.param(
            TransferMoney("X 9", BUYER, FRIEND, 1),
            TransferMoney("X9", BUYER, FRIEND, 1),
            id="a number that is none",
        ),
    ],
)
def test_what_never_could_have_been_decided_does_not_use_its_number_up(
    ledger: Ledger, malformed: Command, sound: Command, trusting: bool
) -> None:
    if trusting:  # So many commits without a surprise, and the committer looks nothing up.
        for n in range(25):
            ledger.submit(transfer(f"T{n}", 1))
    head = ledger.head()
    for _ in range(2):
        refused = ledger.submit(request(malformed, "once"))
        assert refused.refused is not None
        assert refused.refused.code in MALFORMED
        assert not refused.replayed
    assert ledger.head() == head
    assert ledger.submit(request(sound, "once")).refused is None
    again = ledger.submit(request(malformed, "once"))
    assert again.refused is not None, "whatever it is answered, it changes nothing"


def test_another_body_under_a_number_is_a_conflict_that_shows_both(ledger: Ledger) -> None:
    first, other = transfer("X1", 700), transfer("X1", 701)
    ledger.submit(first)
    head = ledger.head()
    answer = ledger.submit(other)
    assert answer.refused is not None
    assert answer.refused.code is Code.REQUEST_CONFLICT
    for wanted in (first, other):
        assert digest_of(wanted.command).hex() in answer.refused.detail
    assert answer.recorded_digest == digest_of(first.command).hex()
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
    assert conflict.recorded_digest == digest_of(same.command).hex()
    assert first.recorded_digest is None
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
        ("payment.succeeded.2", "instruction-pay-W2#2", number),
        ("payment.wallet_recharged.1", "payment-W2#2", number),
        ("account.posted.1", "", ""),
        ("account.posted.1", "", ""),
    ]
