"""Withdrawals read over GraphQL: by number, member, state and date; by the institution alone."""

from typing import Any

from domain.clearing.commands import OpenBooks
from domain.kernel import DAY_US
from domain.member.binding import BindCard, ClaimBinding, ConfirmCard, RecordBinding
from domain.member.commands import RegisterMember
from domain.member.signing import Said
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.settlement.withdrawing import RequestWithdrawal
from tests.api.graphql.conftest import Books
from tests.examples import BUYER, BUYER_NAME, CARD, HOLDER, PAID_AT, PARTICULARS, PAY_DAY

FIELDS = """no memberId card speed state late arrivesOn maker checker reason suspense
  amount { minor } fee { minor } earned { minor } requestedAt approvedAt instructedAt endedAt
  returnedAt instructions { id state }"""


def written(books: Books) -> Books:
    """Four withdrawals: one paid, one declined, one that waits for its date, one for approval."""
    books.do(OpenBooks(PAY_DAY), RegisterMember(BUYER, "personal", BUYER_NAME))
    books.do(RechargeWallet("W1", BUYER, "JD_PAY", 9_000_000))
    books.do(RecordOutcome("pay-W1", succeeded="S1"))
    books.do(BindCard(BUYER, CARD, PARTICULARS, HOLDER, "7894"), ClaimBinding(BUYER, 1, 1))
    until_us = PAID_AT + DAY_US
    books.do(RecordBinding(BUYER, 1, 1, Said("code_sent", "ICBC", "DEBIT", until_us)))
    books.do(ConfirmCard(BUYER, CARD, "c0" * 16), ClaimBinding(BUYER, 1, 2))
    books.do(RecordBinding(BUYER, 1, 2, Said("signed", agreement="A1")))
    books.do(RequestWithdrawal("X1", BUYER, 10_000, 0))
    books.do(RecordOutcome("withdraw-X1", succeeded="B1"))
    books.do(RequestWithdrawal("X2", BUYER, 10_000, 0))
    books.do(RecordOutcome("withdraw-X2", declined="card closed"))
    books.do(RequestWithdrawal("X3", BUYER, 10_000, 0, speed="T+1"))
    books.do(RequestWithdrawal("X4", BUYER, 2_000_001, 0))
    books.catch_up()
    return books


def numbers(page: Any) -> list[str]:
    return [edge["node"]["no"] for edge in page["edges"]]


def test_withdrawals_are_read_by_number_member_state_and_date(own_books: Books) -> None:
    books = written(own_books)
    one = books.read(f'{{ withdrawal(no: "X1") {{ {FIELDS} }} }}')["withdrawal"]
    assert (one["state"], one["card"][-4:], one["speed"]) == ("succeeded", "7894", "T+0")
    assert (one["amount"], one["fee"]) == ({"minor": "10000"}, {"minor": "0"})
    assert one["instructions"] == [{"id": "withdraw-X1", "state": "succeeded"}]
    assert one["instructedAt"] and one["endedAt"] and one["returnedAt"] is None
    for asked, there in {
        "": ["X1", "X2", "X3", "X4"],
        f'(memberId: "{BUYER}", newestFirst: true)': ["X4", "X3", "X2", "X1"],
        '(memberId: "NOBODY")': [],
        '(state: "unapproved")': ["X4"],
        '(state: "waiting")': ["X3"],
        '(state: "failed")': ["X2"],
        f'(to: "{PAY_DAY}")': [],
        f'(from: "{PAY_DAY}", first: 2)': ["X1", "X2"],
    }.items():
        found = books.read(f"{{ withdrawals{asked} {{ edges {{ node {{ no }} }} }} }}")
        assert numbers(found["withdrawals"]) == there, asked
    wrong = '{ withdrawals(state: "gone") { edges { node { no } } } }'
    assert books.refused(wrong) == ("request_invalid", "state")
    assert books.read('{ withdrawal(no: "X9") { no } }') == {"withdrawal": None}
