"""Who reacts to what, inside the commit: fact -> reaction -> why, one line each, in this order."""

from collections.abc import Callable

from domain.accounting.commands import open_member_accounts
from domain.clearing import split
from domain.kernel import Fact, Reaction, Unit
from domain.member import member
from domain.order.commands import order_follows_payment
from domain.payment import instruction, payment
from domain.payment.commands import (
    credit_recharged_wallet,
    payment_follows_instruction,
    send_back_follows_instruction,
)
from domain.settlement.commands import collect_cleared, payout_follows_instruction
from domain.transaction import transaction
from domain.transaction.commands import refund_follows_instruction

Policy = Callable[[Unit, Reaction], None]

POLICIES: tuple[tuple[type[Fact], Policy, str], ...] = (
    (member.Registered, open_member_accounts, "a member needs its accounts"),
    (instruction.Succeeded, payment_follows_instruction, "the channel took the buyer's money"),
    (instruction.Succeeded, send_back_follows_instruction, "the channel took a payment back"),
    (instruction.Succeeded, refund_follows_instruction, "the channel paid the buyer back"),
    (instruction.Succeeded, payout_follows_instruction, "the channel paid the merchant"),
    (instruction.Declined, payment_follows_instruction, "the channel refused the payment"),
    (instruction.Declined, send_back_follows_instruction, "what does not go back is kept"),
    (instruction.Declined, refund_follows_instruction, "the refund goes to the buyer's wallet"),
    (instruction.Declined, payout_follows_instruction, "the money is the merchant's again"),
    (instruction.Unknown, payment_follows_instruction, "unknown is a state, never a guess"),
    (instruction.Unknown, refund_follows_instruction, "unknown is a state, never a guess"),
    (payment.Succeeded, order_follows_payment, "it pays the order, or goes back"),
    (payment.Succeeded, credit_recharged_wallet, "a recharge credits the wallet, or goes back"),
    (payment.Declined, order_follows_payment, "a declined order may be paid anew"),
    (transaction.Completed, split.release, "a confirmed transaction is released and split"),
    (transaction.RefundAccepted, split.take_back, "a refund after release takes money back"),
    (transaction.Cleared, collect_cleared, "a release is settled by its date's batch"),
    (transaction.RefundCleared, collect_cleared, "a refund counts in its date's batch"),
)

REACTIONS: dict[type[Fact], tuple[Policy, ...]] = {}
for _fact, _policy, _why in POLICIES:
    REACTIONS[_fact] = (*REACTIONS.get(_fact, ()), _policy)
