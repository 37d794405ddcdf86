"""What is kept of merchants' money: `reserves`, `deposits`, `deposit`."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.enums import DepositSource, DepositState, ReserveState
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.spans import From, To
from projections.models import deposits as deposit_model
from projections.models import reserves as model
from projections.tables.listing import values_of

RESERVE_STATES: tuple[str, ...] = get_args(model.ReserveState)
DEPOSIT_STATES: tuple[str, ...] = get_args(deposit_model.DepositState)


@shape()
class Reserve:
    """What was withheld of a merchant's releases until `releaseOn`, its rolling reserve. `withheld`
    sums what went in, `returned` what refunds took out, `released` what became the merchant's;
    `recovered` of that covered what it owed. `held` is what is left. `releasedBy` and `reason` are
    of a release before its date."""

    id: ID = of("reserve_id")
    member_id: ID
    release_on: Date
    state: ReserveState
    held: Money
    withheld: Money
    returned: Money
    released: Money
    recovered: Money
    released_by: str | None = of("released_by", empty=True)
    reason: str | None = of("reason", empty=True)
    released_at: Instant | None
    last_position: BigInt


@shape()
class Deposit:
    """A merchant's money that is kept as security until it is given back; `recovered` of it covered
    then what the merchant owed."""

    no: ID = of("deposit_no")
    member_id: ID
    amount: Money
    source: DepositSource
    reason: str
    taken_by: str
    taken_at: Instant
    state: DepositState
    recovered: Money
    return_reason: str | None = of("return_reason", empty=True)
    returned_by: str | None = of("returned_by", empty=True)
    returned_at: Instant | None
    last_position: BigInt


_reserve = shape_of(Reserve).node
_deposit = shape_of(Deposit).node


async def reserves(
    info: Info,
    member_id: ID | None = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(RESERVE_STATES)}.")
    ] = None,
    from_: From = None,
    to: To = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Reserve]:
    """Rolling reserves that are released on the dates `from` up to, not including, `to`, by date;
    all, of a merchant, in a state."""
    wanted = _wanted(info.context, member_id=member_id, state=state, from_=from_, to=to)
    page = await info.context.read(
        lambda books: model.reserves(books, wanted, after=after, first=first)
    )
    return connection(page, _reserve, after, lambda books: model.count_reserves(books, wanted))


async def deposits(
    info: Info,
    member_id: ID | None = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(DEPOSIT_STATES)}.")
    ] = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Deposit]:
    """Deposits in the order they were taken; all, of a merchant, in a state."""
    wanted = _deposits_wanted(info.context, member_id=member_id, state=state)
    page = await info.context.read(
        lambda books: deposit_model.deposits(books, wanted, after=after, first=first)
    )
    return connection(
        page, _deposit, after, lambda books: deposit_model.count_deposits(books, wanted)
    )


async def deposit(info: Info, no: ID) -> Deposit | None:
    """One deposit by its number, for the institution."""
    row = await info.context.read(lambda books: deposit_model.deposit(books, no))
    return _deposit(row) if row else None


def _wanted(scope: Scope, **given: Any) -> model.Wanted:
    """Raises Refused(REQUEST_INVALID, "state")."""
    state = one_of(RESERVE_STATES, given["state"], "state")
    return model.Wanted(scope.within(given["member_id"]), state, given["from_"], given["to"])


def _deposits_wanted(scope: Scope, **given: Any) -> deposit_model.Wanted:
    """Raises Refused(REQUEST_INVALID, "state")."""
    state = one_of(DEPOSIT_STATES, given["state"], "state")
    return deposit_model.Wanted(scope.within(given["member_id"]), state)


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_wanted(scope, **arguments), instants=False)


def _deposit_filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_deposits_wanted(scope, **arguments), instants=False)


ROOTS["reserves"] = Listed(model.LISTING, _filters)
ROOTS["deposits"] = Listed(deposit_model.LISTING, _deposit_filters)
ROOTS["deposit"] = Keyed(deposit_model.TABLE.c.deposit_no, "no")
