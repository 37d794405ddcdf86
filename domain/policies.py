"""Who reacts to what, inside the commit: literal tables, read in the order of their rows.

    POLICIES   fact -> reaction -> why
    OWNERS     who asked a channel, and for what -> what a channel's answer does there
    AGAINST    the same -> what follows where a channel contradicts what was asked or said
    PAID_FOR   what a payment is for -> what its end does there

An instruction's `reference` names the stream that asked for it; a payment says what it is for. So
an outcome finds its owner here, and no reaction asks whether it is meant.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from domain.accounting import reversal
from domain.accounting.commands import open_channel_accounts, open_member_accounts
from domain.authority.outcomes import (
    deduction_declined,
    deduction_late,
    deduction_returned,
    deduction_succeeded,
)
from domain.cashier.recharged import recharge_paid
from domain.channel import channel
from domain.channel.port import Purpose
from domain.clearing import split
from domain.kernel import Fact, Reaction, Unit, category
from domain.member import member
from domain.order.commands import order_declined, order_paid
from domain.payment import contradicted, contradiction, instruction, outcomes, payment
from domain.payment.contradiction import Against, Kind
from domain.payment.instruction import Answered, Declined, Outcome, Succeeded, Unknown
from domain.payment.spent import same_person, transfer_reversed
from domain.reconciliation import sent
from domain.settlement.commands import collect_cleared, payout_declined, payout_succeeded
from domain.settlement.contradicted import payout_late, payout_returned
from domain.settlement.reserving import terms_came
from domain.settlement.withdrawn import (
    withdrawal_declined,
    withdrawal_late,
    withdrawal_returned,
    withdrawal_succeeded,
)
from domain.transaction import transaction
from domain.transaction.commands import (
    refund_declined,
    refund_known,
    refund_succeeded,
    refund_unknown,
)

Policy = Callable[[Unit, Any], None]
Follows = Callable[[Unit, Outcome[Any]], None]


def _nothing(_unit: Unit, _given: Any) -> None:
    """Not knowing changes nothing here, nor does knowing again: the money stays in transit."""


class Owner(NamedTuple):
    """What follows in an instruction's owner from each answer of the channel. `known`: it has the
    order, after nobody could say."""

    succeeded: Follows
    declined: Follows
    unknown: Follows
    known: Follows


OWNERS: dict[tuple[str, Purpose], Owner] = {
    ("payment", "payment"): Owner(
        outcomes.payment_succeeded,
        outcomes.payment_declined,
        outcomes.payment_unknown,
        outcomes.payment_known,
    ),
    ("payment", "refund"): Owner(
        outcomes.send_back_succeeded, outcomes.send_back_declined, _nothing, _nothing
    ),
    ("refund", "refund"): Owner(refund_succeeded, refund_declined, refund_unknown, refund_known),
    ("suspense", "refund"): Owner(
        contradicted.surplus_sent_back, contradicted.surplus_not_sent_back, _nothing, _nothing
    ),
    ("difference", "refund"): Owner(
        sent.difference_sent, sent.difference_not_sent, _nothing, _nothing
    ),
    ("difference", "payout"): Owner(
        sent.difference_sent, sent.difference_not_sent, _nothing, _nothing
    ),
    ("settlement", "payout"): Owner(payout_succeeded, payout_declined, _nothing, _nothing),
    ("withdrawal", "payout"): Owner(withdrawal_succeeded, withdrawal_declined, _nothing, _nothing),
    ("deduction", "payout"): Owner(deduction_succeeded, deduction_declined, _nothing, _nothing),
}


Reacts = Callable[[Unit, Against], None]


def _listed(_unit: Unit, _against: Against) -> None:
    """It stands on record, and on the operator's desk until somebody has found its place."""


_BACK: dict[Kind, Reacts] = {
    "late": contradicted.refund_late,
    "second": contradicted.paid_out_above,
    "more": _listed,
    "less": _listed,
    "declined": contradicted.paid_out_withdrawn,
    "returned": contradicted.refund_returned,
}
_DIFFERENCE: dict[Kind, Reacts] = {
    "late": sent.difference_sent_late,
    "second": contradicted.paid_out_above,
    "more": _listed,
    "less": _listed,
    "declined": sent.difference_sent_withdrawn,
    "returned": sent.difference_came_back,
}
AGAINST: dict[tuple[str, Purpose], dict[Kind, Reacts]] = {
    ("payment", "payment"): {
        "late": contradicted.payment_late,
        "second": contradicted.payment_second,
        "more": contradicted.payment_more,
        "less": contradicted.payment_less,
        "declined": contradicted.payment_declined_after,
        "returned": _listed,
    },
    ("payment", "refund"): _BACK,
    ("refund", "refund"): _BACK,
    ("suspense", "refund"): _BACK,
    ("difference", "refund"): _DIFFERENCE,
    ("difference", "payout"): _DIFFERENCE,
    ("settlement", "payout"): {
        "late": payout_late,
        "second": contradicted.paid_out_above,
        "more": _listed,
        "less": _listed,
        "declined": contradicted.paid_out_withdrawn,
        "returned": payout_returned,
    },
    ("withdrawal", "payout"): {
        "late": withdrawal_late,
        "second": contradicted.paid_out_above,
        "more": _listed,
        "less": _listed,
        "declined": contradicted.paid_out_withdrawn,
        "returned": withdrawal_returned,
    },
    ("deduction", "payout"): {
        "late": deduction_late,
        "second": contradicted.paid_out_above,
        "more": _listed,
        "less": _listed,
        "declined": contradicted.paid_out_withdrawn,
        "returned": deduction_returned,
    },
}


