"""The cashier in a real browser, with the outside over HTTP beside it."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.pages.conftest import PHONE, Shop
from tests.pages.equipped import until

SLOW_MS = 20_000
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def choose(page: Page, method: str) -> None:
    page.check(f"input[value={method}]")
    page.get_by_role("button").click()


def has_no_fault(page: Page) -> None:
    """Nothing serious or critical that axe knows of."""
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []


def shows(page: Page, kind: str) -> None:
    expect(page.locator(f".scene.{kind}")).to_be_visible(timeout=SLOW_MS)


def test_an_order_of_two_merchants_is_paid_by_a_code(shop: Shop, page: Page) -> None:
    session_no, link = shop.order(lines=2)
    page.goto(link)
    assert page.url == f"{shop.url}/pay/{session_no}"  # The link's secret is out of the address.
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_text("¥209.00")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    has_no_fault(page)
    choose(page, "WECHAT_PAY")
    expect(page.locator("svg.qr")).to_be_visible(timeout=SLOW_MS)
    has_no_fault(page)
    shop.act("pay", "wechat", session_no, kind="whole")
    shows(page, "paid")  # By itself: nobody has reloaded.
    has_no_fault(page)
    assert shop.order_state(session_no) == "paid"
    page.get_by_role("link", name="返回商户").click()
    page.wait_for_url(f"{shop.url}/docs?session_no={session_no}&state=paid&*")


def test_a_decline_is_told_and_another_method_pays(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    choose(page, "CLOUD_QUICKPASS")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.fail("quickpass", session_no)
    shows(page, "choose")
    expect(page.get_by_role("alert")).to_contain_text("没有被扣款")
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no, attempt=2)
    shows(page, "paid")


def test_two_tabs_a_second_click_reload_and_back_pay_once(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    other = page.context.new_page()
    other.goto(link)
    page.check("input[value=JD_PAY]")
    page.get_by_role("button").dblclick()
    shows(page, "waiting")
    choose(other, "CLOUD_QUICKPASS")
    shows(other, "waiting")
    expect(other.get_by_role("alert")).to_contain_text("页面已过期")
    page.go_back()
    page.reload()
    shows(page, "waiting")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")
    shows(other, "paid")
    other.reload()
    shows(other, "paid")
    payments = [one for one in shop.outside.book() if one["kind"] == "payment"]
    assert len(payments) == 1 and payments[0]["state"] == "SUCCEEDED"


@on_sqlite
def test_a_wallet_is_filled(shop: Shop, page: Page) -> None:
    session_no, link = shop.session(member_id="ann")
    page.goto(link)
    has_no_fault(page)
    page.fill("#amount", "12.5")
    choose(page, "JD_PAY")
    expect(page.get_by_text("¥12.50")).to_be_visible()
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")


@on_sqlite
def test_without_scripts_in_english_by_the_keyboard(shop: Shop, browser: Browser) -> None:
    session_no, link = shop.order()
    context = browser.new_context(java_script_enabled=False, locale="en-GB", viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link)
    expect(page.get_by_role("heading", level=1)).to_have_text("How would you like to pay?")
    page.keyboard.press("Tab")  # The switch of language.
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    shows(page, "waiting")
    expect(page.get_by_role("link", name="Continue to pay")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")
    context.close()


@on_sqlite
@pytest.mark.parametrize("subject", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>'])
def test_a_subject_is_text(shop: Shop, page: Page, subject: str) -> None:
    _, link = shop.order(subject=subject)
    page.goto(link)
    expect(page.get_by_text(subject, exact=True)).to_be_visible()
    assert page.locator("img").count() == 0


@on_sqlite
def test_a_session_that_was_cancelled_is_over(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    shop.post(f"/v1/cashier-sessions/{session_no}/cancel", {"reason": "sold out"}, "cancel")
    choose(page, "JD_PAY")
    shows(page, "over")
    has_no_fault(page)


@on_sqlite
def test_the_outside_charges_twice_and_the_page_says_paid(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")
    shop.act("charge-again", "jdpay", session_no)
    (back,) = until(lambda: refunds(shop))  # What was charged besides goes back.
    assert back["asked"] == 8_900
    page.reload()
    shows(page, "paid")
    assert shop.order_state(session_no) == "paid"


@on_sqlite
def test_what_was_declined_and_succeeds_late_goes_back(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    said = {"declined": "the bank says so"}  # Which is not so: the payer still has it there.
    shop.post(f"/v1/instructions/pay-{session_no}-1/outcome", said, "declined")
    shows(page, "choose")
    choose(page, "CLOUD_QUICKPASS")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "quickpass", session_no, attempt=2)
    shows(page, "paid")
    shop.act("pay", "jdpay", session_no)
    (back,) = until(lambda: refunds(shop))
    assert (back["network"], back["asked"]) == ("jdpay", 8_900)
    page.reload()
    shows(page, "paid")
    assert shop.order_state(session_no) == "paid"


@on_sqlite
def test_what_nobody_knows_is_asked_about_and_succeeds_late(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    other = page.context.new_page()
    other.goto(link)
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.outside.act("maintenance", {"network": "jdpay", "on": True})
    said = {"unknown": "the bank does not answer"}
    shop.post(f"/v1/instructions/pay-{session_no}-1/outcome", said, "unknown")
    shows(page, "unknown")
    has_no_fault(page)
    assert page.get_by_role("button").count() == 0
    choose(other, "CLOUD_QUICKPASS")  # From a page that was there before: it pays nothing.
    shows(other, "unknown")
    shop.outside.act("maintenance", {"network": "jdpay", "on": False})
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")  # By itself.
    shows(other, "paid")
    assert len([one for one in shop.outside.book() if one["kind"] == "payment"]) == 1


def refunds(shop: Shop) -> list[dict[str, Any]]:
    """What has gone back to payers, by the outside's book."""
    book = shop.outside.book()
    return [one for one in book if (one["kind"], one["state"]) == ("refund", "SUCCEEDED")]
