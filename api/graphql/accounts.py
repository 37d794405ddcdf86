"""Accounts and their balances: `account`, `accounts`."""

from typing import Annotated

import strawberry
from strawberry import ID

from api.graphql.describing import object_type
from api.graphql.enums import AccountStatus, AccountType
from api.graphql.money import Money, money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date
from domain.accounting.chart import CHART
from projections.models import account_days, balances
from projections.tables.paging import Page


@object_type
class Account:
    """An account of the chart. `balance` is on its normal side: what an asset holds, what is owed
    on a liability; `available` is the balance less what is held. `frozen` is empty, `in`, `out` or
    `both`; `status` is `open` or `closed`."""

    id: ID
    code: str
    title: str
    owner: str | None
    type: AccountType
    currency: str
    debit: Money
    credit: Money
    balance: Money
    held: Money
    available: Money
    status: AccountStatus
    frozen: str
    postings: BigInt
    last_position: BigInt


def _account(row: balances.Account) -> Account:
    currency = row.currency
    return Account(
        id=ID(row.account),
        code=row.code,
        title=CHART[row.code].title,
        owner=row.owner or None,
        type=AccountType(row.type),
        currency=currency,
        debit=money(row.debit_fen, currency),
        credit=money(row.credit_fen, currency),
        balance=money(row.balance_fen, currency),
        held=money(row.held_fen, currency),
        available=money(row.available_fen, currency),
        status=AccountStatus(row.status),
        frozen=row.frozen,
        postings=BigInt(row.postings),
        last_position=BigInt(row.last_position),
    )


async def account(
    info: Info,
    id: ID,
    as_of: Annotated[
        Date | None, strawberry.argument(description="At the end of this accounting date.")
    ] = None,
) -> Account | None:
    """One account by its id, such as `2241.02.SHOP22`: as it is, or as it was at the end of an
    accounting date, holds and freezes included; null when it was not open then."""
    if as_of is None:
        row = await info.context.read(lambda connection: balances.account(connection, id))
    else:
        on = as_of
        row = await info.context.read(
            lambda connection: account_days.account_as_of(connection, id, on)
        )
    if row is None or not info.context.may_see_account(row.code, row.owner):
        return None
    return _account(row)


async def accounts(
    info: Info,
    owner: Annotated[ID | None, strawberry.argument(description="A member or a channel.")] = None,
    code_prefix: Annotated[
        str | None, strawberry.argument(description="Such as `2241` or `2241.02`.")
    ] = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Account]:
    """Accounts by id, of one owner, of codes with a prefix, or all."""
    reads = info.context
    whose = reads.within(owner)
    page = await reads.read(
        lambda connection: balances.accounts(
            connection, whose, code_prefix or "", after=after, first=first
        )
    )
    seen = [
        (row, cursor)
        for row, cursor in zip(page.items, page.cursors, strict=True)
        if reads.may_see_account(row.code, row.owner)
    ]
    visible = Page([row for row, _ in seen], [cursor for _, cursor in seen], page.has_next)
    return connection(visible, _account, after)
