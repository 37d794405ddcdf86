"""Instructions issued and answered in, the worker's to-do out."""

import pytest
from sqlalchemy import Connection

from projections.models.instructions import MODEL, Instruction, instruction, open_instructions
from tests.examples import BUYER, CHANNEL, EXAMPLES, PAID_AT, log
from tests.projections.applied import apply

ISSUED = EXAMPLES["instruction.issued.2"]
FACTS = log(
    ("instruction-pay-P4", ISSUED),
    ("instruction-pay-P1", ISSUED),
    ("instruction-pay-P2", ISSUED),
    ("instruction-pay-P3", ISSUED, PAID_AT + 1),
    ("instruction-pay-P1", EXAMPLES["instruction.succeeded.1"]),
    ("instruction-pay-P2", EXAMPLES["instruction.unknown.1"]),
    ("instruction-pay-P3", EXAMPLES["instruction.unknown.1"]),
    ("instruction-pay-P3", EXAMPLES["instruction.declined.1"]),
)


def row(number: int, at_us: int, position: int, state: str, answer: str, last: int) -> Instruction:
    asked = ("payment", "payment-P1001", CHANNEL, 10_000, BUYER)
    due_us = {"issued": at_us, "unknown": 0}.get(state)
    told = (at_us, position, state, answer, last)
    ended_at_us = PAID_AT if state in ("succeeded", "declined") else None
    return Instruction(f"pay-P{number}", *asked, *told, due_us=due_us, ended_at_us=ended_at_us)


P4 = row(4, PAID_AT, 1, "issued", "", 1)
P1 = row(1, PAID_AT, 2, "succeeded", "JD20101201000001", 5)
P2 = row(2, PAID_AT, 3, "unknown", "no answer within 30 s", 6)
P3 = row(3, PAID_AT + 1, 4, "declined", "insufficient funds", 8)


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_each_instruction_has_its_latest_answer(books: Connection, size: int | None) -> None:
    apply(books, MODEL, FACTS, size)
    assert [instruction(books, f"pay-P{n}") for n in (1, 2, 3, 4)] == [P1, P2, P3, P4]
    assert instruction(books, "pay-P5") is None


def test_those_without_a_final_outcome_are_open_in_the_order_they_were_issued(
    books: Connection,
) -> None:
    apply(books, MODEL, FACTS[:4])
    assert len(open_instructions(books)) == 4
    apply(books, MODEL, FACTS[4:])
    assert open_instructions(books) == [P4, P2]
    assert open_instructions(books, limit=1) == [P4]
    assert open_instructions(books, after=P4.issued_position) == [P2]
    assert open_instructions(books, after=P2.issued_position) == []
