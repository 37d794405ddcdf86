"""Given facts, when a decision, then these facts or this refusal: how aggregates are tested.

given = Scenario(batch.evolve, batch.State()).given
given(opened, sale).when(batch.seal, DUE, 1, MAKER).then(closed)
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from domain.kernel import Fact
from domain.refusals import Code, Refused


class Scenario:
    """An aggregate's history so far, and what a decision makes of it."""

    def __init__(self, evolve: Callable[[Any, Any], Any], state: Any) -> None:
        self.evolve = evolve
        self.state = state
        self.decide: Callable[[], Any] = list

    def given(self, *facts: Fact) -> "Scenario":
        after = Scenario(self.evolve, self.state)
        for fact in facts:
            after.state = self.evolve(after.state, fact)
        return after

    def when(self, decision: Callable[..., Any], *args: Any, **named: Any) -> "Scenario":
        self.decide = lambda: decision(self.state, *args, **named)
        return self

    def then(self, *facts: Fact) -> None:
        """Exactly these facts, none if none are named; the decision left the state alone."""
        decided: Sequence[Fact] = self.decide()
        assert list(decided) == list(facts)

    def refused(self, code: Code, field: str = "") -> None:
        with pytest.raises(Refused) as no:
            self.decide()
        assert no.value.code is code
        assert field in ("", no.value.field)
