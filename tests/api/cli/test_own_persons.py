"""Own funds by two persons at the terminal, on both databases: by their keys, as over HTTP."""

from contextlib import closing
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.cli.persons import KEY
from api.context import open_context
from domain.accounting import account
from domain.channel.adapters.simulated import SimulatedChannel
from domain.clearing.commands import OpenBooks
from domain.kernel import Request, shanghai_date
from domain.ledger.ledger import Ledger, utc_us
from tests.api.cli.terminal import Terminal

CAPITAL = ("own", "post", "C1", "--kind", "capital", "--amount-fen", "5000", "--statement", "L1")


class Office:
    """A ledger whose books are open, its persons' keys, and the terminal at which one of them
    sits."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.say = Terminal(url)
        self._patch = monkeypatch
        with closing(Ledger.open(url)) as ledger:
            opened = OpenBooks(shanghai_date(utc_us()))
            ledger.submit(Request("open", utc_us(), "operator:lin", opened)).unwrap()
        self.keys = {"nobody": self._key("--role", "operator")}
        for name, office in (
            ("carol", "cashier"), ("dora", "cashier"), ("bob", "reviewer"), ("alice", "risk"),
            ("eve", "auditor"),
        ):  # fmt: skip
            assert self.say("staff", "appoint", name, "--office", office).code == 0
            role = "auditor" if office == "auditor" else "operator"
            self.keys[name] = self._key("--role", role, "--operator", name)

    def _key(self, *words: str) -> str:
        return str(self.say("key", "create", *words).out.strip())

    def sits(self, who: str) -> None:
        self._patch.setenv(KEY, self.keys.get(who, who))

    def ok(self, who: str, *words: str) -> Any:
        self.sits(who)
        return self.say(*words, "--json").json()

    def refused(self, who: str, *words: str) -> tuple[str, str]:
        self.sits(who)
        error = self.say(*words, "--json").refused()
        return error["code"], error["field"]

    def capital_fen(self) -> int:
        with closing(Ledger.open(self.say.url)) as ledger:
            return int(ledger.state(account.stream("4001")).balance_fen)


@pytest.fixture
def office(migrated_url: str, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(migrated_url, monkeypatch)


def test_one_proposes_and_another_approves(office: Office) -> None:
    proposed = office.ok("carol", *CAPITAL)
    assert (proposed["state"], proposed["kind"]) == ("proposed", "own_funds")
    which = proposed["approval_id"]
    assert office.ok("carol", *CAPITAL)["approval_id"] == which, "again, it is the same proposal"
    assert office.capital_fen() == 0
    approve = ("approval", "approve", which)
    assert office.refused("carol", *approve) == ("not_allowed", KEY), "not a checker's office"
    done = office.ok("bob", *approve)
    wanted = {"movement_no": "C1", "kind": "capital", "status": "posted"}
    assert (done["state"], done["done"]) == ("approved", wanted)
    assert office.capital_fen() == 5_000
    office.sits("bob")
    assert office.say(*approve).out.startswith(f"{which}: approved")
    assert office.capital_fen() == 5_000
    assert office.say("verify", "--json").json()["clean"]


def test_it_is_one_request_here_and_over_http(office: Office) -> None:
    which = office.ok("carol", *CAPITAL)["approval_id"]
    body = {"movement_no": "C1", "kind": "capital", "amount_fen": 5_000, "statement": "L1"}
    headers = {"authorization": f"Bearer {office.keys['carol']}"}
    with TestClient(create_app(open_context(office.say.url, SimulatedChannel()))) as client:
        there = client.post("/v1/own-funds", json=body, headers=headers)
        assert (there.status_code, there.json()["replayed"]) == (202, True), there.text
        assert there.json()["result"]["approval_id"] == which
        headers["authorization"] = f"Bearer {office.keys['bob']}"
        headers["idempotency-key"] = "approve"
        said = client.post(f"/v1/approvals/{which}/approve", json={}, headers=headers)
        assert said.status_code == 200, said.text
    assert office.capital_fen() == 5_000


def test_what_is_refused_or_withdrawn_is_not_done(office: Office) -> None:
    which = office.ok("carol", *CAPITAL)["approval_id"]
    refuse = ("approval", "refuse", which, "--reason", "no such line")
    assert office.ok("bob", *refuse)["state"] == "refused"
    assert office.refused("bob", "approval", "approve", which)[0] == "approval_state_wrong"
    other = (*CAPITAL[:2], "C2", *CAPITAL[3:])
    which = office.ok("carol", *other)["approval_id"]
    assert office.refused("dora", "approval", "withdraw", which)[0] == "not_allowed"
    assert office.ok("carol", "approval", "withdraw", which)["state"] == "withdrawn"
    assert office.capital_fen() == 0


@pytest.mark.parametrize(
    ("who", "code", "field"),
    [
        ("", "not_authenticated", KEY),
        ("zf_nobody_nothing", "not_authenticated", KEY),
        ("nobody", "person_unknown", "actor"),  # A key that may be anybody's.
        ("eve", "not_allowed", KEY),
        ("bob", "not_allowed", KEY),
        ("alice", "not_allowed", KEY),
    ],
)
def test_who_may_not_proposes_nothing(office: Office, who: str, code: str, field: str) -> None:
    assert office.refused(who, *CAPITAL) == (code, field)
    assert office.say("desk", "--json").json()["approvals"]["items"] == []


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        ((*CAPITAL[:4], "theft", *CAPITAL[5:]), "request_invalid", "kind"),
        ((*CAPITAL[:2], "C 1", *CAPITAL[3:]), "identifier_invalid", "movement_no"),
        ((*CAPITAL[:6], "0", *CAPITAL[7:]), "amount_invalid", "amount_fen"),
        ((*CAPITAL[:8], ""), "text_invalid", "statement"),
        (("own", "sweep", "S1", "--amount-fen", "1", "--reason", "fees"), "balance_insufficient",
         "amount_fen"),
        (("approval", "withdraw", "A404"), "approval_not_found", "approval_id"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_at_once(
    office: Office, words: tuple[str, ...], code: str, field: str
) -> None:
    assert office.refused("carol", *words) == (code, field)
