"""Payment instruction: issued once, and ended by the channel's answer alone."""

from typing import Any

import pytest
from msgspec.structs import replace

from domain.channel.port import ChannelRequest, Result
from domain.channel.port import Declined as SaysNo
from domain.channel.port import Succeeded as SaysYes
from domain.channel.port import Unknown as CannotSay
from domain.kernel import Fact
from domain.payment import instruction
from domain.payment.instruction import Declined, State, Succeeded, Unknown
from domain.payment.orders import channel_request
from domain.refusals import Code
from tests.examples import AMOUNT, BUYER, CHANNEL, EXAMPLES
from tests.scenario import Scenario

given = Scenario(instruction.evolve, State()).given
issued: Any = EXAMPLES["instruction.issued.2"]
yes, no, unknown = Succeeded("S1"), Declined("no money"), Unknown("timeout")


def asked(wanted: instruction.Issued) -> tuple[Any, ...]:
    return wanted.purpose, wanted.reference, wanted.channel, wanted.amount_fen, wanted.party


def test_an_instruction_is_issued_once() -> None:
    given().when(instruction.issue, *asked(issued)).then(issued)
    given(issued).when(instruction.issue, *asked(issued)).then()
    given(issued, yes).when(instruction.issue, *asked(issued)).then()


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "refund"},
        {"reference": "payment-P2"},
        {"channel": "WECHAT_PAY"},
        {"amount_fen": AMOUNT + 1},
        {"party": "HANMEIMEI"},
    ],
)
def test_another_instruction_under_its_id_is_refused(change: dict[str, Any]) -> None:
    given(issued).when(instruction.issue, *asked(replace(issued, **change))).refused(
        Code.INSTRUCTION_EXISTS
    )


@pytest.mark.parametrize(
    ("history", "answer", "facts"),
    [
        pytest.param([], SaysYes("S1"), [yes], id="succeeded"),
        pytest.param([], SaysNo("no money"), [no], id="declined"),
        pytest.param([], CannotSay("timeout"), [unknown], id="unknown"),
        pytest.param([unknown], CannotSay("still"), [], id="unknown again"),
        pytest.param([unknown], SaysYes("S1"), [yes], id="unknown, then succeeded"),
        pytest.param([unknown], SaysNo("no money"), [no], id="unknown, then declined"),
        pytest.param([yes], SaysYes("S1"), [], id="succeeded again"),
        pytest.param([no], SaysNo("why"), [], id="declined again"),
        pytest.param([yes], CannotSay("late"), [], id="unknown says nothing about a success"),
        pytest.param([no], CannotSay("late"), [], id="unknown says nothing about a decline"),
    ],
)
def test_the_channels_answer(history: list[Fact], answer: Result, facts: list[Fact]) -> None:
    given(issued, *history).when(instruction.conclude, answer).then(*facts)


@pytest.mark.parametrize(("history", "answer"), [(yes, SaysNo("x")), (no, SaysYes("S2"))])
def test_a_final_outcome_never_changes(history: Fact, answer: Result) -> None:
    given(issued, history).when(instruction.conclude, answer).refused(
        Code.INSTRUCTION_ALREADY_ENDED
    )


@pytest.mark.parametrize("answer", [SaysYes("S"), SaysNo("x"), CannotSay("x")])
def test_what_was_never_issued_has_no_answer(answer: Result) -> None:
    given().when(instruction.conclude, answer).refused(Code.INSTRUCTION_NOT_FOUND)


def test_the_order_to_the_channel_is_complete() -> None:
    asked = channel_request("pay-P1001", given(issued).state)
    assert asked == ChannelRequest("pay-P1001", "payment", CHANNEL, AMOUNT, BUYER)
