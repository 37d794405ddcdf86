"""A ledger that is filled to the door: what was let in is booked, settled and proved, on either
database alike; and one whose sums did leave 64 bits says so."""

from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.operations.desk import Desk
from api.operations.end_of_day import end_of_day
from domain.clearing import day
from domain.clearing.commands import OpenBooks
from domain.kernel import DAY_US, Command, Request
from domain.ledger import capacity
from domain.ledger.answer import Answer
from domain.ledger.proof import verify_log
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome, TransferMoney
from domain.refusals import Code
from domain.transaction.commands import ConfirmReceipt, RefundTransaction
from projections.models.clearing_positions import clearing_positions
from projections.models.trial_balance import trial_balance
from projections.rebuilding.comparison import check
from projections.registry import READ_MODELS
from tests.examples import BUYER, FRIEND, MERCHANT, PAID_AT, PAY_DAY
from tests.shops import shop
from tests.stories.books import import_feed, open_books, statement_of

LARGE = 10**15
SHOPS = (MERCHANT, "TEASHOP")


@pytest.fixture
def large_amounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Amounts as older versions took them, and larger ones."""
    for module in ("domain.money", "domain.order.commands"):
        monkeypatch.setattr(f"{module}.MAX_FEN", 10**18)
    monkeypatch.setattr("domain.transaction.commands.MAX_TAKEN_FEN", 10**18)


def ask(desk: Desk, commands: list[Command], at_us: int = PAID_AT) -> list[Answer]:
    named = [Request(f"{at_us} {c!r}"[:300], at_us, "operator:1", c) for c in commands]
    return desk.ledger.submit_all(named)


def opened(desk: Desk) -> None:
    commands: list[Command] = [OpenBooks(PAY_DAY)]
    commands += [RegisterMember(one, "personal", one) for one in (BUYER, FRIEND)]
    commands += [shop(one, one, FeeRule(60), "T+1") for one in SHOPS]
    for answer in ask(desk, commands):
        answer.unwrap()


def order(number: int, fen: int) -> list[Command]:
    """Half of it for each shop."""
    lines = tuple(OrderLine(shop, fen // 2, "x") for shop in SHOPS)
    return [Checkout(f"{number}", BUYER, lines), PayOrder(f"P{number}", f"{number}", "JD_PAY")]


def codes(answers: list[Answer]) -> list[Code | None]:
    return [one.refused.code if one.refused else None for one in answers]


def succeeded(desk: Desk, *instructions: str) -> None:
    commands: list[Command] = [RecordOutcome(one, succeeded="S") for one in instructions]
    assert set(codes(ask(desk, commands))) == {None}


def days_go_by(desk: Desk, days: int) -> None:
    for _ in range(days):
        on = desk.ledger.state(day.STREAM).open_date
        assert on is not None
        report = end_of_day(desk, on)
        assert report.closed and report.hindrances == []


def proved(desk: Desk) -> None:
    desk.catch_up()
    head = desk.ledger.head().position
    assert set(desk.projector.catch_up().values()) == {head}, "no model is paused"
    assert verify_log(desk.ledger.recorder) == []
    assert check(desk.ledger.recorder, desk.engine, list(READ_MODELS.values())) == []
    with desk.engine.connect() as connection:
        found = trial_balance(connection)
    assert found.balanced
    assert type(found.debits_fen) is int


def test_payments_until_the_door_closes_are_all_booked_and_settled(
    database_url: str, large_amounts: None
) -> None:
    """The 462nd payment of ten trillion yuan is refused, on either database."""
    with open_books(database_url) as desk:
        opened(desk)
        answers = ask(desk, [command for n in range(520) for command in order(n, LARGE)])
        paid = codes(answers[1::2])
        assert paid == [None] * 461 + [Code.LEDGER_FULL] * 59
        assert capacity.DOOR_FEN // (10 * LARGE) == 461
        succeeded(desk, *(f"pay-P{n}" for n in range(461)))
        desk.catch_up()
        with desk.engine.connect() as connection:
            assert trial_balance(connection, PAY_DAY).debits_fen == 461 * LARGE
        days_go_by(desk, 10)
        proved(desk)
        fee = 461 * LARGE * 60 // 10_000
        for shop in SHOPS:
            mine = statement_of(desk, shop)
            assert (mine.sales_fen, mine.closing_fen) == (461 * LARGE // 2, 0)
            assert mine.settled_fen == 461 * LARGE // 2 - fee // 2
        with desk.engine.connect() as connection:
            (position,) = clearing_positions(connection, PAY_DAY)
        assert position.sealed_net_fen == position.net_fen == 461 * LARGE
        refused = ask(desk, [PayOrder("P462", "462", "JD_PAY")], PAID_AT + 10 * DAY_US)
        assert codes(refused) == [Code.LEDGER_FULL]


def test_refunds_of_everything_behind_the_closed_door(
    database_url: str, large_amounts: None
) -> None:
    """Half a purchase takes 2^62 / 10: refunded whole after the payout it comes to all of it."""
    fen = 46 * 10**16 // 2 * 2
    later = PAID_AT + 12 * 3600 * 10**6
    with open_books(database_url) as desk:
        opened(desk)
        more: list[Command] = [*order(2, fen), RechargeWallet("R", BUYER, "JD_PAY", fen)]
        assert codes(ask(desk, [*order(1, fen), *more])) == [
            None, None, None, Code.LEDGER_FULL, Code.LEDGER_FULL
        ]  # fmt: skip
        succeeded(desk, "pay-P1")
        sold = [f"{shop}-1" for shop in SHOPS]
        assert set(codes(ask(desk, [ConfirmReceipt(one, "buyer") for one in sold], later))) == {
            None
        }
        days_go_by(desk, 3)
        refunds = [RefundTransaction(f"F{one}", one, fen // 2) for one in sold]
        after = PAID_AT + 3 * DAY_US
        assert set(codes(ask(desk, list(refunds), after))) == {None}
        outcomes: list[Command] = [
            RecordOutcome(f"refund-F{sold[0]}", succeeded="S"),
            RecordOutcome(f"refund-F{sold[1]}", declined="no such card"),
        ]
        assert set(codes(ask(desk, outcomes, after))) == {None}
        days_go_by(desk, 2)
        proved(desk)
        assert desk.ledger.state(f"account-2241.01.{BUYER}").balance_fen == fen // 2


def test_transfers_and_recharges_at_the_real_boundary(
    database_url: str, large_amounts: None
) -> None:
    """Back and forth until the very last fen below the door."""
    with open_books(database_url) as desk:
        opened(desk)
        fen = 10**18
        assert codes(ask(desk, [RechargeWallet("R", BUYER, "JD_PAY", fen)])) == [None]
        succeeded(desk, "pay-R")
        there = TransferMoney("T1", BUYER, FRIEND, fen), TransferMoney("T2", FRIEND, BUYER, fen)
        assert codes(ask(desk, list(there))) == [None, None]
        left = capacity.DOOR_FEN - 4 * fen
        last: list[Command] = [
            TransferMoney("T3", BUYER, FRIEND, left + 1),
            TransferMoney("T4", BUYER, FRIEND, left),
            TransferMoney("T5", BUYER, FRIEND, 1),
        ]
        assert codes(ask(desk, last)) == [Code.LEDGER_FULL, None, Code.LEDGER_FULL]
        days_go_by(desk, 1)
        proved(desk)


def test_sums_that_did_leave_64_bits_are_found_and_no_figure_becomes_another(
    database_url: str, large_amounts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an older version let it come to: each account is within bounds, a day of a code is not."""
    monkeypatch.setattr("domain.money.MAX_FEN", 2**62)
    monkeypatch.setattr(capacity, "DOOR_FEN", 2**70)
    with open_books(database_url) as desk:
        opened(desk)
        people = [BUYER, FRIEND, "C", "D"]
        fen = 4 * 10**18
        members: list[Command] = [RegisterMember(one, "personal", one) for one in people[2:]]
        ask(desk, [*members, RechargeWallet("R", BUYER, "JD_PAY", fen)])
        succeeded(desk, "pay-R")
        assert verify_log(desk.ledger.recorder) == []
        for n, (payer, payee) in enumerate(pairwise(people)):
            assert codes(ask(desk, [TransferMoney(f"T{n}", payer, payee, fen)])) == [None]
            desk.projector.catch_up()
        assert [one.check for one in verify_log(desk.ledger.recorder)] == ["capacity"]
        positions = desk.projector.catch_up()
        behind = {name for name, at in positions.items() if at < desk.ledger.head().position}
        assert behind == {"trial_balance"}
        with desk.engine.connect() as connection:
            found = trial_balance(connection)
        # It stands just before the posting that its columns cannot hold: the credit of the second
        # transfer. What it holds is exact, and it is paused.
        assert (found.debits_fen, found.credits_fen) == (fen, 0)
        monkeypatch.undo()
        more = ask(desk, [TransferMoney("X", "D", BUYER, 1), order(1, 2)[0]])
        assert codes(more) == [Code.LEDGER_FULL, None]
        assert codes(ask(desk, order(1, 2)[1:])) == [Code.LEDGER_FULL]


