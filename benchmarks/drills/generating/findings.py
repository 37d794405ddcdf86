"""What a drill of generated requests finds, each kind once, with the request that showed it; and of
each operation what it answered."""

from collections import Counter
from typing import Any

from msgspec import Struct

MOST_SHOWN = 1_500  # Characters of an answer or a request that are kept.


class Fault(Struct, frozen=True):
    """What is wrong, where (an operation or a field), and the first request that showed it."""

    kind: str
    where: str
    request: str
    answer: str


class Findings:
    """Faults by kind and place, and how many answers of each status there were, in all and of each
    operation; `examples`: what became of an operation's own example, by its name."""

    def __init__(self) -> None:
        self.faults: dict[tuple[str, str], Fault] = {}
        self.statuses: Counter[str] = Counter()
        self.operations: dict[str, Counter[str]] = {}
        self.examples: dict[str, str] = {}
        self.requests = 0

    def answered(self, status: int, operation: str = "") -> None:
        self.requests += 1
        self.statuses[str(status)] += 1
        if operation:
            self.operations.setdefault(operation, Counter())[str(status)] += 1

    def fault(self, kind: str, where: str, request: object, answer: object) -> None:
        """Kept the first time that this kind is found at this place."""
        if (kind, where) not in self.faults:
            shown = [str(one)[:MOST_SHOWN] for one in (request, answer)]
            self.faults[kind, where] = Fault(kind, where, *shown)

    def as_json(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "statuses": dict(sorted(self.statuses.items())),
            "operations": {
                name: {"example": self.examples.get(name, ""), "statuses": dict(sorted(of.items()))}
                for name, of in sorted(self.operations.items())
            },
            "faults": [
                {"kind": one.kind, "where": one.where, "request": one.request, "answer": one.answer}
                for one in self.faults.values()
            ],
        }
