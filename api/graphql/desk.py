"""What an operator has to look at: `desk`. Each list is bounded, and says whether there is more."""

from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection
from strawberry import ID

from api.graphql.approvals import Approval, approval_of
from api.graphql.authorities import (
    AuthorityOrder,
    Deduction,
    authority_order_of,
    deduction_of,
)
from api.graphql.contradictions import (
    Contradiction,
    SuspenseItem,
    contradiction_of,
    suspense_item_of,
)
from api.graphql.describing import object_type, resolved
from api.graphql.enums import DeskStep, InstructionPurpose
from api.graphql.instructions import Instruction, instruction_of
from api.graphql.journal import JournalLine, journal_line
from api.graphql.ledger import Projection, paused_projections
from api.graphql.matches import ListMatch, list_match_of
from api.graphql.money import Money, money
from api.graphql.reads import Info
from api.graphql.refunds import Refund, refund_of
from api.graphql.scalars import BigInt, Date, Instant, instant_or_none
from api.graphql.settlement import Payout, payout_of
from api.graphql.withdrawals import Withdrawal, withdrawal_of
from api.operations import attention
from domain.accounting.chart import CHART
from domain.ledger.answer import Refusal as KeptRefusal
from projections.models.bills import Awaited
from projections.models.business_days import latest_day
from projections.models.channels import UnknownNumber as UnknownNumberRow
from projections.models.refunds import Refund as RefundRow
from projections.models.settlement_payouts import Payout as PayoutRow

ItemT = TypeVar("ItemT")
RowT = TypeVar("RowT")


@object_type
class DeskList(Generic[ItemT]):
    """The first of a list; `more` says that there are others."""

    items: list[ItemT]
    more: bool


@object_type
class BusinessDay:
    """The open accounting date. After `cutOffAt` releases clear with the next date."""

    accounting_date: Date
    opened_at: Instant
    cut_off_at: Instant | None


@object_type
class Refusal:
    """What the books answered: a code of docs/refusals.md, a field, and a sentence."""

    code: str
    field: str
    detail: str


@object_type
class Hindrance:
    """A step of a day that is over and that was not done. `subject` is a batch or a transaction,
    `since` when the step became due. Without a `refusal` nobody has tried it."""

    step: DeskStep
    subject: ID
    merchant_id: ID
    since: Date
    refusal: Refusal | None


@object_type
class OpenInstruction:
    """An instruction without a final outcome. With a `refusal` the channel has answered, and the
    books did not take the answer."""

    instruction: Instruction
    refusal: Refusal | None


@object_type
class CameBack:
    """A payout that failed or was returned, and was not retried since."""

    batch_id: ID
    payout: Payout


@object_type
class RefundToApprove:
    """A refund that nobody has approved or rejected. When `maker` asked for it, it would have
    brought the merchant's debt to `debt`, above its `limit`. Another one than the maker decides."""

    refund: Refund
    debt: Money
    limit: Money
    maker: str


@object_type
class AwaitedBill:
    """A bill that is not there: of a channel, a kind (trade, fund or bank) and a day."""

    channel: str
    kind: str
    date: Date


@object_type
class Suspense:
    """A suspense account of a channel that is not empty, and its newest lines."""

    account: ID
    title: str
    channel: str
    balance: Money
    lines: DeskList[JournalLine]


@object_type
class UnknownNumber:
    """What a channel says, signed, of a `number` of ours that no instruction has, until an operator
    has found out what it is about. `report` counts these on the channel; `said` is succeeded,
    declined, returned, or what ends nothing; `/v1/blobs` has what came under the SHA-256
    `exchange`."""

    channel: str
    report: BigInt
    number: str
    purpose: InstructionPurpose
    said: str
    serial: str
    amount: Money | None
    reason: str
    exchange: str | None
    at: Instant


