"""Faults: a seed means the same whatever runs when, each does what it says, all are counted."""

import json
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.outside import EPOCH, Member, Outside, Receiver
from tests.simulator.test_wechat import Merchant

FAST = ("--factor", "100000", "--epoch", EPOCH)
DROPPED = (OSError, HTTPException)
NETWORKS = ("netsunion", "jdpay", "quickpass", "bank")


def insist(ask: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    """Asks until something is known, as one must: an answer may be lost, or be an error."""
    for _ in range(40):
        try:
            status, told = ask()
        except DROPPED:
            continue
        except Exception as error:  # The other author's words for a signature that is wrong.
            if "verify" not in str(error):
                raise
            continue
        if status < 500:
            return status, told
    raise AssertionError("nothing is ever known")


def traffic(outside: Outside, url: str, *, backwards: bool, workers: int) -> None:
    members = {network: Member(outside, network) for network in NETWORKS}
    merchant = Merchant(outside)

    def one(place: int) -> None:
        mine = f"order-{place:04d}"
        if place % 5 == 4:
            insist(lambda: merchant.place(mine, total=1_000, notify_url=url))
        else:
            member = members[NETWORKS[place % 5]]
            wish = {"party": {"kind": "card", "id": f"62{place:08d}"}, "notify_url": url}
            insist(lambda: member.place(mine, **wish))

    def back(entry: dict[str, Any]) -> None:
        mine, number = entry["number"], "re-" + entry["number"]
        paid = sum(charge["amount"] for charge in entry["charges"])
        if entry["network"] == "wechat":
            first = entry["charges"][0]["amount"]
            insist(lambda: merchant.refund(mine, number, 100, total=first, notify_url=url))
        else:
            member = members[entry["network"]]
            wish = {"kind": "refund", "original": mine, "amount": paid // 3, "notify_url": url}
            insist(lambda: member.place(number, **wish))

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, range(199, -1, -1) if backwards else range(200)))
        outside.at_rest(60)
        paid = [
            entry
            for entry in outside.book()
            if entry["kind"] == "payment" and entry["state"] in ("SUCCEEDED", "SUCCESS")
        ]
        list(pool.map(back, sorted(paid, key=lambda entry: entry["number"], reverse=backwards)))
        outside.at_rest(60)


def outcome(outside: Outside) -> Any:
    """Everything that must not depend on what ran when."""
    entries = {}
    for entry in outside.book():
        moved = [
            (one["serial"], one["amount"], one["reversed"])
            for kind in ("charges", "reversals", "returns")
            for one in entry[kind]
        ]
        entries[entry["network"], entry["number"]] = (entry["state"], entry["code"], moved)
    faults: set[tuple[str, str, int]] = set()
    after: int | None = 0
    while after is not None:
        page = outside.get(f"/faults?after={after}&limit=1000")
        faults |= {(one["fault"], one["key"], one["attempt"]) for one in page["faults"]}
        after = page["next"]
    return entries, faults


def test_a_seed_means_the_same_whatever_runs_when(tmp_path: Path) -> None:
    seen = []
    for name, seed, backwards, workers in (
        ("a", 7, False, 1),
        ("b", 7, True, 6),
        ("c", 8, False, 4),
    ):
        # An outage belongs to a time, and nothing else does.
        wild = ("--faults", "all,outage=0,delay=0", "--payer", "mixed", "--seed", str(seed))
        outside, receiver = Outside(tmp_path / name, *FAST, *wild), Receiver()
        try:
            traffic(outside, receiver.url, backwards=backwards, workers=workers)
            seen.append(outcome(outside))
            totals = outside.get("/book/totals")
            assert totals["balanced"]
            counts = outside.get("/faults")["counts"]
            assert sum(counts.values()) == len(seen[-1][1])
            assert len(counts) >= 14, f"only {counts}"
        finally:
            outside.stop()
            receiver.close()
    assert seen[0] == seen[1]
    assert seen[0][1] != seen[2][1]


@pytest.fixture
def wild(tmp_path: Path) -> Any:
    """Starts simulators with faults, and stops them."""
    started: list[Outside] = []

    def start(faults: str, *options: str) -> Outside:
        made = Outside(tmp_path / str(len(started)), *FAST, "--faults", faults, *options)
        started.append(made)
        return made

    yield start
    for one in started:
        one.stop()


