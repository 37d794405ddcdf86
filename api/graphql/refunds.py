"""Refunds: `refund`, `refunds`."""

from typing import Any

from strawberry import ID

from api.graphql.contradictions import SuspenseItem, suspense_items_below, suspense_items_of
from api.graphql.describing import resolved
from api.graphql.enums import LegKind, PartState, RefundStage, RefundState
from api.graphql.instructions import Instruction, instructions_below, instructions_of
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.plan.declared import CHILDREN, ONES_OWN, ROOTS, Arguments, Children
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import from_one, of, shape, shape_of
from api.graphql.spans import From, To
from domain.transaction import refund as aggregate
from projections.models import refund_parts
from projections.models import refunds as model
from projections.tables.listing import values_of


def _or_0(value: int | None) -> int:
    return value or 0


@shape()
class RefundPart:
    """What a refund gives back of one leg of the payment; `leg` is that leg's number."""

    number: int = of("part", make=from_one)
    leg: int = of("leg", make=from_one)
    kind: LegKind
    channel: str | None = of("channel", empty=True)
    amount: Money
    state: PartState
    reason: str | None = of("reason", empty=True)
    instruction_id: ID | None = of("instruction_id", empty=True)


@shape()
class Refund:
    """Money back to the buyer of a transaction. Of a refund after release the money came from the
    merchant's pending and available money, from its share of the rolling reserve, from an advance,
    and from the fee given back; of one out of escrow these are zero. `reason` is what the channel
    said, or who rejected it."""

    no: ID = of("refund_no")
    transaction_id: ID
    merchant_id: ID = of("merchant")
    buyer_id: ID = of("buyer")
    channel: str
    state: RefundState
    stage: RefundStage
    amount: Money
    fee_returned: Money
    from_pending: Money
    from_available: Money
    advanced: Money
    reserve_returned: Money = of("reserve_returned_fen", make=_or_0)
    reason: str | None = of("reason", empty=True)
    requested_at: Instant
    ended_at: Instant | None
    last_position: BigInt

    @resolved
    async def parts(self, info: Info) -> list[RefundPart]:
        """What goes back of each leg, channels first; none before it is approved."""
        return [_PART.node(row) for row in await info.context.refund_parts.load(self.no)]

    @resolved
    async def instructions(self, info: Info) -> list[Instruction] | None:
        """What channels were asked for it, for the institution; null for a merchant."""
        return await instructions_of(info, aggregate.stream(self.no))

    @resolved
    async def suspense_items(self, info: Info) -> list[SuspenseItem] | None:
        """What channels moved for it otherwise than asked, such as a second charge, and what became
        of that, for the institution; null for a merchant."""
        return await suspense_items_of(info, aggregate.stream(self.no))


_PART = shape_of(RefundPart)
refund_of = shape_of(Refund).node


async def refund(info: Info, no: ID) -> Refund | None:
    """One refund by its number."""
    row = await info.context.read(lambda connection: model.refund(connection, no))
    return refund_of(row) if row and info.context.may_see(row.merchant) else None


async def refunds(
    info: Info,
    merchant_id: ID | None = None,
    transaction_id: ID | None = None,
    from_: From = None,
    to: To = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Refund]:
    """Refunds by the time they were requested, on the Shanghai dates `from` up to, not including,
    `to`; all, those of a merchant, or those of a transaction."""
    wanted = _wanted(
        info.context, merchant_id=merchant_id, transaction_id=transaction_id, from_=from_, to=to
    )
    page = await info.context.read(
        lambda connection: model.refunds(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(page, refund_of, after, lambda books: model.count_refunds(books, wanted))


def _wanted(scope: Scope, **given: Any) -> model.Wanted:
    whose = scope.within(given["merchant_id"])
    return model.Wanted(whose, given["transaction_id"], given["from_"], given["to"])


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_wanted(scope, **arguments), instants=True)


ROOTS["refund"] = Keyed(model.TABLE.c.refund_no, "no", ONES_OWN)
CHILDREN["Refund", "parts"] = Children(
    model.PARTS,
    "refund_no",
    "refund_no",
    ("refund_no", "part"),
    beside=frozenset({model.TABLE.name, refund_parts.PARTS_TABLE.name}),
)
CHILDREN["Refund", "instructions"] = instructions_below("refund_no", "refund-")
CHILDREN["Refund", "suspenseItems"] = suspense_items_below("refund_no", "refund-")
ROOTS["refunds"] = Listed(model.LISTING, _filters)
