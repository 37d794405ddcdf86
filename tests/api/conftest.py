"""A running application on a real ledger of each database, with a key for every role.

Time stands still at a fixed business instant until a test moves it; the database, the ledger and
the application are the real ones, opened anew by `restart`.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.context import AppContext, open_context
from api.http.keys import create_key
from api.operations.bindings import Binder
from api.operations.personal import Keeping
from api.settings import Settings
from domain.channel.adapters.simulated import SimulatedChannel
from domain.channel.adapters.simulated_cards import SimulatedCardBank
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.kernel import DAY_US, SHANGHAI, Request, to_us
from domain.member.commands import AddOperator
from domain.member.staffing import AppointOperator
from domain.vault.keys import parse_keys
from domain.vault.place import vault_database
from domain.vault.vault import Vault
from migrations.run import migrate
from tests.fresh import Filled, drop
from tests.servers import with_query
from tests.shops import USUAL_JSON

VAULT_KEY = f"1:{b64encode(bytes(range(32))).decode()}"
NOON = to_us(datetime(2026, 11, 23, 12, 0, tzinfo=SHANGHAI))
MERCHANTS = {"merchant": "SQUIRRELS", "stranger": "GREENTEA"}
# Keys of persons, by what these are: of the institution, and of the first merchant.
STAFF = {"cashier": "lin", "reviewer": "zhao", "risk": "wu", "inspector": "sun"}
PERSONS = {"owner": "liaoyuan", "finance": "zhang", "viewer": "chen"}


class Server:
    """The application with its clock, and requests sent in a role."""

    def __init__(self, url: str, keys: Mapping[str, str] | None = None) -> None:
        self.url = url
        self.now_us = NOON
        self.clock: Callable[[], int] = lambda: self.now_us
        self.keys = dict(keys or self._make_keys())
        self.channel = SimulatedChannel()
        self.bank = SimulatedCardBank(lambda: self.clock())
        self.vault_key = VAULT_KEY
        self._open()

    def _make_keys(self) -> dict[str, str]:
        engine = sqlalchemy_engine(parse_database_url(self.url))
        roles = {"operator": None, "auditor": None, "checker": None, **MERCHANTS}
        names = {"checker": "operator", "stranger": "merchant"}
        made = {
            name: create_key(engine, names.get(name, name), member, lambda: NOON)
            for name, member in roles.items()
        }
        for name, operator in STAFF.items():
            made[name] = create_key(engine, "operator", None, lambda: NOON, operator=operator)
        for name, operator in PERSONS.items():
            shop = MERCHANTS["merchant"]
            made[name] = create_key(engine, "merchant", shop, lambda: NOON, operator=operator)
        engine.dispose()
        return made

    def appoint(self) -> None:
        """The institution's operators, each to their office; again, it changes nothing."""
        for name, operator in STAFF.items():
            command = AppointOperator(operator, "auditor" if name == "inspector" else name)  # type: ignore[arg-type]
            wanted = Request(f"appoint-{operator}", self.now_us, "system:test", command)
            self.context.ledger.submit(wanted).unwrap()

    def employ(self) -> None:
        """The operators of the first merchant."""
        for name, operator in PERSONS.items():
            command = AddOperator(MERCHANTS["merchant"], operator, name)  # type: ignore[arg-type]
            wanted = Request(f"employ-{operator}", self.now_us, "system:test", command)
            self.context.ledger.submit(wanted).unwrap()

    def propose(
        self, method: str, path: str, body: object = None, *, key: str, role: str = "cashier"
    ) -> str:
        """What needs two persons, asked for by one: the id of its approval."""
        self.appoint()
        response = self.send(method, path, body, role=role, key=key)
        assert response.status_code == 202, response.text
        return str(response.json()["result"]["approval_id"])

    def agreed(
        self, method: str, path: str, body: object = None, *, key: str, role: str = "cashier"
    ) -> Any:
        """The same, and approved by another: the answer as of a command that one person gives."""
        approval_id = self.propose(method, path, body, key=key, role=role)
        path = f"/v1/approvals/{approval_id}/approve"
        answer = self.ok("POST", path, role="reviewer", key=f"{key}-approve")
        return {**answer, "result": answer["result"]["done"]}

    def _open(self, settings: Settings | None = None) -> None:
        place = vault_database(parse_database_url(self.url))
        vault = Vault(place, parse_keys(self.vault_key, "key")) if self.vault_key else None
        self.context: AppContext = open_context(
            self.url,
            self.channel,
            clock=lambda: self.clock(),
            keeping=Keeping(vault, lambda: self.bank),
        )
        self.binder = Binder(
            self.context.personal, self.bank, self.context.engine, lambda: self.clock()
        )
        self.client = TestClient(create_app(self.context, settings), raise_server_exceptions=False)
        self.client.__enter__()

    def close(self) -> None:
        self.client.__exit__(None, None, None)

    def ask_banks(self) -> int:
        """Everything that is due is asked of the banks, until nothing is: how many requests."""
        made = 0
        while True:
            self.context.projector.catch_up()
            if not (now := asyncio.run(self.binder.turn())):
                return made
            made += now

    def restart(self, settings: Settings | None = None) -> None:
        """Close everything and open it anew on the same database."""
        self.close()
        self._open(settings)

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: str | None = "operator",
        key: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """A request as a role (None: without a key); `key` is its Idempotency-Key."""
        sent = {"content-type": "application/json"}
        if role is not None:
            sent["authorization"] = f"Bearer {self.keys[role]}"
        if key is not None:
            sent["idempotency-key"] = key
        sent.update(headers or {})
        content = raw if raw is not None else json.dumps(body if body is not None else {})
        return self.client.request(method, path, content=content, headers=sent)

    def ok(self, method: str, path: str, body: object = None, **how: Any) -> Any:
        """The answer of a request that must be accepted."""
        response = self.send(method, path, body, **how)
        assert response.status_code in (200, 201), response.text
        return response.json()

    def next_day(self) -> None:
        self.now_us += DAY_US

    def open_market(self) -> None:
        """Books open, two merchants and two buyers registered."""
        self.ok("POST", "/v1/business-days/2026-11-23/open", key="open")
        for member in MERCHANTS.values():
            body = {
                "member_id": member,
                "kind": "enterprise",
                "name": f"{member} Ltd",
                "fee_rule": {"rate_bps": 60},
                "settlement_cycle": "T+1",
                "agreement": USUAL_JSON,
            }
            self.ok("POST", "/v1/members", body)
        for buyer in ("xiaoming", "xiaohong"):
            body = {"member_id": buyer, "kind": "personal", "name": buyer}
            self.ok("POST", "/v1/members", body)

    def sell(self, order_no: str, merchant: str = "SQUIRRELS", amount_fen: int = 8_900) -> None:
        """An order of one line, checked out."""
        line = {"merchant": merchant, "amount_fen": amount_fen, "subject": "nuts"}
        body = {"order_no": order_no, "buyer": "xiaoming", "lines": [line]}
        self.ok("POST", "/v1/orders", body)

    def pay(self, order_no: str, payment_no: str) -> None:
        """An order paid, the channel's success recorded."""
        body = {"payment_no": payment_no, "method": "JD_PAY"}
        self.ok("POST", f"/v1/orders/{order_no}/payments", body)
        outcome = f"/v1/instructions/pay-{payment_no}/outcome"
        self.ok("POST", outcome, {"succeeded": f"S-{payment_no}"}, key=f"out-{payment_no}")


