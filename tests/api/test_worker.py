"""The worker: it ends days by the clock, but never those of books that lie far back."""

from datetime import date, datetime, timedelta

from api.worker import FEW_DAYS, Worker
from domain.channel.adapters.simulated import SimulatedChannel
from domain.channel.port import Declined, Order, Result, Succeeded, Unknown
from domain.clearing import day
from domain.clearing.commands import OpenBooks
from domain.kernel import SHANGHAI, Command, Request, to_us
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment import instruction
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.transaction import transaction
from tests.stories.books import open_books

OPENED = date(2025, 11, 11)


def at(days: int, hour: int = 10) -> int:
    opened = datetime(OPENED.year, OPENED.month, OPENED.day, hour, tzinfo=SHANGHAI)
    return to_us(opened + timedelta(days=days))


def send(desk, number: str, command: Command) -> None:
    desk.ledger.submit(Request(number, at(0), "operator:1", command)).unwrap()


def test_days_that_are_over_are_ended_by_the_clock(database_url: str) -> None:
    with open_books(database_url) as desk:
        send(desk, "books", OpenBooks(OPENED))
        Worker(desk, lambda: at(FEW_DAYS)).round()
        assert desk.ledger.state(day.STREAM).open_date == OPENED + timedelta(days=FEW_DAYS)


def test_books_that_lie_far_back_are_left_to_operators(database_url: str) -> None:
    with open_books(database_url) as desk:
        send(desk, "books", OpenBooks(OPENED))
        worker = Worker(desk, lambda: at(FEW_DAYS + 1))
        worker.round()
        assert desk.ledger.state(day.STREAM).open_date == OPENED
        assert str(OPENED) in worker.status.waiting


def test_timers_do_not_run_ahead_of_the_books(database_url: str) -> None:
    with open_books(database_url) as desk:
        send(desk, "books", OpenBooks(OPENED))
        send(desk, "ann", RegisterMember("ANN", "personal", "Ann"))
        send(desk, "shop", RegisterMember("SHOP", "enterprise", "Shop", FeeRule(60), "T+1"))
        send(desk, "order", Checkout("1", "ANN", (OrderLine("SHOP", 500, "nuts"),)))
        send(desk, "pay", PayOrder("P1", "1", "JD_PAY"))
        send(desk, "paid", RecordOutcome("pay-P1", succeeded="S1"))
        Worker(desk, lambda: at(5000)).round()
        assert desk.ledger.state(transaction.stream("SHOP-1")).status == "paid"


def test_the_first_day_is_opened(database_url: str) -> None:
    with open_books(database_url) as desk:
        Worker(desk, lambda: at(0)).round()
        assert desk.ledger.state(day.STREAM).open_date == OPENED


def test_an_unknown_outcome_is_asked_after_until_it_ends(database_url: str) -> None:
    def script(_order: Order, asked: int) -> Result:
        return Unknown("timeout") if asked < 2 else Succeeded("S1")

    with open_books(database_url) as desk:
        worker = Worker(desk_with(desk, script), lambda: now_us)
        send(desk, "books", OpenBooks(OPENED))
        send(desk, "ann", RegisterMember("ANN", "personal", "Ann"))
        send(desk, "recharge", RechargeWallet("R1", "ANN", "JD_PAY", 500))
        states = []
        for minute in range(4):
            now_us = at(0) + minute * 60_000_000
            worker.round()
            states.append(desk.ledger.state(instruction.stream("pay-R1")).status)
        assert states == ["unknown", "unknown", "succeeded", "succeeded"]
        assert desk.ledger.state("account-2241.01.ANN").balance_fen == 500


def test_a_declined_recharge_moves_no_money(database_url: str) -> None:
    with open_books(database_url) as desk:
        worker = Worker(desk_with(desk, lambda *_: Declined("no funds")), lambda: at(0))
        send(desk, "books", OpenBooks(OPENED))
        send(desk, "ann", RegisterMember("ANN", "personal", "Ann"))
        send(desk, "recharge", RechargeWallet("R1", "ANN", "JD_PAY", 500))
        worker.round()
        assert desk.ledger.state("payment-R1").status == "declined"
        assert desk.ledger.state("account-2241.01.ANN").balance_fen == 0


def desk_with(desk, script):
    """The same desk with a scripted channel."""
    return type(desk)(desk.ledger, desk.engine, desk.projector, SimulatedChannel(script))
