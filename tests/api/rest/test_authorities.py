"""Orders of authorities over REST: two persons, tokens alone on record, the account at the wire."""

from typing import Any

import pytest

from api.operations.ordered import end_over
from api.operations.payees import Payees
from domain.authority import deduction, order
from domain.channel.network import Order
from domain.eventstore.database import parse_database_url
from domain.kernel import DAY_US
from domain.payment import instruction
from domain.payment.orders import network_order
from domain.vault.place import vault_database
from tests.api.conftest import Server, problem
from tests.vault.needles import everything, found

COURT = {"payee_number": "1100012345678909876543", "payee_name": "北京市第一中级人民法院"}
PLACED = {
    "order_no": "F1",
    "authority": "COURT",
    "document": "(2026)京01执1号",
    "account": "2241.01.xiaoming",
    "amount_fen": 4_000,
    "ends": "2027-11-23",
}
DEDUCTED = {"deduction_no": "K1", "document": "(2026)京01执1号之一", "amount_fen": 1_000, **COURT}
DEDUCTIONS = "/v1/authority-orders/F1/deductions"


@pytest.fixture
def rich(market: Server) -> Server:
    body = {"payment_no": "P1", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": 5_000}
    market.ok("POST", "/v1/recharges", body)
    market.ok("POST", "/v1/instructions/pay-P1/outcome", {"succeeded": "S1"}, key="paid")
    market.appoint()
    return market


def asked_of(server: Server, no: str) -> Order:
    state = server.context.ledger.state(instruction.stream(f"deduct-{no}"))
    assert state.asked is not None
    return network_order(f"deduct-{no}", state, instruction.State())


def test_two_persons_place_deduct_and_lift(rich: Server) -> None:
    approval = rich.propose("POST", "/v1/authority-orders", PLACED, key="f1", role="risk")
    state = rich.context.ledger.state(order.stream("F1"))
    assert state.status == "none", "one person has asked for it: nothing is stopped yet"
    own = rich.send("POST", f"/v1/approvals/{approval}/approve", role="risk", key="own")
    problem(own, 409, "checker_is_maker", "actor")
    done = rich.ok("POST", f"/v1/approvals/{approval}/approve", role="reviewer", key="other")
    assert done["result"]["done"]["stopped_fen"] == 4_000
    taken = rich.agreed("POST", DEDUCTIONS, DEDUCTED, key="k1")
    assert (taken["result"]["state"], taken["result"]["payee_tail"]) == ("instructed", "6543")
    lifted = rich.agreed("POST", "/v1/authority-orders/F1/lift", {"document": "解1号"}, key="lift")
    assert lifted["result"]["state"] == "lifted"


def test_its_account_is_known_at_the_wire_and_stands_nowhere(rich: Server) -> None:
    rich.agreed("POST", "/v1/authority-orders", PLACED, key="f1")
    rich.agreed("POST", DEDUCTIONS, DEDUCTED, key="k1")
    to = rich.context.ledger.state(deduction.stream("K1")).asked
    assert to is not None
    addressed, why = Payees({}, rich.context.personal).addressed(asked_of(rich, "K1"), to.to)
    assert addressed is not None and why == ""
    assert (addressed.party, addressed.party_kind, addressed.party_name) == (
        COURT["payee_number"],
        "account",
        COURT["payee_name"],
    )
    rich.context.projector.catch_up()
    place = parse_database_url(rich.url)
    where = [*everything([place, vault_database(place)])]
    assert found(COURT.values(), where) == []


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"payee_number": "12"}, 422, "particulars_invalid", "payee_number"),
        ({"payee_name": ""}, 422, "text_invalid", "payee_name"),
        ({"amount_fen": 4_001}, 409, "deduction_beyond", "amount_fen"),
        ({"authority": "COURT", "account": "9999.01.x"}, 404, "account_code_unknown", "account"),
    ],
)
def test_what_is_wrong_with_a_deduction_is_said_at_once(
    rich: Server, body: dict[str, Any], status: int, code: str, field: str
) -> None:
    rich.agreed("POST", "/v1/authority-orders", PLACED, key="f1")
    wrong = rich.send("POST", DEDUCTIONS, {**DEDUCTED, **body}, role="cashier", key="k1")
    problem(wrong, status, code, field)


def test_of_no_order_and_without_the_vault(rich: Server) -> None:
    none = rich.send("POST", DEDUCTIONS, DEDUCTED, role="cashier", key="k1")
    problem(none, 404, "authority_order_not_found", "order_no")
    rich.agreed("POST", "/v1/authority-orders", PLACED, key="f1")
    rich.vault_key = ""
    rich.restart()
    locked = rich.send("POST", DEDUCTIONS, DEDUCTED, role="cashier", key="k2")
    problem(locked, 409, "vault_locked", "ZHANGFANG_VAULT_KEY")


def test_directly_without_a_freeze_before(rich: Server) -> None:
    body = {**DEDUCTED, "authority": "TAX", "account": "2241.01.xiaoming"}
    taken = rich.agreed("POST", "/v1/authority-orders/D1/deductions", body, key="k1")
    assert taken["result"]["order_no"] == "D1"


def test_the_timer_ends_an_order_once_its_last_date_is_over(rich: Server) -> None:
    rich.agreed("POST", "/v1/authority-orders", {**PLACED, "ends": "2026-11-24"}, key="f1")
    desk = rich.context.desk
    for days, ended in ((0, 0), (1, 0), (2, 1), (2, 0)):
        rich.context.projector.catch_up()
        assert end_over(desk, rich.now_us + days * DAY_US) == ended
    assert rich.context.ledger.state(order.stream("F1")).status == "ended"
