"""A server with its worker, and beside it the outside with its sandbox: everything over HTTP."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.served import running
from domain.clearing.commands import OpenBooks
from domain.kernel import Request, shanghai_date
from domain.ledger.ledger import utc_us
from tests.api.cli.terminal import Terminal
from tests.shops import USUAL_JSON
from tests.vaulted import with_vault

SLOW_S = 120


class Box(NamedTuple):
    """The institution's own key at a server, and the outside."""

    client: httpx2.Client
    outside: Outside

    def post(self, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        answer = self.client.post(path, json=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found.get("result", found)

    def query(self, text: str) -> Any:
        answer = self.client.post("/graphql", json={"query": text}).json()
        assert "errors" not in answer, answer
        return answer["data"]

    def merchant(self, member_id: str) -> None:
        """One without fees, paid on the day: its payouts are what was bought of it."""
        terms = {"fee_rule": {"rate_bps": 0}, "settlement_cycle": "D+0", "agreement": USUAL_JSON}
        body = {"member_id": member_id, "kind": "enterprise", "name": member_id, **terms}
        self.post("/v1/members", body)

    def bought(self, number: str, method: str, *amounts: int, of: str = "SHOP") -> None:
        """An order of so many fen (of as many merchants as there are amounts), and its payment."""
        sellers = (of, "TEA")
        lines = [
            {"merchant": sellers[place], "amount_fen": fen, "subject": "nuts"}
            for place, fen in enumerate(amounts)
        ]
        self.post("/v1/orders", {"order_no": f"O{number}", "buyer": "ann", "lines": lines})
        wish = {"payment_no": f"P{number}", "method": method}
        self.post(f"/v1/orders/O{number}/payments", wish)


@pytest.fixture
def lone(tmp_path: Path) -> Terminal:
    """A SQLite file that does not exist yet, for `zhangfang run`."""
    return Terminal(f"sqlite:///{tmp_path / 'lone.db'}")


def until(holds: Callable[[], Any], seconds: float = SLOW_S) -> Any:
    """What a function gives as soon as that is anything."""
    ends = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < ends, "it never came about"
        time.sleep(0.1)
    return found


@pytest.fixture
def box(migrated_url: str, tmp_path: Path) -> Iterator[Box]:
    with ExitStack() as stack:
        outside = Outside(tmp_path / "outside", "--payer", "manual", "--sandbox")
        stack.callback(outside.stop)
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        with open_desk(migrated_url) as desk:
            today = shanghai_date(utc_us())
            opening = Request("open", utc_us(), "system:test", OpenBooks(today))
            desk.ledger.submit(opening).unwrap()
            key = create_key(desk.writes, "operator", None, utc_us)
        settings = _settings(tmp_path, outside, port)
        stack.enter_context(running(migrated_url, "--port", str(port), settings=settings))
        made = httpx2.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key}"},
            timeout=30,
        )
        client = stack.enter_context(made)
        yield Box(client, outside)


def _settings(directory: Path, outside: Outside, port: int) -> dict[str, str]:
    keys = json.loads(outside.keys.read_text())
    notify_url = f"http://127.0.0.1:{port}/callbacks"
    payees = {f"PAID{number}": f"62220000000{number:05}" for number in range(100)}
    here = {"notify_url": notify_url, "allow_http": True, "payees": payees}
    return with_vault(directory, {**keys, **here})
