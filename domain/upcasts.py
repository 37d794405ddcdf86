"""Old payload -> new: how a fact stored under an older name becomes the class of today.

Old name -> (the struct it was stored as, a pure function to the current class). The store applies
an upcast when it decodes, and never rewrites what is stored.

Payments had no legs once: one channel carried the whole. That is a plan of one leg, so what was
stored then is the same payment in the words of today.
"""

from collections.abc import Callable
from datetime import date
from typing import Any

from domain.channel.port import Purpose
from domain.kernel import Entry, Fact
from domain.member import member
from domain.member.terms import Source
from domain.payment import instruction, payment
from domain.payment.plan import Leg, Share
from domain.transaction import refund, transaction


class IssuedV1(Fact, frozen=True):
    """An instruction, while payments had no codes and channels no numbers of their own."""

    purpose: Purpose
    reference: str
    channel: str
    amount_fen: int
    party: str


def issued(old: IssuedV1) -> instruction.Issued:
    """What was not told then is not told now."""
    return instruction.Issued(old.purpose, old.reference, old.channel, old.amount_fen, old.party)


class PaymentStarted1(Fact, frozen=True):
    purpose: payment.Purpose
    reference: str
    payer: str
    channel: str
    amount_fen: int


class PaymentSucceeded1(Fact, frozen=True):
    purpose: payment.Purpose
    reference: str
    channel: str
    amount_fen: int


class SendBackStarted1(Fact, frozen=True):
    amount_fen: int
    reason: str
    entry: Entry


class SentBack1(Fact, frozen=True):
    amount_fen: int
    entry: Entry


class SendBackFailed1(Fact, frozen=True):
    amount_fen: int
    reason: str
    entry: Entry


class TransactionPaid1(Fact, frozen=True):
    payment_no: str
    channel: str
    confirm_by_us: int
    entry: Entry


class RefundRequested1(Fact, frozen=True):
    transaction_id: str
    buyer: str
    channel: str
    amount_fen: int


class Certified1(Fact, frozen=True):
    """While nobody looked for the person's other members."""

    effective_from: date
    level: int
    sources: tuple[Source, ...]
    holder: str
    particulars: str


class RefundApproved1(Fact, frozen=True):
    amount_fen: int
    checker: str


def _started(old: PaymentStarted1) -> Fact:
    legs = (Leg("channel", old.channel, old.channel, old.amount_fen),)
    return payment.Started(old.purpose, old.reference, old.payer, old.amount_fen, legs)


def _succeeded(old: PaymentSucceeded1) -> Fact:
    return payment.Succeeded(old.purpose, old.reference, old.amount_fen, 0)


def _send_back_started(old: SendBackStarted1) -> Fact:
    return payment.SendBackStarted(0, old.amount_fen, old.reason, old.entry)


def _sent_back(old: SentBack1) -> Fact:
    return payment.SentBack(0, old.amount_fen, "sent_back", old.entry)


def _send_back_failed(old: SendBackFailed1) -> Fact:
    return payment.SendBackFailed(0, old.amount_fen, old.reason, "kept", old.entry)


def _paid(old: TransactionPaid1) -> Fact:
    amount_fen = sum(line.credit_fen for line in old.entry.lines)
    legs = (Share(0, "channel", old.channel, amount_fen),)
    return transaction.Paid(old.payment_no, old.confirm_by_us, legs, old.entry)


def _refund_requested(old: RefundRequested1) -> Fact:
    parts = (Share(0, "channel", old.channel, old.amount_fen),)
    return refund.Requested(old.transaction_id, old.buyer, old.amount_fen, parts)


def _certified(old: Certified1) -> Fact:
    known = (old.effective_from, old.level, old.sources, old.holder, old.particulars)
    return member.Certified(*known, customer="")


def _refund_approved(old: RefundApproved1) -> Fact:
    return refund.Approved(old.amount_fen, old.checker, ())


UPCASTS: dict[str, tuple[type[Fact], Callable[[Any], Fact]]] = {
    "payment.started.1": (PaymentStarted1, _started),
    "payment.succeeded.1": (PaymentSucceeded1, _succeeded),
    "payment.send_back_started.1": (SendBackStarted1, _send_back_started),
    "payment.sent_back.1": (SentBack1, _sent_back),
    "payment.send_back_failed.1": (SendBackFailed1, _send_back_failed),
    "transaction.paid.1": (TransactionPaid1, _paid),
    "refund.requested.1": (RefundRequested1, _refund_requested),
    "refund.approved.1": (RefundApproved1, _refund_approved),
    "member.certified.1": (Certified1, _certified),
    "instruction.issued.1": (IssuedV1, issued),
}
