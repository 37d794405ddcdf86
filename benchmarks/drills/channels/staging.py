"""What drills of channels are played on: books with buyers, merchants and channels on the drill's
own time, and the settings file of the system."""

import json
import socket
from collections.abc import Sequence
from pathlib import Path

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.channels import traffic
from benchmarks.drills.channels.clocked import Clock
from benchmarks.drills.channels.outside import Outside
from domain.channel.commands import RegisterChannel
from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request, shanghai_date
from domain.member.agreement import STANDARD
from domain.member.commands import RegisterMember
from domain.member.staffing import AppointOperator
from domain.money import FeeRule

EPOCH_US = 1_795_608_000_000_000  # 2026-11-25, 20:00 in Shanghai.
CYCLES = ("D+0", "T+1")
NO_ACCOUNT = 10  # Of so many merchants one has no account at the bank: its payouts are withheld.


def on_the_clock(clock: Clock) -> tuple[str, ...]:
    """Options of the simulator."""
    start = ("--start-unix-us", str(clock.start_us))
    return ("--factor", str(clock.factor), "--epoch", str(clock.epoch_us), *start)


def opened(url: str, clock: Clock, payments: int, more: Sequence[Command] = ()) -> traffic.Keys:
    """Books, members and channels, of the drill's own time; keys of the platform and of persons.
    `more` is what happened before."""
    commands: list[Command] = [
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
        *more,
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


def settings_file(place: Path, outside: Outside, port: int, payments: int) -> Path:
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


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
