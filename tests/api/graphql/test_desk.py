"""What waits for a person, told by GraphQL and by the command line alike, on each database."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from api.cli.opening import open_desk
from api.operations.attention import MOST
from api.operations.desk import record_outcomes
from api.operations.end_of_day import end_of_day
from domain.accounting.commands import CloseAccount, FreezeAccount
from domain.channel.commands import ReportUnknownNumber, SettleReport
from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request, day_end_us
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.settlement.commands import ReturnPayout
from domain.transaction.commands import ConfirmReceipt
from tests.api.cli.terminal import Terminal
from tests.api.graphql.conftest import Books
from tests.shops import shop as merchant

FIRST = date(2026, 12, 21)  # A Monday; no working day is published beyond this year.

DESK = """{ desk {
  day { accountingDate cutOffAt }
  hindrances { more items { step subject merchantId since refusal { code field } } }
  instructions { more items { instruction { id state answer amount { minor } }
    refusal { code field } } }
  payouts { more items { batchId payout { payoutNo status reason amount { minor } } } }
  suspense { account title channel balance { minor }
    lines { more items { reference credit { minor } } } }
  pausedProjections { name reason } } }"""


class Shop:
    """Books that a day is ended in, and the desk as both doors tell it."""

    def __init__(self, url: str) -> None:
        self.terminal = Terminal(url)
        self.books = Books(url)
        self.day = FIRST
        self.count = 0

    def do(self, *commands: Command) -> None:
        for command in commands:
            self.count += 1
            request = Request(f"n-{self.count}", self.at_us, "operator:1", command)
            self.books.context.ledger.submit(request).unwrap()

    @property
    def at_us(self) -> int:
        return day_end_us(self.day) - 3_600_000_000

    def sell(self, order_no: str, merchant: str, fen: int, *, confirm: bool = True) -> None:
        self.do(
            Checkout(order_no, "ANN", (OrderLine(merchant, fen, "nuts"),)),
            PayOrder(f"P{order_no}", order_no, "JD_PAY"),
            RecordOutcome(f"pay-P{order_no}", succeeded=f"S{order_no}"),
        )
        if confirm:
            self.do(ConfirmReceipt(f"{merchant}-{order_no}", "buyer"))

    def end_days(self, count: int) -> None:
        for _ in range(count):
            end_of_day(self.books.context.desk, self.day)
            self.day += timedelta(days=1)

    def desk(self) -> dict[str, object]:
        self.books.catch_up()
        found: dict[str, object] = self.books.read(DESK, "operator")["desk"]
        return found


@pytest.fixture
def shop(migrated_url: str) -> Iterator[Shop]:
    opened = Shop(migrated_url)
    opened.do(
        OpenBooks(FIRST),
        RegisterMember("ANN", "personal", "Ann"),
        RegisterMember("LEFT", "personal", "Bea"),
        merchant("SHOP", "Shop", FeeRule(60), "T+1"),
        merchant("FROZEN", "Frozen", FeeRule(60), "D+1"),
        merchant("FAR", "Far", FeeRule(60), "T+30"),
    )
    yield opened
    opened.books.close()


def test_an_empty_desk(shop: Shop) -> None:
    nothing = {"more": False, "items": []}
    assert shop.desk() == {
        "day": {"accountingDate": "2026-12-21", "cutOffAt": None},
        "hindrances": nothing,
        "instructions": nothing,
        "payouts": nothing,
        "suspense": [],
        "pausedProjections": [],
    }
    told = shop.terminal("desk")
    assert told.code == 0
    assert told.out == "Open day: 2026-12-21\nNothing waits for anybody.\n"


def test_a_desk_before_the_books_are_open(own_books: Books) -> None:
    assert own_books.read("{ desk { day { openedAt } hindrances { more } } }") == {
        "desk": {"day": None, "hindrances": {"more": False}}
    }


def test_what_hinders_a_day_says_what_the_books_answered(shop: Shop) -> None:
    shop.sell("1", "FROZEN", 10_000)
    shop.sell("2", "FAR", 5_000)
    shop.sell("3", "FROZEN", 700, confirm=False)
    shop.do(FreezeAccount("2241.02.FROZEN", "both", "court order"))
    shop.end_days(1)
    assert shop.desk()["hindrances"] == {
        "more": False,
        "items": [
            {
                "step": "seal",
                "subject": "FAR-2026-12-21",
                "merchantId": "FAR",
                "since": "2026-12-21",
                "refusal": {"code": "calendar_unpublished", "field": "clearing_date"},
            }
        ],
    }
    shop.end_days(8)
    found = shop.desk()["hindrances"]
    assert isinstance(found, dict)
    assert [
        (one["step"], one["subject"], one["since"], one["refusal"]["code"])
        for one in found["items"]
    ] == [
        ("seal", "FAR-2026-12-21", "2026-12-21", "calendar_unpublished"),
        ("settle", "FROZEN-2026-12-21", "2026-12-22", "account_frozen"),
        ("confirm", "FROZEN-3", "2026-12-28", "account_frozen"),
    ]
    told = shop.terminal("desk", "--json").json()
    assert [one["refusal"]["code"] for one in told["hindrances"]["items"]] == [
        "calendar_unpublished",
        "account_frozen",
        "account_frozen",
    ]
    assert told["day"]["accounting_date"] == "2026-12-30"
    assert "calendar_unpublished" in shop.terminal("desk").out


PAYOUT = "payout-SHOP-2026-12-21-1"


@pytest.fixture
def troubled(shop: Shop) -> Shop:
    """A payout that came back, money in suspense, a payment unknown and one that is refused."""
    shop.sell("1", "SHOP", 10_000)
    shop.end_days(2)
    shop.do(
        ReturnPayout("SHOP-2026-12-21", PAYOUT, "account closed"),
        RechargeWallet("W1", "LEFT", "WECHAT_PAY", 250),
        CloseAccount("2241.01.LEFT"),
        RecordOutcome("pay-W1", succeeded="S1"),
        RecordOutcome("back-W1", declined="card closed"),
        Checkout("2", "ANN", (OrderLine("SHOP", 900, "nuts"),)),
        PayOrder("P2", "2", "JD_PAY"),
        RecordOutcome("pay-P2", unknown="no answer"),
        Checkout("3", "ANN", (OrderLine("SHOP", 800, "nuts"),)),
        PayOrder("P3", "3", "JD_PAY"),
        FreezeAccount("2241.04.SHOP", "in", "court order"),
    )
    desk = shop.books.context.desk
    record_outcomes(desk, [RecordOutcome("pay-P3", succeeded="S3")], shop.at_us)
    return shop


def test_instructions_without_an_outcome_say_why(troubled: Shop) -> None:
    found = troubled.desk()
    assert found["instructions"] == {
        "more": False,
        "items": [
            {
                "instruction": {
                    "id": "pay-P2",
                    "state": "unknown",
                    "answer": "no answer",
                    "amount": {"minor": "900"},
                },
                "refusal": None,
            },
            {
                "instruction": {
                    "id": "pay-P3",
                    "state": "issued",
                    "answer": None,
                    "amount": {"minor": "800"},
                },
                "refusal": {"code": "account_frozen", "field": "account"},
            },
        ],
    }
    told = troubled.terminal("desk", "--json").json()
    assert [one["instruction_id"] for one in told["instructions"]["items"]] == ["pay-P2", "pay-P3"]


def test_payouts_that_came_back_and_money_in_suspense(troubled: Shop) -> None:
    found = troubled.desk()
    (back,) = found["payouts"]["items"]  # type: ignore[index]
    assert back == {
        "batchId": "SHOP-2026-12-21",
        "payout": {
            "payoutNo": PAYOUT,
            "status": "returned",
            "reason": "account closed",
            "amount": {"minor": "9940"},
        },
    }
    (held,) = found["suspense"]  # type: ignore[misc]
    assert (held["account"], held["balance"]["minor"]) == ("2241.08.WECHAT_PAY", "250")
    (line,) = held["lines"]["items"]
    assert line["reference"].startswith("payment-W1#") and line["credit"]["minor"] == "250"
    told = troubled.terminal("desk", "--json").json()
    assert told["suspense"][0]["balance_fen"] == 250
    assert told["payouts"]["items"][0]["payout_no"] == PAYOUT
    said = troubled.terminal("desk").out
    for word in ("pay-P3", "account_frozen", "Suspense 2241.08.WECHAT_PAY: 2.50 CNY", PAYOUT):
        assert word in said


def test_numbers_that_nobody_knows_are_told_by_the_command_line_too(shop: Shop) -> None:
    said = ReportUnknownNumber("JD_PAY", "pay-P9", "payment", "succeeded", "S9", 700)
    shop.do(said)
    (one,) = shop.terminal("desk", "--json").json()["unknown_numbers"]["items"]
    assert (one["channel"], one["report"], one["number"]) == ("JD_PAY", 1, "pay-P9")
    assert (one["said"], one["serial"], one["amount_fen"]) == ("succeeded", "S9", 700)
    told = shop.terminal("desk").out
    assert "Numbers that nobody here knows" in told and "7.00" in told
    shop.do(SettleReport("JD_PAY", 1, "an order of the test system"))
    assert "Nothing waits for anybody." in shop.terminal("desk").out


def test_a_long_list_says_that_there_is_more(shop: Shop) -> None:
    for number in range(MOST + 1):
        shop.do(
            Checkout(f"{number}", "ANN", (OrderLine("SHOP", 100, "nuts"),)),
            PayOrder(f"P{number}", f"{number}", "JD_PAY"),
        )
    found = shop.desk()["instructions"]
    assert isinstance(found, dict)
    assert found["more"] is True and len(found["items"]) == MOST
    told = shop.terminal("desk")
    assert "there are more" in told.out


def test_a_paused_read_model_is_on_the_desk_and_does_not_hide_it(
    shop: Shop, migrated_url: str
) -> None:
    shop.books.catch_up()
    with open_desk(migrated_url) as context, context.writes.begin() as connection:
        connection.execute(
            text(
                "UPDATE projection_checkpoints SET state = 'paused', reason = :why WHERE name = :n"
            ),
            {"why": "fact 7 is odd", "n": "journal"},
        )
    found = shop.desk()["pausedProjections"]
    assert found == [{"name": "journal", "reason": "fact 7 is odd"}]
    told = shop.terminal("desk", "--json").json()
    assert told["paused_read_models"][0]["name"] == "journal"
