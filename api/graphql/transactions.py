"""Transactions and the entries that moved their money: `transaction`, `transactions`."""

from typing import Annotated, get_args

import strawberry
from strawberry import ID

from api.graphql.describing import object_type, resolved
from api.graphql.enums import TransactionMode, TransactionState
from api.graphql.journal import Entry, entries_of
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, NewestFirst, connection
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant, instant_or_none
from api.graphql.spans import From, To
from domain.refusals import Code, Refused
from domain.transaction import transaction as aggregate
from projections.models import transactions as model
from projections.tables.paging import MOST_SEARCHED

STATES: tuple[str, ...] = get_args(model.TransactionState)


@object_type
class Transaction:
    """What one merchant sells to one buyer in one order. `state` is created, paid (the money is in
    escrow), completed, refunded or closed. `refunded` is all that went back to the buyer;
    `released` what was released to the merchant and not refunded since; `fee` the fee on that."""

    id: ID
    order_no: str
    merchant_id: ID
    buyer_id: ID
    subject: str
    items: BigInt
    mode: TransactionMode
    state: TransactionState
    amount: Money
    refunded: Money
    released: Money
    fee: Money
    fee_rate_bps: int
    channel: str | None
    payment_no: str | None
    created_at: Instant
    paid_at: Instant | None
    completed_at: Instant | None
    confirm_by: Instant | None
    clearing_date: Date | None
    settlement_batch_id: ID | None
    last_position: BigInt

    @resolved
    async def entries(self, info: Info) -> list[Entry]:
        """Every entry that moved its money, in order."""
        return entries_of(await info.context.entries.load(aggregate.stream(self.id)))


def _transaction(row: model.Transaction) -> Transaction:
    return Transaction(
        id=ID(row.transaction_id),
        order_no=row.order_no,
        merchant_id=ID(row.merchant),
        buyer_id=ID(row.buyer),
        subject=row.subject,
        items=BigInt(row.items),
        mode=TransactionMode(row.mode),
        state=TransactionState(row.state),
        amount=money(row.amount_fen),
        refunded=money(row.refunded_fen),
        released=money(row.released_fen),
        fee=money(row.fee_fen),
        fee_rate_bps=row.fee_rate_bps,
        channel=row.channel,
        payment_no=row.payment_no,
        created_at=Instant(row.created_at_us),
        paid_at=instant_or_none(row.paid_at_us),
        completed_at=instant_or_none(row.completed_at_us),
        confirm_by=instant_or_none(row.confirm_by_us),
        clearing_date=None if row.clearing_date is None else Date(row.clearing_date),
        settlement_batch_id=None if row.batch is None else ID(row.batch),
        last_position=BigInt(row.last_position),
    )


async def transaction(info: Info, id: ID) -> Transaction | None:
    """One transaction by its id, such as `SHOP22-536365`."""
    row = await info.context.read(lambda connection: model.transaction(connection, id))
    return _transaction(row) if row and info.context.may_see(row.merchant) else None


async def transactions(
    info: Info,
    merchant_id: ID | None = None,
    from_: From = None,
    to: To = None,
    state: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(STATES)}.")
    ] = None,
    buyer_id: ID | None = None,
    order_no: ID | None = None,
    text: Annotated[
        str | None,
        strawberry.argument(
            description="Stands in the subject, letter for letter. A page looks at up to "
            f"{MOST_SEARCHED} transactions: it may have fewer than `first`, or none, and go on."
        ),
    ] = None,
    newest_first: NewestFirst = False,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Transaction]:
    """Transactions by the time they were created, on the Shanghai dates `from` up to, not
    including, `to`; all, or those for which all of the arguments hold."""
    if state is not None and state not in STATES:
        raise Refused(Code.REQUEST_INVALID, "state", f"one of {', '.join(STATES)} is needed")
    merchant = info.context.within(merchant_id)
    wanted = model.Wanted(merchant, buyer_id, order_no, state, from_, to, text or None)
    page = await info.context.read(
        lambda connection: model.transactions(
            connection, wanted, newest_first=newest_first, after=after, first=first
        )
    )
    return connection(
        page, _transaction, after, lambda books: model.count_transactions(books, wanted)
    )
