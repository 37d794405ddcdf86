"""A server with its worker, and beside it the outside with its sandbox: everything over HTTP."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.channels.clocked import Clock, Given
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.channels.staging import free_port, on_the_clock
from benchmarks.drills.channels.system import System
from benchmarks.drills.served import running
from domain.clearing.commands import OpenBooks
from domain.kernel import Request, shanghai_date
from domain.ledger.ledger import utc_us
from tests.api.cli.terminal import Terminal
from tests.shops import USUAL_JSON
from tests.vaulted import with_vault

SLOW_S = 120
FACTOR = 4  # A state that lasts for 12 seconds is still seen for three.


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
    """By the wall's clock, and as `zhangfang serve` does it."""
    with ExitStack() as stack:
        outside, port = _outside(stack, tmp_path), free_port()
        key = _opened(migrated_url)
        settings = _settings(tmp_path, outside, port)
        stack.enter_context(running(migrated_url, "--port", str(port), settings=settings))
        yield Box(stack.enter_context(_client(port, key)), outside)


@pytest.fixture
def quick_box(migrated_url: str, tmp_path: Path) -> Iterator[Box]:
    """On a clock that runs faster than the wall's, on both sides: what comes after 20 seconds is
    not waited for so long."""
    now_us = utc_us()
    clock = Clock(now_us, now_us, FACTOR, str(tmp_path / "advanced"))
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "log").open("w+"))
        outside, port = _outside(stack, tmp_path, *on_the_clock(clock)), free_port()
        key = _opened(migrated_url)
        channels = _settings(tmp_path, outside, port)["ZHANGFANG_CHANNELS"]
        stack.enter_context(System(Given(migrated_url, port, channels, clock), log))
        yield Box(stack.enter_context(_client(port, key)), outside)


def _outside(stack: ExitStack, directory: Path, *options: str) -> Outside:
    outside = Outside(directory / "outside", "--payer", "manual", "--sandbox", *options)
    stack.callback(outside.stop)
    return outside


def _opened(url: str) -> str:
    """Open the books of today; a key of the institution."""
    with open_desk(url) as desk:
        opening = Request("open", utc_us(), "system:test", OpenBooks(shanghai_date(utc_us())))
        desk.ledger.submit(opening).unwrap()
        return create_key(desk.writes, "operator", None, utc_us)


def _client(port: int, key: str) -> httpx2.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30)


def _settings(directory: Path, outside: Outside, port: int) -> dict[str, str]:
    keys = json.loads(outside.keys.read_text())
    notify_url = f"http://127.0.0.1:{port}/callbacks"
    payees = {f"PAID{number}": f"62220000000{number:05}" for number in range(100)}
    here = {"notify_url": notify_url, "allow_http": True, "payees": payees}
    return with_vault(directory, {**keys, **here})