@pytest.fixture
def server(migrated_url: str) -> Iterator[Server]:
    """The application on an empty ledger."""
    running = Server(migrated_url)
    yield running
    running.close()
    drop_vault(migrated_url)


def drop_vault(url: str) -> None:
    """The vault beside a schema goes with it; one beside a file stands in the test's folder."""
    place = vault_database(parse_database_url(url))
    if place.schema:
        drop(with_query(url, schema=None), place.schema)


# Of the market that tests get a copy of, on each database: a key is shown only once.
_keys_of_market: dict[str, dict[str, str]] = {}


def write_market(url: str) -> None:
    migrate(url)
    written = Server(url)
    written.open_market()
    written.close()
    drop_vault(url)
    _keys_of_market[parse_database_url(url).dialect] = written.keys


@pytest.fixture
def market(filled: Filled) -> Iterator[Server]:
    """The application with the books open and its members registered."""
    url = filled(write_market)
    running = Server(url, _keys_of_market[parse_database_url(url).dialect])
    yield running
    running.close()
    drop_vault(url)


def problem(response: Any, status: int, code: str, field: str) -> dict[str, Any]:
    """The problem document of a response, checked to be one, of this kind."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"], body["field"]) == (status, code, field), body
    assert body["status"] == status
    assert body["type"] == f"/docs/refusals.md#{code}"
    assert body["title"] and body["detail"]
    return body
