"""Refund: requested once, ended by the channel; a failed one goes to the buyer's wallet."""

from typing import Any

import pytest

from domain.kernel import Fact
from domain.payment.plan import Share
from domain.refusals import Code
from domain.transaction import refund
from domain.transaction.refund import BecameKnown, BecameUnknown, State
from tests.examples import BUYER, EXAMPLES, TRANSACTION_ID
from tests.scenario import Scenario

given = Scenario(refund.evolve, State()).given
requested: Any = EXAMPLES["refund.requested.2"]
succeeded: Any = EXAMPLES["refund.succeeded.1"]
failed: Any = EXAMPLES["refund.failed.1"]
unknown, known = BecameUnknown("timeout"), BecameKnown("")


def repeat(state: State, transaction_id: str, amount_fen: int) -> list[Any]:
    return [refund.is_repeat(state, transaction_id, amount_fen)]


def test_the_same_refund_is_known_again() -> None:
    assert repeat(given().state, TRANSACTION_ID, 1_000) == [False]
    assert repeat(given(requested).state, TRANSACTION_ID, 1_000) == [True]
    assert repeat(given(requested, succeeded).state, TRANSACTION_ID, 1_000) == [True]


@pytest.mark.parametrize("other", [(TRANSACTION_ID, 1_001), ("SQUIRRELS-JD1002", 1_000)])
def test_another_refund_under_its_number_is_refused(other: tuple[str, int]) -> None:
    given(requested).when(repeat, *other).refused(Code.REFUND_EXISTS)


yes = (refund.succeed, (0, succeeded.entry))
no = (refund.fail, (0, failed.reason, failed.entry))
cannot_say = (refund.become_unknown, ("timeout",))
works_on_it = (refund.become_known, ())


@pytest.mark.parametrize(
    ("history", "decision", "facts"),
    [
        pytest.param([], yes, [succeeded], id="succeeded"),
        pytest.param([], no, [failed], id="failed"),
        pytest.param([], cannot_say, [unknown], id="unknown"),
        pytest.param([unknown], yes, [succeeded], id="unknown, succeeded"),
        pytest.param([unknown], no, [failed], id="unknown, failed"),
        pytest.param([unknown], cannot_say, [], id="unknown again"),
        pytest.param([unknown], works_on_it, [known], id="known again"),
        pytest.param([unknown, known], works_on_it, [], id="known, known again"),
        pytest.param([unknown, known], cannot_say, [unknown], id="and unknown anew"),
        pytest.param([], works_on_it, [], id="it was never unknown"),
        pytest.param([failed], works_on_it, [], id="known, when it has ended"),
        pytest.param([succeeded], yes, [], id="succeeded again"),
        pytest.param([succeeded], no, [], id="a late failure pays nobody twice"),
        pytest.param([failed], no, [], id="failed again"),
        pytest.param([failed], yes, [], id="a late success pays nobody twice"),
        pytest.param([failed], cannot_say, [], id="ended"),
    ],
)
def test_the_outcome_of_a_refund(history: list[Fact], decision: Any, facts: list[Fact]) -> None:
    given(requested, *history).when(decision[0], *decision[1]).then(*facts)


@pytest.mark.parametrize("decision", [yes, no, cannot_say, works_on_it])
def test_what_was_never_requested_has_no_outcome(decision: Any) -> None:
    given().when(decision[0], *decision[1]).then()


def test_what_a_part_failed_for_stays_when_others_were_unknown_and_went_well() -> None:
    parts = (Share(0, "channel", "JD_PAY", 600), Share(1, "channel", "WECHAT_PAY", 400))
    both = refund.Requested(TRANSACTION_ID, BUYER, 1_000, parts)
    entry = failed.entry
    first = refund.PartFailed(0, 600, "card closed", "", entry)
    given(both, first, unknown).when(refund.become_known).then(BecameKnown("card closed"))
    last = refund.PartSucceeded(1, 400, "failed", entry, "card closed")
    given(both, first, unknown).when(refund.succeed, 1, entry).then(last)
    well = refund.PartSucceeded(0, 600, "", entry)
    whole = refund.PartSucceeded(1, 400, "succeeded", entry)
    given(both, unknown, well).when(refund.succeed, 1, entry).then(whole)
