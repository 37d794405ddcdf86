"""Members with their terms and operators: `member`, `members`."""

from typing import Annotated, get_args

import strawberry
from strawberry import ID

from api.graphql.describing import object_type
from api.graphql.enums import MemberKind, OperatorRole, Product
from api.graphql.money import Money, money, money_or_none
from api.graphql.paging import DEFAULT_FIRST, After, Connection, First, connection
from api.graphql.reads import Info
from api.graphql.scalars import Date, Instant
from domain.member.member import Kind
from domain.refusals import Code, Refused
from projections.models import members as model

KINDS: tuple[str, ...] = get_args(Kind)


@object_type
class FeeRule:
    """What is charged on a sale from a date on: a rate in basis points plus a fixed part, at least
    `min`, at most `cap`."""

    effective_from: Date
    rate_bps: int
    fixed: Money
    min: Money
    cap: Money | None


@object_type
class SettlementTerms:
    """When a clearing date is paid out, from a date on: `T+n` in working days, `D+n` in days. A
    payout above `maxTransfer` is split."""

    effective_from: Date
    cycle: str
    max_transfer: Money | None


@object_type
class DebtLimit:
    """The most a merchant may owe for refunds that were advanced, from a date on; null: no limit.
    A refund above it waits for an approval."""

    effective_from: Date
    limit: Money | None


@object_type
class Agreement:
    """Whether a product is agreed, from a date on."""

    product: Product
    effective_from: Date
    in_force: bool


@object_type
class Operator:
    """A person who acts for a member."""

    id: ID
    role: OperatorRole


@object_type
class Member:
    """A member, `personal` or `enterprise`, with every term ever set, oldest first."""

    id: ID
    kind: MemberKind
    name: str
    registered_at: Instant
    fee_rules: list[FeeRule]
    settlement_terms: list[SettlementTerms]
    operators: list[Operator]
    debt_limits: list[DebtLimit]
    agreements: list[Agreement]


def _fee_rule(terms: model.Terms) -> FeeRule:
    return FeeRule(
        effective_from=Date(terms.effective_from),
        rate_bps=terms.rate_bps or 0,
        fixed=money(terms.fixed_fen or 0),
        min=money(terms.min_fen or 0),
        cap=money_or_none(terms.cap_fen),
    )


def _settlement_terms(terms: model.Terms) -> SettlementTerms:
    return SettlementTerms(
        effective_from=Date(terms.effective_from),
        cycle=terms.cycle or "",
        max_transfer=money_or_none(terms.max_transfer_fen),
    )


def _debt_limit(terms: model.Terms) -> DebtLimit:
    return DebtLimit(
        effective_from=Date(terms.effective_from), limit=money_or_none(terms.limit_fen)
    )


def _agreement(one: model.Agreement) -> Agreement:
    return Agreement(
        product=Product(one.product),
        effective_from=Date(one.effective_from),
        in_force=one.in_force,
    )


def _member(row: model.Member) -> Member:
    return Member(
        id=ID(row.member_id),
        kind=MemberKind(row.kind),
        name=row.name,
        registered_at=Instant(row.registered_at_us),
        fee_rules=[_fee_rule(terms) for terms in row.terms if terms.kind == "fee"],
        settlement_terms=[
            _settlement_terms(terms) for terms in row.terms if terms.kind == "settlement"
        ],
        operators=[
            Operator(id=ID(who.operator_id), role=OperatorRole(who.role)) for who in row.operators
        ],
        debt_limits=[_debt_limit(terms) for terms in row.terms if terms.kind == "debt"],
        agreements=[_agreement(one) for one in row.agreements],
    )


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
    if kind is not None and kind not in KINDS:
        raise Refused(Code.REQUEST_INVALID, "kind", f"one of {', '.join(KINDS)} is needed")
    page = await info.context.read(
        lambda connection: model.members(connection, kind, after=after, first=first)
    )
    return connection(page, _member, after)
