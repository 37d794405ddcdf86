"""What an operator has to look at: each list bounded, each by one query that an index serves.

What hinders a day is kept nowhere by that name. It follows from two things that are: what should
have been done before the open day began, by the read models, and what the books answered when it
was last tried, by the receipts.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, column, literal, select, table, union_all

from domain.accounting.chart import CHANNEL_SHORTAGE, CHANNEL_SURPLUS, account_id
from domain.channel.channels import CHANNELS
from domain.kernel import day_end_us, shanghai_date
from domain.ledger.answer import Outcome, Refusal
from projections.engine.checkpoints import PAUSED, Checkpoint, load
from projections.models import (
    authority_orders,
    balances,
    bills,
    business_days,
    contradictions,
    instructions,
    journal,
    reserves,
    settlement_batches,
    settlement_payouts,
    transactions,
    webhook_endpoints,
)
from projections.models.approvals import Approval
from projections.models.approvals import waiting as waiting_approvals
from projections.models.authority_orders import AuthorityOrder, Deduction
from projections.models.balances import Account
from projections.models.bills import Awaited
from projections.models.business_days import BusinessDay
from projections.models.channels import UnknownNumber
from projections.models.channels import unknown_numbers as reported
from projections.models.contradictions import Contradiction
from projections.models.instructions import Instruction
from projections.models.journal import JournalLine
from projections.models.list_matches import ListMatch, open_matches
from projections.models.refunds import Refund, awaiting_approval
from projections.models.settlement_batches import SettlementBatch
from projections.models.settlement_payouts import Payout
from projections.models.suspense_items import SuspenseItem
from projections.models.suspense_items import waiting as waiting_items
from projections.models.webhook_endpoints import Endpoint
from projections.models.withdrawals import Withdrawal, unapproved
from projections.registry import READ_MODELS

MOST = 50  # Rows of a list.
AWAITED_DAYS = 14
SUSPENSE = (CHANNEL_SHORTAGE, CHANNEL_SURPLUS)
_RECEIPTS = table("receipts", column("number"), column("outcome"))
_outcome = msgspec.json.Decoder(Outcome)
T = TypeVar("T")


class Some(Struct, Generic[T], frozen=True):
    """The first rows of a list, and whether there are more."""

    items: list[T]
    more: bool


class Hindrance(Struct, frozen=True):
    """A step of a day that is over and that was not done: seal, review or settle a batch, release a
    reserve, confirm a transaction. `since` is when it became due; `refusal` what the books answered
    last, None when it was not refused: nobody has tried."""

    step: str
    subject: str
    merchant: str
    since: date
    refusal: Refusal | None = None


class OpenInstruction(Struct, frozen=True):
    """An instruction without a final outcome; `refusal`: the channel has answered, and the books
    did not take the answer."""

    instruction: Instruction
    refusal: Refusal | None


class Suspense(Struct, frozen=True):
    """A suspense account that is not empty, and its newest lines."""

    account: Account
    lines: Some[JournalLine]


def hindrances(connection: Connection) -> Some[Hindrance]:
    """What should have been done before the open day, batches first, the oldest first."""
    day = business_days.latest_day(connection)
    if day is None:
        return Some([], False)
    found: list[tuple[Hindrance, str]] = []
    more = False
    for listed in (_not_sealed, _not_settled, _not_released, _not_confirmed):
        rows = listed(connection, day)
        found += rows[:MOST]
        more = more or len(rows) > MOST
    refusals = _refusals(connection, [prefix for _, prefix in found])
    return Some(
        [msgspec.structs.replace(one, refusal=refusals.get(prefix)) for one, prefix in found],
        more,
    )


def _not_sealed(connection: Connection, day: BusinessDay) -> list[tuple[Hindrance, str]]:
    on = day.accounting_date
    cut_off = on if day.cut_off_position else on - timedelta(days=1)
    batches = settlement_batches.to_seal(connection, cut_off, MOST + 1)
    return [_step("seal", one, one.clearing_date) for one in batches]


def _not_settled(connection: Connection, day: BusinessDay) -> list[tuple[Hindrance, str]]:
    yesterday = day.accounting_date - timedelta(days=1)
    batches = settlement_batches.to_settle(connection, yesterday, MOST + 1)
    return [
        _step("review" if one.state == "closed" else "settle", one, one.due_date or yesterday)
        for one in batches
    ]


def _step(step: str, batch: SettlementBatch, since: date) -> tuple[Hindrance, str]:
    hindrance = Hindrance(step, batch.batch_id, batch.merchant, since)
    return hindrance, f"batch.{step}:{batch.batch_id}:"


def _not_released(connection: Connection, day: BusinessDay) -> list[tuple[Hindrance, str]]:
    due = reserves.due(connection, day.accounting_date - timedelta(days=1), MOST + 1)
    return [
        (
            Hindrance("release", one.reserve_id, one.member_id, one.release_on),
            f"reserve.release:{one.reserve_id}:",
        )
        for one in due
    ]


def _not_confirmed(connection: Connection, day: BusinessDay) -> list[tuple[Hindrance, str]]:
    yesterday = day.accounting_date - timedelta(days=1)
    over = day_end_us(yesterday) - 1
    timers = transactions.awaiting_confirmation(connection, over, MOST + 1)
    return [
        (
            Hindrance(
                "confirm",
                one.transaction_id,
                one.transaction_id.partition("-")[0],
                shanghai_date(one.confirm_by_us),
            ),
            f"confirm:{one.transaction_id}:",
        )
        for one in timers
    ]


def open_instructions(connection: Connection) -> Some[OpenInstruction]:
    """Instructions that were not carried out, or whose outcome is unknown or was refused by the
    books, in the order they were issued."""
    rows = instructions.open_instructions(connection, MOST + 1)
    prefixes = [_outcomes_of(one) for one in rows[:MOST]]
    refusals = _refusals(connection, prefixes)
    items = [OpenInstruction(one, refusals.get(_outcomes_of(one))) for one in rows[:MOST]]
    return Some(items, len(rows) > MOST)


def _outcomes_of(one: Instruction) -> str:
    return f"outcome:{one.instruction_id}:"


def contradicting(connection: Connection) -> Some[Contradiction]:
    """What channels said against what was asked, or against their own word, and whose money has no
    place yet, the oldest first."""
    return _some(contradictions.listed, connection)


def suspense_items(connection: Connection) -> Some[SuspenseItem]:
    """Money that channels moved otherwise than asked and that has no place, the oldest first."""
    return _some(waiting_items, connection)


def unknown_numbers(connection: Connection) -> Some[UnknownNumber]:
    """What channels say, signed, of numbers that nobody here knows, the oldest first."""
    return _some(reported, connection)


def payouts(connection: Connection) -> Some[Payout]:
    """Payouts that failed or were returned, and were not retried since."""
    return _some(settlement_payouts.came_back, connection)


def refunds(connection: Connection) -> Some[Refund]:
    """Refunds above a debt limit that nobody has approved or rejected, the oldest first."""
    return _some(awaiting_approval, connection)


def withdrawals(connection: Connection) -> Some[Withdrawal]:
    """Withdrawals above the limit, which wait for a second person, the oldest first."""
    return _some(unapproved, connection)


def deductions(connection: Connection) -> Some[Deduction]:
    """Deductions that were not paid or came back, whose money is stopped again, the oldest first:
    to be asked for anew, or their order to be lifted."""
    return _some(authority_orders.came_back, connection)


def ending_orders(connection: Connection) -> Some[AuthorityOrder]:
    """Orders of authorities that end within a week of the open day, the first to end first: the
    authority is asked whether it extends them."""
    day = business_days.latest_day(connection)
    if day is None:
        return Some([], False)
    until = day.accounting_date + timedelta(days=7)
    return _some(lambda books, most: authority_orders.ending(books, until, most), connection)


def awaited_bills(connection: Connection) -> Some[Awaited]:
    """Bills that are not there of the last two weeks' days that are over, the oldest first; of a
    channel's kinds those that it has sent before."""
    open_day = business_days.latest_day(connection)
    if open_day is None:
        return Some([], False)
    last = open_day.accounting_date
    over = business_days.days(connection, last - timedelta(days=AWAITED_DAYS), last)
    days = [one.accounting_date for one in over]
    return _some(lambda books, most: bills.awaited(books, days, most), connection)


