"""The institution's own money over GraphQL, on both databases, by plans and without."""

from typing import Any

import pytest

from domain.accounting.owning import (
    CallOffSweep,
    InstructSweep,
    PostOwnFunds,
    PostSweep,
    ShowSweep,
    ShowTopUp,
)
from domain.clearing.commands import OpenBooks
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.transaction.commands import ConfirmReceipt
from tests.api.graphql.conftest import Books
from tests.examples import BUYER, BUYER_NAME, PAY_DAY
from tests.shops import shop

SHOP = "SWEPTSHOP"
MOVED = """no kind amount { minor } state reason askedBy statement endedBy endedAt endReason
  position lastPosition"""


@pytest.fixture
def with_own(own_books: Books) -> Books:
    own_books.do(
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", BUYER_NAME),
        shop(SHOP, "结转店", FeeRule(60), "T+1"),
    )
    own_books.sell("SW1", (SHOP, 10_000))
    own_books.do(
        ConfirmReceipt(f"{SHOP}-SW1", "buyer"),
        PostOwnFunds("C1", "capital", 10_000, "L1"),
        InstructSweep("S1", 5, "fees"),
        PostSweep("S1", 5, "L2"),
        InstructSweep("S2", 6, "fees"),
        CallOffSweep("S2", "the bank was closed"),
        ShowSweep("S3", 7, "L3"),
        InstructSweep("S4", 42, "fees"),  # The rest of sixty.
    )
    own_books.refund("R1", f"{SHOP}-SW1", 5_000)  # Of the fee of 30, 6 lie there.
    own_books.catch_up()
    return own_books


def found(books: Books, name: str, asked: str, fields: str) -> list[dict[str, Any]]:
    page = books.read(f"{{ {name}{asked} {{ totalCount edges {{ node {{ {fields} }} }} }} }}")[name]
    assert page["totalCount"] == str(len(page["edges"]))
    return [edge["node"] for edge in page["edges"]]


def test_movements_are_read_with_who_asked_and_what_shows_them(with_own: Books) -> None:
    capital, swept, off, shown, waits = found(with_own, "ownMovements", "", MOVED)
    assert (capital["no"], capital["kind"], capital["state"]) == ("C1", "capital", "posted")
    assert (capital["amount"], capital["statement"]) == ({"minor": "10000"}, "L1")
    assert (swept["reason"], swept["statement"], swept["endReason"]) == ("fees", "L2", None)
    assert swept["askedBy"] and int(swept["lastPosition"]) > int(swept["position"])
    assert (off["state"], off["endReason"]) == ("called_off", "the bank was closed")
    assert (off["statement"], shown["reason"]) == (None, None)
    assert (waits["state"], waits["endedBy"], waits["endedAt"]) == ("instructed", None, None)


def test_movements_are_found_by_kind_and_state(with_own: Books) -> None:
    for asked, numbers in {
        "": ["C1", "S1", "S2", "S3", "S4"],
        '(kind: "sweep")': ["S1", "S2", "S3", "S4"],
        '(state: "posted")': ["C1", "S1", "S3"],
        '(kind: "sweep", state: "instructed")': ["S4"],
        '(kind: "interest")': [],
    }.items():
        rows = found(with_own, "ownMovements", asked, "no")
        assert [one["no"] for one in rows] == numbers, asked
    page = with_own.read("{ ownMovements(first: 2) { pageInfo { hasNextPage endCursor } } }")
    cursor = page["ownMovements"]["pageInfo"]["endCursor"]
    rest = f'{{ ownMovements(after: "{cursor}") {{ edges {{ node {{ no }} }} }} }}'
    numbers = [edge["node"]["no"] for edge in with_own.read(rest)["ownMovements"]["edges"]]
    assert numbers == ["S2", "S3", "S4"]


def test_top_ups_are_read_and_found(with_own: Books) -> None:
    fields = "reference direction amount { minor } state statement position"
    (one,) = found(with_own, "topUps", "", fields)
    assert (one["direction"], one["amount"], one["state"]) == ("in", {"minor": "24"}, "underway")
    assert one["statement"] is None and SHOP in one["reference"]
    with_own.do(ShowTopUp(one["reference"], "L4"))
    with_own.catch_up()
    (shown,) = found(with_own, "topUps", '(direction: "in", state: "arrived")', fields)
    assert shown == {**one, "state": "arrived", "statement": "L4"}
    for asked in ('(direction: "out")', '(state: "underway")'):
        assert found(with_own, "topUps", asked, fields) == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ('ownMovements(kind: "theft") { edges { node { no } } }', "kind"),
        ('ownMovements(state: "lost") { edges { node { no } } }', "state"),
        ('topUps(direction: "up") { edges { node { reference } } }', "direction"),
        ('topUps(state: "lost") { edges { node { reference } } }', "state"),
        ('topUps(after: "x") { edges { node { reference } } }', "after"),
    ],
)
def test_a_word_that_is_none_is_refused(with_own: Books, asked: str, field: str) -> None:
    assert with_own.refused(f"{{ {asked} }}") == ("request_invalid", field)