def test_a_row_of_a_feed_that_finds_the_door_closed_is_refused_like_any_other(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "merchants.csv").write_text(
        "merchant,name,fee_bps,settlement_cycle\nSHOP1,One,60,T+1\nSHOP2,Two,38,D+1\n"
    )
    (tmp_path / "orders.csv").write_text(
        "order_no,placed_at,buyer,merchant,amount,items,subject,method\n"
        "1,2011-01-04T09:00:00+08:00,C1,SHOP1,1000,1,nuts,JD_PAY\n"
        "1,2011-01-04T09:00:00+08:00,C1,SHOP2,1000,1,nuts,JD_PAY\n"
        "2,2011-01-04T10:00:00+08:00,C1,SHOP2,1000,1,tea,JD_PAY\n"
        "3,2011-01-04T11:00:00+08:00,C1,SHOP2,999,1,tea,JD_PAY\n"
        f"4,2011-01-04T12:00:00+08:00,C1,SHOP2,{10**12 + 1},1,tea,JD_PAY\n"
    )
    monkeypatch.setattr(capacity, "DOOR_FEN", 10 * 2_999)
    with open_books(database_url) as desk:
        report, importer = import_feed(desk, tmp_path, date(2011, 1, 20))
        told: Any = [(one.line, one.code) for one in importer.rejects]
        assert sorted(told) == [(4, Code.LEDGER_FULL), (6, Code.AMOUNT_TOO_LARGE)]
        assert report.checkouts == 2
        proved(desk)
        assert statement_of(desk, "SHOP2").sales_fen == 1_999
        assert desk.ledger.state(day.STREAM).open_date == date(2011, 1, 20) + timedelta(days=1)
