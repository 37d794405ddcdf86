"""A payer pays with his own wallet and cards on the cashier's pages, on both databases.

Who merely has the link learns nothing of them, and charges nothing.
"""

import logging
import re

import pytest

from api.operations.codes import BETWEEN_US, GOOD_FOR_US
from domain.eventstore.database import parse_database_url
from domain.member import card
from domain.order import order
from domain.payment import instruction, payment, wallet_use
from domain.vault.factors import LOCKED_US, TRIES
from domain.vault.place import vault_database
from tests.api.conftest import Server
from tests.api.owners import WALLET, Owner, last, owner_of, spent
from tests.api.rest.test_cards import ANN, bind
from tests.api.rest.test_factors import OTHER, PASSWORD, of, recharge
from tests.api.test_cashier import opened, tell
from tests.vault.needles import everything, found


@pytest.fixture
def owner(market: Server) -> Owner:
    return owner_of(market)


def test_who_has_the_link_learns_nothing_of_the_payer(market: Server, owner: Owner) -> None:
    page = owner.follow(opened(market)).text
    for personal in ("300.00", "7894", "ICBC", "138", ANN["phone"]):
        assert personal not in page
    assert "identify" in page and "WALLET_BALANCE" not in page
    for method in ("WALLET_BALANCE", "BANK_CARD:1", "JD_PAY"):
        told = owner.choose(page, method=method, wallet="1")
        assert "请先验证身份" in told.text and "300.00" not in told.text
    confirm = owner.get(f"{owner.path}/confirm?method=WALLET_BALANCE")
    assert (confirm.status_code, confirm.headers["location"]) == (303, "/pay/S1?note=identify")
    assert last(market) is None and spent(market) == 0


def test_the_wallet_pays_an_order_by_the_password(market: Server, owner: Owner) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    assert "¥300.00" in page and "ICBC 尾号 7894" in page and 'name="wallet"' not in page
    asked = owner.choose(page, method="WALLET_BALANCE").text
    assert "¥89.00" in asked and 'name="password"' in asked and 'name="code"' not in asked
    assert 'class="scene paid"' in owner.charge(asked, password=PASSWORD)
    assert market.context.ledger.state(order.stream("JD1")).status == "paid"
    assert spent(market) == 8_900
    made = last(market)
    assert made is not None and made.proof and made.factors == ("password",)
    used = market.context.ledger.state(wallet_use.stream("payment", "S1-1")).counted
    assert used is not None and (used.band, used.proof) == ("few", made.proof)


def test_a_card_is_charged_and_the_channel_is_told_which(market: Server, owner: Owner) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    asked = owner.choose(page, method="BANK_CARD:1").text
    assert "ICBC 尾号 7894" in asked and 'name="code"' not in asked
    assert 'class="scene waiting"' in owner.charge(asked, password=PASSWORD)
    issued = market.context.ledger.state(instruction.stream("pay-S1-1")).asked
    bound = market.context.ledger.state(card.stream("xiaoming")).bindings[0]
    assert issued is not None and issued.by is not None
    assert (issued.by.card, issued.by.tail) == (bound.card, "7894")
    tell(market, "S1-1", succeeded="U1")
    assert 'class="scene paid"' in owner.get().text
    assert spent(market) == 0


def test_above_a_small_amount_a_card_needs_password_and_code(market: Server, owner: Owner) -> None:
    market.sell("JD2", amount_fen=20_001)
    page = owner.identify(owner.follow(opened(market, order_no="JD2")).text)
    asked = owner.choose(page, method="BANK_CARD:1").text
    assert 'name="password"' in asked and 'name="code"' in asked
    told = owner.charge(asked, password=PASSWORD)
    assert 'role="alert"' in told and last(market) is None
    code = owner.code(told)
    assert "验证码已发送" in owner.page
    assert 'class="scene waiting"' in owner.charge(owner.page, password=PASSWORD, code=code)
    made = last(market)
    assert made is not None and made.factors == ("password", "code")


