"""Bills against instructions that went over a network: what was not heard, came late, was charged
twice or in parts, on both databases."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.operations.bills.importing import Importer, Wanted
from api.operations.desk import Desk
from api.operations.reconciling.answers import answer
from api.operations.reconciling.running import Books, Reconciler
from domain.channel.network import Answer, Charge, Order, PaidPart
from domain.channel.numbers import part_number
from domain.channel.port import Succeeded, Unknown
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment import suspense
from domain.payment.rhythm import HOUR
from domain.reconciliation.bills.formats import format_for
from projections.models import balances
from tests.api.operations.scripted import ScriptedNetwork
from tests.api.operations.test_outbox import Office
from tests.api.rest.test_reconciliations import bill
from tests.domain.reconciliation.rendering import NOON, Sale, wechat_bill
from tests.examples import BUYER, PAID_AT, PAY_DAY
from tests.shops import shop
from tests.stories.books import open_books

JD = "JD_PAY"


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    with open_books(database_url) as opened:
        yield opened


class Counter:
    """An office whose channel's bills come in and are reconciled."""

    def __init__(self, office: Office, path: Path) -> None:
        self.office = office
        self.path = path

    def bring(self, channel: str, raw: bytes, day: date = PAY_DAY) -> None:
        self.path.write_bytes(raw)
        desk = self.office.desk
        importer = Importer(desk.ledger, desk.engine, "operator:lin")
        wanted = Wanted(channel, day, "trade", format_for(channel, "trade", None))
        importer.import_file(self.path, wanted, self.office.now_us)

    def reconcile(self, channel: str, day: date = PAY_DAY) -> dict[str, Any]:
        desk = self.office.desk
        books = Books(desk.ledger, desk.engine, desk.engine, desk.projector)
        Reconciler(books, "operator:lin", lambda: self.office.now_us).run(day, channel)
        desk.projector.catch_up()
        with desk.engine.connect() as connection:
            (one,) = answer(connection, PAY_DAY, [channel])
        return one

    def balance(self, account: str) -> int:
        self.office.desk.projector.catch_up()
        with self.office.desk.engine.connect() as connection:
            found = balances.account(connection, account)
        assert found is not None
        return found.balance_fen


def told(one: dict[str, Any]) -> list[tuple[str, ...]]:
    names = ("type", "number", "state", "cause")
    return [tuple(each[name] for name in names) for each in one["differences"]]


def test_what_nobody_heard_of_is_found_in_the_bill_and_learned_later(
    desk: Desk, tmp_path: Path
) -> None:
    hears = [False]

    def script(_kind: str, order: Order, _asked: int) -> Any:
        return Succeeded(f"S-{order.number}", 500) if hears[0] else Unknown("no answer")

    office = Office(desk, ScriptedNetwork(JD, script))
    counter = Counter(office, tmp_path / "bill")
    office.recharge("P1")
    office.step()
    assert office.status("P1") == "unknown"
    number = office.state("P1").number
    assert number == "payP1", "a number that is not its id"
    office.now_us += 12 * HOUR
    counter.bring(JD, bill([Sale(number, 500, serial=f"S-{number}")], PAY_DAY))
    one = counter.reconcile(JD)
    assert told(one) == [("missing_here", number, "suspected", "answer_lost")]
    assert one["matched"]["count"] == 0

    for after in (1, 2, 3):
        office.now_us += 24 * HOUR
        day = PAY_DAY + timedelta(days=after)
        counter.bring(JD, bill([], day), day)
        one = counter.reconcile(JD, day)
    assert told(one) == [("missing_here", number, "confirmed", "answer_lost")]
    assert counter.balance(f"2241.08.{JD}") == 500

    # The channel's answer is heard after all: ours stands, and the bill has it.
    hears[0] = True
    office.wait()
    office.step()
    assert office.status("P1") == "succeeded"
    one = counter.reconcile(JD)
    assert (told(one), one["matched"]["count"]) == ([], 1)
    for code, fen in (("1122.01", 0), ("2241.08", 0), ("1122.02", 500)):
        assert counter.balance(f"{code}.{JD}") == fen, code


def test_a_second_charge_that_was_sent_back_is_matched_where_it_stands(
    desk: Desk, tmp_path: Path
) -> None:
    def script(_kind: str, order: Order, _asked: int) -> Any:
        if order.purpose == "refund":
            return Succeeded("R1", order.amount_fen)
        charges = (Charge("S1", 500, PAID_AT), Charge("S2", 500, PAID_AT))
        return Answer(Succeeded("S1", 500), charges)

    office = Office(desk, ScriptedNetwork(JD, script))
    counter = Counter(office, tmp_path / "bill")
    office.recharge("P1")
    office.step()
    item = suspense.item_id("pay-P1", "second", "S2")
    assert desk.ledger.state(suspense.stream(item)).status == "sent_back"
    twice = [Sale("payP1", 500, serial="S1"), Sale("payP1", 500, serial="S2")]
    counter.bring(JD, bill(twice, PAY_DAY))
    one = counter.reconcile(JD)
    assert one["matched"] == {"count": 2, "paid_fen": 1_000, "refunded_fen": 0}
    # What went back again is a refund that this bill has not.
    (missing,) = told(one)
    assert (missing[0], missing[2]) == ("refund_missing_at_channel", "suspected")
    assert counter.balance(f"1122.01.{JD}") == 0


def test_a_combined_order_is_billed_by_transaction(desk: Desk, tmp_path: Path) -> None:
    def script(_kind: str, order: Order, _asked: int) -> Any:
        paid = [PaidPart(one.number, f"S-{one.number}", one.amount_fen) for one in order.parts]
        return Answer(Succeeded(f"S-{order.number}", order.amount_fen), parts=tuple(paid))

    office = Office(desk, ScriptedNetwork("WECHAT_PAY", script))
    counter = Counter(office, tmp_path / "bill")
    for name in ("NUTS", "TEA"):
        office.do(shop(name, name, FeeRule(60)))
    lines = (OrderLine("NUTS", 300, "nuts"), OrderLine("TEA", 700, "tea"))
    office.do(Checkout("O1", BUYER, lines))
    office.do(PayOrder("O1", "O1", "WECHAT_PAY"))
    office.step()
    assert office.status("O1") == "succeeded"
    numbers = [part_number("pay-O1", place) for place in (1, 2)]
    seconds = (PAID_AT // 1_000_000) - int(NOON.timestamp())
    sales = [
        Sale(number, fen, (2 * fen * 20 + 10_000) // 20_000 * 1_000, "", f"S-{number}", seconds)
        for number, fen in zip(numbers, (300, 700), strict=True)
    ]
    counter.bring("WECHAT_PAY", wechat_bill(sales[:1]))
    one = counter.reconcile("WECHAT_PAY")
    assert one["matched"]["paid_fen"] == 300
    assert told(one) == [("missing_at_channel", numbers[1], "suspected", "")]
    counter.bring("WECHAT_PAY", wechat_bill(sales))
    one = counter.reconcile("WECHAT_PAY")
    assert (one["matched"]["count"], told(one)) == (2, [])
    assert counter.balance("1122.01.WECHAT_PAY") == 0
