"""An instruction carried over a network: attempts, what is asked next and when, and how it ends."""

from typing import Any

import pytest

from domain.channel.network import AwaitingPayer, Charge, NotFound, Processing, Returned, Said
from domain.channel.port import Declined, Purpose, Succeeded, Unknown
from domain.kernel import Fact
from domain.payment import contradiction, instruction
from domain.payment.instruction import Answered, Attempted, State
from domain.payment.rhythm import HOUR, MINUTE, SECOND
from domain.payment.tried import Told
from domain.refusals import Code, Refused
from tests.examples import AMOUNT, BUYER, CHANNEL, PAID_AT

T0 = PAID_AT
EXPIRES = T0 + 30 * MINUTE


class Asking:
    """One instruction and what stands against it; time goes on as told."""

    def __init__(
        self, purpose: Purpose = "payment", *, repeatable: bool = False, expires: bool = True
    ) -> None:
        self.state, self.beside, self.now_us = State(), contradiction.State(), T0
        self.repeatable = repeatable
        self.against: list[Any] = []
        more: Any = {"expires_us": EXPIRES} if purpose == "payment" and expires else {}
        asked = (purpose, "payment-P1", CHANNEL, AMOUNT, BUYER)
        self._take(instruction.issue(self.state, *asked, **more))

    def _take(self, facts: list[Any]) -> list[Any]:
        for fact in facts:
            self.state = instruction.evolve(self.state, fact)
        return facts

    def claim(self) -> str:
        """The kind of the attempt that is made now; "" for none."""
        facts = instruction.claim(
            self.state,
            self.state.tried.attempt + 1,
            self.now_us,
            repeatable=self.repeatable,
            number="N1",
            other_number="N2",
        )
        self._take(facts)
        return facts[-1].kind if facts and isinstance(facts[-1], Attempted) else ""

    def due(self) -> str:
        """Wait until something is due, and claim it."""
        assert self.state.due_us is not None
        self.now_us = max(self.now_us, self.state.due_us)
        return self.claim()

    def wait(self) -> int:
        """Seconds until the channel is asked."""
        assert self.state.due_us is not None
        return (self.state.due_us - self.now_us) // SECOND

    def hear(self, said: Said, *charges: Charge, attempt: int | None = None) -> list[Any]:
        """An answer to the newest attempt, unless another is named (0: a callback)."""
        number = self.state.tried.attempt if attempt is None else attempt
        told = Told(number, self.now_us)
        before = self.state
        facts = self._take(instruction.hear(before, said, told))
        against = contradiction.hear(self.beside, before, said, charges, told)
        for fact in against:
            self.beside = contradiction.evolve(self.beside, fact)
        if against and contradiction.is_doubted(self.beside) and self.state.due_us is None:
            self._take(instruction.ask(self.state, self.now_us))
        self.against += against
        return [*facts, *against]

    def callback(self, said: Said) -> list[Any]:
        return self.hear(said, attempt=0)

    @property
    def stages(self) -> list[tuple[str, str, str]]:
        return [(one.kind, one.serial, one.stage) for one in self.beside.items]


def charge(serial: str, fen: int = AMOUNT) -> Charge:
    return Charge(serial, fen, T0)


def test_an_attempt_is_claimed_once() -> None:
    asking = Asking()
    assert asking.claim() == "send"
    assert asking.state.status == "sent"
    again = instruction.claim(asking.state, 1, T0, repeatable=True, number="x", other_number="x")
    ahead = instruction.claim(
        asking.state, 2, T0 + 1, repeatable=True, number="x", other_number="x"
    )
    assert again == ahead == []


@pytest.mark.parametrize(("repeatable", "next_kind"), [(True, "send"), (False, "query")])
def test_after_a_crash_a_send_is_repeated_only_where_that_is_allowed(
    repeatable: bool, next_kind: str
) -> None:
    asking = Asking(repeatable=repeatable)
    asking.claim()
    assert asking.wait() == 60
    assert asking.due() == next_kind


def test_the_back_off_after_unknown_comes_from_the_facts() -> None:
    asking = Asking("payout")
    asking.claim()
    waited = []
    for _ in range(7):
        asking.hear(Unknown("no answer"))
        waited.append(asking.wait())
        assert asking.due() == "query"
    assert waited == [5, 30, 120, 600, 3600, 3600, 3600]


def test_a_payer_is_asked_about_at_a_rhythm_until_the_payment_expires() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(AwaitingPayer("weixin://pay"))
    waited: list[int] = []
    kinds: list[str] = []
    while not kinds or kinds[-1] == "query":
        waited.append(asking.wait())
        kinds.append(asking.due())
        asking.hear(AwaitingPayer(""))
    assert waited == [15, 30, 60, 120, 300, 300, 300, 300, 300, 75]
    assert (asking.now_us, kinds[-1]) == (EXPIRES, "close")
    assert asking.state.tried.url == "weixin://pay"
    assert asking.wait() == 5  # The close closed nothing: asked to close again, not to query.
    assert asking.due() == "close"
    [ended] = asking.hear(Declined("closed"))
    assert ended == instruction.Declined("closed", False, 12)
    assert asking.state.due_us is None


def test_what_was_never_sent_is_declined_without_asking_anybody() -> None:
    asking = Asking()
    asking.now_us = EXPIRES
    assert asking.claim() == ""
    assert asking.state.status == "declined"
    closed = Asking()
    closed._take(instruction.close(closed.state, "the buyer left", T0))
    assert (closed.state.status, closed.state.answer) == ("declined", "the buyer left")


