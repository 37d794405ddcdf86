"""`zhangfang bench reconcile`: lines a second, read and matched, and the memory that it takes.

Files are written, and each is read to its end by a child process; `csv` alone reads the mapped one
in the same run, as the floor. Then, on each database, recharges are made through the ledger, as
many as a bill has lines: every fact is decided, every read model built by the projector. The bill
is imported, its lines filled, and its day reconciled, by children again. Making the books is not
measured. The memory is that of our process; PostgreSQL's own stands beside it and is not counted.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from api.cli.opening import open_desk
from benchmarks.books import open_books, request, submit
from benchmarks.databases import Databases
from benchmarks.figures import Backend, BillMatched, BillRead
from benchmarks.reconcile.child import CSV, Took
from benchmarks.reconcile.files import TRADE, WRITERS, odd, payment, write
from domain.kernel import Request
from domain.member.commands import RegisterMember
from domain.payment.commands import RechargeWallet, RecordOutcome
from domain.payment.payment import instruction_id

LINES = (10_000, 100_000)
WAVE = 1_000
WALLETS = 100
BEHIND = 20_000  # Lines until the read models are brought up: facts wait on disk, not in memory.
Tell = Callable[[str], None]


class Bills(NamedTuple):
    """How many lines, one size after the other, and in which formats."""

    lines: Sequence[int] = LINES
    formats: Sequence[str] = tuple(WRITERS)


def measure_reading(bills: Bills, tell: Tell) -> list[BillRead]:
    """Every format at every size, and the floor. Raises RuntimeError when a child fails."""
    found = []
    for count in bills.lines:
        with _files(count, tuple(dict.fromkeys((*bills.formats, "jd_pay"))), tell) as paths:
            tell(f"{count:,} lines: reading")
            floor = _child("parse", CSV, str(paths["jd_pay"]))
            for name in bills.formats:
                found.append(_read(name, _child("parse", name, str(paths[name])), count, floor))
            found.append(_read(CSV, floor, count, floor))
    return found


def _read(name: str, took: Took, lines: int, floor: Took) -> BillRead:
    size = took.lines if name != CSV else lines
    if size != lines:
        raise RuntimeError(f"bench reconcile: {name} read {size} of {lines} lines")
    return BillRead(
        name,
        lines,
        round(took.seconds, 3),
        int(lines / took.seconds),
        int(lines / took.cpu_seconds),
        round(took.cpu_seconds / floor.cpu_seconds, 1),
        took.before_kib // 1024,
        took.peak_kib // 1024,
    )


def measure_matching(
    made: Databases, backend: Backend, bills: Bills, tell: Tell
) -> list[BillMatched]:
    """Every format that is matched line by line, at every size, each on a ledger of its own. Raises
    RuntimeError when a child fails, or does not find what is there."""
    found = []
    for count in bills.lines:
        wanted = [name for name in bills.formats if name in TRADE]
        with _files(count, wanted, tell) as paths:
            for name in wanted:
                with made.ledger(backend) as url:
                    _fill(url, TRADE[name], count, lambda said: tell(f"{backend} {said}"))
                    tell(f"{backend} {name}: {count:,} lines imported and matched")
                    found.append(_matched(url, backend, name, count, paths[name]))
    return found


def _matched(url: str, backend: Backend, name: str, lines: int, path: Path) -> BillMatched:
    channel = TRADE[name]
    came = _child("import", url, channel, str(path))
    took = _child("match", url, channel)
    again = _child("match", url, channel)
    if (took.lines, took.matched, took.differences) != (lines, lines, odd(lines)):
        raise RuntimeError(f"bench reconcile: {name}: {took} is not what was written")
    return BillMatched(
        backend,
        name,
        lines,
        round(came.seconds - came.fill_seconds, 2),
        round(came.fill_seconds, 2),
        came.peak_kib // 1024,
        round(took.seconds, 2),
        int(lines / took.seconds),
        round(took.cpu_seconds, 2),
        took.before_kib // 1024,
        took.peak_kib // 1024,
        round(again.seconds, 2),
    )


@contextmanager
def _files(lines: int, formats: Sequence[str], tell: Tell) -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="zhangfang-bench-") as directory:
        tell(f"{lines:,} lines: writing {', '.join(formats)}")
        paths = {name: Path(directory) / name for name in formats}
        for name, path in paths.items():
            write(path, name, lines)
        yield paths


def _fill(url: str, channel: str, lines: int, tell: Tell) -> None:
    """Books with as many recharges that succeeded through a channel, each by two requests."""
    with open_desk(url) as context:
        ledger = context.ledger
        open_books(ledger)
        members = [f"W{index}" for index in range(WALLETS)]
        submit(ledger, [request(f"m:{m}", RegisterMember(m, "personal", m)) for m in members])
        for first in range(1, lines + 1, WAVE):
            requests: list[Request] = []
            for number in range(first, min(first + WAVE, lines + 1)):
                one, owner = payment(number), members[number % WALLETS]
                asked = instruction_id(one.topup)
                command = RechargeWallet(one.topup, owner, channel, one.fen)
                outcome = RecordOutcome(asked, succeeded=one.serial)
                requests.append(request(f"r:{number}", command))
                requests.append(request(f"o:{number}", outcome))
            submit(ledger, requests)
            done = first + WAVE - 1
            if done % BEHIND == 0 or done >= lines:
                context.projector.catch_up()
                tell(f"{channel}: {min(done, lines):,} of {lines:,} recharges made")


def _child(*arguments: str) -> Took:
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.reconcile.child", *arguments],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    if child.returncode:
        raise RuntimeError(f"bench reconcile: {arguments[0]} failed:\n{child.stderr}")
    return msgspec.json.decode(child.stdout, type=Took)
