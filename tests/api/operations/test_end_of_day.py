"""The end of a day: what was refused once is tried again, under a number of its own."""

from datetime import date, datetime, timedelta

from msgspec import UNSET

from api.operations import attention
from api.operations.desk import Desk
from api.operations.end_of_day import end_of_day
from domain.accounting.commands import FreezeAccount, UnfreezeAccount
from domain.clearing.commands import OpenBooks
from domain.kernel import SHANGHAI, Command, Request, to_us
from domain.member.commands import RegisterMember, SetSettlementTerms
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from domain.refusals import Code
from domain.transaction import transaction
from domain.transaction.commands import ConfirmReceipt
from tests.shops import shop
from tests.stories.books import open_books

OPENED = date(2025, 11, 11)
NOON_US = to_us(datetime(2025, 11, 11, 12, tzinfo=SHANGHAI))
PENDING, HELD = "2241.02.SHOP", "2241.06.SHOP"
BUCKET = "SHOP-2025-11-13"


def send(desk: Desk, *commands: Command) -> None:
    for command in commands:
        number = f"n-{desk.ledger.head().number}"
        desk.ledger.submit(Request(number, NOON_US, "operator:1", command)).unwrap()


def test_a_timer_hindered_by_a_freeze_goes_on_when_it_is_lifted(database_url: str) -> None:
    with open_books(database_url) as desk:
        send(
            desk,
            OpenBooks(OPENED),
            RegisterMember("ANN", "personal", "Ann"),
            shop("SHOP", "Shop", FeeRule(60), "T+1"),
            Checkout("1", "ANN", (OrderLine("SHOP", 10_000, "nuts"),)),
            PayOrder("P1", "1", "JD_PAY"),
            RecordOutcome("pay-P1", succeeded="S1"),
            FreezeAccount(PENDING, "in", "court order"),
        )
        reports = [end_of_day(desk, OPENED + timedelta(days=n)) for n in range(8)]
        assert [one.refusal.code for one in reports[-1].hindrances] == [Code.ACCOUNT_FROZEN]
        send(desk, UnfreezeAccount(PENDING, "lifted"))
        report = end_of_day(desk, OPENED + timedelta(days=8))
        assert (report.confirmed, report.hindrances) == (1, [])
        assert desk.ledger.state(transaction.stream("SHOP-1")).released


def test_a_reserve_hindered_by_a_freeze_is_listed_and_goes_on_when_it_is_lifted(
    database_url: str,
) -> None:
    with open_books(database_url) as desk:
        send(
            desk,
            OpenBooks(OPENED),
            RegisterMember("ANN", "personal", "Ann"),
            shop("SHOP", "Shop", FeeRule(60), "T+1"),
            SetSettlementTerms("SHOP", OPENED, "T+1", None, UNSET, 1_000, 2),
            Checkout("1", "ANN", (OrderLine("SHOP", 10_000, "nuts"),)),
            PayOrder("P1", "1", "JD_PAY"),
            RecordOutcome("pay-P1", succeeded="S1"),
            ConfirmReceipt("SHOP-1", "buyer"),
            FreezeAccount(HELD, "out", "court order"),
        )
        reports = [end_of_day(desk, OPENED + timedelta(days=n)) for n in range(4)]
        assert [one.refusal.code for one in reports[2].hindrances] == [Code.ACCOUNT_FROZEN]
        desk.catch_up()
        with desk.engine.connect() as connection:
            [waits] = attention.hindrances(connection).items
        assert (waits.step, waits.subject, waits.merchant) == ("release", BUCKET, "SHOP")
        assert waits.refusal is not None and waits.refusal.code is Code.ACCOUNT_FROZEN
        send(desk, UnfreezeAccount(HELD, "lifted"))
        report = end_of_day(desk, OPENED + timedelta(days=4))
        assert (report.released, report.hindrances) == (1, [])
        with desk.engine.connect() as connection:
            assert attention.hindrances(connection).items == []