def test_the_wallet_first_and_the_rest_by_a_channel(market: Server, owner: Owner) -> None:
    market.sell("JD2", amount_fen=40_000)
    page = owner.identify(owner.follow(opened(market, order_no="JD2")).text)
    assert "余额不足" in page and "先用钱包支付 ¥300.00" in page
    asked = owner.choose(page, method="JD_PAY", wallet="1").text
    assert "¥300.00" in asked and "¥100.00" in asked and "¥400.00" in asked
    assert 'class="scene waiting"' in owner.charge(asked, password=PASSWORD)
    assert spent(market) == 30_000
    market.ok(
        "POST", "/v1/instructions/pay2-S1-1/outcome", {"declined": "no money"}, key="declined"
    )
    again = owner.get().text
    assert 'class="scene choose"' in again and "没有被扣款" in again
    assert spent(market) == 0  # The wallet's part is given back.
    asked = owner.choose(again, method="WECHAT_PAY", wallet="1").text
    owner.charge(asked, password=PASSWORD)
    market.ok("POST", "/v1/instructions/pay2-S1-2/outcome", {"succeeded": "W1"}, key="paid")
    assert 'class="scene paid"' in owner.get().text
    assert spent(market) == 30_000


def test_wallet_and_card_together_are_agreed_to_at_once(market: Server, owner: Owner) -> None:
    market.sell("JD2", amount_fen=40_000)
    page = owner.identify(owner.follow(opened(market, order_no="JD2")).text)
    asked = owner.choose(page, method="BANK_CARD:1", wallet="1").text
    assert "ICBC 尾号 7894" in asked and 'name="code"' not in asked  # 100.00 of the card.
    owner.charge(asked, password=PASSWORD)
    started = market.context.ledger.state(payment.stream("S1-1")).started
    assert started is not None
    assert [(leg.code, leg.amount_fen) for leg in started.legs] == [
        ("WALLET_BALANCE", 30_000),
        ("BANK_CARD", 10_000),
    ]
    issued = market.context.ledger.state(instruction.stream("pay2-S1-1")).asked
    assert issued is not None and issued.by is not None


def test_not_knowing_offers_no_second_payment(market: Server, owner: Owner) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    asked = owner.choose(page, method="BANK_CARD:1").text
    owner.charge(asked, password=PASSWORD)
    tell(market, "S1-1", unknown="no answer")
    assert 'class="scene unknown"' in owner.charge(asked, password=PASSWORD)
    assert owner.get(f"{owner.path}/confirm?method=WALLET_BALANCE").headers["location"] == "/pay/S1"
    assert 'class="scene unknown"' in owner.choose(page, method="WALLET_BALANCE").text
    assert market.context.ledger.version(payment.stream("S1-2")) == 0


def test_wrong_passwords_are_counted_told_and_lock(market: Server, owner: Owner) -> None:
    page = owner.follow(opened(market)).text
    for left in range(TRIES - 1, 0, -1):
        told = owner.identify(page, password=OTHER)
        assert f"还可尝试 {left} 次" in told and "300.00" not in told
    locked = owner.identify(page, password=OTHER)
    assert "已锁定，15:00 后可再试" in locked
    assert "尝试次数过多" in owner.identify(page, password=PASSWORD)
    market.now_us += LOCKED_US
    # The session of two hours is over by then; a new one is opened for the same order.
    market.sell("JD2")
    second = Owner(market, "S2")
    page = second.follow(opened(market, session_no="S2", order_no="JD2")).text
    page = second.identify(page)
    asked = second.choose(page, method="WALLET_BALANCE").text
    told = second.charge(asked, password=OTHER)
    assert "还可尝试 4 次" in told and last(market, "S2") is None
    assert 'class="scene paid"' in second.charge(told, password=PASSWORD)


def test_a_code_expires_and_a_second_one_is_waited_for(market: Server, owner: Owner) -> None:
    page = owner.follow(opened(market)).text
    code = owner.code(page, "/identify/code")
    told = owner.get(owner.post("/identify/code", page).headers["location"]).text
    assert "请一分钟后再试" in told
    market.now_us += GOOD_FOR_US
    assert "验证码已过期" in owner.identify(page, code=code)
    code = owner.code(page, "/identify/code")
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    assert "还可尝试 3 次" in owner.identify(page, code=wrong)
    assert "¥300.00" in owner.identify(page, code=code)


