"""Entity tags: an unchanged page is answered 304 without the database, a changed one never is."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from api.app import create_app
from api.context import open_context
from api.graphql.plan.books import PostgresBooks, SqliteBooks
from api.http.keys import revoke_key
from api.settings import Settings
from domain.channel.adapters.simulated import SimulatedChannel
from projections.engine.arrivals import Arrivals
from projections.engine.checkpoints import Checkpoint
from projections.rebuilding.rebuild import rebuild
from projections.rebuilding.swap import rollback
from projections.registry import READ_MODELS
from tests.api.conftest import Server, problem

MEMBER = "query member($id: ID!) { member(id: $id) { id kind } }"
BALANCED = "{ trialBalance { balanced } }"
SQUIRRELS = {"id": "SQUIRRELS"}


def get(
    server: Server,
    query: str = MEMBER,
    variables: Any = SQUIRRELS,
    *,
    role: str = "operator",
    client: TestClient | None = None,
    method: str = "GET",
    tag: str | list[str] | None = None,
    headers: dict[str, str] | None = None,
    **more: str,
) -> Any:
    given = [("authorization", f"Bearer {server.keys[role]}"), *(headers or {}).items()]
    tags = [tag] if isinstance(tag, str) else tag or []
    given += [("if-none-match", one) for one in tags]
    parameters = {"query": query, "variables": json.dumps(variables), **more}
    asked = client or server.client
    return asked.request(method, "/graphql", params=parameters, headers=given)


def tag_of(response: Any) -> str:
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] == "Authorization, Accept"
    return str(response.headers["etag"])


@pytest.fixture
def shop(market: Server) -> Server:
    """The market, its read models at the head."""
    market.context.projector.catch_up()
    return market


@contextmanager
def statements(server: Server) -> Iterator[list[str]]:
    """Every statement of a reader or a writer of the application, however it comes about."""
    seen: list[str] = []

    def heard(*given: Any) -> None:
        seen.append(given[2])

    context = server.context
    for engine in (context.engine, context.writes):
        event.listen(engine, "before_cursor_execute", heard)
    rows: dict[Any, Callable[..., Any]] = {kind: kind.rows for kind in (SqliteBooks, PostgresBooks)}
    for kind, inner in rows.items():

        def counted(*given: Any, inner: Callable[..., Any] = inner) -> Any:
            seen.append(str(given[1]))
            return inner(*given)

        kind.rows = counted
    try:
        yield seen
    finally:
        for kind, inner in rows.items():
            kind.rows = inner
        for engine in (context.engine, context.writes):
            event.remove(engine, "before_cursor_execute", heard)


def looks(seen: list[str]) -> list[str]:
    """What was asked for somebody's sake: the follower's look in the background is for all."""
    return [one for one in seen if "projection_checkpoints" not in one]


def test_an_unchanged_page_is_304_without_the_database(shop: Server) -> None:
    tag = tag_of(get(shop))
    with statements(shop) as seen:
        again = get(shop, tag=tag)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == "private, no-cache"
        assert again.headers["vary"] == "Authorization, Accept"
        assert "content-length" not in again.headers and "content-type" not in again.headers
        assert not looks(seen)
        assert tag_of(get(shop)) == tag
        assert looks(seen), "what is read is seen"


def test_by_id_too(shop: Server) -> None:
    made = shop.send("POST", "/v1/documents", {"document": MEMBER}).json()
    headers = {"authorization": f"Bearer {shop.keys['merchant']}"}
    asked = {"documentId": made["id"], "variables": json.dumps(SQUIRRELS)}
    tag = tag_of(shop.client.get("/graphql", params=asked, headers=headers))
    assert tag == tag_of(get(shop, role="merchant")), "it is the same document"
    with statements(shop) as seen:
        headers["if-none-match"] = tag
        assert shop.client.get("/graphql", params=asked, headers=headers).status_code == 304
        assert not looks(seen)


def test_another_commit_is_seen_once_the_read_models_have_it(shop: Server) -> None:
    tag = tag_of(get(shop, BALANCED, {}))
    shop.sell("JD1")
    assert get(shop, BALANCED, {}, tag=tag).status_code == 304, "they show what they showed"
    shop.context.projector.catch_up()
    changed = get(shop, BALANCED, {}, tag=tag)
    assert tag_of(changed) != tag
    assert get(shop, BALANCED, {}, tag=tag_of(changed)).status_code == 304


def test_what_another_process_wrote_is_seen_within_a_second(shop: Server) -> None:
    context = open_context(shop.url, SimulatedChannel(), clock=shop.clock)
    with TestClient(create_app(context), raise_server_exceptions=False) as other:
        tag = tag_of(get(shop, BALANCED, {}, client=other))
        assert tag == tag_of(get(shop, BALANCED, {})), "processes of a ledger agree"
        assert get(shop, BALANCED, {}, tag=tag, client=other).status_code == 304
        shop.sell("JD1")
        shop.context.projector.catch_up()
        began_s = time.monotonic()
        while get(shop, BALANCED, {}, tag=tag, client=other).status_code == 304:
            assert time.monotonic() - began_s < 1.5
            time.sleep(0.01)


def test_a_rebuild_and_a_rollback_change_the_tag(shop: Server) -> None:
    tag = tag_of(get(shop, BALANCED, {}))
    models = list(READ_MODELS.values())
    context = shop.context

    def another_tag() -> str:
        deadline_s = time.monotonic() + 1.5
        while (answer := get(shop, BALANCED, {}, tag=tag)).status_code == 304:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        return tag_of(answer)

    rebuilt = rebuild(context.ledger.recorder, context.writes, models)
    assert all(one.swapped for one in rebuilt)
    second = another_tag()
    rollback(context.writes, models)
    tag, first = second, tag
    assert another_tag() not in (first, second)


def test_a_tag_is_of_one_question_and_one_caller(shop: Server) -> None:
    tags = [
        tag_of(get(shop)),
        tag_of(get(shop, variables={"id": "GREENTEA"})),
        tag_of(get(shop, MEMBER + " ")),
        tag_of(get(shop, role="auditor")),
        tag_of(get(shop, role="merchant")),
        tag_of(get(shop, role="stranger")),
        tag_of(get(shop, headers={"accept": "application/graphql-response+json"})),
        tag_of(get(shop, operationName="member")),
    ]
    assert len(set(tags)) == len(tags)
    for number, role in ((3, "auditor"), (4, "merchant"), (5, "stranger")):
        for other, tag in enumerate(tags):
            expected = 304 if other == number else 200
            assert get(shop, role=role, tag=tag).status_code == expected
    seen = {"merchant": SQUIRRELS["id"], "stranger": None}
    for role, member in seen.items():
        data = get(shop, role=role, tag=tags[:4]).json()["data"]
        assert (data["member"] or {}).get("id") == member


def test_variables_are_compared_as_values(shop: Server) -> None:
    query = "query q($a: ID!, $b: ID!) { a: member(id: $a) { id } b: member(id: $b) { id } }"
    tag = tag_of(get(shop, query, {"a": "X", "b": "Y"}))
    assert get(shop, query, {"b": "Y", "a": "X"}, tag=tag).status_code == 304
    assert get(shop, query, {"b": "X", "a": "Y"}, tag=tag).status_code == 200
    assert tag_of(get(shop, BALANCED, {})) == tag_of(get(shop, BALANCED, None))


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("{tag}", 304),
        ("{strong}", 304),
        ("*", 200),
        (' "a" , {tag},W/"b"', 304),
        ('"a,b", {strong}', 304),
        ('"a"', 200),
        ("{bare}", 200),
        ("", 200),
        ('W/"', 200),
        ('"*"', 200),
        ("{tag}x", 304),
        ("x" * 5_000, 200),
    ],
)
def test_forms_of_if_none_match(shop: Server, form: str, status: int) -> None:
    tag = tag_of(get(shop))
    strong = tag.removeprefix("W/")
    given = form.format(tag=tag, strong=strong, bare=strong.strip('"'))
    assert get(shop, tag=given).status_code == status


def test_the_header_may_stand_more_than_once(shop: Server) -> None:
    tag = tag_of(get(shop))
    assert get(shop, tag=['"a"', tag]).status_code == 304
    assert get(shop, tag=['"a"', '"b"']).status_code == 200


def test_head_is_answered_as_get(shop: Server) -> None:
    head = get(shop, method="HEAD")
    tag = tag_of(head)
    assert tag == tag_of(get(shop))
    assert get(shop, method="HEAD", tag=tag).status_code == 304


@pytest.mark.parametrize(
    "query",
    [
        "{ ledger { hash } }",
        "{ projections { position } }",
        "{ desk { day { accountingDate } } }",
        "{ trialBalance { balanced } ...f } fragment f on Query { ledger { position } }",
        "{ trialBalance(atLeast: 1) { balanced } }",
        "query q($p: BigInt) { trialBalance(atLeast: $p) { balanced } }",
        "{ nothing }",
        "{",
    ],
)
def test_what_more_than_the_read_models_decide_has_no_tag(shop: Server, query: str) -> None:
    for given in (None, "*"):
        answer = get(shop, query, {}, tag=given)
        assert answer.status_code == 200
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"


def test_an_answer_with_errors_has_no_tag(shop: Server) -> None:
    wrong = "{ transactions(first: 0) { edges { node { id } } } }"
    answers = [
        get(shop, query, {}, role=role, tag=given)
        for query, role in ((BALANCED, "merchant"), (wrong, "operator"))
        for given in (None, "*")
    ]
    for refused in answers:
        assert refused.json()["errors"] and "etag" not in refused.headers
        assert refused.headers["cache-control"] == "no-store"


def test_a_post_has_no_tag_and_is_never_304(shop: Server) -> None:
    tag = tag_of(get(shop, BALANCED, {}))
    for given in (tag, "*"):
        body = {"query": BALANCED}
        answer = shop.send("POST", "/graphql", body, headers={"if-none-match": given})
        assert answer.status_code == 200 and answer.json()["data"]
        assert answer.headers["cache-control"] == "no-store" and "etag" not in answer.headers


def test_a_revoked_key_is_401_also_for_a_tag_that_is_right(shop: Server) -> None:
    tag = tag_of(get(shop, role="auditor"))
    assert get(shop, role="auditor", tag=tag).status_code == 304
    assert revoke_key(shop.context.writes, shop.keys["auditor"].split("_")[1], shop.clock)
    now_s = time.monotonic()
    shop.context.keys._monotonic = lambda: now_s + 5
    refused = get(shop, role="auditor", tag=tag)
    problem(refused, 401, "not_authenticated", "Authorization")
    assert "etag" not in refused.headers
    problem(
        shop.client.get("/graphql", params={"query": MEMBER}),
        401,
        "not_authenticated",
        "Authorization",
    )


def test_a_304_counts_as_a_request(shop: Server) -> None:
    limited = create_app(shop.context, Settings(rate="3/hour"))
    client = TestClient(limited, raise_server_exceptions=False)
    tag = tag_of(get(shop, client=client))
    assert [get(shop, tag=tag, client=client).status_code for _ in range(3)] == [304, 304, 429]


def test_a_tag_lasts_for_an_hour_at_most(shop: Server) -> None:
    """A ledger restored from a backup comes to the same positions with other facts."""
    tag = tag_of(get(shop))
    shop.now_us += 3_600_000_000
    assert get(shop, tag=tag).status_code == 200


def test_an_empty_ledger_has_no_tags(server: Server) -> None:
    server.context.projector.catch_up()
    assert "etag" not in get(server, BALANCED, {}).headers


# Where the read models are known to stand.


def at(position: int, generation: int = 0) -> dict[str, Checkpoint]:
    return {name: Checkpoint(name, position, generation) for name in ("a", "b")}


def test_what_is_known_is_of_the_last_second() -> None:
    arrivals = Arrivals()
    assert arrivals.known() is None
    arrivals.reached(at(5))
    assert arrivals.known() is None, "a projector's word is not that nobody else wrote"
    now_ns = time.monotonic_ns()
    arrivals.looked(at(5), now_ns)
    known = arrivals.known()
    assert known is not None
    arrivals.looked(at(4), now_ns - 1)
    assert arrivals.known() == known, "an older look says nothing"
    arrivals.looked(at(5, generation=1), now_ns + 1)
    assert arrivals.known() not in (None, known)
    arrivals = Arrivals()
    arrivals.looked(at(5), now_ns - 1_000_000_001)
    assert arrivals.known() is None


def test_a_look_does_not_take_back_what_was_told_meanwhile() -> None:
    arrivals = Arrivals()
    arrivals.looked(at(5), time.monotonic_ns())
    began_ns = time.monotonic_ns()
    arrivals.reached(at(6))
    told = arrivals.known()
    arrivals.looked(at(5), began_ns)
    assert arrivals.known() == told
    arrivals.looked(at(7), time.monotonic_ns())
    assert arrivals.known() != told


def test_hints_are_followed_while_somebody_asks() -> None:
    arrivals = Arrivals()
    assert not arrivals.hinted()
    arrivals.known()
    assert arrivals.hinted()
