"""The trial balance: `trialBalance`."""

from typing import Annotated

import strawberry

from api.graphql.describing import object_type
from api.graphql.enums import AccountType
from api.graphql.money import Money, money
from api.graphql.reads import Info
from api.graphql.scalars import Date
from projections.models import trial_balance as model


@object_type
class TrialBalanceRow:
    """A chart code's net balance, on the one side where it stands."""

    code: str
    title: str
    type: AccountType
    debit: Money
    credit: Money


@object_type
class TrialBalance:
    """The codes that have moved, by code; `balanced` says that both columns have one total."""

    as_of: Date | None
    rows: list[TrialBalanceRow]
    debits: Money
    credits: Money
    balanced: bool


async def trial_balance(
    info: Info,
    as_of: Annotated[
        Date | None,
        strawberry.argument(description="At the end of this accounting date; null is now."),
    ] = None,
) -> TrialBalance:
    """The trial balance over all accounts, by chart code."""
    found = await info.context.read(lambda connection: model.trial_balance(connection, as_of))
    return TrialBalance(
        as_of=as_of,
        rows=[
            TrialBalanceRow(
                code=row.code,
                title=row.title,
                type=AccountType(row.type),
                debit=money(row.debit_fen),
                credit=money(row.credit_fen),
            )
            for row in found.rows
        ],
        debits=money(found.debits_fen),
        credits=money(found.credits_fen),
        balanced=found.balanced,
    )
