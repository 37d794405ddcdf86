"""What holds back who has a link to the cashier, and two clicks at once, on both databases."""

import re
from concurrent.futures import ThreadPoolExecutor

from api.operations.codes import BETWEEN_US
from tests.api.conftest import Server
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
    assert balance(saver) == 495_000
