"""The pages of a withdrawal as a browser asks for them, on both databases."""

import html
import re
from typing import Any

import pytest

from domain.accounting import account
from domain.cashier import session
from domain.kernel import MICROSECONDS
from domain.ledger.proof import verify_log
from domain.payment import withdrawal
from tests.api.conftest import Server, problem
from tests.api.devices import Device
from tests.api.rest.test_cards import ANN, bind
from tests.api.rest.test_withdrawals import certify, recharge
from tests.api.test_cashier import check_signed

PASSWORD = "271828"
SESSIONS = "/v1/withdrawal-sessions"
WALLET = "2241.01.xiaoming"
FORM = r'name="(attempt|page|plan|token)" value="([^"]*)"'


class Owner(Device):
    """A device of the wallet's owner."""

    def __init__(self, server: Server, session_no: str = "W1") -> None:
        super().__init__(server, f"/withdraw/{session_no}")

    def confirm(self, amount: str = "100", card: str = "1", speed: str = "T%2B0") -> str:
        query = f"card={card}&amount={amount}&speed={speed}"
        return str(self.on(self.get(f"{self.path}/confirm?{query}")).text)

    def on(self, answer: Any) -> Any:
        """The page that an answer goes on to."""
        while answer.status_code == 303:
            answer = self.get(answer.headers["location"])
        return answer

    def send(self, shown: str, /, at: str = "", **given: str) -> str:
        form = {name: html.unescape(value) for name, value in re.findall(FORM, shown)}
        path, sent = f"{self.path}/confirm{at}", {**form, **given}
        return str(self.on(self.server.client.post(path, data=sent, follow_redirects=False)).text)


@pytest.fixture
def saver(market: Server) -> Server:
    """Ann has a card, a payment password and 5,000.00, and an account of class 2."""
    bind(market)
    certify(market)
    recharge(market, 500_000)
    body = {"payment_password": PASSWORD}
    market.ok("POST", "/v1/members/xiaoming/payment-password", body)
    return market


def opened(server: Server, session_no: str = "W1", **more: Any) -> str:
    body = {"session_no": session_no, "member_id": "xiaoming", **more}
    return str(server.ok("POST", SESSIONS, body)["result"]["path"])


def balance(server: Server) -> int:
    return server.context.ledger.state(account.stream(WALLET)).balance_fen


def made(server: Server, number: str = "W1-1") -> withdrawal.State:
    return server.context.ledger.state(withdrawal.stream(number))


def tell(server: Server, number: str = "W1-1", **outcome: str) -> None:
    path = f"/v1/instructions/withdraw-{number}/outcome"
    server.ok("POST", path, outcome, key=f"{number}-{next(iter(outcome))}")


def shows(page: str, kind: str) -> bool:
    return f'class="scene {kind}"' in page


def test_an_owner_withdraws_to_a_bound_card(saver: Server) -> None:
    owner = Owner(saver)
    page = owner.follow(opened(saver, return_url="https://wallet.example/w")).text
    assert shows(page, "ask") and "ICBC 尾号 7894" in page
    asked = owner.confirm("123.45")
    assert "¥123.45" in asked and "2026-11-23" in asked and "本月免费" in asked
    assert balance(saver) == 500_000  # Nothing has left by looking.
    moving = owner.send(asked, password=PASSWORD)
    assert shows(moving, "moving") and "hx-sse:connect" in moving
    assert (balance(saver), made(saver).status) == (500_000 - 12_345, "instructed")
    tell(saver, succeeded="B1")
    arrived = owner.get().text
    assert shows(arrived, "arrived") and "提现已到账" in arrived
    (back,) = re.findall(r'href="(https://wallet.example/[^"]+)"', arrived)
    check_signed(saver, html.unescape(back), "arrived")
    kept = saver.context.ledger.state(session.stream("W1")).withdrew
    assert kept is not None and kept.factors == ("password",)
    assert verify_log(saver.context.ledger.recorder) == []


def test_the_fee_is_shown_and_is_what_leaves(saver: Server) -> None:
    for n in range(3):
        wish = {"withdrawal_no": f"F{n}", "member_id": "xiaoming", "amount_fen": 100, "fee_fen": 0}
        saver.ok("POST", "/v1/withdrawals", wish)
    owner = Owner(saver)
    owner.follow(opened(saver, amount_fen=300_000))
    asked = owner.confirm("", speed="T%2B1")
    assert "¥1.50" in asked and "¥3001.50" in asked and "2026-11-24" in asked
    assert shows(owner.send(asked, password=PASSWORD), "moving")
    assert balance(saver) == 500_000 - 300 - 300_150
    assert made(saver).status == "waiting"


