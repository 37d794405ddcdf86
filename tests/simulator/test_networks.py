"""The signed-JSON networks, as PROTOCOL.md (docs/simulator.md) says they are."""

import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.simulator.outside import Member, Outside, Receiver


def number() -> str:
    return "n" + secrets.token_hex(10)


def test_a_card_payment_is_taken_at_once_and_asked_about(outside: Outside) -> None:
    member, mine = Member(outside, "netsunion"), number()
    status, order = member.place(mine)
    assert (status, order["state"], order["amount"], order["code"]) == (
        200,
        "SUCCEEDED",
        10_000,
        None,
    )
    assert [charge["serial"] for charge in order["serials"]] == [order["serial"]]
    assert member.query(mine) == (200, order)
    assert member.place(mine) == (200, order), "the same number again is the same order"
    assert member.place(mine, amount=10_001)[1]["code"] == "NUMBER_REUSED"
    assert member.close(mine)[1]["code"] == "ORDER_PAID"
    assert outside.entry(mine)["charges"][0]["fee"] == 20


def test_the_payer_of_a_waiting_order_pays_and_we_are_called_back(
    outside: Outside, receiver: Receiver
) -> None:
    member, mine = Member(outside, "jdpay"), number()
    status, order = member.place(mine, notify_url=receiver.url)
    assert (status, order["state"], order["serial"]) == (200, "WAITING", None)
    assert order["pay_url"].startswith(outside.base_url)
    path, headers, body = receiver.next()
    member.verify("POST", path, headers, body)
    event = json.loads(body)
    assert event["event"] == "ORDER" and event["order"]["state"] == "SUCCEEDED"
    assert event["order"] == member.query(mine)[1]


def test_an_unpaid_order_is_closed(tmp_path: Any) -> None:
    by_hand = Outside(tmp_path, "--payer", "manual")
    try:
        member, mine, other = Member(by_hand, "quickpass"), number(), number()
        member.place(mine)
        assert member.close(mine)[1]["state"] == "CLOSED"
        assert member.close(mine)[1]["state"] == "CLOSED"
        said = {"network": "quickpass", "number": mine}
        assert by_hand.post("/simulate/pay", said)[0] == 409, "closed is closed"
        status, entry = by_hand.post("/simulate/pay-late", {**said, "amount": 10_300})
        assert (status, entry["state"], entry["charges"][0]["amount"]) == (200, "SUCCEEDED", 10_300)
        member.place(other)
        said["number"] = other
        assert by_hand.post("/simulate/fail", {**said, "code": "PAYER_LIMIT"})[0] == 200
        assert member.query(other)[1]["code"] == "PAYER_LIMIT"
        assert by_hand.get("/book/totals")["balanced"]
    finally:
        by_hand.stop()


def test_an_order_that_nobody_pays_in_time_is_declined(tmp_path: Any) -> None:
    by_hand = Outside(tmp_path, "--payer", "manual")
    try:
        member, mine = Member(by_hand, "jdpay"), number()
        soon = datetime.fromisoformat(by_hand.get("/health")["now"]) + timedelta(minutes=5)
        member.place(mine, expires=soon.isoformat())
        assert by_hand.post("/simulate/clock", {"seconds": 299})[0] == 200
        assert member.query(mine)[1]["state"] == "WAITING"
        by_hand.post("/simulate/clock", {"seconds": 5})
        order = member.until(mine, "DECLINED")
        assert order["code"] == "EXPIRED"
        said = {"network": "jdpay", "number": mine}
        assert by_hand.post("/simulate/pay", said)[0] == 409
    finally:
        by_hand.stop()


def test_a_payer_without_money_is_declined(outside: Outside) -> None:
    member, mine = Member(outside, "netsunion"), number()
    card = {"kind": "card", "id": f"62{secrets.randbelow(10**14):014d}"}
    assert outside.post("/simulate/account", {**card, "balance": 9_999})[0] == 200
    order = member.place(mine, party=card)[1]
    assert (order["state"], order["code"], order["serials"]) == ("DECLINED", "PAYER_NO_FUNDS", [])
    assert member.place(number(), party=card, amount=9_999)[1]["state"] == "SUCCEEDED"


