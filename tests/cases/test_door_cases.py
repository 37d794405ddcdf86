"""D1 to D18 of 2026-11-25 where no other test has them, at the doors themselves (docs/cases.md)."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from api.web.pages import STATIC
from benchmarks.drills.attacks import ATTACKS
from benchmarks.drills.doors import GROWN_BYTES
from benchmarks.drills.second_client import SecondClient
from benchmarks.drills.served import Served, served
from tests.api.conftest import Server, market, problem, server

__all__ = ["market", "server"]  # Fixtures.

EVER_MS = 5_000  # How long others may wait here; how long they do is the drill's to measure.


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of its own on the loopback, with 1,024 descriptors."""
    with served(f"sqlite:///{tmp_path_factory.mktemp('doors') / 'ledger.db'}") as running:
        yield running


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param("documents", id="D1"),
        pytest.param("large_heads", id="D2"),
        pytest.param("silence", id="D3"),
        pytest.param("large_answers", id="D4"),
    ],
)
def test_d1_to_d4_large_slow_silent_and_costly_requests(attacked: Served, attack: str) -> None:
    """Each is refused, or served without hurting others; memory stays where it is."""
    before = attacked.memory_bytes()
    with SecondClient(attacked) as others:
        found = ATTACKS[attack](attacked)
    assert found["ok"], found
    assert attacked.memory_bytes() - before < GROWN_BYTES
    assert others.seen
    assert {one.status for one in others.seen} <= {200, 201}
    assert max(one.took_ms for one in others.seen) < EVER_MS


def test_d11_a_hold_whose_id_is_taken_by_another_amount(market: Server) -> None:
    path = "/v1/accounts/2241.01.xiaoming/holds"
    charged = {"payment_no": "P1", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": 900}
    market.ok("POST", "/v1/recharges", charged)
    market.ok("POST", "/v1/instructions/pay-P1/outcome", {"succeeded": "S1"}, key="paid")
    hold = {"hold_id": "H1", "amount_fen": 500, "reason": "a claim"}
    market.ok("POST", path, hold, key="first")
    market.ok("POST", path, hold, key="again")
    other = market.send("POST", path, hold | {"amount_fen": 501}, key="other")
    problem(other, 409, "hold_exists", "hold_id")


def test_d15_a_table_that_is_gone_fails_readiness(market: Server) -> None:
    market.context.projector.catch_up()
    assert market.send("GET", "/ready", role=None).status_code == 200
    with market.context.writes.begin() as connection:
        connection.execute(text("ALTER TABLE instructions RENAME TO elsewhere"))
    time.sleep(1.1)  # That all were there is believed for a second.
    for _ in range(2):
        health = market.send("GET", "/health", role=None)
        assert health.status_code == 200, "it lives"
        assert health.json()["status"] != "ok"
        assert "table instructions cannot be read" in health.json()["wrong"]
        ready = market.send("GET", "/ready", role=None)
        assert ready.status_code == 503
        assert ready.json()["ready"] is False
        assert "table instructions cannot be read" in ready.json()["hindrances"]
    with market.context.writes.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO instructions"))
    assert market.send("GET", "/ready", role=None).status_code == 200


INTERCEPT = """
const { readFileSync } = require("fs");
globalThis.crypto ??= require("crypto").webcrypto;
let page;
globalThis.SwaggerUIBundle = (given) => { page = given; };
eval(readFileSync(process.argv[1], "utf8").replace('"use strict";', ""));
const sent = (headers) => page.requestInterceptor({ url: "/v1/orders", headers }).headers;
const example = process.argv[2];
console.log(JSON.stringify([
  sent({ "Idempotency-Key": example }),
  sent({ "Idempotency-Key": example, Authorization: "Bearer k" }),
  sent({ "Idempotency-Key": "my own" }),
  sent({ Accept: "application/json" }),
]));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs a JavaScript engine")
def test_d16_trying_twice_sends_two_keys(server: Server) -> None:
    script = str(STATIC / "docs.js")
    words = ["node", "-e", INTERCEPT, script, example_key(server)]
    first, second, own, none = json.loads(subprocess.check_output(words, text=True))
    keys = {first["Idempotency-Key"], second["Idempotency-Key"]}
    assert len(keys) == 2 and example_key(server) not in keys
    assert all(len(key) == 32 for key in keys)
    assert second["Authorization"] == "Bearer k"
    assert own == {"Idempotency-Key": "my own"}
    assert none == {"Accept": "application/json"}


def test_d16_the_page_knows_the_example_of_the_document(server: Server) -> None:
    assert f'EXAMPLE_KEY = "{example_key(server)}"' in (STATIC / "docs.js").read_text()


def example_key(server: Server) -> str:
    """What the page fills in for the header: the same in every operation."""
    paths: dict[str, dict[str, Any]] = server.client.get("/openapi.json").json()["paths"]
    examples = {
        parameter["example"]
        for operations in paths.values()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if parameter["name"] == "Idempotency-Key"
    }
    (example,) = examples
    return str(example)


@pytest.mark.parametrize("role", ["operator", "merchant"])
def test_d17_a_method_that_does_not_exist_uses_no_number_up(market: Server, role: str) -> None:
    market.sell("JD1")
    path = "/v1/orders/JD1/payments"
    wrong = {"payment_no": "P1", "method": "BARTER"}
    for key in (None, "K1"):
        for _ in range(2):
            refused = market.send("POST", path, wrong, role=role, key=key)
            problem(refused, 422, "method_unknown", "method")
    malformed = market.send("POST", path, {"payment_no": "P1"}, role=role, key="K1")
    problem(malformed, 400, "request_invalid", "method")
    right = {"payment_no": "P1", "method": "JD_PAY"}
    for key in (None, "K1"):
        assert market.ok("POST", path, right, role=role, key=key)["result"]


def test_d18_a_query_in_a_url_is_answered_as_json(market: Server) -> None:
    market.context.projector.catch_up()
    for accept in ("application/json", "application/json, text/html;q=0.5", "*/*", None):
        headers = {"accept": accept} if accept else {}
        answer = market.send("GET", "/graphql?query={ledger{position}}", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/json")
        position = market.context.ledger.head().position
        assert answer.json() == {"data": {"ledger": {"position": str(position)}}}
    page = market.send("GET", "/graphql", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")


def test_the_map_of_cases_names_tests_that_exist() -> None:
    """docs/cases.md: `tests/….py` and `test_…` in it are there."""
    root = Path(__file__).parents[2]
    lines = (root / "docs/cases.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| ") and "tests/" in line]
    assert len(rows) >= 23
    for row in rows:
        words = row.replace("`", " ").replace(",", " ").split()
        files = [root / word for word in words if word.startswith("tests/")]
        text_of = "".join(file.read_text() for file in files)
        names = [word for word in words if word.startswith("test_")]
        assert names, row
        for name in names:
            assert f"def {name}(" in text_of, (row, name)