def list_matches(connection: Connection) -> Some[ListMatch]:
    """Members that match a list and that no person has looked at, the oldest first."""
    return _some(open_matches, connection)


def webhooks(connection: Connection) -> Some[Endpoint]:
    """Endpoints that hear nothing any more: tries ran out, or the receiver said it is gone."""
    return _some(webhook_endpoints.paused, connection)


def approvals(connection: Connection) -> Some[Approval]:
    """What waits for a second person, the oldest first."""
    return _some(waiting_approvals, connection)


def suspense(connection: Connection) -> list[Suspense]:
    """Suspense accounts that are not empty, by account, with their newest lines."""
    ids = [account_id(code, channel) for code in SUSPENSE for channel in CHANNELS]
    accounts = balances.not_zero(connection, ids)
    lines = journal.newest_of(connection, [one.account for one in accounts], MOST + 1)
    return [
        Suspense(one, Some(lines[one.account][:MOST], len(lines[one.account]) > MOST))
        for one in accounts
    ]


def paused(connection: Connection) -> list[Checkpoint]:
    """Read models that stopped at a fact; they answer what was true then."""
    return [one for one in load(connection, READ_MODELS).values() if one.state == PAUSED]


def _some(listed: Callable[[Connection, int], list[T]], connection: Connection) -> Some[T]:
    rows = listed(connection, MOST + 1)
    return Some(rows[:MOST], len(rows) > MOST)


def _refusals(connection: Connection, prefixes: Sequence[str]) -> dict[str, Refusal]:
    """The newest receipt whose number begins with each prefix, where that is a refusal. A prefix
    ends with a colon; what follows is a date, an hour or a minute, so the newest sorts last."""
    receipts = _RECEIPTS.c
    parts = []
    for prefix in prefixes:
        query = select(literal(prefix).label("prefix"), receipts.outcome).where(
            receipts.number > prefix, receipts.number < prefix[:-1] + ";"
        )
        parts.append(select(query.order_by(receipts.number.desc()).limit(1).subquery()))
    found = {}
    for prefix, outcome in connection.execute(union_all(*parts)) if parts else ():
        refused = _outcome.decode(bytes(outcome)).refused
        if refused is not None:
            found[prefix] = refused
    return found
