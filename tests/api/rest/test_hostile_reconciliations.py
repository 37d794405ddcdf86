"""The doors of reconciliation, asked for what nobody would ask: typed refusals that name the field,
and never an error of the server."""

from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from typer.testing import CliRunner

from api.cli.app import app
from tests.api.conftest import Server

LONG = "x" * 5_000
DATES = [
    "0001-01-01",
    "0001-01-04",
    "9999-12-31",
    "9999-12-28",
    "1969-12-31",
    "2026-02-30",
    "",
    LONG,
]
TEXTS = [
    "",
    " ",
    "\u0000",
    "\N{GRINNING FACE}",
    "../..",
    "'; DROP TABLE x",
    LONG,
    "WECHAT_PAY ",
    "wechat_pay",
]


def never_fails(market: Server, method: str, path: str, body: object, role: str, **how: Any) -> Any:
    response = market.send(method, path, body, role=role, **how)
    assert response.status_code < 500, (path, body, response.text)
    if response.status_code >= 400:
        assert response.json()["code"], response.text
    return response


@pytest.mark.parametrize("day", DATES)
def test_odd_dates(market: Server, day: str) -> None:
    for channel in (None, "WECHAT_PAY", "BANK_TRANSFER"):
        body = {"date": day} | ({"channel": channel} if channel else {})
        never_fails(market, "POST", "/v1/reconciliations", body, "operator")
        asked = f"/v1/reconciliations?date={quote(day)}" + (
            f"&channel={channel}" if channel else ""
        )
        never_fails(market, "GET", asked, None, "operator")
    told: dict[str, Any] = {"channel": "JD_PAY", "number": "C1", "amount_fen": 1}
    told |= {"transaction_id": "SQUIRRELS-1", "due": day}
    never_fails(market, "POST", "/v1/chargebacks", told, "operator", key="c1")


@pytest.mark.parametrize("day", ["2000-01-01", "2000-01-04"])
def test_the_first_days_that_are_taken_are_reconciled_like_others(market: Server, day: str) -> None:
    """Sessions of days before are looked at as well: here there are none that could be."""
    for body in ({"date": day}, {"date": day, "channel": "BANK_TRANSFER"}):
        market.ok("POST", "/v1/reconciliations", body)


@pytest.mark.parametrize("text", TEXTS)
def test_odd_texts(market: Server, text: str) -> None:
    body = {"date": "2026-11-23", "channel": text}
    said = never_fails(market, "POST", "/v1/reconciliations", body, "operator")
    assert (said.status_code, said.json()["field"]) in (
        (422, "channel"),
        (400, "channel"),
        (404, "channel"),
    )
    one = {"resolution": text or "x", "reason": text, "to": text}
    for step in ("propose", "approve", "turn-down", "undo"):
        path = f"/v1/differences/{quote(text or 'x', safe='')}/{step}"
        never_fails(
            market,
            "POST",
            path,
            one if step == "propose" else {"reason": text},
            "operator",
            key="k1",
        )


@pytest.mark.parametrize("role", ["merchant", "auditor", None])
def test_no_merchant_and_no_auditor_reconciles(market: Server, role: str | None) -> None:
    doors: list[tuple[str, str, Any]] = [
        ("POST", "/v1/reconciliations", {"date": "2026-11-23"}),
        ("POST", "/v1/differences/d1/propose", {"resolution": "accept", "reason": "x"}),
        ("POST", "/v1/differences/d1/approve", {}),
        ("POST", "/v1/differences/d1/undo", {"reason": "x"}),
        ("POST", "/v1/differences/d1/turn-down", {"reason": "x"}),
    ]
    head = market.context.ledger.head().position
    for method, path, body in doors:
        said = market.send(method, path, body, role=role, key="k")
        assert said.status_code in (401, 403), (path, said.text)
    said = market.send("GET", "/v1/reconciliations?date=2026-11-23", role=role)
    assert said.status_code == {"merchant": 403, None: 401, "auditor": 200}[role], said.text
    assert market.context.ledger.head().position == head


FIELDS = [
    'clearingSessions(from: "0001-01-01", to: "9999-12-31") { id }',
    'clearingSessions(from: "9999-12-31", to: "0001-01-01") { id }',
    'suspenseAging(on: "0001-01-01") { rows { age } }',
    'suspenseAging(on: "9999-12-31") { rows { age } }',
    'differences(from: "0001-01-01", to: "9999-12-31") { edges { node { id } } }',
    'suspense(from: "9999-12-31") { edges { node { id } } }',
    'differences(channel: "' + LONG + '") { edges { node { id } } }',
    'differences(age: "' + LONG + '", on: "0001-01-01") { edges { node { id } } }',
    'differences(age: ">30", on: "0001-01-01") { edges { node { id } } }',
    'differences(age: "8-30", on: "0001-01-10") { edges { node { id } } }',
    'differences(age: "0-1", on: "9999-12-31") { edges { node { id } } }',
    'suspense(age: ">30", on: "0001-01-01") { edges { node { id } } }',
    'reconciliation(date: "9999-12-31", channel: "WECHAT_PAY") { lines }',
    'reconciliation(date: "0001-01-01", channel: "' + LONG + '") { lines }',
    'transitAccounts(account: "1122.02.\\u0000") { account }',
    'transitAccounts(account: "1001.01") { account }',
    'transitAccounts(account: "' + LONG + '") { account }',
    'moneyTimeline(transactionId: "' + LONG + '") { what }',
    'moneyTimeline(transactionId: "\\ud83d\\ude00") { what }',
    'chargebacks(from: "9999-12-31", to: "0001-01-01") { edges { node { id } } }',
]


@pytest.mark.parametrize("field", FIELDS)
def test_odd_questions_in_graphql(market: Server, field: str) -> None:
    response = market.send("POST", "/graphql", {"query": "{ " + field + " }"}, role="auditor")
    assert response.status_code < 500, response.text
    for error in response.json().get("errors", []):
        code = error.get("extensions", {}).get("code")
        assert code and code != "internal_error", error


@pytest.mark.parametrize("day", DATES)
@pytest.mark.parametrize(
    "said",
    [
        ("reconcile", "--date"),
        ("funds", "reconcile", "--date"),
        ("bill", "no-trade", "--channel", "BANK_TRANSFER", "--kind", "bank", "--date"),
        ("reserve", "proof", "--date"),
    ],
    ids=lambda said: " ".join(said[:2]),
)
def test_odd_dates_in_the_terminal(market: Server, day: str, said: tuple[str, ...]) -> None:
    url = market.context.ledger.database.url
    run = CliRunner().invoke(app, [*said, day, "--database", url, "--json"])
    assert run.exit_code in (0, 1, 2), run.output
    assert run.exception is None or isinstance(run.exception, SystemExit), run.exception
    if run.exit_code and run.stdout:
        assert msgspec.json.decode(run.stdout)
