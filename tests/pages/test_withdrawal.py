"""A wallet's owner withdraws in a real browser: what is shown, a password or a code, the arrival
told by the stream, and no second withdrawal whatever is clicked."""

import re

from playwright.sync_api import Page, expect

from tests.api.rest.test_cards import ANN
from tests.pages.conftest import PHONE, Shop
from tests.pages.equipped import PASSWORD, WRONG, code_of, equip, until, wallet
from tests.pages.test_cashier import has_no_fault, on_sqlite, shows


def leaving(shop: Shop, session_no: str = "W1") -> str:
    """The address of a session in which Ann may withdraw from 100.00."""
    equip(shop, wallet_fen=10_000)
    body = {"session_no": session_no, "member_id": "ann", "return_url": f"{shop.url}/docs"}
    return f"{shop.url}{shop.post('/v1/withdrawal-sessions', body)['path']}"


def to_confirm(page: Page, link: str, yuan: str) -> None:
    page.goto(link)
    page.fill("#amount", yuan)
    page.get_by_role("button", name="下一步").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("确认提现")


def agree(page: Page) -> None:
    page.get_by_role("button", name="同意并提现").click()


def paid_out(shop: Shop) -> list[str]:
    return [one["state"] for one in shop.outside.book() if one["kind"] == "payout"]


def test_a_withdrawal_arrives_on_the_page(shop: Shop, page: Page) -> None:
    link = leaving(shop)
    page.goto(link)
    assert page.url == f"{shop.url}/withdraw/W1"
    expect(page.get_by_text("尾号 7894")).to_be_visible()
    for personal in ("100.00", "ann", ANN["phone"][-4:], ANN["name"]):
        expect(page.get_by_text(personal)).to_have_count(0)
    has_no_fault(page)
    to_confirm(page, link, "20")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    expect(page.get_by_text("¥20.00").first).to_be_visible()
    has_no_fault(page)
    page.fill("#password", PASSWORD)
    page.get_by_role("button", name="同意并提现").dblclick()
    shows(page, "arrived")  # By itself: nobody has reloaded.
    has_no_fault(page)
    until(lambda: wallet(shop) == 8_000)
    assert paid_out(shop) == ["SUCCEEDED"]
    page.go_back()
    page.reload()
    assert len(paid_out(shop)) == 1
    page.goto(link)
    page.get_by_role("link", name="返回").click()
    page.wait_for_url(re.compile(r"/docs\?session_no=W1&state=arrived&"))


@on_sqlite
def test_a_wrong_password_lets_nothing_leave_and_a_code_does(shop: Shop, page: Page) -> None:
    to_confirm(page, leaving(shop), "20")
    page.fill("#password", WRONG)
    agree(page)
    expect(page.get_by_role("alert")).to_contain_text("不正确")
    has_no_fault(page)
    assert (wallet(shop), paid_out(shop)) == (10_000, [])
    page.get_by_role("button", name="发送验证码").click()
    expect(page.get_by_text("验证码已发送")).to_be_visible()
    page.fill("#code", code_of(shop))
    agree(page)
    shows(page, "arrived")
    until(lambda: wallet(shop) == 8_000)
