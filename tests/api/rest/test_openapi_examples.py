"""The examples of the OpenAPI document play through, one after another, on one ledger."""

from datetime import UTC, datetime
from typing import Any

from api.operations.screening import SYSTEM as SCREENING
from api.rest import cards, end_of_day
from api.rest.routes import ENDPOINTS
from domain.accounting.owning import InstructSweep, PostSweep
from domain.approval.kinds import KINDS
from domain.channel.adapters.simulated_cards import CODE
from domain.channel.commands import ReportUnknownNumber
from domain.kernel import DAY_US, Command, Request
from domain.payment.asking import ClaimAttempt, RecordAnswer
from domain.payment.commands import RechargeWallet, RecordOutcome, SendBackRecharge
from domain.screening.commands import RecordMatches
from domain.screening.entries import Hit
from domain.transaction.commands import RefundTransaction
from tests.api.conftest import Server
from tests.api.rest.disputing import DISPUTES, dispute
from tests.shops import USUAL_JSON


def test_the_examples_play_through(server: Server) -> None:
    """One after another, in an order in which they make sense, each gives the answer it shows."""
    for member_id, name in (("xiaoming", "小明"), ("xiaohong", "小红"), ("xiaolan", "小兰")):
        body = {"member_id": member_id, "kind": "personal", "name": name}
        server.ok("POST", "/v1/members", body)
    play(server, OPENING)
    for name in NOON_EXAMPLES:
        play(server, name)
    ask_for_approvals(server)
    for name in WAITING_EXAMPLES:
        play(server, name)
    play_cards(server)
    keep_reserve(server)
    for name, role in dispute(server):
        play(server, name, role=role)
    for endpoint in ENDPOINTS:
        if endpoint.name not in ORDERED:  # An example of today's books needs no place of its own.
            play(server, endpoint.name)
    top_up(server)
    line = {"merchant": "SQUIRRELS", "amount_fen": 100, "subject": "nuts"}
    server.ok("POST", "/v1/orders", {"order_no": "JD1002", "buyer": "xiaoming", "lines": [line]})
    play(server, CLOSING)
    again = {"payment_no": "P2002", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": 1}
    server.ok("POST", "/v1/recharges", again)
    play(server, CLOSING_A_PAYMENT)
    funded = {"succeeded": "W1"}
    server.ok("POST", "/v1/instructions/pay-P2001/outcome", funded, key="w")
    leave_a_surplus(server)
    play(server, PLACING)
    play(server, SETTLING)
    again = {"payment_no": "P2003", "member_id": "xiaoming", "method": "JD_PAY", "amount_fen": 1}
    server.ok("POST", "/v1/recharges", again)
    server.ok("POST", "/v1/instructions/pay-P2003/outcome", {"succeeded": "W3"}, key="w3")
    play(server, SENDING_BACK)
    withdraw(server)
    play_wallets(server)
    decide(server)
    server.now_us = server.now_us + 86_400_000_000
    for name in SETTLEMENT_EXAMPLES:
        play(server, name, role="checker" if name.endswith("/review") else "operator")
    payout = "/v1/instructions/payout-SQUIRRELS-2026-11-23-1/outcome"
    server.ok("POST", payout, {"declined": "closed"}, key="declined")
    play(server, RETRY)
    payout = "/v1/instructions/payout-SQUIRRELS-2026-11-23-2/outcome"
    server.ok("POST", payout, {"succeeded": "B2"}, key="succeeded")
    play(server, RETURN)
    play(server, WITHDRAWN)
    server.now_us += 3660 * DAY_US
    play(server, FORGETTING)


OPENING = "POST /v1/business-days/{first_date}/open"
PLACING = "POST /v1/suspense-items/{item}/place"
SENDING_BACK = "POST /v1/recharges/{payment_no}/send-back"
CLOSING = "POST /v1/orders/{order_no}/close"
SETTLING = "POST /v1/channels/{channel}/unknown-numbers/settle"
CLOSING_A_PAYMENT = "POST /v1/instructions/{instruction_id}/close"
FORGETTING = "POST /v1/members/{member_id}/forget"
RETRY = "POST /v1/settlement-batches/{batch_id}/payouts/{payout_no}/retry"
RETURN = "POST /v1/settlement-batches/{batch_id}/payouts/{payout_no}/return"
REFUNDING = "POST /v1/transactions/{transaction_id}/refunds"
FREEZING = "POST /v1/accounts/{account}/freeze"
DECIDING_EXAMPLES = [
    "POST /v1/approvals/{approval_id}/approve",
    "POST /v1/approvals/{approval_id}/refuse",
    "POST /v1/approvals/{approval_id}/withdraw",
]
NOON_EXAMPLES = [
    "POST /v1/members",
    "POST /v1/members/{member_id}/operators",
    "DELETE /v1/members/{member_id}/operators/{operator_id}",
    "POST /v1/members/{member_id}/fee-rules",
    "POST /v1/members/{member_id}/settlement-terms",
    "POST /v1/members/{member_id}/debt-limits",
    "POST /v1/members/{member_id}/agreements",
    "POST /v1/members/{member_id}/agreements/{product}/end",
    "POST /v1/members/{member_id}/merchant-agreements",
    "POST /v1/members/{member_id}/merchant-agreements/end",
    "POST /v1/orders",
    "POST /v1/cashier-sessions",
    "POST /v1/cashier-sessions/{session_no}/cancel",
    "POST /v1/withdrawal-sessions",
    "POST /v1/orders/{order_no}/payments",
    "POST /v1/instructions/{instruction_id}/outcome",
    "POST /v1/transactions/{transaction_id}/confirm",
    "POST /v1/transactions/{transaction_id}/refunds",
    "POST /v1/recharges",
]
WAITING_EXAMPLES = [
    "POST /v1/refunds/{refund_no}/approve",
    "POST /v1/refunds/{refund_no}/reject",
]
WITHDRAWING_EXAMPLES = [
    "POST /v1/withdrawals",
    "POST /v1/withdrawals/{withdrawal_no}/approve",
    "POST /v1/withdrawals/{withdrawal_no}/turn-down",
]
KEPT_EXAMPLES = [
    "POST /v1/members/{member_id}/reserves/{release_on}/release",
    "POST /v1/deposits",
    "POST /v1/deposits/{deposit_no}/return",
]
TOPPING_UP, CALLING_OFF = "POST /v1/top-ups/show", "POST /v1/sweeps/{movement_no}/call-off"
WITHDRAWN = "POST /v1/withdrawals/{withdrawal_no}/return"
WALLET_EXAMPLES = [
    "POST /v1/transfers",
    "POST /v1/accounts/{account}/freeze",
    "POST /v1/accounts/{account}/unfreeze",
    "POST /v1/accounts/{account}/holds",
    "DELETE /v1/accounts/{account}/holds/{hold_id}",
    "POST /v1/accounts/{account}/close",
    "POST /v1/entries/reverse",
]
AFTER_WHICH_ORDERS = "DELETE /v1/accounts/{account}/holds/{hold_id}"
ORDER_EXAMPLES = [
    "POST /v1/authority-orders",
    "POST /v1/authority-orders/{order_no}/extend",
    "POST /v1/authority-orders/{order_no}/deductions",
    "POST /v1/deductions/{deduction_no}/return",
    "POST /v1/authority-orders/{order_no}/lift",
]
MATCHES = "POST /v1/members/{member_id}/list-matches/{list_name}/{entry_no}"
MATCH_EXAMPLES = [f"{MATCHES}/confirm", f"{MATCHES}/clear"]
CARD_EXAMPLES = [
    "POST /v1/members/{member_id}/cards",
    "POST /v1/members/{member_id}/cards/{card}/confirm",
    "POST /v1/members/{member_id}/cards/{card}/default",
    "POST /v1/members/{member_id}/cards/{card}/unbind",
]
SETTLEMENT_EXAMPLES = [
    "POST /v1/business-days/{date}/cut-off",
    "POST /v1/business-days/{date}/close",
    "POST /v1/settlement-batches/{batch_id}/seal",
    "POST /v1/settlement-batches/{batch_id}/review",
    "POST /v1/settlement-batches/{batch_id}/settle",
    "POST /v1/calendars",
]
ORDERED = {
    OPENING,
    PLACING,
    SENDING_BACK,
    CLOSING,
    CLOSING_A_PAYMENT,
    SETTLING,
    RETRY,
    RETURN,
    FORGETTING,
    WITHDRAWN,
    TOPPING_UP,
    CALLING_OFF,
    *WITHDRAWING_EXAMPLES,
    *CARD_EXAMPLES,
    *ORDER_EXAMPLES,
    *MATCH_EXAMPLES,
    *KEPT_EXAMPLES,
    *NOON_EXAMPLES,
    *DECIDING_EXAMPLES,
    *WAITING_EXAMPLES,
    *WALLET_EXAMPLES,
    *SETTLEMENT_EXAMPLES,
    *DISPUTES,
}
BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}


