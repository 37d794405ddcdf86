"""How one listens: the protocol `graphql-sse`."""

import json
from typing import Any

import pytest

from api.graphql.app import GraphQLReads
from api.graphql.endpoint import graphql_app
from api.graphql.registered import id_of
from tests.api.graphql.conftest import Books
from tests.api.graphql.listening import STREAM, Wire, listen, parsed, refused
from tests.api.graphql.test_subscriptions import (
    OF_MERCHANT,
    OF_POSITION,
    SHOP,
    shop,
    told,
)
from tests.examples import MERCHANT

__all__ = ["shop"]
JSON_FIRST = "application/graphql-response+json, application/json, text/event-stream;q=0.5"


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


def test_a_registered_document_may_be_a_subscription(shop: Books) -> None:
    text = "subscription { transactionChanged { id state } }"
    reads = GraphQLReads(shop.context, folder={id_of(text): text}, only_registered=True)
    app = graphql_app(shop.context, reads)

    async def story(wire: Wire) -> None:
        body = json.dumps({"documentId": id_of(text)}).encode()
        kind = {"content-type": "application/json"}
        client = await wire.call("POST", "", body, "merchant", kind, None).open()
        assert await refused(wire.post(text + " ", "merchant")) == ("not_allowed", "query")
        shop.sell("A1", (MERCHANT, 500))
        await wire.written()
        assert (await client.next()).data == told("A1")

    try:
        listen(story, shop, app)
    finally:
        reads.close()


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


def test_comments_are_no_events() -> None:
    assert [one.kind for one in parsed(": position 7\n\nid: 1\nevent: next\ndata: 1\n\n")] == [
        None,
        "next",
    ]
