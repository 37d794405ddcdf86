"""Withdrawals over REST: shown, asked for, in a race, checked by another operator, at T+1."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.cli.desk import Found
from api.operations.worker import Worker
from domain.accounting import account
from domain.kernel import DAY_US
from domain.payment import withdrawal
from tests.api.conftest import Server, problem
from tests.api.rest.test_cards import ANN, bind

QUOTE = "/v1/members/xiaoming/withdrawal-quote"
LARGE = 2_000_001


@pytest.fixture
def saver(market: Server) -> Server:
    """A card is bound, there are 50,000.00 in the wallet, and it is of class 2."""
    bind(market)
    certify(market)
    recharge(market, 5_000_000)
    return market


def certify(server: Server, level: int = 2, member_id: str = "xiaoming") -> None:
    """By who came in person, from today on."""
    who = {"name": ANN["name"], "identity": ANN["identity"]}
    how = {"level": level, "effective_from": "2026-11-23", "sources": ["in_person"]}
    path = f"/v1/members/{member_id}/certifications"
    server.ok("POST", path, {**who, **how}, key=f"class-{level}")


def recharge(server: Server, fen: int) -> None:
    body = {"payment_no": "P1", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": fen}
    server.ok("POST", "/v1/recharges", body)
    outcome = "/v1/instructions/pay-P1/outcome"
    server.ok("POST", outcome, {"succeeded": "S1"}, key="recharged")


def wish(number: str = "X1", fen: int = 10_000, fee: int = 0, **more: Any) -> dict[str, Any]:
    asked = {"withdrawal_no": number, "member_id": "xiaoming", "amount_fen": fen, "fee_fen": fee}
    return {**asked, **more}


def state(server: Server, number: str) -> str:
    return str(server.context.ledger.state(withdrawal.stream(number)).status)


def balance(server: Server, leaf: str = "2241.01.xiaoming") -> int:
    return int(server.context.ledger.state(account.stream(leaf)).balance_fen)


def test_the_fee_is_shown_and_what_was_shown_is_asked(saver: Server) -> None:
    for n in range(3):
        shown = saver.ok("GET", f"{QUOTE}?amount_fen=10000", role="auditor")
        assert (shown["fee_fen"], shown["free"]) == (0, True)
        saver.ok("POST", "/v1/withdrawals", wish(f"F{n}"))
    shown = saver.ok("GET", f"{QUOTE}?amount_fen=30000&speed=T%2B0")
    assert shown == {
        "amount_fen": 30_000,
        "fee_fen": 30,
        "speed": "T+0",
        "arrives_on": "2026-11-23",
        "free": False,
        "fee_back": True,
        "approval": False,
    }
    problem(saver.send("POST", "/v1/withdrawals", wish(fen=30_000)), 409, "fee_differs", "fee_fen")
    first = saver.ok("POST", "/v1/withdrawals", wish("X2", 30_000, 30))
    assert first["result"]["state"] == "instructed"
    again = saver.ok("POST", "/v1/withdrawals", wish("X2", 30_000, 30))
    assert (again["replayed"], again["result"]) == (True, first["result"])
    assert balance(saver) == 5_000_000 - 30_000 - 30_030


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ("amount_fen=x", 422, "amount_invalid", "amount_fen"),
        ("", 422, "amount_invalid", "amount_fen"),
        ("amount_fen=1.5", 422, "amount_invalid", "amount_fen"),
        ("amount_fen=99", 409, "withdrawal_limit", "amount_fen"),
        ("amount_fen=5000001", 409, "withdrawal_limit", "amount_fen"),
        ("amount_fen=100&speed=T%2B2", 400, "request_invalid", "speed"),
        ("amount_fen=100&fast=1", 400, "request_invalid", "fast"),
        ("amount_fen=100&amount_fen=200", 400, "request_invalid", "amount_fen"),
    ],
)
def test_a_quote_that_cannot_be_given_says_why(
    market: Server, query: str, status: int, code: str, field: str
) -> None:
    problem(market.send("GET", f"{QUOTE}?{query}"), status, code, field)


def test_who_may_not_be_shown_a_quote(market: Server) -> None:
    asked = f"{QUOTE}?amount_fen=100"
    problem(market.send("GET", asked, role="merchant"), 403, "not_allowed", "Authorization")
    assert market.send("GET", asked, role=None).status_code == 401
    other = QUOTE.replace("xiaoming", "SQUIRRELS") + "?amount_fen=100"
    problem(market.send("GET", other), 422, "member_kind_wrong", "member_id")


def test_two_in_a_race_for_the_same_money(market: Server) -> None:
    """Of eight at once, each for a third of what is there, three leave; no fen twice."""
    bind(market)
    recharge(market, 30_000)

    def ask(n: int) -> int:
        fee = market.ok("GET", f"{QUOTE}?amount_fen=10000")["fee_fen"]
        return int(market.send("POST", "/v1/withdrawals", wish(f"R{n}", fee=fee)).status_code)

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(ask, range(8)))
    assert answers == [201] * 3 + [409] * 5
    assert (balance(market), balance(market, "2241.05")) == (0, 30_000)


def test_without_a_card_or_beyond_the_day(market: Server) -> None:
    recharge(market, 20_000_000)
    none = market.send("POST", "/v1/withdrawals", wish())
    problem(none, 404, "card_not_found", "card")
    bind(market)
    capped = market.send("POST", "/v1/withdrawals", wish("D0", 100_001), key="class-1")
    problem(capped, 409, "wallet_cap", "amount_fen")
    certify(market)
    for n in range(2):
        market.ok("POST", "/v1/withdrawals", wish(f"D{n}", 5_000_000))
    beyond = market.send("POST", "/v1/withdrawals", wish("D2", 100))
    problem(beyond, 409, "withdrawal_limit", "amount_fen")


def test_a_large_one_is_checked_by_another_operator(saver: Server) -> None:
    asked = saver.ok("POST", "/v1/withdrawals", wish("X1", LARGE))["result"]
    assert asked["state"] == "unapproved"
    saver.context.projector.catch_up()
    with saver.context.engine.connect() as view:
        [waits] = Found(view).json()["withdrawals"]["items"]
    assert (waits["withdrawal_no"], waits["amount_fen"]) == ("X1", LARGE)
    query = "{ desk { withdrawals { more items { no maker } } } }"
    desk = saver.ok("POST", "/graphql", {"query": query})["data"]["desk"]["withdrawals"]
    assert [one["no"] for one in desk["items"]] == ["X1"]
    saver.appoint()
    for role in ("operator", "checker"):  # Keys that are nobody's: they may be one person's.
        nobody = saver.send("POST", "/v1/withdrawals/X1/approve", role=role, key=f"a-{role}")
        problem(nobody, 403, "person_unknown", "actor")
    done = saver.ok("POST", "/v1/withdrawals/X1/approve", role="reviewer", key="b")["result"]
    assert done["state"] == "instructed"
    saver.ok("POST", "/v1/withdrawals", wish("X2", LARGE), role="cashier")
    no = saver.ok(
        "POST", "/v1/withdrawals/X2/turn-down", {"reason": "odd"}, role="reviewer", key="c"
    )
    assert no["result"]["state"] == "turned_down"
    assert balance(saver) == 5_000_000 - LARGE


def test_what_a_person_says_came_back_needs_two(saver: Server) -> None:
    saver.ok("POST", "/v1/withdrawals", wish())
    saver.ok("POST", "/v1/instructions/withdraw-X1/outcome", {"succeeded": "B1"}, key="paid")
    path, body = "/v1/withdrawals/X1/return", {"reason": "so says the statement"}
    nobody = saver.send("POST", path, body, key="r0")
    problem(nobody, 403, "person_unknown", "actor")
    proposed = saver.propose("POST", path, body, key="r1")
    assert (state(saver, "X1"), balance(saver)) == ("succeeded", 4_990_000)
    approve = f"/v1/approvals/{proposed}/approve"
    saver.ok("POST", approve, role="reviewer", key="yes")
    assert (state(saver, "X1"), balance(saver)) == ("returned", 5_000_000)


def test_the_worker_instructs_what_is_due_when_its_day_is_open(saver: Server) -> None:
    asked = saver.ok("POST", "/v1/withdrawals", wish("X1", speed="T+1"))["result"]
    assert (asked["state"], asked["arrives_on"]) == ("waiting", "2026-11-24")
    worker = Worker(saver.context.desk, lambda: saver.now_us)
    worker.round()
    assert state(saver, "X1") == "waiting"
    saver.now_us += DAY_US
    worker.round()  # The day is ended and the next one opened; what is due leaves.
    assert state(saver, "X1") in ("instructed", "succeeded")
    worker.round()
    assert state(saver, "X1") == "succeeded"
    worker.round()
    assert balance(saver) == 5_000_000 - 10_000


def test_a_forgotten_member_withdraws_nothing(market: Server) -> None:
    bind(market, {**ANN, "number": "6217001234567893"}, path="/v1/members/xiaohong/cards")
    (bound,) = market.context.personal.ledger.state("cards-xiaohong").bindings  # type: ignore[arg-type]
    market.ok("POST", f"/v1/members/xiaohong/cards/{bound.card}/unbind", {"reason": "x"}, key="u")
    market.ask_banks()
    market.now_us += 3_700 * DAY_US
    market.ok("POST", "/v1/members/xiaohong/forget", {"reason": "asked"}, key="f")
    asked = market.send("POST", "/v1/withdrawals", {**wish(), "member_id": "xiaohong"})
    problem(asked, 409, "member_forgotten", "member_id")
