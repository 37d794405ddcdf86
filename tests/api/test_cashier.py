"""The cashier's pages as a browser asks for them, on both databases."""

import html
import re
from base64 import urlsafe_b64decode
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from domain.cashier import session
from domain.kernel import MICROSECONDS
from domain.order import order
from domain.payment import payment
from tests.api.conftest import Server, problem
from tests.api.devices import Device

SCRIPT = "<script>alert(1)</script>"


class Payer(Device):
    """A device of the payer: it opens pages, and sends the forms that stand on them."""

    def __init__(self, server: Server, session_no: str = "S1") -> None:
        super().__init__(server, f"/pay/{session_no}")

    def form(self, page: str) -> dict[str, str]:
        return dict(re.findall(r'name="(attempt|page|token)" value="([^"]*)"', page))

    def choose(self, page: str, /, **more: str) -> Any:
        """What the browser does with the form of a page: the page it ends on."""
        sent = self.server.client.post(
            self.path, data={**self.form(page), **more}, follow_redirects=False
        )
        assert sent.status_code == 303, sent.text
        return self.get(sent.headers["location"])


def opened(server: Server, role: str = "merchant", **more: Any) -> str:
    body = {"session_no": "S1", "order_no": "JD1", "return_url": "https://shop.example/o/1"}
    answer = server.ok("POST", "/v1/cashier-sessions", {**body, **more}, role=role)
    return str(answer["result"]["path"])


@pytest.fixture
def payer(market: Server) -> Payer:
    market.sell("JD1")
    return Payer(market)


def check_signed(server: Server, address: str, state: str) -> dict[str, str]:
    """As a shop checks it, with a library for signatures alone."""
    said = dict(parse_qsl(urlsplit(address).query))
    public = server.client.get("/v1/cashier-keys").json()[said["key"]]
    key = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(public + "="))
    text = "\n".join((said["session_no"], said["state"], said["at"])).encode()
    key.verify(urlsafe_b64decode(said["signature"] + "=="), text)
    assert said["state"] == state
    with pytest.raises(InvalidSignature):
        key.verify(urlsafe_b64decode(said["signature"] + "=="), text + b"0")
    return said


def tell(server: Server, number: str, **outcome: str) -> None:
    path = f"/v1/instructions/pay-{number}/outcome"
    server.ok("POST", path, outcome, key=f"{number}-{next(iter(outcome))}")


def test_an_order_is_paid_by_the_method_that_was_chosen(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market))
    assert page.status_code == 200
    assert "¥89.00" in page.text and "nuts" in page.text
    assert re.findall(r'value="([A-Z_]+)" required', page.text) == [
        "WECHAT_PAY",
        "JD_PAY",
        "CLOUD_QUICKPASS",
    ]
    waiting = payer.choose(page.text, method="JD_PAY")
    assert 'class="scene waiting"' in waiting.text
    state = market.context.ledger.state(session.stream("S1"))
    assert state.last is not None and state.last.payment_no == "S1-1"
    tell(market, "S1-1", succeeded="J1")
    paid = payer.get()
    assert 'class="scene paid"' in paid.text
    (back,) = re.findall(r'href="(https://shop.example/[^"]+)"', paid.text)
    check_signed(market, html.unescape(back), "paid")
    assert market.context.ledger.state(order.stream("JD1")).status == "paid"


def test_a_second_click_another_tab_and_the_history_pay_once(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market)).text
    other = payer.get().text  # Another tab, with a page of its own.
    assert payer.form(page)["page"] != payer.form(other)["page"]
    payer.choose(page, method="JD_PAY")
    before = market.context.ledger.state(session.stream("S1"))
    for old, method in ((page, "JD_PAY"), (page, "WECHAT_PAY"), (other, "JD_PAY")):
        assert 'class="scene waiting"' in payer.choose(old, method=method).text
    told = payer.choose(other, method="CLOUD_QUICKPASS").text
    assert "页面已过期" in told
    assert market.context.ledger.state(session.stream("S1")) == before
    tell(market, "S1-1", succeeded="J1")
    for old in (page, other):
        assert 'class="scene paid"' in payer.choose(old, method="WECHAT_PAY").text
    assert market.context.ledger.version(payment.stream("S1-2")) == 0


