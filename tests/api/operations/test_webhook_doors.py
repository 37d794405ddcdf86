"""What a merchant may do with its endpoints and events, by its keys; and what it is refused."""

import socket

import msgspec
import pytest

from api.operations.webhooks import deliveries
from api.operations.webhooks.deliverer import AT_ONCE_EACH
from tests.api.conftest import Server
from tests.api.operations.hooked import HOOKS, LOCAL, SHOP, Hooks, decline
from tests.api.operations.receiver import Receiver


def test_a_secret_is_rotated_without_a_gap(hooks: Hooks) -> None:
    with Receiver() as receiver:
        old = hooks.add(receiver.url)
        answer = hooks.server.ok(
            "POST", f"{SHOP}/rotate", {"replaces": 1, "hours": 2}, role="merchant", key="rotate"
        )
        new = str(answer["result"]["secret"])
        assert new != old
        hooks.paid()
        hooks.step()
        assert len(receiver.got[0].headers["webhook-signature"].split(" ")) == 2
        assert receiver.verified(old) == receiver.verified(new)
        receiver.got.clear()
        hooks.paid()
        hooks.step(2 * 3600)
        assert len(receiver.got[0].headers["webhook-signature"].split(" ")) == 1
        receiver.verified(new)
        with pytest.raises(Exception, match="No matching signature"):
            receiver.verified(old)
        again = hooks.server.ok(
            "POST", f"{SHOP}/rotate", {"replaces": 1}, role="merchant", key="rotate-again"
        )
        assert again["result"]["secret_number"] == 2, "asked twice, it changes nothing"
        assert "secret" not in again["result"], "and what was shown is not shown again"
        stale = hooks.server.send(
            "POST", f"{SHOP}/rotate", {"replaces": 7}, role="merchant", key="rotate-7"
        )
        assert stale.json()["code"] == "webhook_state_wrong"


def test_events_are_sent_again_when_asked_one_or_a_range(hooks: Hooks) -> None:
    with Receiver() as receiver:
        hooks.add(receiver.url)
        for _ in range(4):
            hooks.paid()
        hooks.step()
        first, second, third, fourth = sorted(receiver.positions())
        receiver.got.clear()
        path, one = f"{SHOP}/redeliver", {"position": second}
        hooks.server.ok("POST", path, one, role="merchant", key="again")
        assert hooks.step() == 1
        assert receiver.positions() == [second]
        receiver.got.clear()
        wanted = {"after": first, "until": third}
        hooks.server.ok("POST", f"{path}-range", wanted, role="merchant", key="range")
        assert hooks.step() == 2
        assert sorted(receiver.positions()) == [second, third]
        receiver.got.clear()
        everything = {"after": 0, "until": 10**9}
        hooks.server.ok("POST", f"{path}-range", everything, role="merchant", key="all")
        hooks.step()
        assert sorted(receiver.positions()) == [first, second, third, fourth]
        empty = hooks.server.send(
            "POST", f"{path}-range", {"after": 4, "until": 4}, role="merchant", key="none"
        )
        assert (empty.status_code, empty.json()["field"]) == (400, "until")


def test_a_ping_goes_to_one_endpoint_alone(hooks: Hooks) -> None:
    with Receiver() as receiver, Receiver() as other:
        secret = hooks.add(receiver.url, ["statement.ready"])
        hooks.add(other.url, name="other")
        hooks.server.ok("POST", f"{SHOP}/ping", role="merchant", key="ping")
        hooks.step()
        (event,) = receiver.verified(secret)
        assert (event["type"], event["data"]) == ("webhook.ping", {"endpoint_id": "shop"})
        assert other.got == []


def test_an_endpoint_hears_the_kinds_it_wants_and_what_comes_after_it_was_added(
    hooks: Hooks,
) -> None:
    hooks.paid()
    with Receiver() as receiver:
        hooks.add(receiver.url, ["payment.failed"])
        hooks.paid()
        hooks.server.sell("N91")
        decline(hooks.server, "N91", "PN91")
        hooks.step()
        assert [one.event["type"] for one in receiver.got] == ["payment.failed"]
        body = {"url": receiver.url, "kinds": ["payment.succeeded"]}
        hooks.server.ok("POST", SHOP, body, role="merchant", key="change")
        hooks.paid()
        hooks.step()
        kinds = [one.event["type"] for one in receiver.got]
        assert kinds == ["payment.failed", "payment.succeeded"]
        hooks.server.ok("DELETE", SHOP, role="merchant", key="remove")
        hooks.paid()
        assert hooks.step(7200) == 0
        with hooks.server.context.engine.connect() as connection:
            assert deliveries.waiting(connection) == 0


def test_a_gap_is_seen_and_filled(hooks: Hooks) -> None:
    for _ in range(3):
        hooks.paid()
    events = hooks.events()
    assert [one["sequence"] for one in events] == [1, 2, 3]
    assert [one["position"] for one in events] == sorted(one["position"] for one in events)
    after = events[0]["position"]
    assert hooks.events(f"?after={after}") == events[1:]
    page = hooks.server.ok("GET", "/v1/events?limit=2", role="merchant")
    assert (page["events"], page["has_more"]) == (events[:2], True)
    assert hooks.events(f"?after={page['next_after']}&limit=2") == events[2:]
    assert hooks.events("?kinds=payment.failed") == []
    institution = hooks.server.ok("GET", "/v1/events?member_id=SQUIRRELS", role="auditor")
    assert institution["events"] == events
    assert hooks.server.ok("GET", "/v1/events", role="stranger")["events"] == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?after=-1", "after"),
        ("?after=1.5", "after"),
        ("?after=", "after"),
        ("?limit=0", "limit"),
        ("?limit=501", "limit"),
        ("?kinds=payment", "kinds"),
        ("?before=1", "before"),
        ("?after=1&after=2", "after"),
    ],
)
def test_what_is_asked_wrongly_is_told(market: Server, query: str, field: str) -> None:
    response = market.send("GET", f"/v1/events{query}", role="merchant")
    assert (response.status_code, response.json()["field"]) == (400, field)


