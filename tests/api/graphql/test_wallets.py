"""Wallets over GraphQL: class, caps and what is used of them; a payment's factors. Both executors
answer alike (`Books.read`)."""

from datetime import date
from typing import Any

from domain.clearing.commands import CloseDay, OpenBooks
from domain.kernel import DAY_US
from domain.member.commands import CertifyMember, RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import LegAsked, RechargeWallet, RecordOutcome, TransferMoney
from domain.payment.proof import Out, Proof
from domain.transaction.commands import RefundTransaction
from tests.api.graphql.conftest import Books
from tests.examples import (
    BUYER,
    BUYER_NAME,
    CUSTOMER,
    FRIEND,
    HOLDER,
    MERCHANT,
    PAID_AT,
    PARTICULARS,
    PAY_DAY,
    PROOF,
)
from tests.shops import shop

DAY = date(2019, 12, 31)
QUERY = f"""{{ wallet(memberId: "{BUYER}") {{ class balance {{ minor }} available {{ minor }}
  caps {{ name period most {{ minor }} used {{ minor }} left {{ minor }} }}
  used {{ day sinceOpening {{ minor }} year {{ minor }} signed {{ minor }} twoFactors {{ minor }}
    fewerFactors {{ minor }} staticCodes {{ minor }} }} }} }}"""


def written(books: Books, day: date) -> None:
    """Two members of one person, money in both wallets."""
    books.day = day
    books.do(OpenBooks(day))
    books.do(shop(MERCHANT, "nuts", FeeRule(60), "T+1"))
    for who in (BUYER, FRIEND):
        books.do(RegisterMember(who, "personal", BUYER_NAME))
        books.do(RechargeWallet(f"W{who}", who, "JD_PAY", 900_000))
        books.do(RecordOutcome(f"pay-W{who}", succeeded=f"S{who}"))


def certify(books: Books, who: str, level: int) -> None:
    what = (who, level, books.day, ("in_person",), HOLDER, PARTICULARS, CUSTOMER)
    books.do(CertifyMember(*what))


def fen(money: Any) -> int:
    return int(money["minor"])


def caps(books: Books) -> dict[str, tuple[str, int, int, int]]:
    shown = books.read(QUERY)["wallet"]["caps"]
    return {
        one["name"]: (one["period"], fen(one["most"]), fen(one["used"]), fen(one["left"]))
        for one in shown
    }


def test_caps_are_counted_over_the_wallets_of_one_person(own_books: Books) -> None:
    books = own_books
    written(books, DAY)
    books.do(TransferMoney("X1", BUYER, FRIEND, 30_000), TransferMoney("X2", FRIEND, BUYER, 20_000))
    books.catch_up()
    assert books.read(QUERY)["wallet"]["class"] == 1
    assert caps(books) == {
        "class": ("opening", 100_000, 30_000, 70_000),
        "signed": ("day", 5_000_000, 0, 5_000_000),
        "two": ("day", 500_000, 0, 500_000),
        "few": ("day", 100_000, 30_000, 70_000),
        "static": ("day", 50_000, 0, 50_000),
    }
    certify(books, BUYER, 2)
    certify(books, FRIEND, 3)
    books.do(TransferMoney("X3", FRIEND, BUYER, 7, None, True))
    books.catch_up()
    shown = books.read(QUERY)["wallet"]
    assert (shown["class"], fen(shown["balance"])) == (2, 890_007)
    assert shown["used"] == {
        "day": "2019-12-31",
        "sinceOpening": {"minor": "50007"},
        "year": {"minor": "50007"},
        "signed": {"minor": "0"},
        "twoFactors": {"minor": "0"},
        "fewerFactors": {"minor": "50007"},
        "staticCodes": {"minor": "7"},
    }
    assert caps(books)["class"] == ("year", 10_000_000, 50_007, 9_949_993)
    books.do(CloseDay(DAY))
    books.catch_up()  # The next day is another year: nothing is used of either.
    shown = books.read(QUERY)["wallet"]
    assert (shown["used"]["day"], fen(shown["used"]["sinceOpening"])) == ("2020-01-01", 50_007)
    assert fen(shown["used"]["year"]) == fen(shown["used"]["fewerFactors"]) == 0


def test_a_payment_says_by_which_factors_and_a_refund_gives_back(own_books: Books) -> None:
    books = own_books
    written(books, DAY)
    certify(books, BUYER, 3)
    until_us = PAID_AT + ((DAY - PAY_DAY).days + 1) * DAY_US
    line = OrderLine(MERCHANT, 60_700, "nuts")
    for number, factors in (("1", ("password", "code")), ("2", ())):
        books.do(Checkout(f"O{number}", BUYER, (line,)))
        out = Out("payment", BUYER, f"P{number}", f"O{number}", 60_000)
        proof = Proof(PROOF, out, factors, until_us) if factors else None  # type: ignore[arg-type]
        legs = (LegAsked("WALLET_BALANCE", 60_000), LegAsked("JD_PAY", 700))
        books.do(PayOrder(f"P{number}", f"O{number}", "", legs, proof))
        books.do(RecordOutcome(f"pay2-P{number}", succeeded=f"C{number}"))
    books.do(RefundTransaction("R1", f"{MERCHANT}-O1", 10_700))
    books.catch_up()
    for number, factors in (("P1", "password,code"), ("P2", ""), (f"W{BUYER}", None)):
        found = books.read(f'{{ payment(no: "{number}") {{ no factors }} }}')["payment"]
        assert found["factors"] == factors
    found = books.read(QUERY)["wallet"]["used"]
    assert (fen(found["twoFactors"]), fen(found["fewerFactors"])) == (50_000, 60_000)
    assert fen(found["year"]) == 110_000


def test_before_there_were_caps_nothing_is_counted(own_books: Books) -> None:
    books = own_books
    written(books, PAY_DAY)
    books.do(TransferMoney("X1", BUYER, FRIEND, 800_000))
    books.catch_up()
    shown = books.read(QUERY)["wallet"]
    assert (shown["caps"], fen(shown["used"]["sinceOpening"])) == ([], 0)
    nobody = books.read('{ wallet(memberId: "NOBODY") { class caps { name } } }')
    assert nobody == {"wallet": None}