def test_a_code_to_look_pays_nothing(market: Server, owner: Owner) -> None:
    market.sell("JD2", amount_fen=20_001)
    page = owner.follow(opened(market, order_no="JD2")).text
    page = owner.identify(page)
    code = owner.code(page, "/identify/code")
    asked = owner.choose(page, method="BANK_CARD:1").text
    assert 'role="alert"' in owner.charge(asked, password=PASSWORD, code=code)
    assert last(market) is None


def test_a_second_click_charges_once_and_uses_no_try(market: Server, owner: Owner) -> None:
    market.sell("JD2", amount_fen=25_000)
    page = owner.identify(owner.follow(opened(market, order_no="JD2")).text)
    asked = owner.choose(page, method="BANK_CARD:1").text
    code = owner.code(asked)
    form = {"password": PASSWORD, "code": code}
    for _ in range(3):
        told = owner.charge(owner.page, **form)
        assert 'class="scene waiting"' in told and 'role="alert"' not in told
    other = owner.charge(asked, **form)  # Another page of the same choice: nothing is tried.
    assert 'class="scene waiting"' in other
    assert market.context.ledger.version(payment.stream("S1-2")) == 0


def test_a_wallet_beyond_its_cap_is_greyed_out_and_pays_a_part(market: Server) -> None:
    bind(market)
    market.ok("POST", of("payment-password"), {"payment_password": PASSWORD})
    recharge(market, "xiaoming", 200_000)  # Of class 1: 1,000.00 since its opening.
    market.sell("JD1", amount_fen=150_000)
    owner = Owner(market)
    page = owner.identify(owner.follow(opened(market)).text)
    assert "超过钱包的支付限额" in page and "先用钱包支付 ¥1000.00" in page
    told = owner.choose(page, method="WALLET_BALANCE")
    assert told.headers["location"].endswith("why=wallet_cap")
    asked = owner.choose(page, method="JD_PAY", wallet="1").text
    assert "¥500.00" in asked
    assert 'class="scene waiting"' in owner.charge(asked, password=PASSWORD)


def test_a_card_that_was_unbound_meanwhile_is_refused(market: Server, owner: Owner) -> None:
    page = owner.identify(owner.follow(opened(market)).text)
    asked = owner.choose(page, method="BANK_CARD:1").text
    token = market.context.ledger.state(card.stream("xiaoming")).bindings[0].card
    path = f"/v1/members/xiaoming/cards/{token}/unbind"
    market.ok("POST", path, {"reason": "lost"}, key="u")
    sent = owner.post("/confirm", asked, password=PASSWORD)
    assert sent.headers["location"].endswith("why=card_not_found")
    assert 'role="alert"' in owner.get(sent.headers["location"]).text and last(market) is None


def test_a_wallet_is_filled_from_a_card(market: Server, owner: Owner) -> None:
    path = opened(market, "operator", session_no="S2", order_no="", member_id="xiaoming")
    filler = Owner(market, "S2")
    page = filler.identify(filler.follow(path).text)
    assert "WALLET_BALANCE" not in page and "ICBC 尾号 7894" in page
    for wrong in ("", "0", "-1", "1e2", "12.345"):
        told = filler.choose(page, method="BANK_CARD:1", amount=wrong)
        assert 'role="alert"' in filler.get(told.headers["location"]).text, wrong
    asked = filler.choose(page, method="BANK_CARD:1", amount="12.5").text
    assert "¥12.50" in asked
    told = filler.charge(asked, password=OTHER)
    assert "还可尝试 4 次" in told and "¥12.50" in told
    assert 'class="scene waiting"' in filler.charge(told, password=PASSWORD)
    tell(market, "S2-1", succeeded="U1")
    assert 'class="scene paid"' in filler.get().text
    assert spent(market) == -1_250


def test_who_can_prove_nothing_is_offered_nothing(market: Server) -> None:
    market.sell("JD1")
    page = Owner(market).follow(opened(market)).text
    assert "identify" not in page


