"""Staff (机构操作员): the operators of the institution, each with one office.

    (none) ──appoint──▶ in office ──appoint──▶ in another office
                            └──dismiss──▶ (none)

One stream for all of them: there are few, and who may do what is looked up together. An office is
what a person is there for: the cashier of the day runs the day and asks, the reviewer decides on
what others ask, risk stops money and decides on that, the auditor reads.
"""

from typing import Literal, assert_never, get_args

from msgspec import Struct
from msgspec.structs import replace

from domain.kernel import Fact, Stream
from domain.refusals import Code, Refused

Office = Literal["cashier", "reviewer", "risk", "auditor"]
OFFICES: tuple[Office, ...] = get_args(Office)
MAX_STAFF = 200


class Appointed(Fact, frozen=True):
    operator_id: str
    office: Office


class Dismissed(Fact, frozen=True):
    operator_id: str


Event = Appointed | Dismissed


class State(Struct, frozen=True, gc=False):
    """Who is in office, by when they were appointed to it."""

    operators: tuple[tuple[str, Office], ...] = ()

    def office_of(self, operator_id: str) -> Office | None:
        return next((office for one, office in self.operators if one == operator_id), None)


STREAM: "Stream[State]" = Stream("staff-institution")


def appoint(state: State, operator_id: str, office: Office) -> list[Event]:
    """Who has an office gets the other one instead. Raises OPERATOR_LIMIT."""
    before = state.office_of(operator_id)
    if before == office:
        return []
    if before is None and len(state.operators) >= MAX_STAFF:
        raise Refused(Code.OPERATOR_LIMIT, "operator_id")
    return [Appointed(operator_id, office)]


def dismiss(state: State, operator_id: str) -> list[Event]:
    """Raises OPERATOR_NOT_FOUND."""
    if state.office_of(operator_id) is None:
        raise Refused(Code.OPERATOR_NOT_FOUND, "operator_id", operator_id)
    return [Dismissed(operator_id)]


def evolve(state: State, event: Event) -> State:
    others = tuple(pair for pair in state.operators if pair[0] != event.operator_id)
    match event:
        case Appointed(operator_id=operator_id, office=office):
            return replace(state, operators=(*others, (operator_id, office)))
        case Dismissed():
            return replace(state, operators=others)
        case _:
            assert_never(event)
