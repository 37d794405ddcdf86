"""Refunds that WeChat Pay had taken off and gives up: its fund bill alone says so, and a session
owes that much more, whenever the bill comes and whichever line pays for it."""

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import pytest

from api.operations.bills.daily import AGAIN_US, READY_US, Daily
from api.operations.bills.importing import Importer, Wanted
from domain.channel.bills import BillNotReady
from domain.kernel import SHANGHAI, day_end_us
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.reconciliation import session
from domain.reconciliation.bills.formats import FORMATS
from domain.transaction.commands import RefundTransaction
from tests.api.operations.funding import Institution, Line, day_of, founded, kinds, noon, states
from tests.api.operations.test_daily import Clock, Outside, bank_file
from tests.reconciliation.bill_oracle import Row
from tests.reconciliation.fund_files import wechat_fund
from tests.reconciliation.fund_oracle import Bank


@pytest.fixture
def books(migrated_url: str, tmp_path: Path) -> Iterator[Institution]:
    with founded(Institution, migrated_url, tmp_path) as made:
        made.do(
            Checkout("1", "ANN", (OrderLine("SHOP", 20_000, "nuts"),)),
            PayOrder("P1", "1", "WECHAT_PAY"),
            RecordOutcome("pay-P1", succeeded="S1"),
            RefundTransaction("R1", "SHOP-1", 500),
        )
        yield made
        made.right()


def fund_file(day: date) -> bytes:
    """Five yuan of the refund come back; the fee of one fen is taken again."""
    at = datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)
    bank = Bank(day)
    bank.restored[day] = [Row("WECHAT_PAY", True, "refund-R1", "T1", 500, -1_000, at, "pay-P1")]
    return wechat_fund(bank, {("WECHAT_PAY", day): []}, day)


def test_one_line_pays_for_several_sessions_of_which_one_owes_more(books: Institution) -> None:
    for count in range(2):
        books.end_day()
        books.no_trade(day_of(count), "WECHAT_PAY")
    books.trade("WECHAT_PAY", day_of(0), 20_000, 0, 40)
    books.trade("WECHAT_PAY", day_of(1), 1_000, 0, 2)
    path = books.path / "fund"
    path.write_bytes(fund_file(day_of(0)))
    importer = Importer(books.desk.ledger, books.writes, "operator:lin")
    wanted = Wanted("WECHAT_PAY", day_of(0), "fund", FORMATS["wechat_fund"])
    importer.import_file(path, wanted, noon(day_of(1)))
    books.statement(day_of(2), Line(19_960 + 499 + 998, "NETSUNION-20251111-1"))
    told = books.reconcile(day_of(2))
    assert (kinds(told), set(states(told).values())) == ([], {"settled"})
    assert len(states(told)) == 2
    assert books.balance("1001.01") == 21_457


def test_a_fund_bill_that_comes_last_changes_what_its_session_owes(books: Institution) -> None:
    books.end_day()
    outside, clock = Outside(), Clock()
    outside.says["WECHAT_PAY", "fund"] = BillNotReady("it is being made")
    outside.says["BANK_TRANSFER", "bank"] = bank_file((499, "NETSUNION-20251110-1"))
    clock.now_us = day_end_us(day_of(0)) + READY_US
    ledger, stream = books.desk.ledger, session.stream("NETSUNION", day_of(0))

    def runner() -> Daily:
        return Daily(books.desk, books.writes, outside.sources, clock, days_behind=7)

    first = runner()
    first.round()
    assert session.status_of(ledger.state(stream).last) == "over"
    clock.now_us += AGAIN_US
    outside.says["WECHAT_PAY", "fund"] = fund_file(day_of(0))
    first.round()
    assert session.status_of(ledger.state(stream).last) == "settled"
    position = ledger.head().position
    first.round()
    runner().round()
    assert ledger.head().position == position
