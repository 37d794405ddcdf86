"""A page that waits is told of what happens, and asks only when it is not."""

import re

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.pages.conftest import PHONE, SLOW_MS, Shop, choose, on_sqlite, shows


def asked(page: Page) -> list[str]:
    """The last part of what the page has asked for, from now on."""
    found: list[str] = []

    def note(request: Request) -> None:
        found.append(request.url.partition("?")[0].rpartition("/")[2])

    page.on("request", note)
    return found


def test_a_page_is_told_without_asking(shop: Shop, page: Page) -> None:
    session_no, link = shop.order()
    page.goto(link)
    found = asked(page)
    choose(page, "WECHAT_PAY")
    expect(page.locator("svg.qr")).to_be_visible(timeout=SLOW_MS)
    page.wait_for_timeout(5_000)  # A page that polls would have asked twice.
    shop.act("pay", "wechat", session_no)
    shows(page, "paid")
    assert (found.count("live"), found.count("scene")) == (1, 0)
    page.wait_for_timeout(3_000)
    assert found.count("live") == 1  # It is not opened again: nothing more will come.


@on_sqlite
@pytest.mark.parametrize("fails", ["abort", "full"])
def test_a_page_that_cannot_be_told_asks(shop: Shop, browser: Browser, fails: str) -> None:
    session_no, link = shop.order()
    context = browser.new_context(viewport=PHONE, locale="zh-CN")  # type: ignore[arg-type]
    page = context.new_page()

    def turn_away(route: Route) -> None:
        if fails == "abort":
            route.abort()
        else:
            route.fulfill(status=503, headers={"Retry-After": "5"})

    page.route(re.compile("/live"), turn_away)
    page.goto(link)
    found = asked(page)
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")
    assert found.count("scene") >= 1
    context.close()


@on_sqlite
def test_a_stream_that_is_lost_is_found_again(shop: Shop, browser: Browser) -> None:
    session_no, link = shop.order()
    context = browser.new_context(viewport=PHONE, locale="zh-CN")  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link)
    found = asked(page)
    choose(page, "JD_PAY")
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    context.set_offline(True)
    page.wait_for_timeout(1_000)
    shop.act("pay", "jdpay", session_no)
    context.set_offline(False)
    shows(page, "paid")
    assert found.count("live") >= 1
    context.close()
