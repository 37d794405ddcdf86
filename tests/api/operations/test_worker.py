"""The worker: it ends days by the clock, but never those of books that lie far back."""

from datetime import date, datetime, timedelta

import pytest

from api.operations.desk import operating
from api.operations.end_of_day import end_of_day
from api.operations.worker import FEW_DAYS, Worker
from domain.accounting.commands import FreezeAccount, UnfreezeAccount
from domain.approval import approval
from domain.approval.commands import proposal
from domain.approval.kinds import HOUR_US
from domain.channel.adapters.simulated import SimulatedChannel
from domain.channel.port import ChannelRequest, Declined, Result, Succeeded, Unknown
from domain.clearing import day
from domain.clearing.commands import OpenBooks
from domain.kernel import SHANGHAI, Command, Request, to_us
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment import instruction
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.refusals import Code, Refused
from domain.transaction import transaction
from tests.shops import shop
from tests.stories.books import open_books

OPENED = date(2025, 11, 11)


def at(days: int, hour: int = 10) -> int:
    opened = datetime(OPENED.year, OPENED.month, OPENED.day, hour, tzinfo=SHANGHAI)
    return to_us(opened + timedelta(days=days))


def send(desk, number: str, command: Command) -> None:
    desk.ledger.submit(Request(number, at(0), "operator:1", command)).unwrap()


def sell(desk) -> None:
    """Nuts, paid into escrow at 10:00 of the first day."""
    send(desk, "books", OpenBooks(OPENED))
    send(desk, "ann", RegisterMember("ANN", "personal", "Ann"))
    send(desk, "shop", shop("SHOP", "Shop", FeeRule(60), "T+1"))
    send(desk, "order", Checkout("1", "ANN", (OrderLine("SHOP", 500, "nuts"),)))
    send(desk, "pay", PayOrder("P1", "1", "JD_PAY"))
    send(desk, "paid", RecordOutcome("pay-P1", succeeded="S1"))


def test_days_that_are_over_are_ended_by_the_clock(database_url: str) -> None:
    with open_books(database_url) as desk:
        send(desk, "books", OpenBooks(OPENED))
        Worker(desk, lambda: at(FEW_DAYS)).round()
        assert desk.ledger.state(day.STREAM).open_date == OPENED + timedelta(days=FEW_DAYS)


def test_what_nobody_decided_in_time_is_ended(database_url: str) -> None:
    with open_books(database_url) as desk:
        sell(desk)
        freeze = FreezeAccount("2241.01.ANN", "in", "a court order")
        wished = proposal("n1", freeze, HOUR_US, "")
        desk.ledger.submit(Request("n1", at(0), "staff:lin", wished)).unwrap()
        stream = approval.stream(wished.approval_id)
        worker = Worker(desk, lambda: at(0, 11) - 1, auto_day=False)
        worker.round()
        assert desk.ledger.state(stream).status == "proposed"
        for _ in range(2):
            Worker(desk, lambda: at(0, 11), auto_day=False).round()
            desk.catch_up()
            assert desk.ledger.state(stream).status == "expired"
        assert len(list(desk.ledger.history(stream))) == 2


def test_books_that_lie_far_back_are_left_to_operators(database_url: str) -> None:
    with open_books(database_url) as desk:
        send(desk, "books", OpenBooks(OPENED))
        worker = Worker(desk, lambda: at(FEW_DAYS + 1))
        worker.round()
        assert desk.ledger.state(day.STREAM).open_date == OPENED
        assert str(OPENED) in worker.status.waiting


def test_timers_do_not_run_ahead_of_the_books(database_url: str) -> None:
    with open_books(database_url) as desk:
        sell(desk)
        Worker(desk, lambda: at(5000)).round()
        assert desk.ledger.state(transaction.stream("SHOP-1")).status == "paid"


def test_the_first_day_is_opened(database_url: str) -> None:
    with open_books(database_url) as desk:
        Worker(desk, lambda: at(0)).round()
        assert desk.ledger.state(day.STREAM).open_date == OPENED


def test_an_unknown_outcome_is_asked_after_until_it_ends(database_url: str) -> None:
    def script(_order: ChannelRequest, asked: int) -> Result:
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


def recharge(desk, number: str, at_us: int) -> None:
    """Ann asks to put money into her wallet, at an instant of business time."""
    if desk.ledger.state(day.STREAM).open_date is None:
        send(desk, "books", OpenBooks(OPENED))
        send(desk, "ann", RegisterMember("ANN", "personal", "Ann"))
    command = RechargeWallet(number, "ANN", "JD_PAY", 500)
    desk.ledger.submit(Request(number, at_us, "operator:1", command)).unwrap()


