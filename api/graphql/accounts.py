"""Accounts and their balances: `account`, `accounts`."""

from typing import Annotated, Any

import strawberry
from msgspec.structs import asdict
from strawberry import ID

from api.graphql.enums import AccountStatus, AccountType
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.books import Books
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed, Whole
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from domain.accounting.attachment import available_of, stopped_of
from domain.accounting.chart import title_of
from projections.models import account_days, balances
from projections.tables.paging import Page

FIGURES = ("balance_fen", "held_fen", *balances.ATTACHED)


@shape(currency="currency")
class Account:
    """An account of the chart. `balance` is on its normal side: what an asset holds, what is owed
    on a liability; `stopped` is what orders of authorities, or a list, stop of it (司法冻结);
    `available` is the balance less what is held or stopped. `frozen` is empty, `in`, `out` or
    `both`; `status` is `open` or `closed`."""

    id: ID = of("account")
    code: str
    title: str = of("code", make=title_of)
    owner: str | None = of("owner", empty=True)
    type: AccountType
    currency: str
    debit: Money
    credit: Money
    balance: Money
    held: Money
    stopped: Money = of(*FIGURES, make=stopped_of)
    available: Money = of(*FIGURES, make=available_of)
    status: AccountStatus
    frozen: str
    postings: BigInt
    last_position: BigInt


_SHAPE = shape_of(Account)


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
    return _SHAPE.node(row)


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
    return connection(visible, _SHAPE.node, after)


def _filters(scope: Scope, arguments: Arguments) -> dict[str, Any]:
    owner = scope.within(arguments["owner"])
    return balances.account_filters(owner, arguments["code_prefix"] or "")


_SEES = (("code", "owner"), Scope.may_see_account)


def _as_of(
    books: Books, scope: Scope, arguments: Arguments, _columns: tuple[str, ...]
) -> dict[str, Any] | None:
    values = {"account": arguments["id"], "as_of": arguments["as_of"]}
    rows = books.rows(books.prepared(account_days.as_of_query, frozenset(values)), values)
    if not rows:
        return None
    found = account_days.account_of(arguments["id"], rows[0])
    return asdict(found) if scope.may_see_account(found.code, found.owner) else None


_AS_OF = Whole(_as_of, lambda _columns: 1, frozenset({account_days.DAYS.name}))
ROOTS["account"] = Keyed(balances.TABLE.c.account, "id", _SEES, "as_of", _AS_OF)
ROOTS["accounts"] = Listed(balances.LISTING, _filters, _SEES, counted=False)
