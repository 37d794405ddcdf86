"""Withdrawals of persons: `withdrawal`, `withdrawals`."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.describing import resolved
from api.graphql.enums import WithdrawalState
from api.graphql.instructions import Instruction, instructions_below, instructions_of
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.plan.declared import CHILDREN, ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.spans import From, To
from domain.member.particulars import masked_number
from domain.payment import withdrawal as aggregate
from projections.models import withdrawals as model
from projections.tables.listing import values_of

STATES: tuple[str, ...] = get_args(model.WithdrawalState)


@shape()
class Withdrawal:
    """Money from a person's wallet to a card of its own. `fee` is what was asked on top of the
    amount, `earned` what of it is earned: nothing before it is paid, or when it was given back.
    `speed` is T+0 or T+1. `late`: paid in spite of a decline. `suspense`: where the money is kept,
    when the wallet is closed. `reason` is the bank's, or the operator's who turned it down."""

    no: ID = of("withdrawal_no")
    member_id: ID
    card: str = of("tail", make=masked_number)
    amount: Money
    fee: Money
    earned: Money
    speed: str
    arrives_on: Date = of("due")
    state: WithdrawalState
    late: bool
    suspense: str | None = of("suspense", empty=True)
    maker: str
    checker: str | None = of("checker", empty=True)
    reason: str | None = of("reason", empty=True)
    requested_at: Instant
    approved_at: Instant | None
    instructed_at: Instant | None
    ended_at: Instant | None
    returned_at: Instant | None
    last_position: BigInt

    @resolved
    async def instructions(self, info: Info) -> list[Instruction] | None:
        """What the bank was asked for it, each attempt with its answer."""
        return await instructions_of(info, aggregate.stream(self.no))


withdrawal_of = shape_of(Withdrawal).node


async def withdrawal(info: Info, no: ID) -> Withdrawal | None:
    """One withdrawal by its number, for the institution."""
    row = await info.context.read(lambda books: model.withdrawal(books, no))
    return withdrawal_of(row) if row else None


async def withdrawals(
    info: Info,
    member_id: ID | None = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(STATES)}.")
    ] = None,
    from_: From = None,
    to: To = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Withdrawal]:
    """Withdrawals by the time they were asked for, on the Shanghai dates `from` up to, not
    including, `to`, for the institution: those of a member, or in one state, `unapproved` for those
    that wait for a second operator."""
    wanted = _wanted(info.context, member_id=member_id, state=state, from_=from_, to=to)
    page = await info.context.read(
        lambda books: model.withdrawals(
            books, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(
        page, withdrawal_of, after, lambda books: model.count_withdrawals(books, wanted)
    )


def _wanted(_scope: Scope, **given: Any) -> model.Wanted:
    state = one_of(STATES, given["state"], "state")
    return model.Wanted(given["member_id"], state, given["from_"], given["to"])


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_wanted(scope, **arguments), instants=True)


ROOTS["withdrawal"] = Keyed(model.TABLE.c.withdrawal_no, "no")
CHILDREN["Withdrawal", "instructions"] = instructions_below("withdrawal_no", "withdrawal-")
ROOTS["withdrawals"] = Listed(model.LISTING, _filters)