def test_a_code_that_was_sent_lets_it_leave_once(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    asked = owner.confirm("50")
    again = owner.send(asked, "/code")
    assert "验证码已发送" in again
    phone, text = saver.bank.messages[-1]
    assert phone == ANN["phone"] and "50.00" in text
    code = re.findall(r"验证码(\d{6})", text)[0]
    assert shows(owner.send(again, code=code), "moving")
    assert shows(owner.send(again, code=code), "moving")  # A second click.
    assert balance(saver) == 495_000


def test_a_code_for_one_amount_is_none_for_another(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    owner.send(owner.confirm("50"), "/code")
    code = re.findall(r"验证码(\d{6})", saver.bank.messages[-1][1])[0]
    refused = owner.send(owner.confirm("51"), code=code)
    assert "支付密码或验证码不正确" in refused
    assert balance(saver) == 500_000


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "请输入支付密码或验证码"),
        ({"password": "000000"}, "不正确"),
        ({"password": "<script>"}, "不正确"),
        ({"code": "123456"}, "请输入支付密码或验证码"),
        ({"code": "x"}, "六位数字"),
        ({"password": PASSWORD, "code": "123456"}, "请输入支付密码或验证码"),
    ],
)
def test_nothing_leaves_without_a_proof(saver: Server, given: dict[str, str], said: str) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    told = owner.send(owner.confirm(), **given)
    assert said in told and 'role="alert"' in told
    assert (balance(saver), made(saver).status) == (500_000, "none")


def test_five_wrong_passwords_lock_it(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    asked = owner.confirm()
    for n in range(5):
        asked = owner.send(asked, password=f"00000{n}")
    assert "尝试次数过多" in owner.send(asked, password=PASSWORD)
    assert balance(saver) == 500_000


def test_what_did_not_leave_is_in_the_wallet_and_may_be_asked_again(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    asked = owner.confirm("20")
    owner.send(asked, password=PASSWORD)
    tell(saver, declined="no such account")
    page = owner.get().text
    assert shows(page, "ask") and "已退回钱包" in page and balance(saver) == 500_000
    assert "页面已过期" in owner.send(asked, password=PASSWORD)
    assert shows(owner.send(owner.confirm("30"), password=PASSWORD), "moving")
    assert balance(saver) == 497_000


def test_what_the_bank_returns_is_told(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    owner.send(owner.confirm("20"), password=PASSWORD)
    tell(saver, succeeded="B1")
    path = "/v1/withdrawals/W1-1/return"
    saver.agreed("POST", path, {"reason": "closed"}, key="r", role="cashier")
    assert shows(owner.get().text, "back")
    assert balance(saver) == 500_000


def test_a_large_one_waits_for_a_person(market: Server) -> None:
    bind(market)
    certify(market)
    recharge(market, 5_000_000)
    market.ok("POST", "/v1/members/xiaoming/payment-password", {"payment_password": PASSWORD})
    owner = Owner(market)
    owner.follow(opened(market))
    page = owner.send(owner.confirm("20000.01"), password=PASSWORD)
    assert shows(page, "moving") and "人工审核" in page
    market.appoint()
    market.ok("POST", "/v1/withdrawals/W1-1/approve", role="reviewer", key="a")
    assert made(market).status == "instructed"


def test_a_large_one_is_turned_down_and_another_may_be_asked(market: Server) -> None:
    bind(market)
    certify(market)
    recharge(market, 5_000_000)
    market.ok("POST", "/v1/members/xiaoming/payment-password", {"payment_password": PASSWORD})
    owner = Owner(market)
    owner.follow(opened(market))
    owner.send(owner.confirm("20000.01"), password=PASSWORD)
    market.appoint()
    body = {"reason": "asked for by nobody"}
    market.ok("POST", "/v1/withdrawals/W1-1/turn-down", body, role="reviewer", key="t")
    page = owner.get().text
    assert shows(page, "ask") and "已退回钱包" in page and balance(market) == 5_000_000


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("0", "金额不正确"),
        ("-1", "金额不正确"),
        ("1e3", "金额不正确"),
        ("0.5", "提现限额"),
        ("50000.01", "提现限额"),
        ("99999999999999999999", "金额"),
        ("", "金额不正确"),
        ("%3Cscript%3E", "金额不正确"),
    ],
)
def test_an_amount_that_cannot_be_is_refused(saver: Server, amount: str, said: str) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    told = owner.confirm(amount)
    assert said in told and shows(told, "ask") and "<script>" not in told.lower().split("<body>")[1]


def test_more_than_there_is_is_refused_and_uses_up_no_attempt(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    told = owner.send(owner.confirm("5000.01"), password=PASSWORD)
    assert "余额不足" in told and shows(told, "ask")
    assert shows(owner.send(owner.confirm("5000"), password=PASSWORD), "moving")


@pytest.mark.parametrize(
    "wrong",
    [
        {"plan": "1.1.0.T+0"},
        {"plan": "2.10000.0.T+0"},
        {"attempt": "2"},
        {"attempt": "x"},
        {"page": "other"},
        {"token": ""},
        {"token": "1.00"},
    ],
)
def test_what_was_shown_cannot_be_changed(saver: Server, wrong: dict[str, str]) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    told = owner.send(owner.confirm(), password=PASSWORD, **wrong)
    assert "页面已过期" in told
    assert balance(saver) == 500_000


def test_what_a_browser_adds_changes_nothing(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver, amount_fen=10_000))
    asked = owner.confirm("0.01")
    assert "¥100.00" in asked  # The session's own amount, whatever an address says.
    more = {"amount_fen": "1", "fee_fen": "0", "member_id": "xiaohong", "card": "9"}
    assert shows(owner.send(asked, password=PASSWORD, **more), "moving")
    assert made(saver).asked.amount_fen == 10_000  # type: ignore[union-attr]


def test_a_link_opens_its_own_pages_and_no_others(saver: Server) -> None:
    saver.sell("JD1")
    body = {"session_no": "S1", "order_no": "JD1"}
    payment = str(saver.ok("POST", "/v1/cashier-sessions", body)["result"]["path"])
    link = opened(saver)
    token, other = link.rpartition("/")[2], payment.rpartition("/")[2]
    owner = Owner(saver)
    for path in (
        f"/withdraw/W1/{other}",
        f"/withdraw/S1/{other}",
        f"/pay/W1/{token}",
        f"/withdraw/W2/{token}",
        "/withdraw/W1",
        "/withdraw/W1/scene",
        "/withdraw/W1/live",
        "/withdraw/W1/confirm?card=1&amount=1",
    ):
        assert owner.get(path).status_code == 403, path
    sent = saver.client.post("/withdraw/W1/confirm", data={}, follow_redirects=False)
    assert sent.status_code == 403


def test_a_session_ends(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver, seconds=60))
    asked = owner.confirm()
    saver.now_us += 60 * MICROSECONDS
    assert shows(owner.send(asked, password=PASSWORD), "over")
    assert balance(saver) == 500_000