def test_what_stands_against_wallet_and_card_is_said(market: Server, owner: Owner) -> None:
    terms = {"products": ["ESCROW_PURCHASE"], "methods": [{"code": "BANK_CARD"}]}
    shop = {"fee_rule": {"rate_bps": 60}, "settlement_cycle": "T+1", "agreement": terms}
    body = {"member_id": "BOOKS", "kind": "enterprise", "name": "Books", **shop}
    market.ok("POST", "/v1/members", body)
    market.sell("B1", "BOOKS")
    path = "/v1/channels/UNIONPAY_CARD/maintenance"
    times = {"begins_at": "2026-11-23T12:00:00+08:00", "ends_at": "2026-11-23T13:00:00+08:00"}
    market.ok("POST", path, {**times, "reason": "a new version"}, key="m")
    page = owner.identify(owner.follow(opened(market, "operator", order_no="B1")).text)
    assert re.findall(r'value="([A-Z_]+[^"]*)" required( disabled)?', page) == [
        ("WALLET_BALANCE", " disabled"),
        ("WECHAT_PAY", " disabled"),
        ("JD_PAY", " disabled"),
        ("CLOUD_QUICKPASS", " disabled"),
        ("BANK_CARD:1", " disabled"),
    ]
    assert page.count("商户未开通") == 4 and page.count("维护中") == 1
    assert 'name="wallet"' not in page
    for method, why in (("WALLET_BALANCE", "not_agreed"), ("BANK_CARD:1", "maintenance")):
        assert owner.choose(page, method=method).headers["location"].endswith(f"why={why}")


def test_a_frozen_wallet_is_greyed_out(market: Server, owner: Owner) -> None:
    path = f"/v1/accounts/{WALLET}/freeze"
    market.agreed("POST", path, {"direction": "out", "reason": "asked by a court"}, key="f")
    page = owner.identify(owner.follow(opened(market)).text)
    assert "钱包已冻结" in page and 'name="wallet"' not in page
    asked = owner.choose(page, method="BANK_CARD:1").text
    assert 'class="scene waiting"' in owner.charge(asked, password=PASSWORD)


def test_a_link_sends_no_more_than_so_many_messages(market: Server, owner: Owner) -> None:
    page = owner.follow(opened(market)).text
    for _ in range(10):
        owner.code(page, "/identify/code")
        market.now_us += BETWEEN_US
    sent = owner.post("/identify/code", page)
    assert sent.headers["location"] == "/pay/S1?note=slow"
    assert len(market.bank.messages) == 10


def test_who_has_no_password_uses_a_code_where_one_factor_does(market: Server) -> None:
    market.ok("POST", "/v1/channels/UNIONPAY_CARD/register", {}, key="unionpay")
    bind(market)
    market.sell("JD1", amount_fen=20_000)
    owner = Owner(market)
    page = owner.follow(opened(market)).text
    assert 'name="password"' not in page
    page = owner.identify(page, code=owner.code(page, "/identify/code"))
    asked = owner.choose(page, method="BANK_CARD:1").text
    assert 'name="password"' not in asked
    market.now_us += BETWEEN_US
    code = owner.code(asked)
    assert 'class="scene waiting"' in owner.charge(owner.page, code=code)
    market.sell("JD2", amount_fen=20_001)
    second = Owner(market, "S2")
    page = second.follow(opened(market, session_no="S2", order_no="JD2")).text
    market.now_us += BETWEEN_US
    page = second.identify(page, code=second.code(page, "/identify/code"))
    assert "此金额需要支付密码和短信验证码" in page
    told = second.choose(page, method="BANK_CARD:1")
    assert told.headers["location"].endswith("why=no_second_factor")


def test_nothing_of_a_secret_stands_anywhere(
    market: Server, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        market.sell("JD2", amount_fen=20_001)
        page = owner.identify(owner.follow(opened(market, order_no="JD2")).text, password=OTHER)
        page = owner.identify(page)
        asked = owner.choose(page, method="BANK_CARD:1").text
        code = owner.code(asked)
        assert 'class="scene waiting"' in owner.charge(owner.page, password=PASSWORD, code=code)
        said = caplog.text.encode()
    place = parse_database_url(market.url)
    where = [("log", said), *everything([place, vault_database(place)])]
    assert found([PASSWORD, OTHER, ANN["number"], ANN["phone"]], where) == []
