"""Every command: its stored name, its handler, and the streams it is sure to need.

The name is part of a request's digest and never changes. The streams are a hint: a batch of
commands reads them all in one query; what a handler needs beyond them is read when it asks. Those
that a command begins, under a number of its own, are told apart: they hardly ever exist before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain import hints
from domain.accounting import commands as accounting
from domain.accounting import owning
from domain.approval import commands as approving
from domain.authority import commands as authorities
from domain.authority import outcomes as deducted
from domain.cashier import commands as cashier
from domain.cashier import withdrawing as leaving
from domain.channel import commands as channels
from domain.clearing import commands as clearing
from domain.kernel import Command
from domain.member import (
    binding,
    certifying,
    hooking,
    staffing,
)  # fmt: skip
from domain.member import commands as membership
from domain.order import commands as ordering
from domain.order import surplus
from domain.payment import (
    asking,
    forgetting,
    payment,
    recharging,
    suspense,
    transfer,
)  # fmt: skip
from domain.payment import commands as paying
from domain.reconciliation import charging, funding, judging, resolving
from domain.reconciliation import commands as reconciling
from domain.screening import commands as screening
from domain.settlement import commands as settling
from domain.settlement import published, publishing, reserving, withdrawing, withdrawn
from domain.transaction import commands as trading
from domain.transaction import transaction

Handler = Callable[[Any, Any], dict[str, object]]


class Handling(NamedTuple):
    """`streams` it needs that exist before; `begins`: those it writes the first fact of;
    `leads_to` what follows from the states of those."""

    name: str
    handler: Handler
    streams: hints.Hint
    begins: hints.Hint = hints.of_none
    leads_to: hints.Chain = hints.to_nothing


COMMANDS: dict[type[Command], Handling] = {
    membership.RegisterMember: Handling(
        "member.register", membership.register_member, hints.of_register
    ),
    membership.AddOperator: Handling(
        "member.add_operator", membership.add_operator, hints.of_member
    ),
    membership.RemoveOperator: Handling(
        "member.remove_operator", membership.remove_operator, hints.of_member
    ),
    membership.SetFeeRule: Handling(
        "member.set_fee_rule", membership.set_fee_rule, hints.of_member
    ),
    membership.SetSettlementTerms: Handling(
        "member.set_settlement_terms", membership.set_settlement_terms, hints.of_member
    ),
    membership.SignAgreement: Handling(
        "member.sign_agreement", membership.sign_agreement, hints.of_member
    ),
    membership.EndAgreement: Handling(
        "member.end_agreement", membership.end_agreement, hints.of_member
    ),
    membership.SignMerchantAgreement: Handling(
        "agreement.sign", membership.sign_merchant_agreement, hints.of_agreement
    ),
    membership.EndMerchantAgreement: Handling(
        "agreement.end", membership.end_merchant_agreement, hints.of_agreement
    ),
    membership.SetDebtLimit: Handling(
        "member.set_debt_limit", membership.set_debt_limit, hints.of_member
    ),
    membership.SetApiCommands: Handling(
        "member.set_api_commands", membership.set_api_commands, hints.of_api
    ),
    staffing.AppointOperator: Handling("staff.appoint", staffing.appoint_operator, hints.of_staff),
    staffing.DismissOperator: Handling("staff.dismiss", staffing.dismiss_operator, hints.of_staff),
    approving.Propose: Handling(
        "approval.propose", approving.propose, hints.of_none, hints.of_proposed
    ),
    approving.ApproveProposal: Handling(
        "approval.approve", approving.approve_proposal, hints.of_approval
    ),
    approving.RefuseProposal: Handling(
        "approval.refuse", approving.refuse_proposal, hints.of_approval
    ),
    approving.WithdrawProposal: Handling(
        "approval.withdraw", approving.withdraw_proposal, hints.of_approval
    ),
    approving.ExpireProposal: Handling(
        "approval.expire", approving.expire_proposal, hints.of_approval
    ),
    membership.CertifyMember: Handling(
        "member.certify", membership.certify_member, hints.of_member
    ),
    forgetting.ForgetMember: Handling(
        "member.forget", forgetting.forget_member, hints.of_forgotten
    ),
    forgetting.ForgetAgain: Handling(
        "member.forget_again", forgetting.forget_again, hints.of_member
    ),
    binding.BindCard: Handling("card.bind", binding.bind_card, hints.of_cards),
    binding.ConfirmCard: Handling("card.confirm", binding.confirm_card, hints.of_cards),
    binding.UnbindCard: Handling("card.unbind", binding.unbind_card, hints.of_cards),
    binding.ChooseCard: Handling("card.choose", binding.choose_card, hints.of_cards),
    binding.ClaimBinding: Handling("card.claim", binding.claim_binding, hints.of_binding),
    binding.RecordBinding: Handling("card.record", binding.record_binding, hints.of_binding),
    certifying.RegisterCertificate: Handling(
        "certificate.register", certifying.register_certificate, hints.of_certificates
    ),
    certifying.RevokeCertificate: Handling(
        "certificate.revoke", certifying.revoke_certificate, hints.of_certificates
    ),
    hooking.AddEndpoint: Handling("webhook.add", hooking.add_endpoint, hints.of_hooks),
    hooking.ChangeEndpoint: Handling("webhook.change", hooking.change_endpoint, hints.of_hooks),
    hooking.RotateSecret: Handling("webhook.rotate", hooking.rotate_secret, hints.of_hooks),
    hooking.PauseEndpoint: Handling("webhook.pause", hooking.pause_endpoint, hints.of_hooks),
    hooking.StopEndpoint: Handling("webhook.stop", hooking.stop_endpoint, hints.of_hooks),
    hooking.ResumeEndpoint: Handling("webhook.resume", hooking.resume_endpoint, hints.of_hooks),
    hooking.RemoveEndpoint: Handling("webhook.remove", hooking.remove_endpoint, hints.of_hooks),
    hooking.RedeliverEvent: Handling("webhook.redeliver", hooking.redeliver_event, hints.of_hooks),
    hooking.RedeliverEvents: Handling(
        "webhook.redeliver_range", hooking.redeliver_events, hints.of_hooks
    ),
    hooking.PingEndpoint: Handling("webhook.ping", hooking.ping_endpoint, hints.of_hooks),
    accounting.FreezeAccount: Handling(
        "account.freeze", accounting.freeze_account, hints.of_account
    ),
    accounting.UnfreezeAccount: Handling(
        "account.unfreeze", accounting.unfreeze_account, hints.of_account
    ),
    accounting.HoldMoney: Handling("account.hold", accounting.hold_money, hints.of_account),
    accounting.ReleaseHold: Handling(
        "account.release_hold", accounting.release_hold, hints.of_account
    ),
    accounting.CloseAccount: Handling("account.close", accounting.close_account, hints.of_close),
    accounting.ReverseEntry: Handling("entry.reverse", accounting.reverse_entry, hints.of_none),
    paying.RecordOutcome: Handling(
        "instruction.record_outcome",
        paying.record_outcome,
        hints.of_instruction,
    ),
    asking.ClaimAttempt: Handling("instruction.claim", asking.claim_attempt, hints.of_instruction),
    asking.RecordAnswer: Handling(
        "instruction.record_answer",
        asking.record_answer,
        hints.of_answered,
        leads_to=hints.to_what_is_paid,
    ),
    asking.AskChannel: Handling("instruction.ask", asking.ask_channel, hints.of_instruction),
    asking.ClosePayment: Handling("instruction.close", asking.close_payment, hints.of_instruction),
    asking.WithholdInstruction: Handling(
        "instruction.withhold", asking.withhold_instruction, hints.of_instruction
    ),
    paying.RechargeWallet: Handling(
        "payment.recharge", recharging.recharge_wallet, hints.of_member, hints.of_paid_by
    ),
    paying.SendBackRecharge: Handling(
        "payment.send_back_recharge", paying.send_back_recharge, hints.of_paid_by
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
        hints.of_transfer,
        lambda command: [transfer.stream(command.transfer_no)],
    ),
    withdrawing.RequestWithdrawal: Handling(
        "withdrawal.request",
        withdrawing.request_withdrawal,
        hints.of_withdraws,
        hints.of_withdrawn_by,
    ),
    withdrawing.ApproveWithdrawal: Handling(
        "withdrawal.approve", withdrawing.approve_withdrawal, hints.of_withdrawal
    ),
    withdrawing.TurnDownWithdrawal: Handling(
        "withdrawal.turn_down", withdrawing.turn_down_withdrawal, hints.of_withdrawal
    ),
    withdrawing.InstructWithdrawal: Handling(
        "withdrawal.instruct", withdrawing.instruct_withdrawal, hints.of_withdrawal
    ),
    withdrawn.ReturnWithdrawal: Handling(
        "withdrawal.return", withdrawn.return_withdrawal, hints.of_withdrawal
    ),
    ordering.Checkout: Handling(
        "order.checkout", ordering.checkout, hints.of_checkout, hints.of_ordered
    ),
    ordering.PayOrder: Handling("order.pay", ordering.pay_order, hints.of_order, hints.of_paid_by),
    ordering.CloseOrder: Handling("order.close", ordering.close_order, hints.of_order),
    cashier.OpenSession: Handling(
        "cashier.open", cashier.open_session, hints.of_none, hints.of_session
    ),
    cashier.PaySession: Handling(
        "cashier.pay", cashier.pay_session, hints.of_session, hints.of_chosen
    ),
    leaving.OpenWithdrawal: Handling(
        "cashier.open_withdrawal", leaving.open_withdrawal, hints.of_member, hints.of_session
    ),
    leaving.WithdrawBySession: Handling(
        "cashier.withdraw", leaving.withdraw_by_session, hints.of_session, hints.of_leaves
    ),
    cashier.CancelSession: Handling("cashier.cancel", cashier.cancel_session, hints.of_session),
    trading.ConfirmReceipt: Handling(
        "transaction.confirm",
        trading.confirm_receipt,
        lambda command: [transaction.stream(command.transaction_id)],
    ),
    trading.RefundTransaction: Handling(
        "transaction.refund", trading.refund_transaction, hints.of_refund, hints.of_refunded_by
    ),
    trading.ApproveRefund: Handling(
        "refund.approve", trading.approve_refund, hints.of_waiting, hints.of_instructed
    ),
    trading.RejectRefund: Handling("refund.reject", trading.reject_refund, hints.of_waiting),
    owning.OpenMirror: Handling("mirror.open", owning.open_mirror, hints.of_none),
    owning.PostOwnFunds: Handling("own.post", owning.post_own_funds, hints.of_none, hints.of_own),
    owning.InstructSweep: Handling(
        "own.instruct_sweep", owning.instruct_sweep, hints.of_none, hints.of_own
    ),
    owning.CallOffSweep: Handling("own.call_off_sweep", owning.call_off_sweep, hints.of_own),
    owning.PostSweep: Handling("own.sweep", owning.record_sweep, hints.of_own),
    owning.ShowSweep: Handling("own.show_sweep", owning.show_sweep, hints.of_own),
    owning.ShowTopUp: Handling("topup.show", owning.show_top_up, hints.of_top_up),
    clearing.OpenBooks: Handling("books.open", clearing.open_books, hints.of_none),
    clearing.CertifyReserve: Handling("reserve.certify", clearing.certify_reserve, hints.of_none),
    clearing.CutOffDay: Handling("day.cut_off", clearing.cut_off_day, hints.of_none),
    clearing.CloseDay: Handling("day.close", clearing.close_day, hints.of_none),
    settling.SealBatch: Handling("batch.seal", settling.seal_batch, hints.of_seal),
    settling.ReviewBatch: Handling("batch.review", settling.review_batch, hints.of_batch),
    settling.SettleBatch: Handling("batch.settle", settling.settle_batch, hints.of_batch),
    settling.RetryPayout: Handling("payout.retry", settling.retry_payout, hints.of_batch),
    settling.ReturnPayout: Handling("payout.return", settling.return_payout, hints.of_batch),
    reserving.ReleaseReserve: Handling(
        "reserve.release", reserving.release_reserve, hints.of_bucket
    ),
    reserving.ReleaseReserveEarly: Handling(
        "reserve.release_early", reserving.release_reserve_early, hints.of_bucket
    ),
    reserving.TakeDeposit: Handling(
        "deposit.take", reserving.take_deposit, hints.of_member, hints.of_deposit
    ),
    reserving.ReturnDeposit: Handling("deposit.return", reserving.return_deposit, hints.of_deposit),
    channels.RegisterChannel: Handling(
        "channel.register",
        channels.register_channel,
        hints.of_channel,
    ),
    channels.PlanMaintenance: Handling(
        "channel.plan_maintenance", channels.plan_maintenance, hints.of_channel
    ),
    channels.WithdrawMaintenance: Handling(
        "channel.withdraw_maintenance", channels.withdraw_maintenance, hints.of_channel
    ),
    channels.ReportUnknownNumber: Handling(
        "channel.report_unknown_number", channels.report_unknown_number, hints.of_channel
    ),
    channels.SettleReport: Handling(
        "channel.settle_report", channels.settle_report, hints.of_channel
    ),
    authorities.PlaceOrder: Handling(
        "authority.place", authorities.place_order, hints.of_authority
    ),
    authorities.ExtendOrder: Handling(
        "authority.extend", authorities.extend_order, hints.of_authority
    ),
    authorities.LiftOrder: Handling("authority.lift", authorities.lift_order, hints.of_authority),
    authorities.EndOrder: Handling("authority.end", authorities.end_order, hints.of_authority),
    authorities.DeductMoney: Handling(
        "authority.deduct", authorities.deduct_money, hints.of_authority
    ),
    deducted.ReturnDeduction: Handling(
        "authority.return_deduction", deducted.return_deduction, hints.of_deduction
    ),
    screening.LoadList: Handling("lists.load", screening.load_list, hints.of_lists),
    screening.ReachScan: Handling("lists.reach", screening.reach_scan, hints.of_lists),
    screening.RecordMatches: Handling("lists.match", screening.record_matches, hints.of_screened),
    screening.ConfirmMatch: Handling("lists.confirm", screening.confirm_match, hints.of_screened),
    screening.ClearMatch: Handling("lists.clear", screening.clear_match, hints.of_screened),
    reconciling.ImportBill: Handling("bill.import", reconciling.import_bill, hints.of_none),
    reconciling.TellNoTrade: Handling(
        "bill.tell_no_trade", reconciling.tell_no_trade, hints.of_none
    ),
    funding.SettleSession: Handling("funds.settle", funding.settle_session, hints.of_none),
    funding.MatchStatement: Handling("funds.match", funding.match_statement, hints.of_none),
    funding.MapQuota: Handling("funds.map_quota", funding.map_quota, hints.of_none),
    funding.FindDifference: Handling("difference.find", funding.find_difference, hints.of_none),
    funding.ClearDifference: Handling("difference.clear", funding.clear_difference, hints.of_none),
    resolving.ProposeResolution: Handling(
        "difference.propose", resolving.propose_resolution, hints.of_difference
    ),
    resolving.ApproveResolution: Handling(
        "difference.approve", resolving.approve_resolution, hints.of_difference
    ),
    resolving.TurnDownResolution: Handling(
        "difference.turn_down", resolving.turn_down_resolution, hints.of_difference
    ),
    resolving.UndoResolution: Handling(
        "difference.undo", resolving.undo_resolution, hints.of_difference
    ),
    charging.ReceiveChargeback: Handling(
        "chargeback.receive",
        charging.receive_chargeback,
        lambda command: [transaction.stream(command.transaction_id)],
    ),
    charging.RepresentChargeback: Handling(
        "chargeback.represent", charging.represent_chargeback, hints.of_chargeback
    ),
    charging.AcceptChargeback: Handling(
        "chargeback.accept", charging.accept_chargeback, hints.of_chargeback
    ),
    charging.EndChargeback: Handling(
        "chargeback.end", charging.end_chargeback, hints.of_chargeback
    ),
    judging.RecordDifferences: Handling(
        "difference.record", judging.record_differences, hints.of_differences
    ),
    judging.ReachVerdict: Handling("verdict.reach", judging.reach_verdict, hints.of_verdict),
    publishing.PublishCalendar: Handling(
        "calendar.publish", publishing.publish_calendar, lambda _: [published.STREAM]
    ),
}
