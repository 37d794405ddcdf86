"""Wallets of personal members: `wallet`."""

from typing import Any

from sqlalchemy import Connection
from strawberry import ID

from api.graphql.accounts import FIGURES
from api.graphql.enums import AccountStatus
from api.graphql.money import Money
from api.graphql.plan.books import Books
from api.graphql.plan.declared import INLINE, ROOTS, Arguments, Inline
from api.graphql.plan.roots import Whole
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from domain.accounting.attachment import available_of, stopped_of
from projections.models import balances, business_days, members
from projections.models import wallets as model


@shape()
class WalletCap:
    """A cap on a wallet and what is left of it, counted over all wallets of one customer. `class`
    since `opening` or in a `year`; in a `day` by factors: `signed` by a certificate and another
    one, `two`, `few` for fewer than two; `static` by codes that do not change."""

    name: str
    period: str
    most: Money
    used: Money
    left: Money


@shape()
class WalletUsed:
    """What one customer has paid from all its wallets: since they were opened, withdrawals to own
    cards included; in the year of `day`; on `day`, by factors and by static codes."""

    day: Date | None
    since_opening: Money = of("opening_fen")
    year: Money
    signed: Money
    two_factors: Money = of("two_fen")
    fewer_factors: Money = of("few_fen")
    static_codes: Money = of("static_fen")


@shape(currency="currency")
class Wallet:
    """A member's wallet: `available` is the balance less what is held, for payments that are on
    their way and by operators, and what is `stopped` by orders of authorities, or a list. `frozen`
    is empty, `in`, `out` or `both`. `class` is 1, 2 or 3 on the open business day, the lowest while
    nobody has certified the owner's identity; `caps` are those of that day, and `used` is what they
    count."""

    member_id: ID = of("owner")
    account_id: ID = of("account")
    balance: Money
    held: Money
    stopped: Money = of(*FIGURES, make=stopped_of)
    available: Money = of(*FIGURES, make=available_of)
    status: AccountStatus
    frozen: str
    last_position: BigInt
    class_: int = of("level", name="class")
    caps: list[WalletCap]
    used: WalletUsed


def _node(found: model.Wallet) -> Wallet:
    caps = [shape_of(WalletCap).node(one) for one in found.caps]
    return shape_of(Wallet).node(found, caps=caps, used=shape_of(WalletUsed).node(found.used))


async def wallet(info: Info, member_id: ID) -> Wallet | None:
    """The wallet of a member, for the institution; null for one that has none."""

    def read(connection: Connection) -> model.Wallet | None:
        return model.wallet(connection, member_id)

    row = await info.context.read(read)
    return _node(row) if row else None


def _read(books: Books, _scope: Scope, arguments: Arguments, _columns: tuple[str, ...]) -> Any:
    values = {"member_id": arguments["member_id"]}
    rows = books.rows(books.prepared(model.query, frozenset(values)), values)
    return model.values_of(model.wallet_of(rows[0])) if rows else None


_TABLES = frozenset(
    str(table.name)
    for table in (
        balances.TABLE, business_days.TABLE, members.CERTIFIED, model.OWNERS, model.SPENDING
    )
)  # fmt: skip
ROOTS["wallet"] = Whole(_read, lambda _columns: 1, _TABLES)
INLINE["Wallet", "caps"] = Inline("caps", model.CapLeft.__struct_fields__)
INLINE["Wallet", "used"] = Inline("used", model.Used.__struct_fields__, alone=True)
