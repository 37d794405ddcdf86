"""Examples of facts with every optional field told: what `examples.py` leaves out is stored too."""

from datetime import date

from msgspec.structs import replace

from domain.accounting import reserve
from domain.accounting.rules import refund as refund_rules
from domain.accounting.rules import settlement
from domain.accounting.rules import suspense as suspense_rules
from domain.approval import approval
from domain.cashier import session
from domain.channel import channel
from domain.channel.network import PaidPart
from domain.channel.routing import Choice, Rejected
from domain.kernel import Fact
from domain.member import agreement, api_access, card, member
from domain.order import order
from domain.payment import contradiction, instruction, payment, suspense
from domain.payment.asked import Destination, Part
from domain.payment.commands import LegAsked
from domain.payment.turnover import Use
from domain.reconciliation import bill
from domain.settlement import batch
from domain.transaction import refund, transaction
from tests import difference_examples, fund_examples, verdict_examples
from tests import entries_before as before
from tests.bill_examples import READ
from tests.examples import (
    AMOUNT,
    BATCH_ID,
    BUYER,
    CARD,
    CONFIRM_BY,
    CONSENT,
    FEE,
    FEE_RULE,
    HOLDER,
    MERCHANT,
    MERCHANT_NAME,
    NET,
    ORDER_NO,
    PAID_AT,
    PARTICULARS,
    PAY_DAY,
    PAYMENT_NO,
    PAYOUT_NO,
    PURCHASE,
    RELEASE_DAY,
    RESERVE_DAY,
    SETTLE_DAY,
    SHARES,
    SUBJECT,
)

DIGEST = "ab" * 32
WECHAT = "WECHAT_PAY"
PARTS = (
    Part(f"{MERCHANT}-{ORDER_NO}", "part1-P1001", 6_000, "1900000022"),
    Part(f"TEA-{ORDER_NO}", "part2-P1001", 4_000),
)
PAID = (PaidPart("part1-P1001", "4200001", 6_000), PaidPart("part2-P1001", "4200002", 4_120))

AGREED = agreement.Terms(
    ("ESCROW_PURCHASE", "INSTANT_PURCHASE"),
    (agreement.Method("JD_PAY"), agreement.Method("WECHAT_PAY", 100, 5_000_000, 90_000_000)),
    (agreement.SubMerchant("WECHAT_PAY", "1900000022"),),
    365,
    50_000,
    "22:30",
)