def test_after_a_decline_another_method_may_be_chosen(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market)).text
    payer.choose(page, method="JD_PAY")
    tell(market, "S1-1", declined="over its limit")
    again = payer.get().text
    assert 'class="scene choose"' in again and "没有被扣款" in again
    assert "over its limit" not in again
    assert "页面已过期" in payer.choose(page, method="WECHAT_PAY").text
    payer.choose(again, method="WECHAT_PAY")
    tell(market, "S1-2", succeeded="W1")
    assert 'class="scene paid"' in payer.get().text


def test_not_knowing_offers_no_second_payment(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market)).text
    payer.choose(page, method="JD_PAY")
    tell(market, "S1-1", unknown="no answer")
    asking = payer.get().text
    assert 'class="scene unknown"' in asking and "<form" not in asking
    assert 'http-equiv="refresh"' in asking and "hx-get" in asking
    assert 'class="scene unknown"' in payer.choose(page, method="WECHAT_PAY").text
    assert market.context.ledger.version(payment.stream("S1-2")) == 0


def test_a_session_ends(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market, seconds=60)).text
    market.now_us += 60 * MICROSECONDS
    assert 'class="scene over"' in payer.get().text
    assert 'class="scene over"' in payer.choose(page, method="JD_PAY").text
    assert market.context.ledger.version(payment.stream("S1-1")) == 0


def test_the_way_back_keeps_what_the_shop_has_in_its_address(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market, seconds=60, return_url="https://shop.example/o?a=1&b=%20#x"))
    assert "https://shop.example" not in page.text  # Nothing has ended yet.
    market.now_us += 61 * MICROSECONDS
    (back,) = re.findall(r'href="(https://shop.example/[^"]+)"', payer.get().text)
    address = html.unescape(back)
    assert address.startswith("https://shop.example/o?a=1&b=%20&") and address.endswith("#x")
    assert check_signed(market, address, "over")["session_no"] == "S1"


def test_a_cancelled_session_takes_nothing_more(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market)).text
    body = {"reason": "the shop has closed"}
    market.ok("POST", "/v1/cashier-sessions/S1/cancel", body, role="merchant", key="c")
    assert 'class="scene over"' in payer.choose(page, method="JD_PAY").text


@pytest.mark.parametrize(
    "method", ["WALLET_BALANCE", "BANK_CARD", "BANK_TRANSFER", "BITCOIN", "", SCRIPT]
)
def test_what_is_not_offered_cannot_be_chosen(market: Server, payer: Payer, method: str) -> None:
    page = payer.follow(opened(market)).text
    told = payer.choose(page, method=method).text
    assert 'class="scene choose"' in told and 'role="alert"' in told
    assert SCRIPT not in told
    payer.choose(told, method="JD_PAY")  # And the number is not used up.
    assert market.context.ledger.version(payment.stream("S1-1"))


def test_what_a_browser_adds_changes_nothing(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market)).text
    told = payer.choose(page, method="JD_PAY", amount="0.01").text
    assert 'role="alert"' in told
    more = {"amount_fen": "1", "payer": "xiaohong", "order_no": "JD2", "return_url": "http://x"}
    payer.choose(told, method="JD_PAY", **more)
    started = market.context.ledger.state(payment.stream("S1-1")).started
    assert started is not None
    assert (started.amount_fen, started.payer, started.reference) == (8_900, "xiaoming", "JD1")


def test_a_form_of_another_session_or_none_is_refused(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market)).text
    market.sell("JD2")
    second = Payer(market, "S2")
    other = second.follow(opened(market, session_no="S2", order_no="JD2")).text
    foreign = {**payer.form(other), "method": "JD_PAY"}
    first = Payer(market)
    first.follow(opened(market))
    for form in (foreign, {"method": "JD_PAY"}, {"attempt": "1", "token": "1.ab", "page": "x"}):
        sent = market.client.post("/pay/S1", data=form, follow_redirects=False)
        assert sent.headers["location"] == "/pay/S1?note=old_page"
    assert market.context.ledger.version(payment.stream("S1-1")) == 0
    first.choose(page, method="JD_PAY")
    assert market.context.ledger.version(payment.stream("S1-1"))


