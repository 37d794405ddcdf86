"""A command that two persons let happen: proposed, decided anew, carried out in one commit."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from msgspec.structs import replace

from domain.accounting import account
from domain.accounting.commands import CloseAccount, FreezeAccount
from domain.approval import approval
from domain.approval.commands import (
    ApproveProposal,
    ExpireProposal,
    Propose,
    RefuseProposal,
    WithdrawProposal,
    proposal,
)
from domain.approval.kinds import BY_NAME, KINDS, Limits, second_person
from domain.commands import COMMANDS
from domain.kernel import Command, Request, category
from domain.ledger.answer import Answer, digest_of
from domain.ledger.ledger import Ledger
from domain.refusals import Code
from domain.transaction import refund, transaction
from domain.transaction.commands import RefundTransaction
from tests.examples import FRIEND, PAID_AT
from tests.ledger.conftest import LedgerOpener

FREEZE = FreezeAccount(f"2241.01.{FRIEND}", "both", "asked by the risk department")
OPEN_US = 3_600_000_000
LIN, ZHAO, WU = "staff:lin", "staff:zhao", "staff:wu"


def ask(number: str, actor: str, command: Command, at_us: int = PAID_AT) -> Request:
    return Request(number, at_us, actor, command)


def propose(ledger: Ledger, command: Command = FREEZE, number: str = "n1") -> str:
    wished = proposal(number, command, OPEN_US, "")
    answer = ledger.submit(ask(number, LIN, wished)).unwrap()
    return str(answer["approval_id"])


def frozen(ledger: Ledger) -> bool:
    return ledger.state(account.stream(FREEZE.account)).frozen_in


def refused(ledger: Ledger, request: Request) -> Code | None:
    answer = ledger.submit(request)
    return answer.refused.code if answer.refused else None


def test_it_is_done_when_another_approves_and_in_that_commit(ledger: Ledger) -> None:
    approval_id = propose(ledger)
    assert not frozen(ledger)
    head = ledger.head()
    answer = ledger.submit(ask("a1", ZHAO, ApproveProposal(approval_id)))
    assert answer.unwrap()["done"]["account"] == FREEZE.account
    assert frozen(ledger)
    assert ledger.head().number == head.number + 1
    [approved, done] = ledger.facts(head.position, 10)
    assert (approved.name, done.name) == ("approval.approved.1", "account.frozen.1")
    assert (approved.actor, done.actor, done.command) == (ZHAO, ZHAO, "a1")


def test_what_has_changed_meanwhile_is_refused_and_the_proposal_waits(ledger: Ledger) -> None:
    approval_id = propose(ledger)
    ledger.submit(ask("close", ZHAO, CloseAccount(FREEZE.account))).unwrap()
    head = ledger.head().position
    assert refused(ledger, ask("a1", ZHAO, ApproveProposal(approval_id))) is Code.ACCOUNT_CLOSED
    assert ledger.head().position == head
    assert ledger.state(approval.stream(approval_id)).status == "proposed"
    assert refused(ledger, ask("a2", WU, RefuseProposal(approval_id, "too late"))) is None


def test_what_the_books_refuse_anyway_is_no_proposal(ledger: Ledger) -> None:
    for command, code in (
        (replace(FREEZE, account="2241.01.NOBODY"), Code.ACCOUNT_NOT_FOUND),
        (replace(FREEZE, reason=""), Code.TEXT_INVALID),
    ):
        head = ledger.head().position
        wished = proposal("n7", command, OPEN_US, "")
        assert refused(ledger, ask("n7", LIN, wished)) is code
        assert ledger.head().position == head


def test_who_asked_does_not_approve_by_whatever_key(ledger: Ledger) -> None:
    approval_id = propose(ledger)
    assert refused(ledger, ask("a1", LIN, ApproveProposal(approval_id))) is Code.CHECKER_IS_MAKER
    own = ask("a2", "operator:k1", ApproveProposal(approval_id))
    assert refused(ledger, own) is Code.PERSON_UNKNOWN
    wished = proposal("n2", FREEZE, OPEN_US, "")
    assert refused(ledger, ask("n2", "operator:k1", wished)) is Code.PERSON_UNKNOWN


def test_a_proposal_and_the_command_are_one_request(ledger: Ledger) -> None:
    """So a number that was answered before the command needed two persons is answered as then."""
    done = ledger.submit(ask("n9", "operator:k1", FREEZE))
    wished = proposal("n9", FREEZE, OPEN_US, "")
    assert digest_of(wished) == digest_of(FREEZE)
    again = ledger.submit(ask("n9", LIN, wished))
    assert again == replace(done, replayed=True)
    other = proposal("n9", replace(FREEZE, direction="in"), OPEN_US, "")
    assert refused(ledger, ask("n9", LIN, other)) is Code.REQUEST_CONFLICT


def test_a_repeated_proposal_and_approval_are_answered_as_before(
    ledger: Ledger, open_ledger: LedgerOpener
) -> None:
    approval_id = propose(ledger)
    first = ledger.submit(ask("a1", ZHAO, ApproveProposal(approval_id)))
    other = open_ledger()
    assert propose(other) == approval_id
    assert other.submit(ask("a1", ZHAO, ApproveProposal(approval_id))) == replace(
        first, replayed=True
    )
    head = other.head().position
    answer = other.submit(ask("a2", ZHAO, ApproveProposal(approval_id))).unwrap()
    assert answer == {"approval_id": approval_id, "state": "approved"}
    assert other.head().position == head


def race(barrier: threading.Barrier, where: Ledger, request: Request) -> Answer:
    barrier.wait()
    return where.submit(request)


def test_two_race_and_one_wins(ledger: Ledger, open_ledger: LedgerOpener) -> None:
    """Two processes, two operators, at once: done once, and the other hears who was quicker."""
    other = open_ledger()
    for n in range(5):
        command = replace(FREEZE, reason=f"reason {n}")
        approval_id = propose(ledger, command, f"p{n}")
        decided = (ApproveProposal(approval_id), RefuseProposal(approval_id, "no"))
        barrier = threading.Barrier(2)
        with ThreadPoolExecutor(2) as pool:
            racing = [
                pool.submit(race, barrier, where, ask(f"{who}-{n}", who, wish))
                for who, where, wish in ((ZHAO, ledger, decided[0]), (WU, other, decided[n % 2]))
            ]
        answers = [one.result() for one in racing]
        lost = [one.refused for one in answers if one.refused]
        assert [one.code for one in lost] == [Code.APPROVAL_STATE_WRONG]
        assert "by staff:" in lost[0].detail
        names = [one.name for one in ledger.history(f"approval-{approval_id}")]
        assert len(names) == 2


def test_withdrawn_and_expired_are_over(ledger: Ledger) -> None:
    approval_id = propose(ledger)
    assert refused(ledger, ask("w1", ZHAO, WithdrawProposal(approval_id))) is Code.NOT_ALLOWED
    assert refused(ledger, ask("w2", LIN, WithdrawProposal(approval_id))) is None
    over = Code.APPROVAL_STATE_WRONG
    assert refused(ledger, ask("a1", ZHAO, ApproveProposal(approval_id))) is over
    late = propose(ledger, number="n2")
    until = PAID_AT + OPEN_US
    early = ledger.submit(ask("e0", "system:worker", ExpireProposal(late), until - 1)).unwrap()
    assert early["state"] == "proposed"
    at_end = ask("a2", ZHAO, ApproveProposal(late), until)
    assert refused(ledger, at_end) is Code.APPROVAL_EXPIRED
    ended = ledger.submit(ask("e1", "system:worker", ExpireProposal(late), until)).unwrap()
    assert ended["state"] == "expired"


def test_every_kind_is_carried_out_by_its_own_commands_handler() -> None:
    for command, kind in KINDS.items():
        assert COMMANDS[command].handler is kind.handler, command
    assert len(BY_NAME) == len(KINDS)


@pytest.mark.parametrize(
    ("fen", "before", "most", "needed"),
    [
        (100, 0, 100, False),
        (101, 0, 100, True),
        (10**15, 10**15, None, False),
        (40, 60, 100, False),
        (41, 60, 100, True),
    ],
)
def test_a_refund_needs_two_when_all_of_its_transaction_are_above_the_limit(
    fen: int, before: int, most: int | None, needed: bool
) -> None:
    wished = RefundTransaction("R1", "SQUIRRELS-JD1", fen)
    shares = transaction.State(refunded_fen=before - before // 3, reserved_fen=before // 3)
    found = second_person(wished, Limits(refund_fen=most), states_of(shares, refund.State()))
    assert (found is not None) is needed


def test_a_refund_that_is_there_already_needs_nobody_when_it_is_sent_again() -> None:
    """It does nothing: so it is not counted twice. Another number is another refund."""
    shares, limits = transaction.State(refunded_fen=60), Limits(refund_fen=100)
    again = states_of(shares, refund.State("succeeded"))
    assert second_person(RefundTransaction("R1", "SQUIRRELS-JD1", 60), limits, again) is None
    new = states_of(shares, refund.State())
    assert second_person(RefundTransaction("R2", "SQUIRRELS-JD1", 60), limits, new) is not None


def states_of(sold: transaction.State, refunded: refund.State) -> Any:
    return lambda stream: refunded if category(stream) == "refund" else sold


def test_what_is_no_kind_or_no_command_is_malformed(ledger: Ledger) -> None:
    for kind, body in (("nonsense", "{}"), ("freeze", "{"), ("freeze", '{"account":1}')):
        wished = Propose("A1", kind, body, OPEN_US)
        assert refused(ledger, ask("m1", LIN, wished)) is Code.REQUEST_INVALID
