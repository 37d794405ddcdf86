"""Pictures of each scene for docs/cashier.md, of a telephone's page: made anew by

    ZHANGFANG_SHOTS=docs/cashier pytest tests/pages/test_shots.py

and else not. What a scene shows is the other tests' matter; that there is a picture of each, and
that none is large, is tested always.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import Shop
from tests.pages.owning import PASSWORD, equip
from tests.pages.test_cashier import SLOW_MS, choose, on_sqlite, shows
from tests.source import ROOT

SHOTS = os.environ.get("ZHANGFANG_SHOTS", "")
KEPT = ROOT / "docs" / "cashier"
MOST_BYTES = 60 * 1024
SCENES = (
    "choose", "waiting-code", "waiting-link", "declined", "unknown", "paid", "over", "english",
    "recharge", "recharge-paid", "withdraw", "withdraw-confirm", "withdraw-arrived",
)  # fmt: skip
when_asked = pytest.mark.skipif(not SHOTS, reason="pictures are made when they are asked for")


def shoot(page: Page, name: str) -> None:
    assert name in SCENES
    Path(SHOTS).mkdir(parents=True, exist_ok=True)
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True, animations="disabled")


def test_there_is_a_small_picture_of_each_scene_and_the_docs_show_it() -> None:
    text = (ROOT / "docs" / "cashier.md").read_text()
    assert {one.stem for one in KEPT.glob("*")} == set(SCENES)
    for name in SCENES:
        assert (KEPT / f"{name}.png").stat().st_size <= MOST_BYTES, name
        assert f"cashier/{name}.png" in text, name


@on_sqlite
@when_asked
def test_shots_of_a_payment(shop: Shop, browser: Browser, page: Page) -> None:
    session_no, link = shop.order(lines=2)
    page.goto(link)
    shoot(page, "choose")
    page.goto(f"{shop.url}/pay/{session_no}?lang=en")
    shoot(page, "english")
    page.goto(f"{shop.url}/pay/{session_no}?lang=zh")
    choose(page, "WECHAT_PAY")
    expect(page.locator("svg.qr")).to_be_visible(timeout=SLOW_MS)
    shoot(page, "waiting-code")
    shop.act("pay", "wechat", session_no, kind="whole")
    shows(page, "paid")
    shoot(page, "paid")
    session_no, link = shop.order()
    page.goto(link)
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shoot(page, "waiting-link")
    shop.fail("jdpay", session_no)
    shows(page, "choose")
    shoot(page, "declined")
    shop.post(f"/v1/cashier-sessions/{session_no}/cancel", {"reason": "sold out"}, "cancel")
    page.reload()
    shows(page, "over")
    shoot(page, "over")


@on_sqlite
@when_asked
def test_a_shot_of_what_nobody_knows(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.outside.stop()  # Else it would say at once what it knows.
    said = {"unknown": "the bank does not answer"}
    shop.post(f"/v1/instructions/pay-{session_no}-1/outcome", said, "unknown")
    shows(page, "unknown")
    shoot(page, "unknown")


@on_sqlite
@when_asked
def test_shots_of_a_wallet(shop: Shop, page: Page) -> None:
    equip(shop, wallet_fen=10_000)
    session_no, link = shop.session(member_id="ann")
    page.goto(link)
    shoot(page, "recharge")
    page.fill("#amount", "50")
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")
    shoot(page, "recharge-paid")
    body = {"session_no": "W1", "member_id": "ann"}
    page.goto(f"{shop.url}{shop.post('/v1/withdrawal-sessions', body)['path']}")
    shoot(page, "withdraw")
    page.fill("#amount", "20")
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("确认提现")
    shoot(page, "withdraw-confirm")
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="同意并提现").click()
    shows(page, "arrived")
    shoot(page, "withdraw-arrived")
