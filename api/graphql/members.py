"""Members with their terms and operators: `member`, `members`."""

from typing import Annotated, Any, get_args

import strawberry
from strawberry import ID

from api.graphql.access import one_of
from api.graphql.enums import MemberKind, OperatorRole, Product
from api.graphql.money import Money
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.plan.declared import CHILDREN, ROOTS, Arguments, Children
from api.graphql.plan.pages import Listed
from api.graphql.plan.roots import Keyed
from api.graphql.reads import Info
from api.graphql.scalars import Date, Instant
from api.graphql.scope import Scope
from api.graphql.shapes import Shape, of, shape, shape_of
from domain.member.member import Kind
from projections.models import members as model

KINDS: tuple[str, ...] = get_args(Kind)


def _or_0(value: int | None) -> int:
    return value or 0


def _or_empty(value: str | None) -> str:
    return value or ""


@shape()
class FeeRule:
    """What is charged on a sale from a date on: a rate in basis points plus a fixed part, at least
    `min`, at most `cap`."""

    effective_from: Date
    rate_bps: int = of("rate_bps", make=_or_0)
    fixed: Money = of("fixed_fen", make=_or_0)
    min: Money = of("min_fen", make=_or_0)
    cap: Money | None


@shape()
class SettlementTerms:
    """When what was cleared is paid out, from a date on: `T+n` in working days, `D+n` in days,
    `weekly:mon`, `monthly:15`. A payout above `maxTransfer` is split, one below `minPayout` waits.
    Of each release `reserveBps` basis points are withheld for `reserveDays` days."""

    effective_from: Date
    cycle: str = of("cycle", make=_or_empty)
    max_transfer: Money | None
    min_payout: Money = of("min_payout_fen", make=_or_0)
    reserve_bps: int = of("reserve_bps", make=_or_0)
    reserve_days: int = of("reserve_days", make=_or_0)


@shape()
class DebtLimit:
    """The most a merchant may owe for refunds that were advanced, from a date on; null: no limit.
    A refund above it waits for an approval."""

    effective_from: Date
    limit: Money | None


@shape()
class Agreement:
    """Whether a product is agreed, from a date on."""

    product: Product
    effective_from: Date
    in_force: bool


@shape()
class Operator:
    """A person who acts for a member."""

    id: ID = of("operator_id")
    role: OperatorRole


@shape()
class Certification:
    """To which level, 1 to 3, a person's identity is certified from a date on; `sources` are who
    confirmed it, with commas between."""

    effective_from: Date
    level: int
    sources: str
    certified_at: Instant


@shape()
class Member:
    """A member, `personal` or `enterprise`, with every term ever set, oldest first. A person that
    is forgotten is called `forgotten`, since `forgottenAt`."""

    id: ID = of("member_id")
    kind: MemberKind
    name: str
    registered_at: Instant
    fee_rules: list[FeeRule]
    settlement_terms: list[SettlementTerms]
    operators: list[Operator]
    debt_limits: list[DebtLimit]
    agreements: list[Agreement]
    certifications: list[Certification]
    forgotten_at: Instant | None


def _member(row: model.Member) -> Member:
    lists: dict[str, Any] = {
        name: [_LISTS[name].node(one) for one in rows] for name, rows in row.lists.items()
    }
    return shape_of(Member).node(row, **lists)


_LISTS: dict[str, Shape[Any]] = {
    "fee_rules": shape_of(FeeRule),
    "settlement_terms": shape_of(SettlementTerms),
    "debt_limits": shape_of(DebtLimit),
    "agreements": shape_of(Agreement),
    "operators": shape_of(Operator),
    "certifications": shape_of(Certification),
}


async def member(info: Info, id: ID) -> Member | None:
    """One member by its id."""
    whom = info.context.within(id) or id
    row = await info.context.read(lambda connection: model.member(connection, whom))
    return _member(row) if row else None


async def members(
    info: Info,
    kind: Annotated[
        str | None, strawberry.argument(description=f"One of {', '.join(KINDS)}.")
    ] = None,
    first: First = DEFAULT_FIRST,
    after: After = None,
) -> Connection[Member]:
    """Members by id, all or of one kind."""
    one_of(KINDS, kind, "kind")
    page = await info.context.read(
        lambda connection: model.members(connection, kind, after=after, first=first)
    )
    return connection(page, _member, after)


def _filters(_scope: Scope, arguments: Arguments) -> dict[str, Any]:
    kind = one_of(KINDS, arguments["kind"], "kind")
    return {} if kind is None else {"kind": kind}


def _terms(kind: str) -> Children:
    by = "member_id"
    return Children(model.TERMS, by, by, (by, "effective_from"), where={"kind": kind})


ROOTS["member"] = Keyed(model.TABLE.c.member_id, "id", (("member_id",), Scope.may_see))
ROOTS["members"] = Listed(model.LISTING, _filters, counted=False)
CHILDREN["Member", "feeRules"] = _terms("fee")
CHILDREN["Member", "settlementTerms"] = _terms("settlement")
CHILDREN["Member", "debtLimits"] = _terms("debt")
CHILDREN["Member", "operators"] = Children(
    model.OPERATORS, "member_id", "member_id", ("member_id", "operator_id")
)
CHILDREN["Member", "agreements"] = Children(
    model.AGREEMENTS, "member_id", "member_id", ("member_id", "product", "effective_from")
)
CHILDREN["Member", "certifications"] = Children(
    model.CERTIFIED, "member_id", "member_id", ("member_id", "effective_from")
)
