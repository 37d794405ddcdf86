"""What follows when a channel contradicts what was asked, or its own word: section 5a of the domain
notes. What is certain posts at once; what has no place yet waits as a suspense item, listed.

`domain/policies.py` says which of these follows on which kind, by who asked and for what.
"""

from functools import partial
from typing import Any

from domain.accounting import account
from domain.accounting.chart import (
    CHANNEL_SHORTAGE,
    CHANNEL_SURPLUS,
    REFUND_IN_TRANSIT,
    WALLET,
    account_id,
)
from domain.accounting.commands import home_or_suspense, is_closed
from domain.accounting.open_items import suspense_of
from domain.accounting.rules import suspense as rules
from domain.accounting.rules.composite import leg_received
from domain.accounting.rules.purchase import payment_to_send_back
from domain.accounting.rules.refund import refund_succeeded
from domain.channel.channels import CHANNELS
from domain.fields import checked_text
from domain.kernel import Entry, Stream, Unit
from domain.payment import contradiction, payment, suspense
from domain.payment.combined import Charged, charged
from domain.payment.commands import issue, issue_send_backs
from domain.payment.contradiction import Against
from domain.payment.instruction import Declined, Outcome, Succeeded
from domain.payment.outcomes import payment_declined, payment_succeeded, refund_kept
from domain.payment.plan import place_of
from domain.refusals import Code, Refused

# Payments.


def payment_late(unit: Unit, against: Against) -> None:
    """A success after a decline or a close: it pays the order after all, if that is open, unpaid
    and nothing else is in flight; else it goes back. A leg of a plan that was given up goes back,
    and so does what is not what was asked, or what another channel was asked for since."""
    stream: Stream[payment.State] = Stream(against.asked.reference)
    on, place = unit.accounting_date, place_of(against.instruction_id)
    state = unit.load(stream)
    current = payment.asks(state, payment.number_of(stream), place) == against.instruction_id
    reopened = current and payment.reopen(state, place, against.fact.serial)
    if not reopened or any(one.moved_fen < one.asked_fen for one in _charged(against)):
        _rest(unit, against, whole=True)
        ended(unit, against, "sent back")
        return
    unit.record(stream, reopened)
    facts = payment.leg_succeeded(
        unit.load(stream),
        place,
        lambda leg: leg_received(on, leg.channel, leg.amount_fen),
        lambda leg: payment_to_send_back(on, leg.channel, leg.amount_fen),
    )
    unit.record(stream, facts)
    issue_send_backs(unit, stream, facts)
    _rest(unit, against, whole=False)
    ended(unit, against, "the payment goes on, or goes back")


def payment_second(unit: Unit, against: Against) -> None:
    """A second charge, which the channel has confirmed: it goes back."""
    entry = rules.second_charge(
        unit.accounting_date, against.asked.channel, against.fact.amount_fen
    )
    stream = opened(unit, against, against.fact.amount_fen, REFUND_IN_TRANSIT, entry)
    _send_back(unit, stream)
    ended(unit, against, "sent back")


def payment_more(unit: Unit, against: Against) -> None:
    """More was paid than asked: the leg is in, and what is above goes back."""
    payment_succeeded(unit, told(against))
    _rest(unit, against, whole=False)
    ended(unit, against, "paid, the excess sent back")


def payment_less(unit: Unit, against: Against) -> None:
    """Less was paid than asked: nothing is paid by it, and what came goes back."""
    payment_declined(unit, told(against, "less was paid than asked"))
    _rest(unit, against, whole=True)
    ended(unit, against, "not paid, what came sent back")


def payment_declined_after(unit: Unit, against: Against) -> None:
    """The channel takes its success back: what it owed is missing, until somebody bears it."""
    channel, amount_fen = against.asked.channel, against.fact.amount_fen
    entry = rules.payment_withdrawn(unit.accounting_date, channel, amount_fen)
    opened(unit, against, amount_fen, account_id(CHANNEL_SHORTAGE, channel), entry)
    ended(unit, against, "missing: waits for reconciliation")


