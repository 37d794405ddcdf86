"""A wallet that is filled by the cashier, on both databases: once, whatever comes late."""

import re

from domain.accounting import account
from domain.kernel import Request
from domain.ledger.proof import verify_log
from domain.payment import payment
from domain.payment.asking import RecordAnswer
from tests.api.conftest import Server
from tests.api.owners import Owner
from tests.api.rest.test_cards import bind
from tests.api.rest.test_factors import PASSWORD, of
from tests.api.test_cashier import Payer, opened, tell


def test_a_wallet_is_filled_by_what_its_payer_says(market: Server) -> None:
    path = opened(market, "operator", order_no="", member_id="xiaoming")
    payer = Payer(market)
    page = payer.follow(path).text
    for wrong in ("0", "-5", "1e3", "12.345", "1,000", "", "9" * 12):
        told = payer.choose(page, method="JD_PAY", amount=wrong)
        assert 'role="alert"' in told.text, wrong
    payer.choose(page, method="JD_PAY", amount="12.5")
    tell(market, "S1-1", succeeded="J1")
    assert "¥12.50" in payer.get().text
    market.context.projector.catch_up()
    query = '{ account(id: "2241.01.xiaoming") { balance { minor } } }'
    shown = market.send("POST", "/graphql", {"query": query}).json()
    assert shown["data"]["account"]["balance"]["minor"] == "1250"


def give(server: Server, member_id: str, amount_fen: int) -> None:
    """Money in a wallet."""
    number = f"G{amount_fen}"
    body = {"payment_no": number, "member_id": member_id, "method": "JD_PAY"}
    server.ok("POST", "/v1/recharges", {**body, "amount_fen": amount_fen})
    tell(server, number, succeeded="G1")


def test_a_wallets_page_says_what_its_class_leaves(market: Server) -> None:
    bind(market)
    market.ok("POST", of("payment-password"), {"payment_password": PASSWORD})
    payer = Owner(market)
    page = payer.follow(opened(market, "operator", order_no="", member_id="xiaoming")).text
    assert "<dd>" not in page and "1000.00" not in page  # It tells what its owner has spent.
    page = payer.identify(page)
    assert re.findall(r"<dd>([^<]+)</dd>", page) == ["Ⅰ", "¥1000.00"]
    assert "xiaoming" not in page
    give(market, "xiaoming", 50_000)
    body = {"transfer_no": "T1", "payer": "xiaoming", "payee": "xiaohong", "amount_fen": 30_000}
    market.ok("POST", "/v1/transfers", body)
    assert re.findall(r"<dd>([^<]+)</dd>", payer.get().text) == ["Ⅰ", "¥700.00"]


def say(server: Server, number: str, serial: str) -> None:
    """The channel itself calls back: a success after it has declined is believed."""
    command = RecordAnswer(f"pay-{number}", "succeeded", serial=serial)
    wanted = Request(f"late-{number}", server.now_us, "system:test", command)
    server.context.ledger.submit(wanted).unwrap()


def test_a_wallet_is_filled_once_and_what_comes_late_goes_back(market: Server) -> None:
    payer = Payer(market)
    page = payer.follow(opened(market, "operator", order_no="", member_id="xiaoming")).text
    payer.choose(page, method="JD_PAY", amount="12.5")
    tell(market, "S1-1", declined="no money")
    payer.choose(payer.get().text, method="WECHAT_PAY", amount="20")
    tell(market, "S1-2", succeeded="W1")
    assert "充值成功" in payer.get().text
    say(market, "S1-1", "J1")
    page = payer.get().text
    assert "充值成功" in page and "¥20.00" in page and "12.50" not in page
    assert market.context.ledger.state(payment.stream("S1-1")).status == "sending_back"
    wallet = market.context.ledger.state(account.stream("2241.01.xiaoming"))
    assert wallet.balance_fen == 2_000
    assert verify_log(market.context.ledger.recorder) == []


def test_a_late_success_alone_ends_the_session(market: Server) -> None:
    payer = Payer(market)
    page = payer.follow(opened(market, "operator", order_no="", member_id="xiaoming")).text
    payer.choose(page, method="JD_PAY", amount="12.5")
    tell(market, "S1-1", declined="no money")
    payer.choose(payer.get().text, method="WECHAT_PAY", amount="20")
    tell(market, "S1-2", declined="no money")
    page = payer.get().text
    say(market, "S1-1", "J1")
    told = payer.choose(page, method="WECHAT_PAY", amount="20").text
    assert "充值成功" in told and "¥12.50" in told
    assert market.context.ledger.version(payment.stream("S1-3")) == 0
