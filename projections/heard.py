"""What a member hears of a fact: one literal table, and the words in which it is said.

Pure: a fact, and what was noted of its subject before, give what is said to whom. Never said:
names, cards, reasons in free text, whoever is on the other side. A member hears ends; that
something is not known yet is no news. One fact says one thing to one member, so that a position of
the log is an event's name among those of a member.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from domain.accounting import deposit, reserve
from domain.accounting.chart import (
    MERCHANT_AVAILABLE,
    MERCHANT_DEPOSIT,
    MERCHANT_PENDING,
    split_id,
)
from domain.authority import deduction
from domain.clearing.split import merchant_of_batch
from domain.kernel import Fact, Recorded, iso_time, key
from domain.member import webhook
from domain.order import order
from domain.payment import suspense, withdrawal
from domain.reconciliation import chargeback, difference
from domain.settlement import batch
from domain.transaction import refund, transaction

Data = dict[str, Any]


class Said(NamedTuple):
    """`about` is the object: what is said of one object is heard in order."""

    member: str
    kind: str
    about: str
    data: Data


class MerchantEvent(Struct, frozen=True):
    """An event as it is sent, and as `GET /v1/events` gives it. `position` is that of the fact in
    the log; `sequence` counts the member's events, so that a gap can be seen."""

    id: str
    type: str
    timestamp: str
    position: int
    sequence: int
    member_id: str
    object: str
    data: Data


def body(said: Said, position: int, sequence: int, at_us: int) -> str:
    """The very bytes, as a text."""
    event = MerchantEvent(
        f"evt_{position}_{said.member}",
        said.kind,
        iso_time(at_us),
        position,
        sequence,
        said.member,
        said.about,
        said.data,
    )
    return msgspec.json.encode(event).decode()


# What is noted of a subject, for facts that say less: who is to hear of it, and how much it is.


def noted_order(fact: order.Placed) -> list[Any]:
    return [[line.merchant, line.amount_fen] for line in fact.lines]


def noted_refund(fact: refund.Requested | refund.ApprovalRequested) -> list[Any]:
    return [fact.transaction_id, fact.amount_fen]


def noted_withdrawal(fact: withdrawal.Requested) -> list[Any]:
    return [fact.member_id, fact.amount_fen, fact.fee_fen]


NOTED: Mapping[type[Fact], Callable[[Any], list[Any]]] = {
    order.Placed: noted_order,
    refund.Requested: noted_refund,
    refund.ApprovalRequested: noted_refund,
    withdrawal.Requested: noted_withdrawal,
}


# What is said.


def _paid(recorded: Recorded, _noted: Any) -> list[Said]:
    fact: transaction.Paid = recorded.fact
    transaction_id = transaction.id_of(recorded.stream)
    data = _transaction(transaction_id, fact.payment_no)
    data |= {"amount_fen": sum(share.amount_fen for share in fact.legs), "state": "succeeded"}
    merchant = transaction.merchant_of(transaction_id)
    return [Said(merchant, "payment.succeeded", recorded.stream, data)]


def _not_paid(recorded: Recorded, noted: Any) -> list[Said]:
    """Every merchant of the order hears of its own part."""
    fact: order.PaymentDeclined = recorded.fact
    said = []
    for merchant, amount_fen in noted:
        transaction_id = transaction.identity(merchant, key(recorded.stream))
        data = _transaction(transaction_id, fact.payment_no)
        data |= {"amount_fen": amount_fen, "state": "failed"}
        about = transaction.stream(transaction_id)
        said.append(Said(merchant, "payment.failed", about, data))
    return said


def _transaction(transaction_id: str, payment_no: str) -> Data:
    order_no = transaction_id.partition("-")[2]
    return {"transaction_id": transaction_id, "order_no": order_no, "payment_no": payment_no}


def _refund(state: str, recorded: Recorded, noted: Any) -> list[Said]:
    transaction_id, amount_fen = noted
    data = {
        "refund_no": refund.number_of(recorded.stream),
        "transaction_id": transaction_id,
        "amount_fen": amount_fen,
        "state": state,
    }
    merchant = transaction.merchant_of(transaction_id)
    return [Said(merchant, f"refund.{state}", recorded.stream, data)]


