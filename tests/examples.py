"""Canonical examples: the nuts of Three Squirrels, bought by Li Lei on JD.com.

    1 December 2010, 10:00    order JD1001 over 100.00 yuan, paid through JD_PAY into escrow
    8 December 2010, 10:00    receipt confirmed: 100.00 released, fee 0.60 (60 basis points)
    9 December 2010           (T+1) settled: 99.40 paid out by bank transfer

Fixed ids, times (UTC µs) and amounts (fen). `EXAMPLES` has one fact of every stored name; the rest
is what tests put together from them.
"""

from datetime import date

from domain.accounting import account, deposit, reserve, reversal
from domain.accounting.entry import reversed_entry
from domain.accounting.rules import composite, purchase, settlement, transfer
from domain.accounting.rules import refund as refund_rules
from domain.accounting.rules import reserve as reserve_rules
from domain.accounting.rules import suspense as suspense_rules
from domain.accounting.rules import withdrawal as withdrawal_rules
from domain.clearing import day
from domain.events import NAMES
from domain.kernel import DAY_US, Fact, Recorded
from domain.member import agreement, api_access, member
from domain.member.agreement import STANDARD
from domain.member.terms import Consent
from domain.money import FeeRule
from domain.order import order
from domain.payment import (
    allowance,
    contradiction,
    instruction,
    payment,
    spending,
    suspense,
    turnover,
    wallet_use,
    withdrawal,
)
from domain.payment import transfer as transfers
from domain.payment.asked import Destination
from domain.payment.plan import Leg, Share
from domain.settlement import batch, carry, published
from domain.transaction import refund, transaction
from tests import (
    authority_examples,
    bill_examples,
    channel_examples,
    difference_examples,
    fund_examples,
    member_examples,
    own_examples,
)
from tests import entries_before as before
from tests.member_examples import BUYER, CARD, DIGEST, HOLDER, ORDER_NO, PAID_AT, PARTICULARS

MERCHANT, MERCHANT_NAME = "SQUIRRELS", "三只松鼠旗舰店"
BUYER_NAME = "李雷"
FRIEND = "HANMEIMEI"
PAYMENT_NO, REFUND_NO, TRANSFER_NO = "P1001", "R1001", "X1001"
TRANSACTION_ID = f"{MERCHANT}-{ORDER_NO}"
SUBJECT = "每日坚果 750g"
CHANNEL, PAYOUT_CHANNEL = "JD_PAY", "BANK_TRANSFER"

PAY_DAY, RELEASE_DAY, SETTLE_DAY = date(2010, 12, 1), date(2010, 12, 8), date(2010, 12, 9)
RESERVE_DAY = date(2011, 1, 7)  # 30 days after the release.
CONFIRM_BY = PAID_AT + 7 * DAY_US
SETTLED_AT = PAID_AT + 8 * DAY_US

AMOUNT, FEE, NET = 10_000, 60, 9_940
FEE_RULE = FeeRule(60)
CONSENT = Consent("ZHANG", PAY_DAY, "FEE-2010-7")
BATCH_ID = f"{MERCHANT}-{RELEASE_DAY}"
PAYOUT_NO, RETRY_NO = f"payout-{BATCH_ID}-1", f"payout-{BATCH_ID}-2"
REFERENCE = f"transaction-{TRANSACTION_ID}#2"
CUSTOMER, PROOF = "c5" * 16, "7e" * 16
TO_CARD = Destination(CARD, PARTICULARS, "7894")
MAKER, CHECKER = "operator:lin", "operator:zhao"

LEGS = (Leg("channel", CHANNEL, CHANNEL, AMOUNT),)
SHARES = (Share(0, "channel", CHANNEL, AMOUNT),)
PARTS = (Share(0, "channel", CHANNEL, 1_000),)
PURCHASE = purchase.escrow_purchase(PAY_DAY, CHANNEL, MERCHANT, AMOUNT)

