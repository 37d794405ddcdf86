"""Reserves and deposits read over GraphQL, and what batches, refunds, statements and terms say of
them: by the institution, and by the merchant whose they are."""

from datetime import timedelta
from typing import Any

from domain.clearing.commands import CutOffDay, OpenBooks
from domain.member.commands import RegisterMember, SetSettlementTerms
from domain.money import FeeRule
from domain.settlement.commands import ReviewBatch, SealBatch, SettleBatch
from domain.settlement.reserving import (
    ReleaseReserve,
    ReleaseReserveEarly,
    ReturnDeposit,
    TakeDeposit,
)
from domain.transaction.commands import ConfirmReceipt
from tests.api.graphql.conftest import TEA, Books
from tests.examples import BUYER, BUYER_NAME, CHECKER, MERCHANT, MERCHANT_NAME, PAY_DAY
from tests.shops import shop

DAY = timedelta(days=1)
IN_A_WEEK = PAY_DAY + 7 * DAY
AMOUNTS = ("held", "withheld", "returned", "released", "recovered")
FIELDS = """id memberId releaseOn state releasedBy reason releasedAt lastPosition
  held { minor } withheld { minor } returned { minor } released { minor } recovered { minor }"""
DEPOSIT = """no memberId source reason takenBy takenAt state returnReason returnedBy returnedAt
  amount { minor } recovered { minor } lastPosition"""


def written(books: Books) -> Books:
    """Nuts of which a tenth is kept for a week, and tea of which a fifth is kept for a day."""
    books.do(
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", BUYER_NAME),
        shop(MERCHANT, MERCHANT_NAME, FeeRule(60), "T+1"),
        shop(TEA, "茶叶店", FeeRule(60), "D+1"),
        SetSettlementTerms(MERCHANT, PAY_DAY, "weekly:thu", None, 100, 1_000, 7),
        SetSettlementTerms(TEA, PAY_DAY, "D+1", None, 0, 2_000, 1),
    )
    books.sell("N1", (MERCHANT, 10_000), (TEA, 1_000))
    books.do(ConfirmReceipt(f"{MERCHANT}-N1", "buyer"), ConfirmReceipt(f"{TEA}-N1", "buyer"))
    books.refund("R1", f"{MERCHANT}-N1", 2_500)
    books.do(
        TakeDeposit("B1", MERCHANT, 5_000, "statement", "agreed"),
        TakeDeposit("B2", MERCHANT, 700, "statement", "agreed"),
        TakeDeposit("B3", TEA, 50, "statement", "agreed"),
    )
    books.close_days(PAY_DAY + DAY)
    books.do(ReleaseReserve(TEA, PAY_DAY + DAY), CutOffDay(PAY_DAY + DAY))
    batch_id = f"{MERCHANT}-{PAY_DAY}"  # Wednesday's: paid on Thursday.
    books.do(ReleaseReserveEarly(MERCHANT, IN_A_WEEK, "trusted"), ReturnDeposit("B1", "not needed"))
    books.do(SealBatch(batch_id))
    books.do(ReviewBatch(batch_id), actor=CHECKER)
    books.do(SettleBatch(batch_id))
    books.sell("N2", (MERCHANT, 4_000))
    books.do(ConfirmReceipt(f"{MERCHANT}-N2", "buyer"))
    books.catch_up()
    return books


def nodes(page: Any, name: str) -> list[str]:
    return [edge["node"][name] for edge in page["edges"]]


def figures(node: Any, *names: str) -> list[int]:
    return [int(node[name]["minor"]) for name in names]


def test_reserves_are_read_by_member_state_and_date(own_books: Books) -> None:
    books = written(own_books)
    page = books.read(f"{{ reserves {{ totalCount edges {{ node {{ {FIELDS} }} }} }} }}")[
        "reserves"
    ]
    tea, first, second = (edge["node"] for edge in page["edges"])
    assert page["totalCount"] == "3"
    assert figures(tea, *AMOUNTS) == [0, 199, 0, 199, 0]
    assert (tea["state"], tea["releasedBy"], tea["reason"]) == ("released", None, None)
    assert figures(first, *AMOUNTS) == [0, 994, 248, 746, 0]
    assert (first["releaseOn"], first["reason"]) == (str(IN_A_WEEK), "trusted")
    assert figures(second, *AMOUNTS) == [398, 398, 0, 0, 0]
    assert (second["id"], second["state"]) == (f"{MERCHANT}-{IN_A_WEEK + 2 * DAY}", "held")
    for asked, there in {
        f'(memberId: "{TEA}")': [tea["id"]],
        '(state: "held")': [second["id"]],
        f'(memberId: "{MERCHANT}", state: "released")': [first["id"]],
        f'(to: "{IN_A_WEEK}")': [tea["id"]],
        f'(from: "{IN_A_WEEK}", first: 1)': [first["id"]],
    }.items():
        found = books.read(f"{{ reserves{asked} {{ edges {{ node {{ id }} }} }} }}")
        assert nodes(found["reserves"], "id") == there, asked
    wrong = '{ reserves(state: "gone") { edges { node { id } } } }'
    assert books.refused(wrong) == ("request_invalid", "state")
    own = books.read("{ reserves { edges { node { memberId } } } }", "merchant")
    assert set(nodes(own["reserves"], "memberId")) == {MERCHANT}


