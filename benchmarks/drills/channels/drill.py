"""`zhangfang drill channels`: mixed traffic through channels that misbehave, and both books."""

import itertools
import random
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from benchmarks.drills.channels import traffic
from benchmarks.drills.channels.binding import bind_all, prove_all, reset_some
from benchmarks.drills.channels.clocked import Clock, Given, Hands
from benchmarks.drills.channels.judging import compared, incidents
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.channels.resting import Resting
from benchmarks.drills.channels.staging import (
    EPOCH_US,
    free_port,
    on_the_clock,
    opened,
    settings_file,
)
from benchmarks.drills.channels.system import System
from domain.kernel import shanghai_date
from migrations.run import migrate

COMMITS_OF_A_PAYMENT = 8  # Positions, about; what kills are drawn from.
# Money moved on each.
USED = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "UNIONPAY_CARD", "BANK_TRANSFER")
ENOUGH = 5_000  # Payments in which every kind of fault strikes, but for one seed in thousands.
REST_S = 300


def drill(
    url: str,
    tell: Callable[[str], None],
    *,
    seed: int,
    payments: int,
    faults: str = "all",
    kills: int = 3,
    factor: int,
) -> dict[str, Any]:
    """On an empty place for a ledger. The same seed draws the same payments, faults and kills.
    `passed` is what it comes to: at rest, nothing stranded, both books equal, ours verify."""
    began = time.monotonic()
    backend = "sqlite" if url.startswith("sqlite") else "postgresql"
    again = f"zhangfang drill channels --backend {backend} --seed {seed} --payments {payments}"
    at, theirs = _deaths(seed, payments, kills)
    tell(f"{payments} payments, the server is killed at {at}")
    plan = Plan(url, seed, payments, faults, factor, at, theirs)
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as log:
        book, ran = _ran(plan, Path(directory), log, tell)
    tell("compare")
    sound = ran["at_rest"] and not ran["wrong"] and not (ran["unstruck"] and payments >= ENOUGH)
    found = compared(url, book, USED, passed=sound)
    return {
        "seed": seed,
        "factor": factor,
        "payments": payments,
        "again": f"{again} --kills {kills} --faults {faults} --factor {factor}",
        "seconds": round(time.monotonic() - began, 1),
        **ran,
        **found,
    }


class Plan(Struct, frozen=True):
    """What is run: on which ledger, drawn by what; the server dies at log positions `at`, the
    simulator at the payments `theirs`."""

    url: str
    seed: int
    payments: int
    faults: str
    factor: int
    at: tuple[int, ...]
    theirs: frozenset[int]


def _ran(
    plan: Plan, place: Path, log: IO[str], tell: Callable[[str], None]
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The simulator's book at the end, and how it went."""
    url, seed, payments = plan.url, plan.seed, plan.payments
    migrate(url)
    clock = Clock(EPOCH_US, time.time_ns() // 1_000, plan.factor, str(place / "advanced"))
    hands, keys = Hands(clock), opened(url, clock, payments)
    by = ("--seed", str(seed), "--faults", plan.faults, "--payer", "mixed")
    outside = Outside(place / "outside", *by, *on_the_clock(clock))
    try:
        channels = settings_file(place, outside, port := free_port(), payments)
        vault = f"sqlite:///{place / 'vault.db'}"
        with System(Given(url, port, str(channels), clock, plan.at, vault), log) as system:
            busy = traffic.Traffic(
                system.url, keys, seed, lambda one: outside.kill() if one in plan.theirs else None
            )
            tell("cards are bound")
            keyed = _keyed(busy)
            bind_all(keyed, outside, payments, seed)
            prove_all(keyed, busy.tell, lambda: shanghai_date(hands.now_us()).isoformat())
            reset_some(busy.tell, outside, seed)
            busy.run(payments)
            tell("at rest?")
            with closing(Resting(url, outside, hands, busy.post, seed)) as resting:
                at_rest = resting.rests(REST_S)
        book, totals = outside.book(), outside.get("/book/totals")
        struck, kinds = outside.get("/faults?limit=1")["counts"], outside.get("/health")["faults"]
    finally:
        outside.stop()
    wrong = [*busy.wrong, *filter(None, [system.failed]), *incidents(log)]
    wrong += [] if totals["balanced"] else ["the simulator's own book is not balanced"]
    return book, {
        "kills": {"server": system.kills, "simulator": outside.kills},
        "faults": struck,
        "unstruck": sorted(kinds.keys() - struck.keys()),
        "answers": dict(busy.answers.most_common()),
        "at_rest": at_rest,
        "wrong": wrong,
    }


def _keyed(busy: traffic.Traffic) -> Callable[[str, dict[str, Any]], dict[str, Any] | None]:
    """Sends commands, each under a key of its own: asked anew, it is another one."""
    count = itertools.count()
    return lambda path, body: busy.decided(path, body, f"bind-{next(count)}")


def _deaths(seed: int, payments: int, kills: int) -> tuple[tuple[int, ...], frozenset[int]]:
    """The log positions at which the server is killed, and the payments at which the simulator."""
    draw = random.Random(f"{seed}/kills")
    most = max(payments * COMMITS_OF_A_PAYMENT, 200)
    at = tuple(sorted(draw.sample(range(150, most), kills)))
    return at, frozenset(draw.sample(range(payments), min(payments, kills)))
