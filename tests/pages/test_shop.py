"""The shop in the box, clicked through: what `zhangfang run` starts beside the server."""

import re
import signal
import socket
import sqlite3
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.cli.terminal import Terminal
from tests.api.cli.test_serve import first_answer
from tests.pages.conftest import PHONE
from tests.pages.test_cashier import SLOW_MS, choose, has_no_fault, shows
from tests.servers import wait_until

WAIT_S = 60


class Running:
    """What a `run` prints, and its process."""

    def __init__(self, process: Any) -> None:
        self.process = process
        begun = first_answer(process)
        self.shop: str = begun["shop"]["url"]
        self.simulator: str = begun["simulator"]["url"]
        self.directory = Path(begun["shop"]["directory"])
        self.first = next(iter(begun))

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.shop}{path}", timeout=20) as answer:
            text: str = answer.read().decode()
            return text

    def is_ready(self) -> bool:
        """Whether the institution tells the shop of all three merchants."""
        return self.get("/").count(" active") == 3


@pytest.fixture
def lone(tmp_path: Path) -> Terminal:
    return Terminal(f"sqlite:///{tmp_path / 'lone.db'}")


@contextmanager
def run(terminal: Terminal, port: int = 0) -> Iterator[Running]:
    with terminal.process("run", "--port", str(port), "--json") as process:
        running = Running(process)
        assert wait_until(running.is_ready, WAIT_S)
        yield running


