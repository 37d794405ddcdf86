"""The timer of withdrawals, while a member of them cannot be looked up in the lists."""

from api.operations.worker import Worker
from domain.kernel import DAY_US, MICROSECONDS
from tests.api.conftest import Server
from tests.api.rest.test_cards import OTHER, bind
from tests.api.rest.test_withdrawals import saver, state, wish
from tests.vault.test_lists import damage, load, recharge

__all__ = ["saver"]
HAN = {"name": "韩梅梅", "identity": "11010519491231002X"}


def test_one_who_cannot_be_looked_up_keeps_back_no_others_withdrawal(saver: Server) -> None:
    bind(saver, {**OTHER, **HAN}, key="b2", path="/v1/members/xiaohong/cards")
    how = {"level": 2, "effective_from": "2026-11-23", "sources": ["in_person"]}
    saver.ok("POST", "/v1/members/xiaohong/certifications", {**HAN, **how}, key="class")
    recharge(saver, "xiaohong", "P2", 50_000)
    saver.ok("POST", "/v1/withdrawals", wish("X1", speed="T+1", member_id="xiaohong"))
    saver.ok("POST", "/v1/withdrawals", wish("X2", speed="T+1"))
    load(saver)
    damage(saver, "xiaohong")
    saver.now_us += DAY_US
    saver.context.projector.catch_up()
    worker = Worker(saver.context.desk, lambda: saver.now_us)
    worker.round()
    assert (state(saver, "X1"), state(saver, "X2")) == ("waiting", "instructed")
    damage(saver, "xiaohong", repair=True)
    saver.now_us += 60 * MICROSECONDS
    worker.round()
    assert state(saver, "X1") == "instructed"