def ask_for_approvals(server: Server) -> None:
    """Another merchant, whose money is held and who may owe nothing, asks for two refunds."""
    tea = {
        "member_id": "GREENTEA",
        "kind": "enterprise",
        "name": "tea",
        "fee_rule": {"rate_bps": 60},
        "settlement_cycle": "T+1",
        "agreement": USUAL_JSON,
    }
    server.ok("POST", "/v1/members", tea)
    limit = {"effective_from": "2026-11-23", "limit_fen": 0}
    server.agreed("POST", "/v1/members/GREENTEA/debt-limits", limit, key="limit")
    server.sell("JD2001", "GREENTEA", 10_000)
    server.pay("JD2001", "P7001")
    sold = "/v1/transactions/GREENTEA-JD2001"
    server.ok("POST", f"{sold}/confirm", {"by": "buyer"}, key="confirm-tea")
    hold = {"hold_id": "H7", "amount_fen": 9_940, "reason": "a dispute"}
    server.ok("POST", "/v1/accounts/2241.02.GREENTEA/holds", hold, key="hold-tea")
    for refund_no in ("R1002", "R1003"):
        body = {"refund_no": refund_no, "amount_fen": 1_000}
        answer = server.ok("POST", f"{sold}/refunds", body, role="stranger")
        assert answer["result"] == {"refund_no": refund_no, "state": "requested"}


