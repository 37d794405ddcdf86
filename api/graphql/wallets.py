"""Wallets of personal members: `wallet`."""

from strawberry import ID

from api.graphql.accounts import FIGURES
from api.graphql.enums import AccountStatus
from api.graphql.money import Money
from api.graphql.plan.declared import ROOTS
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import BigInt
from api.graphql.shapes import of, shape, shape_of
from domain.accounting.attachment import available_of, stopped_of
from domain.accounting.chart import WALLET, account_id
from projections.models import balances as model


@shape(currency="currency")
class Wallet:
    """A member's wallet: `available` is the balance less what is held, for payments that are on
    their way and by operators, and what is `stopped` by orders of authorities, or a list. `frozen`
    is empty, `in`, `out` or `both`."""

    member_id: ID = of("owner")
    account_id: ID = of("account")
    balance: Money
    held: Money
    stopped: Money = of(*FIGURES, make=stopped_of)
    available: Money = of(*FIGURES, make=available_of)
    status: AccountStatus
    frozen: str
    last_position: BigInt


async def wallet(info: Info, member_id: ID) -> Wallet | None:
    """The wallet of a member, for the institution; null for one that has none."""
    named = account_id(WALLET, member_id)
    row = await info.context.read(lambda connection: model.account(connection, named))
    return shape_of(Wallet).node(row) if row and row.owner else None


ROOTS["wallet"] = Keyed(model.TABLE.c.owner, "member_id", where=(("code", WALLET),))