@pytest.mark.parametrize("token", ["", "1", "1.", "1.00", "9.{mac}", "01.{mac}", "1.{MAC}", "x.é"])
def test_a_link_that_is_not_ours_opens_nothing(market: Server, payer: Payer, token: str) -> None:
    path = opened(market)
    mac = path.rpartition(".")[2]
    wrong = token.format(mac=mac[::-1], MAC=mac.upper())
    assert payer.get(f"/pay/S1/{wrong}").status_code in (403, 404)
    assert payer.get().status_code == 403
    assert payer.get("/pay/S1/scene").status_code == 403
    sent = market.client.post("/pay/S1", data={"method": "JD_PAY"}, follow_redirects=False)
    assert sent.status_code == 403
    # A link opens its own session and no other.
    market.sell("JD2")
    opened(market, session_no="S2", order_no="JD2")
    assert payer.get(f"/pay/S2/{path.rpartition('/')[2]}").status_code == 403


def test_a_page_holds_no_secret_and_is_told_to_hold_still(market: Server, payer: Payer) -> None:
    path = opened(market)
    page = payer.follow(path)
    policy = page.headers["content-security-policy"]
    assert "'unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    token = path.rpartition("/")[2]
    assert token not in page.text
    assert not re.search(r"<[^>]+ (style|on[a-z]+)=", page.text)
    assert not re.search(r"<script(?! src=)", page.text)
    cookie = payer.get(path).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/pay/s1" in cookie


def test_what_a_merchant_writes_is_shown_as_text(market: Server) -> None:
    line = {"merchant": "SQUIRRELS", "amount_fen": 100, "subject": SCRIPT + "\"'&"}
    market.ok("POST", "/v1/orders", {"order_no": "JD1", "buyer": "xiaoming", "lines": [line]})
    page = Payer(market).follow(opened(market)).text
    assert SCRIPT not in page and "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;" in page


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("en-GB,en;q=0.9", "en"),
        ("fr,en;q=0.5,zh;q=0.8", "zh-CN"),
        ("", "zh-CN"),
        (";;q=x", "zh-CN"),
    ],
)
def test_the_browsers_language_and_a_switch(
    market: Server, payer: Payer, accepted: str, language: str
) -> None:
    payer.follow(opened(market))
    market.client.cookies.delete("zf_lang")
    assert f'<html lang="{language}">' in payer.get(**{"accept-language": accepted}).text
    other = "zh" if language == "en" else "en"
    switched = payer.get(f"{payer.path}?lang={other}", **{"accept-language": accepted}).text
    assert f'<html lang="{"zh-CN" if other == "zh" else "en"}">' in switched
    assert payer.get(**{"accept-language": accepted}).text.count(f'lang="{other}') >= 1


def test_who_may_open_a_session(market: Server, payer: Payer) -> None:
    path, body = "/v1/cashier-sessions", {"session_no": "S9", "order_no": "JD1"}
    problem(market.send("POST", path, body, role="stranger"), 403, "not_allowed", "Authorization")
    problem(market.send("POST", path, body, role="auditor"), 403, "not_allowed", "Authorization")
    wallet = {"session_no": "S9", "member_id": "xiaoming"}
    problem(market.send("POST", path, wallet, role="merchant"), 403, "not_allowed", "Authorization")
    first = market.ok("POST", path, body, role="merchant")
    again = market.ok("POST", path, body, role="merchant")
    assert (again["replayed"], again["result"]) == (True, first["result"])
    other = market.send("POST", path, {**body, "seconds": 61}, role="merchant")
    problem(other, 409, "request_conflict", "request")
    taken = market.send("POST", path, {**body, "return_url": "https://x.example"}, key="k")
    problem(taken, 409, "session_exists", "session_no")


