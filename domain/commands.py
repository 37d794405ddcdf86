"""Every command: its stored name, its handler, and the streams it is sure to need.

The name is part of a request's digest and never changes. The streams are a hint: a batch of
commands reads them all in one query; what a handler needs beyond them is read when it asks. Those
that a command begins, under a number of its own, are told apart: they hardly ever exist before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.accounting import account, deposit, reserve
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
from domain.authority import commands as authorities
from domain.authority import deduction
from domain.authority import order as authority_order
from domain.authority import outcomes as deducted
from domain.cashier import commands as cashier
from domain.cashier import session
from domain.cashier import withdrawing as leaving
from domain.channel import channel
from domain.channel import commands as channels
from domain.clearing import commands as clearing
from domain.kernel import Command
from domain.member import (
    agreement,
    api_access,
    binding,
    card,
    certificate,
    certifying,
    hooking,
    member,
    staff,
    staffing,
    webhook,
)  # fmt: skip
from domain.member import commands as membership
from domain.order import commands as ordering
from domain.order import order, surplus
from domain.payment import (
    allowance,
    asking,
    contradiction,
    forgetting,
    instruction,
    payment,
    spending,
    suspense,
    transfer,
    withdrawal,
)  # fmt: skip
from domain.payment import commands as paying
from domain.screening import commands as screening
from domain.screening import lists, match
from domain.settlement import batch, published, publishing, reserving, withdrawing, withdrawn
from domain.settlement import commands as settling
from domain.transaction import commands as trading
from domain.transaction import refund, transaction

Handler = Callable[[Any, Any], dict[str, object]]
Hint = Callable[[Any], list[str]]


def _none(_command: Any) -> list[str]:
    return []


class Handling(NamedTuple):
    """`streams` it needs that exist before; `begins`: those it writes the first fact of."""

    name: str
    handler: Handler
    streams: Hint
    begins: Hint = _none


def _checkout(command: ordering.Checkout) -> list[str]:
    sellers = [member.stream(line.merchant) for line in command.lines]
    signed = [agreement.stream(line.merchant) for line in command.lines]
    return [member.stream(command.buyer), *sellers, *signed]


def _ordered(command: ordering.Checkout) -> list[str]:
    sold = [transaction.identity(line.merchant, command.order_no) for line in command.lines]
    return [order.stream(command.order_no), *map(transaction.stream, sold)]


def _paid_by(command: Any) -> list[str]:
    number = command.payment_no
    return [payment.stream(number), instruction.stream(payment.instruction_id(number))]


def _one(stream: Callable[[str], str], field: str) -> Hint:
    """The stream of what a field of the command names."""
    return lambda command: [stream(getattr(command, field))]


_refund = _one(transaction.stream, "transaction_id")
_waiting = _one(refund.stream, "refund_no")
_instruction = _one(instruction.stream, "instruction_id")
_withdrawal = _one(withdrawal.stream, "withdrawal_no")
_session = _one(session.stream, "session_no")
_order = _one(order.stream, "order_no")
_member = _one(member.stream, "member_id")
_approval = _one(approval.stream, "approval_id")
_binding = _one(card.stream, "member_id")
_account = _one(account.stream, "account")
_channel = _one(channel.stream, "channel")
_batch = _one(batch.stream, "batch_id")
_deposit = _one(deposit.stream, "deposit_no")
_authority = _one(authority_order.stream, "order_no")
_deduction = _one(deduction.stream, "deduction_no")


def _refunded_by(command: trading.RefundTransaction) -> list[str]:
    number = command.refund_no
    return [refund.stream(number), instruction.stream(refund.instruction_id(number))]


def _instructed(command: trading.ApproveRefund) -> list[str]:
    return [instruction.stream(refund.instruction_id(command.refund_no))]


def _answered(command: asking.RecordAnswer) -> list[str]:
    beside = contradiction.stream(command.instruction_id)
    return [instruction.stream(command.instruction_id), beside]


def _transfer(command: paying.TransferMoney) -> list[str]:
    return [
        account.stream(account_id(WALLET, command.payer)),
        account.stream(account_id(WALLET, command.payee)),
        member.stream(command.payer),
        spending.stream(command.payer),
    ]


def _withdraws(command: withdrawing.RequestWithdrawal) -> list[str]:
    wallet = account.stream(account_id(WALLET, command.member_id))
    return [*_cards(command), allowance.stream(command.member_id), wallet, published.STREAM]


def _withdrawn_by(command: withdrawing.RequestWithdrawal) -> list[str]:
    number = command.withdrawal_no
    instructed = instruction.stream(withdrawal.instruction_id(number))
    return [withdrawal.stream(number), instructed]


def _chosen(command: cashier.PaySession) -> list[str]:
    number = session.payment_no(command.session_no, command.attempt)
    return [payment.stream(number), instruction.stream(payment.instruction_id(number))]


def _register(command: membership.RegisterMember) -> list[str]:
    codes = PERSONAL_ACCOUNTS + ENTERPRISE_ACCOUNTS
    accounts = [account.stream(account_id(code, command.member_id)) for code in codes]
    return [member.stream(command.member_id), *accounts]


def _agreement(command: Any) -> list[str]:
    return [member.stream(command.member_id), agreement.stream(command.member_id)]


def _api(command: Any) -> list[str]:
    return [member.stream(command.member_id), api_access.stream(command.member_id)]


def _staff(_command: Any) -> list[str]:
    return [staff.STREAM]


def _cards(command: Any) -> list[str]:
    return [member.stream(command.member_id), card.stream(command.member_id)]


def _certificates(command: Any) -> list[str]:
    return [member.stream(command.member_id), certificate.stream(command.member_id)]


def _forgotten(command: forgetting.ForgetMember) -> list[str]:
    accounts = [account_id(code, command.member_id) for code in MEMBER_ACCOUNTS]
    return [*_cards(command), *map(account.stream, accounts)]


def _hooks(command: Any) -> list[str]:
    return [member.stream(command.member_id), webhook.stream(command.member_id)]


def _close(command: accounting.CloseAccount) -> list[str]:
    owner = split_id(command.account)[1]
    return [account.stream(account_id(code, owner)) for code in MEMBER_ACCOUNTS]


def _bucket(command: Any) -> list[str]:
    return [reserve.stream(command.member_id, command.release_on)]


def _seal(command: settling.SealBatch) -> list[str]:
    return [batch.stream(command.batch_id), published.STREAM]


def _lists(_command: Any) -> list[str]:
    return [lists.STREAM]


def _screened(command: Any) -> list[str]:
    return [member.stream(command.member_id), match.stream(command.member_id)]


COMMANDS: dict[type[Command], Handling] = {
    membership.RegisterMember: Handling("member.register", membership.register_member, _register),
    membership.AddOperator: Handling("member.add_operator", membership.add_operator, _member),
    membership.RemoveOperator: Handling(
        "member.remove_operator", membership.remove_operator, _member
    ),
    membership.SetFeeRule: Handling("member.set_fee_rule", membership.set_fee_rule, _member),
    membership.SetSettlementTerms: Handling(
        "member.set_settlement_terms", membership.set_settlement_terms, _member
    ),
    membership.SignAgreement: Handling("member.sign_agreement", membership.sign_agreement, _member),
    membership.EndAgreement: Handling("member.end_agreement", membership.end_agreement, _member),
    membership.SignMerchantAgreement: Handling(
        "agreement.sign", membership.sign_merchant_agreement, _agreement
    ),
    membership.EndMerchantAgreement: Handling(
        "agreement.end", membership.end_merchant_agreement, _agreement
    ),
    membership.SetDebtLimit: Handling("member.set_debt_limit", membership.set_debt_limit, _member),
    membership.SetApiCommands: Handling(
        "member.set_api_commands", membership.set_api_commands, _api
    ),
    staffing.AppointOperator: Handling("staff.appoint", staffing.appoint_operator, _staff),
    staffing.DismissOperator: Handling("staff.dismiss", staffing.dismiss_operator, _staff),
    approving.Propose: Handling("approval.propose", approving.propose, _none, _approval),
    approving.ApproveProposal: Handling("approval.approve", approving.approve_proposal, _approval),
    approving.RefuseProposal: Handling("approval.refuse", approving.refuse_proposal, _approval),
    approving.WithdrawProposal: Handling(
        "approval.withdraw", approving.withdraw_proposal, _approval
    ),
    approving.ExpireProposal: Handling("approval.expire", approving.expire_proposal, _approval),
    membership.CertifyMember: Handling("member.certify", membership.certify_member, _member),
    forgetting.ForgetMember: Handling("member.forget", forgetting.forget_member, _forgotten),
    forgetting.ForgetAgain: Handling("member.forget_again", forgetting.forget_again, _member),
    binding.BindCard: Handling("card.bind", binding.bind_card, _cards),
    binding.ConfirmCard: Handling("card.confirm", binding.confirm_card, _cards),
    binding.UnbindCard: Handling("card.unbind", binding.unbind_card, _cards),
    binding.ChooseCard: Handling("card.choose", binding.choose_card, _cards),
    binding.ClaimBinding: Handling("card.claim", binding.claim_binding, _binding),
    binding.RecordBinding: Handling("card.record", binding.record_binding, _binding),
    certifying.RegisterCertificate: Handling(
        "certificate.register", certifying.register_certificate, _certificates
    ),
    certifying.RevokeCertificate: Handling(
        "certificate.revoke", certifying.revoke_certificate, _certificates
    ),
    hooking.AddEndpoint: Handling("webhook.add", hooking.add_endpoint, _hooks),
    hooking.ChangeEndpoint: Handling("webhook.change", hooking.change_endpoint, _hooks),
    hooking.RotateSecret: Handling("webhook.rotate", hooking.rotate_secret, _hooks),
    hooking.PauseEndpoint: Handling("webhook.pause", hooking.pause_endpoint, _hooks),
    hooking.StopEndpoint: Handling("webhook.stop", hooking.stop_endpoint, _hooks),
    hooking.ResumeEndpoint: Handling("webhook.resume", hooking.resume_endpoint, _hooks),
    hooking.RemoveEndpoint: Handling("webhook.remove", hooking.remove_endpoint, _hooks),
    hooking.RedeliverEvent: Handling("webhook.redeliver", hooking.redeliver_event, _hooks),
    hooking.RedeliverEvents: Handling("webhook.redeliver_range", hooking.redeliver_events, _hooks),
    hooking.PingEndpoint: Handling("webhook.ping", hooking.ping_endpoint, _hooks),
    accounting.FreezeAccount: Handling("account.freeze", accounting.freeze_account, _account),
    accounting.UnfreezeAccount: Handling("account.unfreeze", accounting.unfreeze_account, _account),
    accounting.HoldMoney: Handling("account.hold", accounting.hold_money, _account),
    accounting.ReleaseHold: Handling("account.release_hold", accounting.release_hold, _account),
    accounting.CloseAccount: Handling("account.close", accounting.close_account, _close),
    accounting.ReverseEntry: Handling("entry.reverse", accounting.reverse_entry, _none),
    paying.RecordOutcome: Handling(
        "instruction.record_outcome",
        paying.record_outcome,
        _instruction,
    ),
    asking.ClaimAttempt: Handling("instruction.claim", asking.claim_attempt, _instruction),
    asking.RecordAnswer: Handling("instruction.record_answer", asking.record_answer, _answered),
    asking.AskChannel: Handling("instruction.ask", asking.ask_channel, _instruction),
    asking.ClosePayment: Handling("instruction.close", asking.close_payment, _instruction),
    asking.WithholdInstruction: Handling(
        "instruction.withhold", asking.withhold_instruction, _instruction
    ),
    paying.RechargeWallet: Handling("payment.recharge", paying.recharge_wallet, _member, _paid_by),
    paying.SendBackRecharge: Handling(
        "payment.send_back_recharge", paying.send_back_recharge, _paid_by
    ),
    surplus.PlaceSurplus: Handling(
        "suspense.place",
        surplus.place_surplus,
        lambda command: [suspense.stream(command.item)],
        lambda command: [payment.stream(surplus.payment_of(command.item))],
    ),
    paying.TransferMoney: Handling(
        "transfer.transfer",
        paying.transfer_money,
        _transfer,
        lambda command: [transfer.stream(command.transfer_no)],
    ),
    withdrawing.RequestWithdrawal: Handling(
        "withdrawal.request", withdrawing.request_withdrawal, _withdraws, _withdrawn_by
    ),
    withdrawing.ApproveWithdrawal: Handling(
        "withdrawal.approve", withdrawing.approve_withdrawal, _withdrawal
    ),
    withdrawing.TurnDownWithdrawal: Handling(
        "withdrawal.turn_down", withdrawing.turn_down_withdrawal, _withdrawal
    ),
    withdrawing.InstructWithdrawal: Handling(
        "withdrawal.instruct", withdrawing.instruct_withdrawal, _withdrawal
    ),
    withdrawn.ReturnWithdrawal: Handling(
        "withdrawal.return", withdrawn.return_withdrawal, _withdrawal
    ),
    ordering.Checkout: Handling("order.checkout", ordering.checkout, _checkout, _ordered),
    ordering.PayOrder: Handling("order.pay", ordering.pay_order, _order, _paid_by),
    ordering.CloseOrder: Handling("order.close", ordering.close_order, _order),
    cashier.OpenSession: Handling("cashier.open", cashier.open_session, _none, _session),
    cashier.PaySession: Handling("cashier.pay", cashier.pay_session, _session, _chosen),
    leaving.OpenWithdrawal: Handling(
        "cashier.open_withdrawal", leaving.open_withdrawal, _member, _session
    ),
    leaving.WithdrawBySession: Handling("cashier.withdraw", leaving.withdraw_by_session, _session),
    cashier.CancelSession: Handling("cashier.cancel", cashier.cancel_session, _session),
    trading.ConfirmReceipt: Handling(
        "transaction.confirm",
        trading.confirm_receipt,
        lambda command: [transaction.stream(command.transaction_id)],
    ),
    trading.RefundTransaction: Handling(
        "transaction.refund", trading.refund_transaction, _refund, _refunded_by
    ),
    trading.ApproveRefund: Handling(
        "refund.approve", trading.approve_refund, _waiting, _instructed
    ),
    trading.RejectRefund: Handling("refund.reject", trading.reject_refund, _waiting),
    clearing.OpenBooks: Handling("books.open", clearing.open_books, _none),
    clearing.CutOffDay: Handling("day.cut_off", clearing.cut_off_day, _none),
    clearing.CloseDay: Handling("day.close", clearing.close_day, _none),
    settling.SealBatch: Handling("batch.seal", settling.seal_batch, _seal),
    settling.ReviewBatch: Handling("batch.review", settling.review_batch, _batch),
    settling.SettleBatch: Handling("batch.settle", settling.settle_batch, _batch),
    settling.RetryPayout: Handling("payout.retry", settling.retry_payout, _batch),
    settling.ReturnPayout: Handling("payout.return", settling.return_payout, _batch),
    reserving.ReleaseReserve: Handling("reserve.release", reserving.release_reserve, _bucket),
    reserving.ReleaseReserveEarly: Handling(
        "reserve.release_early", reserving.release_reserve_early, _bucket
    ),
    reserving.TakeDeposit: Handling("deposit.take", reserving.take_deposit, _member, _deposit),
    reserving.ReturnDeposit: Handling("deposit.return", reserving.return_deposit, _deposit),
    channels.RegisterChannel: Handling(
        "channel.register",
        channels.register_channel,
        _channel,
    ),
    channels.PlanMaintenance: Handling(
        "channel.plan_maintenance", channels.plan_maintenance, _channel
    ),
    channels.WithdrawMaintenance: Handling(
        "channel.withdraw_maintenance", channels.withdraw_maintenance, _channel
    ),
    channels.ReportUnknownNumber: Handling(
        "channel.report_unknown_number", channels.report_unknown_number, _channel
    ),
    channels.SettleReport: Handling("channel.settle_report", channels.settle_report, _channel),
    authorities.PlaceOrder: Handling("authority.place", authorities.place_order, _authority),
    authorities.ExtendOrder: Handling("authority.extend", authorities.extend_order, _authority),
    authorities.LiftOrder: Handling("authority.lift", authorities.lift_order, _authority),
    authorities.EndOrder: Handling("authority.end", authorities.end_order, _authority),
    authorities.DeductMoney: Handling("authority.deduct", authorities.deduct_money, _authority),
    deducted.ReturnDeduction: Handling(
        "authority.return_deduction", deducted.return_deduction, _deduction
    ),
    screening.LoadList: Handling("lists.load", screening.load_list, _lists),
    screening.ReachScan: Handling("lists.reach", screening.reach_scan, _lists),
    screening.RecordMatches: Handling("lists.match", screening.record_matches, _screened),
    screening.ConfirmMatch: Handling("lists.confirm", screening.confirm_match, _screened),
    screening.ClearMatch: Handling("lists.clear", screening.clear_match, _screened),
    publishing.PublishCalendar: Handling(
        "calendar.publish", publishing.publish_calendar, lambda _: [published.STREAM]
    ),
}
