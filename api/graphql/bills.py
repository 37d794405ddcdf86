"""What channels and banks said moved on a day: `bills`."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.enums import BillKind
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from api.graphql.spans import From, To
from domain.channel.channels import CHANNELS
from domain.reconciliation.bills import line
from projections.models import bills as model
from projections.tables.listing import values_of

KINDS: tuple[str, ...] = get_args(line.BillKind)


@shape()
class Bill:
    """One version of a bill. `paid` is what its payments sum to, or what came in; `refunded` of its
    refunds, or what went out; `feeMilliFen` is kept exactly, in thousandths of a fen, below zero
    where more was given back. `opening` and `closing` are the balances it says, if any. No
    `sha256`: the channel said that there was no trade, and `reason` is how that is known; else
    `/v1/blobs` has the file. `mapping` is the SHA-256 of a mapping that was given."""

    id: ID = of("bill_id")
    channel: str
    kind: BillKind
    date: Date = of("bill_date")
    version: BigInt
    sha256: str | None = of("sha256", empty=True)
    format: str | None = of("format", empty=True)
    format_version: BigInt
    mapping: str | None = of("mapping", empty=True)
    lines: BigInt
    payments: BigInt = of("paid")
    paid: Money
    refunds: BigInt = of("refunded")
    refunded: Money
    fee_milli_fen: BigInt
    opening: Money | None
    closing: Money | None
    reason: str | None = of("reason", empty=True)
    taken_by: str
    taken_at: Instant
    position: BigInt


_bill = shape_of(Bill).node


async def bills(
    info: Info,
    channel: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(CHANNELS)}.")
    ] = None,
    kind: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(KINDS)}.")
    ] = None,
    from_: From = None,
    to: To = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Bill]:
    """Versions of bills of the days `from` up to, not including, `to`, by day; those of one day in
    the order they came: all, of a channel, of a kind."""
    wanted = _wanted(channel=channel, kind=kind, from_=from_, to=to)
    page = await info.context.read(
        lambda books: model.bills(
            books, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(page, _bill, after, lambda books: model.count_bills(books, wanted))


def _wanted(**given: Any) -> model.Wanted:
    """Raises Refused(REQUEST_INVALID, "channel" | "kind")."""
    channel = one_of(tuple(CHANNELS), given["channel"], "channel")
    kind = one_of(KINDS, given["kind"], "kind")
    return model.Wanted(channel, kind, given["from_"], given["to"])


def _filters(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    wanted = {name: arguments[name] for name in ("channel", "kind", "from_", "to")}
    return values_of(_wanted(**wanted), instants=False)


ROOTS["bills"] = Listed(model.LISTING, _filters)
