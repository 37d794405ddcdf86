"""A ledger with days of trade, bills as they are on record, and statements of its reserve account
as a bank writes them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from msgspec import UNSET
from sqlalchemy import Engine

from api.operations import bank_balance
from api.operations.bills.funds import Funds, reconcile_funds
from api.operations.bills.importing import Importer, Wanted
from api.operations.desk import Desk
from api.operations.end_of_day import end_of_day
from api.operations.explained import UNEXPLAINED
from api.operations.explaining import explain, transits
from domain.accounting import account
from domain.accounting.chart import RESERVE
from domain.clearing.commands import OpenBooks
from domain.eventstore.database import sqlalchemy_engine
from domain.kernel import SHANGHAI, Command, Request, to_us
from domain.ledger.proof import verify_log
from domain.member.commands import RegisterMember, SetSettlementTerms
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.reconciliation import bill, verdict
from domain.reconciliation.bill import Read
from domain.reconciliation.bills.formats import FORMATS
from domain.reconciliation.commands import ImportBill, TellNoTrade
from domain.reconciliation.judging import ReachVerdict
from domain.reconciliation.verdict import Found
from domain.transaction.commands import ConfirmReceipt
from simulator.bills import camt053
from simulator.bills.head import Head
from simulator.bills.reserve import Entry
from tests.reconciliation.bill_oracle import Row, jd
from tests.shops import shop
from tests.stories.books import open_books

FIRST = date(2025, 11, 10)  # A Monday.
BANK = "BANK_TRANSFER"


class Line(NamedTuple):
    """A booked entry: fen above zero in, below zero out."""

    amount_fen: int
    number: str
    serial: str = ""
    reversal: bool = False


def day_of(count: int) -> date:
    return FIRST + timedelta(days=count)


def noon(day: date) -> int:
    return to_us(datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI))


class Institution:
    """Its books, open on `FIRST`, with a shop that is settled the next working day."""

    def __init__(self, desk: Desk, writes: Engine, path: Path) -> None:
        self.desk, self.writes, self.path = desk, writes, path
        self.day = FIRST
        self.balance_fen = 0
        self._runs = 0
        self.latest = FIRST
        self.do(
            OpenBooks(FIRST),
            RegisterMember("ANN", "personal", "Ann"),
            shop("SHOP", "Shop", FeeRule(60), "T+1"),
            SetSettlementTerms("SHOP", FIRST, "T+1", None, UNSET, 0, 0),
        )

    def do(self, *commands: Command, actor: str = "operator:lin") -> list[Any]:
        answers = []
        for command in commands:
            number = f"n-{self.desk.ledger.head().number}"
            request = Request(number, noon(self.day), actor, command)
            answers.append(self.desk.ledger.submit(request).unwrap())
        return answers

    def sell(self, order: str, amount_fen: int, channel: str = "JD_PAY") -> None:
        """Paid, and received at once."""
        self.do(
            Checkout(order, "ANN", (OrderLine("SHOP", amount_fen, "nuts"),)),
            PayOrder(f"P{order}", order, channel),
            RecordOutcome(f"pay-P{order}", succeeded=f"S{order}"),
            ConfirmReceipt(f"SHOP-{order}", "buyer"),
        )

    def end_day(self) -> None:
        report = end_of_day(self.desk, self.day)
        assert report.hindrances == []
        self.day += timedelta(days=1)

    def trade(
        self, channel: str, day: date, paid_fen: int = 0, refunded_fen: int = 0, fee_fen: int = 0
    ) -> None:
        """Its bill of a day, as an import records it; of nothing, that there was no trade."""
        if not paid_fen and not refunded_fen:
            self.do(TellNoTrade(channel, "trade", day, "nothing moved"))
            return
        digest = f"{paid_fen:016x}{refunded_fen:016x}{abs(fee_fen):032x}"
        read = Read(
            digest, "jd_pay", 1, "", 2, 1, paid_fen, 1, refunded_fen, fee_fen * 1_000, digest
        )
        self.do(ImportBill(channel, "trade", day, read))

    def jd_bill(self, day: date, order: str = "1", amount_fen: int = 10_000) -> None:
        """JD Pay's file of a day with one sale of a noon in it, taken in."""
        at = datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)
        cost = amount_fen * 18 // 10
        row = Row("JD_PAY", False, f"pay-P{order}", f"S{order}", amount_fen, cost, at)
        path = self.path / f"jd-{day}"
        path.write_bytes(jd([row], 0))
        importer = Importer(self.desk.ledger, self.writes, "operator:lin")
        importer.import_file(
            path, Wanted("JD_PAY", day, "trade", FORMATS["jd_pay"]), noon(self.day)
        )

    def verdict(self, channel: str, day: date, paid_fen: int, refunded_fen: int = 0) -> None:
        """Matching has found so much of the bill of a day in the books too."""
        ledger = self.desk.ledger
        newest = ledger.state(bill.stream(channel, "trade", day)).newest
        assert newest is not None
        fee = newest.read.fee_milli_fen if newest.read is not None else 0
        found = Found(newest.number, 2, 2, paid_fen, refunded_fen, fee, f"{paid_fen:064x}")
        revision = ledger.state(verdict.stream(channel, day)).revision
        self.do(ReachVerdict(channel, day, revision, ledger.head().position, found))

    def parts(self, account: str) -> list[tuple[str, int]]:
        """An account's items: names and fen."""
        self.desk.catch_up()
        with self.desk.engine.connect() as connection:
            told = explain(connection, account)
        assert sum(one.amount_fen for one in told.items) == told.balance_fen
        return [(one.name, one.amount_fen) for one in told.items]

    def explained(self, account: str) -> dict[str, int]:
        """The same, by name: what has one name together."""
        found: Counter[str] = Counter()
        for name, fen in self.parts(account):
            found[name] += fen
        return dict(found)

    def transits(self) -> list[str]:
        self.desk.catch_up()
        with self.desk.engine.connect() as connection:
            return transits(connection)

    def no_trade(self, day: date, *but: str) -> None:
        for channel in ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS"):
            if channel not in but:
                self.trade(channel, day)

    def statement(self, day: date, *lines: Line, opening_fen: int | None = None) -> None:
        """The bank's statement of a day, as its file is taken in."""
        opening = self.balance_fen if opening_fen is None else opening_fen
        entries = [
            Entry(noon(day) + place, one.amount_fen, one.number, one.serial or f"B{day}{place}",
                  "付款", "", one.reversal)
            for place, one in enumerate(lines)
        ]  # fmt: skip
        head = Head(day=day, merchant="RESERVE", style=0, wrong=False)
        path = self.path / f"statement-{day}"
        path.write_bytes(b"".join(camt053.write(head, opening, lambda: entries)))
        self.balance_fen = opening + sum(one.amount_fen for one in lines)
        importer = Importer(self.desk.ledger, self.writes, "operator:lin")
        self.latest = max(self.latest, self.day, day)
        at_us = noon(self.latest)
        importer.import_file(path, Wanted(BANK, day, "bank", FORMATS["camt053"]), at_us)

    def reconcile(self, day: date) -> dict[str, Any]:
        self._runs += 1
        desk = self.desk
        at_us = noon(max(self.latest, self.day)) + self._runs
        funds = Funds(desk.ledger, desk.engine, self.writes, desk.projector, "operator:lin", at_us)
        return reconcile_funds(funds, day)

    def balance(self, leaf: str) -> int:
        return self.desk.ledger.state(account.stream(leaf)).balance_fen

    def right(self) -> None:
        """The log proves itself: entries, identity, open items, mirror; and the reserve account
        is what the newest statement says, but for items with a name."""
        findings = verify_log(self.desk.ledger.recorder)
        assert not findings, [str(one) for one in findings]
        self.desk.catch_up()
        with self.desk.engine.connect() as connection:
            if bank_balance.named(connection):
                assert UNEXPLAINED not in [one.name for one in explain(connection, RESERVE).items]


def kinds(told: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(one["type"], one["state"], one["amount_fen"]) for one in told["differences"]]


def found(told: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Of the statement: lines and fen by what they are."""
    return {one["what"]: (one["lines"], one["amount_fen"]) for one in told["statement"]["found"]}


def states(told: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["status"] for one in told["sessions"]}


def amounts(lines: Sequence[Line]) -> int:
    return sum(one.amount_fen for one in lines)


Made = TypeVar("Made", bound=Institution)


@contextmanager
def founded(kind: type[Made], url: str, directory: Path) -> Iterator[Made]:
    """One with a migrated ledger of its own, `directory` for its files; closed at the end."""
    with open_books(url) as desk:
        writes = sqlalchemy_engine(desk.ledger.database)
        made = kind(desk, writes, directory)
        yield made
        made.right()
        writes.dispose()
