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

from sqlalchemy import Engine

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.channels import traffic
from benchmarks.drills.channels.clocked import Clock, Given
from benchmarks.drills.channels.comparing import Ours, compare, moving, read_ours
from benchmarks.drills.channels.outside import Outside
from benchmarks.drills.channels.system import System
from benchmarks.drills.requests import verified
from domain.channel.commands import RegisterChannel
from domain.clearing.commands import OpenBooks
from domain.eventstore.database import parse_database_url, sqlalchemy_engine
from domain.kernel import Request, shanghai_date
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from migrations.run import migrate

FACTOR = 1_200  # An hour of back-off is three seconds, a day seventy-two.
EPOCH_US = 1_795_608_000_000_000  # 2026-11-25, 20:00 in Shanghai.
COMMITS_OF_A_PAYMENT = 8  # Positions, about; what kills are drawn from.
USED = ("WECHAT_PAY", "JD_PAY", "CLOUD_QUICKPASS", "UNIONPAY_CARD")  # Money moved on each.
LOOK_S = 0.5
CALM = 4  # It is at rest when so many looks in a row found nothing to do.
REST_S = 240


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
    migrate(url)
    key = _open(url, clock := Clock(EPOCH_US, time.time_ns() // 1_000, factor))
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryFile("w+") as log:
        place = Path(directory)
        outside = Outside(
            place / "outside",
            *("--seed", str(seed), "--faults", faults, "--payer", "mixed"),
            *_on_the_clock(clock, factor),
        )
        try:
            channels = _channels(place, outside, port := _free_port())
            at, theirs = _deaths(seed, payments, kills)
            tell(f"{payments} payments, the server is killed at {at}")
            with System(Given(url, port, str(channels), clock, at), log) as system:
                busy = traffic.Traffic(
                    system.url, key, seed, lambda one: outside.kill() if one in theirs else None
                )
                busy.run(payments)
                tell("at rest?")
                at_rest = _rests(url, outside, rest_s)
                book, struck = outside.book(), outside.get("/faults?limit=1")["counts"]
            wrong = [*busy.wrong, *filter(None, [system.failed]), *_incidents(log)]
            died = {"server": system.kills, "simulator": outside.kills}
        finally:
            outside.stop()
    tell("compare")
    ran = {
        "seconds": round(time.monotonic() - began, 1),
        "kills": died,
        "faults": struck,
        "answers": dict(busy.answers.most_common()),
        "at_rest": at_rest,
        "wrong": wrong,
    }
    asked = {"seed": seed, "factor": factor, "payments": payments}
    return asked | ran | _compared(url, book, passed=at_rest and not wrong)


def _on_the_clock(clock: Clock, factor: int) -> tuple[str, ...]:
    start = ("--start-unix-us", str(clock.start_us))
    return ("--factor", str(factor), "--epoch", str(EPOCH_US), *start)


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


def _open(url: str, clock: Clock) -> str:
    """Books, members and channels, of the drill's own time; the key of an operator."""
    commands = [
        OpenBooks(shanghai_date(clock.epoch_us)),
        *(RegisterChannel(name) for name in ("UNIONPAY_CARD", "NETSUNION_CARD")),
        *(RegisterMember(traffic.buyer(one), "personal", "buyer") for one in range(traffic.BUYERS)),
        *(
            RegisterMember(traffic.merchant(one), "enterprise", "shop", FeeRule(60), "T+1")
            for one in range(traffic.MERCHANTS)
        ),
    ]
    with open_desk(url) as context:
        for number, command in enumerate(commands):
            request = Request(f"drill-{number}", clock.epoch_us, "system:drill", command)
            context.ledger.submit(request).unwrap()
        return create_key(context.writes, "operator", None, clock.now_us, "drill")


def _channels(place: Path, outside: Outside, port: int) -> Path:
    """The settings file of the system: the simulator's keys, and where it calls us."""
    keys = json.loads(outside.keys.read_text())
    path = place / "channels.json"
    path.write_text(json.dumps(keys | {"notify_url": f"http://127.0.0.1:{port}/callbacks"}))
    path.chmod(0o600)
    return path


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _rests(url: str, outside: Outside, seconds: int) -> bool:
    """Wait until neither side has anything to do; False when they still had after so long."""
    with closing(_Reads(url)) as reads:
        until, calm = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            calm = calm + 1 if outside.still() and not reads.moving() else 0
            if calm == CALM:
                return True
            time.sleep(LOOK_S)
    return False


class _Reads:
    def __init__(self, url: str) -> None:
        self._engine: Engine = sqlalchemy_engine(parse_database_url(url), read_only=True)

    def moving(self) -> int:
        with self._engine.connect() as view:
            return moving(view)

    def close(self) -> None:
        self._engine.dispose()


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