def _refund_ended(state: str) -> "Says":
    return lambda recorded, noted: _refund(state, recorded, noted)


def _part_ended(recorded: Recorded, noted: Any) -> list[Said]:
    """Of a refund in several parts, the last one says what it came to."""
    whole: str = recorded.fact.whole
    return _refund(whole, recorded, noted) if whole else []


def _withdrawal(state: str) -> "Says":
    def says(recorded: Recorded, noted: Any) -> list[Said]:
        member, amount_fen, fee_fen = noted
        data = {
            "withdrawal_no": key(recorded.stream),
            "amount_fen": amount_fen,
            "fee_fen": fee_fen,
            "state": state,
        }
        return [Said(member, f"withdrawal.{state}", recorded.stream, data)]

    return says


def _payout(state: str) -> "Says":
    def says(recorded: Recorded, _noted: Any) -> list[Said]:
        fact: batch.PayoutSucceeded | batch.PayoutFailed | batch.PayoutReturned = recorded.fact
        data = {"payout_no": fact.payout_no, "amount_fen": fact.amount_fen, "state": state}
        return _batch(recorded, f"payout.{state}", data)

    return says


def _sealed(recorded: Recorded, _noted: Any) -> list[Said]:
    fact: batch.Sealed = recorded.fact
    data = {
        "count": fact.count,
        "net_fen": fact.net_fen,
        "due_date": fact.due_date.isoformat(),
        "state": "sealed",
    }
    return _batch(recorded, "settlement_batch.sealed", data)


def _settled(recorded: Recorded, _noted: Any) -> list[Said]:
    data = {"paid_fen": recorded.fact.paid_fen, "state": "settled"}
    return _batch(recorded, "settlement_batch.settled", data)


def _carried(recorded: Recorded, _noted: Any) -> list[Said]:
    fact: batch.CarriedForward = recorded.fact
    data = {"carry_out_fen": fact.carry_out_fen, "state": "carried_forward"}
    return _batch(recorded, "settlement_batch.carried_forward", data)


def _batch(recorded: Recorded, kind: str, data: Data) -> list[Said]:
    batch_id = batch.id_of(recorded.stream)
    merchant = merchant_of_batch(batch_id)
    return [Said(merchant, kind, recorded.stream, {"batch_id": batch_id, **data})]


def _charged_back(recorded: Recorded, _noted: Any) -> list[Said]:
    """The reason is the bank's code; who the payer is, is not said."""
    fact: chargeback.Received = recorded.fact
    data = {
        "chargeback": key(recorded.stream),
        "kind": fact.kind,
        "transaction_id": fact.transaction_id,
        "amount_fen": fact.amount_fen,
        "reason_code": fact.reason_code,
        "due": fact.due.isoformat(),
        "state": "evidence_due",
    }
    return [Said(fact.merchant, "chargeback.received", recorded.stream, data)]


def _won_back(recorded: Recorded, _noted: Any) -> list[Said]:
    fact: chargeback.Won = recorded.fact
    data = {
        "chargeback": key(recorded.stream),
        "transaction_id": fact.transaction_id,
        "amount_fen": fact.given.escrow_fen + fact.given.released_fen,
        "state": "won",
    }
    return [Said(fact.merchant, "chargeback.won", recorded.stream, data)]


def _lost(recorded: Recorded, _noted: Any) -> list[Said]:
    fact: chargeback.Lost | chargeback.Accepted = recorded.fact
    data = {
        "chargeback": key(recorded.stream),
        "transaction_id": fact.transaction_id,
        "amount_fen": fact.amount_fen,
        "state": "lost",
    }
    return [Said(fact.merchant, "chargeback.lost", recorded.stream, data)]


def _pinged(recorded: Recorded, _noted: Any) -> list[Said]:
    endpoint_id = recorded.fact.endpoint_id
    about = f"webhook-{endpoint_id}"
    return [Said(key(recorded.stream), webhook.PING, about, {"endpoint_id": endpoint_id})]