def test_a_page_holds_no_secret_and_no_personal_data(saver: Server) -> None:
    link = opened(saver)
    owner = Owner(saver)
    pages = [owner.follow(link), owner.on(owner.get(f"{owner.path}/confirm?card=1&amount=1"))]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "'unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        for secret in (link.rpartition("/")[2], "xiaoming", *ANN.values(), "5000.00"):
            assert secret not in page.text
        card = saver.context.ledger.state("cards-xiaoming").default  # type: ignore[arg-type]
        assert card not in page.text


def test_without_a_card_of_ones_own_there_is_nothing_to_choose(market: Server) -> None:
    owner = Owner(market)
    page = owner.follow(opened(market)).text
    assert "请先绑卡" in page and "<form" not in page
    assert "已解绑" in owner.confirm()


def test_who_may_open_one_and_for_whom(saver: Server) -> None:
    body = {"session_no": "W9", "member_id": "xiaoming"}
    for role in ("merchant", "auditor"):
        problem(saver.send("POST", SESSIONS, body, role=role), 403, "not_allowed", "Authorization")
    wrong: tuple[tuple[dict[str, Any], str, str], ...] = (
        ({"member_id": "SQUIRRELS"}, "member_kind_wrong", "member_id"),
        ({"member_id": "nobody"}, "member_not_found", "member_id"),
        ({"amount_fen": 0}, "amount_invalid", "amount_fen"),
        ({"return_url": "javascript:alert(1)"}, "request_invalid", "return_url"),
        ({"seconds": 59}, "request_invalid", "seconds"),
        ({"session_no": "S" * 49}, "identifier_invalid", "session_no"),
        ({"order_no": "JD1"}, "request_invalid", "order_no"),
    )
    for n, (more, code, field) in enumerate(wrong):
        answer = saver.send("POST", SESSIONS, {**body, "session_no": f"X{n}", **more})
        problem(answer, answer.status_code, code, field)
    first = saver.ok("POST", SESSIONS, body)
    again = saver.ok("POST", SESSIONS, body)
    assert (again["replayed"], again["result"]) == (True, first["result"])


def test_in_english(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    page = owner.get(f"{owner.path}?lang=en").text
    assert "Withdraw to your bank card" in page and "ICBC ending in 7894" in page
