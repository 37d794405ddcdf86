"""Orders of authorities read over GraphQL: what is stopped, who waits, what was taken."""

from datetime import timedelta
from typing import Any

from domain.authority.commands import DeductMoney, LiftOrder, PlaceOrder
from domain.clearing.commands import OpenBooks
from domain.member.commands import RegisterMember
from domain.payment.commands import RechargeWallet, RecordOutcome
from tests.api.graphql.conftest import Books
from tests.examples import BUYER, BUYER_NAME, PAY_DAY

WALLET = f"2241.01.{BUYER}"
FIELDS = """no authority title document lastDocument accountId memberId state begins ends placedAt
  placedBy endedAt amount { minor } left { minor } stopped { minor } onItsWay { minor }
  paid { minor } deductions { no document payee state reason suspense amount { minor } }"""


def written(books: Books) -> Books:
    """A court's order, one that waits behind it, one that was lifted; a deduction that failed."""
    books.do(OpenBooks(PAY_DAY), RegisterMember(BUYER, "personal", BUYER_NAME))
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 6_000))
    books.do(RecordOutcome("pay-W1", succeeded="S1"))
    ends = PAY_DAY + timedelta(days=6)
    books.do(PlaceOrder("F1", "COURT", "执1号", WALLET, 5_000, ends))
    books.do(PlaceOrder("F2", "PUBLIC_SECURITY", "公2号", WALLET, None, ends))
    books.do(PlaceOrder("F3", "TAX", "税3号", WALLET, 5, ends), LiftOrder("F3", "税解3号"))
    books.do(DeductMoney("K1", "F1", "扣1号", 2_000, "ab" * 16, "cd" * 16, "6677"))
    books.do(RecordOutcome("deduct-K1", declined="no such account"))
    books.catch_up()
    return books


def numbers(page: Any) -> list[str]:
    return [edge["node"]["no"] for edge in page["edges"]]


def test_orders_say_what_they_stop_and_what_was_taken(own_books: Books) -> None:
    books = written(own_books)
    query = f'{{ authorityOrders(memberId: "{BUYER}") {{ edges {{ node {{ {FIELDS} }} }} }} }}'
    first, second, third = (edge["node"] for edge in books.read(query)["authorityOrders"]["edges"])
    assert (first["title"], first["state"], first["stopped"]) == (
        "人民法院",
        "in_force",
        {"minor": "5000"},
    )
    assert first["deductions"] == [
        {
            "no": "K1",
            "document": "扣1号",
            "payee": "**** 6677",
            "state": "failed",
            "reason": "no such account",
            "suspense": None,
            "amount": {"minor": "2000"},
        }
    ]
    assert (second["amount"], second["left"], second["stopped"]) == (None, None, {"minor": "1000"})
    assert (third["state"], third["stopped"], third["lastDocument"]) == ("lifted", None, "税解3号")
    for asked, there in {
        "": ["F1", "F2", "F3"],
        "(newestFirst: true)": ["F3", "F2", "F1"],
        '(memberId: "NOBODY")': [],
        '(state: "lifted")': ["F3"],
        '(state: "in_force", first: 1)': ["F1"],
    }.items():
        found = books.read(f"{{ authorityOrders{asked} {{ edges {{ node {{ no }} }} }} }}")
        assert numbers(found["authorityOrders"]) == there, asked
    wrong = '{ authorityOrders(state: "gone") { edges { node { no } } } }'
    assert books.refused(wrong) == ("request_invalid", "state")


def test_accounts_and_the_desk_show_it(own_books: Books) -> None:
    books = written(own_books)
    shown = "balance { minor } held { minor } stopped { minor } available { minor }"
    wallet = books.read(f'{{ wallet(memberId: "{BUYER}") {{ {shown} }} }}')["wallet"]
    assert {name: one["minor"] for name, one in wallet.items()} == {
        "balance": "6000",
        "held": "0",
        "stopped": "6000",
        "available": "0",
    }
    account = books.read(f'{{ account(id: "{WALLET}", asOf: "{PAY_DAY}") {{ {shown} }} }}')
    assert account["account"] == wallet
    desk = books.read("{ desk { deductions { items { no } } endingOrders { items { no } } } }")
    assert [one["no"] for one in desk["desk"]["deductions"]["items"]] == ["K1"]
    assert [one["no"] for one in desk["desk"]["endingOrders"]["items"]] == ["F1", "F2"]
