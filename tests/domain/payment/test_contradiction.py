"""What a channel says against what was asked, or against its own word: nothing of it is lost."""

import pytest

from domain.channel.network import AwaitingPayer, NotFound, Returned, Said
from domain.channel.port import Declined, Purpose, Succeeded, Unknown
from domain.payment import contradiction, instruction
from domain.refusals import Code, Refused
from tests.domain.payment.asking import Asking, charge
from tests.examples import AMOUNT


def ended(said: Said, purpose: Purpose = "payment") -> Asking:
    asking = Asking(purpose)
    asking.claim()
    asking.hear(said)
    return asking


YES, NO = Succeeded("S1", AMOUNT), Declined("no money")


@pytest.mark.parametrize(("fen", "kind"), [(AMOUNT + 300, "more"), (AMOUNT - 1_000, "less")])
def test_another_amount_than_asked_is_no_success(fen: int, kind: str) -> None:
    asking = ended(Succeeded("S1", fen))
    assert (asking.state.status, asking.state.moved_fen) == ("differs", fen)
    assert asking.against == [contradiction.Established(kind, "S1", AMOUNT, fen, "sent", "", 1)]  # type: ignore[arg-type]
    assert asking.callback(Succeeded("S1", fen)) == []


def test_a_second_serial_is_suspected_and_asked_about_and_a_list_of_charges_makes_it_certain() -> (
    None
):
    asking = ended(YES)
    asking.callback(Succeeded("S2", AMOUNT))
    assert asking.stages == [("second", "S2", "suspected")]
    assert asking.callback(Succeeded("S2", AMOUNT)) == []
    assert asking.due() == "query"
    asking.hear(YES, charge("S1"), charge("S2"))
    assert asking.stages == [("second", "S2", "certain")]
    assert asking.state.due_us is None
    assert asking.callback(Succeeded("S2", AMOUNT)) == []


def test_a_second_serial_that_is_not_confirmed_waits_for_a_bill() -> None:
    asking = ended(YES)
    asking.callback(Succeeded("S2"))
    asking.due()
    asking.hear(Unknown("lost"))
    assert asking.stages == [("second", "S2", "suspected")]
    assert asking.due() == "query"
    asking.hear(YES, charge("S1"))
    assert asking.stages == [("second", "S2", "waiting")]
    assert asking.state.due_us is None


def test_one_answer_may_tell_of_both_charges() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(YES, charge("S1"), charge("S2", 9_000))
    assert asking.state.status == "succeeded"
    assert asking.stages == [("second", "S2", "certain")]


def test_a_success_after_a_decline_is_certain() -> None:
    asking = ended(NO)
    asking.callback(YES)
    assert asking.against == [contradiction.Established("late", "S1", AMOUNT, AMOUNT, "declined")]
    assert asking.callback(YES) == []
    assert asking.state.status == "declined"  # A final outcome never changes.
    asking.callback(Succeeded("S2"))
    assert asking.stages == [("late", "S1", "certain"), ("second", "S2", "suspected")]


def test_a_decline_after_a_success_is_asked_about_before_it_is_believed() -> None:
    asking = ended(YES)
    asking.callback(NO)
    assert asking.stages == [("declined", "S1", "suspected")]
    assert asking.due() == "query"
    asking.hear(NO)
    assert asking.stages == [("declined", "S1", "certain")]
    assert asking.callback(NO) == []


def test_a_decline_after_a_success_that_a_query_refutes_has_ended_and_may_be_said_anew() -> None:
    asking = ended(YES)
    asking.callback(NO)
    asking.due()
    asking.hear(YES)
    assert asking.stages == [("declined", "S1", "ended")]
    assert asking.state.due_us is None
    asking.callback(NO)
    assert asking.stages == [("declined", "S1", "suspected")]
    assert asking.due() == "query"
    asking.hear(NO)
    assert asking.stages == [("declined", "S1", "certain")]


def test_a_decline_that_a_query_neither_confirms_nor_refutes_waits_for_a_bill() -> None:
    asking = ended(YES)
    asking.callback(NO)
    asking.due()
    asking.hear(NotFound("no such order"))
    assert asking.stages == [("declined", "S1", "waiting")]
    assert asking.callback(NO) == []


def test_a_second_charge_is_not_cleared_up_by_a_success_beside_a_decline_that_is() -> None:
    asking = ended(YES)
    asking.callback(NO)
    asking.callback(Succeeded("S2"))
    asking.due()
    asking.hear(YES)
    assert set(asking.stages) == {("declined", "S1", "ended"), ("second", "S2", "waiting")}


def test_the_answer_to_a_close_that_a_payer_was_faster_than_is_cleared_up() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(AwaitingPayer("weixin://pay"))
    asking._take(instruction.close(asking.state, "the buyer left", asking.now_us))
    assert asking.due() == "close"
    asking.callback(YES)
    asking.hear(NO)  # To the close, under way when the payer's success was told.
    assert asking.stages == [("declined", "S1", "suspected")]
    assert asking.due() == "query"
    asking.hear(YES)
    assert (asking.state.status, asking.stages) == ("succeeded", [("declined", "S1", "ended")])


@pytest.mark.parametrize("purpose", ["refund", "payout"])
def test_a_payout_that_comes_back_has_a_serial_of_its_own(purpose: Purpose) -> None:
    asking = ended(YES, purpose)
    asking.callback(Returned("R1", "account closed"))
    assert asking.stages == [("returned", "R1", "certain")]
    assert asking.callback(Returned("R1", "account closed")) == []
    assert asking.callback(YES) == []
    early = Asking(purpose)
    early.claim()
    early.callback(Returned("R1", "account closed"))
    assert (early.state.status, early.stages) == ("succeeded", [("returned", "R1", "certain")])
    late = ended(NO, purpose)
    late.callback(Returned("R1", "account closed"))
    assert late.stages == [("late", "R1", "certain"), ("returned", "R1", "certain")]


def test_a_contradiction_ends_once_its_money_has_its_place() -> None:
    asking = ended(NO)
    asking.callback(YES)
    [over] = contradiction.end(asking.beside, "late", "S1", "sent back")
    after = contradiction.evolve(asking.beside, over)
    assert after.items[0].stage == "ended"
    assert contradiction.end(after, "late", "S1", "sent back") == []
    assert contradiction.end(after, "late", "S9", "sent back") == []


def test_what_stands_against_an_instruction_is_bounded() -> None:
    asking = ended(YES)
    for number in range(contradiction.MOST):
        asking.callback(Succeeded(f"X{number}"))
    with pytest.raises(Refused) as no:
        asking.callback(Succeeded("ONE MORE"))
    assert no.value.code is Code.INSTRUCTION_ALREADY_ENDED
