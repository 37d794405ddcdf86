"""The trial balance: `trialBalance`."""

from typing import Annotated, Any

import strawberry
from msgspec.structs import asdict, astuple

from api.graphql.enums import AccountType
from api.graphql.money import Money
from api.graphql.plan.books import Books
from api.graphql.plan.declared import INLINE, ROOTS, Arguments, Inline
from api.graphql.plan.roots import Whole
from api.graphql.reads import Info
from api.graphql.scalars import Date
from api.graphql.scope import Scope
from api.graphql.shapes import shape, shape_of
from projections.models import trial_balance as model


@shape()
class TrialBalanceRow:
    """A chart code's net balance, on the one side where it stands."""

    code: str
    title: str
    type: AccountType
    debit: Money
    credit: Money


@shape()
class TrialBalance:
    """The codes that have moved, by code; `balanced` says that both columns have one total."""

    as_of: Date | None
    rows: list[TrialBalanceRow]
    debits: Money
    credits: Money
    balanced: bool


_SHAPE, _ROW = shape_of(TrialBalance), shape_of(TrialBalanceRow)


async def trial_balance(
    info: Info,
    as_of: Annotated[
        Date | None,
        strawberry.argument(description="At the end of this accounting date; null is now."),
    ] = None,
) -> TrialBalance:
    """The trial balance over all accounts, by chart code."""
    found = await info.context.read(lambda connection: model.trial_balance(connection, as_of))
    return _SHAPE.node(found, rows=[_ROW.node(row) for row in found.rows])


def _read(
    books: Books, _scope: Scope, arguments: Arguments, _columns: tuple[str, ...]
) -> dict[str, Any]:
    as_of = arguments["as_of"]
    values = {} if as_of is None else {"as_of": as_of}
    statement = books.prepared(model.nets_query, frozenset(values))
    found = model.balance_of(books.rows(statement, values), as_of)
    rows = [astuple(row) for row in found.rows]
    return {**asdict(found), "rows": rows, "balanced": found.balanced}


_TABLES = frozenset({model.DAYS.name})
ROOTS["trialBalance"] = Whole(_read, lambda _columns: 1, _TABLES)
INLINE["TrialBalance", "rows"] = Inline("rows", model.TrialRow.__struct_fields__)
