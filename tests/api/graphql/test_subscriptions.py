"""Who listens is told: what changes, all of it, and nothing that is another's."""

import asyncio
import json
from typing import Any

import pytest

from api.graphql.access import LISTENED
from api.graphql.listening.feeds import PAGE
from api.graphql.schema import graphql_schema
from domain.clearing.commands import OpenBooks
from domain.member.commands import AddOperator, RegisterMember
from domain.member.staffing import AppointOperator
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RecordOutcome
from tests.api.graphql.conftest import STAFF, TEA, Books
from tests.api.graphql.listening import Client, Event, Wire, listen
from tests.examples import BUYER, MERCHANT, PAY_DAY, SUBJECT
from tests.shops import shop as merchant

OF = "subscription ($m: ID, $after: BigInt) "
OF_MERCHANT = OF + "{ transactionChanged(merchantId: $m, after: $after) { id state } }"
OF_PAYMENT = "subscription ($no: ID!) { paymentChanged(no: $no) { no state amount { minor } } }"
OF_POSITION = "subscription ($after: BigInt) { positionMoved(after: $after) }"
SHOP = {"m": MERCHANT}


@pytest.fixture
def shop(own_books: Books) -> Books:
    """Books with two merchants and a buyer, operators on both sides, and nothing sold yet."""
    own_books.do(
        OpenBooks(PAY_DAY),
        RegisterMember(BUYER, "personal", "Xiao Ming"),
        merchant(MERCHANT, "Squirrels", FeeRule(60), "T+1"),
        merchant(TEA, "茶叶店", FeeRule(100, 5), "D+1"),
        *(AppointOperator(one, office) for one, office in STAFF.items()),
        AddOperator(MERCHANT, "LIAO", "owner"),
        AddOperator(MERCHANT, "ZHANG", "finance"),
        AddOperator(MERCHANT, "CHEN", "viewer"),
    )
    own_books.catch_up()
    return own_books


def told(order_no: str, state: str = "paid", merchant: str = MERCHANT) -> dict[str, Any]:
    return {"data": {"transactionChanged": {"id": f"{merchant}-{order_no}", "state": state}}}


def place(books: Books, order_no: str, *lines: tuple[str, int]) -> None:
    sold = tuple(OrderLine(merchant, fen, SUBJECT, 2) for merchant, fen in lines)
    books.do(Checkout(order_no, BUYER, sold))


# What is told.


def test_a_change_of_a_merchants_transaction_is_told(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, variables=SHOP).open()
        shop.sell("JD1", (MERCHANT, 10_000), (TEA, 3_000))
        await wire.written()
        event = await client.next()
        assert (event.kind, event.data) == ("next", told("JD1"))
        assert event.id is not None and 0 < event.id <= shop.context.ledger.head().position
        shop.sell("JD2", (TEA, 700))
        shop.sell("JD3", (MERCHANT, 800))
        await wire.written()
        assert (await client.next()).data == told("JD3")

    listen(story, shop)


def test_several_changes_that_fall_together_are_told_as_the_newest(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, variables=SHOP).open()
        place(shop, "A1", (MERCHANT, 500))
        await wire.written()
        first = await client.next()
        assert first.data == told("A1", "created")
        shop.do(PayOrder("P-A1", "A1", "JD_PAY"), RecordOutcome("pay-P-A1", succeeded="S"))
        shop.refund("R1", f"{MERCHANT}-A1", 500)
        await wire.written()
        second = await client.next()
        assert second.data == told("A1", "refunded")
        assert first.id and second.id and first.id < second.id
        await wire.written()
        assert len(client.events) == 2

    listen(story, shop)


WHOLE = """{ id orderNo merchantId buyerId subject items mode state feeRateBps channel paymentNo
  amount { minor currency decimal } refunded { minor } released { minor } fee { minor }
  createdAt paidAt completedAt confirmBy clearingDate settlementBatchId lastPosition
  entries { reference lines { account debit { minor } credit { minor } } } }"""


