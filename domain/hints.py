"""Which streams a command is sure to need, so that a batch of commands reads them in one query.

A hint, never a rule: what a handler needs beyond them is read when it asks. Streams that a command
begins under a number of its own are told apart: they hardly ever exist before. Where one stream
names the next, that one is read for all commands together too: as a server that has just started
has nothing in memory, it would else read them one by one.
"""

from collections.abc import Callable
from typing import Any

from domain.accounting import account, deposit, own_funds, reserve, topup
from domain.accounting import commands as accounting
from domain.accounting.chart import (
    ENTERPRISE_ACCOUNTS,
    MEMBER_ACCOUNTS,
    PERSONAL_ACCOUNTS,
    WALLET,
    account_id,
    split_id,
)  # fmt: skip
from domain.approval import approval
from domain.approval import commands as approving
from domain.authority import deduction
from domain.authority import order as authority_order
from domain.cashier import commands as cashier
from domain.cashier import session
from domain.cashier import withdrawing as leaving
from domain.channel import channel
from domain.member import (
    agreement,
    api_access,
    card,
    certificate,
    member,
    staff,
    webhook,
)  # fmt: skip
from domain.member import commands as membership
from domain.order import commands as ordering
from domain.order import order
from domain.payment import (
    allowance,
    asking,
    contradiction,
    forgetting,
    instruction,
    payment,
    spending,
    withdrawal,
)  # fmt: skip
from domain.payment import commands as paying
from domain.reconciliation import bill, chargeback, difference, judging, verdict
from domain.screening import lists, match
from domain.settlement import batch, published, withdrawing
from domain.settlement import commands as settling
from domain.transaction import commands as trading
from domain.transaction import refund, transaction

Hint = Callable[[Any], list[str]]
StateOf = Callable[[str], Any]  # A stream's state if it is in memory, else None.
Chain = Callable[[Any, StateOf], list[str]]
LONGEST_CHAIN = 3  # Steps from what a command names itself.


def of_none(_command: Any) -> list[str]:
    """Of what needs nothing for certain."""
    return []


def of_checkout(command: ordering.Checkout) -> list[str]:
    sellers = [member.stream(line.merchant) for line in command.lines]
    signed = [agreement.stream(line.merchant) for line in command.lines]
    return [member.stream(command.buyer), *sellers, *signed]


def of_ordered(command: ordering.Checkout) -> list[str]:
    sold = [transaction.identity(line.merchant, command.order_no) for line in command.lines]
    return [order.stream(command.order_no), *map(transaction.stream, sold)]


def of_paid_by(command: Any) -> list[str]:
    number = command.payment_no
    return [payment.stream(number), instruction.stream(payment.instruction_id(number))]


def of_proposed(command: approving.Propose) -> list[str]:
    """What may be done at once begins no approval for certain."""
    return [] if command.alone_fen is not None else [approval.stream(command.approval_id)]


def _one(stream: Callable[[str], str], field: str) -> Hint:
    """The stream of what a field of the command names."""
    return lambda command: [stream(getattr(command, field))]


of_refund = _one(transaction.stream, "transaction_id")
of_waiting = _one(refund.stream, "refund_no")
of_instruction = _one(instruction.stream, "instruction_id")
of_withdrawal = _one(withdrawal.stream, "withdrawal_no")
of_session = _one(session.stream, "session_no")
of_order = _one(order.stream, "order_no")
of_member = _one(member.stream, "member_id")
of_approval = _one(approval.stream, "approval_id")
of_binding = _one(card.stream, "member_id")
of_account = _one(account.stream, "account")
of_channel = _one(channel.stream, "channel")
of_batch = _one(batch.stream, "batch_id")
of_deposit = _one(deposit.stream, "deposit_no")
of_authority = _one(authority_order.stream, "order_no")
of_chargeback = _one(chargeback.stream, "chargeback")
of_difference = _one(difference.stream, "difference")
of_deduction = _one(deduction.stream, "deduction_no")


def of_refunded_by(command: trading.RefundTransaction) -> list[str]:
    number = command.refund_no
    return [refund.stream(number), instruction.stream(refund.instruction_id(number))]


def of_instructed(command: trading.ApproveRefund) -> list[str]:
    return [instruction.stream(refund.instruction_id(command.refund_no))]


def of_answered(command: asking.RecordAnswer) -> list[str]:
    beside = contradiction.stream(command.instruction_id)
    return [instruction.stream(command.instruction_id), beside]


