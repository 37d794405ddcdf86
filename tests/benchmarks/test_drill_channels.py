"""`zhangfang drill channels`: 200 payments on each database, and proof that it can fail."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.databases import databases
from benchmarks.drills.channels.comparing import Ours, compare
from benchmarks.drills.channels.drill import drill
from benchmarks.drills.served import ROOT, environment
from projections.models.contradictions import Contradiction
from projections.models.instructions import Instruction
from tests.api.cli.terminal import Terminal

SEED, PAYMENTS, KILLS = 8, 200, 2
MOVED = {"WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "UNIONPAY_CARD", "BANK_TRANSFER"}
ENDS_S = 40


def test_two_hundred_payments_on_sqlite(tmp_path: Path) -> None:
    """As the command does it."""
    words = ("--seed", str(SEED), "--payments", str(PAYMENTS), "--kills", str(KILLS), "--json")
    ran = Terminal(f"sqlite:///{tmp_path / 'not-used.db'}")("drill", "channels", *words)
    check(json.loads(ran.out), "sqlite")
    assert ran.code == 0
    assert not (tmp_path / "not-used.db").exists()


@pytest.mark.postgresql
def test_two_hundred_payments_on_postgresql(postgres_url: str) -> None:
    with databases(["postgresql"], postgres_url) as made, made.empty("postgresql") as url:
        asked: dict[str, Any] = {"seed": SEED, "payments": PAYMENTS, "kills": KILLS}
        check(drill(url, lambda _: None, factor=1_200, **asked), "postgresql")


def check(found: dict[str, Any], backend: str) -> None:
    print(json.dumps(found, ensure_ascii=False, indent=1))  # Shown when it fails.
    again = f"zhangfang drill channels --backend {backend} --seed {SEED} --payments {PAYMENTS}"
    assert found["again"].startswith(again)
    assert (found["wrong"], found["differences"], found["stranded"]) == ([], [], []), again
    assert found["at_rest"] and found["books_equal"] and found["verify"] == "clean", again
    assert found["passed"], again
    assert found["kills"] == {"server": KILLS, "simulator": KILLS}
    assert all(ours for name, (_, ours) in found["totals"].items() if name in MOVED)
    assert found["withheld"] >= 1  # A merchant without an account.
    assert len(found["faults"]) >= 12, found["unstruck"]
    assert found["instructions"] > PAYMENTS


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL])
def test_it_leaves_nothing_behind_when_it_is_ended(tmp_path: Path, by: signal.Signals) -> None:
    words = ("drill", "channels", "--payments", "500", "--seed", "1", "--json")
    drilling = subprocess.Popen(
        [sys.executable, "-m", "api.cli", *words],
        cwd=ROOT,
        env=environment() | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: len(set(_children(drilling.pid))) == 2)  # The simulator and the server.
    children = set(_children(drilling.pid))
    time.sleep(2)  # Some traffic.
    drilling.send_signal(by)
    out, _ = drilling.communicate(timeout=ENDS_S)
    assert out == b""
    until(lambda: not any(_lives(one) for one in children))
    if by == signal.SIGTERM:
        assert drilling.returncode == 130
        assert list(tmp_path.iterdir()) == []


def until(holds: Callable[[], bool]) -> None:
    end_s = time.monotonic() + ENDS_S
    while not holds():
        assert time.monotonic() < end_s, "it never came about"
        time.sleep(0.1)


def _children(parent: int) -> Iterator[int]:
    said = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, check=True)
    pairs = (line.split() for line in said.stdout.splitlines())
    yield from (int(pid) for pid, above in pairs if int(above) == parent)


def _lives(pid: int) -> bool:
    said = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return bool(said.stdout.strip()) and not said.stdout.startswith(b"Z")


# The judge.


def ours(
    *instructions: Instruction, said: list[Contradiction] | None = None, **totals: int
) -> Ours:
    by_id = {one.instruction_id: one for one in instructions}
    known = {(one.channel, one.purpose, name): name for name, one in by_id.items()}
    heard = {one.instruction_id: [one] for one in said or []}
    return Ours(by_id, known, heard, [], dict(totals), [])


def paid(state: str = "succeeded") -> Instruction:
    return Instruction(
        "pay-P1", "payment", "payment-P1", "JD_PAY", 100, "buyer1", 0, 1, state, "S1", 2
    )


def theirs(*amounts: int, number: str = "pay-P1", told: bool = True, back: int = 0) -> Any:
    moved = [{"amount": fen, "at": f"2026-11-25T20:00:{at:02}"} for at, fen in enumerate(amounts)]
    returned = [{"amount": back, "at": "2026-11-25T21:00:00"}] if back else []
    return {
        "network": "jdpay", "kind": "payment", "number": number, "whole": None, "charges": moved,
        "reversals": returned, "returns": [], "callbacks": [{"sent": True}, {"sent": told}],
    }  # fmt: skip


def test_books_that_agree_are_equal() -> None:
    found = compare([theirs(100)], ours(paid(), JD_PAY=100))
    assert (found["differences"], found["untold"], found["books_equal"]) == ([], [], True)


@pytest.mark.parametrize(
    ("order", "state", "total_fen"),
    [
        pytest.param(theirs(100), "declined", 0, id="paid there, declined here"),
        pytest.param(theirs(), "succeeded", 100, id="paid here alone"),
        pytest.param(theirs(100, 100), "succeeded", 100, id="charged twice, and told"),
        pytest.param(theirs(100, back=100), "succeeded", 100, id="taken back, and told"),
        pytest.param(theirs(103), "succeeded", 100, id="another amount"),
        pytest.param(theirs(100, 100, told=False), "declined", 0, id="untold, but more than that"),
        pytest.param(theirs(100, number="pay-P2"), "declined", 0, id="nobody's order"),
        pytest.param(theirs(100), "succeeded", 90, id="our account has another total"),
    ],
)
def test_what_differs_is_found(order: Any, state: str, total_fen: int) -> None:
    found = compare([order], ours(paid(state), JD_PAY=total_fen))
    assert found["differences"]
    assert not found["books_equal"]


@pytest.mark.parametrize(
    ("order", "state", "total_fen"),
    [
        pytest.param(theirs(100, 100, told=False), "succeeded", 100, id="a second charge"),
        pytest.param(theirs(100, told=False), "declined", 0, id="a late success"),
        pytest.param(theirs(100, told=False, back=100), "succeeded", 100, id="taken back"),
    ],
)
def test_what_a_channel_never_told_waits_for_its_bill(
    order: Any, state: str, total_fen: int
) -> None:
    found = compare([order], ours(paid(state), JD_PAY=total_fen))
    assert (len(found["untold"]), found["differences"], found["books_equal"]) == (1, [], True)


@pytest.mark.parametrize(
    ("told", "state", "differs"),
    [(True, "succeeded", 0), (True, "declined", 1), (False, "declined", 0)],
)
def test_a_combined_order_is_one_payment_of_ours(told: bool, state: str, differs: int) -> None:
    whole = theirs(number="pay-P1", told=told) | {"kind": "whole"}
    parts = [theirs(fen, number=f"pay-P1-{fen}") for fen in (70, 30)]
    book = [whole, *(one | {"whole": "pay-P1", "callbacks": []} for one in parts)]
    found = compare(book, ours(paid(state), JD_PAY=100 if state == "succeeded" else 0))
    assert (len(found["differences"]), len(found["untold"])) == (differs, int(not told))
