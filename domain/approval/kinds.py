"""What needs two persons: one literal table. A kind more is a row more.

    command -> what it is called, when it needs a second person, whose it is to decide

A settlement batch is not in it: who seals it is its maker, who reviews it its checker, and a refund
above a debt limit waits on its own stream; both ask `domain/member/persons.py` whether these are
two. The names are in facts, and never change.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Struct

from domain.accounting import commands as accounting
from domain.accounting import owning
from domain.authority import commands as authorities
from domain.authority import outcomes as deducted
from domain.fields import checked_number
from domain.kernel import Command, States
from domain.member import commands as membership
from domain.member.staff import Office
from domain.member.terms import NOTICE_DAYS
from domain.order import surplus
from domain.screening import commands as screening
from domain.settlement import commands as settling
from domain.settlement import reserving, withdrawn
from domain.transaction import commands as trading
from domain.transaction import refund, transaction

HOUR_US = 3_600_000_000


class Limits(Struct, frozen=True):
    """What a setting says: a refund that brings what was refunded of its transaction above
    `refund_fen` needs two persons (None: none does), a proposal is open for `open_us`, and a change
    of fees begins after `fee_notice_days`."""

    refund_fen: int | None = None
    open_us: int = 72 * HOUR_US
    fee_notice_days: int = NOTICE_DAYS


Handler = Callable[[Any, Any], dict[str, object]]


def _always(_command: Any, _limits: Limits, _states: States) -> bool:
    return True


def _none(_command: Any) -> int | None:
    return None


class Kind(NamedTuple):
    """`subject`: what a command of the kind is about; `fen`: its amount, if it has one; `needed`:
    whether this one needs a second person."""

    name: str
    handler: Handler
    subject: Callable[[Any], str]
    checkers: frozenset[Office]
    fen: Callable[[Any], int | None] = _none
    needed: Callable[[Any, Limits, States], bool] = _always


def _member(command: Any) -> str:
    return str(command.member_id)


def _account(command: Any) -> str:
    return str(command.account)


def _above(command: trading.RefundTransaction, limits: Limits, states: States) -> bool:
    """Many small refunds of one transaction are one large one. One that is there already is asked
    for again: it does nothing, and is not counted twice."""
    fen, most, stream = command.amount_fen, limits.refund_fen, str(command.transaction_id)
    if most is None or not isinstance(fen, int):
        return False
    before = states(transaction.stream(stream))
    if before.refunded_fen + before.reserved_fen + fen <= most:
        return False
    refund_no = checked_number(command.refund_no, "refund_no")
    return states(refund.stream(refund_no)).status == "none"


def _order(command: Any) -> str:
    return str(command.order_no)


def _deduction(command: Any) -> str:
    return str(command.deduction_no)


REVIEWER: frozenset[Office] = frozenset({"reviewer"})
REVIEWER_OR_RISK: frozenset[Office] = frozenset({"reviewer", "risk"})

KINDS: dict[type[Command], Kind] = {
    settling.RetryPayout: Kind(
        "payout_retry", settling.retry_payout, lambda command: str(command.payout_no), REVIEWER
    ),
    trading.RefundTransaction: Kind(
        "refund",
        trading.refund_transaction,
        lambda command: str(command.refund_no),
        REVIEWER,
        lambda command: int(command.amount_fen),
        _above,
    ),
    surplus.PlaceSurplus: Kind(
        "surplus", surplus.place_surplus, lambda command: str(command.item), REVIEWER
    ),
    withdrawn.ReturnWithdrawal: Kind(
        "withdrawal_return",
        withdrawn.return_withdrawal,
        lambda command: str(command.withdrawal_no),
        REVIEWER,
    ),
    reserving.ReleaseReserveEarly: Kind(
        "reserve_release",
        reserving.release_reserve_early,
        lambda command: f"{command.member_id}-{command.release_on}",
        REVIEWER_OR_RISK,
    ),
    reserving.TakeDeposit: Kind(
        "deposit",
        reserving.take_deposit,
        lambda command: str(command.deposit_no),
        REVIEWER_OR_RISK,
        lambda command: int(command.amount_fen),
    ),
    reserving.ReturnDeposit: Kind(
        "deposit_return",
        reserving.return_deposit,
        lambda command: str(command.deposit_no),
        REVIEWER_OR_RISK,
    ),
    owning.PostOwnFunds: Kind(
        "own_funds",
        owning.post_own_funds,
        lambda command: str(command.movement_no),
        REVIEWER,
        lambda command: int(command.amount_fen),
    ),
    owning.InstructSweep: Kind(
        "sweep",
        owning.instruct_sweep,
        lambda command: str(command.movement_no),
        REVIEWER,
        lambda command: int(command.amount_fen),
    ),
    membership.SetFeeRule: Kind("fee_rule", membership.set_fee_rule, _member, REVIEWER),
    membership.SetSettlementTerms: Kind(
        "settlement_terms", membership.set_settlement_terms, _member, REVIEWER
    ),
    membership.SetDebtLimit: Kind("debt_limit", membership.set_debt_limit, _member, REVIEWER),
    membership.SignAgreement: Kind("agreement", membership.sign_agreement, _member, REVIEWER),
    membership.EndAgreement: Kind("agreement_end", membership.end_agreement, _member, REVIEWER),
    membership.SignMerchantAgreement: Kind(
        "merchant_agreement", membership.sign_merchant_agreement, _member, REVIEWER
    ),
    membership.EndMerchantAgreement: Kind(
        "merchant_agreement_end", membership.end_merchant_agreement, _member, REVIEWER
    ),
    membership.SetApiCommands: Kind("api_commands", membership.set_api_commands, _member, REVIEWER),
    accounting.FreezeAccount: Kind("freeze", accounting.freeze_account, _account, REVIEWER_OR_RISK),
    accounting.UnfreezeAccount: Kind(
        "unfreeze", accounting.unfreeze_account, _account, REVIEWER_OR_RISK
    ),
    screening.ClearMatch: Kind("match_clearance", screening.clear_match, _member, REVIEWER_OR_RISK),
    authorities.PlaceOrder: Kind(
        "authority_order",
        authorities.place_order,
        _order,
        REVIEWER_OR_RISK,
        lambda command: command.amount_fen,
    ),
    authorities.ExtendOrder: Kind(
        "authority_extension", authorities.extend_order, _order, REVIEWER_OR_RISK
    ),
    authorities.LiftOrder: Kind("authority_lift", authorities.lift_order, _order, REVIEWER_OR_RISK),
    authorities.DeductMoney: Kind(
        "deduction",
        authorities.deduct_money,
        _deduction,
        REVIEWER_OR_RISK,
        lambda command: int(command.amount_fen),
    ),
    deducted.ReturnDeduction: Kind(
        "deduction_return", deducted.return_deduction, _deduction, REVIEWER
    ),
}
BY_NAME: dict[str, tuple[type[Command], Kind]] = {
    kind.name: (command, kind) for command, kind in KINDS.items()
}


def may_need_two(command: Command, limits: Limits) -> bool:
    """Whether a second person is needed always, or above a limit that is set."""
    kind = KINDS.get(type(command))
    return kind is not None and (kind.needed is _always or limits.refund_fen is not None)


def second_person(command: Command, limits: Limits, states: States) -> Kind | None:
    """The kind of a command that needs a second person, by the books as they stand; None: it needs
    none. May read the ledger."""
    kind = KINDS.get(type(command))
    return kind if kind is not None and kind.needed(command, limits, states) else None