def statement_ready(merchant: str, on: date) -> Said:
    """The day is closed: nothing is added to the merchant's statement of it any more."""
    about = f"statement-{merchant}-{on.isoformat()}"
    return Said(merchant, "statement.ready", about, {"date": on.isoformat(), "state": "ready"})


Says = Callable[[Recorded, Any], list[Said]]


class Rule(NamedTuple):
    """`noted`: it needs what was noted of its subject."""

    says: Says
    noted: bool = False


HEARD: Mapping[type[Fact], Rule] = {
    transaction.Paid: Rule(_paid),
    order.PaymentDeclined: Rule(_not_paid, noted=True),
    refund.Succeeded: Rule(_refund_ended("succeeded"), noted=True),
    refund.Failed: Rule(_refund_ended("failed"), noted=True),
    refund.PartSucceeded: Rule(_part_ended, noted=True),
    refund.PartFailed: Rule(_part_ended, noted=True),
    refund.Rejected: Rule(_refund_ended("rejected"), noted=True),
    withdrawal.Succeeded: Rule(_withdrawal("succeeded"), noted=True),
    withdrawal.SucceededLate: Rule(_withdrawal("succeeded"), noted=True),
    withdrawal.Failed: Rule(_withdrawal("failed"), noted=True),
    withdrawal.TurnedDown: Rule(_withdrawal("turned_down"), noted=True),
    withdrawal.Returned: Rule(_withdrawal("returned"), noted=True),
    batch.PayoutSucceeded: Rule(_payout("succeeded")),
    batch.PayoutFailed: Rule(_payout("failed")),
    batch.PayoutReturned: Rule(_payout("returned")),
    batch.Sealed: Rule(_sealed),
    batch.Settled: Rule(_settled),
    batch.CarriedForward: Rule(_carried),
    chargeback.Received: Rule(_charged_back),
    chargeback.Won: Rule(_won_back),
    chargeback.Lost: Rule(_lost),
    chargeback.Accepted: Rule(_lost),
    webhook.Pinged: Rule(_pinged),
}


def _seller(recorded: Recorded) -> str:
    return transaction.merchant_of(transaction.id_of(recorded.stream))


def _payee(recorded: Recorded) -> str:
    return merchant_of_batch(batch.id_of(recorded.stream))


def _reserver(recorded: Recorded) -> str:
    return merchant_of_batch(reserve.id_of(recorded.stream))


def _of_entry(*codes: str) -> Callable[[Recorded], str]:
    """Whose account of these its entry moves; "" where it is nobody's: a person's wallet, or money
    on its way."""

    def owner(recorded: Recorded) -> str:
        owned = (split_id(line.account) for line in recorded.fact.entry.lines)
        return next((owner for code, owner in owned if code in codes), "")

    return owner


_own = _of_entry(MERCHANT_PENDING, MERCHANT_AVAILABLE)
_deposit = _of_entry(MERCHANT_DEPOSIT)


def _charged(recorded: Recorded) -> str:
    return str(recorded.fact.merchant)


# Whose statement a fact moves, on the date of its entry: those of `merchant_statements.py`.
MOVES: Mapping[type[Fact], Callable[[Recorded], str]] = {
    transaction.Paid: _seller,
    transaction.Cleared: _seller,
    transaction.RefundAccepted: _seller,
    transaction.RefundCleared: _seller,
    batch.Matured: _payee,
    batch.Instructed: _payee,
    batch.PayoutRetried: _payee,
    batch.PayoutSucceeded: _own,
    batch.PayoutFailed: _payee,
    batch.PayoutReturned: _payee,
    deduction.Asked: _own,
    deduction.Failed: _own,
    deduction.Returned: _own,
    suspense.Opened: _own,
    reserve.Released: _reserver,
    deposit.Taken: _deposit,
    deposit.Returned: _deposit,
    difference.Resolved: _own,
    difference.Undone: _own,
    chargeback.Received: _charged,
    chargeback.Won: _charged,
}
