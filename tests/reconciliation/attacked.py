"""Books whose bills change after persons have decided, and what must be so whatever they decided.

Once every bill is in, each line of a bill that moves money is in a verdict or in a difference, and
so is everything of ours. So 1122.02 is what the newest bills add up to, and nothing is left on
1122.01 or, of a net settler, on 2202.01.
"""

import gzip
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from api.context import AppContext, open_context
from api.operations.bills.importing import Importer, Wanted
from api.operations.explaining import explain, transits
from api.operations.importing import HistoryChannel
from api.operations.reconciling.answers import answer
from api.operations.reconciling.running import Books, Reconciler
from domain.accounting import account
from domain.clearing.commands import OpenBooks
from domain.kernel import SHANGHAI, Command, Request, to_us
from domain.ledger.proof import verify_log
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.reconciliation.bills.formats import format_for
from domain.reconciliation.resolving import (
    ApproveResolution,
    ProposeResolution,
    UndoResolution,
)
from domain.transaction.commands import RefundTransaction
from migrations.run import migrate
from tests.reconciliation.bill_oracle import Row, fee, render
from tests.shops import shop

DAY = date(2025, 11, 10)
WECHAT = "WECHAT_PAY"
DAYS = 6
LAST = 3  # What days after this one lack is not certain yet.


def day_of(count: int) -> date:
    return DAY + timedelta(days=count)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)


def pay(order: str, amount_fen: int, count: int = 0, **more: Any) -> Row:
    """A payment as the channel has it."""
    made: dict[str, Any] = {
        "number": f"pay-P{order}",
        "serial": f"S{order}",
        "milli": fee(WECHAT, amount_fen) * 1_000,
        "at": noon(day_of(count)),
    }
    made |= more
    return Row(WECHAT, refund=False, fen=amount_fen, **made)


def back(number: str, order: str, amount_fen: int, count: int = 0, **more: Any) -> Row:
    """A refund as the channel has it."""
    made: dict[str, Any] = {
        "number": f"refund-{number}",
        "serial": f"B{number}",
        "milli": -fee(WECHAT, amount_fen) * 1_000,
        "at": noon(day_of(count)),
        "paid": f"pay-P{order}",
    }
    made |= more
    return Row(WECHAT, refund=True, fen=amount_fen, **made)


