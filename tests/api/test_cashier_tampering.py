"""What a browser, a shop or somebody with a stolen link may send to the cashier's pages: changed
amounts, foreign sessions, replayed links, missing and stale tokens, markup in every text. It is
refused, or shown as text, and moves no money. On both databases."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from api.web.showing import POLICY
from domain.accounting import account
from domain.cashier import session
from domain.kernel import MICROSECONDS
from domain.payment import payment, withdrawal
from tests.api.conftest import Server
from tests.api.rest.test_cards import ANN, bind
from tests.api.test_cashier import Payer, opened, tell
from tests.api.test_cashier_withdrawal import PASSWORD, Owner
from tests.api.test_cashier_withdrawal import opened as withdrawal_opened
from tests.shops import USUAL_JSON

MARKUP = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' autofocus onfocus=alert(1) x='",
    "</title></h1><svg/onload=alert(1)>",
    "<!--",
    "]]><style>body{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "&#60;script&#62;&lt;b&gt;",
    "javascript:alert(1)",
    '"hx-get="/v1/members',
    "data: x\n\nevent: ended",
    "\u2028<b>\u2029",
)


class Shape(HTMLParser):
    """What a page is built of: tags, and attributes with their values, without the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def shape(page: str) -> Shape:
    found = Shape()
    found.feed(page)
    return found


def is_harmless(page: str, plain: str) -> None:
    """Of the same tags and attributes as a page with an ordinary text, and no other links."""
    found, wanted = shape(page), shape(plain)
    assert found.tags == wanted.tags
    assert not [link for link in found.links if link.lower().startswith(("javascript", "data"))]


def sold(server: Server, number: int, subject: str, merchant: str = "SQUIRRELS") -> str:
    """The page of an order with this subject; "" when the order was refused."""
    line = {"merchant": merchant, "amount_fen": 100, "subject": subject}
    body = {"order_no": f"M{number}", "buyer": "xiaoming", "lines": [line]}
    answer = server.send("POST", "/v1/orders", body)
    if answer.status_code != 201:
        assert 400 <= answer.status_code < 500, answer.text
        return ""
    path = opened(server, "operator", session_no=f"S{number}", order_no=f"M{number}")
    return str(Payer(server, f"S{number}").follow(path).text)


# Texts.


def test_markup_in_a_subject_is_text(market: Server) -> None:
    plain, shown = sold(market, 0, "nuts"), 0
    for number, text in enumerate(MARKUP, 1):
        page = sold(market, number, text)
        if page:
            is_harmless(page, plain)
            assert text in shape(page).text
            shown += 1
    assert shown >= 8  # Control characters are refused, most else is a name that somebody has.


def test_markup_in_a_merchants_name_is_text(market: Server) -> None:
    plain, shown = sold(market, 0, "nuts"), 0
    terms = {"fee_rule": {"rate_bps": 60}, "settlement_cycle": "T+1", "agreement": USUAL_JSON}
    for number, text in enumerate(MARKUP, 1):
        body = {"member_id": f"SHOP{number}", "kind": "enterprise", "name": text, **terms}
        if market.send("POST", "/v1/members", body).status_code == 201:
            page = sold(market, number, "nuts", f"SHOP{number}")
            is_harmless(page, plain)
            assert text in shape(page).text
            shown += 1
    assert shown >= 8


@pytest.mark.parametrize("field", ["order_no", "session_no", "member_id"])
def test_markup_in_a_number_is_refused(market: Server, field: str) -> None:
    market.sell("JD1")
    for n, text in enumerate(MARKUP):
        body: dict[str, Any] = {"session_no": f"N{n}", "order_no": "JD1"}
        if field == "member_id":
            body.pop("order_no")
        answer = market.send("POST", "/v1/cashier-sessions", {**body, field: text}, key=f"k{n}")
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"


def test_markup_in_a_return_address_is_refused_or_stays_an_address(market: Server) -> None:
    market.sell("JD1")
    plain = ""
    for n, text in enumerate(("a=1", *MARKUP)):
        for address in (text, f"https://shop.example/?{text}", f"https://shop.example/{text}"):
            number = f"R{n}x{len(address)}"
            body = {"session_no": number, "order_no": "JD1", "return_url": address, "seconds": 60}
            answer = market.send("POST", "/v1/cashier-sessions", body, key=f"{n}{address[-9:]!a}")
            if answer.status_code != 201:
                assert 400 <= answer.status_code < 500, answer.text
                continue
            assert address.startswith("https://shop.example/")
            payer = Payer(market, number)
            payer.follow(answer.json()["result"]["path"])
            market.now_us += 60 * MICROSECONDS
            page = payer.get().text
            assert 'class="scene over"' in page
            plain = plain or page
            is_harmless(page, plain)
            back = [link for link in shape(page).links if "shop.example" in link]
            assert len(back) == 1 and back[0].startswith("https://shop.example/")