def keep_reserve(server: Server) -> None:
    """Of what one merchant sells a tenth is withheld."""
    walnuts = {
        "member_id": "WALNUTS",
        "kind": "enterprise",
        "name": "walnuts",
        "fee_rule": {"rate_bps": 60},
        "agreement": USUAL_JSON,
    }
    server.ok("POST", "/v1/members", walnuts)
    terms = {
        "effective_from": "2026-11-23",
        "settlement_cycle": "weekly:mon",
        "reserve_bps": 1_000,
        "reserve_days": 30,
    }
    server.agreed("POST", "/v1/members/WALNUTS/settlement-terms", terms, key="walnuts")
    server.sell("JD3001", "WALNUTS", 10_000)
    server.pay("JD3001", "P7003")
    confirm = "/v1/transactions/WALNUTS-JD3001/confirm"
    server.ok("POST", confirm, {"by": "buyer"}, key="confirm-walnuts")
    for name in KEPT_EXAMPLES:
        play(server, name)


def play_cards(server: Server) -> None:
    """A token is a member's own: here it is another one than in the examples."""
    token = cards.TOKEN
    for name in CARD_EXAMPLES:
        endpoint = BY_NAME[name]
        path = endpoint.path.format(**{**endpoint.sample, "card": token})
        response = server.send(endpoint.method, path, dict(endpoint.body), key=name[5:90])
        assert response.status_code == endpoint.status, (name, response.text)
        result = response.json()["result"]
        token = result["card"]
        assert result == {**endpoint.result, "card": token}
        server.ask_banks()