class PaidFor(NamedTuple):
    """What follows when a payment succeeds, and when it is declined."""

    succeeded: Policy
    declined: Policy


PAID_FOR: dict[payment.Purpose, PaidFor] = {
    "order": PaidFor(order_paid, order_declined),
    "recharge": PaidFor(recharge_paid, _nothing),
}


def outcome_finds_its_owner(
    unit: Unit, reaction: Reaction[Succeeded | Declined | Unknown | Answered, instruction.State]
) -> None:
    """A channel answered: tell whoever asked."""
    asked, fact = unit.load(reaction.stream), reaction.fact
    assert asked.purpose is not None
    owner = OWNERS[category(asked.reference), asked.purpose]
    outcome = Outcome(instruction.id_of(reaction.stream), asked, fact)
    match fact:
        case Succeeded():
            owner.succeeded(unit, outcome)
        case Declined():
            owner.declined(unit, outcome)
        case Unknown():
            if asked.status == "unknown":  # Else only a doubt could not be cleared up.
                owner.unknown(unit, outcome)
        case Answered():
            if asked.status != "unknown":  # "No such order" tells nobody what became of it.
                owner.known(unit, outcome)


def contradiction_finds_its_owner(
    unit: Unit, reaction: Reaction[contradiction.Established, contradiction.State]
) -> None:
    """A channel contradicts itself, or what was asked: tell whoever asked."""
    instruction_id = contradiction.id_of(reaction.stream)
    asked = unit.load(instruction.stream(instruction_id))
    assert asked.purpose is not None
    follows = AGAINST[category(asked.reference), asked.purpose][reaction.fact.kind]
    follows(unit, Against(instruction_id, asked, reaction.fact))


def payment_ends(
    unit: Unit, reaction: Reaction[payment.Succeeded | payment.Declined, payment.State]
) -> None:
    """A payment ended: tell what it is for."""
    paid_for = PAID_FOR[reaction.fact.purpose]
    follows = paid_for.declined
    if isinstance(reaction.fact, payment.Succeeded):
        follows = paid_for.succeeded
    follows(unit, reaction)


POLICIES: tuple[tuple[type[Fact], Policy, str], ...] = (
    (member.Registered, open_member_accounts, "a member needs its accounts"),
    (member.Certified, same_person, "caps are counted over all accounts of one person"),
    (member.SettlementTermsSet, terms_came, "what is payable needs a batch"),
    (channel.ChannelRegistered, open_channel_accounts, "a channel needs its accounts"),
    (instruction.Succeeded, outcome_finds_its_owner, "the channel did what was asked"),
    (instruction.Declined, outcome_finds_its_owner, "the channel will not do it"),
    (instruction.Unknown, outcome_finds_its_owner, "unknown is a state, never a guess"),
    (instruction.Answered, outcome_finds_its_owner, "what was unknown goes on"),
    (contradiction.Established, contradiction_finds_its_owner, "what the outside says is kept"),
    (payment.Succeeded, payment_ends, "it pays what it is for, or goes back"),
    (payment.Declined, payment_ends, "a declined order may be paid anew"),
    (reversal.Reversed, transfer_reversed, "a transfer that is turned round uses no cap"),
    (transaction.Completed, split.release, "a confirmed transaction is released and split"),
    (transaction.RefundAccepted, split.take_back, "a refund after release takes money back"),
    (transaction.Cleared, collect_cleared, "a release is settled by its date's batch"),
    (transaction.RefundCleared, collect_cleared, "a refund counts in its date's batch"),
)

REACTIONS: dict[type[Fact], tuple[Policy, ...]] = {}
for _fact, _policy, _why in POLICIES:
    REACTIONS[_fact] = (*REACTIONS.get(_fact, ()), _policy)