def number() -> str:
    return "n" + secrets.token_hex(8)


@pytest.mark.parametrize(
    ("fault", "carried_out", "drops"),
    [
        ("lost_request", False, True),
        ("error_before", False, False),
        ("lost_answer", True, True),
        ("error_after", True, False),
        ("outage", False, False),
    ],
)
def test_faults_of_the_wire(wild: Any, fault: str, carried_out: bool, drops: bool) -> None:
    outside, mine = wild(f"{fault}=1000"), number()
    member = Member(outside, "netsunion")
    if drops:
        with pytest.raises(DROPPED):
            member.place(mine)
    else:
        status, told = member.place(mine)
        assert status >= 500 and told["code"] == "SYSTEM_ERROR"
    assert [order["number"] for order in outside.book()] == ([mine] if carried_out else [])
    assert outside.get("/faults")["counts"] == {fault: 1}
    outside.post("/simulate/conduct", {"faults": "none"})
    assert member.place(mine)[1]["state"] == "SUCCEEDED"
    assert len(outside.book()) == 1


def test_a_delay(wild: Any) -> None:
    outside = wild("delay=1000", "--delay-ms", "400", "--seed", "3")
    member = Member(outside, "netsunion")
    began = time.monotonic()
    for place in range(5):
        assert member.place(f"delayed-{place}")[0] == 200
    assert time.monotonic() - began > 0.3
    assert outside.get("/faults")["counts"] == {"delay": 5}


@pytest.mark.parametrize(
    ("fault", "state", "amounts"),
    [
        ("wrong_more", "SUCCEEDED", [10_300]),
        ("wrong_less", "SUCCEEDED", [9_000]),
        ("second_charge", "SUCCEEDED", [10_000, 10_000]),
        ("decline_after_success", "DECLINED", []),
        ("decline_payer", "DECLINED", []),
        ("decline_channel", "DECLINED", []),
    ],
)
def test_faults_of_a_payment(wild: Any, fault: str, state: str, amounts: list[int]) -> None:
    outside, receiver, mine = wild(f"{fault}=1000"), Receiver(), number()
    try:
        member = Member(outside, "netsunion")
        member.place(mine, notify_url=receiver.url)
        outside.at_rest()
        told = member.query(mine)[1]
        assert told["state"] == state
        assert [charge["amount"] for charge in told["serials"]] == amounts
        if fault.startswith("decline_"):
            wanted = {"decline_payer": "PAYER_", "decline_channel": "CHANNEL_"}
            assert told["code"].startswith(wanted.get(fault, "CHANNEL_REVERSED"))
        heard = [json.loads(receiver.next()[2])["order"] for _ in range(receiver.got.qsize())]
        assert told in heard, "the last word is told too, though not always last"
        assert outside.get("/book/totals")["balanced"]
    finally:
        receiver.close()


def test_an_order_that_was_closed_is_paid_after_all(wild: Any) -> None:
    outside, mine = wild("late_success=1000", "--payer", "manual"), number()
    member, merchant = Member(outside, "jdpay"), Merchant(outside)
    member.place(mine)
    assert member.close(mine)[1]["state"] == "CLOSED"
    assert member.until(mine, "SUCCEEDED")["amount"] == 10_000
    merchant.place(mine)
    assert merchant.client.close(mine)[0] == 204
    ask = lambda: merchant.client.query(out_trade_no=mine)  # noqa: E731
    merchant.until(ask, "trade_state", "SUCCESS")


@pytest.mark.parametrize(
    ("fault", "state", "code"),
    [
        ("payee_closed", "DECLINED", "PAYEE_ACCOUNT_CLOSED"),
        ("payee_name_wrong", "DECLINED", "PAYEE_NAME_WRONG"),
        ("payout_returned", "RETURNED", "PAYEE_ACCOUNT_CLOSED"),
        ("payee_closed=1000,late_end", "SUCCEEDED", None),
    ],
)
def test_faults_of_a_payout(wild: Any, fault: str, state: str, code: str | None) -> None:
    outside, mine = wild(f"{fault}=1000"), number()
    bank = Member(outside, "bank")
    bank.place(mine)
    told = bank.until(mine, state, kind="payout")
    assert told["code"] == code
    if state == "RETURNED":
        entry = outside.entry(mine)
        assert [one["serial"] for one in entry["returns"]] == [told["return_serial"]]
    assert outside.get("/book/totals")["balanced"]


