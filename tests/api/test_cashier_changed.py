"""Forms, cookies and plans of the payer's own that were changed, come from elsewhere or are old:
on both databases nothing is shown, and nothing is charged."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.web.proving import COOKIE, KNOWN_S
from domain.kernel import MICROSECONDS
from domain.payment import payment
from domain.vault import factors
from tests.api.conftest import Server
from tests.api.owners import Owner, last, owner_of, spent
from tests.api.rest.test_factors import PASSWORD
from tests.api.test_cashier import opened, tell


@pytest.fixture
def owner(market: Server) -> Owner:
    return owner_of(market)


def test_after_ten_minutes_the_device_is_a_stranger_again(market: Server, owner: Owner) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    assert "¥300.00" in page
    market.now_us += KNOWN_S * MICROSECONDS
    assert "300.00" not in owner.get().text
    assert "请先验证身份" in owner.choose(page, method="WALLET_BALANCE").text


def test_what_a_device_was_given_opens_no_other_session(market: Server, owner: Owner) -> None:
    owner.identify(owner.follow(opened(market)).text)
    known = market.client.cookies.get(COOKIE)
    assert known is not None
    market.sell("JD2")
    second = Owner(market, "S2")
    second.follow(opened(market, session_no="S2", order_no="JD2"))
    until, _, token = known.partition(".")
    later = f"{int(until) + 1}.{token}"
    for cookie in (known, later, f"{until}.", f"{until}.{token[:-1]}0", "", ".", "x.1.ab"):
        market.client.cookies.set(COOKIE, cookie, path="/pay/S2")
        assert "300.00" not in second.get().text
        market.client.cookies.delete(COOKIE)


@pytest.mark.parametrize(
    "change",
    [
        {"plan": "WALLET_BALANCE.0.0.1"},
        {"plan": "JD_PAY.0.1.8900"},
        {"plan": ""},
        {"plan": "WALLET_BALANCE.0.0.8900.1"},
        {"plan": "BITCOIN.0.0.8900"},
        {"attempt": "2"},
        {"attempt": ""},
        {"page": "0123456789abcdef"},
        {"token": ""},
        {"token": "1.00"},
    ],
)
def test_a_plan_that_was_changed_charges_nothing(
    market: Server, owner: Owner, change: dict[str, str]
) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    asked = owner.choose(page, method="WALLET_BALANCE").text
    told = owner.charge(asked, password=PASSWORD, **change)
    assert "页面已过期" in told
    assert last(market) is None and spent(market) == 0


def test_forms_are_good_for_their_own_page_and_session(market: Server, owner: Owner) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    asked = owner.choose(page, method="WALLET_BALANCE").text
    assert "页面已过期" in owner.charge(page, password=PASSWORD)  # A form that confirms nothing.
    assert "页面已过期" in owner.identify(asked)
    market.sell("JD2")
    second = Owner(market, "S2")
    second.follow(opened(market, session_no="S2", order_no="JD2"))
    assert "页面已过期" in second.charge(asked, password=PASSWORD)
    assert "页面已过期" in second.identify(page)
    assert last(market) is None and last(market, "S2") is None and spent(market) == 0
    market.client.cookies.clear()  # Without the link: nothing at all.
    for path in ("/confirm", "/confirm/code", "/identify", "/identify/code"):
        sent = market.client.post(f"/pay/S1{path}", data=owner.form(asked))
        assert sent.status_code == 403


def test_a_page_of_before_the_attempt_is_an_old_one(market: Server, owner: Owner) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    asked = owner.choose(page, method="WALLET_BALANCE").text
    owner.choose(page, method="JD_PAY")
    assert "页面已过期" in owner.charge(asked, password=PASSWORD)
    tell(market, "S1-1", declined="over its limit")
    assert "页面已过期" in owner.charge(asked, password=PASSWORD)
    assert spent(market) == 0


@pytest.mark.parametrize(
    "query",
    [
        "",
        "method=WALLET_BALANCE&wallet=1",
        "method=BANK_CARD",
        "method=BANK_CARD:9",
        "method=BANK_CARD:x",
        "method=JD_PAY",
        "method=JD_PAY&wallet=1",  # The wallet pays it alone.
        "method=BITCOIN&wallet=1",
        "method=%3Cscript%3E",
        "method=BANK_CARD:1&amount=0.01&wallet=1",
    ],
)
def test_what_was_not_offered_is_not_confirmed(market: Server, owner: Owner, query: str) -> None:
    owner.identify(owner.follow(opened(market)).text)
    answer = owner.get(f"{owner.path}/confirm?{query}")
    if query.startswith("method=WALLET_BALANCE"):
        assert answer.status_code == 200 and "¥89.00" in answer.text
        return
    assert answer.status_code == 303
    told = owner.get(answer.headers["location"]).text
    assert 'role="alert"' in told and "<script>alert" not in told


BODIES = (
    b"",
    b"\xff\xfe",
    b'{"password":"271828"}',
    b"a=1&" * 30,
    b"x" * 5_000,
    b"attempt=1&page=x&plan=WALLET_BALANCE.0.0.8900&token=1.%C3%A9",
    b"attempt=%F0%9F%98%80&page=%00&plan=JD_PAY.0.99999999999999999999.1&token=9.9",
    b"attempt=1&attempt=2&token=&plan=WALLET_BALANCE.-1.0.1",
)


@pytest.mark.parametrize("path", ["/identify", "/identify/code", "/confirm", "/confirm/code"])
def test_what_is_no_form_of_ours_is_refused(market: Server, owner: Owner, path: str) -> None:
    owner.identify(owner.follow(opened(market)).text)
    headers = {"content-type": "application/x-www-form-urlencoded"}
    for body in BODIES:
        answer = market.client.post(
            f"/pay/S1{path}", content=body, headers=headers, follow_redirects=False
        )
        assert answer.status_code in (303, 400), answer.text
    assert last(market) is None and spent(market) == 0


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("", ""),
        (" ", "12345"),
        ("27182", ""),
        ("2" * 3_000, "1" * 500),
        ("\uff12\uff17\uff11\uff18\uff12\uff18", ""),  # In full width.
        ("\u202e271828", "abcdef"),
        ("", "\uff11\uff12\uff13\uff14\uff15\uff16"),
    ],
)
def test_secrets_in_no_form_are_wrong_and_nothing_else(
    market: Server, owner: Owner, password: str, code: str
) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    asked = owner.choose(page, method="WALLET_BALANCE").text
    told = owner.charge(asked, password=password, code=code)
    assert 'role="alert"' in told and 'class="scene confirm"' in told
    assert last(market) is None and spent(market) == 0


def test_clicks_at_once_charge_once_and_try_a_code_once(market: Server, owner: Owner) -> None:
    market.sell("JD2", amount_fen=25_000)
    page = owner.identify(owner.follow(opened(market, order_no="JD2")).text)
    asked = owner.choose(page, method="BANK_CARD:1").text
    code = owner.code(asked)
    form = {"password": PASSWORD, "code": code}
    with ThreadPoolExecutor(6) as clicks:
        told = list(clicks.map(lambda _: owner.post("/confirm", owner.page, **form), range(6)))
    assert {one.headers["location"] for one in told} == {"/pay/S1"}
    assert market.context.ledger.version(payment.stream("S1-2")) == 0
    tries = factors.tries(market.context.personal.vault, "xiaoming", "code", market.now_us)
    assert tries.left == factors.TRIES


def test_a_plan_is_charged_as_it_was_shown_or_not_at_all(market: Server, owner: Owner) -> None:
    market.sell("JD2", amount_fen=40_000)
    page = owner.identify(owner.follow(opened(market, order_no="JD2")).text)
    asked = owner.choose(page, method="JD_PAY", wallet="1").text
    assert "¥300.00" in asked
    market.sell("JD3", amount_fen=10_000)  # Something else takes from the wallet meanwhile.
    body = {"payment_no": "P9", "method": "WALLET_BALANCE"}
    market.ok("POST", "/v1/orders/JD3/payments", body)
    told = owner.charge(asked, password=PASSWORD)
    assert "余额不足" in told and last(market) is None
    asked = owner.choose(owner.get().text, method="JD_PAY", wallet="1").text
    assert "¥200.00" in asked
    assert 'class="scene waiting"' in owner.charge(asked, password=PASSWORD)


def test_a_code_of_another_plan_charges_nothing(market: Server, owner: Owner) -> None:
    market.sell("JD2", amount_fen=25_000)
    page = owner.identify(owner.follow(opened(market, order_no="JD2")).text)
    code = owner.code(owner.choose(page, method="BANK_CARD:1").text)
    market.sell("JD3", amount_fen=26_000)
    second = Owner(market, "S2")
    other = second.identify(second.follow(opened(market, session_no="S2", order_no="JD3")).text)
    asked = second.choose(other, method="BANK_CARD:1").text
    told = second.charge(asked, password=PASSWORD, code=code)
    assert "还可尝试 4 次" in told and last(market, "S2") is None
