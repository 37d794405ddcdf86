"""What holds back who has a link to the cashier, and two clicks at once, on both databases."""

import inspect
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from api.operations import codes
from api.operations.codes import BETWEEN_US
from api.web import texts
from api.web.own_texts import OWN_TEXTS
from api.web.withdrawal_texts import WITHDRAWAL
from domain.kernel import MICROSECONDS
from domain.refusals import Code, Refused
from tests.api.conftest import Server
from tests.api.owners import owner_of
from tests.api.test_cashier import opened as paying
from tests.api.test_cashier_withdrawal import FORM, Owner, balance, opened, shows
from tests.api.test_cashier_withdrawal import saver as saver


def test_the_parts_of_a_sealed_plan_stay_where_they_are(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    form = dict(re.findall(FORM, owner.confirm("50")))
    plan = re.split(r"[ .]", form["plan"], maxsplit=1)
    for end in (" ", "."):
        moved = {"page": f"{form['page']}{end}{plan[0]}", "plan": plan[1]}
        sent = saver.client.post(
            f"{owner.path}/confirm", data={**form, **moved}, follow_redirects=False
        )
        assert sent.status_code == 303, sent.text
        assert sent.headers["location"] == "/withdraw/W1?note=old_page"
    assert balance(saver) == 500_000


def test_a_link_to_withdraw_sends_no_more_than_so_many_messages(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    asked = owner.confirm("50")
    for _ in range(10):
        asked = owner.send(asked, "/code")
        saver.now_us += BETWEEN_US
    assert "操作过于频繁" in owner.send(asked, "/code")
    assert len(saver.bank.messages) == 10


def test_two_clicks_at_once_try_a_code_once(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    asked = owner.send(owner.confirm("50"), "/code")
    code = re.findall(r"验证码(\d{6})", saver.bank.messages[-1][1])[0]
    form = {**dict(re.findall(FORM, asked)), "code": code}

    def click(_: int) -> str:
        path = f"{owner.path}/confirm"
        sent = saver.client.post(path, data=form, follow_redirects=False)
        return str(sent.headers["location"])

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(click, range(4))) == {"/withdraw/W1"}
    assert shows(owner.get().text, "moving") and balance(saver) == 495_000


def test_two_codes_at_once_are_one_message(market: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is asked for between the first one's look at what was sent, and its sending."""
    owner, personal = owner_of(market), market.context.personal
    page = owner.follow(paying(market)).text
    told: list[str] = []

    def drawn(_: int) -> int:
        monkeypatch.undo()
        told.append(owner.post("/identify/code", page).headers["location"])
        return 123_456

    monkeypatch.setattr(codes.secrets, "randbelow", drawn)
    with pytest.raises(Refused) as no:
        codes._new_code(personal, "xiaoming", "another thing", market.now_us)
    assert (no.value.code, told) == (Code.FACTOR_LOCKED, ["/pay/S1?note=code_sent"])
    (message,) = market.bank.messages
    assert "123456" not in message[1]


def test_no_code_is_sent_for_what_is_over(market: Server) -> None:
    owner = owner_of(market)
    page = owner.identify(owner.follow(paying(market)).text)
    asked = owner.choose(page, method="WALLET_BALANCE").text
    market.now_us += 2 * 3600 * MICROSECONDS
    assert 'class="scene over"' in owner.get().text
    sent = owner.post("/confirm/code", asked)
    assert sent.headers["location"] == "/pay/S1?note=old_page"
    assert not market.bank.messages


def test_who_looks_at_a_page_waits_for_nobody_who_writes_to_the_vault(market: Server) -> None:
    owner = owner_of(market)
    owner.follow(paying(market))
    with market.context.personal.vault.writing("xiaoming"), ThreadPoolExecutor(1) as threads:
        assert "/pay/S1/identify" in threads.submit(owner.get).result(timeout=3).text


def test_a_language_that_was_asked_for_stays_on_the_pages_of_a_withdrawal(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    owner.get(f"{owner.path}?lang=en")
    for path in ("", "/scene", "/confirm?card=1&amount=1"):
        page = owner.get(f"{owner.path}{path}").text
        assert "ending in 7894" in page, path


def test_a_withdrawal_says_how_the_tries_of_a_factor_stand(saver: Server) -> None:
    owner = Owner(saver)
    owner.follow(opened(saver))
    told = owner.send(owner.confirm("50"), password="000000")
    assert "还可尝试 4 次" in told and 'role="alert"' in told
    told = owner.send(owner.send(told, "/code"), "/code")
    assert "请一分钟后再试" in told and "尝试次数过多" not in told


def test_no_text_stands_twice() -> None:
    others = re.findall(r'^    "([^"]+)": \(', inspect.getsource(texts), re.MULTILINE)
    names = [*others, *WITHDRAWAL, *OWN_TEXTS]
    assert len(names) > 100 and len(names) == len(set(names)) == len(texts.TEXTS)