@pytest.mark.parametrize("name", ["note", "why", "lang", "seen", "at", "amount", "card", "speed"])
def test_markup_in_an_address_is_shown_nowhere(market: Server, name: str) -> None:
    market.sell("JD1")
    payer = Payer(market)
    plain = payer.follow(opened(market)).text
    for text in MARKUP:
        for also in ({}, {"note": "refused"}, {"note": "factor"}):
            query = {**also, name: text}
            for part in ("", "/scene"):
                answer = market.client.get(payer.path + part, params=query)
                page = re.sub(r"[0-9a-f]{16,}", "", answer.text)  # 49 may stand in a token.
                assert answer.status_code == 200
                assert "alert(1)" not in page and "7 * 7" not in page
                if not also and not part:
                    is_harmless(page, plain)


# Sessions, links and tokens.


def routes_of(base: str) -> list[tuple[str, str]]:
    more = [("GET", f"{base}/confirm"), ("POST", f"{base}/confirm")]
    mine = [("GET", base), ("GET", f"{base}/scene"), ("GET", f"{base}/live")]
    return [*mine, *([("POST", base)] if base.startswith("/pay") else more)]


def test_a_session_is_opened_by_its_own_cookie_alone(market: Server) -> None:
    market.sell("JD1")
    market.sell("JD2")
    first, second = opened(market), opened(market, session_no="S2", order_no="JD2")
    leaving = withdrawal_opened(market, "W1")
    tokens = [link.rpartition("/")[2] for link in (first, second, leaving)]
    cookies = {"/pay/S1": "zf_pay", "/withdraw/W1": "zf_withdraw"}
    for base, cookie in cookies.items():
        own = tokens[0] if base == "/pay/S1" else tokens[2]
        wrong = ["", *(one for one in tokens if one != own), own[:-1], own + "0", own.upper()]
        for token in (*wrong, "1.", ".", f"9{own}", own.replace(".", "..")):
            for method, path in routes_of(base):
                market.client.cookies.clear()
                headers = {"cookie": f"{cookie}={token}"}
                how: Any = {"headers": headers, "follow_redirects": False}
                answer = market.client.request(method, path, **how)
                assert answer.status_code == 403, (path, token)
                assert "JD1" not in answer.text and "¥" not in answer.text


def test_a_link_that_is_opened_again_shows_what_has_become_of_it(market: Server) -> None:
    market.sell("JD1")
    link = opened(market)
    payer = Payer(market)
    page = payer.follow(link).text
    payer.choose(page, method="JD_PAY")
    tell(market, "S1-1", succeeded="J1")
    head = market.context.ledger.head()
    thief = Payer(market)  # Another device, with the link from somebody's history.
    shown = thief.follow(link).text
    assert 'class="scene paid"' in shown and "<form" not in shown
    for old in (page, shown):
        assert 'class="scene paid"' in thief.choose(old, method="WECHAT_PAY").text
    assert market.context.ledger.head() == head