EXAMPLES: dict[str, Fact] = {
    "member.registered.1": member.Registered(MERCHANT, "enterprise", MERCHANT_NAME),
    "member.operator_added.1": member.OperatorAdded("ZHANG", "finance"),
    "member.operator_removed.1": member.OperatorRemoved("ZHANG"),
    "member.fee_rule_set.1": member.FeeRuleSet(PAY_DAY, FEE_RULE),
    "member.settlement_terms_set.1": member.SettlementTermsSet(PAY_DAY, "T+1", 5_000_000),
    "member.agreement_signed.1": member.AgreementSigned("instant", PAY_DAY),
    "member.agreement_ended.1": member.AgreementEnded("instant", SETTLE_DAY),
    "member.debt_limit_set.1": member.DebtLimitSet(PAY_DAY, 50_000),
    "agreement.signed.1": agreement.Signed(PAY_DAY, STANDARD),
    "agreement.ended.1": agreement.Ended(SETTLE_DAY),
    "access.commands_given.1": api_access.CommandsGiven(
        RELEASE_DAY, ("order.checkout", "order.pay")
    ),
    "member.certified.2": member.Certified(
        PAY_DAY, 2, ("police", "telecom", "bank_card"), HOLDER, PARTICULARS, CUSTOMER
    ),
    **member_examples.EXAMPLES,
    "account.opened.1": account.Opened(f"2241.04.{MERCHANT}", "2241.04", MERCHANT, "CNY"),
    "account.posted.1": account.Posted(PAY_DAY, (account.PostedLine(REFERENCE, 0, AMOUNT),)),
    "account.held.1": account.Held(PAYOUT_NO, NET, "payout came back"),
    "account.hold_released.1": account.HoldReleased(PAYOUT_NO, NET),
    "account.frozen.1": account.Frozen("out", "court order 2010-88"),
    "account.unfrozen.1": account.Unfrozen("court order 2010-88 lifted"),
    "account.closed.1": account.Closed(),
    "entry.reversed.1": reversal.Reversed(
        REFERENCE, "paid twice", reversed_entry(PURCHASE, SETTLE_DAY)
    ),
    "instruction.issued.2": instruction.Issued(
        "payment", f"payment-{PAYMENT_NO}", CHANNEL, AMOUNT, BUYER
    ),
    "instruction.attempted.1": instruction.Attempted(
        1, "send", PAID_AT, PAID_AT + 60_000_000, "payP1001"
    ),
    "instruction.answered.1": instruction.Answered(
        "awaiting_payer", "weixin://pay/1001", PAID_AT, PAID_AT + 15_000_000, 1, DIGEST
    ),
    "instruction.differed.1": instruction.Differed("JD20101201000001", AMOUNT, AMOUNT + 300),
    "instruction.confirmed.1": instruction.Confirmed(2, DIGEST),
    "instruction.ask_wanted.1": instruction.AskWanted(PAID_AT),
    "instruction.close_wanted.1": instruction.CloseWanted("the buyer left", PAID_AT),
    "instruction.withheld.1": instruction.Withheld("the payee has no bank account"),
    "contradiction.suspected.1": contradiction.Suspected(
        "second", "JD20101201000002", AMOUNT, "another serial than JD20101201000001"
    ),
    "contradiction.waits.1": contradiction.Waits(2, DIGEST),
    "contradiction.established.1": contradiction.Established(
        "late", "JD20101201000001", AMOUNT, AMOUNT, "declined"
    ),
    "contradiction.ended.1": contradiction.Ended("late", "JD20101201000001", "sent back"),
    "instruction.succeeded.1": instruction.Succeeded("JD20101201000001"),
    "instruction.declined.1": instruction.Declined("insufficient funds"),
    "instruction.unknown.1": instruction.Unknown("no answer within 30 s"),
    "payment.started.2": payment.Started("order", ORDER_NO, BUYER, AMOUNT, LEGS),
    "payment.succeeded.2": payment.Succeeded("order", ORDER_NO, AMOUNT, 0),
    "payment.leg_succeeded.1": payment.LegSucceeded(
        1, 4_000, composite.leg_received(PAY_DAY, CHANNEL, 4_000)
    ),
    "payment.leg_declined.1": payment.LegDeclined(0, "insufficient funds"),
    "payment.leg_rerouted.1": payment.LegRerouted(
        0,
        (Leg("channel", "BANK_CARD", "NETSUNION_CARD", AMOUNT),),
        f"payb-{PAYMENT_NO}",
        f"pay-{PAYMENT_NO}",
        "CHANNEL_BUSY: over its limit",
    ),
    "payment.captured.1": payment.Captured(),
    "payment.reopened.1": payment.Reopened(0, "JD20101201000002"),
    "suspense.opened.1": suspense.Opened(
        "more",
        f"pay-{PAYMENT_NO}",
        f"payment-{PAYMENT_NO}",
        "JD20101201000001",
        CHANNEL,
        BUYER,
        10_300,
        300,
        f"2241.08.{CHANNEL}",
        suspense_rules.amount_differs(PAY_DAY, CHANNEL, 300),
    ),
    "suspense.send_back_started.1": suspense.SendBackStarted(
        300, suspense_rules.surplus_to_send_back(PAY_DAY, CHANNEL, 300)
    ),
    "suspense.sent_back.1": suspense.SentBack(
        300, refund_rules.refund_succeeded(PAY_DAY, CHANNEL, 300)
    ),
    "suspense.send_back_failed.1": suspense.SendBackFailed(
        300, "card closed", refund_rules.refund_to_wallet(PAY_DAY, BUYER, 300)
    ),
    "suspense.placed.1": suspense.Placed(
        300, "wallet", MAKER, suspense_rules.surplus_to_wallet(PAY_DAY, CHANNEL, BUYER, 300)
    ),
    "payment.wallet_recharged.1": payment.WalletRecharged(
        BUYER, 5_000, purchase.recharge(PAY_DAY, "WECHAT_PAY", BUYER, 5_000)
    ),
    "payment.send_back_started.2": payment.SendBackStarted(
        0,
        AMOUNT,
        f"2241.04.{MERCHANT} is closed",
        purchase.payment_to_send_back(PAY_DAY, CHANNEL, AMOUNT),
    ),
    "payment.sent_back.2": payment.SentBack(
        0, AMOUNT, "sent_back", refund_rules.refund_succeeded(PAY_DAY, CHANNEL, AMOUNT)
    ),
    "payment.send_back_failed.2": payment.SendBackFailed(
        0, AMOUNT, "card closed", "kept", refund_rules.refund_to_wallet(PAY_DAY, BUYER, AMOUNT)
    ),
    "payment.declined.1": payment.Declined("order", ORDER_NO, "insufficient funds"),
    "payment.unknown.1": payment.BecameUnknown("no answer within 30 s"),
    "payment.known.1": payment.BecameKnown(),
    "transfer.done.1": transfers.Transferred(
        BUYER, FRIEND, 1_500, transfer.internal_transfer(PAY_DAY, BUYER, FRIEND, 1_500)
    ),
    "withdrawal.requested.1": withdrawal.Requested(
        BUYER,
        TO_CARD,
        AMOUNT,
        10,
        "T+1",
        PAY_DAY,
        date(2010, 12, 2),
        False,
        True,
        True,
        MAKER,
        withdrawal_rules.withdrawal_requested(PAY_DAY, BUYER, AMOUNT, 10),
    ),
    "withdrawal.approved.1": withdrawal.Approved(CHECKER),
    "withdrawal.turned_down.1": withdrawal.TurnedDown(
        "looks odd", CHECKER, withdrawal_rules.withdrawal_given_back(PAY_DAY, BUYER, AMOUNT, 10)
    ),
    "withdrawal.instructed.1": withdrawal.Instructed("withdraw-W1001"),
    "withdrawal.succeeded.1": withdrawal.Succeeded(
        AMOUNT,
        10,
        before.withdrawal_succeeded(PAY_DAY, PAYOUT_CHANNEL, AMOUNT, 10),
    ),
    "withdrawal.failed.1": withdrawal.Failed(
        "card closed", withdrawal_rules.withdrawal_kept(PAY_DAY, PAYOUT_CHANNEL, AMOUNT, 10)
    ),
    "withdrawal.succeeded_late.1": withdrawal.SucceededLate(
        AMOUNT,
        10,
        before.succeeded_late_kept(PAY_DAY, PAYOUT_CHANNEL, AMOUNT, 10),
    ),
    "withdrawal.returned.1": withdrawal.Returned(
        "card closed",
        AMOUNT,
        10,
        before.withdrawal_returned(
            PAY_DAY, PAYOUT_CHANNEL, BUYER, AMOUNT, fee_earned_fen=7, fee_own_fen=3
        ),
    ),
    "allowance.counted.1": allowance.Counted("W1001", PAY_DAY, AMOUNT, False),
    "allowance.ended.1": allowance.Ended("W1001", PAY_DAY, AMOUNT, False, True),
    "use.counted.1": wallet_use.Counted(
        "payment", BUYER, AMOUNT, PAY_DAY, 2, "two", ("password", "code"), PROOF, False
    ),
    "use.given_back.1": wallet_use.GivenBack(AMOUNT, "refunded to the wallet"),
    "spending.counted.1": spending.Counted(
        f"use-payment-{PAYMENT_NO}", PAY_DAY, AMOUNT, "two", False
    ),
    "spending.given_back.1": spending.GivenBack(
        f"use-payment-{PAYMENT_NO}", PAY_DAY, AMOUNT, "two", False
    ),
    "spending.handed_over.1": spending.HandedOver(
        f"c-{CUSTOMER}", spending.Sums(PAY_DAY, AMOUNT, AMOUNT, two_fen=AMOUNT)
    ),
    "spending.taken_over.1": spending.TakenOver(
        BUYER, spending.Sums(PAY_DAY, AMOUNT, AMOUNT, two_fen=AMOUNT)
    ),
    "transaction.created.1": transaction.Created(
        ORDER_NO, MERCHANT, BUYER, AMOUNT, SUBJECT, 2, "escrow", FEE_RULE
    ),
    "transaction.paid.2": transaction.Paid(PAYMENT_NO, CONFIRM_BY, SHARES, PURCHASE),
    "transaction.completed.1": transaction.Completed("timer"),
    "transaction.cleared.1": transaction.Cleared(
        RELEASE_DAY, BATCH_ID, AMOUNT, FEE, NET, before.released(RELEASE_DAY, MERCHANT, AMOUNT, FEE)
    ),
    "transaction.refund_accepted.1": transaction.RefundAccepted(
        REFUND_NO, 1_000, "escrow", refund_rules.refund_from_escrow(PAY_DAY, MERCHANT, 1_000)
    ),
    "transaction.refund_cleared.1": transaction.RefundCleared(
        "R1002",
        RELEASE_DAY,
        BATCH_ID,
        2_000,
        12,
        1_500,
        300,
        188,
        before.refunded(RELEASE_DAY, MERCHANT, 2_000, paid=(0, 1_500, 300, 188, 12)),
    ),
    "transaction.refund_reserved.1": transaction.RefundReserved(REFUND_NO, 1_000),
    "transaction.reservation_ended.1": transaction.ReservationEnded(REFUND_NO, 1_000),
    "transaction.closed.1": transaction.Closed("not paid within 30 minutes"),
    "refund.requested.2": refund.Requested(TRANSACTION_ID, BUYER, 1_000, PARTS),
    "refund.approval_requested.1": refund.ApprovalRequested(
        TRANSACTION_ID, BUYER, CHANNEL, 1_000, 50_988, 50_000, MAKER
    ),
    "refund.approved.2": refund.Approved(1_000, CHECKER, PARTS),
    "refund.rejected.1": refund.Rejected("the goods never came back", CHECKER),
    "refund.succeeded.1": refund.Succeeded(refund_rules.refund_succeeded(PAY_DAY, CHANNEL, 1_000)),
    "refund.failed.1": refund.Failed(
        "card closed", refund_rules.refund_to_wallet(PAY_DAY, BUYER, 1_000)
    ),
    "refund.part_succeeded.1": refund.PartSucceeded(
        0, 600, "", refund_rules.refund_succeeded(PAY_DAY, CHANNEL, 600)
    ),
    "refund.part_failed.1": refund.PartFailed(
        1, 400, "card closed", "failed", refund_rules.refund_to_wallet(PAY_DAY, BUYER, 400)
    ),
    "refund.unknown.1": refund.BecameUnknown("no answer within 30 s"),
    "refund.known.1": refund.BecameKnown(""),
    "turnover.counted.1": turnover.Counted(PAYMENT_NO, PAY_DAY, "JD_PAY", AMOUNT),
    "turnover.given_back.1": turnover.GivenBack(PAYMENT_NO, PAY_DAY, "JD_PAY", AMOUNT),
    "order.placed.1": order.Placed(
        BUYER, "escrow", (order.OrderLine(MERCHANT, AMOUNT, SUBJECT, 2),), AMOUNT
    ),
    "order.payment_started.1": order.PaymentStarted(PAYMENT_NO),
    "order.payment_declined.1": order.PaymentDeclined(PAYMENT_NO, "insufficient funds"),
    "order.paid.1": order.Paid(PAYMENT_NO),
    "order.closed.1": order.Closed("not paid within 30 minutes"),
    "clearing.day_opened.1": day.Opened(PAY_DAY),
    "clearing.day_cut_off.1": day.CutOff(PAY_DAY),
    "clearing.day_closed.1": day.Closed(
        PAY_DAY, (day.Position(CHANNEL, "NETSUNION", AMOUNT, 1_000, 9_000),)
    ),
    "settlement.batch_opened.1": batch.Opened(MERCHANT, RELEASE_DAY, "T+1", 5_000_000),
    "settlement.batch_collected.1": batch.Collected(1, AMOUNT, FEE, 0, NET, DIGEST),
    "reserve.opened.1": reserve.Opened(MERCHANT, RESERVE_DAY),
    "reserve.collected.1": reserve.Collected(994, 149),
    "reserve.released.1": reserve.Released(
        845,
        45,
        "",
        "",
        before.reserve_released(RESERVE_DAY, MERCHANT, 845, 45),
    ),
    "deposit.taken.1": deposit.Taken(
        MERCHANT,
        5_000,
        "available",
        "agreed on 2010-12-01",
        MAKER,
        reserve_rules.deposit_taken(SETTLE_DAY, MERCHANT, 5_000),
    ),
    "deposit.returned.1": deposit.Returned(
        5_000,
        300,
        "the merchant leaves",
        MAKER,
        before.deposit_returned(RESERVE_DAY, MERCHANT, 5_000, 300),
    ),
    "settlement.payable_changed.1": carry.PayableChanged(f"reserve-{MERCHANT}-2011-01-07", 800),
    "settlement.batch_closed.1": batch.Sealed(SETTLE_DAY, 1, 1, NET, DIGEST, MAKER),
    "settlement.batch_reviewed.1": batch.Reviewed(CHECKER),
    "settlement.batch_matured.1": batch.Matured(
        0,
        NET,
        940,
        0,
        before.settlement_matured(SETTLE_DAY, MERCHANT, NET, 940),
    ),
    "settlement.batch_carried_forward.1": batch.CarriedForward(-500, -1_988),
    "settlement.batch_instructed.1": batch.Instructed(
        (batch.Payout(PAYOUT_NO, 9_000),),
        settlement.payout_instructed(SETTLE_DAY, MERCHANT, 9_000),
    ),
    "settlement.payout_succeeded.1": batch.PayoutSucceeded(
        PAYOUT_NO, 9_000, settlement.payout_succeeded(SETTLE_DAY, PAYOUT_CHANNEL, 9_000)
    ),
    "settlement.payout_failed.1": batch.PayoutFailed(
        PAYOUT_NO,
        9_000,
        "account name differs",
        settlement.payout_failed(SETTLE_DAY, MERCHANT, 9_000),
    ),
    "settlement.payout_returned.1": batch.PayoutReturned(
        PAYOUT_NO, 9_000, "account closed", settlement.payout_returned(SETTLE_DAY, MERCHANT, 9_000)
    ),
    "settlement.payout_retried.1": batch.PayoutRetried(
        PAYOUT_NO, RETRY_NO, 9_000, settlement.payout_instructed(SETTLE_DAY, MERCHANT, 9_000)
    ),
    "settlement.batch_settled.1": batch.Settled(9_000),
    "settlement.carry_changed.1": carry.Changed(BATCH_ID, -1_988),
    **channel_examples.EXAMPLES,
    **authority_examples.EXAMPLES,
    **bill_examples.EXAMPLES,
    **difference_examples.EXAMPLES,
    **fund_examples.EXAMPLES,
    **own_examples.EXAMPLES,
    "calendar.published.1": published.Published(
        2,
        date(2026, 12, 1),
        "State Council notice of 2026-11-25",
        (published.YearDays(2027, (date(2027, 1, 1),), (date(2027, 2, 20),)),),
    ),
}


def log(*facts: tuple[str, Fact] | tuple[str, Fact, int]) -> list[Recorded]:
    """Facts as the store gives them back: (stream, fact[, UTC µs]), positions and versions from 1.

    Without a time of its own a fact happened at `PAID_AT`.
    """
    versions: dict[str, int] = {}
    recorded = []
    for position, (stream, fact, *at_us) in enumerate(facts, 1):
        version = versions[stream] = versions.get(stream, 0) + 1
        at = at_us[0] if at_us else PAID_AT
        name = NAMES[type(fact)]
        recorded.append(
            Recorded(position, stream, version, name, at, MAKER, f"request-{position}", "", fact)
        )
    return recorded