def withdraw(server: Server) -> None:
    """A card of a person, money in the wallet, and two withdrawals that need a second operator."""
    body = {"payment_no": "P7002", "member_id": "xiaoming", "method": "JD_PAY"}
    server.ok("POST", "/v1/recharges", {**body, "amount_fen": 6_000_000})
    server.ok("POST", "/v1/instructions/pay-P7002/outcome", {"succeeded": "W7"}, key="w7")
    ann = {"number": "6222021234567894", "name": "韩梅梅", "identity": "11010519491231002X"}
    cards_of = "/v1/members/xiaoming/cards"
    answer = server.ok("POST", cards_of, {**ann, "phone": "13812345678"}, key="ann")
    server.ask_banks()
    confirm = f"{cards_of}/{answer['result']['card']}/confirm"
    server.ok("POST", confirm, {"code": CODE}, key="ann-code")
    server.ask_banks()
    certify = "POST /v1/members/{member_id}/certifications"
    today = {**BY_NAME[certify].body, "effective_from": "2026-11-23"}
    server.ok("POST", "/v1/members/xiaoming/certifications", today, key="today")
    for number in ("W7002", "W7003"):
        asked = {"withdrawal_no": number, "member_id": "xiaoming", "amount_fen": 2_500_000}
        server.ok("POST", "/v1/withdrawals", {**asked, "fee_fen": 0}, role="checker")
    server.appoint()
    for name in WITHDRAWING_EXAMPLES:
        checks = name.endswith(("/approve", "/turn-down"))
        play(server, name, role="reviewer" if checks else "operator")
    for number in ("W7001", "W7002"):
        outcome = f"/v1/instructions/withdraw-{number}/outcome"
        server.ok("POST", outcome, {"succeeded": f"S{number}"}, key=number)
    unbind = f"{cards_of}/{answer['result']['card']}/unbind"
    server.ok("POST", unbind, {"reason": "lost"}, key="ann-gone")
    server.ask_banks()


def match(server: Server) -> None:
    """A member is on a list twice over: one match is confirmed, and then cleared by two persons."""
    hit = Hit("WATCH", 1, "W-7", "5f" * 16, "name", "review")
    asked = Request("match-1", server.now_us, SCREENING, RecordMatches("xiaolan", (hit,)))
    server.context.ledger.submit(asked).unwrap()
    for name in MATCH_EXAMPLES:
        play(server, name, role="risk" if name.endswith("/confirm") else "operator")


def play_wallets(server: Server) -> None:
    for name in WALLET_EXAMPLES:
        play(server, name)
        if name == AFTER_WHICH_ORDERS:
            order(server)
            match(server)


def order(server: Server) -> None:
    """A court stops money and takes some of it; the bank pays, and returns it."""
    for name in ORDER_EXAMPLES:
        if name.endswith("/return"):
            outcome = "/v1/instructions/deduct-K1001/outcome"
            server.ok("POST", outcome, {"succeeded": "K1"}, key="k1")
        play(server, name)


def leave_a_surplus(server: Server) -> None:
    """A recharge was sent back, and the channel withdraws that it was: asked again, it insists. And
    it has called about a number that nobody knows."""
    steps: tuple[Command, ...] = (
        ReportUnknownNumber("JD_PAY", "pay-P9999", "payment", "succeeded", "S9", 700),
        RechargeWallet("P9001", "xiaohong", "JD_PAY", 700),
        RecordOutcome("pay-P9001", succeeded="S1"),
        SendBackRecharge("P9001", "the wrong wallet"),
        RecordOutcome("back-P9001", succeeded="B1"),
        RecordAnswer("back-P9001", "declined", reason="taken back"),
        ClaimAttempt("back-P9001", 1, True, "back-P9001", "back-P9001x"),
        RecordAnswer("back-P9001", "declined", reason="taken back", attempt=1),
    )
    for number, command in enumerate(steps):
        asked = Request(f"surplus-{number}", server.now_us, "operator:lin", command)
        server.context.ledger.submit(asked).unwrap()


