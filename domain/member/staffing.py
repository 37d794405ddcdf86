"""Commands about the institution's operators. They are given at the machine, as keys are made
there: whoever may write to the database could do it anyway."""

from domain.fields import checked_member_id
from domain.kernel import Command, Unit
from domain.member import staff


class AppointOperator(Command, frozen=True):
    """To an office; who has another one leaves it."""

    operator_id: str
    office: staff.Office


class DismissOperator(Command, frozen=True):
    """The keys of who is dismissed stop to work."""

    operator_id: str


def appoint_operator(unit: Unit, command: AppointOperator) -> dict[str, object]:
    operator_id = checked_member_id(command.operator_id, "operator_id")
    facts = staff.appoint(unit.load(staff.STREAM), operator_id, command.office)
    unit.record(staff.STREAM, facts)
    return {"operator_id": operator_id, "office": command.office}


def dismiss_operator(unit: Unit, command: DismissOperator) -> dict[str, object]:
    unit.record(staff.STREAM, staff.dismiss(unit.load(staff.STREAM), command.operator_id))
    return {"operator_id": command.operator_id}
