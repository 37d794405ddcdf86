"""The way of money: `moneyTimeline` of a sale, `transitAccounts` and why they are not at zero,
`clearingSessions`."""

from collections.abc import Sequence
from typing import Annotated

import strawberry
from sqlalchemy import Connection
from strawberry import ID

from api.graphql.describing import object_type
from api.graphql.money import Money, money, money_or_none
from api.graphql.reads import Info
from api.graphql.scalars import Date, Instant, instant_or_none
from api.operations.explained import Explained
from api.operations.explaining import explain, transits
from api.operations.timeline import Step
from api.operations.timeline import money_timeline as steps_of
from domain.accounting.chart import title_of_account
from domain.fields import checked_day
from domain.reconciliation.funding import session_id
from domain.refusals import Code, Refused
from projections.models import clearing_sessions as model
from projections.models import quotas
from projections.models.clearing_sessions import ClearingSession as Row

MOST_DAYS = 100
Since = Annotated[Date, strawberry.argument(name="from")]


@object_type
class TimelineStep:
    """A step of a sale's money: paid, matched, arrived, released, withheld, due, paid_out or
    payout_matched. Not `done`: `because` says what it waits for; done, why it was so. `reference`
    is what shows it: the channel's number, a bill and its line, a session, a payout, a statement
    and its line. No `amount`: it is not the sale's own."""

    what: str
    done: bool
    on: Date | None
    at: Instant | None
    amount: Money | None
    channel: str | None
    reference: str | None
    because: str


@object_type
class TransitItem:
    """A part of an account's balance, on its normal side: what it is, since when, and what it waits
    for. `unexplained`: no item accounts for it."""

    name: str
    since: Date | None
    amount: Money
    why: str


@object_type
class TransitAccount:
    """An account on which money waits, and the items whose sum its balance is."""

    account: ID
    title: str
    balance: Money
    items: list[TransitItem]


@object_type
class ClearingSession:
    """A session in which a clearing network pays for a day, one sum over its channels: `due` by
    their bills, `arrived` by the bank's statements, below zero where we pay. `status` is awaited,
    partly (not all bills are there), settled, short or over. `fees`: what the channels took out of
    it, `feesOfOwnFunds` of that came out of own funds."""

    id: ID
    clearing: str
    date: Date
    due: Money
    arrived: Money
    status: str
    awaits: list[str]
    fees: Money
    fees_of_own_funds: Money
    arrived_on: Date | None


@object_type
class ReserveQuota:
    """How much of the reserve account a clearing network may move: `mapped` by an operator on
    `since`, `came` and `went` through it from that day on, and what is `available`."""

    clearing: str
    mapped: Money
    since: Date
    came: Money
    went: Money
    available: Money
    mapped_by: str
    reason: str


async def reserve_quotas(info: Info) -> list[ReserveQuota]:
    """The quotas of the reserve account, by clearing network."""
    return [
        ReserveQuota(
            clearing=one.clearing,
            mapped=money(one.mapped_fen),
            since=Date(one.on),
            came=money(one.came_fen),
            went=money(one.went_fen),
            available=money(one.available_fen),
            mapped_by=one.mapped_by,
            reason=one.reason,
        )
        for one in await info.context.read(quotas.quotas)
    ]


async def money_timeline(info: Info, transaction_id: ID) -> list[TimelineStep] | None:
    """The way of a sale's money, step by step; null if there is no such sale."""
    try:
        steps = await info.context.read(lambda connection: steps_of(connection, transaction_id))
    except Refused as no:
        if no.code is Code.TRANSACTION_NOT_FOUND:
            return None
        raise
    return [_step(one) for one in steps]


async def transit_accounts(info: Info, account: ID | None = None) -> list[TransitAccount]:
    """Transit accounts that are not at zero, or one account, and why; 1001.01 where it is not what
    the bank's newest statement says."""

    def read(connection: Connection) -> list[Explained]:
        wanted: Sequence[str] = [account] if account is not None else transits(connection)
        return [explain(connection, one) for one in wanted]

    return [_transit(one) for one in await info.context.read(read)]


async def clearing_sessions(info: Info, from_: Since, to: Date) -> list[ClearingSession]:
    """Sessions that pay for the days `from` up to, not including, `to`: at most a hundred days."""
    for name, day in (("from", from_), ("to", to)):
        checked_day(day, name)
    if not 0 <= (to - from_).days <= MOST_DAYS:
        raise Refused(Code.DATE_INVALID, "to", f"at most {MOST_DAYS} days, not before from")
    rows = await info.context.read(lambda connection: model.sessions(connection, from_, to))
    return [_session(one) for one in rows if one.bill_date < to]


def _step(one: Step) -> TimelineStep:
    return TimelineStep(
        what=one.what,
        done=one.done,
        on=Date(one.on) if one.on is not None else None,
        at=instant_or_none(one.at_us),
        amount=money_or_none(one.amount_fen or None),
        channel=one.channel or None,
        reference=one.reference or None,
        because=one.because,
    )


def _transit(one: Explained) -> TransitAccount:
    return TransitAccount(
        account=ID(one.account),
        title=title_of_account(one.account),
        balance=money(one.balance_fen),
        items=[
            TransitItem(
                name=item.name,
                since=Date(item.since) if item.since is not None else None,
                amount=money(item.amount_fen),
                why=item.why,
            )
            for item in one.items
        ],
    )


def _session(one: Row) -> ClearingSession:
    return ClearingSession(
        id=ID(session_id(one.clearing, one.bill_date)),
        clearing=one.clearing,
        date=Date(one.bill_date),
        due=money(one.due_fen),
        arrived=money(one.arrived_fen),
        status=one.status,
        awaits=one.awaits.split(",") if one.awaits else [],
        fees=money(one.fees_fen),
        fees_of_own_funds=money(one.own_fen),
        arrived_on=Date(one.arrived_on) if one.arrived_on is not None else None,
    )
