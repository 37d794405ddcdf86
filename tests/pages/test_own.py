"""A payer's own wallet and cards in a real browser, with the outside over HTTP beside it."""

from playwright.sync_api import Browser, Page, expect

from domain.channel.numbers import narrow_number
from tests.api.rest.test_cards import ANN
from tests.pages.conftest import PHONE, Shop
from tests.pages.equipped import (
    SLOW_MS,
    WRONG,
    agree,
    code_of,
    equip,
    identify,
    pick,
    until,
    wallet,
)
from tests.pages.test_cashier import choose, has_no_fault, on_sqlite, shows


def fits(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_wallet_pays_once_however_often_it_is_clicked(shop: Shop, page: Page) -> None:
    equip(shop, wallet_fen=30_000)
    session_no, link = shop.order()
    page.goto(link)
    for personal in ("300.00", "7894", ANN["phone"][-4:]):
        expect(page.get_by_text(personal)).to_have_count(0)
    page.locator("summary").click()
    has_no_fault(page)
    fits(page)
    identify(page)
    expect(page.get_by_text("钱包余额 ¥300.00")).to_be_visible(timeout=SLOW_MS)
    has_no_fault(page)
    fits(page)
    pick(page, "WALLET_BALANCE")
    expect(page.locator("tbody tr")).to_have_count(1)
    has_no_fault(page)
    fits(page)
    page.fill("#password", "271828")
    page.get_by_role("button", name="确认支付 ¥89.00").dblclick()
    shows(page, "paid")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert shop.order_state(session_no) == "paid"
    until(lambda: wallet(shop) == 21_100)
    page.go_back()
    page.reload()
    shows(page, "paid")


def test_a_bound_card_is_charged_and_refunded_to(shop: Shop, page: Page) -> None:
    equip(shop)
    session_no, link = shop.order(lines=2)  # 209.00: above what a password alone may charge.
    page.goto(link)
    identify(page)
    pick(page, "BANK_CARD:1")
    expect(page.get_by_text("尾号 7894")).to_be_visible()
    page.get_by_role("button", name="发送验证码").click()
    expect(page.get_by_role("alert")).to_contain_text("验证码已发送")
    has_no_fault(page)
    fits(page)
    page.fill("#code", code_of(shop))
    agree(page)
    shows(page, "paid")
    (paid,) = [one for one in shop.outside.book() if one["kind"] == "payment"]
    assert paid["party"] == {"kind": "card", "id": ANN["number"], "name": ANN["name"]}
    body = {"refund_no": "B1", "amount_fen": 8_900}
    order_no = session_no.replace("S", "O")
    shop.post(f"/v1/transactions/SQUIRRELS-{order_no}/refunds", body)
    refund = until(lambda: [one for one in shop.outside.book() if one["kind"] == "refund"])[0]
    assert refund["party"] == paid["party"]


def test_a_declined_rest_gives_the_wallets_part_back(shop: Shop, page: Page) -> None:
    equip(shop, wallet_fen=5_000)
    session_no, link = shop.order()
    page.goto(link)
    identify(page)
    expect(page.locator("input[value=WALLET_BALANCE]")).to_be_disabled(timeout=SLOW_MS)
    expect(page.get_by_text("余额不足")).to_be_visible()
    page.check("input[name=wallet]")
    pick(page, "JD_PAY")
    expect(page.locator("tbody tr")).to_have_count(2)
    for part in ("¥50.00", "¥39.00", "¥89.00"):
        expect(page.get_by_text(part, exact=True)).to_be_visible()
    has_no_fault(page)
    agree(page)
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    until(lambda: wallet(shop) == 0)
    wish = {"network": "jdpay", "number": f"pay2-{session_no}-1"}
    shop.outside.act("fail", {**wish, "code": "NOT_SUFFICIENT_FUNDS"})
    shows(page, "choose")
    until(lambda: wallet(shop) == 5_000)
    page.goto(link)  # What came by itself knows nothing of the payer's own.
    page.check("input[name=wallet]")
    pick(page, "CLOUD_QUICKPASS")
    agree(page)
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.outside.act(
        "pay", {"network": "quickpass", "number": narrow_number(f"pay2-{session_no}-2")}
    )
    shows(page, "paid")
    until(lambda: wallet(shop) == 0)


@on_sqlite
def test_wrong_passwords_lock_and_other_methods_go_on(shop: Shop, page: Page) -> None:
    equip(shop)
    session_no, link = shop.order()
    page.goto(link)
    for left in (4, 3, 2, 1):
        identify(page, WRONG)
        expect(page.get_by_role("alert")).to_contain_text(f"还可尝试 {left} 次", timeout=SLOW_MS)
    has_no_fault(page)
    identify(page, WRONG)
    expect(page.get_by_role("alert")).to_contain_text("已锁定")
    identify(page)
    expect(page.get_by_role("alert")).to_contain_text("已锁定")
    expect(page.get_by_text("7894")).to_have_count(0)
    page.check("input[value=JD_PAY]")
    page.get_by_role("button", name="确认支付").click()
    expect(page.get_by_role("link", name="前往支付")).to_be_visible(timeout=SLOW_MS)
    shop.act("pay", "jdpay", session_no)
    shows(page, "paid")


@on_sqlite
def test_a_wrong_password_charges_nothing_and_may_be_given_again(shop: Shop, page: Page) -> None:
    equip(shop, wallet_fen=10_000)
    _, link = shop.order()
    page.goto(link)
    identify(page)
    pick(page, "WALLET_BALANCE")
    agree(page, WRONG)
    expect(page.get_by_role("alert")).to_contain_text("还可尝试 4 次", timeout=SLOW_MS)
    expect(page.locator(".scene.confirm")).to_be_visible()
    assert wallet(shop) == 10_000
    agree(page)
    shows(page, "paid")


@on_sqlite
def test_two_tabs_that_both_confirm_charge_once(shop: Shop, page: Page) -> None:
    equip(shop, wallet_fen=30_000)
    _, link = shop.order()
    page.goto(link)
    identify(page)
    pick(page, "WALLET_BALANCE")
    other = page.context.new_page()
    other.goto(link)
    pick(other, "BANK_CARD:1")
    agree(page)
    shows(page, "paid")
    agree(other)
    shows(other, "paid")
    until(lambda: wallet(shop) == 21_100)
    assert [one for one in shop.outside.book() if one["network"] == "unionpay"] == []


@on_sqlite
def test_another_device_with_the_link_sees_nothing_of_it(
    shop: Shop, page: Page, browser: Browser
) -> None:
    equip(shop, wallet_fen=30_000)
    _, link = shop.order()
    page.goto(link)
    identify(page)
    expect(page.get_by_text("¥300.00")).to_be_visible(timeout=SLOW_MS)
    stranger = browser.new_context(viewport=PHONE, locale="zh-CN")  # type: ignore[arg-type]
    seen = stranger.new_page()
    seen.goto(link)
    expect(seen.locator("details.own")).to_have_count(1)
    expect(seen.get_by_text("300.00")).to_have_count(0)
    expect(seen.get_by_text("7894")).to_have_count(0)
    choose(page, "JD_PAY")
    stranger.close()


@on_sqlite
def test_without_scripts_in_english_by_the_keyboard(shop: Shop, browser: Browser) -> None:
    equip(shop, wallet_fen=30_000)
    _, link = shop.order()
    context = browser.new_context(java_script_enabled=False, locale="en-GB", viewport=PHONE)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(link)
    page.locator("summary").press("Enter")
    page.locator("#password").press_sequentially("271828")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Wallet ¥300.00")).to_be_visible(timeout=SLOW_MS)
    page.locator("input[value=WALLET_BALANCE]").press("Space")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Please confirm")
    page.locator("#password").press_sequentially("271828")
    page.keyboard.press("Enter")
    shows(page, "paid")
    context.close()
