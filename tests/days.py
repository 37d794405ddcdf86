"""Ends of days, as the clock brings them, and outcomes, as channels tell them: nothing of it may be
refused because somebody's accounts are closed."""

from collections.abc import Callable
from datetime import timedelta

from domain.accounting.chart import RESERVE_IDENTITY, split_id
from domain.clearing.commands import CutOffDay
from domain.kernel import Command
from domain.payment.commands import RecordOutcome
from domain.refusals import Code, Refused
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.transaction.commands import ConfirmReceipt
from tests.books import Books
from tests.examples import CHECKER

DAY = timedelta(days=1)


def right(books: Books) -> None:
    """Debits equal credits, customers' money is in the reserve or on its way, what is closed is
    empty."""
    states = [s for name, (_, s, _) in books.states.items() if name.startswith("account-")]
    sums = {state.account: state.debit_fen - state.credit_fen for state in states}
    assert sum(sums.values()) == 0
    assert sum(fen for name, fen in sums.items() if split_id(name)[0] in RESERVE_IDENTITY) == 0
    for state in states:
        if state.status == "closed":
            assert (state.balance_fen, state.holds) == (0, ())


class Days:
    def __init__(self, books: Books) -> None:
        self.books = books

    def batches(self) -> list[str]:
        return [name[11:] for name in sorted(self.books.states) if name.startswith("settlement-")]

    def status(self, batch: str) -> str:
        return str(self.books.state(f"settlement-{batch}").status)

    def timer(self, command: Command, actor: str = "") -> None:
        try:
            self.books.do(command, actor)
        except Refused as no:
            assert no.code in (Code.BATCH_NOT_DUE, Code.CONFIRMATION_TOO_EARLY), no

    def end(self, answer: Callable[[str], None]) -> None:
        books = self.books
        on = books.state("day-books").open_date
        for name, (_, state, _) in list(books.states.items()):
            if name.startswith("transaction-") and state.status == "paid":
                self.timer(ConfirmReceipt(name.partition("-")[2], "timer"))
        books.do(CutOffDay(on))
        for batch in self.batches():
            if self.status(batch) == "collecting" and not batch.endswith(str(on + DAY)):
                self.timer(SealBatch(batch))
                self.timer(ReviewBatch(batch), CHECKER)
            if self.status(batch) == "reviewed":
                self.timer(SettleBatch(batch))
        for instruction in outstanding(books):
            answer(instruction)
        books.next_day()


def outstanding(books: Books) -> list[str]:
    return [
        name.partition("-")[2]
        for name, (_, state, _) in books.states.items()
        if name.startswith("instruction-") and state.status in ("issued", "unknown")
    ]


def tell(books: Books, instruction: str, answer: str) -> None:
    """An outcome: it is never refused."""
    books.do(RecordOutcome(instruction, **{answer: "x"}))
    right(books)
