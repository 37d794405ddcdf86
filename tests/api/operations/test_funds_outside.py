"""The fund side against the simulator's own bills, statements and sessions, fetched by the day:
what we think a session owes is what the network pays."""

import asyncio
from collections.abc import Iterator
from datetime import date, datetime
from functools import partial
from pathlib import Path

import pytest

from api.operations.bills import bank_lines
from api.operations.bills.daily import Daily
from api.operations.bills.importing import Importer, Wanted
from api.operations.desk import Desk
from api.operations.end_of_day import end_of_day
from domain.accounting import account
from domain.channel.adapters.loading import load, load_bills
from domain.channel.commands import RegisterChannel
from domain.clearing.commands import OpenBooks
from domain.eventstore.database import sqlalchemy_engine
from domain.kernel import SHANGHAI, Request, to_us
from domain.ledger.proof import verify_log
from domain.reconciliation.bills.formats import FORMATS
from projections.models import clearing_sessions, differences
from tests.api.cli.test_bill_fetch import FEES, ON, fetched, keys, traded
from tests.simulator.bill_days import Day
from tests.stories.books import open_books

NEXT = date(2026, 11, 26)
HALF_PAST_TEN = to_us(datetime(2026, 11, 27, 10, 30, tzinfo=SHANGHAI))
OWED = {
    "NETSUNION": sum(
        12_345 - fee - 970 + back for fee, back in (FEES["WECHAT_PAY"], FEES["JD_PAY"])
    )
    + 12_345,
    "UNIONPAY": sum(
        12_345 - fee - 970 + back for fee, back in (FEES["CLOUD_QUICKPASS"], FEES["UNIONPAY_CARD"])
    ),
}


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """A day that is over at every channel: a payment, a refund of a part, and a payout."""
    day = Day(tmp_path_factory.mktemp("outside"))
    adapters = load(keys(day), notify_url="http://127.0.0.1:9/callbacks")
    asyncio.run(traded(day, adapters))
    day.settle()
    day.advance(46)
    yield day
    day.outside.stop()


@pytest.fixture
def desk(migrated_url: str) -> Iterator[Desk]:
    with open_books(migrated_url) as opened:
        yield opened


def send(desk: Desk, *commands: OpenBooks | RegisterChannel) -> None:
    at_us = to_us(datetime(2026, 11, 25, 9, tzinfo=SHANGHAI))
    for one in commands:
        wish = Request(f"n-{desk.ledger.head().number}", at_us, "operator:lin", one)
        desk.ledger.submit(wish).unwrap()


def test_sessions_pay_what_we_think_they_owe(desk: Desk, outside: Day, tmp_path: Path) -> None:
    send(desk, OpenBooks(ON), RegisterChannel("UNIONPAY_CARD"), RegisterChannel("NETSUNION_CARD"))
    writes = sqlalchemy_engine(desk.ledger.database)
    # Nobody knows NetsUnion's format: its bill is taken in by hand.
    importer = Importer(desk.ledger, writes, "operator:lin")
    _, raw = fetched(load_bills(keys(outside))["NETSUNION_CARD"], "trade")
    path = tmp_path / "bill"
    path.write_bytes(raw)
    wanted = Wanted("NETSUNION_CARD", ON, "trade", FORMATS["jd_pay"])
    importer.import_file(path, wanted, HALF_PAST_TEN)
    for day in (ON, NEXT):
        end_of_day(desk, day)
    sources = partial(load_bills, keys(outside))
    runner = Daily(desk, writes, sources, lambda: HALF_PAST_TEN, days_behind=7)
    runner.round()
    desk.catch_up()
    with desk.engine.connect() as connection:
        found = {
            one.clearing: (one.status, one.due_fen, one.arrived_fen)
            for one in clearing_sessions.sessions(connection, ON, ON)
        }
        told = differences.of_day(connection, "BANK_TRANSFER", ON, ("suspected", "confirmed"))
        shown = bank_lines.matched(connection, "BANK_TRANSFER", NEXT)
    paid = {
        one["clearing"]: one["amount"]
        for one in outside.ask("bank", str(ON), "sessions")[1]["sessions"]
    }
    assert paid == OWED
    assert found == {name: ("settled", fen, fen) for name, fen in OWED.items()}
    assert (shown.lines, shown.in_fen) == (2, sum(OWED.values()))
    # Of the payout and NetsUnion's refund these books know nothing.
    assert sorted((one.kind, one.amount_fen) for one in told) == [
        ("payout_missing_here", 970), ("payout_missing_here", 3_000),
    ]  # fmt: skip
    balance = desk.ledger.state(account.stream("1001.01")).balance_fen
    assert balance == sum(OWED.values()) - 3_970
    position = desk.ledger.head().position
    runner.round()
    assert desk.ledger.head().position == position
    assert not verify_log(desk.ledger.recorder)
    writes.dispose()
