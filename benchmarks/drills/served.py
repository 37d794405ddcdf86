"""A ledger with a small market, and a server of its own on the loopback: what drills attack."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from msgspec import Struct

from api.cli.opening import open_desk
from api.http.keys import create_key
from benchmarks.drills.second_client import PAYEE, PAYER
from domain.clearing.commands import OpenBooks
from domain.kernel import Command, Request, shanghai_date
from domain.ledger.ledger import Ledger, utc_us
from domain.member.agreement import STANDARD
from domain.member.commands import RegisterMember
from domain.money import FeeRule
from domain.order.commands import Checkout, PayOrder
from domain.order.order import OrderLine
from domain.payment.commands import RechargeWallet, RecordOutcome
from migrations.run import migrate

ROOT = Path(__file__).parents[2]
ORDERS = 300
MERCHANT = "SHOP"
DESCRIPTORS = 1024  # What a process is given by most systems; so may it be here.
STOP_SECONDS = 15


class Served(Struct, frozen=True):
    """A running server: where it listens, its process, and a key per role."""

    host: str
    port: int
    pid: int
    operator: str
    auditor: str

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def memory_bytes(self) -> int:
        """What its process holds in memory."""
        said = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True
        )
        return int(said.stdout) * 1024


@contextmanager
def served(url: str, orders: int = ORDERS) -> Iterator[Served]:
    """A server on an empty place for a ledger; it ends with the block, however that ends."""
    migrate(url)
    operator, auditor = _market(url, orders)
    with running(url, "--roll-days") as (host, port, pid):
        yield Served(host, port, pid, operator, auditor)


@contextmanager
def running(
    url: str,
    *options: str,
    log: IO[str] | None = None,
    program: Sequence[str] = ("api.cli",),
    settings: Mapping[str, str] | None = None,
    descriptors: int = DESCRIPTORS,
) -> Iterator[tuple[str, int, int]]:
    """A server on a ledger: host, port and process; its log goes into a file, if one is given."""
    process = subprocess.Popen(
        [sys.executable, "-m", *program, "serve", "--port", "0", "--json", *options],
        env={**environment(), **(settings or {}), "ZHANGFANG_DATABASE": url},
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,  # Ctrl-C is for the drill, which then ends its server.
        preexec_fn=partial(_limit_descriptors, descriptors),
    )
    try:
        found = urlsplit(_first_answer(process)["urls"]["health"])
        assert found.hostname and found.port
        yield found.hostname, found.port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment() -> dict[str, str]:
    """This process's, without settings: the drill is of what is there by default."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("ZHANGFANG_")}
    return kept | {"PYTHONPATH": str(ROOT)}


def _limit_descriptors(most: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _first_answer(process: "subprocess.Popen[str]") -> dict[str, dict[str, str]]:
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or lines[-1] != "}\n":
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the server did not start")
        lines.append(line)
    answer: dict[str, dict[str, str]] = json.loads("".join(lines))
    return answer


def _market(url: str, orders: int) -> tuple[str, str]:
    """Two wallets with money, a merchant, and paid orders; keys of an operator and an auditor."""
    with open_desk(url) as context:
        do = _Doing(context.ledger)
        do(
            OpenBooks(shanghai_date(utc_us())),
            RegisterMember(PAYER, "personal", "payer"),
            RegisterMember(PAYEE, "personal", "payee"),
            RegisterMember(MERCHANT, "enterprise", "shop", FeeRule(60), "T+1", agreement=STANDARD),
            RechargeWallet("R1", PAYER, "WECHAT_PAY", 1_000_000_000),
            RecordOutcome("pay-R1", succeeded="S-R1"),
        )
        for number in range(orders):
            line = OrderLine(MERCHANT, 100 + number, "坚果 250g", 1)
            do(
                Checkout(f"O{number}", PAYER, (line,)),
                PayOrder(f"P{number}", f"O{number}", "JD_PAY"),
                RecordOutcome(f"pay-P{number}", succeeded=f"S{number}"),
            )
        context.projector.catch_up()
        made = [
            create_key(context.writes, role, None, utc_us, "drill")
            for role in ("operator", "auditor")
        ]
    return made[0], made[1]


class _Doing:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._count = 0

    def __call__(self, *commands: Command) -> None:
        requests = []
        for command in commands:
            self._count += 1
            requests.append(Request(f"drill-{self._count}", utc_us(), "system:drill", command))
        for answer in self._ledger.submit_all(requests):
            answer.unwrap()
