"""Differences as a bill's verdict confirms them, and what two operators do about them."""

from typing import Any

from domain.accounting.entry import reversed_entry
from domain.accounting.rules import differences as rules
from domain.kernel import Unit
from domain.order.commands import PayOrder
from domain.payment.commands import RecordOutcome
from domain.reconciliation import difference
from domain.reconciliation.difference import About
from domain.reconciliation.resolutions import WAYS
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    TurnDownResolution,
    UndoResolution,
)
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from tests.books import Books
from tests.days import Days
from tests.examples import CHECKER, FRIEND, MAKER, MERCHANT, PAY_DAY

# Flow and side of each kind of which money waits; "amount" and the like have both.
SURPLUS = {
    "missing_here": ("payment", "here"),
    "amount": ("payment", "here"),
    "status": ("payment", "here"),
    "currency": ("payment", "here"),
    "duplicate": ("payment", "here"),
    "refund_missing_at_channel": ("refund", "there"),
    "payout_missing_at_bank": ("payout", "there"),
    "receipt_unknown": ("receipt", "here"),
    "session_over": ("session", "here"),
}
SHORTAGE = {
    "missing_at_channel": ("payment", "there"),
    "amount": ("payment", "there"),
    "status": ("payment", "there"),
    "currency": ("payment", "there"),
    "duplicate": ("refund", "here"),
    "refund_missing_here": ("refund", "here"),
    "payout_missing_here": ("payout", "here"),
    "session_short": ("session", "there"),
}


def about_of(kind: Any, sense: str, amount_fen: int, **more: Any) -> About:
    """What differs; without money of a fee or a status."""
    flow, lacks = {"surplus": SURPLUS, "shortage": SHORTAGE}.get(sense, {}).get(
        kind, ("payment", "here")
    )
    told: dict[str, Any] = {
        "kind": kind,
        "channel": "JD_PAY",
        "number": "N1",
        "on": PAY_DAY,
        "flow": flow,
        "lacks": lacks,
        "ours_fen": 0 if lacks == "here" else amount_fen,
        "bill_fen": amount_fen if lacks == "here" else 0,
        "amount_fen": 0 if sense == "nothing" else amount_fen,
        "serial": "B7",
    }
    return About(**(told | more))


def confirm(books: Books, about: About) -> str:
    """What a verdict does: the id of the difference."""
    named = difference.difference_id(about.kind, about.channel, about.number, about.on)

    def confirms(unit: Unit) -> None:
        stream, account, entry = difference.stream(named), "", None
        if about.amount_fen:
            account = rules.waits_on(about.flow, about.lacks, about.channel)
            entry = rules.difference_confirmed(
                unit.accounting_date, about.channel, about.flow, about.lacks, about.amount_fen
            )
        facts = difference.confirm(unit.load(stream), about, "", account, entry)
        unit.record(stream, facts)

    books.decide(confirms, "system:worker")
    return named


def propose(books: Books, named: str, resolution: str, to: str = "", by: str = MAKER) -> Any:
    return books.do(ProposeResolution(named, resolution, "as the bill says", to), by)


def approve(books: Books, named: str, by: str = CHECKER) -> Any:
    return books.do(ApproveResolution(named), by)


def resolve(books: Books, named: str, resolution: str, to: str = "") -> Any:
    """Proposed by one, approved by another."""
    propose(books, named, resolution, to)
    return approve(books, named)


def undo(books: Books, named: str) -> Any:
    """Wanted by one, approved by another."""
    books.do(UndoResolution(named, "it was not so"), CHECKER)
    return approve(books, named, MAKER)


def turn_down(books: Books, named: str, by: str = CHECKER) -> Any:
    return books.do(TurnDownResolution(named, "no proof"), by)


def state(books: Books, named: str) -> difference.State:
    found: difference.State = books.state(difference.stream(named))
    return found


def begun(books: Books, kind: str, sense: str, resolution: str) -> tuple[str, str]:
    """A difference of the kind, and whom its resolution names; with an instruction of ours where it
    needs one."""
    more: dict[str, Any] = {}
    to = {"member": FRIEND}.get(WAYS[resolution].to, "")  # type: ignore[index]
    if resolution in ("adopt", "refund_payer"):
        more["instruction_id"] = tried(books, kind, resolution)
    if resolution in ("credit_payee", "reissue"):
        more["instruction_id"] = gone(books, kind)
    if kind == "fee":
        more |= {"ours_fen": 28_000, "bill_fen": 30_000}
    named = confirm(books, about_of(kind, sense, 10_000, **more))
    if resolution == "link":
        counter = ("missing_at_channel", "shortage")
        if sense == "shortage":
            counter = ("receipt_unknown", "surplus")
        to = confirm(books, about_of(*counter, 10_000, number="N2"))
    return named, to


def tried(books: Books, kind: str, resolution: str) -> str:
    """An instruction that failed here, of 100.00: of a payment, a refund, a payout."""
    if kind.startswith("refund"):
        books.sell("O9", (MERCHANT, 10_000))
        books.do(RefundTransaction("R9", f"{MERCHANT}-O9", 10_000))
        return "refund-R9"
    if kind.startswith("payout"):
        return paying_out(books)
    books.place("O1", (MERCHANT, 10_000))
    books.do(PayOrder("P1", "O1", "JD_PAY"))
    books.do(RecordOutcome("pay-P1", declined="no answer"))
    return "pay-P1"


def paying_out(books: Books) -> str:
    """A payout of 99.40 that is on its way."""
    books.sell("O8", (MERCHANT, 10_000))
    books.do(ConfirmReceipt(f"{MERCHANT}-O8", "buyer"))
    days = Days(books)
    days.end(lambda _: None)
    books.next_day()
    days.end(lambda _: None)
    return next(
        name.removeprefix("instruction-")
        for name, (_, known, _) in books.states.items()
        if name.startswith("instruction-") and known.purpose == "payout"
    )


def gone(books: Books, kind: str) -> str:
    """A refund or a payout that has succeeded, as the channel said."""
    named = tried(books, kind, "")
    books.do(RecordOutcome(named, succeeded="G1"))
    return named


def clear(books: Books, named: str) -> None:
    """What a verdict does when it is none."""

    def clears(unit: Unit) -> None:
        known = unit.load(difference.stream(named))
        entry = known.confirmation and reversed_entry(known.confirmation, unit.accounting_date)
        unit.record(difference.stream(named), difference.clear(known, "matched", entry))

    books.decide(clears, "system:worker")