class Town:
    """A ledger, a shop, a buyer; and the bills of its channel."""

    def __init__(self, context: AppContext, directory: Path) -> None:
        self.context, self.path = context, directory / "bill"
        self.bills: dict[date, list[Row]] = {}
        self._count = 0
        self.do(
            OpenBooks(DAY),
            RegisterMember("LILEI", "personal", "李雷"),
            shop("SHOP", "Shop", FeeRule(60), "T+1"),
        )

    def now(self) -> int:
        self._count += 1
        return to_us(noon(day_of(DAYS))) + self._count

    def do(self, *commands: Command, actor: str = "operator:lin", at_us: int | None = None) -> None:
        for command in commands:
            at = at_us if at_us is not None else to_us(noon(DAY)) + self._count
            self._count += 1
            number = f"town-{self._count}"
            self.context.ledger.submit(Request(number, at, actor, command)).unwrap()

    def order(self, order: str, amount_fen: int) -> None:
        lines = (OrderLine("SHOP", amount_fen, "nuts"),)
        self.do(Checkout(f"O{order}", "LILEI", lines), PayOrder(f"P{order}", f"O{order}", WECHAT))

    def sell(self, order: str, amount_fen: int) -> None:
        self.order(order, amount_fen)
        self.do(RecordOutcome(f"pay-P{order}", succeeded=f"S{order}"))

    def refund(self, number: str, order: str, amount_fen: int, *, done: bool = True) -> None:
        self.do(RefundTransaction(number, f"SHOP-O{order}", amount_fen))
        if done:
            self.do(RecordOutcome(f"refund-{number}", succeeded=f"B{number}"))

    def bill(self, count: int, *rows: Row) -> None:
        """Of a day: taken in, as the channel sends it now."""
        day = day_of(count)
        raw = render(WECHAT, day, list(rows))
        self.path.write_bytes(gzip.compress(raw, mtime=self._count))  # Other bytes each time.
        importer = Importer(self.context.ledger, self.context.writes, "operator:lin")
        wanted = Wanted(WECHAT, day, "trade", format_for(WECHAT, "trade", None))
        importer.import_file(self.path, wanted, self.now())
        self.bills[day] = list(rows)

    def no_more(self) -> None:
        """Empty bills of every day that has none, so that all is certain."""
        for count in range(DAYS + 1):
            if day_of(count) not in self.bills:
                self.bill(count)

    def reconcile(self, *counts: int) -> list[dict[str, Any]]:
        """Days, all of them if none is named; what differs."""
        self.run(*counts)
        return self.listed()

    def run(self, *counts: int) -> None:
        context = self.context
        books = Books(context.ledger, context.engine, context.writes, context.projector)
        for count in counts or range(DAYS + 1):
            Reconciler(books, "operator:lin", self.now).run(day_of(count), WECHAT)

    def listed(self) -> list[dict[str, Any]]:
        self.context.projector.catch_up()
        with self.context.engine.connect() as connection:
            said = [answer(connection, day_of(count), [WECHAT]) for count in range(DAYS + 1)]
        return [each for day in said for one in day for each in one["differences"]]

    def propose(self, named: str, resolution: str, to: str = "") -> None:
        self.do(ProposeResolution(named, resolution, "so it is", to), actor="operator:alice")

    def approve(self, named: str) -> None:
        self.do(ApproveResolution(named), actor="operator:bob")

    def resolve(self, named: str, resolution: str, to: str = "") -> None:
        self.propose(named, resolution, to)
        self.approve(named)

    def undo(self, named: str) -> None:
        self.do(UndoResolution(named, "not so"), actor="operator:alice")
        self.approve(named)

    def balance(self, leaf: str) -> int:
        return self.context.ledger.state(account.stream(leaf)).balance_fen

    def balances(self) -> dict[str, int]:
        """Of what waits and what channels owe, where there is something."""
        names = [f"{code}.{WECHAT}" for code in ("1122.01", "1122.02", "1122.04", "2241.08")]
        names += [f"2202.01.{WECHAT}", "2241.07", "2241.04.SHOP", "2241.01.LILEI", "6711"]
        found = {one.removesuffix(f".{WECHAT}"): self.balance(one) for one in names}
        return {name: fen for name, fen in found.items() if fen}

    def billed_fen(self) -> int:
        """What the newest bills add up to."""
        rows = [row for several in self.bills.values() for row in several]
        moved = [row for row in rows if not row.failed and row.currency == "CNY"]
        return sum(-row.fen if row.refund else row.fen for row in moved)

    def right(self, *, whole: bool = True) -> None:
        """The log proves itself, nothing is unexplained; `whole`: all bills are in and compared."""
        findings = verify_log(self.context.ledger.recorder)
        assert not findings, [str(one) for one in findings]
        self.context.projector.catch_up()
        with self.context.engine.connect() as connection:
            for leaf in transits(connection):
                told = explain(connection, leaf)
                assert "unexplained" not in {one.name for one in told.items}, told
        if whole:
            head = self.context.ledger.head().position
            self.run()
            assert self.context.ledger.head().position == head, "a second run records something"
            left = {code: self.balance(f"{code}.{WECHAT}") for code in ("1122.01", "2202.01")}
            assert self.balance(f"1122.02.{WECHAT}") == self.billed_fen(), self.balances()
            assert left == {"1122.01": 0, "2202.01": 0}, self.balances()


@contextmanager
def town_of(url: str, directory: Path) -> Iterator[Town]:
    migrate(url)
    context = open_context(url, HistoryChannel())
    try:
        yield Town(context, directory)
    finally:
        context.close()


def kinds(found: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(one["type"], one["state"]) for one in found]
