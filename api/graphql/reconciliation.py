"""What came of comparing a channel's bill of a day with the books: `reconciliation`."""

from typing import Any

from msgspec.structs import asdict
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.money import Money
from api.graphql.plan.books import Books
from api.graphql.plan.declared import ROOTS, Arguments
from api.graphql.plan.roots import Whole
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import of, shape, shape_of
from domain.channel.channels import CHANNELS
from projections.models import differences
from projections.models import verdicts as model


@shape()
class Reconciliation:
    """The newest verdict on a bill. `matched` of its `lines` the books have too, payments of `paid`
    and refunds of `refunded`; `matchRateBps` is that in basis points. `asOf` is the position of the
    facts it was found in, `revision` counts the verdicts on that day. `pool`: differences that
    later bills may yet settle, `open`: certain ones that nobody has ended; `valueAtRisk` sums what
    waits for both. `digest` is of who matched whom."""

    channel: ID
    date: Date = of("bill_date")
    bill_version: BigInt
    revision: BigInt
    lines: BigInt
    matched: BigInt
    match_rate_bps: BigInt
    paid: Money
    refunded: Money
    fee_milli_fen: BigInt
    pool: BigInt
    open: BigInt
    value_at_risk: Money = of("at_risk_fen")
    digest: str
    as_of: BigInt
    at: Instant = of("at_us")
    by: str
    position: BigInt


_node = shape_of(Reconciliation).node


async def reconciliation(info: Info, date: Date, channel: str) -> Reconciliation | None:
    """What came of a channel's bill of a day; null where it was not reconciled."""
    named = one_of(tuple(CHANNELS), channel, "channel")
    assert named is not None
    row = await info.context.read(lambda books: model.reconciliation(books, named, date))
    return _node(row) if row else None


def _read(
    books: Books, _scope: Scope, arguments: Arguments, _columns: tuple[str, ...]
) -> dict[str, Any] | None:
    channel = one_of(tuple(CHANNELS), arguments["channel"], "channel")
    values = {"channel": channel, "day": arguments["date"]}
    rows = books.rows(books.prepared(model.reconciliation_query, frozenset(values)), values)
    if not rows:
        return None
    found = model.reconciliation_of(rows[0])
    return {**asdict(found), "match_rate_bps": found.match_rate_bps}


_TABLES = frozenset({model.TABLE.name, differences.TABLE.name})
ROOTS["reconciliation"] = Whole(_read, lambda _columns: 1, _TABLES)
