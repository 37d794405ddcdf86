"""What tests of agreements have in common: a merchant that has signed nothing, and its market."""

from datetime import date
from typing import Any, get_args

import pytest

from domain.kernel import shanghai_date
from domain.member.agreement import MethodCode, Terms
from domain.member.commands import (
    SignMerchantAgreement,
)
from domain.order.commands import Checkout
from domain.order.order import Mode, OrderLine
from domain.refusals import Code, Refused
from tests.books import Books
from tests.examples import BUYER

NEW = "NEWSHOP"
MODE_OF: dict[str, Mode] = {"ESCROW_PURCHASE": "escrow", "INSTANT_PURCHASE": "instant"}
METHODS: tuple[MethodCode, ...] = get_args(MethodCode)
HOUR_US = 3_600_000_000
SUB, SUB_TEA = "1900000022", "1900000033"


def sign(books: Books, member: str, terms: Terms, since: date | None = None) -> None:
    books.do(SignMerchantAgreement(member, since or shanghai_date(books.at_us), terms))


def refused(books: Books, command: Any) -> tuple[Code, str]:
    before = len(books.log)
    with pytest.raises(Refused) as no:
        books.do(command)
    assert len(books.log) == before
    return no.value.code, no.value.field


def checkout(order_no: str, *lines: tuple[str, int], mode: Mode = "escrow") -> Checkout:
    sold = tuple(OrderLine(merchant, fen, "nuts") for merchant, fen in lines)
    return Checkout(order_no, BUYER, sold, mode)