def top_up(server: Server) -> None:
    """Every fee was swept when a sale is refunded."""
    left_fen = server.context.ledger.state("account-2202.09").balance_fen - 5
    steps = (
        InstructSweep("S2026-10", 5, "fees of October"),
        InstructSweep("S3001", left_fen, "fees"),
        PostSweep("S3001", left_fen, "L"),
        RefundTransaction("R3001", "WALNUTS-JD3001", 10_000),
    )
    for command in steps:
        asked = Request(f"topped-{command}"[:90], server.now_us, "operator:lin", command)
        server.context.ledger.submit(asked).unwrap()
    play(server, TOPPING_UP)
    play(server, CALLING_OFF)


def decide(server: Server) -> None:
    """Three freezes are proposed; one is approved, one refused, one withdrawn."""
    account = "2241.01.xiaohong"
    path = BY_NAME[FREEZING].path.format(account=account)
    for name, role in zip(DECIDING_EXAMPLES, ("reviewer", "risk", "cashier"), strict=True):
        body = {**BY_NAME[FREEZING].body, "reason": name}
        approval_id = server.propose("POST", path, body, key=f"to-{name[-7:]}")
        endpoint = BY_NAME[name]
        shown: dict[str, Any] = {**endpoint.result, "approval_id": approval_id}
        if "done" in shown:
            shown["done"] = {**shown["done"], "account": account}
        own = endpoint.path.format(approval_id=approval_id)
        answer = server.ok("POST", own, dict(endpoint.body), role=role, key=name[-7:])
        assert answer["result"] == shown


def play(server: Server, name: str, role: str = "operator") -> None:
    endpoint = BY_NAME[name]
    path = endpoint.path.format(**endpoint.sample)
    key, body = name[:90].replace(" ", "-"), dict(endpoint.body)
    if endpoint.command in KINDS and name != REFUNDING:
        agreed = server.agreed(endpoint.method, path, body, key=key)
        assert agreed["result"] == dict(endpoint.result), name
        return
    response = server.send(endpoint.method, path, body, role=role, key=key)
    assert response.status_code == endpoint.status, (name, response.text)
    result, wanted = response.json()["result"], dict(endpoint.result)
    assert ("secret" in result) == ("secret" in wanted)
    assert result | {"secret": ""} == wanted | {"secret": ""}, name  # Another one each time.


def test_the_end_of_a_day_runs_and_running_it_again_changes_nothing(market: Server) -> None:
    market.sell("JD1")
    market.pay("JD1", "P1")
    market.ok("POST", "/v1/transactions/SQUIRRELS-JD1/confirm", key="confirm")
    path = "/v1/business-days/2026-11-23/settle"
    first = market.ok("POST", path)["result"]
    assert set(first) == set(end_of_day.EXAMPLE)
    assert (first["sealed"], first["closed"], first["open_date"]) == (1, True, "2026-11-24")
    facts = market.context.ledger.head().position
    again = market.ok("POST", path)["result"]
    assert (again["sealed"], again["settled"], again["closed"]) == (0, 0, False)
    assert market.context.ledger.head().position == facts
    early = market.send("POST", "/v1/business-days/2026-11-24/settle")
    assert early.json()["code"] == "day_not_begun"
    market.now_us = int(datetime(2026, 11, 24, 15, tzinfo=UTC).timestamp()) * 1_000_000
    second = market.ok("POST", "/v1/business-days/2026-11-24/settle")["result"]
    assert (second["settled"], second["payouts"]) == (1, 1)
    batch = market.context.ledger.state("settlement-SQUIRRELS-2026-11-23")
    assert batch.status == "settled"
