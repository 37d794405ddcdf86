"""The closed registry of facts: stored name -> class, spelled once, by hand, append-only.

A name or a field here never changes meaning. A change gets a new name with the next number and an
upcast in `domain/upcasts.py`; the old golden example stays in the tests for ever.
"""

from types import ModuleType

from domain.accounting import account, reversal
from domain.channel import channel
from domain.clearing import day
from domain.kernel import Fact
from domain.member import member
from domain.order import order
from domain.payment import contradiction, instruction, payment, suspense, transfer
from domain.settlement import batch, carry, published
from domain.transaction import refund, transaction

EVENTS: dict[str, type[Fact]] = {
    "member.registered.1": member.Registered,
    "member.operator_added.1": member.OperatorAdded,
    "member.operator_removed.1": member.OperatorRemoved,
    "member.fee_rule_set.1": member.FeeRuleSet,
    "member.settlement_terms_set.1": member.SettlementTermsSet,
    "member.agreement_signed.1": member.AgreementSigned,
    "member.agreement_ended.1": member.AgreementEnded,
    "member.debt_limit_set.1": member.DebtLimitSet,
    "account.opened.1": account.Opened,
    "account.posted.1": account.Posted,
    "account.held.1": account.Held,
    "account.hold_released.1": account.HoldReleased,
    "account.frozen.1": account.Frozen,
    "account.unfrozen.1": account.Unfrozen,
    "account.closed.1": account.Closed,
    "entry.reversed.1": reversal.Reversed,
    "instruction.issued.2": instruction.Issued,
    "instruction.attempted.1": instruction.Attempted,
    "instruction.answered.1": instruction.Answered,
    "instruction.succeeded.1": instruction.Succeeded,
    "instruction.differed.1": instruction.Differed,
    "instruction.declined.1": instruction.Declined,
    "instruction.unknown.1": instruction.Unknown,
    "instruction.confirmed.1": instruction.Confirmed,
    "instruction.ask_wanted.1": instruction.AskWanted,
    "instruction.close_wanted.1": instruction.CloseWanted,
    "instruction.withheld.1": instruction.Withheld,
    "contradiction.suspected.1": contradiction.Suspected,
    "contradiction.waits.1": contradiction.Waits,
    "contradiction.established.1": contradiction.Established,
    "contradiction.ended.1": contradiction.Ended,
    "payment.started.2": payment.Started,
    "payment.leg_succeeded.1": payment.LegSucceeded,
    "payment.leg_declined.1": payment.LegDeclined,
    "payment.succeeded.2": payment.Succeeded,
    "payment.captured.1": payment.Captured,
    "payment.reopened.1": payment.Reopened,
    "payment.wallet_recharged.1": payment.WalletRecharged,
    "payment.send_back_started.2": payment.SendBackStarted,
    "payment.sent_back.2": payment.SentBack,
    "payment.send_back_failed.2": payment.SendBackFailed,
    "payment.declined.1": payment.Declined,
    "payment.unknown.1": payment.BecameUnknown,
    "suspense.opened.1": suspense.Opened,
    "suspense.send_back_started.1": suspense.SendBackStarted,
    "suspense.sent_back.1": suspense.SentBack,
    "suspense.send_back_failed.1": suspense.SendBackFailed,
    "suspense.placed.1": suspense.Placed,
    "transfer.done.1": transfer.Transferred,
    "transaction.created.1": transaction.Created,
    "transaction.paid.2": transaction.Paid,
    "transaction.completed.1": transaction.Completed,
    "transaction.cleared.1": transaction.Cleared,
    "transaction.refund_accepted.1": transaction.RefundAccepted,
    "transaction.refund_cleared.1": transaction.RefundCleared,
    "transaction.refund_reserved.1": transaction.RefundReserved,
    "transaction.reservation_ended.1": transaction.ReservationEnded,
    "transaction.closed.1": transaction.Closed,
    "refund.requested.2": refund.Requested,
    "refund.approval_requested.1": refund.ApprovalRequested,
    "refund.approved.2": refund.Approved,
    "refund.rejected.1": refund.Rejected,
    "refund.succeeded.1": refund.Succeeded,
    "refund.failed.1": refund.Failed,
    "refund.part_succeeded.1": refund.PartSucceeded,
    "refund.part_failed.1": refund.PartFailed,
    "refund.unknown.1": refund.BecameUnknown,
    "order.placed.1": order.Placed,
    "order.payment_started.1": order.PaymentStarted,
    "order.payment_declined.1": order.PaymentDeclined,
    "order.paid.1": order.Paid,
    "order.closed.1": order.Closed,
    "clearing.day_opened.1": day.Opened,
    "clearing.day_cut_off.1": day.CutOff,
    "clearing.day_closed.1": day.Closed,
    "settlement.batch_opened.1": batch.Opened,
    "settlement.batch_collected.1": batch.Collected,
    "settlement.batch_closed.1": batch.Sealed,
    "settlement.batch_reviewed.1": batch.Reviewed,
    "settlement.batch_matured.1": batch.Matured,
    "settlement.batch_carried_forward.1": batch.CarriedForward,
    "settlement.batch_instructed.1": batch.Instructed,
    "settlement.payout_succeeded.1": batch.PayoutSucceeded,
    "settlement.payout_failed.1": batch.PayoutFailed,
    "settlement.payout_returned.1": batch.PayoutReturned,
    "settlement.payout_retried.1": batch.PayoutRetried,
    "settlement.batch_settled.1": batch.Settled,
    "settlement.carry_changed.1": carry.Changed,
    "channel.registered.1": channel.ChannelRegistered,
    "calendar.published.1": published.Published,
}

NAMES: dict[type[Fact], str] = {fact: name for name, fact in EVENTS.items()}

# Stream category -> the aggregate's module: its State class and `evolve`.
AGGREGATES: dict[str, ModuleType] = {
    "member": member,
    "account": account,
    "reversal": reversal,
    "instruction": instruction,
    "contradiction": contradiction,
    "payment": payment,
    "transfer": transfer,
    "suspense": suspense,
    "transaction": transaction,
    "refund": refund,
    "order": order,
    "day": day,
    "settlement": batch,
    "carry": carry,
    "channel": channel,
    "calendar": published,
}
