"""The closed sets of what is answered. Each name is the string that the books use: in an answer's
JSON nothing tells an enum from a string. Arguments stay strings, checked in words of ours.

A test holds each of them against the words of the domain.
"""

from enum import Enum
from typing import TypeVar

import strawberry

from api.graphql.describing import description_of

EnumT = TypeVar("EnumT", bound=type[Enum])


def closed_set(cls: EnumT) -> EnumT:
    """Make a class an enum of the schema, described by its docstring."""
    return strawberry.enum(cls, description=description_of(cls))


@closed_set
class AccountType(Enum):
    """What kind of account it is in the chart."""

    asset = "asset"
    liability = "liability"
    equity = "equity"
    income = "income"
    expense = "expense"


@closed_set
class AccountStatus(Enum):
    """Whether an account takes postings."""

    open = "open"
    closed = "closed"


@closed_set
class MemberKind(Enum):
    """A person, or a merchant."""

    personal = "personal"
    enterprise = "enterprise"


@closed_set
class BillKind(Enum):
    """What a bill lists: trades, movements of an account at the channel, or a bank's statement."""

    trade = "trade"
    fund = "fund"
    bank = "bank"


@closed_set
class CardState(Enum):
    """Where a signing stands: ending, its bank is yet to be told; ended, it is over; replaced, by a
    newer signing of the same card."""

    requested = "requested"
    code_sent = "code_sent"
    confirming = "confirming"
    bound = "bound"
    ending = "ending"
    refused = "refused"
    replaced = "replaced"
    ended = "ended"


@closed_set
class OperatorRole(Enum):
    """What a member's operator is."""

    owner = "owner"
    finance = "finance"
    viewer = "viewer"


@closed_set
class Product(Enum):
    """What a merchant may use only by agreement: instant, a sale released with its payment."""

    instant = "instant"


@closed_set
class TransactionMode(Enum):
    """Whether a payment waits in escrow until receipt is confirmed."""

    escrow = "escrow"
    instant = "instant"


@closed_set
class TransactionState(Enum):
    """Paid: the money is in escrow; completed: it was released."""

    created = "created"
    paid = "paid"
    completed = "completed"
    refunded = "refunded"
    closed = "closed"


@closed_set
class OrderState(Enum):
    """Paying: a payment is on its way; a declined one makes it placed again."""

    placed = "placed"
    paying = "paying"
    paid = "paid"
    closed = "closed"


@closed_set
class PaymentPurpose(Enum):
    """What a payment is for."""

    order = "order"
    recharge = "recharge"


@closed_set
class PaymentState(Enum):
    """Unknown: the channel has not said; giving_up: a leg was declined, and others have not ended;
    sending_back, sent_back, kept: nothing could take the money, so it goes back, went back, or the
    channel did not take it back."""

    paying = "paying"
    unknown = "unknown"
    giving_up = "giving_up"
    succeeded = "succeeded"
    sending_back = "sending_back"
    sent_back = "sent_back"
    kept = "kept"
    declined = "declined"


@closed_set
class LegKind(Enum):
    """Where the money of a leg comes from: a wallet, or a channel."""

    wallet = "wallet"
    channel = "channel"


# Made by its words, for `in` is one of Python's.
LegState = Enum(
    "LegState",
    {
        "held": "held",
        "waiting": "waiting",
        "in": "in",
        "captured": "captured",
        "released": "released",
        "declined": "declined",
        "sending_back": "sending_back",
        "sent_back": "sent_back",
        "kept": "kept",
    },
)
LegState.__doc__ = """Held in the wallet; waiting for the channel; in, while others are awaited;
captured, by what is paid; released: what was held is the payer's again; sending_back, sent_back,
kept as of a payment."""
closed_set(LegState)


@closed_set
class PaymentStepKind(Enum):
    """What happened to a payment, or to one of its legs. Known: the channel has answered, after it
    was unknown what became of it."""

    started = "started"
    succeeded = "succeeded"
    leg_succeeded = "leg_succeeded"
    leg_declined = "leg_declined"
    leg_rerouted = "leg_rerouted"
    captured = "captured"
    reopened = "reopened"
    sending_back = "sending_back"
    sent_back = "sent_back"
    kept = "kept"
    declined = "declined"
    unknown = "unknown"
    known = "known"


