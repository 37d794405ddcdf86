"""The money timeline, from a sale to the merchant's bank, with real bills; and the doors that tell
it."""

from datetime import datetime
from typing import Any

import pytest

from api.operations.bills.importing import Importer, Wanted
from api.operations.reconciling.running import Books, Reconciler
from api.operations.timeline import Step, money_timeline
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.reconciliation.bills.formats import FORMATS
from domain.reconciliation.ours import numbers_of
from domain.refusals import Code, Refused
from tests.api.operations.funding import Institution, Line, day_of, noon
from tests.reconciliation.bill_oracle import Row, fee, wechat
from tests.shops import shop

SALE = "SHOP-1"


def way(books: Institution, sale: str = SALE) -> list[Step]:
    books.desk.catch_up()
    with books.desk.engine.connect() as connection:
        return list(money_timeline(connection, sale))


def steps(books: Institution) -> list[tuple[str, bool, str, str]]:
    return [(one.what, one.done, str(one.on), one.reference) for one in way(books)]


def compared(books: Institution, day: int) -> None:
    ledger = books.desk.ledger
    parts = Books(ledger, books.desk.engine, books.writes, books.desk.projector)
    Reconciler(parts, "operator:lin", lambda: noon(books.day)).run(day_of(day))


def test_a_sale_from_the_payer_to_the_merchants_bank(books: Institution) -> None:
    books.sell("1", 10_000, "JD_PAY")
    told = way(books)
    assert [(one.what, one.done) for one in told] == [
        ("paid", True), ("matched", False), ("arrived", False), ("released", True), ("due", False),
    ]  # fmt: skip
    assert told[1].because == f"for the bill of JD_PAY of {day_of(0)}"
    books.end_day()
    books.jd_bill(day_of(0))
    compared(books, 0)
    books.no_trade(day_of(0), "JD_PAY")
    books.end_day()
    payout = "payout-SHOP-2025-11-10-1"
    session = "NETSUNION-20251110-1"
    line = f"JD_PAY.trade.{day_of(0)}.1:6"
    before = [
        ("paid", True, "2025-11-10", "pay-P1"),
        ("matched", True, "2025-11-10", line),
        ("arrived", False, "None", session),
        ("released", True, "2025-11-10", "SHOP-2025-11-10"),
        ("due", True, "2025-11-11", "SHOP-2025-11-10"),
        ("paid_out", True, "2025-11-11", payout),
        ("payout_matched", False, "None", payout),
    ]
    assert steps(books) == before
    assert way(books)[2].because == f"for the statement to show session {session}"
    books.statement(day_of(1), Line(5_000, session))
    books.reconcile(day_of(1))
    [arrived] = [one for one in way(books) if one.what == "arrived"]
    assert not arrived.done and "5000 of 9982 fen have come" in arrived.because
    books.statement(day_of(2), Line(4_982, session), Line(-9_940, payout))
    books.reconcile(day_of(2))
    after = [
        *before[:2],
        ("arrived", True, "2025-11-12", "BANK_TRANSFER.bank.2025-11-12.1:1"),
        *before[3:6],
        ("payout_matched", True, "2025-11-12", "BANK_TRANSFER.bank.2025-11-12.1:2"),
    ]
    found = steps(books)
    assert [one[:3] for one in found] == [one[:3] for one in after]
    assert found[2][3].startswith("BANK_TRANSFER.bank.2025-11-12.1:")


def billed(books: Institution, *rows: Row) -> None:
    """WeChat Pay's bill of the first day, taken in and compared."""
    path = books.path / f"bill-{len(rows)}"
    path.write_bytes(wechat(list(rows), 0))
    importer = Importer(books.desk.ledger, books.writes, "operator:lin")
    wanted = Wanted("WECHAT_PAY", day_of(0), "trade", FORMATS["wechat_trade"])
    importer.import_file(path, wanted, noon(books.day))
    compared(books, 0)


def paid_row(number: str, fen: int, **more: Any) -> Row:
    at = datetime.fromisoformat(f"{day_of(0)}T12:00:00+08:00")
    milli = fee("WECHAT_PAY", fen) * 1_000
    return Row("WECHAT_PAY", False, number, f"S-{number}", fen, milli, at, **more)


def test_an_order_over_two_shops_is_found_by_the_number_it_was_paid_under(
    books: Institution,
) -> None:
    """No channel was told of its parts: it is an import's."""
    books.do(shop("TEA", "Tea", FeeRule(60), "T+1"))
    lines = (OrderLine("SHOP", 300, "nuts"), OrderLine("TEA", 700, "tea"))
    books.do(
        Checkout("1", "ANN", lines),
        PayOrder("P1", "1", "WECHAT_PAY"),
        RecordOutcome("pay-P1", succeeded="S1"),
    )
    books.end_day()
    billed(books, paid_row("pay-P1", 1_000))
    for sale in ("SHOP-1", "TEA-1"):
        paid, matched, *_ = way(books, sale)
        assert (paid.reference, paid.done) == ("pay-P1", True)
        line = f"WECHAT_PAY.trade.{day_of(0)}.1:2"
        assert (matched.what, matched.done, matched.reference) == ("matched", True, line)


def test_a_line_by_which_no_yuan_moved_matches_nothing(books: Institution) -> None:
    books.sell("1", 1_000, "WECHAT_PAY")
    books.end_day()
    billed(books, paid_row("pay-P1", 1_000, currency="USD"))
    matched = way(books)[1]
    assert (matched.what, matched.done) == ("matched", False)


def test_unionpay_knows_it_by_letters_and_digits(books: Institution) -> None:
    books.sell("1", 1_000, "CLOUD_QUICKPASS")
    assert way(books)[0].reference == numbers_of("CLOUD_QUICKPASS", "pay-P1")
    books.sell("536365", 1_000, "CLOUD_QUICKPASS")
    assert way(books, "SHOP-536365")[0].reference == "payP536365"


def test_why_it_is_due_then(books: Institution) -> None:
    """A release of a Friday falls due on Monday, and the days between are named."""
    for _ in range(4):
        books.end_day()
    books.sell("1", 10_000, "JD_PAY")
    books.end_day()
    [due] = [one for one in way(books) if one.what == "due"]
    assert str(due.on) == "2025-11-17"
    assert due.because == "T+1 after 2025-11-14; no working days: 2025-11-15, 2025-11-16"


def test_no_such_sale(books: Institution) -> None:
    with pytest.raises(Refused) as no:
        way(books, "SHOP-9")
    assert no.value.code is Code.TRANSACTION_NOT_FOUND
