"""A payer with a wallet, a bound card and a payment password, as the institution's systems and his
telephone make them."""

import re
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.api.rest.test_cards import ANN
from tests.pages.conftest import Shop

PASSWORD, WRONG = "271828", "314159"
SLOW_S = 20.0
SLOW_MS = SLOW_S * 1_000


def equip(shop: Shop, wallet_fen: int = 0) -> None:
    """Ann binds a card, sets a password, and fills her wallet."""
    shop.post("/v1/channels/UNIONPAY_CARD/register", {}, "unionpay")
    card = shop.post("/v1/members/ann/cards", ANN, "bind")["card"]
    code = until(lambda: texts(shop, "code"))[-1]
    shop.post(f"/v1/members/ann/cards/{card}/confirm", {"code": code}, "confirm")
    of_cards = '{ cards(memberId: "ann") { state } }'
    until(lambda: shop.query(of_cards)["cards"][0]["state"] == "bound")
    shop.send("/v1/members/ann/payment-password", {"payment_password": PASSWORD})
    if wallet_fen:
        body = {"payment_no": "R1", "member_id": "ann", "method": "JD_PAY"}
        shop.post("/v1/recharges", {**body, "amount_fen": wallet_fen})
        until(lambda: any(one["number"] == "pay-R1" for one in shop.outside.book()))
        shop.outside.act("pay", {"network": "jdpay", "number": "pay-R1"})
        until(lambda: wallet(shop) == wallet_fen)


def wallet(shop: Shop) -> int:
    """What is available in Ann's wallet, in fen."""
    found = shop.query('{ wallet(memberId: "ann") { available { minor } } }')["wallet"]
    return int(found["available"]["minor"])


def texts(shop: Shop, what: str) -> list[str]:
    """What came to Ann's telephone: a bank's codes, or our words."""
    told = shop.outside.get(f"/book/telephone?phone={ANN['phone']}")["messages"]
    return [str(one[what]) for one in told if what in one]


def code_of(shop: Shop) -> str:
    """The last one-time code of ours."""
    found = re.search(r"[0-9]{6}", texts(shop, "words")[-1])
    assert found is not None
    return found[0]


def until(asked: Callable[[], Any]) -> Any:
    """What is asked, as soon as there is something."""
    end = time.monotonic() + SLOW_S
    while not (found := asked()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)
    return found


def identify(page: Page, password: str = PASSWORD) -> None:
    """Through the part that is folded away on the cashier's page."""
    details = page.locator("details.own")
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    page.fill("#password", password)
    page.get_by_role("button", name=re.compile("^验证$|Show that")).click()


def pick(page: Page, method: str) -> None:
    """A method, up to the page that confirms."""
    page.check(f"input[value='{method}']")
    page.get_by_role("button", name=re.compile("^确认支付$|^Pay$")).click()
    expect(page.locator(".scene.confirm")).to_be_visible(timeout=SLOW_MS)


def agree(page: Page, password: str = PASSWORD) -> None:
    page.fill("#password", password)
    page.get_by_role("button", name=re.compile("^确认支付 ¥|^Pay ¥")).click()
