"""Payments: `payment`, `payments`. Legs and instructions of a payment will be fields beside these.

Of a payment for several merchants each sees its own line alone.
"""

import strawberry
from strawberry import ID

from api.graphql.describing import object_type, resolved
from api.graphql.enums import PaymentPurpose, PaymentState
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Instant, instant_or_none
from api.graphql.spans import From, To
from domain.transaction.transaction import identity
from projections.models import payments as model


@object_type
class PaymentLine:
    """What of a payment is meant for one merchant."""

    merchant_id: ID
    transaction_id: ID
    amount: Money


@object_type
class Payment:
    """One attempt to pay an order (`orderNo`), or to recharge a member's wallet (`memberId`),
    through one channel. A merchant sees its own line; `amount` and `reason`, why it was declined
    or went back, are null for a merchant where others are paid by it too."""

    no: ID
    purpose: PaymentPurpose
    state: PaymentState
    order_no: ID | None
    member_id: ID | None
    payer_id: ID
    channel: str | None
    started_at: Instant
    ended_at: Instant | None
    last_position: BigInt
    row: strawberry.Private[model.Payment]

    @resolved
    async def lines(self, info: Info) -> list[PaymentLine]:
        """What it pays, by merchant: those the caller may see. A recharge has none."""
        rows = await info.context.payment_lines.load(self.row.payment_no)
        return [_line(row) for row in rows if info.context.may_see(row.merchant)]

    @resolved
    async def amount(self, info: Info) -> Money | None:
        """What is paid altogether."""
        return money(self.row.amount_fen) if await self._whole(info) else None

    @resolved
    async def reason(self, info: Info) -> str | None:
        """Why it was declined, is unknown, or went back."""
        return (self.row.reason or None) if await self._whole(info) else None

    async def _whole(self, info: Info) -> bool:
        """Whether the caller sees all of it."""
        if info.context.sees_everything:
            return True
        rows = await info.context.payment_lines.load(self.row.payment_no)
        return all(info.context.may_see(row.merchant) for row in rows)


def _line(row: model.PaymentLine) -> PaymentLine:
    return PaymentLine(
        merchant_id=ID(row.merchant),
        transaction_id=ID(identity(row.merchant, row.order_no)),
        amount=money(row.amount_fen),
    )


def _payment(row: model.Payment) -> Payment:
    reference, is_order = ID(row.reference), row.purpose == "order"
    return Payment(
        no=ID(row.payment_no),
        purpose=PaymentPurpose(row.purpose),
        state=PaymentState(row.state),
        order_no=reference if is_order else None,
        member_id=None if is_order else reference,
        payer_id=ID(row.payer),
        channel=row.channel,
        started_at=Instant(row.started_at_us),
        ended_at=instant_or_none(row.ended_at_us),
        last_position=BigInt(row.last_position),
        row=row,
    )


async def payment(info: Info, no: ID) -> Payment | None:
    """One payment by its number."""
    row = await info.context.read(lambda connection: model.payment(connection, no))
    if row is None:
        return None
    if not info.context.sees_everything:
        lines = await info.context.payment_lines.load(row.payment_no)
        if not any(info.context.may_see(line.merchant) for line in lines):
            return None
    return _payment(row)


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
    wanted = model.Wanted(info.context.within(merchant_id), order_no, from_, to)
    page = await info.context.read(
        lambda connection: model.payments(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(page, _payment, after, lambda books: model.count_payments(books, wanted))
