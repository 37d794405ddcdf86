"""What a command leads to is read for all commands of a batch together, one query a step."""

from typing import Any

import pytest

from domain.clearing.commands import OpenBooks
from domain.kernel import Command
from domain.ledger.ledger import Ledger
from domain.ledger.proof import verify_log
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.asking import RecordAnswer
from tests.examples import BUYER, PAY_DAY
from tests.ledger.conftest import LedgerOpener
from tests.ledger.requests import request
from tests.shops import shop

NUMBERS = range(1, 6)


@pytest.fixture
def paying(open_ledger: LedgerOpener) -> Ledger:
    """A ledger with nothing in memory, in which five orders wait for their channel."""
    opened = open_ledger()
    seller = shop("SHOP", "三只", FeeRule(60), "T+1")
    commands: list[Command] = [
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", "李雷"),
        seller,
    ]
    for n in NUMBERS:
        commands.append(Checkout(f"O{n}", BUYER, (OrderLine("SHOP", 1_000 + n, "每日坚果", 1),)))
        commands.append(PayOrder(f"P{n}", f"O{n}", "JD_PAY"))
    for answer in opened.submit_all([request(one) for one in commands]):
        answer.unwrap()
    return open_ledger()


def test_what_successes_lead_to_is_read_in_as_many_steps_for_many(
    paying: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[set[str]] = []
    read_states = paying.recorder.read_states

    def counted(streams: Any) -> Any:
        asked.append(set(streams))
        return read_states(streams)

    monkeypatch.setattr(paying.recorder, "read_states", counted)
    answers = paying.submit_all(
        [request(RecordAnswer(f"pay-P{n}", "succeeded", f"S{n}", 1_000 + n)) for n in NUMBERS]
    )
    assert [answer.unwrap()["status"] for answer in answers] == ["succeeded"] * 5
    for what in ("instruction-pay-P", "payment-P", "order-O", "transaction-SHOP-O"):
        wanted = {f"{what}{n}" for n in NUMBERS}
        assert [one & wanted for one in asked if one & wanted] == [wanted]
    assert verify_log(paying.recorder) == []


def test_an_answer_that_is_no_success_leads_nowhere(
    paying: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    read_states = paying.recorder.read_states

    def counted(streams: Any) -> Any:
        wanted = list(streams)
        asked.extend(wanted)
        return read_states(wanted)

    monkeypatch.setattr(paying.recorder, "read_states", counted)
    paying.submit(request(RecordAnswer("pay-P1", "processing"))).unwrap()
    assert not {"order-O1", "transaction-SHOP-O1"} & set(asked)
