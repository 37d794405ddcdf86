"""Forms, cookies and plans of the payer's own that were changed, come from elsewhere or are old:
on both databases nothing is shown, and nothing is charged."""

import pytest

from api.web.proving import COOKIE, KNOWN_S
from domain.kernel import MICROSECONDS
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
