"""A wave: some hundred actions of one business day, submitted in three commits.

    1  buyers registered, orders placed, payments started      (intentions)
    2  the channels' answers, confirmations, refunds requested, by time
    3  the channels' answers to the refunds

Which actions share a wave depends on the feed alone, never on the clock or on how far an earlier
run came. So a feed gives the same bytes on any database, and a repeated wave is answered, request
by request, from the receipts. What was refused once and may be taken now follows each of the three
in a commit of its own (`attempts.py`).
"""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Protocol

from msgspec import Struct

from api.operations.desk import Desk, outcomes, request
from api.operations.feed.rows import FeedOrder, RefundRow
from api.operations.importing.attempts import submit, too_early
from domain.kernel import Request
from domain.ledger.answer import Answer, Refusal
from domain.ledger.states import fold_streams
from domain.member.commands import RegisterMember
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment import instruction
from domain.refusals import MALFORMED, Code
from domain.transaction import refund, transaction
from domain.transaction.commands import ConfirmReceipt, RefundTransaction

ACTOR = "system:import"
WAVE_SIZE = 300  # Actions; one checkout is one, however many merchants it has.
BUYERS = 50_000  # Registered ones that are remembered; asking for one again does no harm.
UNDECIDED = MALFORMED | {Code.REQUEST_CONFLICT, Code.BUSY}  # Answers that no receipt keeps.


class Confirmation(Struct, frozen=True):
    """The timer of a transaction runs out (UTC µs)."""

    at_us: int
    transaction_id: str


Row = FeedOrder | RefundRow
Action = Row | Confirmation


class Told(Protocol):
    """Who hears what became of the rows of a wave."""

    def refused(self, row: Row, why: Refusal) -> None: ...

    def awaiting(self, row: RefundRow) -> None:
        """It is above a debt limit, and waits for an approval."""

    def late(self, row: Row, on: date) -> None:
        """It was posted by this run, on a business day after its own."""

    def unpaid(self, checkout: FeedOrder) -> None:
        """It was not paid: no timer of it will run out."""


class Tally:
    """Counts of an import: what is in the books, and how much of it this run put there."""

    def __init__(self) -> None:
        self.checkouts = self.transactions = self.refunds = self.confirmed = 0
        self.new = self.replayed = 0

    def count(self, answers: list[Answer]) -> list[Answer]:
        for one in answers:
            undecided = one.refused is not None and one.refused.code in UNDECIDED
            self.replayed += one.replayed
            self.new += not one.replayed and not undecided
        return answers


