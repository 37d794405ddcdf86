"""`zhangfang drill channels`: mixed traffic through channels that misbehave, and both books."""

import itertools
import json
import random
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from msgspec import Struct

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.books import verified
from benchmarks.drills.channels import traffic
from benchmarks.drills.channels.binding import bind_all, prove_all, reset_some
from benchmarks.drills.channels.clocked import Clock, Given, Hands
from benchmarks.drills.channels.comparing import Ours, compare, read_ours
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.channels.resting import Resting
from benchmarks.drills.channels.system import System
from domain.channel.commands import RegisterChannel
from domain.clearing.commands import OpenBooks
from domain.kernel import Request, shanghai_date
from domain.member.agreement import STANDARD
from domain.member.commands import RegisterMember
from domain.member.staffing import AppointOperator
from domain.money import FeeRule
from migrations.run import migrate

EPOCH_US = 1_795_608_000_000_000  # 2026-11-25, 20:00 in Shanghai.
COMMITS_OF_A_PAYMENT = 8  # Positions, about; what kills are drawn from.
# Money moved on each.
USED = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "UNIONPAY_CARD", "BANK_TRANSFER")
ENOUGH = 5_000  # Payments in which every kind of fault strikes, but for one seed in thousands.
CYCLES = ("D+0", "T+1")
NO_ACCOUNT = 10  # Of so many merchants one has no account at the bank: its payouts are withheld.
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
    compared = _compared(url, book, passed=sound)
    return {
        "seed": seed,
        "factor": factor,
        "payments": payments,
        "again": f"{again} --kills {kills} --faults {faults} --factor {factor}",
        "seconds": round(time.monotonic() - began, 1),
        **ran,
        **compared,
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
    hands, keys = Hands(clock), _open(url, clock, payments)
    by = ("--seed", str(seed), "--faults", plan.faults, "--payer", "mixed")
    outside = Outside(place / "outside", *by, *_on_the_clock(clock))
    try:
        channels = _channels(place, outside, port := _free_port(), payments)
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
    wrong = [*busy.wrong, *filter(None, [system.failed]), *_incidents(log)]
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


def _on_the_clock(clock: Clock) -> tuple[str, ...]:
    start = ("--start-unix-us", str(clock.start_us))
    return ("--factor", str(clock.factor), "--epoch", str(clock.epoch_us), *start)


def _deaths(seed: int, payments: int, kills: int) -> tuple[tuple[int, ...], frozenset[int]]:
    """The log positions at which the server is killed, and the payments at which the simulator."""
    draw = random.Random(f"{seed}/kills")
    most = max(payments * COMMITS_OF_A_PAYMENT, 200)
    at = tuple(sorted(draw.sample(range(150, most), kills)))
    return at, frozenset(draw.sample(range(payments), min(payments, kills)))


def _compared(url: str, book: Any, *, passed: bool) -> dict[str, Any]:
    """What the two books say, and whether the whole has passed; `passed`: what ran, did."""
    ours = _ours(url)
    found = compare(book, ours)
    # Two empty books are equal too: that would prove nothing.
    idle = [name for name in USED if not found["totals"].get(name, [0])[0]]
    stranded = _stranded(ours)
    books = verified(url)
    verify = "clean" if books["clean"] else books
    sound = not idle and not stranded and verify == "clean" and bool(found["books_equal"])
    return {
        "instructions": len(ours.instructions),
        "stranded": stranded,
        "withheld": sum(one.withheld is not None for one in ours.instructions.values()),
        "suspense": ours.suspense,
        "withdrawals": ours.withdrawals,
        **found,
        "idle": idle,
        "verify": verify,
        "passed": passed and sound,
    }


def _open(url: str, clock: Clock, payments: int) -> traffic.Keys:
    """Books, members and channels, of the drill's own time; keys of the platform and of persons."""
    commands = [
        OpenBooks(shanghai_date(clock.epoch_us)),
        AppointOperator("maker", "cashier"),
        AppointOperator("checker", "reviewer"),
        *(RegisterChannel(name) for name in ("UNIONPAY_CARD", "NETSUNION_CARD")),
        *(RegisterMember(traffic.buyer(one), "personal", "buyer") for one in range(traffic.BUYERS)),
        *(
            RegisterMember(
                traffic.merchant(one),
                "enterprise",
                "shop",
                FeeRule(60),
                CYCLES[one % 2],
                agreement=STANDARD,
            )
            for one in range(traffic.merchants(payments))
        ),
    ]
    with open_desk(url) as context:
        for number, command in enumerate(commands):
            request = Request(f"drill-{number}", clock.epoch_us, "system:drill", command)
            context.ledger.submit(request).unwrap()
        made = [
            create_key(context.writes, "operator", None, lambda: clock.epoch_us, "drill", one)
            for one in (None, "maker", "checker")
        ]
        return traffic.Keys(*made)


def _channels(place: Path, outside: Outside, port: int, payments: int) -> Path:
    """The settings file of the system: the simulator's keys, where it calls us, and the merchants'
    accounts."""
    ours = {
        "notify_url": f"http://127.0.0.1:{port}/callbacks",
        "payees": {
            traffic.merchant(one): f"62284800{one:08}"
            for one in range(traffic.merchants(payments))
            if one % NO_ACCOUNT
        },
    }
    path = place / "channels.json"
    path.write_text(json.dumps(json.loads(outside.keys.read_text()) | ours))
    path.chmod(0o600)
    return path


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _ours(url: str) -> Ours:
    with open_desk(url) as context:
        context.projector.catch_up()
        with context.engine.connect() as view:
            return read_ours(view)


def _stranded(ours: Ours) -> list[str]:
    """What has no end, and nothing that is listed says why."""
    named = {name for name, said in ours.contradictions.items() if said[-1].stage != "ended"}
    going_on = [
        f"{name}: {one.state} {one.answer}"
        for name, one in ours.instructions.items()
        if one.state not in ("succeeded", "declined", "differs")
        and one.withheld is None
        and name not in named
    ]
    return going_on + ours.waiting


def _incidents(log: Any) -> list[str]:
    """What the server logged as an error, as much as anybody reads."""
    log.seek(0)
    text = log.read()
    at = text.find("Traceback")
    return [text[max(0, at - 300) : at + 3_000]] if at >= 0 else []