def _rest(unit: Unit, against: Against, *, whole: bool) -> None:
    """What came beyond what is booked, of each charge, or all that came: into suspense, and back
    from there."""
    channel = against.asked.channel
    kept = account_id(CHANNEL_SURPLUS, channel)
    for one in _charged(against):
        amount_fen = one.moved_fen - (0 if whole else one.asked_fen)
        if amount_fen > 0:
            entry = rules.amount_differs(unit.accounting_date, channel, amount_fen)
            _send_back(unit, opened(unit, against, amount_fen, kept, entry, one))


def _charged(against: Against) -> list[Charged]:
    """What came, by charge."""
    fact, asked = against.fact, against.asked.asked
    parts = asked.parts if asked else ()
    return charged(against.asked.amount_fen, fact.serial, fact.amount_fen, parts, fact.parts)


def _send_back(unit: Unit, stream: "Stream[suspense.State]") -> None:
    state, entry = unit.load(stream), None
    item = suspense.needed(state)
    if state.account != REFUND_IN_TRANSIT:
        entry = rules.surplus_to_send_back(unit.accounting_date, item.channel, item.waits_fen)
    facts = suspense.send_back(state, entry)
    unit.record(stream, facts)
    if facts:
        issue(
            unit,
            suspense.send_back_id(stream),
            "refund",
            stream,
            item.channel,
            item.waits_fen,
            item.party,
            product="REFUND",
            code=_code_of(unit, item),
            original=item.instruction_id,
            original_fen=item.amount_fen,
            part=item.part,
            serial=item.serial,
        )


def _code_of(unit: Unit, item: suspense.Opened) -> str:
    """The payment code of the instruction a suspense item is of."""
    started = unit.load(payment.stream(payment.number_of(item.reference))).started
    return started.legs[place_of(item.instruction_id)].code if started else ""


# Refunds, and payments that go back.


def refund_late(unit: Unit, against: Against) -> None:
    """A refund succeeded after it was declined, and its money was given to the wallet: what is left
    there is taken again; what is not is missing."""
    channel, buyer = against.asked.channel, against.asked.party
    amount_fen = against.fact.amount_fen
    wallet = unit.load(account.stream(account_id(WALLET, buyer)))
    there_fen = 0
    if wallet.status == "open" and not wallet.frozen_out:
        there_fen = min(max(wallet.available_fen, 0), amount_fen)
    missing_fen = amount_fen - there_fen
    on = unit.accounting_date
    entry = rules.refund_succeeded_late(
        on, channel, buyer, wallet_fen=there_fen, missing_fen=missing_fen
    )
    waits_at = account_id(CHANNEL_SHORTAGE, channel) if missing_fen else ""
    opened(unit, against, missing_fen, waits_at, entry)
    ended(unit, against, "taken from the wallet again, as far as it was there")


def refund_returned(unit: Unit, against: Against) -> None:
    """A refund came back days later: the buyer's wallet has it."""
    channel, buyer = against.asked.channel, against.asked.party
    on, amount_fen = unit.accounting_date, against.fact.amount_fen
    entry = home_or_suspense(
        unit,
        account_id(WALLET, buyer),
        partial(rules.refund_returned, on, channel, buyer, amount_fen),
        partial(rules.refund_returned_to_suspense, on, channel, amount_fen),
    )
    kept = suspense_of(entry)
    opened(unit, against, amount_fen if kept else 0, kept, entry)
    ended(unit, against, "in the wallet" if not kept else "in suspense")


def paid_out_above(unit: Unit, against: Against) -> None:
    """A channel paid a refund or payout twice: we owe it the money, and miss it."""
    channel, amount_fen = against.asked.channel, against.fact.amount_fen
    entry = rules.paid_above(unit.accounting_date, channel, amount_fen)
    opened(unit, against, amount_fen, account_id(CHANNEL_SHORTAGE, channel), entry)
    ended(unit, against, "missing: waits for reconciliation")