def test_nobody_reads_or_changes_what_is_another_members(hooks: Hooks) -> None:
    with Receiver() as receiver:
        hooks.add(receiver.url)
        for path in (HOOKS, f"{SHOP}/attempts", "/v1/events?member_id=SQUIRRELS"):
            response = hooks.server.send("GET", path, role="stranger")
            assert response.status_code == 403, path
        assert hooks.server.send("GET", "/v1/events", role="auditor").status_code == 400
        assert hooks.server.send("GET", HOOKS, role="auditor").status_code == 200
        assert hooks.server.send("GET", HOOKS, role=None).status_code == 401


def test_ten_thousand_that_wait_for_a_dead_endpoint_cost_one_request_at_a_time(
    hooks: Hooks,
) -> None:
    """What is taken is bounded, and so is what is tried while nobody answers."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # Bound, and not listened on: every connection is refused.
        hooks.add(f"http://127.0.0.1:{nobody.getsockname()[1]}/hooks")
        for _ in range(30):
            hooks.paid()
        assert hooks.step() <= AT_ONCE_EACH, "what was begun before it was known to fail"
        for seconds in (1, 2, 3, 4):
            assert hooks.step(seconds + 4) <= 1
        assert hooks.endpoint()["waiting"] == 30


def test_without_a_vault_no_endpoint_is_made(market: Server) -> None:
    market.vault_key = ""
    market.restart(LOCAL)
    body = {"endpoint_id": "shop", "url": "https://shop.example/hooks"}
    response = market.send("POST", HOOKS, body, role="merchant", key="add")
    assert (response.status_code, response.json()["code"]) == (409, "vault_locked")


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hooks",
        "https://127.0.0.1/hooks",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/",
        "https://[::ffff:8.8.8.8]/",
        "https://[64:ff9b::808:808]/",
        "https://localhost/",
        "https://2130706433/",
        "https://shop.example:22/",
        "https://user:secret@shop.example/",
        "https://shop.example/#here",
        "https://shop.example\\@evil.example/",
        "ftp://shop.example/",
        "https:///hooks",
        "https://shop.example/" + "x" * 400,
        "",
    ],
)
def test_an_address_that_is_not_everybodys_is_refused(market: Server, url: str) -> None:
    body = {"endpoint_id": "shop", "url": url}
    response = market.send("POST", HOOKS, body, role="merchant", key="add")
    assert (response.status_code, response.json()["code"]) == (422, "webhook_invalid"), url


def test_graphql_shows_an_endpoint_and_its_attempts(hooks: Hooks) -> None:
    query = """{ webhookEndpoints(merchantId: "SQUIRRELS") { id merchantId kinds paused why
        secretNumber position newest waiting failing
        attempts(first: 5) { position status result } } }"""
    with Receiver(lambda got: 503) as receiver:
        hooks.add(receiver.url, ["payment.succeeded"])
        hooks.paid()
        hooks.step()
        for role in ("merchant", "auditor"):
            answer = hooks.server.ok("POST", "/graphql", {"query": query}, role=role)
            (shown,) = answer["data"]["webhookEndpoints"]
            (attempt,) = shown.pop("attempts")
            position = receiver.positions()[0]
            assert attempt == {"position": str(position), "status": 503, "result": "answered"}
            assert shown == {
                "id": "shop",
                "merchantId": "SQUIRRELS",
                "kinds": ["payment.succeeded"],
                "paused": False,
                "why": None,
                "secretNumber": "1",
                "position": str(position),
                "newest": str(position),
                "waiting": "1",
                "failing": "1",
            }
        foreign = hooks.server.ok("POST", "/graphql", {"query": query}, role="stranger")
        assert foreign["data"]["webhookEndpoints"] == []
        figures = hooks.server.send("GET", "/metrics").text
        assert "zhangfang_webhook_waiting 1.0" in figures


def test_a_secret_is_shown_once(hooks: Hooks) -> None:
    """A repeated request gets the same answer, but for the secret: receipts never held it."""
    body = {"endpoint_id": "shop", "url": "https://shop.example/hooks"}
    first = hooks.server.ok("POST", HOOKS, body, role="merchant", key="add")
    assert first["result"]["secret"].startswith("whsec_")
    again = hooks.server.ok("POST", HOOKS, body, role="merchant", key="add")
    assert again["replayed"]
    assert again["result"] == {k: v for k, v in first["result"].items() if k != "secret"}
    other = hooks.server.ok("POST", HOOKS, body, role="merchant", key="add-again")
    assert "secret" not in other["result"], "a wish that changed nothing"
    shown = hooks.server.send("GET", HOOKS, role="merchant").text
    secret = first["result"]["secret"].encode()
    assert "whsec_" not in shown
    for recorded in hooks.server.context.ledger.facts(0, 500):
        assert b"whsec_" not in msgspec.json.encode(recorded.fact)
    with hooks.server.context.engine.connect() as view:
        for (outcome,) in view.exec_driver_sql("SELECT outcome FROM receipts"):
            assert secret not in bytes(outcome)
