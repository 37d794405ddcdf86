"""One instruction over a network, stepped by tests: claims, answers, callbacks, and time."""

from typing import Any

from domain.channel.network import Charge, Said
from domain.channel.port import Purpose
from domain.payment import contradiction, instruction
from domain.payment.instruction import Attempted, State
from domain.payment.rhythm import MINUTE, SECOND
from domain.payment.tried import Told
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
            other_number=f"N{self.state.tried.renumbered + 2}",
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
        if against and contradiction.is_doubted(self.beside):
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
