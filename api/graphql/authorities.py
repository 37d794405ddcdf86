"""Orders of authorities, and what was taken by them: `authorityOrders`."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.describing import resolved
from api.graphql.enums import AuthorityOrderState, DeductionState
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.plan.declared import CHILDREN, ROOTS, Arguments, Children
from api.graphql.plan.pages import Listed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from domain.authority.authorities import AUTHORITIES
from domain.member.particulars import masked_number
from projections.models import authority_orders as model
from projections.tables.listing import values_of

STATES: tuple[str, ...] = get_args(model.OrderState)


def _chinese(code: str) -> str:
    return AUTHORITIES[code].chinese


@shape()
class Deduction:
    """Stopped money that is paid to the account its document names, masked. Failed or returned: it
    is stopped again; `suspense`: where it is kept, when the account is closed."""

    no: ID = of("deduction_no")
    order_no: ID
    document: str
    amount: Money
    payee: str = of("tail", make=masked_number)
    state: DeductionState
    reason: str | None = of("reason", empty=True)
    suspense: str | None = of("suspense", empty=True)
    asked_at: Instant
    asked_by: str
    ended_at: Instant | None
    last_position: BigInt


_DEDUCTION = shape_of(Deduction)
deduction_of = _DEDUCTION.node


@shape()
class AuthorityOrder:
    """Money that an authority has ordered to be stopped on one account. `amount` is what its
    document says, null for all there is; `left` what it still stops at most; `stopped` what of that
    is there: less, where other orders came before (轮候), null once it is over. `ends` is its last
    date, null for what is to be taken at once."""

    no: ID = of("order_no")
    authority: str
    title: str = of("authority", make=_chinese)
    document: str
    last_document: str | None = of("last_document", empty=True)
    account_id: ID = of("account")
    member_id: ID
    amount: Money | None
    left: Money | None
    on_its_way: Money
    paid: Money
    state: AuthorityOrderState
    begins: Date
    ends: Date | None
    placed_at: Instant
    placed_by: str
    ended_at: Instant | None
    last_position: BigInt

    @resolved
    async def stopped(self, info: Info) -> Money | None:
        """What is there for it."""
        return next((money(fen) for fen in await info.context.order_shares.load(self.no)), None)

    @resolved
    async def deductions(self, info: Info) -> list[Deduction]:
        """What was taken by it, in the order it was asked for."""
        return [deduction_of(row) for row in await info.context.deductions_of.load(self.no)]


authority_order_of = shape_of(AuthorityOrder).node


async def authority_orders(
    info: Info,
    member_id: ID | None = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(STATES)}.")
    ] = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[AuthorityOrder]:
    """Orders of authorities in the order they were placed, for the institution: those on accounts
    of a member, or in one state."""
    wanted = _wanted(member_id, state)
    page = await info.context.read(
        lambda books: model.authority_orders(
            books, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(
        page, authority_order_of, after, lambda books: model.count_orders(books, wanted)
    )


def _wanted(member_id: str | None, state: str | None) -> model.Wanted:
    return model.Wanted(member_id, one_of(STATES, state, "state"))


def _filters(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_wanted(arguments["member_id"], arguments["state"]), instants=True)


ROOTS["authorityOrders"] = Listed(model.LISTING, _filters)
CHILDREN["AuthorityOrder", "deductions"] = Children(
    model.DEDUCTIONS, "order_no", "order_no", ("order_no", "position")
)
