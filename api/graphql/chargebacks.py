"""Payments that payers' banks dispute: `chargebacks`. A merchant sees its own."""

from typing import Annotated, Any

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.spans import From, To
from domain.channel.channels import CHANNELS
from projections.models import chargebacks as model
from projections.tables.listing import values_of

STATES = ("evidence_due", "represented", "answered", "accepted", "won", "lost")


@shape()
class Chargeback:
    """A chargeback (`kind` chargeback: the channel has taken the money back, and it is held) or a
    retrieval request (retrieval: evidence is wanted). `due` is the last date for evidence, of which
    `evidence` is the SHA-256; `reasonCode` the bank's. `metBy` is the difference that is what was
    taken off for it, `returnedBy` the one that is what came back once it was won."""

    id: ID = of("chargeback_id")
    kind: str
    channel: str
    number: str
    serial: str | None = of("serial", empty=True)
    transaction_id: ID
    merchant_id: ID = of("merchant")
    amount: Money
    reason_code: str | None = of("reason_code", empty=True)
    due: Date
    received_at: Instant
    state: str
    evidence: str | None = of("evidence", empty=True)
    met_by: ID | None
    returned_by: ID | None
    changed_at: Instant
    position: BigInt
    last_position: BigInt


_chargeback = shape_of(Chargeback).node


async def chargebacks(
    info: Info,
    member_id: ID | None = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(STATES)}.")
    ] = None,
    channel: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(CHANNELS)}.")
    ] = None,
    from_: From = None,
    to: To = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Chargeback]:
    """Chargebacks whose evidence is due on the dates `from` up to, not including, `to`, by date:
    all, of a merchant, in a state, of a channel."""
    given = {"member_id": member_id, "state": state, "channel": channel, "from_": from_, "to": to}
    wanted = _wanted(info.context, **given)
    page = await info.context.read(
        lambda books: model.chargebacks(books, wanted, after=after, first=first)
    )
    return connection(
        page, _chargeback, after, lambda books: model.count_chargebacks(books, wanted)
    )


def _wanted(scope: Any, **given: Any) -> model.Wanted:
    """Raises Refused(REQUEST_INVALID, "state" | "channel")."""
    state = one_of(STATES, given["state"], "state")
    channel = one_of(tuple(CHANNELS), given["channel"], "channel")
    merchant = scope.within(given["member_id"])
    return model.Wanted(merchant, channel, state, given["from_"], given["to"])


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    names = ("member_id", "state", "channel", "from_", "to")
    wanted = _wanted(scope, **{name: arguments[name] for name in names})
    return values_of(wanted, instants=False)


ROOTS["chargebacks"] = Listed(model.LISTING, _filters)