def status_of(desk, number: str) -> str:
    return desk.ledger.state(instruction.stream(f"pay-{number}")).status


def test_nothing_is_done_beside_an_import(database_url: str) -> None:
    with open_books(database_url) as desk:
        worker = Worker(desk, lambda: at(0))
        recharge(desk, "R1", at(0))
        with operating(desk):
            worker.round()
            assert "import" in worker.status.waiting
            assert status_of(desk, "R1") == "issued"
        worker.round()
        assert worker.status.waiting == ""
        assert status_of(desk, "R1") == "succeeded"


def test_an_import_waits_for_a_round_and_no_longer(database_url: str) -> None:
    with open_books(database_url) as desk:
        with operating(desk), pytest.raises(Refused) as no, operating(desk, 10):
            pass
        assert no.value.code is Code.BUSY


def test_what_a_killed_import_instructed_is_left_to_it(database_url: str) -> None:
    far = at(FEW_DAYS + 1)
    with open_books(database_url) as desk:
        recharge(desk, "OLD", at(0))
        recharge(desk, "NEW", far - 1)
        Worker(desk, lambda: far).round()
        assert (status_of(desk, "OLD"), status_of(desk, "NEW")) == ("issued", "succeeded")
        # Told to catch up, however far back the books are, it is the one who brings it.
        Worker(desk, lambda: far, days_behind=10_000).round()
        assert status_of(desk, "OLD") == "succeeded"


def test_timers_wait_until_the_books_have_come_to_today(database_url: str) -> None:
    with open_books(database_url) as desk:
        sell(desk)
        for on in range(7):
            end_of_day(desk, OPENED + timedelta(days=on))
        statuses = []
        # It is due at 10:00 of the day that is open; operators end days here.
        for now_us in (at(8, 1), at(7, 9), at(7, 11)):
            Worker(desk, lambda now_us=now_us: now_us, auto_day=False).round()
            statuses.append(desk.ledger.state(transaction.stream("SHOP-1")).status)
        assert statuses == ["paid", "paid", "completed"]


def test_an_adapter_that_fails_leaves_its_outcome_unknown_and_the_others_alone(
    database_url: str,
) -> None:
    class Failing(SimulatedChannel):
        def pay(self, order: ChannelRequest) -> Result:
            if order.instruction_id == "pay-R1":
                raise ConnectionError("reset by peer")
            return Succeeded("S1")

        def query(self, order: ChannelRequest) -> Result:
            if order.instruction_id == "pay-R1" and now_us == at(0):
                raise TimeoutError("no answer")
            return Succeeded("S1")

    with open_books(database_url) as desk:
        now_us = at(0)
        worker = Worker(desk_with(desk, Failing()), lambda: now_us)
        recharge(desk, "R1", now_us)
        recharge(desk, "R2", now_us)
        worker.round()
        assert (status_of(desk, "R1"), status_of(desk, "R2")) == ("unknown", "succeeded")
        now_us += 60_000_000
        worker.round()
        assert status_of(desk, "R1") == "succeeded"


def test_an_answer_the_books_refuse_is_asked_for_again_a_minute_later(database_url: str) -> None:
    asked = []

    class Counting(SimulatedChannel):
        def pay(self, order: ChannelRequest) -> Result:
            asked.append(order.instruction_id)
            return Succeeded("S1")

    with open_books(database_url) as desk:
        now_us = at(0)
        worker = Worker(desk_with(desk, Counting()), lambda: now_us)
        recharge(desk, "R1", now_us)
        send(desk, "freeze", FreezeAccount("2241.01.ANN", "in", "a court order"))
        for second in range(3):
            now_us = at(0) + second * 1_000_000
            worker.round()
        assert (len(asked), status_of(desk, "R1")) == (1, "issued")
        send(desk, "thaw", UnfreezeAccount("2241.01.ANN", "lifted"))
        now_us = at(0) + 61_000_000
        worker.round()
        assert (len(asked), status_of(desk, "R1")) == (2, "succeeded")


def desk_with(desk, channel):
    """The same desk with a channel of its own, or a script for a simulated one."""
    made = channel if isinstance(channel, SimulatedChannel) else SimulatedChannel(channel)
    return type(desk)(desk.ledger, desk.engine, desk.projector, made)
