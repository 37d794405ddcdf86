"""Ways through a payment that people take: the keyboard alone, back, reload, too late, another
device. Shots of the scenes for the docs are taken on request (`ZHANGFANG_SHOTS`)."""

import re

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.pages.conftest import PHONE, Shop
from tests.pages.test_cashier import SLOW_MS, choose, has_no_fault, on_sqlite, shows


def focused(page: Page) -> str:
    """What has the focus: its tag, and its name or text."""
    return str(
        page.evaluate(
            "(() => { const one = document.activeElement;"
            " return one.tagName + ' ' + (one.value || one.textContent || '').trim(); })()"
        )
    )


def device(browser: Browser) -> tuple[BrowserContext, Page]:
    context = browser.new_context(viewport=PHONE, locale="zh-CN")  # type: ignore[arg-type]
    return context, context.new_page()


@on_sqlite
def test_the_keyboard_alone_pays(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    seen = []
    for _ in range(8):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        outline = page.evaluate(
            "getComputedStyle(document.activeElement).outlineStyle + ' ' "
            "+ getComputedStyle(document.activeElement.parentElement).outlineStyle"
        )
        assert "solid" in outline, seen  # Where one is can be seen.
        if seen[-1].startswith("INPUT"):
            break
    assert seen[0] == "A English" and seen[-1].startswith("INPUT")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    assert focused(page).startswith("BUTTON")
    page.keyboard.press("Enter")
    shows(page, "waiting")
    go_on = page.get_by_role("link", name="前往支付")
    expect(go_on).to_be_visible(timeout=SLOW_MS)
    go_on.focus()
    page.wait_for_timeout(3_000)
    assert focused(page).startswith("A 前往支付")  # Nothing takes the focus away while it waits.
    expect(page.locator("#scene[aria-live=polite]")).to_be_visible()  # What changes is read out.
    shop.act("pay", "jdpay" if "京东" in focused(page) else "quickpass", session_no)
    shows(page, "paid")
    page.keyboard.press("Tab")


@on_sqlite
def test_back_and_reload_send_nothing_again(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    choose(page, "JD_PAY")
    shows(page, "waiting")
    sent: list[str] = []
    page.on("request", lambda one: sent.append(one.method))
    page.reload()
    shows(page, "waiting")
    page.go_back()
    page.go_forward()
    page.reload()
    shows(page, "waiting")
    assert "POST" not in sent
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")
    page.go_back()
    page.reload()
    shows(page, "paid")
    assert [one["kind"] for one in shop.outside.book()] == ["payment"]


@on_sqlite
def test_a_session_whose_time_is_up_takes_nothing_and_leads_back(shop: Shop, page: Page) -> None:
    session_no, link = shop.order(seconds=60)
    page.goto(link)
    expect(page.get_by_text("请在此时间前支付")).to_be_visible()
    page.wait_for_timeout(61_000)
    choose(page, "JD_PAY")
    shows(page, "over")
    has_no_fault(page)
    assert [one for one in shop.outside.book() if one["kind"] == "payment"] == []
    page.get_by_role("link", name="返回商户").click()
    page.wait_for_url(re.compile(rf"/docs\?session_no={session_no}&state=over&"))
    page.goto(link)  # The link is good for looking, and for nothing else.
    shows(page, "over")
    assert page.get_by_role("button").count() == 0


@on_sqlite
def test_two_devices_see_one_payment(shop: Shop, browser: Browser) -> None:
    session_no, link = shop.order()
    (first, here), (second, there) = device(browser), device(browser)
    here.goto(link)
    there.goto(link)
    choose(here, "WECHAT_PAY")
    expect(here.locator("svg.qr")).to_be_visible(timeout=SLOW_MS)
    choose(there, "JD_PAY")
    expect(there.get_by_role("alert")).to_contain_text("页面已过期")
    expect(there.locator("svg.qr")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "wechat", session_no)
    for page in (here, there):
        shows(page, "paid")
    assert len([one for one in shop.outside.book() if one["kind"] == "payment"]) == 1
    first.close()
    second.close()
