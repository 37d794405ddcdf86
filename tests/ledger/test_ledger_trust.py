"""New numbers and streams are taken for new without a look, and what is not new is found."""

from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from domain.ledger import committer
from domain.ledger.ledger import Ledger
from domain.payment.commands import RechargeWallet, TransferMoney
from domain.refusals import Code
from tests.examples import BUYER, FRIEND
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import FRIENDS, WALLET, balance, request, transfer


@pytest.fixture
def trusting(ledger: Ledger, open_ledger: LedgerOpener) -> Ledger:
    """A ledger with nothing in memory that has seen no repetition for long."""
    ledger.submit_all([transfer("X1", 6_000), transfer("X2", 100)])
    opened = open_ledger()
    opened._committer._wary = 0
    return opened


@pytest.fixture
def reads(trusting: Ledger, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the database was asked for receipts, and for which streams."""
    counted: Counter[str] = Counter()
    receipts, states = trusting.recorder.read_receipts, trusting.recorder.read_states

    def read_receipts(numbers: Any) -> Any:
        counted["receipts"] += 1
        return receipts(numbers)

    def read_states(streams: Any) -> Any:
        wanted = list(streams)
        counted.update(wanted)
        return states(wanted)

    monkeypatch.setattr(trusting.recorder, "read_receipts", read_receipts)
    monkeypatch.setattr(trusting.recorder, "read_states", read_states)
    return counted


def test_new_requests_cost_no_look(trusting: Ledger, reads: Counter[str]) -> None:
    trusting.submit_all([transfer("X3", 1), transfer("X4", 2)])
    trusting.submit(request(RechargeWallet("W9", BUYER, "JD_PAY", 5))).unwrap()
    assert reads["receipts"] == 0
    assert not {"transfer-X3", "transfer-X4", "payment-W9", "instruction-pay-W9"} & reads.keys()
    assert balance(trusting, FRIENDS) == 6_103


def test_a_known_number_gets_its_answer_and_brings_the_look_back(
    trusting: Ledger, ledger: Ledger, reads: Counter[str]
) -> None:
    first = ledger.submit(transfer("X1", 6_000))
    good, again, conflict = trusting.submit_all(
        [transfer("X3", 1), transfer("X1", 6_000), transfer("X2", 101)]
    )
    assert good.refused is None
    assert again == replace(first, replayed=True)
    assert conflict.refused is not None
    assert conflict.refused.code is Code.REQUEST_CONFLICT
    assert balance(trusting, FRIENDS) == 6_101
    assert reads["receipts"] == 1
    for n in range(committer.WARY + 2):
        trusting.submit(transfer(f"Y{n}", 1)).unwrap()
    assert reads["receipts"] == 1 + committer.WARY


def test_what_was_done_under_another_number_is_not_done_again(trusting: Ledger) -> None:
    head = trusting.head()
    # The first could be paid once more, the second could not: neither is decided on a guess.
    small, large = trusting.submit_all(
        [transfer("X2", 100, number="other"), transfer("X1", 6_000, number="another")]
    )
    assert (small.refused, large.refused) == (None, None)
    assert trusting.head().position == head.position
    assert (balance(trusting, WALLET), balance(trusting, FRIENDS)) == (3_900, 6_100)


def test_a_large_one_alone_is_not_refused_for_what_it_took_itself(trusting: Ledger) -> None:
    assert trusting.submit(transfer("X1", 6_000, number="another")).refused is None
    assert balance(trusting, FRIENDS) == 6_100


def test_another_transfer_under_a_known_one_is_refused(trusting: Ledger) -> None:
    for number, fen in (("affordable", 101), ("not affordable", 9_999)):
        answer = trusting.submit(transfer("X2", fen, number=number))
        assert answer.refused is not None
        assert answer.refused.code is Code.TRANSFER_EXISTS
        trusting._committer._wary = 0
    assert balance(trusting, FRIENDS) == 6_100


def test_a_refusal_among_new_ones_is_decided_once(trusting: Ledger, reads: Counter[str]) -> None:
    answers = trusting.submit_all(
        [transfer("X3", 1), transfer("X4", 3_900), transfer("X5", 2), transfer("X4", 3, "n")]
    )
    codes = [answer.refused.code if answer.refused else None for answer in answers]
    assert codes == [None, Code.BALANCE_INSUFFICIENT, None, None]
    assert balance(trusting, FRIENDS) == 6_106
    assert reads["receipts"] == 0


def test_a_malformed_command_is_told_so(trusting: Ledger) -> None:
    broken = request(TransferMoney(None, BUYER, FRIEND, 1))  # type: ignore[arg-type]
    good, refused = trusting.submit_all([transfer("X3", 1), broken])
    assert good.refused is None
    assert refused.refused is not None
    assert refused.refused.field == "transfer_no"
