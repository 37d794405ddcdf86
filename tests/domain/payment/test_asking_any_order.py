"""An instruction under any order of answers, time-outs, callbacks, crashes and wishes."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.channel.network import AwaitingPayer, Charge, NotFound, Processing, Returned
from domain.channel.port import Declined, Purpose, Succeeded, Unknown
from domain.payment import contradiction, instruction
from domain.payment.instruction import OPEN, Attempted
from domain.payment.rhythm import HOUR, SECOND
from domain.refusals import Refused
from tests.domain.payment.asking import Asking
from tests.examples import AMOUNT

SERIALS = ("S1", "S2", "S3")
serials = st.sampled_from(SERIALS)
said = st.one_of(
    st.builds(Succeeded, serials, st.sampled_from((None, AMOUNT, AMOUNT, AMOUNT - 1, AMOUNT + 1))),
    st.builds(Declined, st.just("no")),
    st.builds(Unknown, st.just("?")),
    st.builds(AwaitingPayer, st.sampled_from(("", "u"))),
    st.builds(NotFound, st.just("none")),
    st.just(Processing()),
    st.builds(Returned, st.sampled_from(("R1", "R2")), st.just("closed")),
)
charges = st.lists(st.builds(Charge, serials, st.just(AMOUNT), st.just(0)), max_size=3)
steps = st.one_of(
    st.tuples(st.just("answer"), said, charges),
    st.tuples(st.just("callback"), said, st.just([])),
    st.tuples(st.just("twice"), said, st.just([])),
    st.tuples(st.sampled_from(("crash", "claim", "ask", "close", "hour")), st.none(), st.none()),
)


class Watched(Asking):
    """Every step is watched: what must always hold, holds after it."""

    def __init__(self, purpose: Purpose, *, repeatable: bool) -> None:
        self.facts: list[Any] = []
        self.sends: list[str] = []
        self.told: set[str] = set()
        super().__init__(purpose, repeatable=repeatable)

    def _take(self, facts: list[Any]) -> list[Any]:
        ended = None if self.state.status in (*OPEN, "none") else self.state.status
        super()._take(facts)
        self.facts += facts
        assert ended in (None, self.state.status), "a final outcome never changes"
        for fact in facts:
            if isinstance(fact, Attempted) and fact.kind == "send":
                self.sends.append(self.state.number)
        return facts

    def step(self, what: str, answer: Any, listed: Any) -> None:
        if what in ("answer", "callback", "twice"):
            self._tell(what, answer, listed)
        elif what == "claim":
            if self.state.due_us is not None:
                self.due()
        elif what == "ask":
            self._take(instruction.ask(self.state, self.now_us))
        elif what == "close":
            try:
                self._take(instruction.close(self.state, "he left", self.now_us))
            except Refused:
                assert self.state.purpose != "payment" or self.state.status not in OPEN
        elif what == "hour":
            self.now_us += HOUR

    def _tell(self, what: str, answer: Any, listed: list[Charge]) -> None:
        attempt = self.state.tried.attempt if what == "answer" else 0
        if not self.sends:
            return  # Nobody can speak of what was never sent.
        if isinstance(answer, NotFound):
            self._not_found(answer, attempt)
            return
        self.hear(answer, *listed, attempt=attempt)
        if isinstance(answer, Succeeded):
            self.told |= {answer.serial, *(one.serial for one in listed)}
        if what == "twice":
            assert self.hear(answer, attempt=0) == [], "what was told is not told again"

    def _not_found(self, answer: NotFound, attempt: int) -> None:
        been, since_us = self.state.tried, self.state.tried.missing_since_us
        for fact in self.hear(answer, attempt=attempt):
            if isinstance(fact, instruction.Declined):
                assert been.phase == "close" and self.now_us - since_us >= 600 * SECOND

    def check(self) -> None:
        open_ = self.state.status in OPEN
        assert not open_ or self.state.due_us is not None, "what is open is asked about"
        if not open_ and self.state.due_us is not None:
            wanted = any(isinstance(one, instruction.AskWanted) for one in self.facts)
            assert wanted, "what has ended is asked about only if somebody wants it"
        assert len(self.beside.items) <= contradiction.MOST
        kept = {self.state.answer, *(one.serial for one in self.beside.items)}
        assert self.told <= kept, "no serial is lost"
        if not self.repeatable:
            assert len(self.sends) == len(set(self.sends)), "a send is made once"
        folded = instruction.State()
        for fact in self.facts:
            folded = instruction.evolve(folded, fact)
        assert folded == self.state


@settings(max_examples=400)
@given(
    purpose=st.sampled_from(("payment", "refund", "payout")),
    repeatable=st.booleans(),
    happened=st.lists(steps, max_size=25),
)
def test_whatever_happens_nothing_is_lost_and_no_outcome_changes(
    purpose: Purpose, repeatable: bool, happened: list[Any]
) -> None:
    asking = Watched(purpose, repeatable=repeatable)
    asking.claim()
    for one in happened:
        asking.step(*one)
        asking.check()


@settings(max_examples=100)
@given(purpose=st.sampled_from(("payment", "refund", "payout")), silent=st.lists(said, max_size=6))
def test_a_channel_that_answers_at_last_ends_it(purpose: Purpose, silent: list[Any]) -> None:
    """Whatever it said before, a channel that goes on saying one thing is believed."""
    asking = Watched(purpose, repeatable=False)
    for one in silent:
        if asking.state.due_us is not None and asking.due():
            asking.hear(one)
    for _ in range(5):
        if asking.state.due_us is not None and asking.due():
            asking.hear(Succeeded("S1", AMOUNT))
    assert asking.state.status not in OPEN
    assert asking.state.due_us is None
