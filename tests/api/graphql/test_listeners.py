"""What ends a listener, and what listeners cost."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace
from psycopg import OperationalError
from sqlalchemy import Engine, event

from api.graphql.app import GraphQLReads
from api.graphql.endpoint import graphql_app
from api.graphql.listening.hub import Hub
from api.graphql.plan.books import Books as Connected
from api.graphql.plan.books import Readers
from api.http.keys import revoke_key
from api.http.rates import Rates
from domain.member.commands import RemoveOperator
from domain.member.staffing import AppointOperator, DismissOperator
from tests.api.graphql.conftest import TEA, Books
from tests.api.graphql.listening import Wire, listen, refused
from tests.api.graphql.test_subscriptions import (
    OF_MERCHANT,
    OF_POSITION,
    SHOP,
    place,
    shop,
    told,
)
from tests.examples import MERCHANT

__all__ = ["shop"]
JSON_FIRST = "application/graphql-response+json, application/json, text/event-stream;q=0.5"


# What ends it.


@pytest.mark.parametrize("role", ["merchant", "auditor", "owner"])
def test_a_revoked_key_hears_no_more(shop: Books, role: str) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, role, SHOP).open()
        other = await wire.post(OF_MERCHANT, "operator", SHOP).open()
        await wire.hub.check()
        key_id = shop.keys[role].split("_")[1]
        assert revoke_key(shop.context.writes, key_id, shop.context.clock)
        await wire.hub.check()
        assert await refused(client) == ("not_authenticated", "Authorization")
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        assert (await other.next()).data == told("A1")
        assert len(client.events) == 2 and wire.hub.count == 1

    listen(story, shop)


@pytest.mark.parametrize(
    ("role", "command"),
    [
        ("cashier", DismissOperator("lin")),
        ("cashier", AppointOperator("lin", "auditor")),
        ("viewer", RemoveOperator(MERCHANT, "CHEN")),
    ],
)
def test_a_person_with_another_office_or_none_hears_no_more(
    shop: Books, role: str, command: Any
) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, role, SHOP).open()
        stays = await wire.post(OF_MERCHANT, "reviewer", SHOP).open()
        shop.do(command)
        await wire.written()
        witness = wire.post(OF_POSITION, variables={"after": 0})
        await witness.next()  # Now this process has heard that the ledger went on.
        await wire.hub.check()
        assert await refused(client) == ("not_authenticated", "Authorization")
        assert not stays.over

    listen(story, shop)


def test_a_server_that_stops_hangs_up_without_complete(shop: Books) -> None:
    """So that whoever listens comes back, and goes on from where it was."""
    reads = GraphQLReads(shop.context)
    hub = Hub(shop.context, reads.readers)
    app = graphql_app(shop.context, reads, hub)

    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, variables=SHOP).open()
        hub.close()
        await client.end()
        assert client.events == [] and hub.count == 0
        late = wire.post(OF_MERCHANT, variables=SHOP)
        await late.end()
        assert (late.status, json.loads(late.text)["code"]) == (503, "busy")

    try:
        listen(story, shop, app)
    finally:
        reads.close()


def test_a_client_that_reads_nothing_fills_nothing(shop: Books) -> None:
    """It is told of the newest state when it reads on, once."""

    async def story(wire: Wire) -> None:
        slow = await wire.post(OF_MERCHANT, variables=SHOP).open()
        quick = await wire.post(OF_MERCHANT, variables=SHOP).open()
        place(shop, "A1", (MERCHANT, 1_000))
        await wire.written()
        await quick.next()
        await slow.next()
        slow.stall()
        shop.sell("A2", (MERCHANT, 1_000))
        await wire.written()
        await quick.next()
        for number in range(5):
            shop.refund(f"R{number}", f"{MERCHANT}-A2", 200)
            await wire.written()
            state = "refunded" if number == 4 else "paid"
            assert (await quick.next()).data == told("A2", state)
        slow.go_on()
        shop.sell("A3", (MERCHANT, 1_000))
        await wire.written()
        heard = []
        while not heard or heard[-1] != told("A3"):
            heard.append((await slow.next()).data)
        # What it was about to be told when it stalled, and what it is by now.
        assert heard == [told("A2"), told("A2", "refunded"), told("A3")]

    listen(story, shop)


# What it costs.


@pytest.fixture
def few(shop: Books) -> Iterator[tuple[Books, Any, Hub]]:
    """An application where three may listen, and two with one key."""
    reads = GraphQLReads(shop.context)
    hub = Hub(shop.context, reads.readers, 3, 2)
    yield shop, graphql_app(shop.context, reads, hub), hub
    reads.close()


def test_a_key_and_a_process_have_so_many_listeners(few: tuple[Books, Any, Hub]) -> None:
    books, app, hub = few

    async def story(wire: Wire) -> None:
        first = await wire.post(OF_POSITION, "auditor").open()
        await wire.post(OF_POSITION, "auditor").open()
        third = wire.post(OF_POSITION, "auditor")
        await third.end()
        assert (third.status, json.loads(third.text)["field"]) == (429, "Authorization")
        assert third.headers["retry-after"]
        await wire.post(OF_POSITION, "stranger").open()
        fourth = wire.post(OF_POSITION, "merchant")
        await fourth.end()
        assert (fourth.status, json.loads(fourth.text)["code"]) == (503, "busy")
        await first.leave()
        await wire.post(OF_POSITION, "merchant").open()
        assert hub.count == 3

    listen(story, books, app)
    assert hub.count == 0


class Counting(Readers):
    """Readers that count what they are asked."""

    count = 0
    failing: frozenset[int] = frozenset()  # Which of them are not answered.

    async def run(self, work: Callable[[Connected], Any]) -> Any:
        self.count += 1
        if self.count in self.failing:
            raise OperationalError("the database is away")
        return await super().run(work)


class Counted:
    """An application that counts what it asks of the database."""

    def __init__(self, books: Books) -> None:
        self.reads = GraphQLReads(books.context)
        self.reads.readers.close()
        self.reads.readers = self.readers = Counting(books.context.ledger.database)
        self.hub = Hub(books.context, self.readers, 1_000, 1_000)
        self.app = graphql_app(books.context, self.reads, self.hub)
        self.statements = 0
        self.engine: Engine = books.context.engine
        event.listen(self.engine, "before_cursor_execute", self._executed)

    def _executed(self, *_given: object) -> None:
        self.statements += 1

    def close(self) -> None:
        event.remove(self.engine, "before_cursor_execute", self._executed)
        self.reads.close()


@pytest.fixture
def counted(shop: Books) -> Iterator[Counted]:
    made = Counted(shop)
    yield made
    made.close()


@pytest.mark.parametrize("idle", [1, 100])
def test_who_hears_nothing_costs_no_query(shop: Books, counted: Counted, idle: int) -> None:
    async def story(wire: Wire) -> None:
        silent = [await wire.post(OF_MERCHANT, variables=SHOP).open() for _ in range(idle)]
        client = await wire.post(OF_MERCHANT, "stranger").open()
        before = counted.readers.count
        shop.sell("A1", (TEA, 500))
        await wire.written()
        assert (await client.next()).data == told("A1", merchant=TEA)
        # What has changed; of whom it is listened to, which; and the answer.
        assert counted.readers.count - before == 3
        statements = counted.statements
        await counted.hub.check()
        assert counted.statements - statements <= 1 + 3 * 2  # The keys; persons, of which none.
        counted.hub.keep_alive(float("inf"))
        for one in silent:
            await one.until(lambda one=one: one.text.endswith(":\n\n"))  # type: ignore[misc]
        assert counted.readers.count - before == 3
        assert all(one.events == [] for one in silent)

    listen(story, shop, counted.app)


def test_what_many_hear_is_read_once(shop: Books, counted: Counted) -> None:
    async def story(wire: Wire) -> None:
        clients = [await wire.post(OF_MERCHANT, "merchant").open() for _ in range(20)]
        others = [await wire.post(OF_MERCHANT, variables=SHOP).open() for _ in range(20)]
        before = counted.readers.count
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        for one in (*clients, *others):
            assert (await one.next()).data == told("A1")
        assert counted.readers.count - before == 4  # Merchants and auditors have an answer each.

    listen(story, shop, counted.app)


def test_nobody_listens_and_nothing_is_looked_at(shop: Books, counted: Counted) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, variables=SHOP).open()
        await client.leave()
        assert counted.hub.count == 0
        before = counted.readers.count
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        again = await wire.post(OF_MERCHANT, variables=SHOP).open()
        assert counted.readers.count == before
        shop.sell("A2", (MERCHANT, 500))
        await wire.written()
        assert (await again.next()).data == told("A2")

    listen(story, shop, counted.app)


@pytest.mark.parametrize("which", ["what has changed", "of whom", "the answer"])
def test_a_database_that_is_away_costs_nobody_an_event(
    shop: Books, counted: Counted, which: str
) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, variables=SHOP).open()
        number = ("what has changed", "of whom", "the answer").index(which)
        counted.readers.failing = frozenset({counted.readers.count + 1 + number})
        position = shop.context.ledger.head().position
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        if which == "of whom":  # It is sent away, and comes back.
            await client.end()
            assert client.events == []
            headers = {"last-event-id": str(position)}
            client = wire.post(OF_MERCHANT, variables=SHOP, headers=headers)
        assert (await client.next()).data == told("A1")

    listen(story, shop, counted.app)


def test_a_key_that_hears_too_much_waits_and_misses_nothing(shop: Books) -> None:
    context = replace(shop.context, rates=Rates("5/second"))
    reads = GraphQLReads(context)
    app = graphql_app(context, reads)

    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, variables=SHOP).open()
        for number in range(8):
            place(shop, f"A{number}", (MERCHANT, 500))
        await wire.written()
        heard = [(await client.next()).data for _ in range(8)]
        assert heard == [told(f"A{number}", "created") for number in range(8)]

    try:
        listen(story, shop, app)
    finally:
        reads.close()