class Wave:
    """Collects actions, then runs them."""

    def __init__(self, desk: Desk, tally: Tally, told: Told) -> None:
        self._desk = desk
        self._tally = tally
        self._told = told
        self._buyers: set[str] = set()  # Those this run has registered already.
        self._late_on: date | None = None
        self.actions: list[Action] = []

    def run(self, late_on: date | None) -> None:
        """Submit what was collected, and begin anew. `late_on`: the day of these rows is over, and
        what is new is posted on this one, the open one."""
        self._late_on = late_on
        actions, self.actions = self.actions, []
        placed = self._place([a for a in actions if isinstance(a, FeedOrder)])
        refunded = self._follow(placed, actions)
        self._finish(refunded)

    def _place(self, checkouts: list[FeedOrder]) -> dict[str, tuple[FeedOrder, bool]]:
        """Commit 1. The checkouts that were placed and whose payment was started, by the id of its
        instruction, and whether this run did so."""
        requests: list[Request] = []
        of: dict[str, FeedOrder] = {}
        for checkout in checkouts:
            requests += self._registration(checkout)
            requests += _purchase(checkout)
            of[number_of(checkout)] = of[f"pay:{checkout.order_no}"] = checkout
        refused: set[str] = set()
        placed: dict[str, tuple[FeedOrder, bool]] = {}
        for one, answer in zip(requests, self._submitted(requests), strict=True):
            wanted = of.get(one.number)
            if wanted is None or wanted.order_no in refused:
                continue
            instruction_id = f"pay-{wanted.order_no}"
            if answer.refused is not None:
                refused.add(wanted.order_no)
                placed.pop(instruction_id, None)
                self._told.unpaid(wanted)
                self._told.refused(wanted, answer.refused)
            else:
                placed[instruction_id] = (wanted, not answer.replayed)
        return placed

    def _registration(self, checkout: FeedOrder) -> list[Request]:
        if checkout.buyer in self._buyers:
            return []
        if len(self._buyers) >= BUYERS:
            self._buyers.clear()
        self._buyers.add(checkout.buyer)
        command = RegisterMember(checkout.buyer, "personal", checkout.buyer)
        return [request(f"register:{checkout.buyer}", checkout.placed_at_us, command, ACTOR)]

    def _follow(
        self, placed: dict[str, tuple[FeedOrder, bool]], actions: list[Action]
    ) -> list[RefundRow]:
        """Commit 2. The refunds that were accepted, or approved since."""
        orders = {instruction_id: order for instruction_id, (order, _) in placed.items()}
        timed: list[tuple[int, Request, Any]]
        timed = self._answered(orders, lambda order: order.placed_at_us)
        if self._late_on is not None:
            actions = self._still_to_do(placed, actions)
        for action in actions:
            if isinstance(action, Confirmation):
                timed.append((action.at_us, _confirmation(action), action))
            elif isinstance(action, RefundRow):
                timed.append((action.requested_at_us, _refund(action), action))
        timed.sort(key=lambda item: item[0])
        answers = self._submitted([one for _, one, _ in timed])
        accepted, waiting = [], []
        for (_, _, action), answer in zip(timed, answers, strict=True):
            if isinstance(action, Confirmation):
                self._tally.confirmed += bool(answer.result and answer.result["completed_now"])
            elif isinstance(action, RefundRow):
                if answer.result and "state" in answer.result:
                    waiting.append(action)
                elif answer.refused is None:
                    accepted.append(action)
                    self._say_late(action, answer.replayed)
                else:
                    self._told.refused(action, answer.refused)
        self._conclude(placed)
        return accepted + self._approved(waiting)

    def _approved(self, asked: list[RefundRow]) -> list[RefundRow]:
        """Of refunds that needed an approval those that have it by now."""
        streams = [refund.stream(row.refund_no) for row in asked]
        found = fold_streams(self._desk.ledger.recorder, streams)
        approved = []
        for row, stream in zip(asked, streams, strict=True):
            state: refund.State = found[stream][1]
            if state.status == "requested":
                self._told.awaiting(row)
            elif state.status == "rejected":
                why = Refusal(Code.REFUND_REJECTED, "refund_no", state.rejected)
                self._told.refused(row, why)
            else:
                approved.append(row)
        return approved

    def _still_to_do(
        self, placed: dict[str, tuple[FeedOrder, bool]], actions: list[Action]
    ) -> list[Action]:
        """Of rows posted late: without the timers of what was confirmed meanwhile, and without
        refunds that were asked for before their payment."""
        ids = {a.transaction_id for a in actions if isinstance(a, Confirmation)}
        ids |= {_sold(a) for a in actions if isinstance(a, RefundRow)}
        streams = {transaction.stream(one): one for one in ids}
        found = fold_streams(self._desk.ledger.recorder, streams)
        states: dict[str, transaction.State] = {
            one: found[stream][1] for stream, one in streams.items()
        }
        placed_us = {
            transaction.identity(line.merchant, order.order_no): order.placed_at_us
            for order, _ in placed.values()
            for line in order.lines
        }
        left: list[Action] = []
        for action in actions:
            if isinstance(action, Confirmation):
                state = states[action.transaction_id]
                if state.status in ("created", "paid"):
                    left.append(action)
                else:
                    self._tally.confirmed += state.released
            elif isinstance(action, RefundRow):
                asked = _refund(action)
                early = too_early(asked, states[_sold(action)], placed_us.get(_sold(action)))
                if early is None:
                    left.append(action)
                else:
                    self._told.refused(action, early)
        return left

    def _conclude(self, placed: dict[str, tuple[FeedOrder, bool]]) -> None:
        """Every payment has its answer: which orders are paid?"""
        states = self._instructions(placed)
        for instruction_id, (order, new) in placed.items():
            state = states[instruction_id]
            if state.status == "succeeded":
                self._tally.checkouts += 1
                self._tally.transactions += len(order.lines)
                self._say_late(order, not new)
            else:
                why = f"{order.method}: {state.status} {state.answer}".strip()
                self._told.unpaid(order)
                self._told.refused(order, Refusal(Code.ORDER_NOT_PAYABLE, "method", why))

    def _say_late(self, row: Row, replayed: bool) -> None:
        if self._late_on is not None and not replayed:
            self._told.late(row, self._late_on)

    def _finish(self, refunds: list[RefundRow]) -> None:
        """Commit 3."""
        self._tally.refunds += len(refunds)
        asked = {refund.instruction_id(row.refund_no): row for row in refunds}
        timed = self._answered(asked, lambda row: row.requested_at_us)
        self._submitted([one for _, one, _ in timed])

    def _answered(
        self, asked: dict[str, Any], at_us: Callable[[Any], int]
    ) -> list[tuple[int, Request, Any]]:
        """Carry out the instructions that have no outcome yet, each at its own business time."""
        timed = []
        for one in outcomes(self._desk, asked):
            action = asked[one.instruction_id]
            number = f"outcome:{one.instruction_id}"
            when = at_us(action)
            timed.append((when, request(number, when, one, ACTOR), action))
        return timed

    def _instructions(self, ids: Iterable[str]) -> dict[str, instruction.State]:
        streams = {instruction.stream(one): one for one in ids}
        folded = fold_streams(self._desk.ledger.recorder, streams)
        return {one: folded[stream][1] for stream, one in streams.items()}

    def _submitted(self, requests: list[Request]) -> list[Answer]:
        return self._tally.count(submit(self._desk.ledger, requests))


def number_of(checkout: FeedOrder) -> str:
    """The request number of an order's first command."""
    return f"checkout:{checkout.order_no}"


def _purchase(checkout: FeedOrder) -> list[Request]:
    lines = tuple(
        OrderLine(row.merchant, row.amount_fen, row.subject, row.items) for row in checkout.lines
    )
    at_us, order_no = checkout.placed_at_us, checkout.order_no
    place = Checkout(order_no, checkout.buyer, lines)
    pay = PayOrder(order_no, order_no, checkout.method)
    return [
        request(number_of(checkout), at_us, place, ACTOR),
        request(f"pay:{order_no}", at_us, pay, ACTOR),
    ]


def _sold(row: RefundRow) -> str:
    return transaction.identity(row.merchant, row.order_no)


def _refund(row: RefundRow) -> Request:
    command = RefundTransaction(row.refund_no, _sold(row), row.amount_fen)
    return request(f"refund:{row.refund_no}", row.requested_at_us, command, ACTOR)


def _confirmation(due: Confirmation) -> Request:
    command = ConfirmReceipt(due.transaction_id, "timer")
    return request(f"confirm:{due.transaction_id}:{due.at_us}", due.at_us, command, ACTOR)
