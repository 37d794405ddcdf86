"""Differences and chargebacks in the story: each step of theirs, and some that wait at its end."""

from datetime import timedelta
from typing import Any

from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.reconciliation.charging import (
    AcceptChargeback,
    EndChargeback,
    ReceiveChargeback,
    RepresentChargeback,
)
from domain.reconciliation.difference import About
from domain.reconciliation.judging import Finding, Gone, RecordDifferences
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    TurnDownResolution,
    UndoResolution,
)
from domain.transaction.commands import ConfirmReceipt
from tests.shops import shop

SHOP, PAYER = "DIFFSHOP", "DIFFBUYER"
PROOF = "cd" * 32
ALICE, BOB = "operator:lin", "operator:zhao"


def differences(told: Any) -> None:
    """Two operators bring most of them to their end."""
    told.do(RegisterMember(PAYER, "personal", "差错买家"))
    told.do(shop(SHOP, "差错店", FeeRule(60), "T+1"))
    found = [
        _found(told, "missing_here", "payment", "here", 1_000),
        _found(told, "session_short", "session", "there", 1_000),
        _found(told, "missing_at_channel", "payment", "there", 700),
        _found(told, "receipt_unknown", "receipt", "here", 500),
        _found(told, "duplicate", "payment", "here", 300),
        _found(told, "amount", "payment", "here", 200),
        _found(told, "status", "payment", "here", 0),
        _found(told, "refund_missing_at_channel", "refund", "there", 100, certain=False),
    ]
    day = ("WECHAT_PAY", told.day, 1, 2)  # After the verdicts of `reconciled`.
    told.do(RecordDifferences(*day, tuple(found)), "system:worker")
    over, short, lost, given, back, cleared, status, _ = (one.id for one in found)
    _end(told, over, "link", short)
    told.do(UndoResolution(over, "they are two"), ALICE)
    told.do(ApproveResolution(short), BOB)
    _end(told, lost, "claim")
    _end(told, given, "to_wallet", PAYER)
    told.do(UndoResolution(given, "another buyer"), BOB)
    told.do(TurnDownResolution(given, "it is hers"), ALICE)
    _end(told, back, "refund_payer")
    told.do(RecordOutcome(f"diff-{back}-1", succeeded="B1"))
    _end(told, status, "accept")
    told.do(ProposeResolution(cleared, "to_wallet", "hers", PAYER), ALICE)
    told.do(RecordDifferences(*day, (), (Gone(cleared, "matched"),)), "system:worker")
    told.do(ProposeResolution(over, "to_wallet", "hers", PAYER), ALICE)


def _found(
    told: Any, kind: Any, flow: Any, lacks: Any, fen: int, *, certain: bool = True
) -> Finding:
    ours_fen, bill_fen = (0, fen) if lacks == "here" else (fen, 0)
    about = About(
        kind=kind,
        channel="WECHAT_PAY",
        number=f"N{fen}",
        on=told.day,
        flow=flow,
        lacks=lacks,
        ours_fen=ours_fen,
        bill_fen=bill_fen,
        amount_fen=fen,
        serial=f"S{fen}",
    )
    return Finding(about, "", certain)


def _end(told: Any, named: str, resolution: str, to: str = "") -> None:
    told.do(ProposeResolution(named, resolution, "as the bill says", to), ALICE)
    told.do(ApproveResolution(named), BOB)


def chargebacks(told: Any) -> None:
    """Won in escrow, lost after release, accepted, a retrieval, one that waits."""
    for number, released in (("1", False), ("2", True), ("3", False), ("4", True)):
        order_no, payment_no = f"CB{number}", f"PCB{number}"
        told.do(Checkout(order_no, PAYER, (OrderLine(SHOP, 2_000, "nuts"),), "escrow"))
        told.do(PayOrder(payment_no, order_no, "WECHAT_PAY"))
        told.do(RecordOutcome(f"pay-{payment_no}", succeeded=f"W{number}"))
        if released:
            told.do(ConfirmReceipt(f"{SHOP}-{order_no}", "buyer"))
        told.do(_received(told, number, f"{SHOP}-{order_no}"))
    told.do(RepresentChargeback("WECHAT_PAY-1", PROOF, "signed for"))
    told.do(EndChargeback("WECHAT_PAY-1", "won", "the bank says so"))
    told.do(EndChargeback("WECHAT_PAY-2", "lost", "the bank says so"))
    told.do(AcceptChargeback("WECHAT_PAY-3", "never sent"))
    told.do(_received(told, "5", f"{SHOP}-CB4", "retrieval"))
    told.do(RepresentChargeback("WECHAT_PAY-5", PROOF, "as asked"))
    _met(told, "WECHAT_PAY-1")


def _met(told: Any, case: str) -> None:
    """What was taken off for it, found a second time after an undo, and what came back."""
    found = (
        _found(told, "refund_missing_here", "refund", "here", 1_500),
        _found(told, "receipt_unknown", "receipt", "here", 1_500),
    )
    told.do(RecordDifferences("WECHAT_PAY", told.day, 1, 2, found), "system:worker")
    off, back = (one.id for one in found)
    _end(told, off, "link", case)
    told.do(UndoResolution(off, "of another"), ALICE)
    told.do(ApproveResolution(off), BOB)
    _end(told, off, "link", case)
    _end(told, back, "link", case)


def _received(told: Any, number: str, sold: str, kind: Any = "chargeback") -> ReceiveChargeback:
    due = told.day + timedelta(days=14)
    return ReceiveChargeback("WECHAT_PAY", number, sold, 1_500, due, f"W{number}", "4853", kind)