def paid_out_withdrawn(unit: Unit, against: Against) -> None:
    """The channel takes the success of a refund or payout back: somebody has not got the money."""
    channel, amount_fen = against.asked.channel, against.fact.amount_fen
    entry = rules.payout_withdrawn(unit.accounting_date, channel, amount_fen)
    opened(unit, against, amount_fen, account_id(CHANNEL_SURPLUS, channel), entry)
    ended(unit, against, "in suspense: waits for reconciliation")


# What goes back out of suspense.


def surplus_sent_back(unit: Unit, outcome: Outcome[Succeeded]) -> None:
    """The channel took a surplus back."""
    stream, asked = _item(outcome), outcome.asked
    entry = refund_succeeded(unit.accounting_date, asked.channel, asked.amount_fen)
    unit.record(stream, suspense.complete_send_back(unit.load(stream), entry))


def surplus_not_sent_back(unit: Unit, outcome: Outcome[Declined]) -> None:
    """The channel did not take a surplus back: it is kept for the payer."""
    stream, asked = _item(outcome), outcome.asked
    entry = refund_kept(unit, asked.channel, asked.party, asked.amount_fen)
    facts = suspense.fail_send_back(unit.load(stream), outcome.fact.reason, entry)
    unit.record(stream, facts)


def place(unit: Unit, item: str) -> tuple[suspense.Status, bool]:
    """Give a surplus to the payer's wallet: what the item has come to, and whether it has now.
    Raises SUSPENSE_NOT_FOUND, SUSPENSE_STATE_WRONG, ACCOUNT_CLOSED, and what crediting the wallet
    raises."""
    stream = suspense.stream(checked_text(item, "item", longest=64))
    state = unit.load(stream)
    opened = suspense.needed(state)
    wallet = account_id(WALLET, opened.party)
    if suspense.is_surplus(state) and is_closed(unit, wallet):
        raise Refused(Code.ACCOUNT_CLOSED, "item", wallet)
    on = unit.accounting_date
    entry = rules.surplus_to_wallet(on, opened.channel, opened.party, opened.waits_fen)
    facts = suspense.place(state, unit.actor, entry)
    unit.record(stream, facts)
    return unit.load(stream).status, bool(facts)


# What they share.


def opened(
    unit: Unit,
    against: Against,
    waits_fen: int,
    waits_at: str,
    entry: Entry,
    charge: Charged | None = None,
) -> "Stream[suspense.State]":
    """Open the item of a contradiction, or of one `charge` of it. `waits_at` "": its money has its
    place at once."""
    fact, asked = against.fact, against.asked
    assert asked.channel in CHANNELS
    serial, amount_fen, part = fact.serial, fact.amount_fen, ""
    if charge is not None:
        serial, amount_fen, part = charge.serial, charge.moved_fen, charge.part
    item = suspense.item_id(against.instruction_id, fact.kind, serial)
    stream = suspense.stream(item)
    wanted = suspense.opened(
        fact.kind,
        against.instruction_id,
        asked.reference,
        serial,
        asked.channel,
        asked.party,
        amount_fen,
        waits_fen if waits_at else 0,
        waits_at,
        entry,
        part,
    )
    unit.record(stream, suspense.open_item(unit.load(stream), wanted))
    return stream


def ended(unit: Unit, against: Against, how: str) -> None:
    """The contradiction's money is booked."""
    stream = contradiction.stream(against.instruction_id)
    fact = against.fact
    unit.record(stream, contradiction.end(unit.load(stream), fact.kind, fact.serial, how))


class _Reason:
    """What an owner is told in place of a channel's answer."""

    by_channel = False

    def __init__(self, reason: str) -> None:
        self.reason = reason


def told(against: Against, reason: str = "") -> Outcome[Any]:
    """What an instruction's owner would have been told."""
    return Outcome(against.instruction_id, against.asked, _Reason(reason))


def _item(outcome: Outcome[Succeeded | Declined]) -> "Stream[suspense.State]":
    return Stream(outcome.asked.reference)
