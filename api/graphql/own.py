"""The institution's own money: `ownMovements`, `topUps`. For the institution alone."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from domain.accounting import own_funds, topup
from projections.models import own_movements as model
from projections.models import top_ups as top_up_model
from projections.tables.listing import values_of

KINDS: tuple[str, ...] = get_args(own_funds.Kind)
STATES: tuple[str, ...] = get_args(model.State)
DIRECTIONS: tuple[str, ...] = get_args(topup.Direction)


@shape()
class OwnMovement:
    """A movement of own funds: capital, buffer, interest, or sweep (fees that leave the reserve).
    `state` is instructed (a sweep that the bank is to do), posted (`statement` is the line that
    shows it) or called_off, for `endReason`. `askedBy` and `endedBy` are persons, or who compared a
    statement that shows what nobody had asked for."""

    no: ID = of("movement_no")
    kind: str
    amount: Money
    state: str
    reason: str | None = of("reason", empty=True)
    asked_by: str
    asked_at: Instant
    statement: str | None = of("statement", empty=True)
    ended_by: str | None = of("ended_by", empty=True)
    ended_at: Instant | None
    end_reason: str | None = of("end_reason", empty=True)
    position: BigInt
    last_position: BigInt


def _state(statement: str) -> str:
    return "arrived" if statement else "underway"


@shape()
class TopUp:
    """Own funds that an entry moved into the reserve (`direction` in), or out of it (out): underway
    on 1122.06 until `statement`, a line of the bank's, has shown them. `reference` is of the fact
    whose entry it was."""

    reference: ID
    direction: str
    amount: Money
    state: str = of("statement", make=_state)
    statement: str | None = of("statement", empty=True)
    position: BigInt
    last_position: BigInt


_movement = shape_of(OwnMovement).node
_top_up = shape_of(TopUp).node


async def own_movements(
    info: Info,
    kind: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(KINDS)}.")
    ] = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(STATES)}.")
    ] = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[OwnMovement]:
    """Movements of own funds in the order they began; all, of a kind, in a state."""
    wanted = _wanted(kind=kind, state=state)
    page = await info.context.read(
        lambda books: model.movements(books, wanted, after=after, first=first)
    )
    return connection(page, _movement, after, lambda books: model.count_movements(books, wanted))


async def top_ups(
    info: Info,
    direction: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(DIRECTIONS)}.")
    ] = None,
    state: Annotated[
        str | None,
        strawberry.argument(description=f"One of {', '.join(top_up_model.STATES)}."),
    ] = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[TopUp]:
    """Top-ups of the reserve in the order they were decided; all, in a direction, in a state."""
    wanted = _top_ups_wanted(direction=direction, state=state)
    page = await info.context.read(
        lambda books: top_up_model.listed(books, wanted, after=after, first=first)
    )
    return connection(page, _top_up, after, lambda books: top_up_model.count_listed(books, wanted))


def _wanted(**given: Any) -> model.Wanted:
    """Raises Refused(REQUEST_INVALID, "kind" | "state")."""
    kind = one_of(KINDS, given["kind"], "kind")
    return model.Wanted(kind, one_of(STATES, given["state"], "state"))


def _top_ups_wanted(**given: Any) -> top_up_model.Wanted:
    """Raises Refused(REQUEST_INVALID, "direction" | "state")."""
    direction = one_of(DIRECTIONS, given["direction"], "direction")
    return top_up_model.Wanted(direction, one_of(top_up_model.STATES, given["state"], "state"))


def _of_movements(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    wanted = _wanted(kind=arguments["kind"], state=arguments["state"])
    return values_of(wanted, instants=False)


def _of_top_ups(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    wanted = _top_ups_wanted(direction=arguments["direction"], state=arguments["state"])
    return values_of(wanted, instants=False)


ROOTS["ownMovements"] = Listed(model.LISTING, _of_movements)
ROOTS["topUps"] = Listed(top_up_model.LISTING, _of_top_ups)
