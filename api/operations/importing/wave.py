"""A wave: some hundred actions of one business day, submitted in three commits.

    1  buyers registered, orders placed, payments started      (intentions)
    2  the channels' answers, confirmations, refunds requested, by time
    3  the channels' answers to the refunds

Which actions share a wave depends on the feed alone, never on the clock or on how far an earlier
run came. So a feed gives the same bytes on any database, and a repeated wave is answered, request
by request, from the receipts.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from api.operations.desk import Desk, outcomes, request
from api.operations.feed.rows import Checkout, RefundRow
from domain.channel.channels import channel_for
from domain.kernel import Request
from domain.ledger.answer import Answer, Refusal
from domain.ledger.states import fold_streams
from domain.member.commands import RegisterMember
from domain.order.commands import Checkout as PlaceOrder
from domain.order.commands import PayOrder
from domain.order.order import OrderLine
from domain.payment import instruction, payment
from domain.refusals import Code, Refused
from domain.transaction import refund, transaction
from domain.transaction.commands import ConfirmReceipt, RefundTransaction

ACTOR = "system:import"
WAVE_SIZE = 300  # Actions; one checkout is one, however many merchants it has.


CLOSED = Refusal(Code.DAY_NOT_THE_OPEN_ONE, "date", "the business day of this row is closed")


class Confirmation(Struct, frozen=True):
    """The timer of a transaction runs out (UTC µs)."""

    at_us: int
    transaction_id: str


Action = Checkout | RefundRow | Confirmation
# None: the request belongs to a closed day and was not in the books before.
Submit = Callable[[Sequence[Request]], list[Answer | None]]
Refuse = Callable[[Checkout | RefundRow, Refusal], None]


class Tally:
    """Counts of an import: what is in the books, and how much of it this run put there."""

    def __init__(self) -> None:
        self.checkouts = self.transactions = self.refunds = self.confirmed = 0
        self.new = self.replayed = 0


class Wave:
    """Collects actions, then runs them. `paid` is told of every order that was paid."""

    def __init__(
        self,
        desk: Desk,
        tally: Tally,
        refuse: Refuse,
        paid: Callable[[Checkout], None],
        buyers: set[str],
    ) -> None:
        self._desk = desk
        self._tally = tally
        self._refuse = refuse
        self._paid = paid
        self._buyers = buyers  # Those this run has registered already.
        self.actions: list[Action] = []

    def run(self, submit: Submit) -> None:
        """Submit what was collected, and begin anew."""
        actions, self.actions = self.actions, []
        placed = self._place([a for a in actions if isinstance(a, Checkout)], submit)
        refunded = self._follow(placed, actions, submit)
        self._finish(refunded, submit)

    def _place(self, checkouts: list[Checkout], submit: Submit) -> list[Checkout]:
        """Commit 1. The checkouts that were placed and whose payment was started."""
        requests: list[Request] = []
        of: dict[str, Checkout] = {}
        for checkout in checkouts:
            try:
                channel_for(checkout.method)  # Before anything of the order exists.
            except Refused as no:
                self._refuse(checkout, Refusal(no.code, no.field, no.detail))
                continue
            requests += self._registration(checkout)
            requests += _purchase(checkout)
            of[number_of(checkout)] = of[f"pay:{checkout.order_no}"] = checkout
        refused: set[str] = set()
        placed: dict[str, Checkout] = {}
        for one, answer in zip(requests, self._submitted(requests, submit), strict=True):
            wanted = of.get(one.number)
            if wanted is None or wanted.order_no in refused:
                continue
            why = CLOSED if answer is None else answer.refused
            if why is not None:
                refused.add(wanted.order_no)
                placed.pop(wanted.order_no, None)
                self._refuse(wanted, why)
            else:
                placed[wanted.order_no] = wanted
        return list(placed.values())

    def _registration(self, checkout: Checkout) -> list[Request]:
        if checkout.buyer in self._buyers:
            return []
        self._buyers.add(checkout.buyer)
        command = RegisterMember(checkout.buyer, "personal", checkout.buyer)
        return [request(f"register:{checkout.buyer}", checkout.placed_at_us, command, ACTOR)]

    def _follow(
        self, placed: list[Checkout], actions: list[Action], submit: Submit
    ) -> list[RefundRow]:
        """Commit 2. The refunds that were accepted."""
        orders = {payment.instruction_id(order.order_no): order for order in placed}
        timed = self._answered(orders, lambda order: order.placed_at_us)
        for action in actions:
            if isinstance(action, Confirmation):
                timed.append((action.at_us, _confirmation(action), action))
            elif isinstance(action, RefundRow):
                timed.append((action.requested_at_us, _refund(action), action))
        timed.sort(key=lambda item: item[0])
        answers = self._submitted([one for _, one, _ in timed], submit)
        accepted = []
        for (_, _, action), answer in zip(timed, answers, strict=True):
            no = CLOSED if answer is None else answer.refused
            if isinstance(action, Confirmation):
                self._tally.confirmed += bool(
                    answer is not None and answer.result and answer.result["completed_now"]
                )
            elif isinstance(action, RefundRow):
                if no is None:
                    accepted.append(action)
                else:
                    self._refuse(action, no)
        self._conclude(orders)
        return accepted

    def _conclude(self, orders: dict[str, Checkout]) -> None:
        """Every payment has its answer: which orders are paid?"""
        states = self._instructions(orders)
        for instruction_id, order in orders.items():
            state = states[instruction_id]
            if state.status == "succeeded":
                self._tally.checkouts += 1
                self._tally.transactions += len(order.lines)
                self._paid(order)
            else:
                why = f"{order.method}: {state.status} {state.answer}".strip()
                self._refuse(order, Refusal(Code.ORDER_NOT_PAYABLE, "method", why))

    def _finish(self, refunds: list[RefundRow], submit: Submit) -> None:
        """Commit 3."""
        self._tally.refunds += len(refunds)
        asked = {refund.instruction_id(row.refund_no): row for row in refunds}
        timed = self._answered(asked, lambda row: row.requested_at_us)
        self._submitted([one for _, one, _ in timed], submit)

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

    def _submitted(self, requests: list[Request], submit: Submit) -> list[Answer | None]:
        answers = submit(requests)
        for answer in answers:
            if answer is not None:
                self._tally.replayed += answer.replayed
                self._tally.new += not answer.replayed
        return answers


def number_of(checkout: Checkout) -> str:
    """The request number of an order's first command."""
    return f"checkout:{checkout.order_no}"


def _purchase(checkout: Checkout) -> list[Request]:
    lines = tuple(
        OrderLine(row.merchant, row.amount_fen, row.subject, row.items) for row in checkout.lines
    )
    at_us, order_no = checkout.placed_at_us, checkout.order_no
    place = PlaceOrder(order_no, checkout.buyer, lines)
    pay = PayOrder(order_no, order_no, checkout.method)
    return [
        request(number_of(checkout), at_us, place, ACTOR),
        request(f"pay:{order_no}", at_us, pay, ACTOR),
    ]


def _refund(row: RefundRow) -> Request:
    transaction_id = transaction.identity(row.merchant, row.order_no)
    command = RefundTransaction(row.refund_no, transaction_id, row.amount_fen)
    return request(f"refund:{row.refund_no}", row.requested_at_us, command, ACTOR)


def _confirmation(due: Confirmation) -> Request:
    command = ConfirmReceipt(due.transaction_id, "timer")
    return request(f"confirm:{due.transaction_id}:{due.at_us}", due.at_us, command, ACTOR)