def to_nothing(_command: Any, _state_of: StateOf) -> list[str]:
    """Of what leads nowhere."""
    return []


def to_what_is_paid(command: asking.RecordAnswer, state_of: StateOf) -> list[str]:
    """A success leads from its instruction to the payment, the order and its transactions: the
    first of these that is not in memory, or the last."""
    asked = state_of(instruction.stream(command.instruction_id))
    if command.said != "succeeded" or asked is None or asked.purpose != "payment":
        return []
    paying = state_of(asked.reference)
    if paying is None:
        return [asked.reference]
    if paying.started is None or paying.started.purpose != "order":
        return []
    order_no = paying.started.reference
    ordered = state_of(order.stream(order_no))
    if ordered is None:
        return [order.stream(order_no)]
    lines = ordered.placed.lines if ordered.placed is not None else ()
    return [transaction.stream(transaction.identity(one.merchant, order_no)) for one in lines]


def of_transfer(command: paying.TransferMoney) -> list[str]:
    return [
        account.stream(account_id(WALLET, command.payer)),
        account.stream(account_id(WALLET, command.payee)),
        member.stream(command.payer),
        spending.stream(command.payer),
    ]


def of_withdraws(command: withdrawing.RequestWithdrawal) -> list[str]:
    wallet = account.stream(account_id(WALLET, command.member_id))
    return [*of_cards(command), allowance.stream(command.member_id), wallet, published.STREAM]


def of_withdrawn_by(command: withdrawing.RequestWithdrawal) -> list[str]:
    number = command.withdrawal_no
    instructed = instruction.stream(withdrawal.instruction_id(number))
    return [withdrawal.stream(number), instructed]


def of_chosen(command: cashier.PaySession) -> list[str]:
    number = session.payment_no(command.session_no, command.attempt)
    return [payment.stream(number), instruction.stream(payment.instruction_id(number))]


def of_leaves(command: leaving.WithdrawBySession) -> list[str]:
    number = session.payment_no(command.session_no, command.attempt)
    return [withdrawal.stream(number), instruction.stream(withdrawal.instruction_id(number))]


def of_register(command: membership.RegisterMember) -> list[str]:
    codes = PERSONAL_ACCOUNTS + ENTERPRISE_ACCOUNTS
    accounts = [account.stream(account_id(code, command.member_id)) for code in codes]
    return [member.stream(command.member_id), *accounts]


def of_agreement(command: Any) -> list[str]:
    return [member.stream(command.member_id), agreement.stream(command.member_id)]


def of_api(command: Any) -> list[str]:
    return [member.stream(command.member_id), api_access.stream(command.member_id)]


def of_staff(_command: Any) -> list[str]:
    return [staff.STREAM]


def of_cards(command: Any) -> list[str]:
    return [member.stream(command.member_id), card.stream(command.member_id)]


def of_certificates(command: Any) -> list[str]:
    return [member.stream(command.member_id), certificate.stream(command.member_id)]


def of_forgotten(command: forgetting.ForgetMember) -> list[str]:
    accounts = [account_id(code, command.member_id) for code in MEMBER_ACCOUNTS]
    return [*of_cards(command), *map(account.stream, accounts)]


def of_hooks(command: Any) -> list[str]:
    return [member.stream(command.member_id), webhook.stream(command.member_id)]


def of_close(command: accounting.CloseAccount) -> list[str]:
    owner = split_id(command.account)[1]
    return [account.stream(account_id(code, owner)) for code in MEMBER_ACCOUNTS]


def of_own(command: Any) -> list[str]:
    return [own_funds.stream(command.movement_no)]


def of_top_up(command: Any) -> list[str]:
    return [topup.stream(command.reference)]


def of_bucket(command: Any) -> list[str]:
    return [reserve.stream(command.member_id, command.release_on)]


def of_seal(command: settling.SealBatch) -> list[str]:
    return [batch.stream(command.batch_id), published.STREAM]


def of_lists(_command: Any) -> list[str]:
    return [lists.STREAM]


def of_screened(command: Any) -> list[str]:
    return [member.stream(command.member_id), match.stream(command.member_id)]


def of_differences(command: judging.RecordDifferences) -> list[str]:
    found = [difference.stream(one.id) for one in command.found]
    gone = [difference.stream(one.difference) for one in command.gone]
    return [*of_verdict(command), *found, *gone]


def of_verdict(command: judging.RecordDifferences | judging.ReachVerdict) -> list[str]:
    named = (command.channel, command.date)
    return [bill.stream(command.channel, "trade", command.date), verdict.stream(*named)]
