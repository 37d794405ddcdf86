"""Payments: `payment`, `payments`, with their legs, instructions, and what happened to them.

Of a payment for several merchants each sees its own line alone.
"""

from collections.abc import Sequence
from typing import Any

from strawberry import ID

from api.graphql.contradictions import SuspenseItem, suspense_items_below, suspense_items_of
from api.graphql.describing import resolved
from api.graphql.enums import LegKind, LegState, PaymentPurpose, PaymentState, PaymentStepKind
from api.graphql.instructions import Instruction, instructions_below, instructions_of
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection_of
from api.graphql.plan.declared import CHILDREN, GUARDS, ROOTS, Arguments, Children, Guard
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import from_one, of, shape, shape_of
from api.graphql.sharing import shared_nodes
from api.graphql.spans import From, To
from domain.payment import payment as aggregate
from domain.transaction.transaction import identity
from projections.models import payment_legs
from projections.models import payments as model
from projections.tables.listing import values_of


@shape()
class PaymentLine:
    """What of a payment is meant for one merchant."""

    merchant_id: ID = of("merchant")
    transaction_id: ID = of("merchant", "order_no", make=identity)
    amount: Money


@shape()
class PaymentLeg:
    """One source of a payment's money: the wallet, or a `channel`, for a payment `code`. `reason`
    says why it was declined or went back."""

    number: int = of("leg", make=from_one)
    kind: LegKind
    code: str
    channel: str | None = of("channel", empty=True)
    amount: Money
    state: LegState
    reason: str | None = of("reason", empty=True)
    instruction_id: ID | None = of("instruction_id", empty=True)


@shape()
class PaymentStep:
    """What happened at a position of the ledger: to the payment, or to the leg of a number."""

    at: Instant
    what: PaymentStepKind
    leg: int | None = of("leg", make=from_one)
    position: BigInt


def _of_order(purpose: str, reference: str) -> str | None:
    return reference if purpose == "order" else None


def _of_recharge(purpose: str, reference: str) -> str | None:
    return None if purpose == "order" else reference


@shape()
class Payment:
    """One attempt to pay an order (`orderNo`), or to recharge a member's wallet (`memberId`), by
    one leg or several; `channel` is the first that carries one. A merchant sees its own line;
    `amount`, `legs`, `reason`, why it was declined or went back, and `factors` are null for a
    merchant where others are paid by it too."""

    no: ID = of("payment_no")
    purpose: PaymentPurpose
    state: PaymentState
    order_no: ID | None = of("purpose", "reference", make=_of_order)
    member_id: ID | None = of("purpose", "reference", make=_of_recharge)
    payer_id: ID = of("payer")
    channel: str | None
    started_at: Instant
    ended_at: Instant | None
    last_position: BigInt

    @resolved
    async def lines(self, info: Info) -> list[PaymentLine]:
        """What it pays, by merchant: those the caller may see. A recharge has none."""
        rows = await info.context.payment_lines.load(self.no)
        return [_LINE.node(row) for row in rows if info.context.may_see(row.merchant)]

    @resolved
    async def legs(self, info: Info) -> list[PaymentLeg] | None:
        """Where the money comes from, in the order that was asked for."""
        reads = info.context
        if not reads.sees_everything:
            lines = await reads.payment_lines.load(self.no)
            if not all(reads.may_see(line.merchant) for line in lines):
                return None
        return [_LEG.node(row) for row in await reads.payment_legs.load(self.no)]

    @resolved
    async def instructions(self, info: Info) -> list[Instruction] | None:
        """What channels were asked for it, for the institution; null for a merchant."""
        return await instructions_of(info, aggregate.stream(self.no))

    @resolved
    async def suspense_items(self, info: Info) -> list[SuspenseItem] | None:
        """What channels moved for it otherwise than asked, such as a second charge, and what became
        of that, for the institution; null for a merchant."""
        return await suspense_items_of(info, aggregate.stream(self.no))

    @resolved
    async def timeline(self, info: Info) -> list[PaymentStep]:
        """What happened to it, in order."""
        return [_STEP.node(row) for row in await info.context.payment_steps.load(self.no)]

    amount: Money | None = of("amount_fen", whole=True, description="What is paid altogether.")
    reason: str | None = of(
        "reason",
        empty=True,
        whole=True,
        description="Why it was declined, is unknown, or went back.",
    )
    factors: str | None = of(
        "factors",
        whole=True,
        description="How the payer agreed to what the wallet pays: `password`, `code`, "
        "`certificate`, with commas between, or empty; null where no wallet pays.",
    )


_LINE, _SHAPE = shape_of(PaymentLine), shape_of(Payment)
_LEG, _STEP = shape_of(PaymentLeg), shape_of(PaymentStep)


async def _nodes(info: Info, rows: Sequence[model.Payment]) -> list[Payment | None]:
    numbers = [row.payment_no for row in rows]
    return await shared_nodes(info.context, _SHAPE, rows, numbers, info.context.payment_lines)


async def payment(info: Info, no: ID) -> Payment | None:
    """One payment by its number."""
    row = await info.context.read(lambda connection: model.payment(connection, no))
    return (await _nodes(info, [row]))[0] if row else None


async def payments(
    info: Info,
    merchant_id: ID | None = None,
    order_no: ID | None = None,
    from_: From = None,
    to: To = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Payment]:
    """Payments by the time they were started, on the Shanghai dates `from` up to, not including,
    `to`; all, those for a merchant, or those that were tried for an order."""
    wanted = _wanted(info.context, merchant_id=merchant_id, order_no=order_no, from_=from_, to=to)
    page = await info.context.read(
        lambda connection: model.payments(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    # A list has no row without a line of the merchant it is narrowed to.
    nodes = [node for node in await _nodes(info, page.items) if node is not None]
    return connection_of(page, nodes, after, lambda books: model.count_payments(books, wanted))


def _wanted(scope: Scope, **given: Any) -> model.Wanted:
    whose = scope.within(given["merchant_id"])
    return model.Wanted(whose, given["order_no"], given["from_"], given["to"])


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    return values_of(_wanted(scope, **arguments), instants=True)


ROOTS["payment"] = Keyed(model.PAYMENTS.c.payment_no, "no")
ROOTS["payments"] = Listed(model.LISTING, _filters, beside=frozenset({model.LINES.name}))
CHILDREN["Payment", "lines"] = Children(
    model.LINES, "payment_no", "payment_no", ("payment_no", "merchant"), own="merchant"
)
CHILDREN["Payment", "legs"] = Children(
    payment_legs.LEGS,
    "payment_no",
    "payment_no",
    ("payment_no", "leg"),
    whole=True,
    beside=frozenset({model.PAYMENTS.name, payment_legs.LEGS_TABLE.name}),
)
CHILDREN["Payment", "timeline"] = Children(
    payment_legs.STEPS_TOLD,
    "payment_no",
    "payment_no",
    ("payment_no", "position"),
    beside=frozenset({model.PAYMENTS.name, payment_legs.STEPS_TABLE.name}),
)
CHILDREN["Payment", "instructions"] = instructions_below("payment_no", "payment-")
CHILDREN["Payment", "suspenseItems"] = suspense_items_below("payment_no", "payment-")
GUARDS["Payment"] = Guard(model.LINES, "payment_no", "merchant")