@closed_set
class PartState(Enum):
    """Failed: the channel did not take it, and the buyer's wallet has it."""

    processing = "processing"
    succeeded = "succeeded"
    failed = "failed"


@closed_set
class AttemptKind(Enum):
    """Whether a channel was sent an order, asked what became of it, or told to close it."""

    send = "send"
    query = "query"
    close = "close"


@closed_set
class RefundState(Enum):
    """Requested: it waits for an approval, and no money moved; failed: the channel did not take it,
    and the buyer's wallet has it."""

    requested = "requested"
    rejected = "rejected"
    processing = "processing"
    unknown = "unknown"
    succeeded = "succeeded"
    failed = "failed"


@closed_set
class AuthorityOrderState(Enum):
    """Lifted: by a document; ended: its last date is over; executed: all of it was taken."""

    in_force = "in_force"
    lifted = "lifted"
    ended = "ended"
    executed = "executed"


@closed_set
class ListMatchState(Enum):
    """Open: no person has looked at it; cleared: it is somebody else."""

    open = "open"
    confirmed = "confirmed"
    cleared = "cleared"


@closed_set
class DeductionState(Enum):
    """Failed: the bank did not pay it; returned: it sent it back after it had paid."""

    instructed = "instructed"
    succeeded = "succeeded"
    failed = "failed"
    returned = "returned"


@closed_set
class WithdrawalState(Enum):
    """Unapproved: it waits for a second operator; waiting: for its date; failed or turned down: the
    wallet has it again; returned: the bank sent it back after it had paid."""

    unapproved = "unapproved"
    waiting = "waiting"
    instructed = "instructed"
    succeeded = "succeeded"
    failed = "failed"
    turned_down = "turned_down"
    returned = "returned"


@closed_set
class RefundStage(Enum):
    """Where the money of a refund was: in escrow, or released to the merchant."""

    escrow = "escrow"
    released = "released"


@closed_set
class InstructionPurpose(Enum):
    """What a channel is asked for."""

    payment = "payment"
    refund = "refund"
    payout = "payout"


@closed_set
class InstructionState(Enum):
    """Issued: the channel was not asked yet, or has not answered; sent: it was asked; unknown: it
    cannot say; differs: it succeeded with another amount than asked."""

    issued = "issued"
    sent = "sent"
    awaiting_payer = "awaiting_payer"
    processing = "processing"
    unknown = "unknown"
    succeeded = "succeeded"
    differs = "differs"
    declined = "declined"


@closed_set
class BatchState(Enum):
    """How far a settlement batch is."""

    collecting = "collecting"
    closed = "closed"
    reviewed = "reviewed"
    instructed = "instructed"
    partly_paid = "partly_paid"
    failed = "failed"
    returned = "returned"
    settled = "settled"
    carried_forward = "carried_forward"


@closed_set
class PayoutStatus(Enum):
    """What became of a transfer; retried: by a later one."""

    instructed = "instructed"
    succeeded = "succeeded"
    failed = "failed"
    returned = "returned"
    retried = "retried"


@closed_set
class ItemKind(Enum):
    """What a batch settles: a sale that was released, a refund taken back, or a chargeback."""

    sale = "sale"
    refund = "refund"
    chargeback = "chargeback"


@closed_set
class StatementKind(Enum):
    """The figure of a statement that a line belongs to."""

    sales = "sales"
    refunds = "refunds"
    fees = "fees"
    settled = "settled"
    recovered = "recovered"
    withheld = "withheld"
    released = "released"
    deposited = "deposited"
    paid_in = "paid_in"


@closed_set
class ReserveState(Enum):
    """Whether something of a reserve is held, or all was released."""

    held = "held"
    released = "released"


@closed_set
class DepositState(Enum):
    """Whether a deposit is held, or was given back."""

    held = "held"
    returned = "returned"


@closed_set
class DepositSource(Enum):
    """Where a deposit came from: what was available to the merchant, or from outside, as the bank
    statement shows."""

    available = "available"
    statement = "statement"


@closed_set
class ProjectionState(Enum):
    """Paused: it stopped at a fact, and says why."""

    running = "running"
    paused = "paused"


@closed_set
class DeskStep(Enum):
    """A step of a day: of a settlement batch, to release a reserve whose date has come, or to
    confirm a transaction whose time ran out."""

    seal = "seal"
    review = "review"
    settle = "settle"
    confirm = "confirm"
    release = "release"
