"""`zhangfang drill channels`: mixed traffic through channels that misbehave, and both books."""

import json
import random
import socket
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.channels import traffic
from benchmarks.drills.channels.clocked import Clock, Given, Hands
from benchmarks.drills.channels.comparing import Ours, compare, read_ours
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.channels.resting import Resting
from benchmarks.drills.channels.system import System
from benchmarks.drills.requests import verified
from domain.channel.commands import RegisterChannel
from domain.clearing.commands import OpenBooks
from domain.kernel import Request, shanghai_date
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from migrations.run import migrate

FACTOR = 1_200  # An hour of back-off is three seconds.
EPOCH_US = 1_795_608_000_000_000  # 2026-11-25, 20:00 in Shanghai.
COMMITS_OF_A_PAYMENT = 8  # Positions, about; what kills are drawn from.
# Money moved on each.
USED = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "UNIONPAY_CARD", "BANK_TRANSFER")
ENOUGH = 2_000  # Payments in which every kind of fault strikes.
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
    factor: int = FACTOR,
    rest_s: int = REST_S,
) -> dict[str, Any]:
    """On an empty place for a ledger. The same seed draws the same payments, faults and kills.
    `passed` is what it comes to: at rest, nothing stranded, both books equal, ours verify."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as log:
        place = Path(directory)
        migrate(url)
        clock = Clock(EPOCH_US, time.time_ns() // 1_000, factor, str(place / "advanced"))
        hands, key = Hands(clock), _open(url, clock, payments)
        outside = Outside(
            place / "outside",
            *("--seed", str(seed), "--faults", faults, "--payer", "mixed"),
            *_on_the_clock(clock),
        )
        try:
            channels = _channels(place, outside, port := _free_port(), payments)
            at, theirs = _deaths(seed, payments, kills)
            tell(f"{payments} payments, the server is killed at {at}")
            with System(Given(url, port, str(channels), clock, at), log) as system:
                busy = traffic.Traffic(
                    system.url, key, seed, lambda one: outside.kill() if one in theirs else None
                )
                busy.run(payments)
                tell("at rest?")
                with closing(Resting(url, outside, hands, busy.post, seed)) as resting:
                    at_rest = resting.rests(rest_s)
                book, struck = outside.book(), outside.get("/faults?limit=1")["counts"]
                balanced = outside.get("/book/totals")["balanced"]
                kinds = outside.get("/health")["faults"]
            wrong = [*busy.wrong, *filter(None, [system.failed]), *_incidents(log)]
            died = {"server": system.kills, "simulator": outside.kills}
        finally:
            outside.stop()
    tell("compare")
    if not balanced:
        wrong.append("the simulator's own book is not balanced")
    unstruck = sorted(kinds.keys() - struck.keys())
    ran = {
        "kills": died,
        "faults": struck,
        "unstruck": unstruck,
        "answers": dict(busy.answers.most_common()),
        "at_rest": at_rest,
        "wrong": wrong,
    }
    asked = {"seed": seed, "factor": factor, "payments": payments}
    sound = at_rest and not wrong and not (unstruck and payments >= ENOUGH)
    compared = _compared(url, book, passed=sound)
    again = f"zhangfang drill channels --seed {seed} --payments {payments} --kills {kills}"
    return {
        **asked,
        "again": f"{again} --faults {faults} --factor {factor}",
        "seconds": round(time.monotonic() - began, 1),
        **ran,
        **compared,
    }


def _on_the_clock(clock: Clock) -> tuple[str, ...]:
    start = ("--start-unix-us", str(clock.start_us))
    return ("--factor", str(clock.factor), "--epoch", str(clock.epoch_us), *start)


def _deaths(seed: int, payments: int, kills: int) -> tuple[tuple[int, ...], set[int]]:
    """The log positions at which the server is killed, and the payments at which the simulator."""
    draw = random.Random(f"{seed}/kills")
    most = max(payments * COMMITS_OF_A_PAYMENT, 200)
    at = tuple(sorted(draw.sample(range(150, most), kills)))
    return at, set(draw.sample(range(payments), min(payments, kills)))


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
        **found,
        "idle": idle,
        "verify": verify,
        "passed": passed and sound,
    }


def _open(url: str, clock: Clock, payments: int) -> str:
    """Books, members and channels, of the drill's own time; the key of an operator."""
    commands = [
        OpenBooks(shanghai_date(clock.epoch_us)),
        *(RegisterChannel(name) for name in ("UNIONPAY_CARD", "NETSUNION_CARD")),
        *(RegisterMember(traffic.buyer(one), "personal", "buyer") for one in range(traffic.BUYERS)),
        *(
            RegisterMember(
                traffic.merchant(one), "enterprise", "shop", FeeRule(60), CYCLES[one % 2]
            )
            for one in range(traffic.merchants(payments))
        ),
    ]
    with open_desk(url) as context:
        for number, command in enumerate(commands):
            request = Request(f"drill-{number}", clock.epoch_us, "system:drill", command)
            context.ledger.submit(request).unwrap()
        return create_key(context.writes, "operator", None, lambda: clock.epoch_us, "drill")


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
