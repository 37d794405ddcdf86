"""Bills, differences and what persons decide, together: after a resolution the bills are reconciled
again, and come to the same; on both databases."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from domain.accounting import account
from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request, to_us
from domain.ledger.ledger import Ledger
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from tests.api.cli.terminal import Terminal
from tests.domain.reconciliation.rendering import DAY, NOON, ONE, TWO, Sale, wechat_bill
from tests.shops import shop

WECHAT = ("--channel", "WECHAT_PAY", "--operator", "lin")
ALICE, BOB = ("--operator", "alice"), ("--operator", "bob")
PAID = ONE.fen + TWO.fen


class Town:
    """A ledger, its bills, and the terminal."""

    def __init__(self, url: str, directory: Path) -> None:
        self.say, self.url, self.directory, self.count = Terminal(url), url, directory, 0

    def do(self, *commands: Command) -> None:
        ledger = Ledger.open(self.url)
        try:
            for command in commands:
                self.count += 1
                at_us = to_us(NOON) + self.count
                request = Request(f"town-{self.count}", at_us, "operator:lin", command)
                ledger.submit(request).unwrap()
        finally:
            ledger.close()

    def bill(self, *sales: Sale) -> None:
        """Of the day; days after it have none, so that nothing is waited for."""
        self.count += 1
        file = self.directory / f"bill{self.count}.csv"
        file.write_bytes(wechat_bill(sales))
        assert self.say("bill", "import", file, "--date", str(DAY), *WECHAT).code == 0
        for later in (1, 2, 3):
            on = str(DAY + timedelta(days=later))
            assert self.say("bill", "no-trade", "--date", on, *WECHAT).code == 0

    def reconcile(self) -> list[dict[str, Any]]:
        """What differs on the day; found again it is the same."""
        words = ("reconcile", "--date", str(DAY), *WECHAT, "--json")
        (found,) = self.say(*words).json()
        assert self.say(*words).json() == [found]
        listed: list[dict[str, Any]] = found["differences"]
        return listed

    def resolve(self, named: str, resolution: str, *more: str) -> None:
        said = ("difference", "resolve", named, "--as", resolution, "--reason", "so it is")
        assert self.say(*said, *more, *ALICE).code == 0
        assert self.say("difference", "approve", named, *BOB).code == 0

    def balances(self) -> dict[str, int]:
        """Of what waits and what channels owe, where there is something."""
        ledger = Ledger.open(self.url)
        try:
            names = [f"{code}.WECHAT_PAY" for code in ("1122.01", "1122.02", "1122.04", "2241.08")]
            names += ["2241.07", "2241.04.SQUIRRELS", "2241.01.LILEI", "6711"]
            found = {one: ledger.state(account.stream(one)).balance_fen for one in names}
        finally:
            ledger.close()
        return {name.removesuffix(".WECHAT_PAY"): fen for name, fen in found.items() if fen}


@pytest.fixture
def town(migrated_url: str, tmp_path: Path) -> Iterator[Town]:
    """Two orders, of which the second is paid."""
    told = Town(migrated_url, tmp_path)
    told.do(
        OpenBooks(DAY),
        RegisterMember("LILEI", "personal", "李雷"),
        shop("SQUIRRELS", "三只松鼠", FeeRule(60), "T+1"),
    )
    for sale in (ONE, TWO):
        number = sale.number.removeprefix("pay-")
        line = OrderLine("SQUIRRELS", sale.fen, "nuts")
        told.do(Checkout(f"O{number}", "LILEI", (line,), "escrow"))
        told.do(PayOrder(number, f"O{number}", "WECHAT_PAY"))
    told.do(RecordOutcome(TWO.number, succeeded=TWO.serial))
    yield told
    assert told.say("verify").code == 0


def the_one(found: list[dict[str, Any]], kind: str, state: str = "confirmed") -> str:
    assert [(one["type"], one["state"]) for one in found] == [(kind, state)]
    assert found[0]["number"] == ONE.number
    return str(found[0]["id"])


def test_a_late_success_is_adopted_and_the_next_verdict_takes_it(town: Town) -> None:
    town.do(RecordOutcome(ONE.number, declined="no answer"))
    town.bill(ONE, TWO)
    named = the_one(town.reconcile(), "status")
    assert town.balances() == {"1122.02": PAID, "2241.08": ONE.fen, "2241.04.SQUIRRELS": TWO.fen}
    town.resolve(named, "adopt")
    assert the_one(town.reconcile(), "status", "resolved") == named
    assert town.balances() == {"1122.02": PAID, "2241.04.SQUIRRELS": PAID}


def test_what_was_given_away_stays_so_whatever_is_found_again(town: Town) -> None:
    town.do(RecordOutcome(ONE.number, declined="no answer"))
    town.bill(ONE, TWO)
    named = the_one(town.reconcile(), "status")
    town.resolve(named, "to_wallet", "--to", "LILEI")
    assert the_one(town.reconcile(), "status", "resolved") == named
    kept = {"1122.02": PAID, "2241.04.SQUIRRELS": TWO.fen, "2241.01.LILEI": ONE.fen}
    assert town.balances() == kept
    assert town.say("difference", "undo", named, "--reason", "not hers", *ALICE).code == 0
    assert town.say("difference", "approve", named, *BOB).code == 0
    assert the_one(town.reconcile(), "status") == named
    assert town.balances()["2241.08"] == ONE.fen


def test_a_claim_ends_when_a_later_bill_brings_its_line(town: Town) -> None:
    town.do(RecordOutcome(ONE.number, succeeded=ONE.serial))
    town.bill(TWO)
    named = the_one(town.reconcile(), "missing_at_channel")
    assert town.balances()["1122.04"] == ONE.fen
    town.resolve(named, "claim")
    assert the_one(town.reconcile(), "missing_at_channel", "approved") == named
    assert town.balances()["1122.04"] == ONE.fen
    town.bill(ONE, TWO)
    town.reconcile()
    shown = town.say("difference", "show", named, "--json").json()
    assert shown["state"] == "resolved"
    assert town.balances() == {"1122.02": PAID, "2241.04.SQUIRRELS": PAID}


def test_what_is_written_off_is_not_found_again(town: Town) -> None:
    town.do(RecordOutcome(ONE.number, succeeded=ONE.serial))
    town.bill(TWO)
    named = the_one(town.reconcile(), "missing_at_channel")
    reserve = ("--as", "write_off", "--reason", "x", *ALICE)
    assert town.say("difference", "resolve", named, *reserve).code == 0
    assert town.say("difference", "approve", named, *BOB).code == 0
    assert the_one(town.reconcile(), "missing_at_channel", "resolved") == named
    assert town.balances() == {"1122.02": TWO.fen, "2241.04.SQUIRRELS": PAID, "6711": ONE.fen}