@pytest.mark.parametrize(
    ("fault", "attempts"),
    [("callback_never", [0]), ("callback_duplicate", [1, 1]), ("callback_late", [1])],
)
def test_faults_of_callbacks(wild: Any, fault: str, attempts: list[int]) -> None:
    outside, receiver, mine = wild(f"{fault}=1000"), Receiver(), number()
    try:
        Member(outside, "netsunion").place(mine, notify_url=receiver.url)
        outside.at_rest()
        calls = outside.entry(mine)["callbacks"]
        assert [call["attempts"] for call in calls] == attempts
        assert len({call["event"] for call in calls}) == 1
        assert receiver.got.qsize() == sum(attempts)
    finally:
        receiver.close()


def test_a_second_charge_at_wechat_has_its_own_id(wild: Any) -> None:
    outside, receiver, mine = wild("second_charge=1000"), Receiver(), number()
    try:
        merchant = Merchant(outside)
        merchant.paid(mine, notify_url=receiver.url)
        events = [receiver.next() for _ in range(2)]
        told = [merchant.client.callback(dict(h), b)["resource"] for _, h, b in events]
        ids = [one["transaction_id"] for one in told]
        assert len(set(ids)) == 2 and {one["out_trade_no"] for one in told} == {mine}
        for one, serial in zip(told, ids, strict=True):
            assert json.loads(merchant.client.query(transaction_id=serial)[1]) == one
        amount = {"refund": 100, "total": 100, "currency": "CNY"}
        back = merchant.client.refund(out_refund_no=number(), amount=amount, transaction_id=ids[1])
        assert back[0] == 200
    finally:
        receiver.close()


def test_probes_are_signed_so_that_they_must_be_refused(wild: Any) -> None:
    outside, receiver, mine = wild("signtest=400", "--seed", "5"), Receiver(401, 401), number()
    try:
        merchant = Merchant(outside)
        insist(lambda: merchant.place(mine, notify_url=receiver.url))
        refused = [
            not merchant.client.callback(dict(headers), body)
            for _, headers, body in (receiver.next() for _ in range(3))
        ]
        said = [insist(lambda: merchant.query(mine))[1]["trade_state"] for _ in range(10)]
        assert said == ["SUCCESS"] * 10
        counted = outside.get("/faults")
        calls = [one for one in counted["faults"] if "/callback/" in one["key"]]
        assert sum(refused) == len(calls)
        assert counted["counts"]["signtest"] > len(calls), "answers too"
    finally:
        receiver.close()


def test_nothing_is_lost_when_it_is_killed(tmp_path: Path) -> None:
    outside, receiver = Outside(tmp_path, "--factor", "3600"), Receiver()
    answered: dict[str, dict[str, Any]] = {}
    done = threading.Event()

    def place(thread: int) -> None:
        member, count = Member(outside, "netsunion"), 0
        while not done.is_set():
            count += 1
            mine = f"kill-{thread}-{count:06d}"
            try:
                status, told = member.place(mine, notify_url=receiver.url)
            except DROPPED:
                time.sleep(0.01)
                continue
            if status == 200:
                answered[mine] = told

    threads = [threading.Thread(target=place, args=(thread,)) for thread in range(4)]
    try:
        for thread in threads:
            thread.start()
        for kills in range(1, 6):
            while len(answered) < 20 * kills:
                time.sleep(0.005)
            outside.kill()
            outside.start()
        done.set()
        for thread in threads:
            thread.join()
        outside.at_rest(60)
        book = {entry["number"]: entry for entry in outside.book()}
        assert len(answered) >= 100
        for mine, told in answered.items():
            assert [one["serial"] for one in book[mine]["charges"]] == [told["serial"]]
        heard = [json.loads(receiver.got.get()[2])["order"] for _ in range(receiver.got.qsize())]
        assert {order["number"] for order in heard} == book.keys(), "each at least once"
        assert outside.get("/book/totals")["balanced"]
    finally:
        done.set()
        outside.stop()
        receiver.close()


def test_a_directory_has_one_simulator(tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    try:
        with pytest.raises(json.JSONDecodeError):
            Outside(tmp_path)
    finally:
        outside.stop()