def test_an_operator_closes_at_the_channel_first() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(AwaitingPayer("u"))
    assert instruction.close(asking.state, "he left", T0 + 1) == [
        instruction.CloseWanted("he left", T0 + 1)
    ]
    asking._take(instruction.close(asking.state, "he left", T0 + 1))
    assert instruction.close(asking.state, "he left", T0 + 2) == []
    assert asking.due() == "close"
    asking.hear(Unknown("lost"))
    assert asking.due() == "close"
    asking.hear(Succeeded("S1"))  # He had paid before.
    assert (asking.state.status, asking.against) == ("succeeded", [])


@pytest.mark.parametrize("purpose", ["refund", "payout"])
def test_a_refund_or_payout_cannot_be_closed_and_does_not_expire(purpose: Purpose) -> None:
    asking = Asking(purpose)
    with pytest.raises(Refused) as no:
        instruction.close(asking.state, "x", T0)
    assert no.value.code is Code.INSTRUCTION_NOT_CLOSABLE


def test_no_such_order_is_closed_before_a_payment_is_declined() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(Unknown("lost"))
    assert asking.due() == "query"
    asking.hear(NotFound("no such order"))
    assert asking.state.status == "unknown"
    assert asking.due() == "close"
    [ended] = asking.hear(Declined("closed"))
    assert isinstance(ended, instruction.Declined)


def test_what_cannot_be_closed_because_it_is_not_there_is_declined_once_that_has_held() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(Unknown("lost"))
    asking.due()
    first_us, kinds = asking.now_us, []
    while asking.state.due_us:
        asking.hear(NotFound("no such order"))
        kinds += [asking.due()] if asking.state.due_us else []
    assert set(kinds) == {"close"}
    assert asking.now_us - first_us >= 10 * MINUTE


def test_a_refund_that_is_not_there_is_sent_again_under_its_number_where_that_is_allowed() -> None:
    asking = Asking("refund", repeatable=True)
    asking.claim()
    asking.hear(Processing())
    assert asking.due() == "query"
    asking.hear(NotFound("no such refund"))
    assert asking.due() == "send"
    assert asking.state.number == "N1"


def test_elsewhere_it_is_sent_again_under_another_number_once_that_has_held() -> None:
    asking = Asking("payout")
    asking.claim()
    asking.hear(Unknown("lost"))
    sent_us, kinds = asking.now_us, []
    while asking.state.number == "N1":
        kinds.append(asking.due())
        if kinds[-1] == "query":
            asking.hear(NotFound("no such order"))
    assert kinds[-1] == "send"
    assert kinds.count("query") >= 3
    assert asking.now_us - sent_us >= 10 * MINUTE
    assert (asking.state.number, asking.state.tried.sent_us) == ("N2", asking.now_us)


def test_a_callback_that_ends_nothing_is_kept_if_it_says_something_new() -> None:
    asking = Asking()
    asking.claim()
    asking.hear(AwaitingPayer("u"))
    assert asking.callback(AwaitingPayer("u")) == []
    [news] = asking.callback(Processing())
    assert isinstance(news, Answered)
    assert asking.callback(Processing()) == []
    assert asking.callback(AwaitingPayer("u")) == []  # It comes late.
    assert asking.callback(Unknown("?")) == asking.callback(NotFound("?")) == []


def test_a_callback_overtakes_the_answer_of_an_attempt() -> None:
    asking = Asking()
    asking.claim()
    asking.callback(Succeeded("S1"))
    assert asking.state.due_us is None
    assert asking.hear(AwaitingPayer("u")) == []
    assert asking.state.status == "succeeded"


def test_an_answer_that_comes_twice_is_kept_once() -> None:
    asking = Asking()
    asking.claim()
    for said in (AwaitingPayer("u"), Unknown("?"), Processing()):
        asking.hear(said)
        assert asking.hear(said) == []


def test_what_cannot_be_sent_waits_until_somebody_wants_it_asked() -> None:
    asking = Asking("payout")
    asking._take(instruction.withhold(asking.state, "no bank account"))
    assert (asking.state.due_us, asking.state.tried.withheld) == (None, "no bank account")
    assert instruction.withhold(asking.state, "no bank account") == []
    asking._take(instruction.ask(asking.state, T0 + HOUR))
    asking.now_us = T0 + HOUR
    assert asking.claim() == "send"


# What a channel says against what was asked, or said.


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


def test_a_decline_after_a_success_that_a_query_does_not_confirm_changes_nothing() -> None:
    asking = ended(YES)
    asking.callback(NO)
    asking.due()
    asking.hear(YES)
    assert asking.stages == [("declined", "S1", "waiting")]
    assert asking.callback(NO) == []


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


@pytest.mark.parametrize("said", [YES, NO, Unknown("?"), Processing()])
def test_what_was_never_issued_has_no_answer(said: Said) -> None:
    with pytest.raises(Refused) as no:
        instruction.hear(State(), said, Told())
    assert no.value.code is Code.INSTRUCTION_NOT_FOUND


def test_an_instruction_stored_before_there_were_numbers_goes_on() -> None:
    old: list[Fact] = [
        instruction.Issued("payment", "payment-P1", CHANNEL, AMOUNT, BUYER),
        instruction.Unknown("no answer"),
    ]
    asking = Asking()
    asking.state = State()
    asking._take(old)
    assert asking.claim() == "send"