def balance(outside: Outside, account: str) -> int:
    found: list[dict[str, Any]] = outside.get("/book/accounts?limit=1000")["accounts"]
    return next(int(one["balance"]) for one in found if one["id"] == account)


def test_refunds_are_bounded_by_what_was_paid_and_arrive(outside: Outside) -> None:
    member, mine = Member(outside, "jdpay"), number()
    user = {"kind": "user", "id": f"u{secrets.token_hex(6)}"}
    member.place(mine, party=user)
    member.until(mine, "SUCCEEDED")
    before = balance(outside, f"user:{user['id']}")
    refund = {"kind": "refund", "original": mine, "original_amount": 10_000, "party": user}
    first = number()
    assert member.place(first, amount=6_000, **refund)[1]["state"] == "SUCCEEDED"
    status, said = member.place(number(), amount=4_001, **refund)
    assert (status, said["code"]) == (409, "AMOUNT_TOO_LARGE")
    assert member.place(number(), amount=4_000, **refund)[0] == 200
    assert balance(outside, f"user:{user['id']}") == before + 10_000
    assert member.query(first, "refund")[1]["amount"] == 6_000
    wrong = {**refund, "original": number()}
    assert member.place(number(), amount=1, **wrong)[1]["code"] == "NO_SUCH_ORDER"
    assert member.place(number(), kind="refund", amount=1)[0] == 400


def test_payouts_reach_accounts_and_come_back(outside: Outside, receiver: Receiver) -> None:
    bank, mine = Member(outside, "bank"), number()
    payee = {"kind": "account", "id": secrets.token_hex(8), "name": "坚果公司"}
    account = {**payee, "balance": 0}
    outside.post("/simulate/account", account)
    order = bank.place(mine, party=payee, notify_url=receiver.url)[1]
    assert order["state"] == "SUCCEEDED"
    assert balance(outside, f"account:{payee['id']}") == 10_000
    assert bank.place(number(), party={**payee, "name": "Other"})[1]["code"] == "PAYEE_NAME_WRONG"
    assert json.loads(receiver.next()[2])["order"]["state"] == "SUCCEEDED"
    act = {"network": "bank", "kind": "payout", "number": mine}
    assert outside.post("/simulate/return", act)[0] == 200
    back = bank.query(mine, "payout")[1]
    assert (back["state"], back["amount"]) == ("RETURNED", 10_000)
    assert back["return_serial"] and back["return_serial"] != back["serial"]
    assert json.loads(receiver.next()[2])["order"] == back
    assert balance(outside, f"account:{payee['id']}") == 0
    outside.post("/simulate/account", {**account, "state": "closed"})
    assert bank.place(number(), party=payee)[1]["code"] == "PAYEE_ACCOUNT_CLOSED"
    assert outside.get("/book/totals")["balanced"]
    assert bank.place(number(), kind="payment")[0] == 400


def unionpay_time(outside: Outside, seconds: int = 0) -> str:
    now = outside.get("/health")["now"]
    return (datetime.fromisoformat(now) + timedelta(seconds=seconds)).strftime("%Y%m%d%H%M%S")


