"""Who listens is told: what changes, all of it, and nothing that is another's."""

import pytest

from domain.clearing.commands import OpenBooks
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from tests.api.graphql.conftest import TEA, Books
from tests.api.graphql.listening import Wire, listen
from tests.examples import BUYER, MERCHANT, PAY_DAY

OF_MERCHANT = "subscription ($m: ID) { transactionChanged(merchantId: $m) { id state } }"


@pytest.fixture
def shop(own_books: Books) -> Books:
    """Books with two merchants and a buyer, and nothing sold yet."""
    own_books.do(
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", "Xiao Ming"),
        RegisterMember(MERCHANT, "enterprise", "Squirrels", FeeRule(60), "T+1"),
        RegisterMember(TEA, "enterprise", "茶叶店", FeeRule(100, 5), "D+1"),
    )
    own_books.catch_up()
    return own_books


def test_a_change_of_a_merchants_transaction_is_told(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, variables={"m": MERCHANT}).open()
        assert (client.status, client.headers["content-type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        shop.sell("JD1", (MERCHANT, 10_000), (TEA, 3_000))
        await wire.written()
        told = await client.next()
        assert told.kind == "next"
        assert told.data == {
            "data": {"transactionChanged": {"id": f"{MERCHANT}-JD1", "state": "paid"}}
        }

    listen(story, shop)