def ended(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return False
    except OSError:
        return True


def buys(page: Page, shop: str, *skus: str) -> str:
    """Chooses goods and goes to the cashier; the order's number."""
    page.goto(shop)
    for sku in skus:
        page.check(f"input[value={sku}]")
    page.get_by_role("button", name="去收银台").click()
    page.wait_for_url(re.compile("/pay/"))
    return page.url.rpartition("/")[2].rpartition("-")[0]


def pays_at_the_bank(page: Page, what: str = "paid at once", *, scripts: bool = True) -> None:
    """On the channel's page, which opens beside the cashier's."""
    with page.expect_popup(timeout=SLOW_MS) as opened:
        page.get_by_role("link", name="前往支付").click(timeout=SLOW_MS)
    bank = opened.value
    if scripts:  # Axe is one.
        has_no_fault(bank)
    with bank.expect_navigation(timeout=SLOW_MS):  # One closed before its answer may hang for ever.
        bank.get_by_role("button", name=what, exact=True).click()
    bank.close()


def test_the_story_is_clicked_through(lone: Terminal, page: Page) -> None:
    with run(lone) as running:
        page.goto(running.shop)
        has_no_fault(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        order_no = buys(page, running.shop, "nuts-gift")
        choose(page, "JD_PAY")
        pays_at_the_bank(page)
        shows(page, "paid")
        page.get_by_role("link", name="返回商户").click()
        page.wait_for_url(f"{running.shop}/orders/{order_no}?note=signed")
        expect(page.get_by_role("status")).to_contain_text("已验证")
        expect(page.locator("#state")).to_have_text("paid", timeout=SLOW_MS)
        expect(page.locator("#back")).to_contain_text("paid")
        heard = page.locator(".events code")
        expect(heard.first).to_have_text("payment.succeeded", timeout=SLOW_MS)
        has_no_fault(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.get_by_role("button", name="确认收货").click()
        page.get_by_role("button", name="退款").click()
        expect(heard.first).to_have_text("refund.succeeded", timeout=SLOW_MS)
        expect(page.get_by_role("button", name="退款")).to_have_count(0)
        page.get_by_role("link", name="盒中店").click()
        expect(page.get_by_role("link", name=order_no)).to_be_visible()
        running.process.send_signal(signal.SIGTERM)
        running.process.communicate(timeout=60)
        assert ended(running.shop)
    assert running.first == "shop"  # Of everything that is printed.
    assert lone("verify").code == 0


def test_without_scripts_a_decline_and_several_merchants(lone: Terminal, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN", viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    with run(lone) as running:
        order_no = buys(page, running.shop, "tea-early", "book-food")
        choose(page, "CLOUD_QUICKPASS")
        pays_at_the_bank(page, "declined: the payer cancelled", scripts=False)
        shows(page, "choose")
        expect(page.get_by_role("alert")).to_contain_text("没有被扣款")
        choose(page, "JD_PAY")
        pays_at_the_bank(page, scripts=False)
        shows(page, "paid")
        page.get_by_role("link", name="返回商户").click()
        heard = page.locator(".events tbody tr")
        expect(heard.filter(has_text="payment.succeeded")).to_have_count(2, timeout=SLOW_MS)
        expect(heard.filter(has_text="payment.failed")).to_have_count(2)
        assert page.url.partition("?")[0] == f"{running.shop}/orders/{order_no}"
    context.close()


def test_after_kill_9_half_way_the_shop_shows_the_truth(lone: Terminal, page: Page) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with run(lone, port) as running:
        paid = buys(page, running.shop, "nuts-daily")
        choose(page, "JD_PAY")
        pays_at_the_bank(page)
        left = buys(page, running.shop, "tea-tin")
        choose(page, "JD_PAY")
        expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
        page.goto("about:blank")  # Its console stays silent.
        running.process.kill()
        assert wait_until(lambda: ended(running.shop) and ended(running.simulator), 30)
    with closing(sqlite3.connect(running.directory / "shop.db", isolation_level=None)) as db:
        assert db.execute("DELETE FROM secrets").rowcount == 3  # Lost: they have to be rotated.
    with run(lone, port) as again:
        assert again.shop == running.shop
        page.goto(f"{again.shop}/orders/{paid}")
        expect(page.locator("#state")).to_have_text("paid", timeout=3 * SLOW_MS)
        expect(page.locator(".events code").first).to_have_text(
            "payment.succeeded", timeout=3 * SLOW_MS
        )
        page.goto(f"{again.shop}/orders/{left}")
        expect(page.locator("#state")).to_have_text("paying")
        page.get_by_role("button", name="去收银台").click()
        shows(page, "waiting")  # The session it had: nothing is begun twice.
        pays_at_the_bank(page)
        shows(page, "paid")
        page.get_by_role("link", name="返回商户").click()
        expect(page.locator("#state")).to_have_text("paid", timeout=SLOW_MS)
        again.process.send_signal(signal.SIGTERM)
        again.process.communicate(timeout=60)
    book_is_once(again, lone)


def book_is_once(running: Running, terminal: Terminal) -> None:
    with terminal.process("run", "--port", "0", "--no-shop", "--json") as process:
        begun = first_answer(process)
        assert "shop" not in begun
        book = httpx2.get(f"{begun['simulator']['url']}/book?limit=1000", timeout=20).json()
    taken = [one for one in book["orders"] if one["number"].startswith("pay-BOX")]
    assert [(one["state"], len(one["charges"])) for one in taken] == 2 * [("SUCCEEDED", 1)]
    assert ended(running.shop)


def test_what_nobody_signed_is_not_believed(lone: Terminal) -> None:
    with run(lone) as running, httpx2.Client(base_url=running.shop, timeout=20) as client:
        link = client.post("/orders", data={"sku": "book-dream"}).headers["location"]
        order_no = link.split("/")[4].rpartition("-")[0]
        said = {"session_no": f"{order_no}-1", "state": "paid", "at": "1795940000", "key": "1"}
        for signature in ("", "AAAA", "é", "A" * 86, "*" * 86):
            forged = client.get(f"/orders/{order_no}", params=said | {"signature": signature})
            assert forged.headers["location"] == f"/orders/{order_no}?note=forged"
        shown = client.get(f"/orders/{order_no}?note=forged").text
        assert '<dd id="back">–</dd>' in shown and "没有" not in shown.partition("<main>")[0]
        event = {"id": "evt_1_SANZHI", "type": "payment.succeeded", "data": {"order_no": order_no}}
        hook = "/hooks/SANZHI"
        stale = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA"}
        for headers in ({}, stale, stale | {"webhook-timestamp": "never"}):
            assert client.post(hook, json=event, headers=headers).status_code == 401
        assert client.post("/hooks/NOBODY", json=event, headers=stale).status_code == 401
        assert client.post(hook, content=b"x" * 70_000).status_code == 413
        assert "payment.succeeded" not in client.get("/").text
        for path in ("/orders/NONE", "/orders/../../etc/passwd", "/nothing"):
            assert client.get(path).status_code == 404
        assert client.post(f"/orders/{order_no}/steal", data={}).status_code == 404
        refused = client.post(f"/orders/{order_no}/refund", data={"merchant": "SHUFANG"})
        assert refused.headers["location"].startswith(f"/orders/{order_no}?note=")
        assert "asked" not in refused.headers["location"]
        other = {"origin": "http://evil.example"}
        assert client.post("/orders", data={"sku": "tea-tin"}, headers=other).status_code == 403
        nothing = client.post("/orders", data={"sku": ["", "no-such", "' OR 1=1"]})
        assert nothing.headers["location"] == "/?note=nothing"
        assert client.post("/orders", content=b"sku=" + b"x" * 5_000).status_code == 303
        assert client.post("/orders", content=b"\xff\xfe=\xff").status_code == 303
        note = client.get(f"/orders/{order_no}", params={"note": "<script>alert(1)</script>"})
        assert "<script>" not in note.text
        keys = (running.directory / "shop.json").read_text()
        assert not any(key in client.get("/").text for key in re.findall(r"zf_\w+", keys))
        modes = {path.name: path.stat().st_mode & 0o77 for path in running.directory.iterdir()}
        assert set(modes.values()) == {0}, modes