FORMS = {
    "no token": {"token": ""},
    "no page": {"page": ""},
    "no attempt": {"attempt": ""},
    "another attempt": {"attempt": "2"},
    "another page": {"page": "0123456789abcdef"},
    "a cut token": {"token": "1.00"},
    "the link as a token": {"token": "LINK"},
    "another version": {"token": "2.VALUE"},
    "a long token": {"token": "1." + "0" * 2_000},
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_without_its_token_pays_nothing(market: Server, form: str) -> None:
    market.sell("JD1")
    link = opened(market)
    payer = Payer(market)
    page = payer.follow(link).text
    mine = payer.form(page)["token"].partition(".")[2]
    wrong = {
        name: value.replace("LINK", link.rpartition("/")[2]).replace("VALUE", mine)
        for name, value in FORMS[form].items()
    }
    told = payer.choose(page, method="JD_PAY", **wrong).text
    assert "页面已过期" in told
    assert market.context.ledger.state(session.stream("S1")).attempts == 0
    assert market.context.ledger.version(payment.stream("S1-1")) == 0


def test_a_stale_token_and_a_token_in_the_address_pay_nothing(market: Server) -> None:
    market.sell("JD1")
    payer = Payer(market)
    page = payer.follow(opened(market)).text
    form = {**payer.form(page), "method": "JD_PAY"}
    market.client.get(payer.path, params=form)  # An image on another site could ask for that.
    sent = market.client.post(payer.path, params=form, follow_redirects=False)
    assert sent.headers["location"].endswith("note=old_page")
    for body, kind in ((b"{}", "application/json"), (b"\xff\xfe", "text/plain"), (b"", "")):
        headers = {"content-type": kind}
        sent = market.client.post(payer.path, content=body, headers=headers, follow_redirects=False)
        assert sent.status_code < 500
    assert market.context.ledger.state(session.stream("S1")).attempts == 0
    payer.choose(page, method="JD_PAY")
    tell(market, "S1-1", declined="no")
    payer.choose(page, method="JD_PAY")  # It was for attempt 1.
    assert market.context.ledger.state(session.stream("S1")).attempts == 1


MORE = (
    {"amount": "0.01"},
    {"amount_fen": "1"},
    {"legs": '[{"method":"JD_PAY","amount_fen":1}]'},
    {"reference": "JD2", "order_no": "JD2", "session_no": "S2"},
    {"payer": "xiaohong", "member_id": "xiaohong"},
    {"purpose": "recharge"},
    {"return_url": "https://thief.example"},
    {"attempt_": "9", "payment_no": "P9"},
)


@pytest.mark.parametrize("more", MORE)
def test_what_is_paid_comes_from_the_books(market: Server, more: dict[str, str]) -> None:
    market.sell("JD1")
    payer = Payer(market)
    page = payer.follow(opened(market)).text
    payer.choose(page, method="JD_PAY", **more)
    payer.choose(payer.get().text, method="JD_PAY")
    started = market.context.ledger.state(payment.stream("S1-1")).started
    assert started is not None
    what = (started.purpose, started.reference, started.payer, started.amount_fen)
    assert what == ("order", "JD1", "xiaoming", 8_900)
    kept = market.context.ledger.state(session.stream("S1")).opened
    assert kept is not None and kept.return_url == "https://shop.example/o/1"


def test_a_recharge_of_its_own_amount_takes_no_other(market: Server) -> None:
    payer = Payer(market)
    link = opened(market, "operator", order_no="", member_id="xiaoming", amount_fen=5_000)
    page = payer.follow(link).text
    assert 'name="amount"' not in page
    told = payer.choose(page, method="JD_PAY", amount="0.01").text
    assert 'role="alert"' in told
    assert market.context.ledger.version(payment.stream("S1-1")) == 0


def test_who_has_a_withdrawals_link_lets_nothing_leave(market: Server) -> None:
    bind(market)
    body = {"payment_no": "G1", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": 9_000}
    market.ok("POST", "/v1/recharges", body)
    tell(market, "G1", succeeded="S1")
    market.ok("POST", "/v1/members/xiaoming/payment-password", {"payment_password": PASSWORD})
    thief = Owner(market)
    thief.follow(withdrawal_opened(market, "W1"))
    page = thief.confirm("50")
    for given in ({}, {"password": "111111"}, {"proof": "x"}, {"code": "000000"}):
        thief.send(page, **given)
    other = Owner(market, "W2")
    other.follow(withdrawal_opened(market, "W2"))
    foreign = other.confirm("50")
    thief = Owner(market)
    market.client.cookies.clear()
    thief.follow(f"/withdraw/W1/{withdrawal_opened(market, 'W1').rpartition('/')[2]}")
    assert "页面已过期" in thief.send(foreign, password=PASSWORD)  # Another session's page.
    assert market.context.ledger.state(withdrawal.stream("W1-1")).asked is None
    assert market.context.ledger.state(account.stream("2241.01.xiaoming")).balance_fen == 9_000


# What every answer has.


def test_every_answer_holds_still_and_tells_nobody(market: Server) -> None:
    bind(market)
    market.sell("JD1")
    payer = Payer(market)
    link, leaving = opened(market), withdrawal_opened(market, "W1")
    page = payer.follow(link)
    sent = market.client.post(payer.path, data=payer.form(page.text), follow_redirects=False)
    owner = Owner(market)
    answers = [
        *(payer.get(path) for path in ("/pay/S1", "/pay/S1/x.y", link, f"{link}0")),
        owner.follow(leaving),
        owner.on(owner.get("/withdraw/W1/confirm?card=1&amount=5")),
        *(owner.get(path) for path in (leaving, f"{leaving}0", "/withdraw/W1/scene")),
        page,
        sent,
    ]
    for answer in answers:
        headers = answer.headers
        assert answer.status_code in (200, 303, 403)
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        if answer.status_code != 303:
            assert headers["content-security-policy"] == POLICY
            assert not re.search(r"<[a-z][^>]*\s(style|on[a-z]+)=", answer.text)
            assert not re.search(r"<script(?! src=\"/static/)|<style", answer.text)
        said = answer.text + headers.get("location", "")
        for secret in ("xiaoming", *ANN.values(), link.rpartition("/")[2]):
            assert secret not in said
    assert "unsafe" not in POLICY and "*" not in POLICY and "http" not in POLICY
