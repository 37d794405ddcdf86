"""What channels contradict, in; the operator's list, out. And the attempts of an instruction."""

import pytest
from sqlalchemy import Connection

from domain.payment import contradiction, instruction
from projections.models import (
    contradictions,
    instruction_attempts,
    instructions,
    instructions_due,
)
from projections.models.contradictions import Contradiction
from projections.models.instruction_attempts import Attempt
from tests.examples import AMOUNT, DIGEST, EXAMPLES, PAID_AT, log
from tests.projections.applied import apply

SECOND = EXAMPLES["contradiction.suspected.1"]
S2 = "JD20101201000002"
CERTAIN = contradiction.Established("second", S2, AMOUNT, 9_000, "succeeded", "", 2, DIGEST)
AGAINST = log(
    ("contradiction-pay-P1", SECOND),
    ("contradiction-pay-P2", SECOND),
    ("contradiction-pay-P3", EXAMPLES["contradiction.established.1"]),
    ("contradiction-pay-P2", EXAMPLES["contradiction.waits.1"]),
    ("contradiction-pay-P1", CERTAIN),
    ("contradiction-pay-P3", EXAMPLES["contradiction.ended.1"]),
)


@pytest.mark.parametrize("size", [1, 2, None])
def test_those_whose_money_has_no_place_are_listed(books: Connection, size: int | None) -> None:
    apply(books, contradictions.MODEL, AGAINST, size)
    why = "another serial than JD20101201000001"
    assert contradictions.listed(books, 10) == [
        Contradiction("pay-P1", "second", S2, "certain", 9_000, why, PAID_AT, 1, DIGEST, 5),
        Contradiction("pay-P2", "second", S2, "waiting", AMOUNT, why, PAID_AT, 2, None, 4),
    ]
    [ended] = contradictions.of(books, "pay-P3")
    assert (ended.stage, ended.detail) == ("ended", "sent back")


ISSUED = EXAMPLES["instruction.issued.2"]
ASKED = log(
    ("instruction-pay-P1", ISSUED),
    ("instruction-pay-P1", EXAMPLES["instruction.attempted.1"]),
    ("instruction-pay-P1", EXAMPLES["instruction.answered.1"]),
    ("instruction-pay-P1", instruction.Attempted(2, "query", PAID_AT, PAID_AT + 60)),
    ("instruction-pay-P1", instruction.Answered("not_found", "none", PAID_AT, PAID_AT + 5, 2)),
    ("instruction-pay-P1", instruction.CloseWanted("he left", PAID_AT + 1)),
    ("instruction-pay-P1", instruction.Attempted(3, "close", PAID_AT, PAID_AT + 60)),
    ("instruction-pay-P2", ISSUED),
    ("instruction-pay-P2", EXAMPLES["instruction.withheld.1"]),
    ("instruction-pay-P1", instruction.Declined("he left", False, 3, DIGEST)),
    ("instruction-pay-P1", EXAMPLES["instruction.ask_wanted.1"]),
    ("instruction-pay-P1", instruction.Attempted(4, "query", PAID_AT, PAID_AT + 60)),
    ("instruction-pay-P1", instruction.Unknown("lost", PAID_AT + 9, 4)),
    ("instruction-pay-P1", instruction.Attempted(5, "query", PAID_AT, PAID_AT + 60)),
    ("instruction-pay-P1", instruction.Confirmed(5, DIGEST)),
    ("instruction-pay-P1", instruction.Attempted(6, "query", PAID_AT, PAID_AT + 60)),
    ("instruction-pay-P1", instruction.Confirmed(6, DIGEST, "confirmed")),
    ("instruction-pay-P1", instruction.Attempted(7, "query", PAID_AT, PAID_AT + 60)),
    ("instruction-pay-P1", instruction.Confirmed(7, DIGEST, "succeeded", "S1")),
)


@pytest.mark.parametrize("size", [1, 2, 5, None])
def test_each_attempt_has_its_outcome(books: Connection, size: int | None) -> None:
    apply(books, instruction_attempts.MODEL, ASKED, size)
    found = instruction_attempts.attempts(books, "pay-P1")
    assert [(one.attempt, one.kind, one.outcome, one.detail) for one in found] == [
        (7, "query", "succeeded", "S1"),
        (6, "query", "confirmed", None),
        (5, "query", "confirmed", None),
        (4, "query", "unknown", "lost"),
        (3, "close", "declined", "he left"),
        (2, "query", "not_found", "none"),
        (1, "send", "awaiting_payer", "weixin://pay/1001"),
    ]
    first = ("awaiting_payer", "weixin://pay/1001", PAID_AT, DIGEST)
    assert found[-1] == Attempt("pay-P1", 1, "send", PAID_AT, 2, *first, None, 1)
    assert instruction_attempts.known_by(books, "payP1001") == ["pay-P1"]
    assert instruction_attempts.known_by(books, "pay-P1") == []


@pytest.mark.parametrize("upto", range(1, len(ASKED) + 1))
def test_a_row_is_what_the_aggregate_knows(books: Connection, upto: int) -> None:
    """State and time of an instruction's row are those of its state, after each fact."""
    apply(books, instructions.MODEL, ASKED[:upto], 3)
    state = instruction.State()
    for recorded in ASKED[:upto]:
        if recorded.stream == "instruction-pay-P1":
            state = instruction.evolve(state, recorded.fact)
    row = instructions.instruction(books, "pay-P1")
    assert row is not None
    due_us = state.due_us if upto > 1 else PAID_AT  # At once: since it was issued.
    told = (row.state, row.due_us, row.number or "", row.attempts or 0, row.url or "")
    knows = (state.status, due_us, state.number, state.tried.attempt, state.tried.url)
    assert told == knows
    if upto >= 9:
        withheld = instructions.instruction(books, "pay-P2")
        assert withheld is not None
        assert (withheld.due_us, withheld.withheld) == (None, "the payee has no bank account")


def test_what_is_due_is_found_by_channel_and_time(books: Connection) -> None:
    apply(books, instructions.MODEL, ASKED[:8], None)
    found = instructions_due.due(books, "JD_PAY", PAID_AT + 60, 10)
    assert [(one.instruction_id, one.attempt) for one in found] == [("pay-P2", 1), ("pay-P1", 4)]
    assert instructions_due.due(books, "JD_PAY", PAID_AT + 59, 10) == found[:1]
    assert instructions_due.due(books, "WECHAT_PAY", PAID_AT + 60, 10) == []
    assert instructions_due.due(books, "JD_PAY", PAID_AT + 60, 10, PAID_AT + 1) == found[1:]
    assert instructions_due.next_due(books, ["JD_PAY"]) == {"JD_PAY": PAID_AT}
    asked = ["WECHAT_PAY", "UNIONPAY_CARD", "JD_PAY"]
    assert instructions_due.next_due(books, asked) == {"JD_PAY": PAID_AT}
    assert instructions_due.next_due(books, asked[:2]) == {}
    assert instructions_due.next_due(books, []) == {}
