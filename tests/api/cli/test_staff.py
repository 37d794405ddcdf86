"""`zhangfang staff` and keys of persons: appointed here, at work over HTTP and on the desk."""

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.context import open_context
from domain.channel.adapters.simulated import SimulatedChannel
from tests.api.cli.terminal import Terminal


@pytest.fixture
def terminal(migrated_url: str) -> Terminal:
    return Terminal(migrated_url)


def key_of(terminal: Terminal, operator: str, role: str = "operator") -> dict[str, str]:
    words = ("key", "create", "--role", role, "--operator", operator, "--json")
    made = terminal(*words).json()
    assert made["operator"] == operator
    return {"authorization": f"Bearer {made['key']}", "idempotency-key": operator}


def test_two_persons_are_appointed_and_do_what_needs_two(terminal: Terminal) -> None:
    for name, office in (("alice", "risk"), ("bob", "reviewer"), ("carol", "cashier")):
        said = terminal("staff", "appoint", name, "--office", office)
        assert (said.code, said.out) == (0, f"{name} is {office}.\n")
    alice, bob = key_of(terminal, "alice"), key_of(terminal, "bob")
    account = "2241.08.JD_PAY"
    with TestClient(create_app(open_context(terminal.url, SimulatedChannel()))) as client:
        body = {"direction": "out", "reason": "a court order"}
        path = f"/v1/accounts/{account}/freeze"
        opened = client.post("/v1/business-days/2026-11-23/open", headers=key_of(terminal, "carol"))
        assert opened.status_code == 200, opened.text
        proposed = client.post(path, json=body, headers=alice)
        assert proposed.status_code == 202, proposed.text
        approval_id = proposed.json()["result"]["approval_id"]
        waiting = terminal("desk", "--json").json()["approvals"]
        [one] = waiting["items"]
        assert (one["approval_id"], one["proposed_by"]) == (approval_id, "staff:alice")
        assert "staff:alice" in terminal("desk").out
        done = client.post(f"/v1/approvals/{approval_id}/approve", json={}, headers=bob)
        assert done.json()["result"]["done"]["frozen"] == "out"
    assert terminal("desk", "--json").json()["approvals"]["items"] == []
    assert terminal("verify").code == 0, terminal("verify").out


def test_who_is_dismissed_may_come_back(terminal: Terminal) -> None:
    for _ in range(2):
        assert terminal("staff", "appoint", "alice", "--office", "auditor").code == 0
        listed = terminal("staff", "list", "--json").json()
        assert listed == {"staff": [{"operator_id": "alice", "office": "auditor"}]}
        assert "alice" in terminal("staff", "list").out
        key_of(terminal, "alice", "auditor")
        assert terminal("staff", "dismiss", "alice").code == 0
        keys = terminal("key", "list", "--json").json()["keys"]  # An old key does not come back.
        assert all(one["revoked_at"] is not None for one in keys)
    assert terminal("staff", "dismiss", "alice", "--json").refused()["code"] == "operator_not_found"


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (("staff", "appoint", "al-ice", "--office", "risk"), "identifier_invalid", "operator_id"),
        (("staff", "appoint", "alice", "--office", "boss"), "request_invalid", "office"),
        (
            ("key", "create", "--role", "operator", "--operator", "nobody"),
            "operator_not_found",
            "operator",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    terminal: Terminal, words: tuple[str, ...], code: str, field: str
) -> None:
    error = terminal(*words, "--json").refused()
    assert (error["code"], error["field"]) == (code, field)


def test_a_key_has_the_role_that_goes_with_its_operator(terminal: Terminal) -> None:
    assert terminal("staff", "appoint", "alice", "--office", "auditor").code == 0
    wrong = terminal("key", "create", "--role", "operator", "--operator", "alice", "--json")
    assert wrong.refused()["field"] == "role"
    key_of(terminal, "alice", "auditor")
    [listed] = terminal("key", "list", "--json").json()["keys"]
    assert (listed["operator"], listed["role"]) == ("alice", "auditor")