FULL_EXAMPLES: dict[str, Fact] = {
    "member.settlement_terms_set.1": member.SettlementTermsSet(
        PAY_DAY, "weekly:mon", 5_000_000, 10_000, 1_000, 30
    ),
    "transaction.cleared.1": transaction.Cleared(
        RELEASE_DAY,
        BATCH_ID,
        AMOUNT,
        FEE,
        NET,
        before.released(RELEASE_DAY, MERCHANT, AMOUNT, FEE, 994),
        reserve.Share(RESERVE_DAY, 1_000, 994, 1),
    ),
    "transaction.refund_accepted.1": transaction.RefundAccepted(
        "JD_PAY-C1", 4_000, "escrow", None, 5_000
    ),
    "transaction.refund_reserved.1": transaction.RefundReserved("JD_PAY-C1", 4_000, 5_000),
    "transaction.refund_cleared.1": transaction.RefundCleared(
        "R1002",
        RELEASE_DAY,
        BATCH_ID,
        2_000,
        12,
        1_301,
        300,
        188,
        before.refunded(RELEASE_DAY, MERCHANT, 2_000, paid=(199, 1_301, 300, 188, 12)),
        199,
    ),
    "settlement.batch_opened.1": batch.Opened(
        MERCHANT, RELEASE_DAY, "weekly:thu", 5_000_000, 10_000
    ),
    "settlement.batch_collected.1": batch.Collected(1, AMOUNT, FEE, 0, 8_946, DIGEST, 994),
    "settlement.batch_instructed.1": batch.Instructed(
        (batch.Payout(PAYOUT_NO, 9_000),),
        settlement.payout_instructed(SETTLE_DAY, MERCHANT, 9_000),
        845,
    ),
    "member.registered.1": member.Registered(MERCHANT, "enterprise", MERCHANT_NAME, True),
    "member.fee_rule_set.1": member.FeeRuleSet(PAY_DAY, FEE_RULE, CONSENT),
    "agreement.signed.1": agreement.Signed(PAY_DAY, AGREED),
    "order.payment_started.1": order.PaymentStarted(
        PAYMENT_NO, PAY_DAY, (Use(MERCHANT, "JD_PAY", 4_000), Use("TEA", "JD_PAY", 6_000))
    ),
    "transaction.created.1": transaction.Created(
        ORDER_NO, MERCHANT, BUYER, AMOUNT, SUBJECT, 1, "escrow", FEE_RULE, 365
    ),
    "transaction.paid.2": transaction.Paid(
        PAYMENT_NO, CONFIRM_BY, SHARES, PURCHASE, date(2011, 12, 1)
    ),
    "card.binding_requested.1": card.BindingRequested(
        2, "enterprise", CARD, PARTICULARS, HOLDER, "0002", "legal_representative", "W-2010-7"
    ),
    "card.bound.1": card.Bound(2, CARD, "ICBC20101201000002", 1),
    "instruction.issued.2": instruction.Issued(
        "refund",
        "payment-P1001",
        WECHAT,
        10_000,
        BUYER,
        number="pay-P1001",
        code=WECHAT,
        subject="nuts",
        expires_us=PAID_AT,
        original="pay-P1000",
        part=f"{MERCHANT}-{ORDER_NO}",
        parts=PARTS,
        choice=Choice(WECHAT, "first in order", (Rejected("JD_PAY", "comes later in order"),)),
        merchant=MERCHANT,
        serial="4200001",
        product="REFUND",
        payee=f"order-{ORDER_NO}",
        original_fen=10_120,
        to=Destination(CARD, PARTICULARS, "7894"),
        sub_mchid="1900000022",
        by=Destination(CARD, PARTICULARS, "0002"),
    ),
    "access.commands_given.1": api_access.CommandsGiven(PAY_DAY, None),
    "cashier.opened.1": session.Opened("recharge", BUYER, BUYER, None, "", PAID_AT),
    "cashier.attempted.1": session.Attempted(
        2,
        "S1001-2",
        "",
        (LegAsked("WALLET_BALANCE", 6_000), LegAsked("BANK_CARD", 4_000)),
        10_000,
        card=CARD,
        proof="5f2b0c9e7d1a4f3386c0e7b1d2a49f55",
        factors=("password", "code"),
    ),
    "approval.proposed.1": approval.Proposed(
        "refund",
        "R1001",
        '{"refund_no":"R1001","transaction_id":"SQUIRRELS-JD1001","amount_fen":10000}',
        f"merchant:{MERCHANT}/zhang",
        PAID_AT,
        MERCHANT,
        10_000,
    ),
    "instruction.succeeded.1": instruction.Succeeded("4200001", 3, DIGEST, PAID),
    "instruction.differed.1": instruction.Differed("4200001", 10_000, 10_120, 3, DIGEST, PAID),
    "instruction.unknown.1": instruction.Unknown("refused", PAID_AT, 3, DIGEST, True),
    "instruction.confirmed.1": instruction.Confirmed(3, DIGEST, "declined", "over its limit"),
    "instruction.declined.1": instruction.Declined("over its limit", True, 3, DIGEST),
    "contradiction.established.1": contradiction.Established(
        "more", "4200001", 10_000, 10_120, "awaiting_payer", "another amount", 3, DIGEST, PAID
    ),
    "suspense.opened.1": suspense.Opened(
        "more",
        "pay-P1001",
        "payment-P1001",
        "4200002",
        WECHAT,
        BUYER,
        4_120,
        120,
        f"2241.08.{WECHAT}",
        suspense_rules.amount_differs(PAY_DAY, WECHAT, 120),
        f"TEA-{ORDER_NO}",
    ),
    "channel.unknown_number_reported.1": channel.UnknownNumberReported(
        2, "refund-R9", "refund", "returned", "B9", 600, "no such card", DIGEST
    ),
    "refund.part_succeeded.1": refund.PartSucceeded(
        1, 400, "failed", refund_rules.refund_succeeded(PAY_DAY, WECHAT, 400), "card closed"
    ),
    "payment.sent_back.2": payment.SentBack(
        1, 6_000, "", refund_rules.refund_succeeded(PAY_DAY, WECHAT, 6_000), ""
    ),
    "payment.send_back_failed.2": payment.SendBackFailed(
        1, 4_000, "closed", "kept", refund_rules.refund_to_wallet(PAY_DAY, BUYER, 4_000), "kept"
    ),
    **difference_examples.FULL,
    **fund_examples.FULL,
    **verdict_examples.FULL,
    "bill.imported.1": bill.Imported(
        2, replace(READ, mapping=DIGEST, opening_fen=-1_000, closing_fen=9_000)
    ),
}