@pytest.mark.parametrize(
    ("more", "code", "field"),
    [
        ({"return_url": "javascript:alert(1)"}, "request_invalid", "return_url"),
        ({"return_url": "https://x.example/\r\nSet-Cookie: a=b"}, "text_invalid", "return_url"),
        ({"return_url": "https://[shop"}, "request_invalid", "return_url"),
        ({"return_url": "https://shop.example]/"}, "request_invalid", "return_url"),
        ({"return_url": "https://[1:2]/x"}, "request_invalid", "return_url"),
        ({"return_url": "https://shop.example:99999/"}, "request_invalid", "return_url"),
        ({"return_url": "https://a@b.example/"}, "request_invalid", "return_url"),
        ({"seconds": 59}, "request_invalid", "seconds"),
        ({"seconds": 86_401}, "request_invalid", "seconds"),
        ({"member_id": "xiaoming"}, "request_invalid", "order_no"),
        ({"order_no": ""}, "request_invalid", "order_no"),
        ({"amount_fen": 1}, "request_invalid", "amount_fen"),
        ({"session_no": "S" * 49}, "identifier_invalid", "session_no"),
        ({"order_no": "JD404"}, "order_not_found", "order_no"),
        ({"order_no": "", "member_id": "SQUIRRELS"}, "member_kind_wrong", "member_id"),
        (
            {"order_no": "", "member_id": "xiaoming", "amount_fen": 0},
            "amount_invalid",
            "amount_fen",
        ),
    ],
)
def test_a_session_that_cannot_be_is_not_opened(
    market: Server, payer: Payer, more: dict[str, Any], code: str, field: str
) -> None:
    body = {"session_no": "S1", "order_no": "JD1", **more}
    response = market.send("POST", "/v1/cashier-sessions", body)
    problem(response, response.status_code, code, field)


def test_without_a_vault_there_is_no_cashier(market: Server, payer: Payer) -> None:
    market.vault_key = ""
    market.restart()
    body = {"session_no": "S1", "order_no": "JD1"}
    problem(
        market.send("POST", "/v1/cashier-sessions", body),
        409,
        "vault_locked",
        "ZHANGFANG_VAULT_KEY",
    )
    assert payer.get("/pay/S1").status_code == 404


def test_what_a_merchant_has_not_signed_is_shown_with_its_reason(market: Server) -> None:
    terms = {"products": ["ESCROW_PURCHASE"], "methods": [{"code": "JD_PAY", "most_fen": 5_000}]}
    body = {
        "member_id": "BOOKS",
        "kind": "enterprise",
        "name": "Books",
        "fee_rule": {"rate_bps": 60},
        "settlement_cycle": "T+1",
        "agreement": terms,
    }
    market.ok("POST", "/v1/members", body)
    for order_no, amount_fen in (("B1", 5_000), ("B2", 5_001)):
        market.sell(order_no, "BOOKS", amount_fen)
    page = Payer(market).follow(opened(market, "operator", order_no="B1")).text
    assert re.findall(r'value="([A-Z_]+)" required( disabled)?', page) == [
        ("WECHAT_PAY", " disabled"),
        ("JD_PAY", ""),
        ("CLOUD_QUICKPASS", " disabled"),
    ]
    assert page.count("商户未开通") == 2
    second = Payer(market, "S2")
    page = second.follow(opened(market, "operator", session_no="S2", order_no="B2")).text
    assert "超过商户的限额" in page
    told = second.choose(page, method="WECHAT_PAY").text  # Whatever the page allows.
    assert 'role="alert"' in told
    assert market.context.ledger.version(payment.stream("S2-1")) == 0


@pytest.mark.parametrize("attempt", ["\u00b2", "-1", "1e3", "9" * 30, "", "\uff11", "0x1", " 1"])
def test_an_attempt_that_is_no_number_is_an_old_page(
    market: Server, payer: Payer, attempt: str
) -> None:
    page = payer.follow(opened(market)).text
    assert "页面已过期" in payer.choose(page, method="JD_PAY", attempt=attempt).text


def test_who_has_the_link_cannot_fill_the_ledger(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market)).text
    before = market.context.ledger.head()
    for _ in range(3):  # What is not offered is refused without a receipt.
        page = payer.choose(page, method="BANK_CARD").text
    assert market.context.ledger.head() == before
    told = [payer.choose(page, method="BANK_CARD").text for _ in range(30)]
    assert "操作过于频繁" in told[-1] and "操作过于频繁" not in told[0]
    market.sell("JD2")  # Another session is not held up by that.
    second = Payer(market, "S2")
    fresh = second.follow(opened(market, session_no="S2", order_no="JD2")).text
    assert 'class="scene waiting"' in second.choose(fresh, method="JD_PAY").text


def test_an_address_with_a_bracket_may_be_gone_back_to(market: Server, payer: Payer) -> None:
    page = payer.follow(opened(market, seconds=60, return_url="http://[::1]:8080/o?a=1"))
    assert page.status_code == 200
    market.now_us += 61 * MICROSECONDS
    assert "http://[::1]:8080/o?a=1&amp;session_no=S1" in payer.get().text
