"""The reserve proof: `reserveProof`."""

from typing import Any

from api.graphql.enums import AccountType
from api.graphql.money import Money
from api.graphql.plan.books import Books
from api.graphql.plan.declared import INLINE, ROOTS, Arguments, Inline
from api.graphql.plan.roots import Whole
from api.graphql.reads import Info
from api.graphql.scalars import BigInt, Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import shape, shape_of
from domain.accounting.chart import CHART, RESERVE_IDENTITY
from domain.clearing.certificate import sides_of
from projections.models import reserve_certificates as model


@shape()
class ReserveTotal:
    """What all accounts of a chart code had come to; `inIdentity`: it is on a side of the reserve
    identity."""

    code: str
    title: str
    type: AccountType
    in_identity: bool
    balance: Money


@shape()
class ReserveWaiting:
    """What had waited on a chart code for so many days. `items` is 0 where it waits as a balance,
    of which what came last is taken to be there still."""

    code: str
    title: str
    days: str
    items: BigInt
    amount: Money


@shape()
class ReserveProof:
    """What there was for customers (`there`) against what was owed out of it (`owed`) when a
    business day was closed, as it was certified: `position` is that of the day's closing fact,
    `headHash` the hash of its commit."""

    date: Date
    position: BigInt
    head_hash: str
    there: Money
    owed: Money
    totals: list[ReserveTotal]
    unmatched: list[ReserveWaiting]
    suspense: list[ReserveWaiting]
    certified_at: Instant


_SHAPE, _TOTAL, _WAITING = shape_of(ReserveProof), shape_of(ReserveTotal), shape_of(ReserveWaiting)
_TOTAL_COLUMNS = ("code", "title", "type", "in_identity", "balance_fen")
_WAITING_COLUMNS = ("code", "title", "days", "items", "amount_fen")


async def reserve_proof(info: Info, date: Date) -> ReserveProof | None:
    """The certificate of a business day; null: it is not closed, or was closed before there were
    certificates."""
    found = await info.context.read(lambda connection: model.certificate(connection, date))
    if found is None:
        return None
    values = _values(found)
    return _SHAPE.node(
        _Row(values),
        totals=[_TOTAL.node(_named(_TOTAL_COLUMNS, row)) for row in values["totals"]],
        unmatched=[_WAITING.node(_named(_WAITING_COLUMNS, row)) for row in values["unmatched"]],
        suspense=[_WAITING.node(_named(_WAITING_COLUMNS, row)) for row in values["suspense"]],
    )


class _Row:
    """Values by name, as attributes."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


def _named(names: tuple[str, ...], row: tuple[Any, ...]) -> _Row:
    return _Row(dict(zip(names, row, strict=True)))


def _values(found: model.Certificate) -> dict[str, Any]:
    there_fen, owed_fen = sides_of(found.totals)
    sections = {
        section.name: [
            (row.code, CHART[row.code].title, row.days, row.items, row.amount_fen)
            for row in section.rows
        ]
        for section in found.sections
    }
    totals = [
        (
            one.code,
            CHART[one.code].title,
            CHART[one.code].type,
            one.code in RESERVE_IDENTITY,
            one.balance_fen,
        )
        for one in found.totals
    ]
    return {
        "date": found.date,
        "position": found.position,
        "head_hash": found.head_hash,
        "there_fen": there_fen,
        "owed_fen": owed_fen,
        "totals": totals,
        "unmatched": sections.get("unmatched", []),
        "suspense": sections.get("suspense", []),
        "certified_at_us": found.certified_at_us,
    }


def _read(
    books: Books, _scope: Scope, arguments: Arguments, _columns: tuple[str, ...]
) -> dict[str, Any] | None:
    statement = books.prepared(model.query, frozenset({"date"}))
    for row in books.rows(statement, {"date": arguments["date"]}):
        return _values(model.certificate_of(row))
    return None


ROOTS["reserveProof"] = Whole(_read, lambda _columns: 1, frozenset({model.TABLE.name}))
INLINE["ReserveProof", "totals"] = Inline("totals", _TOTAL_COLUMNS)
INLINE["ReserveProof", "unmatched"] = Inline("unmatched", _WAITING_COLUMNS)
INLINE["ReserveProof", "suspense"] = Inline("suspense", _WAITING_COLUMNS)
