"""How one listens: the protocol `graphql-sse`, what ends it, and what it costs."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from api.graphql.app import GraphQLReads
from api.graphql.endpoint import graphql_app
from api.graphql.listening.hub import Hub
from api.graphql.plan.books import Books as Connected
from api.graphql.plan.books import Readers
from api.http.keys import revoke_key
from domain.member.commands import RemoveOperator
from domain.member.staffing import AppointOperator, DismissOperator
from tests.api.graphql.conftest import TEA, Books
from tests.api.graphql.listening import STREAM, Client, Wire, listen, parsed
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


async def refused(client: Client) -> tuple[str, str]:
    """The code and field of the one error that a stream must consist of."""
    await client.end()
    assert (client.status, client.headers["content-type"].partition(";")[0]) == (200, STREAM)
    first, last = client.events
    assert (first.kind, first.id, last.kind, last.get("data")) == ("next", None, "complete", "")
    (error,) = first.data["errors"]
    assert set(first.data) == {"errors"} and error["message"]
    return error["extensions"]["code"], error["extensions"]["field"]


# The protocol.


@pytest.mark.parametrize("by_url", [False, True], ids=["POST", "GET"])
def test_a_query_is_answered_by_one_event_and_complete(shop: Books, by_url: bool) -> None:
    async def story(wire: Wire) -> None:
        client = (wire.get if by_url else wire.post)("{ trialBalance { balanced } }")
        await client.end()
        assert client.text == (
            'event: next\ndata: {"data":{"trialBalance":{"balanced":true}}}\n\n'
            "event: complete\ndata:\n\n"
        )
        assert client.headers["cache-control"] == "no-store"
        assert client.headers["x-accel-buffering"] == "no"
        assert client.headers["x-content-type-options"] == "nosniff"

    listen(story, shop)


@pytest.mark.parametrize("accept", [STREAM, JSON_FIRST, f"*/*, {STREAM}"])
def test_a_subscription_is_streamed_to_whoever_takes_streams(shop: Books, accept: str) -> None:
    async def story(wire: Wire) -> None:
        client = await wire.post(OF_MERCHANT, variables=SHOP, headers={"accept": accept}).open()
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        assert (await client.next()).data == told("A1")

    listen(story, shop)


def test_who_takes_json_first_has_a_query_answered_as_that(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        client = wire.post("{ trialBalance { balanced } }", headers={"accept": JSON_FIRST})
        await client.end()
        assert client.headers["content-type"] == "application/graphql-response+json"

    listen(story, shop)


@pytest.mark.parametrize("accept", ["application/json", "*/*", f"{STREAM};q=0, */*"])
def test_a_subscription_needs_a_stream(shop: Books, accept: str) -> None:
    assert shop.post({"query": OF_POSITION}, headers={"accept": accept}).json() == {
        "errors": [
            {
                "message": "query: a subscription needs `Accept: text/event-stream`",
                "extensions": {
                    "code": "request_invalid",
                    "field": "query",
                    "detail": "a subscription needs `Accept: text/event-stream`",
                },
            }
        ]
    }


def test_a_head_is_answered_without_listening(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        for query in ("subscription { positionMoved }", "{ ledger { position } }"):
            client = wire.get(query, method="HEAD")
            await client.end()
            assert (client.status, client.text) == (200, "")
        assert wire.hub.count == 0

    listen(story, shop)


LARGE = "{ id " + " ".join(f"a{n}: entries {{ lines {{ account }} }}" for n in range(30)) + " }"
WRONG: dict[str, tuple[str, dict[str, Any], tuple[str, str]]] = {
    "no document": ("subscription {", {}, ("request_invalid", "query")),
    "an unknown field": ("subscription { nothing }", {}, ("request_invalid", "nothing")),
    "two fields": (
        'subscription { positionMoved paymentChanged(no: "P") { no } }',
        {},
        ("request_invalid", "paymentChanged"),
    ),
    "no field of ours": ("subscription { __typename }", {}, ("request_invalid", "__typename")),
    "a mutation": ("mutation { a }", {}, ("request_invalid", "")),
    "a field that may be skipped": (
        "subscription ($s: Boolean!) { positionMoved @skip(if: $s) }",
        {"s": False},
        ("request_invalid", ""),
    ),
    "a fragment that may be skipped": (
        "subscription { ... @include(if: true) { positionMoved } }",
        {},
        ("request_invalid", ""),
    ),
    "a variable that is missing": (
        "subscription ($no: ID!) { paymentChanged(no: $no) { no } }",
        {},
        ("request_invalid", "no"),
    ),
    "a position that is none": (OF_POSITION, {"after": "x"}, ("request_invalid", "after")),
    "a position below 0": (OF_POSITION, {"after": -1}, ("request_invalid", "after")),
    "an id that no member has": (OF_MERCHANT, {"m": "a\0b"}, ("identifier_invalid", "merchantId")),
    "none of several operations": (
        "subscription a { positionMoved } query b { ledger { hash } }",
        {},
        ("request_invalid", "operationName"),
    ),
    "aliases without end": (
        "subscription { transactionChanged " + LARGE.replace("id ", "b: id ") + " }",
        {},
        ("request_invalid", "query"),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_the_document_is_an_event_with_errors(shop: Books, name: str) -> None:
    query, variables, error = WRONG[name]

    async def story(wire: Wire) -> None:
        assert await refused(wire.post(query, variables=variables)) == error
        if not variables:
            assert await refused(wire.get(query)) == error

    listen(story, shop)


@pytest.mark.parametrize("given", ["x", "-1", "1.0", "١", "9" * 20, str(2**63)])
def test_an_id_that_no_event_has_is_refused(shop: Books, given: str) -> None:
    async def story(wire: Wire) -> None:
        sent = given.encode().decode("latin-1")
        client = wire.get("subscription { positionMoved }", headers={"last-event-id": sent})
        assert await refused(client) == ("request_invalid", "Last-Event-ID")

    listen(story, shop)


def test_one_of_several_operations_is_chosen_by_its_name(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        query = "subscription a { transactionChanged { id state } } query b { ledger { hash } }"
        client = await wire.post(query, "merchant", operationName="a").open()
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        assert (await client.next()).data == told("A1")

    listen(story, shop)


def test_what_is_wrong_with_the_request_is_a_problem(shop: Books) -> None:
    async def story(wire: Wire) -> None:
        for body, kind, status in (
            (b"{", "application/json", 400),
            (b"subscription { positionMoved }", "application/graphql", 415),
        ):
            client = wire.call("POST", "", body, "auditor", {"content-type": kind}, None)
            await client.end()
            assert client.status == status
            assert client.headers["content-type"] == "application/problem+json"

    listen(story, shop)


def test_the_budget_of_queries_is_that_of_subscriptions(shop: Books) -> None:
    reads = GraphQLReads(shop.context, most_cost=100)
    app = graphql_app(shop.context, reads)
    query = """subscription { transactionChanged {
      entries { at lines { account title debit { minor } credit { minor } } } } }"""

    async def story(wire: Wire) -> None:
        assert await refused(wire.post(query, "merchant")) == ("request_invalid", "query")
        await wire.post("subscription { transactionChanged { id } }", "merchant").open()

    try:
        listen(story, shop, app)
    finally:
        reads.close()


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

    async def run(self, work: Callable[[Connected], Any]) -> Any:
        self.count += 1
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


def test_comments_are_no_events() -> None:
    assert [one.kind for one in parsed(": position 7\n\nid: 1\nevent: next\ndata: 1\n\n")] == [
        None,
        "next",
    ]
