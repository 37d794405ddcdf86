"""Ways through a payment that people take: the keyboard alone, back, reload, too late, another
device. Shots of the scenes for the docs are taken on request (`ZHANGFANG_SHOTS`)."""

import re

from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.cli.opening import open_desk
from domain.cashier.commands import OpenSession
from domain.cashier.session import LEAST_S
from domain.kernel import MICROSECONDS, Request
from domain.ledger.ledger import utc_us
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


def of_earlier(shop: Shop, url: str) -> tuple[str, str]:
    """An order's session with the shortest time, most of which has passed: it ends in 15 seconds.
    Asked for again over REST, it is the same."""
    order_no = shop.place(900)
    wish = OpenSession("S900", order_no, return_url=f"{shop.url}/docs", seconds=LEAST_S)
    at_us = utc_us() - (LEAST_S - 15) * MICROSECONDS
    with open_desk(url) as desk:
        desk.ledger.submit(Request("earlier", at_us, "system:test", wish)).unwrap()
    return shop.session(900, order_no=order_no, seconds=LEAST_S)


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
def test_a_session_whose_time_is_up_takes_nothing_and_leads_back(
    shop: Shop, page: Page, migrated_url: str
) -> None:
    session_no, link = of_earlier(shop, migrated_url)
    still = page.context.new_page()  # It does not count: so it can send what comes too late.
    still.route("**/static/cashier.js", lambda route: route.abort())
    for one in (still, page):
        one.goto(link)
        expect(one.get_by_text("请在此时间前支付")).to_be_visible()
    shows(page, "over")  # By itself.
    choose(still, "JD_PAY")
    shows(still, "over")
    has_no_fault(page)
    assert [one for one in shop.outside.book() if one["kind"] == "payment"] == []
    page.get_by_role("link", name="返回商户").click()
    page.wait_for_url(re.compile(rf"/docs\?session_no={session_no}&state=over&"))
    page.goto(link)  # The link is good for looking, and for nothing else.
    shows(page, "over")
    assert page.get_by_role("button").count() == 0


@on_sqlite
def test_the_time_that_is_left_runs_down_and_its_end_is_shown(shop: Shop, page: Page) -> None:
    page.clock.install()
    _, link = shop.order(seconds=60)
    page.goto(link)
    timer = page.get_by_role("timer")
    expect(timer).to_have_text(re.compile(r"^00:(5[0-9]|60)$"))
    page.clock.run_for(20_000)
    expect(timer).to_have_text(re.compile(r"^00:[34][0-9]$"))
    has_no_fault(page)
    with page.expect_navigation():  # The server is asked, and knows better than our clock.
        page.clock.run_for(45_000)
    shows(page, "choose")
    expect(timer).to_have_text(re.compile(r"^00:[0-9]{2}$"))


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