def test_deposits_are_read_by_number_member_and_state(own_books: Books) -> None:
    books = written(own_books)
    one = books.read(f'{{ deposit(no: "B1") {{ {DEPOSIT} }} }}')["deposit"]
    assert (one["state"], one["source"], one["returnReason"]) == (
        "returned",
        "statement",
        "not needed",
    )
    for asked, there in {
        "": ["B1", "B2", "B3"],
        f'(memberId: "{TEA}")': ["B3"],
        '(state: "held")': ["B2", "B3"],
        "(first: 1)": ["B1"],
    }.items():
        found = books.read(f"{{ deposits{asked} {{ edges {{ node {{ no }} }} }} }}")
        assert nodes(found["deposits"], "no") == there, asked
    wrong = '{ deposits(state: "gone") { edges { node { no } } } }'
    assert books.refused(wrong) == ("request_invalid", "state")
    own = books.read("{ deposits { edges { node { no } } } }", "stranger")
    assert nodes(own["deposits"], "no") == ["B3"]
    assert books.read('{ deposit(no: "B9") { no } }') == {"deposit": None}


def test_batches_refunds_terms_and_statements_say_what_is_kept(own_books: Books) -> None:
    books = written(own_books)
    batch = books.read(
        f"""{{ settlementBatch(id: "{MERCHANT}-{PAY_DAY}") {{ cycle dueDate net {{ minor }}
        withheld {{ minor }} released {{ minor }} minPayout {{ minor }} payout {{ minor }}
        items {{ edges {{ node {{ kind net {{ minor }} withheld {{ minor }} }} }} }} }} }}"""
    )["settlementBatch"]
    assert (batch["cycle"], batch["dueDate"]) == ("weekly:thu", str(PAY_DAY + DAY))
    assert figures(batch, "net", "withheld") == [7_455 - 746, 746]
    assert figures(batch, "released", "minPayout") == [5_746, 100]
    assert figures(batch, "payout") == [7_455 + 5_000]
    items = [edge["node"] for edge in batch["items"]["edges"]]
    assert [figures(one, "net", "withheld") for one in items] == [[8_946, 994], [-2_237, -248]]
    refund = books.read('{ refund(no: "R1") { reserveReturned { minor } fromPending { minor } } }')
    assert figures(refund["refund"], "reserveReturned", "fromPending") == [248, 2_237]
    terms = books.read(
        f"""{{ member(id: "{MERCHANT}") {{ settlementTerms {{ cycle minPayout {{ minor }}
        reserveBps reserveDays }} }} }}"""
    )["member"]["settlementTerms"]
    assert [(one["cycle"], one["reserveBps"], one["reserveDays"]) for one in terms] == [
        ("weekly:thu", 1_000, 7)
    ]
    statement = books.read(
        f"""{{ merchantStatement(merchantId: "{MERCHANT}") {{ sales {{ minor }} settled {{ minor }}
        withheld {{ minor }} released {{ minor }} deposited {{ minor }} paidIn {{ minor }}
        closing {{ minor }} lines(first: 50) {{ edges {{ node {{ kind amount {{ minor }} }} }} }}
        }} }}"""
    )["merchantStatement"]
    assert figures(statement, "withheld", "released", "deposited", "paidIn") == [
        994 - 248 + 398,
        746,
        700,
        5_700,
    ]
    assert figures(statement, "closing") == [3_976 + 700]
    kinds = [edge["node"]["kind"] for edge in statement["lines"]["edges"]]
    assert set(kinds) >= {"withheld", "released", "deposited", "paid_in"}
