"""Members that match a list: `listMatches`."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.enums import ListMatchState
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from projections.models import list_matches as model
from projections.tables.listing import values_of

STATES: tuple[str, ...] = get_args(model.MatchState)


@shape()
class ListMatch:
    """An entry of a list that a member matches, by its identity or by its name alone. `action` is
    `stop`: all its money is stopped until a person has cleared it; or `review`: it is once a person
    has confirmed it. Of the entry its number is known here, and nothing else."""

    member_id: ID
    list_name: str
    entry_no: str
    version: BigInt
    matched_by: str
    action: str
    state: ListMatchState
    matched_at: Instant
    person: str | None = of("person", empty=True)
    reason: str | None = of("reason", empty=True)
    decided_at: Instant | None
    last_position: BigInt


list_match_of = shape_of(ListMatch).node


async def list_matches(
    info: Info,
    member_id: ID | None = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(STATES)}.")
    ] = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[ListMatch]:
    """Matches in the order they were found, for the institution: of a member, or in one state,
    `open` for those that no person has looked at."""
    wanted = _wanted(member_id, state)
    page = await info.context.read(
        lambda books: model.list_matches(
            books, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(page, list_match_of, after, lambda books: model.count_matches(books, wanted))


def _wanted(member_id: str | None, state: str | None) -> model.Wanted:
    return model.Wanted(member_id, one_of(STATES, state, "state"))


def _filters(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_wanted(arguments["member_id"], arguments["state"]), instants=True)


ROOTS["listMatches"] = Listed(model.LISTING, _filters)