def test_unionpay_knows_an_order_by_its_time_too(tmp_path: Any) -> None:
    slow = Outside(tmp_path)
    try:
        member, mine = Member(slow, "unionpay"), "u" + secrets.token_hex(8)
        first, second = unionpay_time(slow, -2), unionpay_time(slow, -1)
        one = member.place(mine, time=first)[1]
        other = member.place(mine, time=second)[1]
        assert one["serial"] != other["serial"], "another time is a second order"
        assert member.place(mine, time=first) == (200, one)
        assert member.query(mine, more=f"&time={first}")[1] == one
        third = f"&time={unionpay_time(slow, 9)}"
        assert member.query(mine, more=third)[1]["code"] == "NO_SUCH_ORDER"
        assert member.query(mine)[0] == 400
        for seconds in (-301, 301):
            late = member.place(mine, time=unionpay_time(slow, seconds))
            assert (late[0], late[1]["code"]) == (400, "TIME_INVALID")
        assert member.place("with-dash-1", time=first)[0] == 400
        assert member.place("short12", time=first)[0] == 400
    finally:
        slow.stop()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Timestamp", "301 s ago"),
        ("X-Timestamp", "-1"),
        ("X-Timestamp", "٣"),
        ("X-Key-Id", "zf-bank-1"),
        ("X-Nonce", "short"),
        ("X-Signature", "AAAA"),
        ("X-Signature", "?"),
    ],
)
def test_what_is_not_signed_well_is_refused(outside: Outside, header: str, value: str) -> None:
    member, mine = Member(outside, "jdpay"), number()
    body = json.dumps(member.wish(mine)).encode()
    headers = member.sign("POST", "/jdpay/orders", body)
    if value == "301 s ago":  # told from now: a test's name must not hold the time
        value = str(int(time.time()) - 301)
    if header in ("X-Timestamp", "X-Nonce") and value.isascii():
        headers = member.sign("POST", "/jdpay/orders", body, **{header: value})
    else:
        headers[header] = value.encode().decode("latin-1")
    status, said, told = outside.raw("POST", "/jdpay/orders", body, headers)
    assert (status, said["code"]) == (401, "SIGN_INVALID")
    member.verify("ANSWER", "", told, json.dumps(said, separators=(",", ":")).encode())
    assert member.query(mine)[0] == 404


def test_a_request_is_taken_once(outside: Outside) -> None:
    member, mine = Member(outside, "jdpay"), number()
    body = json.dumps(member.wish(mine)).encode()
    headers = member.sign("POST", "/jdpay/orders", body)
    assert outside.raw("POST", "/jdpay/orders", body, headers)[0] == 200
    assert outside.raw("POST", "/jdpay/orders", body, headers)[0] == 401
    changed = body.replace(b"10000", b"20000")
    headers = member.sign("POST", "/jdpay/orders", body)
    assert outside.raw("POST", "/jdpay/orders", changed, headers)[0] == 401


def test_a_callback_is_repeated_until_it_is_taken(outside: Outside) -> None:
    refusing, member, mine = Receiver(500, 302, 404), Member(outside, "netsunion"), number()
    try:
        member.place(mine, notify_url=refusing.url)
        events = [json.loads(refusing.next()[2])["id"] for _ in range(4)]
        assert len(set(events)) == 1
        ends, calls = time.monotonic() + 20, outside.entry(mine)["callbacks"]
        while calls[0]["delivered_at"] is None and time.monotonic() < ends:
            calls = outside.entry(mine)["callbacks"]
        assert [(call["attempts"], call["status"]) for call in calls] == [(4, 204)]
    finally:
        refusing.close()


def test_the_clock_is_named_and_shared(tmp_path: Any) -> None:
    epoch = int(datetime(2026, 11, 25, tzinfo=UTC).timestamp() * 1_000_000)
    start = time.time_ns() // 1_000 - 10_000_000
    given = ("--epoch", str(epoch), "--start-unix-us", str(start), "--factor", "600")
    clocked = Outside(tmp_path, *given)
    try:
        before = epoch + (time.time_ns() // 1_000 - start) * 600
        health = clocked.get("/health")
        after = epoch + (time.time_ns() // 1_000 - start) * 600
        assert before <= health["now_us"] <= after
        assert (health["factor"], health["start_unix_us"]) == (600, start)
    finally:
        clocked.stop()


def test_a_network_in_maintenance_answers_503(outside: Outside) -> None:
    member, other = Member(outside, "quickpass"), Member(outside, "jdpay")
    outside.post("/simulate/maintenance", {"network": "quickpass", "on": True})
    try:
        assert member.place(number())[0] == 503
        assert other.place(number())[0] == 200
    finally:
        outside.post("/simulate/maintenance", {"network": "quickpass", "on": False})
    assert member.place(number())[0] == 200


def test_the_keys_are_for_their_owner_alone(outside: Outside) -> None:
    for name in ("keys.json", "outside.json"):
        assert (outside.directory / name).stat().st_mode & 0o777 == 0o600