@pytest.mark.parametrize("planning", [True, False], ids=["plan", "stock executor"])
def test_an_event_has_what_the_query_answers_byte_for_byte(shop: Books, planning: bool) -> None:
    shop.graphql.planning = planning
    query = f'{{ it: transaction(id: "{MERCHANT}-JD1") {WHOLE} }}'
    listens = "subscription ($s: Boolean!) { ...F it: transactionChanged { id @skip(if: $s) } }"
    listens += f"fragment F on Subscription {{ it: transactionChanged {WHOLE} }}"

    async def story(wire: Wire) -> None:
        client = await wire.post(listens, "merchant", {"s": True}).open()
        shop.sell("JD1", (MERCHANT, 10_000), (TEA, 3_000))
        await wire.written()
        event = await client.next()
        answer = shop.client.post(
            "/graphql",
            json={"query": query},
            headers={"authorization": f"Bearer {shop.keys['merchant']}"},
        )
        assert event.get("data") == answer.text and event.data["data"]["it"]["entries"]

    counts = dict(shop.graphql.counts())
    listen(story, shop)
    shop.graphql.planning = True
    by = "plan" if planning else "stock"
    assert shop.graphql.counts()[by] == counts[by] + 2


def test_a_payment_is_told_of_to_who_may_see_it(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        asked = {"no": "P-JD1"}
        whole = await wire.post(OF_PAYMENT, "auditor", asked).open()
        own = await wire.post(OF_PAYMENT, "merchant", asked).open()
        other = await wire.post(OF_PAYMENT, "stranger", asked).open()
        place(shop, "JD1", (MERCHANT, 10_000))
        shop.do(PayOrder("P-JD1", "JD1", "JD_PAY"))
        await wire.written()
        for client in (whole, own):
            payment = (await client.next()).data["data"]["paymentChanged"]
            assert payment == {"no": "P-JD1", "state": "paying", "amount": {"minor": "10000"}}
        shop.do(RecordOutcome("pay-P-JD1", succeeded="S"))
        await wire.written()
        for client in (whole, own):
            assert (await client.next()).data["data"]["paymentChanged"]["state"] == "succeeded"
        assert other.events == []

    listen(story, shop)


def test_of_a_payment_for_several_each_merchant_hears_its_own_line(shop: Books) -> None:
    query = OF_PAYMENT.replace("state", "state lines { merchantId amount { minor } }")

    async def story(wire: Wire) -> None:
        own = await wire.post(query, "merchant", {"no": "P-JD1"}).open()
        shop.sell("JD1", (MERCHANT, 10_000), (TEA, 3_000))
        await wire.written()
        payment = (await own.next()).data["data"]["paymentChanged"]
        assert payment["amount"] is None
        assert payment["lines"] == [{"merchantId": MERCHANT, "amount": {"minor": "10000"}}]

    listen(story, shop)


def test_the_position_is_told_when_all_read_models_are_there(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_POSITION, "stranger").open()
        position = shop.do(RegisterMember("LATER", "personal", "Li Lei"))
        await wire.written()
        event = await client.next()
        assert event.data == {"data": {"positionMoved": str(position)}} and event.id == position
        late = await wire.post(OF_POSITION, variables={"after": position - 1}).open()
        assert (await late.next()).id == position
        known = await wire.post(OF_POSITION, variables={"after": str(position)}).open()
        assert known.events == []

    listen(story, shop)


# Who hears what.


def test_every_field_of_subscription_has_a_rule() -> None:
    subscription = graphql_schema().subscription_type
    assert subscription is not None and set(subscription.fields) == set(LISTENED)


MERCHANTS = ("merchant", "owner", "finance", "viewer")
OTHERS = ("auditor", "operator", "cashier", "reviewer", "risk", "inspector")


@pytest.mark.parametrize("role", [*MERCHANTS, *OTHERS, "stranger"])
def test_each_role_hears_what_its_queries_would_show(shop: Books, role: str) -> None:
    """The first merchant's transaction and payment: all but the other merchant."""

    async def story(wire: Wire) -> None:
        named = await wire.post(OF_MERCHANT, role, SHOP).open()
        payment = await wire.post(OF_PAYMENT, role, {"no": "P-JD1"}).open()
        own = await wire.post(OF_MERCHANT, role).open()
        shop.sell("JD1", (MERCHANT, 10_000))
        shop.sell("JD2", (TEA, 200))
        await wire.written()
        if role in OTHERS:
            assert own.events[0].data["errors"][0]["extensions"] == {
                "code": "request_invalid",
                "field": "merchantId",
                "detail": "whose changes?",
            }
            assert own.over
        if role == "stranger":
            assert (await own.next()).data == told("JD2", merchant=TEA)
            await wire.post(OF_MERCHANT, role, {"after": 0}).next()
            assert (named.events, payment.events) == ([], [])
            return
        assert (await named.next()).data == told("JD1")
        assert (await payment.next()).data["data"]["paymentChanged"]["no"] == "P-JD1"
        if role in MERCHANTS:
            assert (await own.next()).data == told("JD1")

    listen(story, shop)


def test_nobody_listens_without_a_key(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        client = wire.post(OF_POSITION, None)
        await client.end()
        assert (client.status, json.loads(client.text)["code"]) == (401, "not_authenticated")
        assert client.headers["content-type"] == "application/problem+json"

    listen(story, shop)


# Going on.


def ids(events: list[Event]) -> list[str]:
    return [one.data["data"]["transactionChanged"]["id"] for one in events]


async def several(client: Client, count: int) -> list[Event]:
    return [await client.next() for _ in range(count)]


@pytest.mark.parametrize("how", ["header", "argument", "header before argument"])
def test_who_comes_back_hears_everything_since_and_nothing_before(shop: Books, how: str) -> None:
    many = PAGE + 7
    wanted = [f"{MERCHANT}-B{n:03d}" for n in range(many)]

    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, "merchant").open()
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        last = (await client.next()).id
        await client.leave()
        for number in range(many):
            place(shop, f"B{number:03d}", (MERCHANT, 100), (TEA, 100))
        await wire.written()
        after = {"argument": last, "header before argument": 0}.get(how)
        headers = {} if how == "argument" else {"last-event-id": str(last)}
        again = wire.post(OF_MERCHANT, "merchant", {"after": after}, headers)
        events = await several(again, many)
        assert ids(events) == wanted
        positions = [one.id for one in events]
        assert positions == sorted(positions) and last is not None
        middle = wire.post(OF_MERCHANT, "merchant", {"after": positions[many // 2]})
        rest = await several(middle, many - many // 2 - 1)
        assert ids(rest) == wanted[many // 2 + 1 :]
        shop.sell("C1", (MERCHANT, 500))
        await wire.written()
        for one in (again, middle):
            assert (await one.next()).data == told("C1")

    listen(story, shop)


def test_a_browser_knows_where_to_go_on_before_the_first_event(shop: Books) -> None:
    position = shop.context.ledger.head().position

    async def story(wire: Wire) -> None:
        browser = await wire.get("subscription { transactionChanged { id state } }", "owner").open()
        assert browser.text == f"retry: 2000\nid: {position}\n\n"
        client = await wire.post(OF_POSITION).open()
        assert client.text == f": position {position}\n\n"
        await browser.leave()
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        headers = {"last-event-id": str(position)}
        again = wire.get("subscription { transactionChanged { id state } }", "owner", headers)
        assert (await again.next()).data == told("A1")

    listen(story, shop)


def test_what_is_asked_for_after_a_position_to_come_waits_for_it(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        head = shop.context.ledger.head().position
        client = await wire.post(OF_POSITION, variables={"after": head + 1}).open()
        shop.do(RegisterMember("L1", "personal", "Li Lei"))
        shop.do(RegisterMember("L2", "personal", "Li Lei"))
        await wire.written()
        assert (await client.next()).id == shop.context.ledger.head().position > head + 1

    listen(story, shop)


def test_however_often_one_is_cut_off_nothing_is_missed(shop: Books) -> None:
    """Sales go on while a client comes and goes; it hears of each, and what became of it."""
    sales = 24

    def trading() -> None:
        for number in range(sales):
            place(shop, f"S{number}", (MERCHANT, 100))
            shop.catch_up()
        for number in range(sales):
            shop.do(PayOrder(f"P{number}", f"S{number}", "JD_PAY"))
            shop.do(RecordOutcome(f"pay-P{number}", succeeded="S"))
            shop.catch_up()

    async def story(wire: Wire) -> None:
        heard: dict[str, str] = {}
        last = shop.context.ledger.head().position
        trade = asyncio.create_task(asyncio.to_thread(trading))
        while len(heard) < sales or set(heard.values()) != {"paid"}:
            client = wire.post(OF_MERCHANT, "merchant", headers={"last-event-id": str(last)})
            event = await client.next()
            while client.events and event is not None:
                found = event.data["data"]["transactionChanged"]
                heard[found["id"]] = found["state"]
                assert event.id is not None and event.id > last
                last = event.id
                unread = len(heard) < sales or "created" in heard.values()
                event = await client.next() if unread and last % 3 else None
            await client.leave()
        await trade

    listen(story, shop)