@object_type
class Desk:
    """What waits for a person; of each list the first 50."""

    @resolved
    async def day(self, info: Info) -> BusinessDay | None:
        """The open day; null before the books are opened."""
        row = await info.context.read(latest_day)
        if row is None:
            return None
        return BusinessDay(
            accounting_date=Date(row.accounting_date),
            opened_at=Instant(row.opened_at_us),
            cut_off_at=instant_or_none(row.cut_off_at_us),
        )

    @resolved
    async def hindrances(self, info: Info) -> DeskList[Hindrance]:
        """What should have been done before the open day: batches to seal, to review and to settle,
        reserves to release, then transactions to confirm."""
        return await _listed(info, attention.hindrances, _hindrance)

    @resolved
    async def instructions(self, info: Info) -> DeskList[OpenInstruction]:
        """Instructions without a final outcome, the oldest first."""
        return await _listed(info, attention.open_instructions, _open_instruction)

    @resolved
    async def contradictions(self, info: Info) -> DeskList[Contradiction]:
        """What channels contradict, whose money has no place yet, the oldest first."""
        return await _listed(info, attention.contradicting, contradiction_of)

    @resolved
    async def suspense_items(self, info: Info) -> DeskList[SuspenseItem]:
        """Surplus and shortage of single instructions, the oldest first."""
        return await _listed(info, attention.suspense_items, suspense_item_of)

    @resolved
    async def unknown_numbers(self, info: Info) -> DeskList[UnknownNumber]:
        """What channels say of numbers that nobody here knows, the oldest first."""
        return await _listed(info, attention.unknown_numbers, _unknown_number)

    @resolved
    async def bills(self, info: Info) -> DeskList[AwaitedBill]:
        """Bills of the last two weeks that are not there, of channels that sent such before."""
        return await _listed(info, attention.awaited_bills, _awaited)

    @resolved
    async def payouts(self, info: Info) -> DeskList[CameBack]:
        """Payouts that wait to be retried."""
        return await _listed(info, attention.payouts, _came_back)

    @resolved
    async def refunds(self, info: Info) -> DeskList[RefundToApprove]:
        """Refunds above the debt limit of their merchant, which wait for an approval."""
        return await _listed(info, attention.refunds, _to_approve)

    @resolved
    async def withdrawals(self, info: Info) -> DeskList[Withdrawal]:
        """Withdrawals above the limit, which wait for a second person."""
        return await _listed(info, attention.withdrawals, withdrawal_of)

    @resolved
    async def deductions(self, info: Info) -> DeskList[Deduction]:
        """Deductions that were not paid, or came back: their money is stopped again."""
        return await _listed(info, attention.deductions, deduction_of)

    @resolved
    async def ending_orders(self, info: Info) -> DeskList[AuthorityOrder]:
        """Orders of authorities that end within a week of the open day."""
        return await _listed(info, attention.ending_orders, authority_order_of)

    @resolved
    async def list_matches(self, info: Info) -> DeskList[ListMatch]:
        """Members that match a list, whom no person has looked at, the oldest first."""
        return await _listed(info, attention.list_matches, list_match_of)

    @resolved
    async def approvals(self, info: Info) -> DeskList[Approval]:
        """What waits for a second person, the oldest first."""
        return await _listed(info, attention.approvals, approval_of)

    @resolved
    async def suspense(self, info: Info) -> list[Suspense]:
        """Money that waits for its owner, by account."""
        return [_suspense(one) for one in await info.context.read(attention.suspense)]

    @resolved
    async def paused_projections(self, info: Info) -> list[Projection]:
        """Read models that have stopped, and why."""
        return await info.context.read(paused_projections)


async def _listed(
    info: Info,
    query: Callable[[Connection], attention.Some[RowT]],
    shown: Callable[[RowT], ItemT],
) -> DeskList[ItemT]:
    found = await info.context.read(query)
    return DeskList(items=[shown(one) for one in found.items], more=found.more)


def _open_instruction(one: attention.OpenInstruction) -> OpenInstruction:
    return OpenInstruction(
        instruction=instruction_of(one.instruction), refusal=_refusal(one.refusal)
    )


def _came_back(one: PayoutRow) -> CameBack:
    return CameBack(batch_id=ID(one.batch_id), payout=payout_of(one))


def _hindrance(one: attention.Hindrance) -> Hindrance:
    return Hindrance(
        step=DeskStep(one.step),
        subject=ID(one.subject),
        merchant_id=ID(one.merchant),
        since=Date(one.since),
        refusal=_refusal(one.refusal),
    )


def _awaited(one: Awaited) -> AwaitedBill:
    return AwaitedBill(channel=one.channel, kind=one.kind, date=Date(one.bill_date))


def _unknown_number(one: UnknownNumberRow) -> UnknownNumber:
    return UnknownNumber(
        channel=one.channel,
        report=BigInt(one.report),
        number=one.number,
        purpose=InstructionPurpose(one.purpose),
        said=one.said,
        serial=one.serial,
        amount=None if one.amount_fen is None else money(one.amount_fen),
        reason=one.reason,
        exchange=one.exchange,
        at=Instant(one.at_us),
    )


def _to_approve(one: RefundRow) -> RefundToApprove:
    return RefundToApprove(
        refund=refund_of(one),
        debt=money(one.debt_fen or 0),
        limit=money(one.limit_fen or 0),
        maker=one.maker or "",
    )


def _refusal(kept: KeptRefusal | None) -> Refusal | None:
    return None if kept is None else Refusal(code=kept.code, field=kept.field, detail=kept.detail)


def _suspense(one: attention.Suspense) -> Suspense:
    account = one.account
    lines = [journal_line(line) for line in one.lines.items]
    return Suspense(
        account=ID(account.account),
        title=CHART[account.code].title,
        channel=account.owner,
        balance=money(account.balance_fen, account.currency),
        lines=DeskList(items=lines, more=one.lines.more),
    )


async def desk(info: Info) -> Desk:
    """What an operator has to look at."""
    return Desk()
