"""What waits for a second person, and what the caller may do: `approvals`, `permissions`."""

from typing import Annotated, Any

import strawberry
from strawberry import ID

from api.graphql.access import ACCESS, one_of
from api.graphql.describing import object_type
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from api.http.access import PERMISSIONS
from projections.models import approvals as model
from projections.models import permissions as given
from projections.tables.listing import values_of


@shape()
class Approval:
    """A command that one person wishes and another one lets happen, or does not. `subject` is what
    it is about; `command` the command, as JSON; `maker` and `checker` are actors as facts name
    them; `merchantId` is the merchant that proposes, null for the institution. State: proposed,
    approved, refused (`reason` says why), withdrawn or expired."""

    id: ID = of("approval_id")
    kind: str
    subject: str
    command: str = of("body")
    amount: Money | None
    maker: str
    merchant_id: ID | None = of("member", empty=True)
    proposed_at: Instant
    expires_at: Instant = of("expires_us")
    state: str
    checker: str | None = of("checker", empty=True)
    reason: str | None = of("reason", empty=True)
    ended_at: Instant | None
    position: BigInt
    last_position: BigInt


approval_of = shape_of(Approval).node


@object_type
class GivenCommands:
    """The commands of the API that a merchant has from a date on, by their stored names; null: all
    there are for merchants."""

    effective_from: Date
    commands: list[str] | None


@object_type
class StaffMember:
    """An operator of the institution: office cashier, reviewer, risk or auditor."""

    operator_id: ID
    office: str


@object_type
class Permissions:
    """What the caller may do. `capacity` is the office or role of the person whose key it is, or
    the role of a key that is nobody's; `operatorId` that person. `commands` are the REST commands
    that a capacity like this may call (a merchant for what is its own alone), `fields` the fields
    of Query. `apiCommands`: to which of them its merchant is held, by date. `staff`: everybody in
    office, for the institution; null for a merchant."""

    capacity: str
    actor: str
    operator_id: ID | None
    merchant_id: ID | None
    commands: list[str]
    fields: list[str]
    api_commands: list[GivenCommands]
    staff: list[StaffMember] | None


async def approvals(
    info: Info,
    merchant_id: ID | None = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(model.STATES)}.")
    ] = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Approval]:
    """What needs two persons, in the order it was proposed; all, what a merchant has proposed, or
    in a state. A merchant gets what it has proposed itself."""
    wanted = _wanted(info.context, merchant_id, state)
    page = await info.context.read(
        lambda connection: model.approvals(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(page, approval_of, after, lambda books: model.count_approvals(books, wanted))


async def permissions(info: Info) -> Permissions:
    """What may I do?"""
    caller = info.context.caller
    found = await info.context.read(lambda view: given.given_to(view, caller.member or ""))
    staff = await info.context.read(given.operators) if info.context.sees_everything else None
    able = caller.capacity
    return Permissions(
        capacity=able,
        actor=caller.actor,
        operator_id=ID(caller.operator) if caller.operator else None,
        merchant_id=ID(caller.member) if caller.member else None,
        commands=[name for name, permission in PERMISSIONS.items() if able in permission.roles],
        fields=[name for name, access in ACCESS.items() if able in access.roles],
        api_commands=[
            GivenCommands(
                effective_from=Date(one.effective_from),
                commands=None if one.commands is None else list(one.commands),
            )
            for one in found
        ],
        staff=None
        if staff is None
        else [StaffMember(operator_id=ID(one.operator_id), office=one.office) for one in staff],
    )


def _wanted(scope: Scope, merchant_id: str | None, state: str | None) -> model.Wanted:
    return model.Wanted(scope.within(merchant_id), one_of(model.STATES, state, "state"))


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    wanted = _wanted(scope, arguments["merchant_id"], arguments["state"])
    return values_of(wanted, instants=True)


ROOTS["approvals"] = Listed(model.LISTING, _filters)
