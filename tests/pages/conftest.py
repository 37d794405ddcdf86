"""A browser, and what it looks at: a server with its worker, and the outside over HTTP beside it.

The browser is the machine's own Chromium (`make test` installs Debian's where it can). Without one
these tests are skipped.
"""

import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.served import running
from domain.channel.numbers import narrow_number
from domain.clearing.commands import OpenBooks
from domain.kernel import Request, shanghai_date
from domain.ledger.ledger import utc_us
from tests.shops import USUAL_JSON
from tests.vaulted import with_vault

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 360, "height": 720}


class Shop:
    """A merchant's side, over REST; and what people do at their bank or telephone."""

    def __init__(self, url: str, key: str, outside: Outside) -> None:
        self.url = url
        self.outside = outside
        self._client = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=20
        )
        self._numbers = iter(range(1, 1_000))

    def close(self) -> None:
        self._client.close()

    def post(self, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        found: dict[str, Any] = self.send(path, body, key)["result"]
        return found

    def send(self, path: str, body: dict[str, Any], key: str = "") -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        answer = self._client.post(path, json=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found

    def query(self, text: str) -> Any:
        return self._client.post("/graphql", json={"query": text}).json()["data"]

    def open_market(self) -> None:
        for member_id, name in (("SQUIRRELS", "三只松鼠"), ("TEA", "龙井茶庄")):
            terms = {
                "fee_rule": {"rate_bps": 60},
                "settlement_cycle": "T+1",
                "agreement": USUAL_JSON,
            }
            body = {"member_id": member_id, "kind": "enterprise", "name": name, **terms}
            self.post("/v1/members", body)
        self.post("/v1/members", {"member_id": "ann", "kind": "personal", "name": "Ann"})

    def order(
        self, *, subject: str = "每日坚果 750g", lines: int = 1, **more: Any
    ) -> tuple[str, str]:
        """An order and its session: the session's number and the address of its link."""
        number = next(self._numbers)
        return self.session(number, order_no=self.place(number, subject, lines), **more)

    def place(self, number: int, subject: str = "每日坚果 750g", lines: int = 1) -> str:
        """An order alone: its number."""
        sellers = [("SQUIRRELS", 8_900, subject), ("TEA", 12_000, "明前龙井")][:lines]
        wanted = [{"merchant": m, "amount_fen": fen, "subject": s} for m, fen, s in sellers]
        order_no = f"O{number}"
        self.post("/v1/orders", {"order_no": order_no, "buyer": "ann", "lines": wanted})
        return order_no

    def session(self, number: int = 0, **more: Any) -> tuple[str, str]:
        session_no = f"S{number or next(self._numbers)}"
        body = {"session_no": session_no, "return_url": f"{self.url}/docs", **more}
        path = self.post("/v1/cashier-sessions", body)["path"]
        return session_no, f"{self.url}{path}"

    def act(self, act: str, network: str, session_no: str, attempt: int = 1, **more: Any) -> None:
        number = f"pay-{session_no}-{attempt}"
        if network == "quickpass":
            number = narrow_number(number)
        wish = {"network": network, "number": number, **more}
        self.outside.act(act, wish)

    def fail(self, network: str, session_no: str) -> None:
        self.act("fail", network, session_no, code="NOT_SUFFICIENT_FUNDS")

    def order_state(self, session_no: str) -> str:
        order_no = session_no.replace("S", "O")
        return str(self.query(f'{{ order(no: "{order_no}") {{ state }} }}')["order"]["state"])


@pytest.fixture(scope="module")  # Its loop runs in this thread: no other test may find it.
def browser() -> Iterator[Browser]:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine, and `make test` could not install one")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def shop(migrated_url: str, tmp_path: Path) -> Iterator[Shop]:
    with ExitStack() as stack:
        outside = Outside(tmp_path / "outside", "--payer", "manual", "--faults", "none")
        stack.callback(outside.stop)
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = _settings(tmp_path, outside, port)
        with open_desk(migrated_url) as desk:
            today = shanghai_date(utc_us())
            opening = Request("open", utc_us(), "system:test", OpenBooks(today))
            desk.ledger.submit(opening).unwrap()
            key = create_key(desk.writes, "operator", None, utc_us)
        host, at, _ = stack.enter_context(
            running(migrated_url, "--port", str(port), settings=settings)
        )
        made = Shop(f"http://{host}:{at}", key, outside)
        stack.callback(made.close)
        made.open_market()
        yield made


def _settings(directory: Path, outside: Outside, port: int) -> dict[str, str]:
    keys = json.loads(outside.keys.read_text())
    networks = {name: row | {"base_url": outside.url} for name, row in keys["networks"].items()}
    whole = {"notify_url": f"http://127.0.0.1:{port}/callbacks", "networks": networks}
    whole["wechat"] = keys["wechat"] | {"base_url": outside.url}
    return with_vault(directory, whole)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A telephone's page, whose console must stay silent."""
    context = browser.new_context(viewport=PHONE, locale="zh-CN")  # type: ignore[arg-type]
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    yield opened
    context.close()
    assert said == []
