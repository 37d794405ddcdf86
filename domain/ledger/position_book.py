"""What channels owe for a day, from the facts of instructions alone: `verify` compares it with what
the day sealed, which came from the accounts.

An instruction counts when it succeeds. What a channel says against an outcome counts as well, each
as its own rule books it: a late success, more than was asked, a second charge, a return.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from domain.accounting.chart import CHANNEL_PAYABLE, CHANNEL_RECEIVABLE, split_id
from domain.accounting.rules.settlement import PAID_LATE
from domain.authority import deduction
from domain.channel.network import PaidPart
from domain.clearing import day
from domain.kernel import Entry, Recorded, category
from domain.payment import combined, contradiction, instruction, payment, suspense, withdrawal
from domain.settlement import batch

Report = Callable[[str, str, str], None]
RECEIVED, PAID = 0, 1
RESOLVING = ("difference",)  # What resolves one is no trade of the day, as its entries are none.


def _is_enough(asked: instruction.Issued, fen: int, parts: Sequence[PaidPart]) -> bool:
    """Whether a payment pays what it was asked for: too little for one transaction of a combined
    order is not made up for by too much for another."""
    return combined.compared(asked.amount_fen, fen, asked.parts, parts) != "less"


class PositionBook:
    """What instructions brought in and carried out through each channel on the open date."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._asked: dict[str, instruction.Issued] = {}
        self._declined: dict[str, instruction.Issued] = {}  # They may succeed after all.
        self._moved: dict[str, list[int]] = {}

    def take(self, recorded: Recorded, where: str) -> None:
        fact, stream = recorded.fact, recorded.stream
        if isinstance(fact, instruction.Issued):
            self._asked[stream] = fact
        elif isinstance(fact, instruction.Declined):
            if (asked := self._asked.pop(stream, None)) is not None:
                self._declined[stream] = asked
        elif isinstance(fact, instruction.Succeeded | instruction.Differed):
            self._outcome(stream, fact)
        elif isinstance(fact, day.Closed):
            self._compare(fact.date, fact.positions, where)
            self._moved.clear()
        else:
            self._against(stream, fact)

    def _outcome(self, stream: str, fact: instruction.Succeeded | instruction.Differed) -> None:
        asked = self._asked.pop(stream, None)
        if asked is None:
            return
        if category(asked.reference) in RESOLVING:
            return
        pays_in = asked.purpose == "payment"
        if isinstance(fact, instruction.Differed):
            # What is less is booked by its suspense item; out of here, it waits as it is.
            if pays_in and _is_enough(asked, fact.amount_fen, fact.parts):
                self._add(asked.channel, RECEIVED, asked.amount_fen)
            return
        self._add(asked.channel, RECEIVED if pays_in else PAID, asked.amount_fen)

    def _against(self, stream: str, fact: Any) -> None:
        match fact:
            case payment.LegRerouted(instead_of=over):  # What it brings late is a suspense item.
                self._declined.pop(f"instruction-{over}", None)
            case suspense.Opened(entry=entry):
                self._lines(entry)
            case (
                batch.PayoutReturned(entry=entry)
                | withdrawal.Returned(entry=entry)
                | deduction.Returned(entry=entry)
            ):
                self._lines(entry)
            case withdrawal.SucceededLate(entry=entry) | deduction.SucceededLate(entry=entry) if (
                entry is not None
            ):
                self._lines(entry)
            case batch.PayoutSucceeded(entry=entry) if entry.rule == PAID_LATE:
                self._lines(entry)
            case contradiction.Established(kind="late", amount_fen=fen, parts=parts):
                declined = self._declined.get(f"instruction-{contradiction.id_of(stream)}")
                if declined is None or declined.purpose != "payment":
                    return
                if _is_enough(declined, fen, parts):
                    self._add(declined.channel, RECEIVED, declined.amount_fen)
            case _:
                pass

    def _lines(self, entry: Entry) -> None:
        for line in entry.lines:
            code, channel = split_id(line.account)
            if code == CHANNEL_RECEIVABLE and line.debit_fen:
                self._add(channel, RECEIVED, line.debit_fen)
            elif code == CHANNEL_PAYABLE and line.credit_fen:
                self._add(channel, PAID, line.credit_fen)

    def _add(self, channel: str, side: int, amount_fen: int) -> None:
        self._moved.setdefault(channel, [0, 0])[side] += amount_fen

    def _compare(self, on: Any, positions: Iterable[day.Position], where: str) -> None:
        sealed = {one.channel: [one.received_fen, one.paid_fen] for one in positions}
        for channel in sorted(sealed.keys() | self._moved.keys()):
            said, found = sealed.get(channel, [0, 0]), self._moved.get(channel, [0, 0])
            if said != found:
                detail = f"{channel} on {on}: sealed {said}, its instructions moved {found} fen"
                self._report("positions", where, detail)
